"""A gateway with a service behind it that keeps requests open, and clients with open requests."""

from harness.http_client import bearer
from harness.polling import wait_until
from harness.streams import Http2Streams, OpenRequest, StreamingUpstream, WebSocket

KINDS = ("websocket", "events", "download", "upload", "silence")

MAP = """
    map $http_upgrade $connection_upgrade {
        default upgrade;
        ''      close;
    }
"""

PASS = """
            proxy_pass http://unix:stream.sock;
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $connection_upgrade;
            proxy_buffering off;
            proxy_request_buffering off;
"""

LOCATIONS = f"""
        location /stream/ {{
            latchkey on;
{PASS}
        }}

        location /checked/ {{
            auth_request /check;
{PASS}
        }}

        location = /check {{
            internal;
            latchkey_verify;
        }}

        location /alone/ {{
            latchkey on;
            latchkey_end_streams off;
{PASS}
        }}

        location /api {{
            latchkey on;
            proxy_pass http://unix:api.sock;
        }}
"""

SERVER = LOCATIONS + """
    }

    server {
        listen unix:h2.sock http2;
""" + LOCATIONS


class Streams:
    """A gateway, a service behind it that keeps requests open, and the requests."""

    def __init__(self, stack, gate):
        self.stack = stack
        self.gate = gate
        self.upstream = stack.enter_context(StreamingUpstream(gate.nginx.folder / "stream.sock"))

    def open(self, kind, key, place="stream"):
        """Opens a request, and waits until it is passed on and its answer has begun."""
        target = f"/{place}/{kind}"
        seen = len(self.upstream.requests)
        request = self.stack.enter_context(self.begin(kind, target, bearer(key)))
        if kind == "upload":
            request.socket.sendall(b"x" * 1000)
        if kind in ("upload", "silence"):
            wait_until(lambda: len(self.upstream.requests) > seen, "the request is passed on")
        else:
            assert request.status == (101 if kind == "websocket" else 200)
        return request

    def begin(self, kind, target, headers):
        gate = self.gate.nginx.gate
        match kind:
            case "websocket":
                return WebSocket(gate, target, headers)
            case "upload":
                return OpenRequest(gate, target, [*headers, ("Content-Length", "1000000")], method="POST")
        return OpenRequest(gate, target, headers)

    def connect_http2(self):
        return self.stack.enter_context(Http2Streams(self.gate.nginx.folder / "h2.sock"))


def go_on(request, kind):
    """Fails if an open request does not continue."""
    if kind == "websocket":
        assert request.echoes("still here")
    elif kind == "upload":
        request.socket.sendall(b"x" * 1000)
        assert request.is_open()
    elif kind == "silence":
        assert request.is_open()
    else:
        assert request.read_next()
