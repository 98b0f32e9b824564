"""All that a comparison needs: the store, the API, and the candidates, idle until their turn."""

import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from compare import BENCHMARKS, MADE
from compare.candidate import CANDIDATES, Process, Running, user
from compare.keys import latchkey_keys, organizations, peer_keys
from compare.words import Words
from harness.artefacts import NGINX
from harness.polling import wait_until
from harness.redis_server import free_port
from harness.sandbox import Sandbox


# Less than this a second is what idle gateways send.
CALM_COMMANDS = 100
CALM_SECONDS = 1

# A worker that has seen a million organizations writes their last uses for 100 seconds.
SETTLING_SECONDS = 240


class Stack:
    def __init__(self, candidates, count):
        self.candidates = candidates
        self.names = organizations(count)
        self.running = []
        self.api = None
        self.run_folder = None

    def __enter__(self):
        self.sandbox = Sandbox(start=False, gateways=0)
        self.run_folder = Path(tempfile.mkdtemp(prefix="latchkey-bench-"))
        self.run_folder.chmod(0o755)
        try:
            self.prepare()
            for candidate in self.candidates:
                self.run(candidate)
        except BaseException:
            self.stop()
            self.sandbox.end()
            raise
        return self

    def __exit__(self, *_):
        self.stop()
        self.sandbox.close()

    def stop(self):
        for each in self.running:
            each.stop()
        if self.api:
            self.api.stop()
        shutil.rmtree(self.run_folder, ignore_errors=True)

    def prepare(self):
        (self.run_folder / "api").mkdir()
        keys = self.run_folder / "keys"
        self.keys = {
            "latchkey": latchkey_keys(self.sandbox, self.names, keys / "latchkey"),
            "peer": peer_keys(self.sandbox, self.names, keys / "peer"),
        }
        self.words = {
            **certificate(), "USER": user(), "API_PORT": free_port(),
            "REDIS_SOCKET": self.sandbox.redis.socket, "LATCHKEY_CONF": self.sandbox.config,
        }
        self.start_api()

    def start_api(self):
        folder = self.run_folder / "api"
        words = Words({**self.words, "FOLDER": folder})
        (folder / "nginx.conf").write_text(words.put_into((CANDIDATES / "api.conf").read_text()))
        self.api = Process([NGINX, "-p", f"{folder}/", "-c", "nginx.conf", "-e", f"{folder}/error.log"], folder, "api")
        self.api.wait_for_port(self.words["API_PORT"])

    def settle(self):
        """Waits until the store has nothing left to do of what came before: last uses are written later."""

        def is_calm():
            before = self.redis.statistic("total_commands_processed")
            time.sleep(CALM_SECONDS)
            return self.redis.statistic("total_commands_processed") - before < CALM_COMMANDS * CALM_SECONDS

        wait_until(is_calm, "the store is calm", seconds=SETTLING_SECONDS)

    def run(self, candidate, **options):
        """Starts a candidate; it is ended with the stack."""
        if candidate.side:
            build_auth_service()
        self.running.append(Running(candidate, self, **options))
        return self.running[-1].start()

    @property
    def redis(self):
        return self.sandbox.redis

    def groups(self, running):
        """The processes that take part in a request, by their part in it."""
        return {**running.groups(), "redis": [self.redis.process.pid], "api": self.api.family()}


def build_auth_service():
    """Builds the Go service from Debian's packages alone."""
    source, program = BENCHMARKS / "auth-service/main.go", MADE / "auth-service"
    if program.exists() and program.stat().st_mtime > source.stat().st_mtime:
        return
    environment = {
        "GO111MODULE": "off", "GOPATH": "/usr/share/gocode", "GOCACHE": str(MADE / "go-cache"), "GOFLAGS": "-p=2",
        "HOME": str(MADE), "PATH": "/usr/bin:/bin",
    }
    subprocess.run(["go", "build", "-o", program, source], env=environment, check=True, timeout=600)


def certificate():
    """A certificate of our own for 127.0.0.1, made once."""
    folder = MADE / "tls"
    paths = {"CERTIFICATE": folder / "certificate.pem", "CERTIFICATE_KEY": folder / "key.pem"}
    both = folder / "both.pem"
    if not both.exists():
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
             "-days", "3650", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost",
             "-keyout", paths["CERTIFICATE_KEY"], "-out", paths["CERTIFICATE"]],
            check=True, capture_output=True, timeout=60,
        )
        both.write_text("".join(path.read_text() for path in paths.values()))
    return {**paths, "CERTIFICATE_AND_KEY": both}
