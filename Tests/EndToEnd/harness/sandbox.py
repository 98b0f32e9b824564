"""A gateway with its store and its executable, in a folder of their own."""

import re
import shutil
import tempfile
from pathlib import Path

from harness import http_client
from harness.artefacts import CALLER, IS_ROOT
from harness.executable import Latchkey
from harness.key_forge import KeyForge, secret_of
from harness.nginx_server import NginxServer
from harness.redis_server import RedisServer

OWNER = "alice"

# Lets whoever runs the tests act as an owner.
OPERATORS = "" if IS_ROOT else f"latchkey_operators {CALLER};"

# An API behind a key, the same behind auth_request, and a page for everybody.
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

# The same on h2.sock in HTTP/2, and an API of gRPC's kind.
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
    """Everything is started when it is made, and examined when it is closed."""

    live = []

    def __init__(self, tcp=False, settings="", start=True, redis_options=(), **nginx):
        self.folder = Path(tempfile.mkdtemp(prefix="latchkey-"))
        self.folder.chmod(0o755)  # other accounts may come as far as the executable does
        self.expected = []
        self.redis = RedisServer(self.folder / "redis", tcp, redis_options)
        self.config = self.folder / "latchkey.conf"
        self.pepper_file = self.folder / "pepper"
        self.latchkey = Latchkey(self.config)
        self.forged_keys = []
        Sandbox.live.append(self)
        try:
            self.redis.start()
            self.make_configuration(settings)
            self.nginx = NginxServer(self.folder / "nginx", self.config, **{"server": SERVER, **nginx})
            if start:
                self.nginx.start()
        except BaseException:
            self.end()
            raise

    def make_configuration(self, settings):
        self.latchkey.must("init", "--store", self.redis.url, "--pepper-file", self.pepper_file)
        self.add_settings(settings)
        if "latchkey_operators" not in settings:
            self.add_settings(OPERATORS)

    def add_settings(self, settings):
        """Adds directives to the configuration file; each takes the place of an earlier one of its name."""
        names = re.findall(r"^ *(latchkey_\w+)", settings, re.MULTILINE)
        lines = [line for line in self.config.read_text().splitlines() if line.partition(" ")[0] not in names]
        self.config.write_text("\n".join([*lines, settings, ""]))

    # What tests do most

    def add(self, organization="acme", owner=OWNER):
        self.latchkey.must("org", "add", organization, "--owner", owner)

    def key(self, organization="acme", *options, owner=OWNER):
        """A key of an organization, which is added where it is new."""
        self.add(organization, owner)
        return self.latchkey.generate(organization, *options, as_=owner)

    def forge(self, prefix="lk"):
        return KeyForge(self.pepper_file.read_text().split()[0], prefix)

    def request(self, target="/api", headers=(), key=None, **options):
        if key is not None:
            headers = [*headers, *http_client.bearer(key)]
        return http_client.request(self.nginx.gate, target, headers, **options)

    def status_of(self, key, target="/api"):
        return self.request(target, key=key).status

    def connect(self):
        return http_client.Connection(self.nginx.gate)

    # The end

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Ends all and fails where something was wrong that the tests did not look at."""
        faults = []
        try:
            if not self.nginx.stop():
                faults.append("nginx does not end")
            self.redis.stop()
            faults += self.nginx.grave_lines(self.expected)
            faults += self.files_with_secrets()
        finally:
            self.end()
        assert not faults, "\n".join(faults)

    def end(self):
        Sandbox.live.remove(self)
        for process in (getattr(self, "nginx", None), self.redis):
            if process and process.process and process.process.poll() is None:
                process.process.kill()
                process.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def expect(self, *marks):
        """Declares grave lines of the error log that a test brings about."""
        self.expected += marks

    def files_with_secrets(self):
        """Files that hold a key's secret or the pepper, the pepper's own file aside."""
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
