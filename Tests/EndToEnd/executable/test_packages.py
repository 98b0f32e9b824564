"""On a machine that lacks Debian's packages, each target installs what it needs, and `make build` names it."""

import os
import re
import subprocess

import pytest

from harness.artefacts import ROOT

# The packages that each make target needs besides the compilers, in the order in which it would miss them.
NEEDS = {
    "packages": ["debhelper", "po-debconf", "lintian"],
    "test-packages": ["debhelper", "lintian", "mmdebstrap"],
    "reproducible": ["debhelper", "diffoscope-minimal"],
    "up": ["redis-server", "nginx"],
    "up-console": ["redis-server", "nginx"],
    "unit": ["libhiredis-dev"],
    "e2e": ["python3-pytest", "python3-pytest-xdist", "nginx", "redis-server"],
    "test": ["python3-pytest", "python3-pytest-xdist", "nginx", "redis-server", "prometheus", "valgrind", "openssl"],
    "lint": ["clang-format", "shellcheck", "python3-pyflakes", "cppcheck", "nginx-dev"],
    "analyze": ["clang-tidy", "cppcheck", "nginx-dev"],
    "fuzz": ["libhiredis-dev"],
    "fuzz-requests": ["python3-pytest", "nginx", "redis-server"],
    "fuzz-console": ["python3-pytest", "nginx", "redis-server"],
    "test-sanitizers": ["python3-pytest", "nginx", "redis-server", "nginx-dev"],
    "valgrind": ["python3-pytest", "valgrind", "nginx"],
    "slow": ["python3-pytest", "valgrind", "nginx"],
    "reloads": ["python3-pytest", "nginx", "redis-server"],
    "hostile": ["python3-pytest", "python3-pytest-xdist", "nginx", "redis-server"],
    "trials": ["nginx", "redis-server", "redis-tools"],
    "failovers": ["nginx", "redis-server", "redis-tools"],
    "everyday": ["nginx", "redis-server", "redis-tools"],
    "moves": ["nginx", "redis-server", "redis-tools"],
    "fleet": ["nginx", "redis-server", "redis-tools"],
    "versions": ["python3-pytest", "python3-pytest-xdist", "nginx", "redis-server"],
    "simulate": ["libhiredis-dev"],
    "soak": ["nginx", "redis-server", "redis-tools"],
    "nginx-tests": ["perl", "nginx", "redis-server"],
    "bench": ["wrk", "golang-go", "haproxy"],
    "bench-full": ["wrk", "golang-go", "haproxy"],
    "bench-scale": ["wrk", "golang-go", "haproxy"],
    "bench-forged": ["wrk", "nginx", "redis-server"],
    "bench-check": ["valgrind", "strace", "openssl", "nginx", "redis-server"],
    "bench-topologies": ["valgrind", "strace", "openssl", "nginx", "redis-server"],
    "model": ["spin"],
}

# These need none, or are for another nginx, whose packages are unknown.
NEEDY_OF_NOTHING = {"help", "build", "console", "down", "install", "uninstall", "clean", "bench-report", "module", "fleet-kill", "fleet-down"}

STAND_INS = {
    "apt-get": "#!/bin/sh\necho \"apt-get $*\"\n[ \"$1\" = update ]\n",  # installs nothing, and says so
    "sudo": "#!/bin/sh\nexec \"$@\"\n",
    "swift": "#!/bin/sh\n[ \"$1\" = --version ] && exec echo Swift version 99.0\necho something is compiled\nexit 1\n",
}


