"""A gateway with its store and its executable, in a folder of their own."""

import itertools
import os
import re
import shutil

from harness import cluster_store, http_client, prepared_clusters, sentinel_store
from harness.artefacts import CALLER, IS_ROOT
from harness.cluster_store import ClusterStore
from harness.executable import DONE, Latchkey
from harness.key_forge import KeyForge, record_key, secret_of
from harness.membership import MEMBER_ID, MEMBERSHIP, hand_over
from harness.nginx_server import NginxServer
from harness.polling import wait_until
from harness.redis_server import RedisServer
from harness.sentinel_store import SentinelStore
from harness.store_proxy import StoreProxy
from harness.store_tls import StoreTLS

# The consistency of checks with the store.
LEASED, STRICT = "leased", "strict"

OWNER = "alice"

# Gateways reach Redis with TLS in every test, except through proxies that look at what passes.
TLS_EVERYWHERE = StoreTLS if os.environ.get("TLS") == "1" else None

# Whether the store of every test is one Redis, servers with sentinels, or a cluster.
STANDALONE, SENTINEL, CLUSTER = "standalone", "sentinel", "cluster"
TOPOLOGY = os.environ.get("TOPOLOGY") or STANDALONE

# Options of a SentinelStore, and of a ClusterStore.
DEFAULTS = {STANDALONE: (None, None), SENTINEL: (sentinel_store.STEADY, None), CLUSTER: (None, cluster_store.STEADY)}

# The server of every test that does not name one, and options of all.
REDIS = (os.environ.get("REDIS_SERVER") or "redis-server",)
REDIS_OPTIONS = (os.environ.get("REDIS_OPTIONS") or "").split()

# Of very many keys, this many are searched for in files that may hold none.
SEARCHED_KEYS = 100

# Gateways that a slow machine, or a slow disk, leads to refuse nobody.
PATIENT = "latchkey_timeout 10s;\nlatchkey_lease 10s;"

# Lets the account that runs the tests act as an owner.
OPERATORS = "" if IS_ROOT else f"latchkey_operators {CALLER};"

# An API that requires a key, the same behind auth_request, and a public page.
SERVER = """
        location /api {
            latchkey on;
            proxy_pass http://unix:api.sock;
        }

        location /checked {
            auth_request /check;
            auth_request_set $organization $latchkey_organization;
            proxy_set_header X-Organization $organization;
            proxy_pass http://unix:api.sock;
        }

        location = /check {
            internal;
            latchkey_verify;
        }

        location = /open {
            return 200 'open\\n';
        }
"""

# The same on h2.sock in HTTP/2, and a gRPC API.
HTTP2_SERVER = SERVER + """
    }

    server {
        listen unix:h2.sock http2;
""" + SERVER + """
        location /grpc {
            latchkey on;
            grpc_set_header X-Organization $latchkey_organization;
            grpc_set_header X-Result $latchkey_result;
            grpc_pass grpc://unix:grpc.sock;
        }
    }

    server {
        listen unix:grpc.sock http2;
        location / {
            return 200 '$uri organization=$http_x_organization result=$http_x_result\\n';
        }
"""


