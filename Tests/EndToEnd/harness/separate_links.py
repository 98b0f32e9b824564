"""Gateways that can be cut off from the store one by one."""

import re

from harness import processes
from harness.membership import MEMBERSHIP
from harness.polling import wait_until
from harness.sandbox import Sandbox
from harness.store_proxy import StoreProxy


class SeparateLinks(Sandbox):
    """Each gateway has one worker and reaches Redis through a proxy of its own; the executable does not.

    The gateways' files hold `gateway_settings` as well; the executable's does not.
    """

    def __init__(self, gateway_settings="", **options):
        self.gateway_settings = gateway_settings
        self.proxies = []
        super().__init__(workers=1, **options)

    def add_gateway(self, number, **nginx):
        super().add_gateway(number, **nginx)
        gateway = self.gateways[-1]
        gateway.proxy = StoreProxy(self.folder / f"proxy-{number}.sock", self.redis).start()
        self.proxies.append(gateway.proxy)
        names = re.findall(r"latchkey_\w+", self.gateway_settings)
        lines = [line for line in self.config.read_text().splitlines() if line.partition(" ")[0] not in names]
        own = re.sub("(?m)^(latchkey_store) .*;", rf"\1 {gateway.proxy.url};", "\n".join(lines))
        path = self.folder / f"gateway-{number}.conf"
        path.write_text(f"{own}\n{self.gateway_settings}\n")
        gateway.configure(settings=path)

    def end(self):
        super().end()
        for proxy in self.proxies:
            proxy.stop()

    def delete_list(self):
        self.redis.cli("DEL", MEMBERSHIP)

    def wait_for_member(self, gateway):
        """Waits until the worker of a gateway is a member."""
        pid = str(gateway.worker())
        wait_until(lambda: pid in [member["pid"] for member in self.members()], "the worker is a member")


class CutOff:
    """The connections of a gateway to Redis end, and it can make no others."""

    def __init__(self, gateway):
        self.gateway = gateway
        gateway.proxy.is_refusing = True
        for listens in (True, False):
            gateway.proxy.cut(listens)

    def end(self):
        self.gateway.proxy.is_refusing = False


class HalfOpen:
    """A gateway no longer hears or reaches Redis, which still sees its connections."""

    def __init__(self, gateway):
        self.gateway = gateway
        gateway.proxy.is_refusing = True
        self.lost = [lost for listens in (True, False) for lost in gateway.proxy.silence(listens)]

    def end(self):
        self.gateway.proxy.is_refusing = False
        self.gateway.proxy.close(self.lost)


class Frozen:
    """The worker of a gateway is stopped."""

    def __init__(self, gateway):
        self.worker = gateway.worker()
        processes.freeze(self.worker)

    def end(self):
        processes.thaw(self.worker)
