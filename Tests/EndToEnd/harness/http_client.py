"""An HTTP client that sends exactly the bytes of the test."""

import array
import fcntl
import http.client
import socket
import termios
from dataclasses import dataclass

from harness.polling import wait_until

TIMEOUT = 60


@dataclass(frozen=True)
class Response:
    status: int
    headers: tuple
    body: str

    def all(self, name):
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def header(self, name):
        """The value of a header that appears once at most."""
        values = self.all(name)
        assert len(values) <= 1, f"{name} more than once: {values}"
        return values[0] if values else None

    @property
    def result(self):
        """$latchkey_result, which the tests' gateways send in a header."""
        return self.header("X-Result")

    @property
    def source(self):
        """$latchkey_source, from a header as well."""
        return self.header("X-Source")

    @property
    def worker(self):
        """The process that answered."""
        return int(self.header("X-Worker"))


def as_bytes(text):
    return text if isinstance(text, bytes) else text.encode()


def request_bytes(target, headers=(), method="GET", version="1.1", body=b"", host="gateway"):
    lines = [b"%s %s HTTP/%s" % tuple(map(as_bytes, (method, target, version)))]
    lines.append(b"Host: " + as_bytes(host))
    lines += [as_bytes(name) + b": " + as_bytes(value) for name, value in headers]
    if body:
        lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join(lines) + b"\r\n\r\n" + as_bytes(body)


class SharedStream:
    """A stream that outlives the responses that are read from it."""

    def __init__(self, stream):
        self.stream = stream

    def makefile(self, *_):
        return self

    def __getattr__(self, name):
        return getattr(self.stream, name)

    def close(self):
        pass


def read_response(source, method):
    with http.client.HTTPResponse(source, method=method) as response:
        response.begin()
        body = response.read().decode(errors="replace")
        return Response(response.status, tuple(response.getheaders()), body)


class Connection:
    """One connection to a unix socket or a local port, for any number of requests one after another."""

    def __init__(self, place):
        is_port = isinstance(place, int)
        address = ("127.0.0.1", place) if is_port else str(place)
        self.socket = socket.socket(socket.AF_INET if is_port else socket.AF_UNIX)
        self.socket.settimeout(TIMEOUT)
        wait_until(lambda: self.is_connected_to(address), "nginx has room for a connection", seconds=TIMEOUT)

    def is_connected_to(self, address):
        """Connects, unless a slow worker has not yet accepted the clients before this one."""
        try:
            self.socket.connect(address)
        except BlockingIOError:
            return False
        return True

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, target, headers=(), **options):
        self.socket.sendall(request_bytes(target, headers, **options))

    def is_taken(self):
        """Whether the other side has read everything that was sent."""
        left = array.array("i", [0])
        fcntl.ioctl(self.socket, termios.TIOCOUTQ, left)
        return left[0] == 0

    def peek(self):
        """The next byte, without consuming it; nothing if the other side has closed."""
        return self.socket.recv(1, socket.MSG_PEEK)

    def receive(self, method="GET"):
        return read_response(self.socket, method)

    def pipeline(self, requests):
        """Sends requests in one piece, and returns the answers to all."""
        self.socket.sendall(b"".join(request_bytes(*each) for each in requests))
        with self.socket.makefile("rb") as stream:
            return [read_response(SharedStream(stream), "GET") for _ in requests]

    def request(self, target, headers=(), method="GET", **options):
        self.send(target, headers, method=method, **options)
        return self.receive(method)


def request(path, target, headers=(), **options):
    """One request on a connection of its own."""
    with Connection(path) as connection:
        return connection.request(target, [*headers, ("Connection", "close")], **options)


def bearer(key):
    return [("Authorization", f"Bearer {key}")]
