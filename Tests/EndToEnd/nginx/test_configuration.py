"""A configuration that is wrong is refused before it is used, with file and line, by nginx and by the executable."""

import os
import re
import signal
import stat

import pytest

from harness import libraries
from harness.artefacts import IS_ROOT
from harness.executable import CONFIGURATION, DONE
from harness.polling import wait_until
from harness.sandbox import OPERATORS, OWNER

STORE = "latchkey_store redis://127.0.0.1:6379;"


@pytest.fixture
def gate(sandboxes):
    return sandboxes(start=False, workers=1)


def write(gate, *lines):
    """Makes a configuration of these lines, starting at line 1."""
    gate.config.write_text("\n".join(lines) + "\n")


def pepper(gate):
    return f"latchkey_pepper_file {gate.pepper_file};"


def nginx_refuses(gate, line=None):
    """Asserts that nginx -t fails with one clear line, which names the faulty line if there is one."""
    code, output = gate.nginx.test()
    faults = [each for each in output.splitlines() if "[emerg]" in each]
    assert code != 0, output
    assert len(faults) == 1, output
    if line:
        assert faults[0].endswith(f"in {gate.config}:{line}"), faults[0]
    gate.expect(re.escape(faults[0].partition("[emerg]")[2]))
    return faults[0]


def executable_refuses(gate):
    result = gate.latchkey.run("status", "acme", as_=OWNER)
    assert result.code == CONFIGURATION, result
    return result.one_line()


def both_refuse(gate, line=None):
    return nginx_refuses(gate, line), executable_refuses(gate)


def nginx_accepts(gate):
    code, output = gate.nginx.test()
    assert code == 0, output


# Values: one of each kind; all are in Tests/KeyringTests/ConfigurationTests.swift.

WRONG_LINES = [
    "latchkey_store;",
    "latchkey_store redis://127.0.0.1:65536;",
    "latchkey_store redis://user:password@127.0.0.1:6379;",
    "latchkey_pepper_file relative;",
    "latchkey_prefix LK;",
    "latchkey_consistency relaxed;",
    "latchkey_lease 49ms;",
    "latchkey_cache_size 99999999999999999999;",
    "latchkey_timeout 1s 2s;",
    "latchkey_outage_grace 90;",
    "latchkey_operators;",
    "latchkey_delegates;",
    "latchkey_rotate_after never;",
]


@pytest.mark.parametrize("line", WRONG_LINES)
def test_a_wrong_value_is_refused_with_file_and_line(gate, line):
    lines = ["# Latchkey", line] if "pepper_file" in line else ["# Latchkey", line, pepper(gate)]
    write(gate, *lines)

    in_nginx, in_executable = both_refuse(gate, line=2)

    assert line.split()[0].rstrip(";") in in_nginx
    assert line.split()[0].rstrip(";") in in_executable
    assert f"{gate.config}:2" in in_executable


def test_an_unknown_scheme_is_named(gate):
    write(gate, "latchkey_store http://127.0.0.1:6379;", pepper(gate))

    in_nginx, in_executable = both_refuse(gate, line=1)

    for line in (in_nginx, in_executable):
        assert "scheme" in line and "http://" not in line


def test_a_password_in_the_url_is_not_written_out(gate):
    write(gate, "latchkey_store redis://user:hunter2@127.0.0.1:6379;", pepper(gate))

    assert not any("hunter2" in line for line in both_refuse(gate, line=1))


ONCE = {
    "store": "redis://127.0.0.1:6379", "pepper_file": None, "prefix": "lk", "timeout": "1s", "operators": "root", "delegates": "portal",
    "consistency": "strict", "lease": "1s", "outage_grace": "10s", "cache_size": "1000", "rotate_after": "90d",
}


@pytest.mark.parametrize("name", ONCE)
def test_a_directive_twice_is_refused(gate, name):
    line = f"latchkey_{name} {ONCE[name] or gate.pepper_file};"
    write(gate, line, line, *([] if name == "pepper_file" else [pepper(gate)]))

    for fault in both_refuse(gate, line=2):
        assert "duplicate" in fault


def test_an_unknown_directive_is_refused(gate):
    write(gate, STORE, pepper(gate), "latchkey_stoer redis://127.0.0.1:6379;")

    for fault in both_refuse(gate, line=3):
        assert "latchkey_stoer" in fault


