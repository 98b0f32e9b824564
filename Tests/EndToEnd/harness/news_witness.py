"""A client of Redis that is told of every change of a record, as the gateways are, and notes when."""

import socket
import threading
import time

from harness.fake_redis import shut
from harness.polling import wait_until

CHANNEL = "__redis__:invalidate"
PREFIX = "latchkey:record:"


class NewsWitness:
    """`changes` holds, in order, when it was told and of which keys; none stands for all keys."""

    def __init__(self, redis):
        self.changes = []
        if redis.port:
            self.socket = socket.create_connection(("127.0.0.1", redis.port))
        else:
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.connect(str(redis.socket))
        self.stream = self.socket.makefile("rb")
        self.thread = threading.Thread(target=self.listen, daemon=True)

    def __enter__(self):
        number = self.ask("CLIENT ID")
        assert self.ask(f"CLIENT TRACKING ON REDIRECT {number} BCAST PREFIX {PREFIX}") == b"OK"
        assert self.ask(f"SUBSCRIBE {CHANNEL}")[0] == b"subscribe"
        self.thread.start()
        return self

    def __exit__(self, *_):
        shut(self.socket)
        self.thread.join(20)
        self.stream.close()

    def ask(self, command):
        self.socket.sendall(command.encode() + b"\r\n")
        return read_reply(self.stream)

    def listen(self):
        try:
            while message := read_reply(self.stream):
                self.changes.append((time.monotonic(), [key.decode() for key in message[2] or ()]))
        except (OSError, ValueError):
            pass  # the test is over

    def time_of_change(self, key, after):
        """When it was told of the first change of a key after a moment."""
        def told():
            return [at for at, keys in self.changes if at > after and key in keys]

        return wait_until(told, f"{key} is changed")[0]


def read_reply(stream):
    """A reply of RESP2; `None` where there is no more."""
    line = stream.readline().rstrip(b"\r\n")
    kind, text = line[:1], line[1:]
    match kind:
        case b":":
            return int(text)
        case b"$":
            return None if text == b"-1" else stream.read(int(text) + 2)[:-2]
        case b"*":
            return None if text == b"-1" else [read_reply(stream) for _ in range(int(text))]
        case b"":
            return None
    return text
