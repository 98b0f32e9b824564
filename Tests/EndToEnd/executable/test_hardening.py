"""The hardening check finds what is not hardened; `make test` runs it on the build."""

import subprocess

import pytest

from harness.artefacts import ROOT

CHECK = ROOT / "scripts/check-hardening"
MAP = ROOT / "CBridge/nginx/exports.map"

HARDENED = ["-O2", "-fPIC", "-shared", "-fstack-protector-strong", "-D_FORTIFY_SOURCE=2", "-Wl,-z,relro", "-Wl,-z,now"]

# The least code with all the checked properties; FORTIFY shows only for sizes that are known at run time.
SOURCE = """
#include <poll.h>
int ngx_modules, ngx_module_names, ngx_module_order;
int watch(int n) { struct pollfd fds[4] = { 0 }; return poll(fds, n, 0); }
int (*ngx_module_watch)(int) = watch;
"""


def check(*arguments):
    return subprocess.run([CHECK, *arguments], capture_output=True, text=True, timeout=60)


def built(folder, *options, exports=MAP):
    """An empty module, compiled with further options."""
    source, module = folder / "module.c", folder / "module.so"
    source.write_text(SOURCE)
    subprocess.run(["gcc", *HARDENED, f"-Wl,--version-script={exports}", *options, "-o", module, source], check=True, timeout=60)
    return module


def test_a_hardened_module_passes(tmp_path):
    result = check("--module", MAP, built(tmp_path))
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(
    "options, words",
    [
        (["-Wl,-z,lazy"], "no BIND_NOW"),
        (["-Wl,-z,norelro"], "no RELRO"),
        (["-Wl,-z,execstack"], "can be written and run"),
        (["-Wl,-rpath,$ORIGIN"], "RUNPATH"),
        (["-fno-stack-protector"], "no stack protector"),
        (["-U_FORTIFY_SOURCE"], "without _FORTIFY_SOURCE"),
    ],
)
def test_a_module_that_lacks_something_is_found(tmp_path, options, words):
    result = check("--module", MAP, built(tmp_path, *options))
    assert result.returncode == 1
    assert words in result.stdout + result.stderr


def test_a_module_that_exports_more_is_found(tmp_path):
    wide = tmp_path / "wide.map"
    wide.write_text("{ global: ngx_*; local: *; };")
    result = check("--module", MAP, built(tmp_path, exports=wide))
    assert result.returncode == 1 and "ngx_module_watch" in result.stderr


def test_a_program_at_a_fixed_address_is_found(tmp_path):
    source, program = tmp_path / "program.c", tmp_path / "program"
    source.write_text("int main(void) { return 0; }")
    subprocess.run(["gcc", "-no-pie", "-Wl,-z,now", "-o", program, source], check=True, timeout=60)
    result = check(program)
    assert result.returncode == 1 and "position-independent" in result.stderr
