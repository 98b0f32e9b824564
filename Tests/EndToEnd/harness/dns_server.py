"""A name server for a few names."""

import socket
import struct
import threading
import time

REFUSED_NAME = 3
SECONDS_TO_LIVE = 0

# What nginx remembers an answer for; it counts whole seconds.
VALID_SECONDS = 1


class DNSServer:
    """Answers questions for `names`: each has an IPv4 address, or a list of them. All others do not exist.

    With `is_silent` it answers nothing, with `delay` each question after so many seconds.
    """

    def __init__(self, **names):
        self.names = names
        self.is_silent = False
        self.delay = 0
        self.questions = []
        self.asked_at = 0
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(0.1)
        self.port = self.socket.getsockname()[1]
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.serve, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join(10)
        self.socket.close()

    @property
    def resolver(self):
        """The directives with which nginx asks this server, and remembers nothing for long."""
        return f"resolver 127.0.0.1:{self.port} valid={VALID_SECONDS}s ipv6=off;"

    def is_forgotten(self):
        """Whether nginx has forgotten the last answer."""
        return time.monotonic() > self.asked_at + VALID_SECONDS + 1

    def serve(self):
        while not self.ended.is_set():
            try:
                question, client = self.socket.recvfrom(512)
            except socket.timeout:
                continue
            name = name_in(question)
            self.questions.append(name)
            self.asked_at = time.monotonic()
            if not self.is_silent and not self.ended.wait(self.delay):
                addresses = self.names.get(name.split(".")[0], [])
                self.socket.sendto(answer(question, [addresses] if isinstance(addresses, str) else addresses), client)


def name_in(question):
    labels, place = [], 12
    while length := question[place]:
        labels.append(question[place + 1 : place + 1 + length].decode())
        place += 1 + length
    return ".".join(labels)


def answer(question, addresses):
    """A reply with addresses, or that the name does not exist."""
    code = 0 if addresses else REFUSED_NAME
    head = question[:2] + struct.pack("!HHHHH", 0x8180 | code, 1, len(addresses), 0, 0)
    records = [struct.pack("!HHHIH", 0xC00C, 1, 1, SECONDS_TO_LIVE, 4) + socket.inet_aton(address) for address in addresses]
    return head + question[12 : question.index(b"\0", 12) + 5] + b"".join(records)
