"""A server in the place of Redis with prescribed answers."""

import socket
import threading

OK = b"+OK\r\n"
PONG = b"+PONG\r\n"
RECORD_FIELDS = 12

INVALIDATION = b"__redis__:invalidate"
QUEUED = b"+QUEUED\r\n"


def bulk(text):
    return b"$%d\r\n%s\r\n" % (len(text), text)


def message(channel, content):
    """What a subscriber receives; the content is encoded as a reply, too."""
    return array(bulk(b"message"), bulk(channel), content)


def array(*elements):
    return b"*%d\r\n%s" % (len(elements), b"".join(elements))


class FakeRedis:
    """Answers HMGET with `record`, a function of the command's words, PING with `ping`, all else with OK.

    A reply of None ends the connection.  `greeting` is sent before anything was asked; with
    `byte_by_byte` each byte of a reply is sent separately.  With `pong`, a function of a number, it also does what a
    gateway with an invalidation link needs: numbered PINGs are answered so, it is a member, and subscribers get
    `invalidations`.
    """

    def __init__(self, path, record, ping=PONG, greeting=b"", byte_by_byte=False, pong=None, invalidations=b""):
        self.path = path
        self.record = record
        self.ping = ping
        self.greeting = greeting
        self.pong = pong
        self.invalidations = invalidations
        self.piece_length = 1 if byte_by_byte else 1 << 24
        self.commands = []
        self.entry = b""
        self.ended = False
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen(64)
        self.threads = [threading.Thread(target=self.accept, daemon=True)]
        self.connections = []

    def __enter__(self):
        self.threads[0].start()
        return self

    def __exit__(self, *_):
        self.ended = True
        for each in [self.listener, *self.connections]:
            shut(each)
        for thread in self.threads:
            thread.join(10)
        self.path.unlink()

    def count(self, name):
        return sum(words[0] == name for words in self.commands)

    def accept(self):
        while not self.ended:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections.append(connection)
            thread = threading.Thread(target=self.serve, args=(connection,), daemon=True)
            self.threads.append(thread)
            thread.start()

    def serve(self, connection):
        try:
            connection.sendall(self.greeting)
            with connection.makefile("rb") as stream:
                while words := read_command(stream):
                    self.commands.append(words)
                    reply = self.reply(words)
                    if reply is None:
                        break
                    for start in range(0, len(reply), self.piece_length):
                        connection.sendall(reply[start : start + self.piece_length])
        except (OSError, ValueError):
            pass  # the gateway went away, or this server is ended
        finally:
            shut(connection)

    def reply(self, words):
        if self.pong and (reply := self.reply_to_gateway(words)) != b"":
            return reply
        match words[0]:
            case b"PING":
                return self.ping
            case b"HMGET":
                return self.record(words)
            case b"ZADD":
                return b":0\r\n"
            case _:
                return OK

    def reply_to_gateway(self, words):
        match words:
            case [b"PING", number]:
                return self.pong(number)
            case [b"CLIENT", b"ID"]:
                return b":7\r\n"
            case [b"SUBSCRIBE", channel]:
                subscribed = array(bulk(b"subscribe"), bulk(channel), b":1\r\n")
                return None if self.invalidations is None else subscribed + self.invalidations
            case [b"HSET", _, _, entry]:
                self.entry = entry
                return QUEUED
            case [b"HINCRBY" | b"HSETNX", *_]:
                return QUEUED
            case [b"EXEC"]:
                return array(*[b":1\r\n"] * 3)
            case [b"HGET", *_]:
                return bulk(self.entry)
            case [b"RPUSH" | b"EXPIRE" | b"ZINCRBY", *_]:
                return b":1\r\n"
        return b""


def read_command(stream):
    """The words of the next command; none at the end of the stream."""
    head = stream.readline()
    if not head.startswith(b"*"):
        return []
    words = []
    for _ in range(int(head[1:])):
        length = int(stream.readline()[1:])
        words.append(stream.read(length + 2)[:-2])
    return words


def shut(connection):
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
    connection.close()
