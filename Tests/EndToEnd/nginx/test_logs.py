"""No log of nginx's holds a key, wherever in a request it stood and however far the request came.

Keys are recognized by their form, and starred from the secret on.
"""

import re
import socket
from urllib.parse import unquote

import pytest

from harness.http2_client import Http2Connection
from harness.http_client import Connection, bearer, request_bytes
from harness.key_forge import secret_of
from harness.polling import wait_until
from harness.sandbox import Sandbox

FORMAT = """
    log_format everything '$status <$request> <$request_uri> <$args> <$uri> <$arg_key> <$http_referer>';
    map $arg_mode $mode { default on; }
    lingering_close off;
"""

SERVER = """
        access_log everything.log everything;
        large_client_header_buffers 4 8k;

        location /api {
            latchkey on;
            latchkey_credential bearer query key;
            client_max_body_size 10;
            proxy_pass http://unix:api.sock;
        }

        location /folder/ {
            latchkey on;
            proxy_pass http://unix:api.sock;
        }

        location /moved {
            latchkey $mode;
            rewrite ^ /api permanent;
        }

        location /hidden {
            internal;
            latchkey on;
            proxy_pass http://unix:api.sock;
        }

        location /broken {
            error_log broken.log;
            proxy_pass http://unix:nobody.sock;
        }

        location /open {
            return 200 'open';
        }

        location / {
            root files;
        }
"""

HTTP2_SERVER = SERVER + """
    }

    server {
        listen unix:h2.sock http2;
""" + SERVER

NO_HOST = b"GET /open?key=%s HTTP/1.1\r\n\r\n"


def target(text, *headers, **options):
    """A request whose target or headers hold a key."""
    def request(key):
        return request_bytes(text.replace("KEY", key), [(name, value.replace("KEY", key)) for name, value in headers], **options)

    return request


def escaped(key):
    """A key with every character percent-encoded."""
    return "".join(f"%{ord(character):02x}" for character in key)


# Where nginx answers before a key is looked for, or where it does not look for one.
SPOTS = {
    "too long a body": (413, target("/api?key=KEY", body=b"x" * 20)),
    "a redirect to the folder": (301, target("/folder?key=KEY")),
    "rewrite": (301, target("/moved?key=KEY")),
    "internal": (404, target("/hidden?key=KEY")),
    "TRACE": (405, target("/api?key=KEY", method="TRACE")),
    "an unknown version": (505, target("/api?key=KEY", version="7.0")),
    "no request": (400, lambda key: b"GET /api?key=%s nonsense\r\n\r\n" % key.encode()),
    "no host": (400, lambda key: NO_HOST % key.encode()),
    "a bad host": (400, target("/api?key=KEY", host="a/b")),
    "a bad header": (400, lambda key: b"GET /api?key=%s HTTP/1.1\r\nHost: a\r\nkey %s\r\n\r\n" % ((key.encode(),) * 2)),
    "a header without end": (400, target("/open?key=KEY", ("X-Long", "x" * 9000 + "KEY"))),
    "a line without end": (414, target("/open?key=KEY&" + "x" * 9000)),
    "another name": (401, target("/api?Key=KEY")),
    "an encoded name": (401, target("/api?%6Bey=KEY")),
    "another separator": (401, target("/api?a=1;key=KEY")),
    "an array": (401, target("/api?key[]=KEY")),
    "two keys": (400, target("/api?key=KEY&key=")),
    "the path": (404, target("/files/KEY/x")),
    "an open page": (200, target("/open?key=KEY")),
    "a page before": (200, target("/open", ("Referer", "https://example.com/?key=KEY&page=2"))),
    "a page before, refused": (401, target("/api", ("Referer", "https://example.com/?Key=KEY#top"))),
    "an upstream that is not there": (502, target("/broken?key=KEY")),
}


def encoded(request):
    return lambda key: request(escaped(key))


def partly_encoded(request):
    return lambda key: request(key.replace("_", "%5F"))


def truncated(request):
    """Without the last characters, which can be worked out."""
    return lambda key: request(key[:-6])


@pytest.fixture(scope="module")
def gate():
    with Sandbox(server=HTTP2_SERVER, http=FORMAT, workers=1) as sandbox:
        sandbox.expect("nobody.sock")
        yield sandbox


@pytest.fixture(scope="module")
def key(gate):
    return gate.key("acme")


