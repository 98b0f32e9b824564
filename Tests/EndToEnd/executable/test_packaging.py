"""The files from which Debian packages are made fit the project; `make test-packages` makes and installs the packages."""

import os
import re
import shutil
import stat
import subprocess

import pytest

from harness.artefacts import EXECUTABLE, IS_ROOT, LIBRARY, MODULE, ROOT
from harness.key_forge import secret_of

PACKAGING = ROOT / "packaging"
DEBIAN = PACKAGING / "debian"
UNITS = [ROOT / f"systemd/latchkey-{name}" for name in ("doctor.service", "doctor.timer", "export.service", "export.timer")]

# What the build installs, apart from manual pages; liblatchkey has its number.
BUILT = {
    "usr/bin/latchkey", "usr/bin/latchkey-console", f"usr/lib/nginx/modules/{MODULE.name}", "usr/lib/latchkey/liblatchkey.so.@ABI@",
    "usr/share/man/man1", "usr/share/bash-completion/completions/latchkey", "usr/share/fish/vendor_completions.d/latchkey.fish",
    "usr/share/zsh/vendor-completions/_latchkey",
}


def paragraphs():
    """The packages, with their fields as they are written."""
    texts = (DEBIAN / "control").read_text().split("\n\n")[1:]
    return {re.search(r"^Package: (\S+)$", text, re.MULTILINE)[1]: text for text in texts}


def listed(name):
    return [line.split()[0] for path in DEBIAN.glob(f"*.{name}") for line in path.read_text().splitlines()]


def test_each_built_file_is_in_one_package():
    installed = [name for name in listed("install") if name.startswith("usr/")]
    assert sorted(installed) == sorted(BUILT)


def test_each_other_file_exists():
    named = [name for kind in ("install", "docs", "examples", "manpages") for name in listed(kind)]
    missing = [name for name in named if not name.startswith("usr/") and not (ROOT / name).exists()]
    assert len(named) > 15 and missing == []


def test_the_module_depends_on_the_library_that_is_named_for_its_interface():
    assert set(paragraphs()) == {"libnginx-mod-http-latchkey", "liblatchkey@ABI@", "latchkey", "latchkey-console"}
    assert "liblatchkey@ABI@ (>= ${source:Version})" in paragraphs()["libnginx-mod-http-latchkey"]
    number = subprocess.run([ROOT / "scripts/abi-version"], capture_output=True, text=True, check=True).stdout.strip()
    assert LIBRARY.name == f"liblatchkey.so.{number}"


def test_only_known_words_are_filled_in():
    texts = [path.read_text() for path in DEBIAN.rglob("*") if path.is_file()]
    assert {word for text in texts for word in re.findall(r"@[A-Z]+@", text)} == {"@ABI@", "@MAIL@"}


def test_scripts_and_tests_may_be_run():
    scripts = [DEBIAN / "rules", DEBIAN / "tests/smoke", DEBIAN / "tests/upgrade", PACKAGING / "nightly-export"]
    assert [path for path in scripts if not os.access(path, os.X_OK)] == []


def test_the_changelog_has_notes_of_this_release():
    version = re.search(r'version = "(.*)"', (ROOT / "Sources/Keyring/Configuration/Release.swift").read_text())[1]
    assert re.search(rf"^## ({re.escape(version)}|Unreleased)\b", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)


@pytest.fixture
def installed_units(tmp_path):
    """The units, with programs that exist."""
    for unit in UNITS:
        text = unit.read_text().replace("/usr/bin/latchkey", str(EXECUTABLE)).replace(
            "/usr/lib/latchkey/nightly-export", str(PACKAGING / "nightly-export"))
        (tmp_path / unit.name).write_text(text)
    return tmp_path


@pytest.mark.parametrize("unit", [unit.name for unit in UNITS])
def test_systemd_understands_the_units(installed_units, unit):
    result = subprocess.run(["systemd-analyze", "verify", "--man=no", installed_units / unit], capture_output=True, text=True, timeout=60)

    assert [line for line in result.stderr.splitlines() if "latchkey" in line] == []


def test_the_nightly_export_keeps_a_file_a_day_that_can_be_imported(sandboxes, tmp_path):
    gate = sandboxes(start=False)
    key = gate.key()
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "latchkey").symlink_to(EXECUTABLE)
    environment = {"PATH": f"{programs}:{os.environ['PATH']}", "LATCHKEY_CONFIG": str(gate.config)}

    for _ in range(2):
        subprocess.run([PACKAGING / "nightly-export", tmp_path / "exports"], env=environment, check=True, timeout=60)

    (file,) = (tmp_path / "exports").iterdir()
    assert re.fullmatch("records-[1-7]", file.name)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600 and secret_of(key) not in file.read_text()
    gate.redis.cli("FLUSHALL")
    gate.latchkey.must("import", file)
    assert "Active" in gate.latchkey.must("status", "acme", as_="alice")


def test_an_export_that_fails_leaves_the_last_one(sandboxes, tmp_path):
    gate = sandboxes(start=False)
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "latchkey").symlink_to(EXECUTABLE)
    environment = {"PATH": f"{programs}:{os.environ['PATH']}", "LATCHKEY_CONFIG": str(gate.config)}
    command = [PACKAGING / "nightly-export", tmp_path / "exports"]
    subprocess.run(command, env=environment, check=True, timeout=60)
    (file,) = (tmp_path / "exports").iterdir()
    before = file.read_text()
    gate.expect("pepper")
    gate.pepper_file.rename(gate.folder / "aside")

    assert subprocess.run(command, env=environment, timeout=60, capture_output=True).returncode != 0

    assert file.read_text() == before
    (gate.folder / "aside").rename(gate.pepper_file)


@pytest.mark.skipif(not IS_ROOT, reason="it gives up capabilities")
def test_with_the_capabilities_of_its_unit_the_nightly_export_reaches_a_redis_of_another_account(sandboxes, tmp_path):
    gate = sandboxes(start=False)
    gate.key()
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "latchkey").symlink_to(EXECUTABLE)
    environment = {"PATH": f"{programs}:{os.environ['PATH']}", "LATCHKEY_CONFIG": str(gate.config)}
    names, = re.findall(r"^CapabilityBoundingSet=(.*)$", (ROOT / "systemd/latchkey-export.service").read_text(), re.MULTILINE)
    kept = ",".join(f"+{name.removeprefix('CAP_').lower()}" for name in names.split())
    shutil.chown(gate.redis.socket, "nobody")
    gate.redis.socket.chmod(0o600)

    subprocess.run(["setpriv", f"--bounding-set=-all,{kept}", PACKAGING / "nightly-export", tmp_path / "exports"],
                   env=environment, check=True, timeout=60)

    assert len(list((tmp_path / "exports").iterdir())) == 1


def test_the_task_for_ansible_makes_a_key_in_a_file_and_shows_none(sandboxes, tmp_path):
    task, = re.findall(r"^```yaml\n(- name: .*?)^```$", (ROOT / "docs/OPERATIONS.md").read_text(), re.MULTILINE | re.DOTALL)
    words = re.search(r"argv: \[(.*)\]", task)[1].split(", ")
    made = re.search(r"creates: (\S+)", task)[1]
    assert words[0] == "latchkey" and words[-1] == made and "no_log: true" in task
    gate = sandboxes(start=False)
    gate.add()
    file = tmp_path / "key"

    result = gate.latchkey.run(*words[1:-1], file)

    assert (result.code, result.out) == (0, "")
    key = gate.latchkey.remember(file.read_text())
    assert stat.S_IMODE(file.stat().st_mode) == 0o600 and secret_of(key) not in result.err
    file.unlink()
