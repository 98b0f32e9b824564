"""One connection to a Redis or a sentinel, for questions that are asked too often for redis-cli."""

import socket


class RedisLink:
    """Speaks RESP2 on a unix socket. Any failure is an OSError."""

    def __init__(self, path, seconds=2, login=()):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(seconds)
        try:
            self.socket.connect(str(path))
        except OSError:
            self.socket.close()
            raise
        self.reader = self.socket.makefile("rb")
        if login:
            self.ask("AUTH", *login)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.reader.close()
        self.socket.close()

    def ask(self, *words):
        """Sends a command; returns its reply, in which texts are `str` and an error is a RedisError."""
        encoded = [str(word).encode() for word in words]
        self.socket.sendall(b"*%d\r\n" % len(encoded) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in encoded))
        return self.reply()

    def reply(self):
        line = self.reader.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionResetError("Redis has closed the connection")
        kind, rest = line[:1], line[1:-2].decode(errors="replace")
        match kind:
            case b"+":
                return rest
            case b"-":
                return RedisError(rest)
            case b":":
                return int(rest)
            case b"$":
                return self.bulk(int(rest))
            case b"*":
                return None if rest == "-1" else [self.reply() for _ in range(int(rest))]
        raise ConnectionError(f"Redis sends {line!r}")

    def bulk(self, length):
        if length < 0:
            return None
        data = self.reader.read(length + 2)
        if len(data) < length + 2:
            raise ConnectionResetError("Redis has closed the connection")
        return data[:-2].decode(errors="replace")


class RedisError(Exception):
    """An error that was a reply."""


def fields(text):
    """The fields of INFO, by name."""
    return dict(line.split(":", 1) for line in text.split("\r\n") if ":" in line)


def pairs(reply):
    """The fields of a reply in which names and values alternate."""
    return dict(zip(reply[::2], reply[1::2]))
