"""Caddy and HAProxy with the files of nginx-conf/other-proxies/, unchanged but for paths and addresses."""

import os
import socket
import subprocess

from harness import http_client, processes
from harness.artefacts import ROOT
from harness.nginx_server import read
from harness.polling import wait_until

FILES = ROOT / "nginx-conf/other-proxies"


class OtherProxy:
    """Listens on a unix socket, asks the gateway `verifier`, and proxies to the socket `api`."""

    def __init__(self, folder, verifier, api):
        self.folder = folder
        self.gate = folder / "gate.sock"
        self.log = folder / "log"
        folder.mkdir()
        self.write_files(verifier, api)

    def write(self, name, **places):
        """Writes a file with this test's paths and addresses; each original appears in it once."""
        text = (FILES / name).read_text()
        for written, here in places.values():
            assert text.count(written) == 1, written
            text = text.replace(written, here)
        (self.folder / name).write_text(text)

    def __enter__(self):
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                self.COMMAND, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={"PATH": os.environ["PATH"], "HOME": str(self.folder)},
            )
        wait_until(self.listens, f"{self.COMMAND[0]} listens")
        return self

    def __exit__(self, *_):
        assert processes.stop(self.process), f"{self.COMMAND[0]} does not end"

    def listens(self):
        assert self.process.poll() is None, read(self.log)
        with socket.socket(socket.AF_UNIX) as client:
            return self.gate.exists() and client.connect_ex(str(self.gate)) == 0

    def request(self, target="/", headers=(), key=None, **options):
        if key is not None:
            headers = [*headers, *http_client.bearer(key)]
        return http_client.request(self.gate, target, headers, **options)


class Caddy(OtherProxy):
    COMMAND = ["caddy", "run", "--config", "Caddyfile", "--adapter", "caddyfile"]
    NOT_RUNNING, LATE = 502, 504

    def write_files(self, verifier, api):
        self.write("Caddyfile", gate=("bind 127.0.0.1", f"bind unix/{self.gate}"),
                   verifier=("127.0.0.1:9180", f"127.0.0.1:{verifier.port}"), api=("127.0.0.1:3000", f"unix/{api}"))


class HAProxy(OtherProxy):
    COMMAND = ["haproxy", "-db", "-f", "haproxy.cfg"]
    NOT_RUNNING, LATE = 503, 503

    def write_files(self, verifier, api):
        self.write("haproxy.cfg", gate=("bind 127.0.0.1:8080", f"bind unix@{self.gate}"),
                   api=("server api 127.0.0.1:3000", f"server api unix@{api}"),
                   script=("/etc/haproxy/latchkey.lua", str(self.script)))
        self.write("latchkey.lua", verifier=("127.0.0.1:9180", f"127.0.0.1:{verifier.port}"))

    @property
    def script(self):
        return self.folder / "latchkey.lua"
