"""nginx drops headers with some names before any module sees them: nginx -t says that no key is found there."""

import pytest

from harness.sandbox import Sandbox

PROTECTED = "latchkey on; proxy_pass http://unix:api.sock;"


@pytest.fixture
def gate(sandboxes):
    return sandboxes(start=False, workers=1)


def warnings(gate, location=PROTECTED, http="", server=""):
    gate.nginx.configure(http=http, server=f"{server}\n        location / {{ {location} }}\n")
    code, output = gate.nginx.test()
    assert code == 0, output
    return [line for line in output.splitlines() if "[warn]" in line]


@pytest.mark.parametrize("name, setting", [
    ("api_key", "underscores_in_headers on"),
    ("_key", "underscores_in_headers on"),
    ("X.Key", "ignore_invalid_headers off"),
    ("X.Api_Key", "ignore_invalid_headers off"),
])
def test_a_header_that_nginx_drops_is_warned_of_with_what_lets_it_through(gate, name, setting):
    (warning,) = warnings(gate, f"{PROTECTED} latchkey_credential bearer header {name};")

    lines = (gate.nginx.folder / "nginx.conf").read_text().splitlines()
    (line,) = [number for number, text in enumerate(lines, 1) if "latchkey_credential" in text]
    assert f'nginx drops the header "{name.lower()}"' in warning and f'"{setting}"' in warning
    assert warning.endswith(f"in {gate.nginx.folder}/nginx.conf:{line}")


@pytest.mark.parametrize("name, setting", [
    ("api_key", "underscores_in_headers on;"),
    ("api_key", "ignore_invalid_headers off;"),
    ("X.Key", "ignore_invalid_headers off;"),
    ("X.Api_Key", "ignore_invalid_headers off;"),
])
def test_a_header_that_nginx_lets_through_is_not_warned_of_and_holds_keys(sandboxes, name, setting):
    gate = sandboxes(http=setting, server=f"location / {{ latchkey_credential header {name}; {PROTECTED} }}", workers=1)

    assert not gate.nginx.lines("[warn]")
    assert gate.request("/", [(name, gate.key())]).status == 200
    assert gate.request("/").status == 401


@pytest.mark.parametrize("directives", [
    "latchkey on; latchkey_credential header X-API-Key;",
    "latchkey on; latchkey_credential cookie api_key query api.key;",
    "latchkey off; latchkey_credential header api_key;",
])
def test_nothing_is_warned_of_where_no_header_is_dropped(gate, directives):
    assert warnings(gate, directives) == []


def test_each_header_is_warned_of_once_where_many_locations_inherit_it(gate):
    server = "latchkey on; location /a { location /a/b { } } location /c { }"

    found = warnings(gate, http="latchkey_credential header api_key header X.Key;", server=server)

    assert [line.split('"')[1] for line in found] == ["api_key", "x.key"]


def test_a_server_of_its_own_setting_is_not_warned_of(gate):
    found = warnings(gate, server="underscores_in_headers on; latchkey_credential header api_key;")

    assert found == []


def test_what_is_warned_of_is_true():
    # At level info nginx writes out the line that it drops.
    server = f"error_log error.log notice; location / {{ latchkey_credential header api_key; {PROTECTED} }}"
    with Sandbox(server=server, workers=1) as gate:
        assert gate.nginx.lines("[warn]")
        assert gate.request("/", [("api_key", gate.key())]).status == 401
