"""The servers of a ClusterStore."""

import re
import secrets

from harness.data_server import DataServer
from harness.listener import Listener, proxy_of

# The slots of a cluster.
SLOTS = 16384


class ClusterServer(DataServer):
    """A server of a cluster. Others reach it, and its bus, at what it announces."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        proxied = arguments[-1]
        self.bus = Listener(proxy_of(proxied))
        self.id = secrets.token_hex(20)
        self.nodes_file = self.folder / "nodes.conf"

    def join(self, node_timeout, more=()):
        """Writes its file."""
        port = "cluster-announce-tls-port" if self.secure else "cluster-announce-port"
        self.configure(
            "cluster-enabled yes", f"cluster-config-file {self.nodes_file.name}", f"cluster-node-timeout {node_timeout}",
            f"cluster-port {self.bus.listening}", "cluster-announce-ip 127.0.0.1", f"{port} {self.listener.port}",
            f"cluster-announce-bus-port {self.bus.port}", "replica-announce-ip 127.0.0.1", f"replica-announce-port {self.listener.port}",
            "cluster-replica-validity-factor 0", "cluster-allow-replica-migration no",
            *self.secure_bus(), *more)

    def secure_bus(self):
        """The lines for a bus with TLS, which always wants a client's certificate."""
        if not self.secure:
            return []
        client = self.secure.authority.client(f"bus-{self.number}")
        return ["tls-cluster yes", f"tls-client-cert-file {client.path}", f"tls-client-key-file {client.key}"]

    def know(self, members):
        """Writes what it knows of the cluster, as if all had met before: the lines of all servers, its own marked."""
        lines = [re.sub(" (master|slave) ", r" myself,\1 ", line, count=1) if line.startswith(self.id) else line for line in members]
        self.nodes_file.write_text("\n".join([*lines, f"vars currentEpoch {len(members)} lastVoteEpoch 0", ""]))

    def member(self, epoch, primary=None, ranges=()):
        """Its line in the file of every server: of a primary with ranges of slots, or of a replica of another server."""
        role = f"slave {primary.id}" if primary else "master -"
        held = "".join(f" {slots[0]}-{slots[-1]}" for slots in ranges)
        return f"{self.id} 127.0.0.1:{self.listener.port}@{self.bus.port} {role} 0 0 {epoch} connected{held}"

    def launch(self):
        self.bus.start()
        super().launch()

    def end(self):
        super().end()
        self.bus.stop()

    def view(self):
        """What it knows of each server of the cluster; empty if it does not answer."""
        text = self.try_ask("CLUSTER", "NODES")
        return [Member(line) for line in text.splitlines()] if isinstance(text, str) else []

    def slot_map(self):
        """The port of the primary of each range of slots, as it sees it: (first, last, port); empty if it does not answer."""
        return [(first, last, member.port) for member in self.view() for first, last in member.ranges]

    @property
    def is_serving(self):
        """Whether the cluster is well, as it sees it."""
        text = self.try_ask("CLUSTER", "INFO")
        return isinstance(text, str) and "cluster_state:ok" in text


class Member:
    """A line of CLUSTER NODES."""

    def __init__(self, line):
        self.id, address, flags, self.primary_id, _, _, epoch, self.link, *slots = line.split()
        self.port = int(address.split("@")[0].rpartition(":")[2])
        self.flags = set(flags.split(","))
        self.epoch = int(epoch)
        ranges = [word.split("-") for word in slots if not word.startswith("[")]
        self.ranges = [(int(each[0]), int(each[-1])) for each in ranges]
        self.open_slots = [word for word in slots if word.startswith("[")]

    @property
    def is_well(self):
        return not self.flags & {"fail", "fail?", "handshake", "noaddr"} and self.link == "connected"