def log_of(gate):
    log = gate.nginx.folder / "everything.log"
    return log.read_text() if log.exists() else ""


def logged(gate, before):
    """What the logs got behind `before`, once the access log has a line."""
    wait_until(lambda: log_of(gate)[before:].endswith("\n"), "the request is logged")
    return log_of(gate)[before:]


def all_logs(gate):
    return "".join(path.read_text(errors="replace") for path in gate.nginx.folder.glob("*.log"))


def assert_no_key(gate, key):
    secret = secret_of(key)[:32]
    text = all_logs(gate)
    for each in (text, unquote(text)):
        assert secret not in each, f"a log holds a key, behind: {each[:each.index(secret)][-80:]}"


@pytest.mark.parametrize("spelling", [lambda request: request, partly_encoded, encoded, truncated])
@pytest.mark.parametrize("spot", SPOTS)
def test_no_log_holds_a_key_wherever_it_stood(gate, key, spot, spelling):
    status, request = SPOTS[spot]
    before = len(log_of(gate))
    with Connection(gate.nginx.gate) as connection:
        connection.socket.sendall(spelling(request)(key))
        line = logged(gate, before)

    if spelling is not encoded:
        assert line.startswith(f"{status} <"), "it is this answer that is meant"
    assert "*" * 32 in line
    assert_no_key(gate, key)


def test_no_log_holds_a_key_of_a_client_that_went_away(gate, key):
    before = len(log_of(gate))
    with Connection(gate.nginx.gate) as connection:
        connection.socket.sendall(NO_HOST[:-2] % key.encode())

    assert logged(gate, before).startswith(f"400 <GET /open?key={key[:18]}")
    assert_no_key(gate, key)


@pytest.mark.parametrize("path, headers", [
    ("/open?key=%s", []), ("/folder?key=%s", []), ("/api?Key=%s", []), ("/broken?key=%s", []), ("/hidden?key=%s", []),
    ("open?key=%s", []), ("/files/%s", []), ("/open", [("referer", "http://gateway/?key=%s")]),
    ("/open?key=%s", [("connection", "close")]), ("/open?key=%s", [("host", "a/b")]),
])
def test_no_log_holds_a_key_of_an_http_2_request(gate, key, path, headers):
    before = len(log_of(gate))
    with Http2Connection(gate.nginx.folder / "h2.sock") as connection:
        connection.open([(path.replace("%s", key), [(name, value.replace("%s", key)) for name, value in headers])])
        logged(gate, before)

    assert_no_key(gate, key)


def test_of_a_key_in_a_log_prefix_and_locator_are_left(gate, key):
    before = len(log_of(gate))
    gate.request(f"/open?a=1&key={key}&b=2")

    shown = f"{key[:18]}{'*' * 46}"
    line = f"200 <GET /open?a=1&key={shown}&b=2 HTTP/1.1> <{target_of(shown)}> <a=1&key={shown}&b=2> </open> <{shown}> <->\n"
    assert logged(gate, before) == line


def target_of(shown):
    return f"/open?a=1&key={shown}&b=2"


@pytest.mark.parametrize("text", [
    "page=2", "a_b_c", "lk_0123456789abcd_" + "x" * 31, "lk_0123456789abc_" + "x" * 46, "lk_0123456789abcde_" + "x" * 46,
    "0123456789abcd_" + "x" * 46, "x" * 200, "%5F" * 40, "%", "lk_0123456789abcd_" + "x" * 31 + "%2", "_" * 80,
    "lk_0123456789abcd_%" + "x" * 30,
])
def test_text_that_is_no_key_is_logged_unchanged(gate, text):
    before = len(log_of(gate))
    gate.request(f"/open?key={text}", [("Referer", f"http://gateway/?key={text}")])

    assert logged(gate, before) == \
        f"200 <GET /open?key={text} HTTP/1.1> </open?key={text}> <key={text}> </open> <{text}> <http://gateway/?key={text}>\n"


def test_each_of_several_keys_is_starred(gate, key):
    before = len(log_of(gate))
    gate.request(f"/open?a={key}&b={key}{key}", [("Referer", f"http://gateway/{key}?{key}")])
    logged(gate, before)

    assert_no_key(gate, key)


