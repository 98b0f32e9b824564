"""Two gateways of two workers, and servers with sentinels or a cluster, each behind a network of its own, with the documented users."""

from pathlib import Path
from tempfile import TemporaryDirectory

from harness import acl
from harness.key_forge import KeyForge
from harness.nginx_server import NginxServer
from harness.sandbox import SENTINEL, Sandbox
from trials.administrators import Administrators

GATEWAYS = ("leased", "strict")

LEASE = 1
SETTINGS = f"latchkey_lease {LEASE}s;\nlatchkey_timeout 500ms;"

SERVER = """
        access_log off;
        error_log error.log notice;

        location /api {
            latchkey on;
            proxy_pass http://unix:api.sock;
        }
"""


class World:
    """`store` are options of a SentinelStore or a ClusterStore, as the topology says."""

    def __init__(self, stack, gateways=GATEWAYS, topology=SENTINEL, server=SERVER, **store):
        self.server = server
        users = Path(stack.enter_context(TemporaryDirectory())) / "users.acl"
        acl.write_users(users, topology=topology)
        options = {"proxied": True, **(acl.guarded_sentinels() if topology == SENTINEL else acl.guarded_servers()), **store}
        self.sandbox = stack.enter_context(Sandbox(
            start=False, gateways=0, settings=SETTINGS, redis_options=["--aclfile", str(users)], redis_login=acl.OPERATOR,
            **{topology: options}))
        acl.authenticate(self.sandbox)
        self.store = self.sandbox.redis
        self.programs = [self.sandbox.latchkey]
        for number, consistency in enumerate(gateways):
            self.add_gateway(number, consistency)

    def add_gateway(self, number, consistency, **options):
        settings = self.sandbox.folder / f"{consistency}-{number}.conf"
        settings.write_text(f"{self.sandbox.config.read_text()}\nlatchkey_consistency {consistency};\n")
        gateway = NginxServer(self.sandbox.folder / f"nginx-{number}", settings, self.server, **options)
        self.sandbox.gateways.append(gateway)
        return gateway.start()

    @property
    def gateways(self):
        return self.sandbox.gateways

    def forged_keys(self, organizations):
        forge = KeyForge(self.sandbox.pepper_file.read_text().split()[0])
        return [forge.forged(name) for name in organizations]


class Owners(Administrators):
    """Administrators that remember how long each command took, and what it said."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.results = []

    def run(self, program, *words, as_=None):
        result = super().run(program, *words, as_=as_)
        self.results.append((words[0], result))
        return result
