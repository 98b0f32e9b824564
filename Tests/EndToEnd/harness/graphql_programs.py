"""The GraphQL server and client, separate programs because they need packages beyond Debian's Python."""

import json
import queue
import subprocess
import threading
import time

from harness import processes
from harness.artefacts import BUILD, ROOT
from harness.nginx_server import read
from harness.polling import wait_until

HARNESS = ROOT / "Tests/EndToEnd/harness"
PACKAGES = BUILD / "python"
PYTHON = PACKAGES / "environment/bin/python"

WAIT = 60


def install_packages():
    """Creates their environment if it is missing."""
    subprocess.run([ROOT / "scripts/python-packages", PACKAGES], check=True, timeout=300)


class GraphQLServer:
    """Listens on a unix socket, for as long as the block lasts."""

    def __init__(self, path):
        self.path = path
        self.log = path.with_suffix(".log")

    def __enter__(self):
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [PYTHON, HARNESS / "graphql_server.py", self.path], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        wait_until(self.listens, "the GraphQL server listens")
        return self

    def __exit__(self, *_):
        assert processes.stop(self.process), "the GraphQL server does not end"
        assert "Traceback" not in read(self.log), read(self.log)

    def listens(self):
        assert self.process.poll() is None, read(self.log)
        return self.path.exists()


class Question:
    """A request that gql sends; its events are read one after another."""

    def __init__(self, over, socket, query, headers=()):
        self.asked = {"over": over, "socket": str(socket), "query": query, "headers": dict(headers)}
        self.happened = queue.SimpleQueue()
        self.reader = threading.Thread(target=self.read)

    def __enter__(self):
        self.process = subprocess.Popen(
            [PYTHON, HARNESS / "graphql_client.py"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.reader.start()
        self.process.stdin.write(json.dumps(self.asked))
        self.process.stdin.close()
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.reader.join()

    def read(self):
        with self.process.stdout as lines:
            for line in lines:
                self.happened.put(json.loads(line))
        self.happened.put(None)

    def next(self, seconds=WAIT):
        """The next event; none once the client has ended."""
        return self.happened.get(timeout=max(seconds, 0))

    def next_data(self):
        return self.next()["data"]

    def last(self):
        """The last event."""
        deadline = time.monotonic() + WAIT
        last = None
        while happened := self.next(deadline - time.monotonic()):
            last = happened
        return last


def answer_to(over, socket, query, headers=()):
    """The outcome of one request."""
    with Question(over, socket, query, headers) as question:
        return question.next()