class Sandbox:
    """Starts everything when it is made, and checks everything when it is closed.

    With `proxied`, the gateways reach Redis through `proxy`; with `tls`, which makes a StoreTLS in a folder, they reach
    it with TLS. The executable does neither.

    With `sentinel`, options of a SentinelStore, or `cluster`, options of a ClusterStore, or where TOPOLOGY says so, the store
    consists of several servers; gateways and executable reach it in the same way.
    """

    live = []

    def __init__(self, tcp=False, settings="", start=True, redis_options=(), redis_login=(), redis_program=REDIS,
                 consistency=None, gateways=1, proxied=False, tls=TLS_EVERYWHERE, sentinel=None, cluster=None, **nginx):
        self.expected = []
        if proxied:
            tls = None
        redis_options = [*REDIS_OPTIONS, *redis_options]
        if sentinel is None and cluster is None and not tcp:
            sentinel, cluster = DEFAULTS[TOPOLOGY]
        self.has_sentinels = sentinel is not None
        self.has_cluster = cluster is not None
        assert not (proxied and self.has_failover), "a proxy cannot stand in front of all servers"
        is_usual = TOPOLOGY == CLUSTER and cluster == cluster_store.STEADY and tls is TLS_EVERYWHERE
        if is_usual and not redis_options and not redis_login and redis_program == REDIS:
            prepared = prepared_clusters.take(tls, redis_program)
            self.folder, self.tls, self.redis = prepared.folder, prepared.tls, prepared.store
        else:
            self.folder = prepared_clusters.new_folder()
            self.tls = tls(self.folder / "tls") if tls else None
            server = self.folder / "redis", redis_options, redis_login, redis_program, self.tls
            self.redis = (
                SentinelStore(*server, **sentinel) if self.has_sentinels else ClusterStore(*server, **cluster) if self.has_cluster
                else RedisServer(server[0], tcp, *server[1:]))
        self.config = self.folder / "latchkey.conf"
        self.pepper_file = self.folder / "pepper"
        self.latchkey = Latchkey(self.config)
        self.forged_keys = []
        self.consistency = consistency or LEASED
        self.gateways = []
        self.proxy = StoreProxy(self.folder / "proxy.sock", self.redis) if proxied else None
        Sandbox.live.append(self)
        try:
            self.redis.start()
            hand_over(self.redis)
            self.make_configuration(settings, consistency)
            for number in range(gateways):
                self.add_gateway(number, **nginx)
            if self.proxy:
                self.proxy.start()
            if start:
                for gateway in self.gateways:
                    gateway.start()
        except BaseException:
            self.end()
            raise

    def make_configuration(self, settings, consistency):
        self.latchkey.must("init", "--store", self.redis.url, "--pepper-file", self.pepper_file)
        if self.has_failover and self.tls:
            self.add_settings(self.tls.directive)
        if consistency:
            self.add_settings(f"latchkey_consistency {consistency};")
        self.add_settings(settings)
        if "latchkey_operators" not in settings:
            self.add_settings(OPERATORS)

    def add_gateway(self, number, **nginx):
        folder = self.folder / ("nginx" if number == 0 else f"nginx-{number}")
        settings = self.config
        if self.gateways_differ:
            settings = self.write_gateway_settings()
        self.gateways.append(NginxServer(folder, settings, **{"server": SERVER, **nginx}))

    @property
    def gateways_differ(self):
        """Whether gateways reach the store in another way than the executable does."""
        return bool(self.proxy or self.tls and not self.has_failover)

    @property
    def has_failover(self):
        """Whether the store consists of several servers."""
        return self.has_sentinels or self.has_cluster

    def write_gateway_settings(self):
        """Writes the file of gateways that reach Redis in another way than the executable does."""
        url = self.proxy.url if self.proxy else self.redis.gateway_url
        text = re.sub("(?m)^(latchkey_store) .*;", rf"\1 {url};", self.config.read_text())
        path = self.folder / "gateway.conf"
        path.write_text(f"{text}\n{self.tls.directive if self.tls else ''}\n")
        return path

    def point_gateways_at(self, port):
        """Gateways that start now, or reload, reach Redis with TLS on another port."""
        self.redis.tls_port = port
        self.write_gateway_settings()

    @property
    def nginx(self):
        """The only gateway, or the first one."""
        return self.gateways[0]

    @nginx.setter
    def nginx(self, gateway):
        self.gateways[0] = gateway

    def add_settings(self, settings):
        """Adds directives to the configuration file; each takes the place of an earlier one of its name."""
        names = re.findall(r"^ *(latchkey_\w+)", settings, re.MULTILINE)
        lines = [line for line in self.config.read_text().splitlines() if line.partition(" ")[0] not in names]
        self.config.write_text("\n".join([*lines, settings, ""]))
        if self.gateways_differ:
            self.write_gateway_settings()

    # What tests do most

    def add(self, organization="acme", owner=OWNER):
        self.latchkey.must("org", "add", organization, "--owner", owner)

    def key(self, organization="acme", *options, owner=OWNER):
        """A key of an organization, which is added if it is new."""
        self.add(organization, owner)
        return self.latchkey.generate(organization, *options, as_=owner)

    def keys_of(self, organizations):
        """A key for each of many organizations, whose records are written at once."""
        forge = self.forge()
        keys = {name: forge.issued(name) for name in organizations}
        for key in itertools.islice(keys.values(), SEARCHED_KEYS):
            self.latchkey.remember(key)
        self.redis.feed(
            ["HSET", record_key(name), *itertools.chain(*forge.record(name, key).items())] for name, key in keys.items()
        )
        return keys

    def forge(self, prefix="lk"):
        return KeyForge(self.pepper_file.read_text().split()[0], prefix)

    def request(self, target="/api", headers=(), key=None, at=None, **options):
        """A request to the gateway, or to one of several."""
        if key is not None:
            headers = [*headers, *http_client.bearer(key)]
        return http_client.request((at or self.nginx).gate, target, headers, **options)

    def status_of(self, key, target="/api"):
        return self.request(target, key=key).status

    def revoke(self, organization="acme", *options, owner=OWNER):
        """Revokes a key; returns the command's result."""
        result = self.latchkey.run("revoke", organization, "--yes", *options, as_=owner)
        assert result.code == DONE, f"revoke ended with {result.code}: {result.err}"
        return result

    def warm(self, *keys):
        """Waits until the one worker of each gateway has cached the keys and trusts its cache."""
        source = {LEASED: "cache", STRICT: "store"}[self.consistency]
        for key in keys:
            for gateway in self.gateways:
                wait_until(lambda: self.request(key=key, at=gateway).source == source, f"the {source} answers")

    def members(self):
        """The membership list as the store holds it: the fields of each member."""
        fields = self.redis.hash(MEMBERSHIP).items()
        return [dict(word.split("=", 1) for word in value.split()) for name, value in fields if MEMBER_ID.fullmatch(name)]

    def workers(self):
        return set().union(*(gateway.workers() for gateway in self.gateways))

    def wait_for_members(self):
        """Waits until exactly the live workers are members."""
        def registered():
            return sorted(int(member["pid"]) for member in self.members()) == sorted(self.workers())

        wait_until(registered, "all workers are members, and no other")

    def connect(self, at=None):
        return http_client.Connection((at or self.nginx).gate)

    # The end

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Ends everything, and fails if anything went wrong that the test did not expect."""
        faults = []
        try:
            for gateway in self.gateways:
                if not gateway.stop():
                    faults.append("nginx does not end")
            self.redis.stop()
            for gateway in self.gateways:
                faults += gateway.grave_lines(self.expected)
            faults += self.files_with_secrets()
        finally:
            self.end()
        assert not faults, "\n".join(faults)

    def end(self):
        Sandbox.live.remove(self)
        for gateway in self.gateways:
            if gateway.process and gateway.process.poll() is None:
                gateway.process.kill()
                gateway.process.wait()
            gateway.kill()
        self.redis.end()
        if self.proxy:
            self.proxy.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def expect(self, *marks):
        """Declares grave lines of the error log that a test causes."""
        self.expected += marks

    def files_with_secrets(self):
        """Files that hold a key's secret or the pepper, except the pepper's own file."""
        secrets = [secret_of(key).encode() for key in self.latchkey.keys + self.forged_keys]
        if self.pepper_file.is_file():
            secrets += self.pepper_file.read_bytes().split()
        files = [path for path in self.folder.rglob("*") if path.is_file() and path != self.pepper_file]
        return [fault for path in files for fault in self.secrets_in(path, secrets)]

    @staticmethod
    def secrets_in(path, secrets):
        try:
            contents = path.read_bytes()
        except FileNotFoundError:  # Redis removes old files in the background
            return
        for secret in secrets:
            at = contents.find(secret)
            if at >= 0:
                before = contents[max(0, at - 80) : at].decode(errors="replace")
                yield f"{path.name} holds a secret, behind: {before}"
