"""Under `make test-sanitizers` it is really the sanitizers that run."""

import subprocess
from pathlib import Path

import pytest

from harness import sanitizers
from harness.artefacts import EXECUTABLE, LIBRARY, MODULE


@pytest.mark.parametrize("file", [MODULE, LIBRARY, EXECUTABLE], ids=lambda path: path.name)
def test_what_is_built_is_instrumented(file):
    symbols = subprocess.run(["nm", file], capture_output=True, text=True, timeout=60).stdout
    assert "__asan_report_load8" in symbols or "__asan_report_store8" in symbols


def test_undefined_behaviour_is_looked_for_in_the_module():
    symbols = subprocess.run(["nm", MODULE], capture_output=True, text=True, timeout=60).stdout
    assert "__ubsan_handle_type_mismatch_v1_abort" in symbols


def test_master_and_workers_run_with_the_runtime(sandbox):
    for pid in (sandbox.nginx.process.pid, *sandbox.workers()):
        assert "libclang_rt.asan" in Path(f"/proc/{pid}/maps").read_text()


def test_a_report_of_a_process_is_found(sandbox, tmp_path):
    """One in which a library frees what was never allocated: any process with the runtime will do."""
    (tmp_path / "fault.c").write_text("#include <stdlib.h>\n__attribute__((constructor)) void fault(void)\n"
                                      "{ static char bytes[64]; char *volatile p = bytes + 16; free(p); }\n")
    subprocess.run(["gcc", "-shared", "-fPIC", "-w", "-o", tmp_path / "fault.so", tmp_path / "fault.c"], check=True)
    sandbox.nginx.configure(load_module=f"load_module {tmp_path / 'fault.so'};")
    code, _ = sandbox.nginx.test()
    assert code != 0
    (report,) = sanitizers.take_reports()
    assert "AddressSanitizer" in report
