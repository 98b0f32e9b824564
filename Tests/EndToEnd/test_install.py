"""What `make install` puts where, and that it works from there."""

import os
import pty
import re
import stat
import subprocess

import pytest

from harness.executable import clean_environment
from harness.polling import wait_until

PROGRAMS = {
    "bin/latchkey",
    "lib/latchkey/liblatchkey.so",
    "lib/nginx/modules/ngx_http_latchkey_module.so",
}
COMPLETIONS = {
    "bash": "share/bash-completion/completions/latchkey",
    "zsh": "share/zsh/vendor-completions/_latchkey",
    "fish": "share/fish/vendor_completions.d/latchkey.fish",
}


def files(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}


@pytest.fixture
def usr(checkout, tmp_path):
    """Installed for /usr, in a folder that a package would be made of."""
    checkout.must_make("build")
    checkout.must_make("install", f"DESTDIR={tmp_path}")
    return tmp_path / "usr"


def commands(usr, *path):
    """The executable's commands with their own, each as its words; the first is without any."""
    text = subprocess.run([usr / "bin/latchkey", *path, "--help"], capture_output=True, text=True, check=True).stdout
    listed = text.partition("SUBCOMMANDS:\n")[2].partition("\n\n")[0]
    names = re.findall(r"^  ([a-z-]+)", listed, re.MULTILINE)
    return [list(path), *(command for name in names for command in commands(usr, *path, name))]


def pages(usr):
    """A page of the manual for each command."""
    return {f"share/man/man1/{'-'.join(['latchkey', *command])}.1" for command in commands(usr)}


def modes(usr, names):
    return {stat.S_IMODE((usr / name).stat().st_mode) for name in names}


def test_install_puts_all_files_into_their_places(usr):
    texts = {*COMPLETIONS.values(), *pages(usr)}
    assert len(texts) > 15
    assert files(usr) == PROGRAMS | texts
    assert files(usr.parent) == {f"usr/{name}" for name in files(usr)}
    assert (modes(usr, PROGRAMS), modes(usr, texts)) == ({0o755}, {0o644})


def test_the_installed_executable_runs(usr):
    result = subprocess.run([usr / "bin/latchkey", "--help"], capture_output=True, text=True, timeout=60)

    assert result.returncode == 0
    assert all(command in result.stdout for command in ("init", "org", "generate", "revoke", "status", "verify"))


def test_install_replaces_a_file_and_never_writes_into_it(usr, checkout):
    before = {name: (usr / name).stat().st_ino for name in files(usr)}
    held = [(usr / name).open("rb") for name in before]

    checkout.must_make("install", f"DESTDIR={usr.parent}")

    assert all((usr / name).stat().st_ino != before[name] for name in before)
    for file in held:
        file.close()


def test_uninstall_removes_what_was_installed(usr, checkout):
    others = {"bin/other", "share/man/man1/other.1", "share/zsh/vendor-completions/_other"}
    for name in others:
        (usr / name).touch()

    checkout.must_make("uninstall", f"DESTDIR={usr.parent}")

    assert files(usr) == others


# The manual


def page(usr, *command):
    """A page as it is read, on one line."""
    path = usr / "share/man/man1" / f"{'-'.join(['latchkey', *command])}.1"
    result = subprocess.run(["groff", "-man", "-ww", "-Tascii", "-P-c", path], capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (0, ""), f"{path.name}: {result.stderr}"
    return " ".join(re.sub(".\b", "", result.stdout).split())


def test_each_page_is_set_without_a_warning(usr):
    for command in commands(usr):
        text = page(usr, *command)
        for heading in ("NAME", "SYNOPSIS", "DESCRIPTION", "EXIT STATUS", "SEE ALSO"):
            assert heading in text, (command, heading)


def test_the_manual_says_what_help_says(usr):
    for command in commands(usr):
        text = page(usr, *command)
        said = subprocess.run([usr / "bin/latchkey", *command, "--help"], capture_output=True, text=True).stdout
        options = set(re.findall(r"^  (?:-h, )?(--[a-z-]+)", said, re.MULTILINE)) - {"--help", "--version"}
        assert all(option in text for option in options), (command, options)
    assert "77 not permitted" in page(usr)
    assert "latchkey generate acme --expires-in 90d" in page(usr, "generate")


# Completions


class Shell:
    """bash as somebody uses it."""

    def __init__(self, usr):
        self.terminal, inside = pty.openpty()
        environment = {**clean_environment(), "PATH": f"{usr / 'bin'}:{os.environ['PATH']}", "PS1": "ready ", "TERM": "dumb"}
        self.process = subprocess.Popen(
            ["bash", "--norc", "--noprofile", "-i"], stdin=inside, stdout=inside, stderr=inside, env=environment,
            start_new_session=True, cwd=usr,
        )
        os.close(inside)
        self.text = ""

    def __enter__(self):
        self.read_until("ready ")
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        os.close(self.terminal)

    def type(self, keys):
        self.text = ""
        os.write(self.terminal, keys.encode())

    def read_until(self, mark):
        os.set_blocking(self.terminal, False)

        def is_shown():
            try:
                self.text += os.read(self.terminal, 65536).decode()
            except BlockingIOError:
                pass
            return mark in self.text

        wait_until(is_shown, f"bash shows {mark!r}")


@pytest.mark.parametrize("typed, completed", [
    ("latchkey gen\t", "latchkey generate "), ("latchkey org tr\t", "latchkey org transfer "),
    ("latchkey generate --expi\t", "latchkey generate --expires-in "), ("latchkey scan bi\t", "latchkey scan bin"),
])
def test_bash_completes(usr, typed, completed):
    with Shell(usr) as shell:
        shell.type(f". ./{COMPLETIONS['bash']}; echo loa''ded\n")
        shell.read_until("loaded")
        shell.read_until("ready ")
        shell.type(typed)
        shell.read_until(completed)


def test_fish_completes(usr):
    result = subprocess.run(
        ["fish", "--no-config", "-c", f"source {usr / COMPLETIONS['fish']}; complete -C 'latchkey gen'"],
        capture_output=True, text=True, env={**clean_environment(), "HOME": str(usr)}, cwd=usr,
    )

    assert result.stdout.split("\t")[0] == "generate", result.stderr


def test_zsh_takes_its_completion(usr):
    path = usr / COMPLETIONS["zsh"]

    result = subprocess.run(["zsh", "-n", path], capture_output=True, text=True)

    assert (result.returncode, result.stderr) == (0, "")
    assert path.read_text().startswith("#compdef latchkey\n")
