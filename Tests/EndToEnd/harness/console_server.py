"""latchkey-console, and an nginx in front of it that says who asks."""

import json
import re
import subprocess

from harness import http_client, processes
from harness.artefacts import BUILD, CALLER, IS_ROOT, NGINX
from harness.executable import clean_environment, identity
from harness.http_client import Response
from harness.polling import wait_until
from harness.redis_server import free_port

CONSOLE = BUILD / "bin/latchkey-console"

BY_HEADER = "header X-Latchkey-User"

OWNER = "alice@example.com"

# The language that tests without a browser ask for, and what a browser says of its own page's requests.
SAME_ORIGIN = [("Sec-Fetch-Site", "same-origin")]

KEY = re.compile(r"[a-z][a-z0-9]{1,11}_[0-9A-Za-z]{14}_[0-9A-Za-z]{46}")
VERSION = re.compile(r'name="version" value="([^"]*)"')

FRONT = """\
{user}
worker_processes 1;
daemon off;
pid nginx.pid;
error_log error.log warn;
events {{ worker_connections 1024; }}
http {{
    access_log access.log;
    client_body_temp_path temp-body;
    proxy_temp_path temp-proxy;
    fastcgi_temp_path temp-fastcgi;
    scgi_temp_path temp-scgi;
    uwsgi_temp_path temp-uwsgi;
    server {{
        listen 127.0.0.1:{port};
        location / {{
            default_type text/html;
            return 200 '<!doctype html><html lang="en"><title>Product</title><h1>Product</h1></html>';
        }}
        location /pages/ {{
            default_type text/html;
            root {folder};
        }}
        location /console/ {{
{location}
            client_max_body_size 4k;
            proxy_read_timeout 60s;
            proxy_buffering off;
            proxy_pass http://unix:{socket};
        }}
    }}
}}
"""

# The browser's user is whom the test names.
BY_COOKIE = """\
            proxy_set_header X-Latchkey-User $cookie_user;
            proxy_set_header X-Real-IP $remote_addr;
            proxy_set_header Host $http_host;"""


class ConsoleServer:
    """The program, on a unix socket in the folder of a sandbox, or on a port."""

    def __init__(self, sandbox, settings="", origin="http://127.0.0.1", account=None, program=CONSOLE, identity=BY_HEADER, port=None):
        self.sandbox = sandbox
        self.folder = sandbox.folder / "console"
        self.folder.mkdir()
        self.socket = self.folder / "http.sock"
        self.place = port or self.socket
        self.config = self.folder / "console.conf"
        self.account = account
        self.program = program
        self.process = None
        lines = [
            f"include {sandbox.config};", f"latchkey_console_listen {f'127.0.0.1:{port}' if port else f'unix:{self.socket}'};",
            f"latchkey_console_origin {origin};", f"latchkey_console_identity {identity};", settings,
        ]
        self.config.write_text("\n".join(lines) + "\n")

    def command(self, *options):
        return [str(self.program), "--config", str(self.config), *options]

    def check(self):
        return subprocess.run(
            self.command("--check"), capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL,
            env=clean_environment(), **identity(self.account),
        )

    def start(self):
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=clean_environment(),
                **identity(self.account),
            )
        wait_until(self.listens, "the console listens")
        return self

    def listens(self):
        assert self.process.poll() is None, f"the console ended: {self.log()}"
        try:
            return (self.place != self.socket or self.socket.exists()) and self.ask("/healthz").status == 204
        except ConnectionError:  # it is bound, and does not listen yet
            return False

    def stop(self):
        """Ends it; returns whether it ended without being killed."""
        return self.process is None or processes.stop(self.process)

    def log(self):
        return (self.folder / "log").read_text()

    def log_lines(self):
        return [json.loads(line) for line in self.log().splitlines() if line.startswith("{")]

    def ask(self, target, headers=(), **options) -> Response:
        return http_client.request(self.place, target, headers, **options)

    # As the proxy sends them

    def page(self, path="", user=OWNER, organization="acme", headers=(), **options):
        return self.ask(f"/console/{organization}{path}", [*who(user), *headers], **options)

    def version(self, user=OWNER, organization="acme"):
        """What a form says that it has seen."""
        return self.api("HEAD", user=user, organization=organization).header("ETag").strip('"')

    def post(self, change, version, user=OWNER, organization="acme", headers=SAME_ORIGIN, more=""):
        body = f"version={version}{more}".encode()
        form = [("Content-Type", "application/x-www-form-urlencoded")]
        return self.page(f"/{change}", user, organization, [*form, *headers], method="POST", body=body)

    def api(self, method="GET", if_match=None, user=OWNER, organization="acme", body=b"{}", headers=SAME_ORIGIN, of="key"):
        fields = [*who(user), *headers]
        if if_match:
            fields.append(("If-Match", if_match))
        if method == "POST":
            fields.append(("Content-Type", "application/json"))
        target = f"/console/api/v1/organizations/{organization}/{of}"
        return self.ask(target, fields, method=method, body=body if method == "POST" else b"")

    def remember(self, text):
        """The keys in an answer: from now on no file may hold them."""
        found = list(dict.fromkeys(match[0] for match in KEY.finditer(text)))
        for key in found:
            self.sandbox.latchkey.remember(key)
        return found


def who(user):
    return [("X-Latchkey-User", user)] if user else []


class Front:
    """An nginx without the module, on a port of the loopback interface."""

    def __init__(self, folder, socket, location=BY_COOKIE, port=None, text=None):
        self.folder = folder
        self.port = port or free_port()
        folder.mkdir()
        user = "user root root;" if IS_ROOT else ""
        text = text or FRONT
        (folder / "nginx.conf").write_text(text.format(user=user, port=self.port, location=location, socket=socket, folder=folder))
        self.process = None

    @property
    def origin(self):
        return f"http://127.0.0.1:{self.port}"

    def start(self):
        command = [NGINX, "-p", f"{self.folder}/", "-c", "nginx.conf", "-e", "error.log"]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(self.answers, "nginx answers")
        return self

    def answers(self):
        assert self.process.poll() is None, (self.folder / "error.log").read_text()
        try:
            return self.ask("/").status > 0
        except ConnectionError:
            return False

    def ask(self, target, headers=(), **options):
        return http_client.request(self.port, target, headers, **options)

    def stop(self):
        return self.process is None or processes.stop(self.process)


def operators():
    """Lets the account that runs the tests act for owners."""
    return "" if IS_ROOT else f"latchkey_operators {CALLER};"
