"""What `make install` puts where, and that it works from there."""

import stat
import subprocess

import pytest

INSTALLED = {
    "bin/latchkey",
    "lib/latchkey/liblatchkey.so",
    "lib/nginx/modules/ngx_http_latchkey_module.so",
}


def files(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}


@pytest.fixture
def usr(checkout, tmp_path):
    """Installed for /usr, in a folder that a package would be made of."""
    checkout.must_make("build")
    checkout.must_make("install", f"DESTDIR={tmp_path}")
    return tmp_path / "usr"


def test_install_puts_three_files_into_their_places(usr):
    assert files(usr.parent) == {f"usr/{name}" for name in INSTALLED}
    assert {stat.S_IMODE((usr / name).stat().st_mode) for name in INSTALLED} == {0o755}


def test_the_installed_executable_runs(usr):
    result = subprocess.run([usr / "bin/latchkey", "--help"], capture_output=True, text=True, timeout=60)

    assert result.returncode == 0
    assert all(command in result.stdout for command in ("init", "org", "generate", "revoke", "status", "verify"))


def test_install_replaces_a_file_and_never_writes_into_it(usr, checkout):
    before = {name: (usr / name).stat().st_ino for name in INSTALLED}
    held = [(usr / name).open("rb") for name in INSTALLED]

    checkout.must_make("install", f"DESTDIR={usr.parent}")

    assert all((usr / name).stat().st_ino != before[name] for name in INSTALLED)
    for file in held:
        file.close()


def test_uninstall_removes_what_was_installed(usr, checkout):
    (usr / "bin/other").touch()

    checkout.must_make("uninstall", f"DESTDIR={usr.parent}")

    assert files(usr) == {"bin/other"}
