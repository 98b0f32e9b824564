"""`make install` puts each file into its place, and the installation works."""

import os
import pty
import re
import stat
import subprocess

import pytest

from harness.artefacts import ABI, LIBRARY, ROOT
from harness.executable import clean_environment
from harness.polling import wait_until

# The sources are copied, and the module is built in the copy, once for the whole group.
pytestmark = pytest.mark.xdist_group("checkout")

INSTALLED = {
    "bin/latchkey",
    f"lib/latchkey/{LIBRARY.name}",
    "lib/nginx/modules/ngx_http_latchkey_module.so",
}


COMMANDS = {
    "latchkey", "latchkey-init", "latchkey-org", "latchkey-org-add", "latchkey-org-list", "latchkey-org-transfer",
    "latchkey-org-remove", "latchkey-org-seal", "latchkey-generate", "latchkey-revoke", "latchkey-status", "latchkey-audit", "latchkey-verify",
    "latchkey-gateways", "latchkey-doctor", "latchkey-export", "latchkey-import", "latchkey-scan",
    "latchkey-migrate",
}
COMPLETIONS = {
    "bash": "share/bash-completion/completions/latchkey",
    "zsh": "share/zsh/vendor-completions/_latchkey",
    "fish": "share/fish/vendor_completions.d/latchkey.fish",
}
SHARED = {f"share/man/man1/{name}.1" for name in COMMANDS} | set(COMPLETIONS.values())


def files(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}


@pytest.fixture(scope="module")
def built(checkout):
    checkout.must_make("build")
    return checkout


def install(built, folder):
    """Installs for /usr, in a folder from which a package would be made."""
    built.must_make("install", f"DESTDIR={folder}")
    return folder / "usr"


@pytest.fixture(scope="module")
def usr(built, tmp_path_factory):
    """An installation for tests that only read it."""
    return install(built, tmp_path_factory.mktemp("installed"))


@pytest.fixture
def own_usr(built, tmp_path):
    """An installation for tests that change it."""
    return install(built, tmp_path)


def test_install_puts_all_files_into_their_places(usr):
    assert files(usr.parent) == {f"usr/{name}" for name in INSTALLED | SHARED}
    assert {stat.S_IMODE((usr / name).stat().st_mode) for name in INSTALLED} == {0o755}
    assert {stat.S_IMODE((usr / name).stat().st_mode) for name in SHARED} == {0o644}


def test_the_installed_executable_runs(usr):
    result = subprocess.run([usr / "bin/latchkey", "--help"], capture_output=True, text=True, timeout=60)

    assert result.returncode == 0
    assert all(command in result.stdout for command in ("init", "org", "generate", "revoke", "status", "verify"))


def test_each_command_has_a_page_that_is_well_formed(usr):
    pages = sorted((usr / "share/man/man1").iterdir())

    result = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", *pages], capture_output=True, text=True, timeout=60)

    complaints = [line for line in result.stdout.splitlines() if "missing date" not in line]
    assert complaints == []


@pytest.mark.parametrize("command, words", [
    ("latchkey", ["latchkey-generate(1)", "latchkey init", "EXIT STATUS"]),
    ("latchkey-generate", ["--expires-in TIME", "vault kv put", "invalidate the previous one", "[ORGANIZATION]"]),
    ("latchkey-org-remove", ["latchkey-org(1)", "NAME", "--yes"]),
    ("latchkey-scan", ["PATHS...", "git diff --cached | latchkey scan -"]),
])
def test_a_page_says_what_the_help_says(usr, command, words):
    page = usr / f"share/man/man1/{command}.1"

    text = subprocess.run(["mandoc", "-T", "ascii", page], capture_output=True, text=True, timeout=60).stdout
    plain = re.sub(".\b", "", text)

    assert all(word in plain for word in words), plain


def test_each_page_has_all_options_of_its_command(usr):
    for name in COMMANDS:
        text = subprocess.run(["mandoc", "-T", "ascii", usr / f"share/man/man1/{name}.1"], capture_output=True, text=True).stdout
        plain = re.sub(".\b", "", text)
        said = subprocess.run([usr / "bin/latchkey", *name.split("-")[1:], "--help"], capture_output=True, text=True, check=True).stdout
        options = set(re.findall(r"^  (?:-h, )?(--[a-z-]+)", said, re.MULTILINE))
        assert options and all(option in plain for option in options), (name, options)
        assert "not permitted" in plain.partition("EXIT STATUS")[2]


@pytest.mark.parametrize("shell", COMPLETIONS)
def test_the_shells_read_their_completions(usr, shell):
    result = subprocess.run(
        [shell, "-n", usr / COMPLETIONS[shell]], capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL
    )

    assert (result.returncode, result.stderr) == (0, "")


BASH = r"""
source "$1"
COMP_LINE=$2 COMP_POINT=${#2} COMP_TYPE=9
read -r -a COMP_WORDS <<< "$2"
[[ $2 == *' ' ]] && COMP_WORDS+=('')
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
$(complete -p latchkey | sed 's/.*-F \([^ ]*\).*/\1/') latchkey "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
printf '%s\n' "${COMPREPLY[@]}"
"""


