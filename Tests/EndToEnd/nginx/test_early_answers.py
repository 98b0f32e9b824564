"""What answers, or leaves a location, before any check: nginx -t says where that gives something away."""

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
    "latchkey on; error_page 418 = @app; return 418;",
    "latchkey on; error_page 404 /app; return 404;",
    "latchkey on; error_page 403 =200 /app; if ($arg_x) { set $y 1; } return 403;",
])
def test_a_return_in_a_protected_location_is_warned_of(gate, directives):
    (warning,) = warnings(gate, f"        location /mine {{ {directives} }}\n")

    assert '"return"' in warning and 'location "/mine"' in warning
    assert warning.endswith(f"in {gate.nginx.folder}/nginx.conf:{line_of(gate, 'location /mine')}")


@pytest.mark.parametrize("directives, what", [
    ("latchkey on; rewrite ^ /elsewhere last;", "leads elsewhere"),
    ("latchkey on; rewrite ^/mine/(.*)$ /elsewhere/$1; proxy_pass http://unix:api.sock;", "leads elsewhere"),
    ("latchkey on; if ($arg_x ~ y) { set $y 1; } set $z 1; rewrite ^ /elsewhere last;", "leads elsewhere"),
    ("latchkey on; rewrite ^ /elsewhere permanent;", "answers"),
    ("latchkey on; rewrite ^ https://example.com/signed;", "answers"),
])
def test_a_rewrite_that_leaves_a_protected_location_is_warned_of(gate, directives, what):
    (warning,) = warnings(gate, f"        location /mine {{ {directives} }}\n")

    assert f'"rewrite" {what} in location "/mine" before a key is checked' in warning


def test_a_page_of_the_server_for_what_a_protected_location_returns_is_warned_of(gate):
    server = "        error_page 404 = @app;\n        location /mine { latchkey on; return 404; }\n"

    (warning,) = warnings(gate, server)
    assert '"return" and its "error_page" answer in location "/mine"' in warning


@pytest.mark.parametrize("directives, what", [
    ("latchkey_verify; return 204;", '"return" answers in location "/mine"'),
    ("latchkey_verify; error_page 404 = @app; return 404;", '"return" and its "error_page" answer'),
    ("latchkey_verify; rewrite ^ /elsewhere last;", '"rewrite" leads elsewhere in location "/mine"'),
    ("latchkey_verify; try_files /page =404;", '"try_files" answers in location "/mine"'),
    *((f"{first} {second}", "latchkey_verify")
      for other in ("proxy_pass http://unix:api.sock;", "empty_gif;", "stub_status;", "latchkey_metrics;")
      for first, second in ((other, "latchkey_verify;"), ("latchkey_verify;", other))),
    ("latchkey_verify; if ($arg_x) { proxy_pass http://unix:api.sock; }", "nothing else may answer"),
    ("latchkey_verify; limit_except GET { proxy_pass http://unix:api.sock; }", "nothing else may answer"),
])
def test_nothing_else_answers_where_a_check_does(gate, directives, what):
    gate.expect(r"\[emerg\]")
    gate.nginx.configure(server=f"        location /mine {{ {directives} }}\n")

    code, output = gate.nginx.test()

    assert code != 0
    assert what in next(line for line in output.splitlines() if "[emerg]" in line)
    assert f"nginx.conf:{line_of(gate, 'location /mine')}" in output


CHECK = "location = /check { latchkey_verify; }"


@pytest.mark.parametrize("directives", [
    "rewrite ^ /index.php last;",
    "rewrite ^/(.*)$ /app/$1;",
    "rewrite ^/(.*)$ /app/$1 break;",
    "if (!-e $request_filename) { rewrite ^ /index.php last; }",
    "rewrite ^/old/(.*)$ /new/$1 permanent; set $a 1; rewrite ^/c /index.php;",
])
def test_a_rewrite_of_the_server_that_moves_a_check_is_warned_of(gate, directives):
    (warning,) = warnings(gate, f"{directives}\n        {CHECK}")

    assert '"rewrite" of the server leads elsewhere in location "/check"' in warning
    assert warning.endswith(f"nginx.conf:{line_of(gate, 'location = /check')}")


@pytest.mark.parametrize("directives", [
    "rewrite ^/old/(.*)$ /new/$1;",
    "rewrite ^ https://example.com$request_uri;",
    "rewrite ^/(.*)/$ /$1 permanent;",
    "if ($uri ~ ^/check) { set $a 1; }",
    "if ($host = example.org) { return 301 https://example.com$request_uri; }",
])
def test_another_rewrite_of_the_server_is_not(gate, directives):
    assert warnings(gate, f"{directives}\n        {CHECK}") == []


def test_what_is_warned_of_a_rewrite_of_the_server_is_true(sandboxes):
    gate = sandboxes(workers=1, server=f"""
        rewrite ^ /index.php last;
        {CHECK}
        location = /index.php {{ auth_request /check; proxy_pass http://unix:api.sock; }}
    """)

    assert gate.request("/").status == 200
    assert gate.nginx.lines("[warn]")


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
    "latchkey on; set $a return; rewrite ^ /elsewhere break; proxy_pass http://unix:api.sock;",
    "latchkey on; break; return 200 never;",
    "latchkey on; error_page 404 = @app; return 403;",
    "latchkey on; error_page 404 = @app; proxy_pass http://unix:api.sock;",
    "latchkey on; if ($request_method = OPTIONS) { rewrite ^ /preflight last; } proxy_pass http://unix:api.sock;",
    "latchkey on; try_files $uri =404;",
    "latchkey_verify;",
    "latchkey_verify; if ($arg_x) { return 403; }",
    "latchkey_verify; limit_except GET { deny all; }",
])
def test_nothing_is_warned_of_where_nothing_is_given_away(gate, directives):
    assert warnings(gate, f"        location /mine {{ {directives} }}\n") == []


def test_what_is_protected_as_a_whole_may_redirect(gate):
    server = """
        latchkey on;
        location = /old { return 301 /new; }
        location = /health { latchkey off; return 200 ok; }
        location = /moved { rewrite ^ /new last; }
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


@pytest.mark.parametrize("directives", [
    "return 200 'given away\\n';", "error_page 418 = @app; return 418;", "rewrite ^ /app last;",
])
def test_what_is_warned_of_is_true(sandboxes, directives):
    server = f"""
        location /mine {{ latchkey on; {directives} }}
        location @app {{ return 200 'given away\\n'; }}
        location = /app {{ internal; return 200 'given away\\n'; }}
    """
    gate = sandboxes(server=server, workers=1)

    assert gate.request("/mine").body == "given away\n"
    assert gate.nginx.lines("[warn]")
