"""Built for another prefix.  Behind the tests that want the usual one, since the module has to be built anew."""

import pytest


@pytest.fixture(scope="module")
def prefix(checkout):
    folder = checkout.folder / "opt"
    checkout.must_make("build", f"prefix={folder}")
    checkout.must_make("install", f"prefix={folder}")
    return folder


def test_the_module_finds_its_library_by_itself(prefix, sandboxes):
    gate = sandboxes(library=None, module=prefix / "lib/nginx/modules/ngx_http_latchkey_module.so")

    assert gate.status_of(gate.key()) == 200
    assert gate.request().status == 401


def test_what_was_built_for_another_prefix_is_not_installed(prefix, checkout, tmp_path):
    result = checkout.make("install", f"DESTDIR={tmp_path}")

    assert result.returncode != 0
    assert "make build" in result.stderr
    assert list(tmp_path.iterdir()) == []