@pytest.mark.parametrize("line, offered", [
    ("latchkey re", {"revoke"}), ("latchkey org ", {"add", "list", "transfer", "remove"}),
    ("latchkey generate --ex", {"--expires-in"}), ("latchkey init --ro", {"--rotate-pepper"}),
])
def test_bash_offers_commands_and_options(usr, line, offered):
    result = subprocess.run(
        ["bash", "-c", BASH, "bash", usr / COMPLETIONS["bash"], line], capture_output=True, text=True, timeout=60,
        stdin=subprocess.DEVNULL, env={"PATH": f"{usr}/bin:/usr/bin:/bin"},
    )

    assert offered <= set(result.stdout.split()), result


class Shell:
    """bash, used interactively."""

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
def test_bash_completes_what_is_typed(usr, typed, completed):
    with Shell(usr) as shell:
        shell.type(f". ./{COMPLETIONS['bash']}; echo loa''ded\n")
        shell.read_until("loaded")
        shell.read_until("ready ")
        shell.type(typed)
        shell.read_until(completed)


def test_fish_offers_commands(usr, tmp_path):
    script = f"source {usr / COMPLETIONS['fish']}; complete -C 'latchkey re'"
    result = subprocess.run(
        ["fish", "--no-config", "-c", script], capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL,
        env={"PATH": f"{usr}/bin:/usr/bin:/bin", "HOME": str(tmp_path)},
    )

    assert "revoke" in result.stdout


def test_install_replaces_a_file_and_never_writes_into_it(own_usr, checkout):
    before = {name: (own_usr / name).stat().st_ino for name in INSTALLED}
    held = [(own_usr / name).open("rb") for name in INSTALLED]

    checkout.must_make("install", f"DESTDIR={own_usr.parent}")

    assert all((own_usr / name).stat().st_ino != before[name] for name in INSTALLED)
    for file in held:
        file.close()


def test_install_keeps_the_library_of_a_release_with_another_interface(own_usr, checkout):
    earlier = own_usr / "lib/latchkey/liblatchkey.so.1"
    earlier.write_text("of processes that still run")

    checkout.must_make("install", f"DESTDIR={own_usr.parent}")

    assert earlier.read_text() == "of processes that still run"
    assert files(own_usr / "lib/latchkey") == {LIBRARY.name, earlier.name}


def test_uninstall_removes_what_was_installed_by_this_and_earlier_releases(own_usr, checkout):
    (own_usr / "bin/other").touch()
    for earlier in ("liblatchkey.so", "liblatchkey.so.1"):
        (own_usr / "lib/latchkey" / earlier).touch()

    checkout.must_make("uninstall", f"DESTDIR={own_usr.parent}")

    assert files(own_usr) == {"bin/other"}
    assert not (own_usr / "lib/latchkey").exists()


def test_a_build_for_one_prefix_is_not_installed_for_another(built, tmp_path):
    result = built.make("install", f"prefix={tmp_path}/elsewhere")

    assert result.returncode != 0 and "make build prefix=" in result.stderr


@pytest.mark.parametrize("version, is_enough", [
    ("Swift version 6.3 (swift-6.3-RELEASE)", True), ("Swift version 6.3.1 (swift-6.3.1-RELEASE)", True),
    ("Apple Swift version 6.10", True), ("Swift version 6.4-dev (LLVM 1, Swift 2)", True), ("Swift version 7.0", True),
    ("Swift version 6.2.4 (swift-6.2.4-RELEASE)", False), ("Swift version 5.10 (swift-5.10)", False), ("gold", False),
])
def test_a_swift_that_is_too_old_is_named(tmp_path, version, is_enough):
    swift = tmp_path / "swift"
    swift.write_text(f"#!/bin/sh\necho '{version}'\n")
    swift.chmod(0o755)

    result = subprocess.run([ROOT / "scripts/require-swift", swift], capture_output=True, text=True)

    assert (result.returncode == 0) == is_enough
    assert is_enough or "Install Swift 6.3 or newer" in result.stderr and len(result.stderr.splitlines()) == 1


def test_all_files_name_the_same_version_of_swift():
    """SwiftPM reads the version in Package.swift, and newcomers install the one in README."""
    files = ["README.md", "CONTRIBUTING.md", "docs/BUILDING.md", "Package.swift", ".swift-version"]
    named = {(name, version) for name in files for version in re.findall(
        r"(?:Swift |swift-tools-version: |^)(\d+\.\d+(?:\.\d+)?)\b", (ROOT / name).read_text())}
    tested = (ROOT / ".swift-version").read_text().strip()

    assert {name for name, _ in named} == set(files)
    assert {version for _, version in named} == {tested, tested.rpartition(".")[0]}


def test_all_documents_name_the_library_with_the_number_of_its_interface():
    documents = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    named = {number for each in documents for number in re.findall(r"liblatchkey(?:\.so\.)?(\d+)", each.read_text())}

    assert named == {str(ABI)}


def test_the_packages_of_a_build_have_exact_versions():
    dependencies = re.findall(r"\.package\((.*)\)", (ROOT / "Package.swift").read_text())

    assert dependencies and all(re.search(r'exact: "\d+\.\d+\.\d+"', each) for each in dependencies)