def test_what_is_starred_for_a_log_of_subrequests_is_whole_for_those_who_check_and_for_the_api(sandboxes):
    gate = sandboxes(workers=1, http=FORMAT, server="""
        access_log everything.log everything;
        log_subrequest on;

        location /api {
            latchkey on;
            latchkey_credential query key;
            auth_request /other;
            proxy_set_header X-Organization $arg_key;
            proxy_pass http://unix:api.sock;
        }

        location = /other {
            internal;
            proxy_pass http://unix:api.sock;
        }
    """)
    key = gate.key()
    targets = [(f"/api?page={number}&key={key}", ()) for number in range(5)]
    with gate.connect() as connection:
        answers = connection.pipeline(targets)

    assert [answer.status for answer in answers] == [200] * 5
    assert all(f"organization={key} " in answer.body for answer in answers)
    wait_until(lambda: log_of(gate).count("\n") == 10, "requests and subrequests are logged")
    assert len(re.findall(r"\*{46}", log_of(gate))) > 20
    assert_no_key(gate, key)


def test_a_key_that_stands_twice_in_the_headers_is_not_told_by_nginx(sandbox):
    """nginx 1.22 shows a header that it refuses, at level info."""
    key = sandbox.key()
    assert sandbox.request(headers=[*bearer(key), *bearer(key)]).status == 400
    assert sandbox.nginx.lines(f"Bearer {key[:18]}{'*' * 46}") or sandbox.nginx.lines("ambiguous")
    assert_no_key(sandbox, key)


def test_not_even_the_debug_log_holds_a_key(sandboxes):
    gate = sandboxes(workers=1, main="error_log debug.log debug;", http=FORMAT, server=HTTP2_SERVER + "error_log h2.log debug;")
    gate.expect("nobody.sock")
    key = gate.key()
    requests = [("/api", bearer(key)), (f"/api?key={key}", ()), ("/open", [("Cookie", f"key={key}")]), (f"/broken?key={key}", ())]

    for path, headers in requests:
        gate.request(path, headers)
    with Http2Connection(gate.nginx.folder / "h2.sock") as connection:
        connection.answers(connection.open(requests))

    logs = [gate.nginx.folder / name for name in ("debug.log", "h2.log")]
    assert all(f"{key[:18]}{'*' * 46}" in log.read_text() for log in logs)
    assert_no_key(gate, key)


def test_the_debug_log_shows_each_step_of_a_check(sandboxes):
    gate = sandboxes(workers=1, main="error_log debug.log debug;")
    assert gate.status_of(gate.key()) == 200

    steps = [
        "preaccess handler", "credentials found: 1", "check suspended, ticket: ", "check concluded: allowed", "resume handler",
        "access handler",
    ]
    text = (gate.nginx.folder / "debug.log").read_text()
    places = [text.index(f"latchkey {step}") for step in steps]
    assert places == sorted(places)


def test_a_log_of_the_system_gets_no_key_either(sandboxes, tmp_path):
    place = tmp_path / "syslog"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as syslog:
        syslog.bind(str(place))
        place.chmod(0o666)
        syslog.settimeout(60)
        gate = sandboxes(workers=1, http=FORMAT, server=f"""
            error_log syslog:server=unix:{place} info;
            access_log syslog:server=unix:{place} everything;
            location / {{
                latchkey on;
                proxy_pass http://unix:nobody.sock;
            }}
        """)
        key = gate.key()
        assert gate.request(f"/?key={key}", key=key).status == 502

        lines = [syslog.recv(4096).decode() for _ in range(2)]

    assert any("connect() to unix" in line for line in lines) and any(": 502 <" in line for line in lines)
    assert all(f"{key[:18]}{'*' * 46}" in line and secret_of(key) not in line for line in lines)


def test_a_reload_without_the_module_gives_the_logs_back(sandboxes):
    gate = sandboxes(workers=1, main="error_log debug.log debug;")
    key = gate.key()
    assert gate.status_of(key) == 200

    plain = "location / { return 200 'plain'; }"
    gate.nginx.configure(load_module="", library="", settings="/dev/null", server=plain, http="")
    text = (gate.nginx.folder / "nginx.conf").read_text()
    (gate.nginx.folder / "nginx.conf").write_text(re.sub(r"\$latchkey_\w+", "-", text))
    gate.nginx.reload()

    wait_until(lambda: gate.request("/").body == "plain", "the new worker answers")
    gate.nginx.configure(load_module=gate.nginx.values["load_module"])