@pytest.fixture
def bare(tmp_path, checkout):
    """Runs make without any package installed."""
    (tmp_path / "dpkg").mkdir()
    (tmp_path / "dpkg/status").touch()
    programs = tmp_path / "programs"
    programs.mkdir()
    suite = tmp_path / "suite/lib/Test"
    suite.mkdir(parents=True)
    (suite / "Nginx.pm").touch()

    def run(*command):
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
        environment |= {"PATH": f"{programs}:{environment['PATH']}", "DPKG_ADMINDIR": str(tmp_path / "dpkg")}
        return subprocess.run(
            command, cwd=checkout.root, env=environment, capture_output=True, text=True, timeout=60,
            stdin=subprocess.DEVNULL,
        )

    def replace(name, text):
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)

    for name, text in STAND_INS.items():
        replace(name, text)
    run.replace = replace
    run.status = tmp_path / "dpkg/status"
    run.suite = f"NGINX_TESTS={tmp_path}/suite"
    return run


def entries(names):
    """What dpkg has noted of installed packages."""
    return "".join(f"Package: {name}\nStatus: install ok installed\nVersion: 1\nArchitecture: all\nMaintainer: a\nDescription: b\n\n"
                   for name in names)


def phony():
    lines = (ROOT / "Makefile").read_text().replace("\\\n", " ")
    return set(re.search(r"^\.PHONY: (.*)$", lines, re.MULTILINE)[1].split())


def test_each_make_target_is_covered_here():
    assert phony() == NEEDS.keys() | NEEDY_OF_NOTHING


@pytest.mark.parametrize("target", NEEDS)
def test_a_target_installs_what_it_needs_before_it_does_anything_else(bare, target):
    result = bare("make", target, bare.suite)

    (installed,) = [line for line in result.stdout.splitlines() if line.startswith("apt-get install")]
    assert set(NEEDS[target]) <= set(installed.split())
    assert result.returncode != 0
    assert "something is compiled" not in result.stdout


def test_checking_costs_needs_no_go_compiler(bare):
    assert "golang" not in bare("make", "bench-check").stdout


def test_a_build_names_the_packages_that_are_missing_and_compiles_nothing(bare):
    result = bare("make", "build")

    assert result.returncode != 0
    assert "something is compiled" not in result.stdout and "apt-get" not in result.stdout
    named = result.stderr.splitlines()[0]
    assert named.startswith("Packages are missing. Run as root: apt-get install ")
    assert {"libhiredis-dev", "nginx-dev", "libssl-dev"} <= set(named.split())


def test_if_nothing_is_missing_nothing_is_installed(bare):
    known = bare("bash", "-c", "scripts/install-packages --check build run test costs bench suite model lint").stderr
    names = known.partition("apt-get install ")[2].split()
    assert len(names) > 40
    bare.status.write_text(entries(names))

    result = bare("scripts/install-packages", "build", "test", "bench")

    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_after_an_installation_all_goes_on_whatever_starts_the_services_that_came_with_it(bare):
    (bare.status.parent / "installed").write_text(entries(["caddy", "haproxy", "nginx", "redis-server"]))
    bare.replace("apt-get", '#!/bin/sh\n[ "$1" = update ] || cat "$DPKG_ADMINDIR/installed" > "$DPKG_ADMINDIR/status"\n')
    for name in ("service", "update-rc.d", "systemctl"):
        bare.replace(name, "#!/bin/sh\n")

    result = bare("scripts/install-packages", "run")

    assert (result.returncode, result.stderr) == (0, "")


# The Python programs that run without pytest, since their targets do not install it.
WITHOUT_PYTEST = {
    "Tests/EndToEnd": ["trials.__main__", "everyday.__main__", "moves.__main__", "live.__main__"],
    "Benchmarks": ["soak", "check_costs", "bench", "memory"],
}


@pytest.mark.parametrize("folder", WITHOUT_PYTEST)
def test_programs_need_no_pytest(folder):
    for module in WITHOUT_PYTEST[folder]:
        code = f"import sys; sys.modules['pytest'] = None; import {module}"
        result = subprocess.run(["/usr/bin/python3", "-c", code], cwd=ROOT / folder, capture_output=True, text=True, timeout=60)
        assert result.returncode == 0, result.stderr
