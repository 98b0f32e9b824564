"""Every key sent once, so that caches are full and fresh."""

import socket

from harness.polling import wait_until

DEPTH = 400
ANSWER = b"HTTP/1.1 "


def warm(port, keys):
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        for start in range(0, len(keys), DEPTH):
            piece = b"".join(request_with(key) for key in keys[start : start + DEPTH])
            count = len(keys[start : start + DEPTH])
            # On a machine that is busy with other things, a candidate may not get its answer in time.
            wait_until(lambda: accepted(connection, piece, count) == count, "all valid keys are accepted")


def request_with(key):
    return b"GET / HTTP/1.1\r\nHost: bench\r\nX-API-Key: %s\r\n\r\n" % key.encode()


def accepted(connection, requests, count):
    """Sends this many requests in one piece; returns how many were accepted."""
    connection.sendall(requests)
    received = b""
    while received.count(ANSWER) < count or not is_whole(received):
        piece = connection.recv(1 << 18)
        assert piece, "the connection was closed"
        received += piece
    return received.count(ANSWER + b"200")


def is_whole(received):
    """Whether the last answer is there with its body."""
    head, found, body = received.rpartition(ANSWER)[2].partition(b"\r\n\r\n")
    if not found:
        return False
    length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    return len(body) >= int(length.partition(b":")[2])
