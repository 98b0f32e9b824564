"""Every key sent once, so that caches are full and fresh."""

import socket

DEPTH = 100
ANSWER = b"HTTP/1.1 "


def warm(port, keys):
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        for start in range(0, len(keys), DEPTH):
            piece = keys[start : start + DEPTH]
            connection.sendall(b"".join(request_with(key) for key in piece))
            take(connection, len(piece))


def request_with(key):
    return b"GET / HTTP/1.1\r\nHost: bench\r\nX-API-Key: %s\r\n\r\n" % key.encode()


def take(connection, count):
    """Reads so many answers, which must all be good."""
    received = b""
    while received.count(ANSWER) < count or not is_whole(received):
        piece = connection.recv(1 << 18)
        assert piece, "the connection was closed"
        received += piece
    assert received.count(ANSWER + b"200") == count, "a valid key was refused"


def is_whole(received):
    """Whether the last answer is there with its body; all are of one length."""
    head, found, body = received.rpartition(ANSWER)[2].partition(b"\r\n\r\n")
    if not found:
        return False
    length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    return len(body) >= int(length.partition(b":")[2])
