"""A wire between gateways and Redis that keeps a copy of what passes."""

import socket
import threading

from harness.fake_redis import shut


class Conversation:
    """One connection: all bytes that the gateway sent, and all that Redis sent."""

    def __init__(self):
        self.sent = bytearray()
        self.received = bytearray()
        self.first_answer = 0  # bytes of Redis before the gateway spoke again


class WireTap:
    """Listens on `port`, a free one unless it is given, and passes everything on to another port and back."""

    def __init__(self, target, port=0):
        self.target = target
        self.listener = socket.create_server(("127.0.0.1", port))
        self.port = self.listener.getsockname()[1]
        self.conversations = []
        self.sockets = [self.listener]
        self.thread = threading.Thread(target=self.accept, daemon=True)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def start(self):
        if not self.thread.ident:
            self.thread.start()
        return self

    def stop(self):
        for each in self.sockets:
            shut(each)
        if self.thread.ident:
            self.thread.join(10)

    def cut(self):
        """Ends all connections."""
        for each in self.sockets[1:]:
            shut(each)

    def bytes(self):
        """All that has passed, in both directions."""
        return b"".join(bytes(each.sent + each.received) for each in list(self.conversations))

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            try:
                store = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                shut(client)
                continue
            conversation = Conversation()
            self.conversations.append(conversation)
            self.sockets += [client, store]
            for pump in (self.pump_sent, self.pump_received):
                threading.Thread(target=pump, args=(conversation, client, store), daemon=True).start()

    def pump_sent(self, conversation, client, store):
        for piece in pieces(client):
            conversation.first_answer = conversation.first_answer or len(conversation.received)
            conversation.sent += piece
            deliver(piece, store)
        shut(store)

    def pump_received(self, conversation, client, store):
        for piece in pieces(store):
            conversation.received += piece
            deliver(piece, client)
        shut(client)


def pieces(source):
    """What arrives on a socket until it ends."""
    try:
        while piece := source.recv(1 << 16):
            yield piece
    except OSError:
        pass


def deliver(piece, target):
    try:
        target.sendall(piece)
    except OSError:
        shut(target)
