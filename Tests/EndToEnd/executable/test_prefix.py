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


def test_manual_and_completions_are_where_shells_look_for_them_there(prefix):
    share = {str(path.relative_to(prefix / "share")) for path in (prefix / "share").rglob("*") if path.is_file()}

    assert share >= {
        "man/man1/latchkey.1", "man/man1/latchkey-scan.1", "zsh/site-functions/_latchkey",
        "bash-completion/completions/latchkey", "fish/vendor_completions.d/latchkey.fish",
    }


def test_what_was_built_for_another_prefix_is_not_installed(prefix, checkout, tmp_path):
    result = checkout.make("install", f"DESTDIR={tmp_path}")

    assert result.returncode != 0
    assert "make build" in result.stderr
    assert list(tmp_path.iterdir()) == []
