"""Just enough of HTTP/2 (RFC 9113) to open many streams at once, and to reset some."""

import socket
import struct

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY = 0, 1, 3, 4, 6, 7
END_STREAM, END_HEADERS, ACK = 1, 4, 1
CANCEL = 8


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def literal(name, value):
    """A header field without indexing and without Huffman codes (RFC 7541, 6.2.2)."""
    return b"\0" + string(name) + string(value)


def string(text):
    data = text.encode()
    if len(data) < 127:
        return bytes([len(data)]) + data
    rest = len(data) - 127
    return bytes([127, rest & 127 | 128, rest >> 7]) + data


def status_of(block):
    """The status, with which nginx begins a header block: indexed, or as three digits."""
    indexed = {0x88: 200, 0x89: 204, 0x8C: 400, 0x8D: 404, 0x8E: 500}
    return indexed.get(block[0]) or int(block[2:5])


class Http2Connection:
    """One connection to a unix socket; a request is a stream, identified by its number."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(60)
        self.socket.connect(str(path))
        self.socket.sendall(PREFACE + frame(SETTINGS, 0, 0))
        self.next_stream = 1
        self.statuses = {}
        self.bodies = {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def request_frame(self, target, headers=()):
        """The frame of a new request, and its stream."""
        fields = [(":method", "GET"), (":scheme", "http"), (":authority", "gateway"), (":path", target)]
        fields += [(name.lower(), value) for name, value in headers]
        stream, self.next_stream = self.next_stream, self.next_stream + 2
        block = b"".join(literal(*field) for field in fields)
        return frame(HEADERS, END_STREAM | END_HEADERS, stream, block), stream

    def open(self, requests):
        """Sends requests in one piece; returns their streams."""
        frames = [self.request_frame(*request) for request in requests]
        self.socket.sendall(b"".join(data for data, _ in frames))
        return [stream for _, stream in frames]

    def give_up(self, streams):
        reason = struct.pack(">I", CANCEL)
        self.socket.sendall(b"".join(frame(RST_STREAM, 0, stream, reason) for stream in streams))

    def answers(self, streams):
        """Reads until all of these streams have ended; returns status and body of each."""
        left = set(streams)
        while left:
            left.discard(self.receive())
        return [(self.statuses[stream], self.bodies.get(stream, b"").decode()) for stream in streams]

    def receive(self):
        """Reads one frame; returns the stream that it ends, if any."""
        head = self.read(9)
        kind, flags, stream = struct.unpack(">BBI", head[3:])
        payload = self.read(int.from_bytes(head[:3], "big"))
        assert kind not in (GOAWAY, RST_STREAM), f"frame {kind} of stream {stream}: {payload!r}"
        if kind == HEADERS:
            self.statuses[stream] = status_of(payload)
        elif kind == DATA:
            self.bodies[stream] = self.bodies.get(stream, b"") + payload
        elif kind in (SETTINGS, PING) and not flags & ACK:
            self.socket.sendall(frame(kind, ACK, 0, payload if kind == PING else b""))
        return stream if kind in (DATA, HEADERS) and flags & END_STREAM else None

    def read(self, length):
        data = b""
        while len(data) < length:
            piece = self.socket.recv(length - len(data))
            assert piece, "the connection was closed"
            data += piece
        return data
