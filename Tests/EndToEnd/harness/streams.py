"""Requests that stay open: WebSockets (RFC 6455), event streams and downloads; an upstream for them, and clients."""

import base64
import hashlib
import os
import socket
import struct
import threading
import time
from functools import cached_property

from harness import http_client
from harness.fake_redis import shut
from harness.http2_client import RST_STREAM, Http2Connection
from harness.polling import wait_until

PACE = 0.05
EVENT = b"data: %d\n\n"
PIECE = b"." * 511 + b"\n"

ACCEPT_SALT = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TEXT, CLOSE, PING, PONG = 1, 8, 9, 10
FINAL, MASKED = 0x80, 0x80

WAIT = 60


# WebSocket

def accept_value(key):
    return base64.b64encode(hashlib.sha1(key.encode() + ACCEPT_SALT).digest()).decode()


def masked(data, mask):
    return bytes(byte ^ mask[at % 4] for at, byte in enumerate(data))


def websocket_frame(kind, data, mask=None):
    """A message in one frame; clients mask theirs, servers don't."""
    bit = MASKED if mask else 0
    if len(data) < 126:
        head = struct.pack(">BB", FINAL | kind, bit | len(data))
    elif len(data) < 1 << 16:
        head = struct.pack(">BBH", FINAL | kind, bit | 126, len(data))
    else:
        head = struct.pack(">BBQ", FINAL | kind, bit | 127, len(data))
    return head + (mask + masked(data, mask) if mask else data)


def read_websocket_frame(read):
    """Kind and data of the next frame, and whether it was masked; `read` returns the number of bytes asked for."""
    first, second = read(2)
    assert first & FINAL, "messages are in one frame here"
    length = second & ~MASKED
    if length == 126:
        (length,) = struct.unpack(">H", read(2))
    elif length == 127:
        (length,) = struct.unpack(">Q", read(8))
    is_masked = bool(second & MASKED)
    mask = read(4) if is_masked else bytes(4)
    return first & 0x0F, masked(read(length), mask), is_masked


# The upstream

class StreamingUpstream:
    """Echoes on WebSockets, and answers without an end otherwise.

    The answer depends on the last word of the path: `events` sends an event every 50 ms, `download` a piece of half
    a kilobyte as often, `silence` nothing at all.  Any other request, such as `upload`, is read to its end and answered.
    Remembers the targets of all requests, and the headers of the last one.
    """

    def __init__(self, path):
        self.path = path
        self.ended = threading.Event()
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen(256)
        self.threads = [threading.Thread(target=self.accept, daemon=True)]
        self.connections = set()
        self.requests = []
        self.headers = {}

    def __enter__(self):
        self.threads[0].start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        for each in [self.listener, *self.connections]:
            shut(each)
        for thread in self.threads:
            thread.join(10)
        self.path.unlink()

    def wait_until_idle(self, seconds=WAIT):
        """Waits until nginx has closed all its connections."""
        wait_until(lambda: not self.connections, "the upstream is left alone", seconds)

    def accept(self):
        while not self.ended.is_set():
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections.add(connection)
            thread = threading.Thread(target=self.serve, args=(connection,), daemon=True)
            self.threads.append(thread)
            thread.start()

    def serve(self, connection):
        try:
            with connection.makefile("rb") as stream:
                target, headers = read_request_head(stream)
                self.headers = headers
                self.requests.append(target)
                self.answer(connection, stream, target, headers)
        except (OSError, EOFError):
            pass  # the client went away, or this server is ended
        finally:
            shut(connection)
            self.connections.discard(connection)

    def answer(self, connection, stream, target, headers):
        if headers.get("upgrade", "").lower() == "websocket":
            return self.echo(connection, stream, headers["sec-websocket-key"])
        match target.partition("?")[0].rpartition("/")[2]:
            case "events":
                self.send_on(connection, "text/event-stream", lambda number: EVENT % number)
            case "download":
                self.send_on(connection, "application/octet-stream", lambda _: PIECE)
            case "silence":
                stream.read()
            case _:
                read_exactly(stream, int(headers.get("content-length", 0)))
                connection.sendall(response_head("200 OK", ("Content-Length", "3")) + b"ok\n")

    def send_on(self, connection, content_type, piece):
        """Sends one piece after another until the client leaves or this server is stopped."""
        connection.sendall(response_head("200 OK", ("Content-Type", content_type), ("Connection", "close")))
        number = 0
        while not self.ended.is_set():
            connection.sendall(piece(number))
            number += 1
            self.ended.wait(PACE)

    def echo(self, connection, stream, key):
        connection.sendall(response_head("101 Switching Protocols", ("Upgrade", "websocket"),
                                         ("Connection", "Upgrade"), ("Sec-WebSocket-Accept", accept_value(key))))
        while True:
            kind, data, is_masked = read_websocket_frame(lambda length: read_exactly(stream, length))
            if not is_masked:
                return  # RFC 6455, 5.1
            connection.sendall(websocket_frame(PONG if kind == PING else kind, data))
            if kind == CLOSE:
                return


def read_request_head(stream):
    _, target, _ = read_line(stream).split(" ")
    headers = {}
    while line := read_line(stream):
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    return target, headers


def read_line(stream):
    line = stream.readline()
    if not line.endswith(b"\n"):
        raise EOFError
    return line.decode("latin-1").rstrip("\r\n")


def read_exactly(stream, length):
    data = stream.read(length)
    if len(data) < length:
        raise EOFError
    return data


def response_head(status, *headers):
    lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in headers), "", ""]
    return "\r\n".join(lines).encode()


# The clients

