"""A build for another prefix.  It runs after the tests of the default one, since the module has to be rebuilt."""

import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.xdist_group("checkout")


@pytest.fixture(scope="module")
def prefix(checkout):
    folder = checkout.folder / "opt"
    checkout.must_make("build", f"prefix={folder}")
    checkout.must_make("install", f"prefix={folder}")
    return folder


def test_the_module_finds_its_library_without_a_directive(prefix, sandboxes):
    gate = sandboxes(library=None, module=prefix / "lib/nginx/modules/ngx_http_latchkey_module.so")

    assert gate.status_of(gate.key()) == 200
    assert gate.request().status == 401


def test_manual_and_completions_are_where_shells_look_for_them(prefix):
    share = {str(path.relative_to(prefix / "share")) for path in (prefix / "share").rglob("*") if path.is_file()}

    assert share >= {
        "man/man1/latchkey.1", "man/man1/latchkey-scan.1", "zsh/site-functions/_latchkey",
        "bash-completion/completions/latchkey", "fish/vendor_completions.d/latchkey.fish",
    }


def test_a_build_for_another_prefix_is_not_installed(prefix, checkout, tmp_path):
    result = checkout.make("install", f"DESTDIR={tmp_path}")

    assert result.returncode != 0
    assert "make build" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_under_another_prefix_nginx_takes_the_printed_line_and_the_module_finds_its_library(prefix, checkout, sandboxes):
    line, = re.findall(r"load_module .*;", checkout.must_make("install", f"prefix={prefix}"))
    gate = sandboxes(start=False, library=None)
    gate.nginx.configure(load_module=line)
    gate.nginx.start()
    key = gate.key()
    assert gate.status_of(key) == 200
    assert str(prefix) in Path(f"/proc/{min(gate.workers())}/maps").read_text()

    # Removed as documented: first the lines of the configuration, then the files.
    (gate.nginx.folder / "nginx.conf").write_text(
        "worker_processes 2; pid nginx.pid; error_log error.log info; user root root; events {} http { access_log off; "
        f"server {{ listen unix:{gate.nginx.gate}; location /api {{ return 200; }} }} }}"
    )
    assert gate.nginx.test()[0] == 0
    gate.nginx.reload()
    checkout.must_make("uninstall", f"prefix={prefix}")
    gate.nginx.reload()

    assert gate.request("/api").status == 200
    assert gate.pepper_file.exists()
    assert not [path for path in prefix.rglob("*") if not path.is_dir()]