@pytest.mark.parametrize("text", ["latchkey_prefix lk", "latchkey_prefix 'lk", "latchkey_prefix lk; }", "{ }", ";"])
def test_a_file_that_breaks_the_syntax_is_refused(gate, text):
    write(gate, pepper(gate), text)

    both_refuse(gate)


def test_a_missing_configuration_file_is_refused(gate):
    gate.config.unlink()

    nginx_refuses(gate)
    assert str(gate.config) in executable_refuses(gate)


@pytest.mark.parametrize("command", [["status", "acme"], ["gateways"], ["revoke", "acme", "--yes"], ["org", "list"]], ids=" ".join)
def test_a_file_that_names_no_store_means_no_other_store(gate, command):
    gate.config.write_text(f"http {{\n{gate.config.read_text()}}}\n")

    result = gate.latchkey.run(*command)

    assert result.code == CONFIGURATION
    assert str(gate.config) in result.one_line()


def test_a_pipe_without_a_writer_means_no_other_store(gate):
    gate.config.unlink()
    os.mkfifo(gate.config, 0o600)

    executable_refuses(gate)


def test_syntax_that_nginx_accepts_is_accepted_by_both(gate):
    write(
        gate,
        "# a comment; with { signs }",
        f'latchkey_store   "{gate.redis.url}" ; # behind it',
        f"latchkey_pepper_file\n    '{gate.pepper_file}'\n;latchkey_timeout 1s;",
    )
    gate.add_settings(OPERATORS)
    if gate.has_failover and gate.tls:
        gate.add_settings(gate.tls.directive)

    nginx_accepts(gate)
    gate.key()


RIGHT_LINES = [
    "latchkey_consistency leased;",
    "latchkey_consistency strict;",
    "latchkey_lease 50ms;",
    "latchkey_lease 1h;",
    "latchkey_outage_grace 0;",
    "latchkey_outage_grace 7d;",
    "latchkey_cache_size 1;",
    "latchkey_cache_size 10000000;",
    "latchkey_end_streams off;",
    "latchkey_error_format problem;",
]


@pytest.mark.parametrize("line", RIGHT_LINES)
def test_the_bounds_of_values_are_accepted_by_both(gate, line):
    gate.add_settings(line)

    nginx_accepts(gate)
    key = gate.key()
    gate.nginx.start()
    assert gate.status_of(key) == 200


# The pepper


def test_a_pepper_that_is_missing_is_refused(gate):
    gate.pepper_file.unlink()

    for fault in both_refuse(gate):
        assert str(gate.pepper_file) in fault


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o602, 0o601, 0o666])
def test_a_pepper_that_others_may_use_is_refused(gate, mode):
    gate.pepper_file.chmod(mode)

    for fault in both_refuse(gate):
        assert str(gate.pepper_file) in fault and "chmod" in fault


def test_a_pepper_that_the_caller_may_not_read_is_refused(gate):
    if IS_ROOT:
        account = "nobody"
        program = copied_executable(gate)
    else:
        account, program = None, gate.latchkey.program
        gate.pepper_file.chmod(0)
    gate.latchkey.program = program

    result = gate.latchkey.run("status", "acme", account=account)

    assert result.code != DONE
    assert result.one_line()


@pytest.mark.skipif(not IS_ROOT, reason="only root can act as another account")
def test_a_pepper_that_the_caller_of_nginx_may_not_read_is_refused_with_advice(gate):
    for path, mode in ((gate.nginx.folder, 0o777), (gate.config, 0o644)):
        path.chmod(mode)
    gate.nginx.values["user"] = ""
    gate.nginx.configure()

    _, output = gate.nginx.test(account="nobody")

    (fault,) = [line for line in output.splitlines() if "[emerg]" in line]
    assert f"names {gate.pepper_file}, which cannot be read by this account: use root" in fault
    assert re.search(rf"in {gate.config}:\d+$", fault)
    gate.expect("cannot be read by this account")


def copied_executable(gate):
    copy = gate.folder / "latchkey"
    copy.write_bytes(gate.latchkey.program.read_bytes())
    copy.chmod(0o755)
    return copy


