"""What stores of several servers have in common: all servers at once, and those among which the primary changes."""

from contextlib import contextmanager

from harness.polling import wait_until

# A failover on a loaded machine, in seconds.
FAILOVER_SECONDS = 90


class SeveralServers:
    """A store of `servers`; what happens to "the store" happens to all of them.

    all_options  more options of the servers, as of redis-server
    listeners()  of each process that takes part the listeners that other machines reach
    """

    @property
    def gateway_url(self):
        return self.url

    @property
    def options(self):
        return self.all_options

    @options.setter
    def options(self, options):
        self.all_options = options
        for server in self.servers:
            server.options = options

    def authenticate(self, user, password):
        self.login = user, password
        for server in self.servers:
            server.login = self.login
            server.authenticate(user, password)

    def stop(self):
        """Stops all servers in order, replicas first, for which a primary would wait."""
        primaries = self.primaries
        for server in [*(each for each in self.servers if each not in primaries), *primaries]:
            server.stop()

    def kill(self):
        """Kills all servers, as a loss of power does."""
        for server in self.servers:
            if server.is_running:
                server.process.kill()
        for server in self.servers:
            server.process.wait()

    def freeze(self):
        for server in self.servers:
            server.freeze()

    def thaw(self):
        for server in self.servers:
            server.thaw()

    def rewrite(self):
        for server in self.servers:
            server.rewrite()

    # Faults of the network

    def cut_off(self, server, company=()):
        """Parts the network: a server and its company are on one side, everything else is on the other.

        company   others that take part, and processes by their ids
        What is under way waits until the network is whole.
        """
        near = {server, *(each for each in company if not isinstance(each, int))}
        inside = {each if isinstance(each, int) else each.process.pid for each in (server, *company)}
        for each, listeners in self.listeners().items():
            for listener in listeners:
                if each in near:
                    listener.proxy.stall(but=inside)
                else:
                    listener.proxy.stall(among=inside)

    def reconnect(self):
        """Makes the network whole."""
        for listeners in self.listeners().values():
            for listener in listeners:
                listener.proxy.heal()


class Succession:
    """Servers of which one is the primary: `servers`, the last one known, and `named()`, the one that others name now."""

    @property
    def primary(self):
        """The server that is named, or else the last one that was."""
        named = self.named()
        if named:
            self.primary_before = named
        return self.primary_before

    @property
    def replicas(self):
        """All servers but the primary, whether they run or not."""
        primary = self.primary
        return [each for each in self.servers if each is not primary]

    def are_replicas_linked(self):
        """Whether the server that is named is the primary, and all other servers that run follow it."""
        primary = self.named()
        if not (primary and primary.is_running and primary.is_primary):
            return False
        self.primary_before = primary
        replicas = [each for each in self.servers if each is not primary and each.is_running]
        return primary.online_replicas() == len(replicas) and all(each.is_linked_to(primary) for each in replicas)

    def wait_for_another(self, old, seconds=FAILOVER_SECONDS):
        """Waits until another server is named, and takes writes."""
        return wait_until(lambda: self.successor(old), "another server is the primary", seconds)

    def successor(self, old):
        named = self.named()
        return named if named and named is not old and named.is_primary else None

    def fail_over(self):
        """Orders a failover, and returns the new primary."""
        return self.wait_for_another(self.order_failover())

    def kill_primary(self):
        """Kills the primary, and returns it."""
        old = self.primary
        old.kill()
        return old

    @contextmanager
    def frozen(self, server):
        """A server that stands still during the block."""
        server.freeze()
        try:
            yield server
        finally:
            server.thaw()

    @contextmanager
    def partition(self, server, company=()):
        """A partition of the network for the duration of the block."""
        self.cut_off(server, company)
        try:
            yield server
        finally:
            self.reconnect()
