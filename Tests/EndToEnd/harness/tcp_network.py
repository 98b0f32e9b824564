"""The process of a TCPProxy: tcp_network.py PORT TARGET.

It reads commands from standard input, a line of JSON each, and answers each with a line once it holds.
"""

import json
import os
import select
import socket
import struct
import sys

PIECE = 1 << 16


class Passage:
    """One connection: its two sockets, and what is under way to each."""

    def __init__(self, client, owner_port):
        self.client = client
        self.server = None
        self.owner_port = owner_port
        self.is_stalled = False
        self.pending = {}

    def other(self, side):
        return self.server if side is self.client else self.client


class Network:
    def __init__(self, port, target):
        self.target = target
        self.listener = socket.create_server(("127.0.0.1", port), backlog=1024)
        self.listener.setblocking(False)
        self.poll = select.epoll()
        self.poll.register(self.listener, select.EPOLLIN)
        self.poll.register(0, select.EPOLLIN)
        self.passages = {}
        self.all = set()
        self.rule = None
        self.unread = b""

    def run(self):
        while True:
            for descriptor, _ in self.poll.poll():
                if descriptor == 0:
                    if not self.obey():
                        return
                elif descriptor == self.listener.fileno():
                    self.accept()
                elif descriptor in self.passages:
                    self.carry(*self.passages[descriptor])

    # Commands

    def obey(self):
        piece = os.read(0, PIECE)
        *lines, self.unread = (self.unread + piece).split(b"\n")
        for line in lines:
            message = json.loads(line)
            if "cut" in message:
                for passage in list(self.all):
                    self.close(passage)
            else:
                self.rule = message["stall"]
                self.apply_rule(list(self.all))
            sys.stdout.write("done\n")
            sys.stdout.flush()
        return bool(piece)

    def apply_rule(self, passages):
        inside = self.ports_inside() if self.rule else set()
        for passage in passages:
            stalls = self.rule is not None and (passage.owner_port in inside) == self.rule["inside"]
            if stalls and not passage.is_stalled:
                passage.is_stalled = True
                self.unwatch(passage)
            elif not stalls and (passage.is_stalled or not passage.server):
                passage.is_stalled = False
                self.resume(passage)

    def ports_inside(self):
        """The local ports of the rule's processes."""
        inodes = set().union(*map(sockets_of, self.rule["pids"]))
        return {port for port, inode in open_ports() if inode in inodes}

    # Connections

    def accept(self):
        try:
            client, (_, port) = self.listener.accept()
        except OSError:
            return
        passage = Passage(client, port)
        self.all.add(passage)
        self.apply_rule([passage])

    def resume(self, passage):
        if passage.server is None and not self.connect(passage):
            return
        for side in (passage.client, passage.server):
            self.watch(passage, side)

    def connect(self, passage):
        try:
            passage.server = socket.create_connection(("127.0.0.1", self.target), 20)
        except OSError:
            self.close(passage)
            return False
        for side in (passage.client, passage.server):
            side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            side.setblocking(False)
        return True

    def watch(self, passage, side):
        """Waits for room where something is under way to this side, and reads from it unless the other side has no room."""
        events = (select.EPOLLOUT if side in passage.pending else 0) | (0 if passage.other(side) in passage.pending else select.EPOLLIN)
        if side.fileno() in self.passages:
            self.poll.modify(side, events)
        else:
            self.poll.register(side, events)
            self.passages[side.fileno()] = passage, side

    def unwatch(self, passage):
        for side in (passage.client, passage.server):
            if side and self.passages.pop(side.fileno(), None):
                self.poll.unregister(side)

    def carry(self, passage, side):
        """Delivers what is under way to a side, and passes on what it has sent."""
        try:
            if side in passage.pending:
                self.deliver(passage, side, passage.pending.pop(side))
            if passage.other(side) not in passage.pending:
                piece = side.recv(PIECE)
                if not piece:
                    return self.close(passage)
                self.deliver(passage, passage.other(side), piece)
        except BlockingIOError:
            pass
        except OSError:
            return self.close(passage, reset=True)
        for each in (passage.client, passage.server):
            self.watch(passage, each)

    @staticmethod
    def deliver(passage, side, data):
        try:
            sent = side.send(data)
        except BlockingIOError:
            sent = 0
        if sent < len(data):
            passage.pending[side] = data[sent:]

    def close(self, passage, reset=False):
        self.unwatch(passage)
        self.all.discard(passage)
        for side in (passage.client, passage.server):
            if side:
                if reset:
                    side.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                side.close()


def sockets_of(pid):
    """The inodes of a process' sockets."""
    found = set()
    try:
        for name in os.listdir(f"/proc/{pid}/fd"):
            try:
                target = os.readlink(f"/proc/{pid}/fd/{name}")
            except OSError:
                continue
            if target.startswith("socket:["):
                found.add(target[8:-1])
    except OSError:
        pass
    return found


def open_ports():
    """The local port and the inode of each TCP socket."""
    for line in open("/proc/self/net/tcp").read().splitlines()[1:]:
        words = line.split()
        yield int(words[1].rpartition(":")[2], 16), words[9]


if __name__ == "__main__":
    network = Network(int(sys.argv[1]), int(sys.argv[2]))
    print("ready", flush=True)
    network.run()