class OpenRequest:
    """A request on a connection of its own whose answer, if one comes, has no end."""

    def __init__(self, path, target, headers=(), **options):
        self.unread = bytearray()
        self.is_closed = False
        self.connection = http_client.Connection(path)
        self.socket = self.connection.socket
        self.connection.send(target, headers, **options)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.close()

    @cached_property
    def head(self):
        """The status line and the headers of the answer."""
        return self.read_through(b"\r\n\r\n").decode("latin-1")

    @property
    def status(self):
        return int(self.head.split(" ")[1])

    def header(self, name):
        lines = (line.partition(":") for line in self.head.split("\r\n")[1:])
        return next((value.strip() for key, _, value in lines if key.lower() == name.lower()), None)

    def send(self, data):
        """Sends more, such as a part of a body."""
        self.socket.settimeout(WAIT)
        self.socket.sendall(data)

    def read_next(self, seconds=WAIT):
        """Waits for bytes sent after everything that has been read."""
        self.is_open()
        self.unread.clear()
        assert self.receive(time.monotonic() + seconds), "the connection was closed"
        return bytes(self.unread)

    def read(self, length, seconds=WAIT):
        deadline = time.monotonic() + seconds
        while len(self.unread) < length:
            assert self.receive(deadline), f"the connection was closed, behind {bytes(self.unread)!r}"
        data = bytes(self.unread[:length])
        del self.unread[:length]
        return data

    def read_through(self, mark, seconds=WAIT):
        """Everything up to and including a text."""
        deadline = time.monotonic() + seconds
        while mark not in self.unread:
            assert self.receive(deadline), f"the connection was closed, behind {bytes(self.unread)!r}"
        return self.read(self.unread.index(mark) + len(mark))

    def receive(self, deadline):
        """Waits for more bytes; returns false if the connection was closed instead."""
        left = deadline - time.monotonic()
        assert left > 0, "nothing more was received in time, and the connection is open"
        self.socket.settimeout(left)
        try:
            data = self.socket.recv(1 << 16)
        except TimeoutError:
            data = None
        except ConnectionError:
            data = b""
        assert data is not None, "nothing more was received in time, and the connection is open"
        self.unread += data
        self.is_closed = not data
        return bool(data)

    def is_open(self):
        """Whether the connection is still open; reads all that has arrived."""
        self.socket.settimeout(0)
        try:
            while not self.is_closed:
                data = self.socket.recv(1 << 16)
                self.unread += data
                self.is_closed = not data
        except BlockingIOError:
            pass
        except ConnectionError:
            self.is_closed = True
        return not self.is_closed

    def wait_until_closed(self, seconds=WAIT):
        """Reads until the connection is closed."""
        deadline = time.monotonic() + seconds
        while not self.is_closed:
            self.receive(deadline)

    def is_complete(self):
        """Whether a chunked answer, read until the connection closed, ended properly."""
        return self.is_closed and self.unread.endswith(b"0\r\n\r\n")


class WebSocket(OpenRequest):
    """A WebSocket through nginx; `status` tells whether its handshake succeeded."""

    def __init__(self, path, target, headers=()):
        key = base64.b64encode(os.urandom(16)).decode()
        upgrade = [("Upgrade", "websocket"), ("Connection", "Upgrade"),
                   ("Sec-WebSocket-Version", "13"), ("Sec-WebSocket-Key", key)]
        super().__init__(path, target, [*headers, *upgrade])
        if self.status == 101:
            assert self.header("Sec-WebSocket-Accept") == accept_value(key)

    def send_text(self, text):
        self.send(websocket_frame(TEXT, text.encode(), os.urandom(4)))

    def receive_text(self):
        kind, data, is_masked = read_websocket_frame(self.read)
        assert kind == TEXT and not is_masked
        return data.decode()

    def echoes(self, text):
        """Whether a text comes back; fails where the connection is closed."""
        self.send_text(text)
        return self.receive_text() == text


class Http2Streams(Http2Connection):
    """A connection whose streams nginx may reset, each with a reason.

    One connection receives 64 KB at most: use `events` rather than `download`.
    """

    def __init__(self, path):
        super().__init__(path)
        self.resets = {}
        self.put_back = b""

    def read(self, length):
        data, self.put_back = self.put_back[:length], self.put_back[length:]
        return data + super().read(length - len(data))

    def receive(self):
        """Reads one frame; returns the stream that it ends, if any."""
        self.put_back = head = self.read(9)
        if head[3] != RST_STREAM:
            return super().receive()
        stream, reason = struct.unpack(">5xII", self.read(13))
        self.resets[stream] = reason
        return stream

    def receive_until(self, condition, what, seconds=WAIT):
        """Reads frames until a condition holds."""
        deadline = time.monotonic() + seconds
        while not condition():
            left = deadline - time.monotonic()
            assert left > 0, f"not within {seconds} s: {what}"
            self.socket.settimeout(left)
            try:
                self.receive()
            except TimeoutError:
                continue

    def wait_for_answers(self, streams):
        """Waits until answers have begun; returns their statuses."""
        self.receive_until(lambda: all(each in self.statuses for each in streams), "all streams are answered")
        return [self.statuses[each] for each in streams]

    def wait_for_resets(self, streams):
        """Waits until streams have been reset; returns the reasons."""
        self.receive_until(lambda: all(each in self.resets for each in streams), "all streams are reset")
        return [self.resets[each] for each in streams]

    def wait_for_more(self, stream, length=1):
        """Waits until more of an answer has arrived."""
        wanted = len(self.bodies.get(stream, b"")) + length
        self.receive_until(lambda: len(self.bodies.get(stream, b"")) >= wanted, "the answer continues")
