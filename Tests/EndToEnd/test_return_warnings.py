"""`return` answers before any check: nginx -t says where that gives something away."""

import re

import pytest

HTTP = """
    map $request_method $preflight {
        OPTIONS off;
        default on;
    }
"""


@pytest.fixture
def gate(sandboxes):
    return sandboxes(start=False, http=HTTP, workers=1)


def warnings(gate, server, http=""):
    """What nginx -t warns of; the configuration is taken all the same."""
    gate.nginx.configure(server=server, http=HTTP + http)
    code, output = gate.nginx.test()
    assert code == 0, output
    return [line for line in output.splitlines() if "[warn]" in line]


def line_of(gate, text):
    """Where a text stands in the configuration, once."""
    (line,) = [number for number, line in enumerate((gate.nginx.folder / "nginx.conf").read_text().splitlines(), 1)
               if text in line]
    return line


@pytest.mark.parametrize("directives", [
    "latchkey on; return 200 secret;",
    "return 200 secret; latchkey on;",
    "latchkey optional; return 200 secret;",
    "latchkey $preflight; return 200 secret;",
    "latchkey on; return 204;",
    "latchkey on; return 302 /signed;",
    "latchkey on; return https://example.com/signed;",
    "latchkey on; set $a $uri; set $b text; rewrite ^/x/(.*)$ /$1; return 200 '$a$b';",
    "latchkey on; if ($arg_x) { set $y 1; } return 200 secret;",
    "latchkey on; if ($arg_x) { return 403; } if ($arg_y ~ z) { set $y 1; return 204; } return 200 secret;",
    "latchkey_verify; return 204;",
])
def test_a_return_in_a_protected_location_is_warned_of(gate, directives):
    (warning,) = warnings(gate, f"        location /mine {{ {directives} }}\n")

    assert '"return"' in warning and 'location "/mine"' in warning
    assert warning.endswith(f"in {gate.nginx.folder}/nginx.conf:{line_of(gate, 'location /mine')}")


@pytest.mark.parametrize("directives", [
    "return 200 open;",
    "latchkey off; return 200 open;",
    "latchkey dry_run; return 200 open;",
    "latchkey on; proxy_pass http://unix:api.sock;",
    "latchkey on; if ($request_method = OPTIONS) { return 204; } proxy_pass http://unix:api.sock;",
    "latchkey on; if ($arg_x) { return 200 x; } if ($arg_y ~ z) { return 200 y; }",
    "latchkey on; return 403;",
    "latchkey on; return 404 nothing;",
    "latchkey on; return 444;",
    "latchkey on; set $a return; rewrite ^ /elsewhere last;",
    "latchkey on; try_files $uri =404;",
    "latchkey_verify;",
])
def test_nothing_is_warned_of_where_nothing_is_given_away(gate, directives):
    assert warnings(gate, f"        location /mine {{ {directives} }}\n") == []


def test_what_is_protected_as_a_whole_may_redirect(gate):
    server = """
        latchkey on;
        location = /old { return 301 /new; }
        location = /health { latchkey off; return 200 ok; }
        location / { proxy_pass http://unix:api.sock; }
    """

    assert warnings(gate, server) == []


def test_a_location_that_inherits_the_check_is_warned_of_by_where_that_stands(gate):
    server = """
        latchkey on;
        location = /health { return 200 ok; }
        location @named { return 200 ok; }
        location ~ ^/pattern { return 200 ok; }
        location /outer {
            location /outer/inner { return 200 ok; }
        }
    """

    found = warnings(gate, server)

    assert sorted(re.findall(r'location "(.+?)"', " ".join(found))) == sorted(
        ["/health", "@named", "^/pattern", "/outer/inner"]
    )
    assert all(line.endswith(f"nginx.conf:{line_of(gate, 'latchkey on')}") for line in found)


def test_a_server_that_only_returns_is_warned_of_too(gate):
    (warning,) = warnings(gate, "        latchkey on;\n        return 200 ok;\n")

    assert "in a server" in warning
    assert warning.endswith(f"nginx.conf:{line_of(gate, 'latchkey on')}")


def test_a_server_that_redirects_to_another_is_not(gate):
    found = warnings(gate, "        return 301 https://$host$request_uri;\n", http="    latchkey on;\n")

    assert not any("in a server" in line for line in found)


def test_what_is_warned_of_is_true(sandboxes):
    gate = sandboxes(server="        location /mine { latchkey on; return 200 'given away\\n'; }\n", workers=1)

    assert gate.request("/mine").body == "given away\n"
    assert gate.nginx.lines("[warn]")