CONTENTS = {
    "nothing": "",
    "blank lines": "\n\n\n",
    "too short": "ab" * 31 + "\n",
    "one digit short": "ab" * 31 + "a\n",
    "too long": "ab" * 33 + "\n",
    "no hexadecimal": "xy" * 32 + "\n",
    "a short second line": "ab" * 32 + "\n" + "cd" * 16 + "\n",
    "two on a line": "ab" * 32 + " " + "cd" * 32 + "\n",
    "bytes": "\x00\x01\x02" * 30,
    "a megabyte": ("ab" * 32 + "\n") * 16_384,
}


@pytest.mark.parametrize("name", CONTENTS)
def test_an_invalid_pepper_is_refused_and_never_shown(gate, name):
    gate.pepper_file.write_text(CONTENTS[name])

    for fault in both_refuse(gate):
        assert str(gate.pepper_file) in fault
        assert "ab" * 16 not in fault and "cd" * 8 not in fault


@pytest.mark.parametrize("kind", ["folder", "fifo", "device"])
def test_a_pepper_that_is_not_a_regular_file_is_refused(gate, kind):
    gate.pepper_file.unlink()
    if kind == "folder":
        gate.pepper_file.mkdir(mode=0o700)
    elif kind == "fifo":
        os.mkfifo(gate.pepper_file, 0o600)
    else:
        gate.pepper_file.symlink_to("/dev/null")

    both_refuse(gate)


def test_a_fault_of_the_pepper_names_the_directive(gate):
    write(gate, STORE, "", pepper(gate))
    gate.pepper_file.chmod(0o644)

    both_refuse(gate, line=3)


def test_a_pepper_that_only_root_may_read_serves_workers_of_another_account(sandboxes):
    gate = sandboxes(user="nobody nogroup", workers=1)
    key = gate.key()

    assert stat.S_IMODE(gate.pepper_file.stat().st_mode) == 0o600
    assert gate.status_of(key) == 200


# The library


@pytest.mark.parametrize("body", ["abort();", "for (;;) ;"], ids=["ends", "hangs"])
def test_a_library_that_fails_during_its_probe_ends_no_nginx(sandboxes, body):
    gate = sandboxes(workers=1)
    key = gate.key()
    source = f"#include <stdlib.h>\nunsigned latchkey_abi_version(void) {{ {body} return 0; }}\n"
    library = libraries.compiled(gate.folder / "other.so", source)
    workers = gate.nginx.workers()
    gate.nginx.configure(library=f"latchkey_library {library};")
    gate.expect(re.escape(str(library)))

    gate.nginx.process.send_signal(signal.SIGHUP)
    wait_until(lambda: gate.nginx.lines("[emerg]"), "the refusal is logged", seconds=60)

    assert gate.nginx.workers() == workers
    assert gate.status_of(key) == 200


# In nginx alone

WRONG_LOCATIONS = [
    "latchkey perhaps;",
    "latchkey on; latchkey off;",
    "latchkey_verify now;",
    "latchkey_verify; latchkey_verify;",
    "latchkey_credential;",
    "latchkey_credential header;",
    "latchkey_credential query;",
    "latchkey_credential cookie;",
    "latchkey_credential body;",
    "latchkey_credential bearer bearer;",
    "latchkey_credential header X-A header x-a;",
    "latchkey_credential bearer; latchkey_credential header X-A;",
    "latchkey_credential header 'X A';",
    "latchkey_realm '';",
    "latchkey_realm 'a \"b\"';",
    "latchkey_realm a; latchkey_realm b;",
    "latchkey_end_streams;",
    "latchkey_end_streams perhaps;",
    "latchkey_end_streams on; latchkey_end_streams off;",
    "latchkey_lease 1s;",
    "latchkey_cache_size 10;",
    "latchkey_store redis://127.0.0.1:6379;",
]


@pytest.mark.parametrize("directives", WRONG_LOCATIONS)
def test_a_wrong_directive_in_a_location_is_refused_by_nginx(gate, directives):
    gate.nginx.configure(server=f"        location / {{\n            {directives}\n        }}\n")

    assert re.search(r"nginx\.conf:\d+$", nginx_refuses(gate))


def test_without_protected_locations_neither_pepper_nor_library_is_needed(gate):
    gate.pepper_file.unlink()
    gate.nginx.configure(
        server="        location / { return 200 'open\\n'; }\n", library="latchkey_library /nowhere;"
    )

    gate.nginx.start()

    assert gate.request("/").body == "open\n"
