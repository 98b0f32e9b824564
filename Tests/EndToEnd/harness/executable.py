"""The executable, run as a caller would."""

import json
import os
import pty
import pwd
import re
import signal
import subprocess
import time
from dataclasses import dataclass

from harness import processes
from harness.artefacts import EXECUTABLE
from harness.key_forge import secret_of
from harness.polling import wait_until

KEY = re.compile(r"[a-z][a-z0-9]{1,11}(_live|_test)?_[0-9A-Za-z]{14}_[0-9A-Za-z]{46}")

DONE = 0
NOT_VALID = 1
USAGE = 64
BAD_DATA = 65
STORE_UNREACHABLE = 69
NOT_CONFIRMED = 75
NOT_PERMITTED = 77
CONFIGURATION = 78


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str
    began: float = 0
    ended: float = 0

    def one_line(self):
        """The one clear line on standard error that comes with a refusal."""
        lines = self.err.splitlines()
        assert len(lines) == 1, f"not one line: {self.err!r}"
        assert self.out == "", f"on standard output: {self.out!r}"
        return lines[0]


class Latchkey:
    """Runs commands with one configuration, and remembers the keys that it was given."""

    def __init__(self, config, program=EXECUTABLE):
        self.config = config
        self.program = program
        self.prefix = ()
        self.keys = []

    def command(self, *arguments, as_=None):
        acting = ["--as", as_] if as_ else []
        return [*self.prefix, str(self.program), *map(str, arguments), "--config", str(self.config), *acting]

    def run(self, *arguments, as_=None, stdin="", account=None, timeout=60):
        """Runs a command, as another account where one is named."""
        return self.start(*arguments, as_=as_, stdin=stdin, account=account).finish(timeout)

    def start(self, *arguments, as_=None, stdin="", account=None):
        """Starts a command, and returns while it runs."""
        return RunningCommand(self, self.command(*arguments, as_=as_), stdin, **identity(account))

    def must(self, *arguments, **options):
        """Runs a command that must succeed; returns its standard output."""
        result = self.run(*arguments, **options)
        assert result.code == DONE, f"{arguments[0]} ended with {result.code}: {result.err}"
        return result.out

    def generate(self, organization, *options, as_=None, account=None):
        out = self.must("generate", organization, "--yes", *options, as_=as_, account=account)
        assert KEY.fullmatch(out.removesuffix("\n")), "generate did not print a key alone"
        return self.remember(out.removesuffix("\n"))

    def remember(self, key):
        self.keys.append(key)
        return key

    def status(self, organization, as_=None):
        out = self.must("status", organization, as_=as_)
        self.keep_silent_about_keys(out)
        return out

    def status_json(self, organization, as_=None):
        return json.loads(self.must("status", organization, "--json", as_=as_))

    def gateways(self):
        """The membership list as JSON."""
        return json.loads(self.must("gateways", "--json"))

    def verify(self, key):
        return self.run("verify", stdin=key + "\n")

    def keep_silent_about_keys(self, text):
        assert not any(secret_of(key) in text for key in self.keys), "a key was written out"


def heed_signals():
    """As on a terminal: tests in the background or under nohup ignore these signals, and children inherit that."""
    for number in (signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)


class RunningCommand:
    """A command that was started."""

    def __init__(self, latchkey, command, stdin, **identity):
        self.latchkey = latchkey
        self.stdin = stdin
        self.began = time.monotonic()
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=clean_environment(), cwd="/", preexec_fn=heed_signals, **identity,
        )

    def is_running(self):
        return self.process.poll() is None

    def interrupt(self):
        self.process.send_signal(signal.SIGINT)

    def finish(self, timeout=60):
        """Waits for its end."""
        try:
            out, err = self.process.communicate(self.stdin, timeout)
        except subprocess.TimeoutExpired:
            print(f"what it waits for: {processes.waits_for(self.process.pid)}")
            self.process.kill()
            raise
        ended = time.monotonic()
        self.latchkey.keep_silent_about_keys(err)
        return Result(self.process.returncode, out, err, self.began, ended)


class Dialogue:
    """A command on a terminal of its own."""

    def __init__(self, latchkey, *arguments, as_=None, environment=None):
        self.terminal, inside = pty.openpty()
        self.process = subprocess.Popen(
            latchkey.command(*arguments, as_=as_), stdin=inside, stdout=inside, stderr=inside,
            env=without_colours() if environment is None else {**without_colours(), "TERM": "", **environment},
            start_new_session=True, preexec_fn=heed_signals,
        )
        os.close(inside)
        self.text = ""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        os.close(self.terminal)

    def read_until(self, mark):
        """Reads the command's output up to a text that it must show."""
        os.set_blocking(self.terminal, False)
        wait_until(lambda: self.take() and mark in self.text, f"the terminal shows {mark!r}")
        return self.text

    def take(self):
        try:
            self.text += os.read(self.terminal, 65536).decode()
        except BlockingIOError:
            pass
        except OSError:  # the other side is closed
            pass
        return True

    def answer(self, line):
        os.write(self.terminal, line.encode() + b"\n")

    def end(self):
        """Waits for the end of the command; returns its exit code."""
        code = wait_until(lambda: self.take() and self.process.poll() is not None and [self.process.returncode],
                          "the command ends")
        self.take()
        return code[0]


def identity(account):
    """The arguments that run a process as another account; only root can do that."""
    if account is None:
        return {}
    entry = pwd.getpwnam(account)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def without_colours():
    return {**clean_environment(), "TERM": "dumb"}


def clean_environment():
    names = ("PATH", "HOME", "LANG", "TERM", "ASAN_OPTIONS", "LSAN_OPTIONS", "TZ")
    return {name: os.environ[name] for name in names if name in os.environ}
