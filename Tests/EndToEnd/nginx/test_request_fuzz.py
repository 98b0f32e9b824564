"""Absurd requests to a real gateway: none is admitted without a key, no worker dies, and the store is not asked.

`make fuzz-requests` runs it for SECONDS=; SEED= repeats a run, batch by batch.
"""

import os
import random
import re
import socket
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import count

from harness.request_maker import ABORT, HALF_CLOSE, RequestMaker

SEED = int(os.environ.get("SEED") or random.SystemRandom().randrange(2**32))
SECONDS = int(os.environ.get("SECONDS") or 6)

CLIENTS = 4
PLANS = 75  # of each client in a batch

# What only the API behind a key says.
INSIDE = b"inside\n"

# So long a client waits for the next bytes of an answer.
PATIENCE = 0.15

# Asked last where an answer is read to its end.
LAST = b"GET /open HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\n\r\n"

CREDENTIALS = ["bearer header X-API-Key", "bearer", "query key cookie session", "bearer header X-API-Key query key cookie session"]
FORMATS = ["problem", "graphql", "plain"]

# How else a location may come to its check.
WAYS = {
    "error_page": ("latchkey on;", "error_page 401 =418 @page; error_page 400 503 @page;"),
    "satisfy": ("latchkey on;", "satisfy any; deny all;"),
    "limited": ("latchkey on;", "limit_req zone=organizations burst=1000 nodelay;"),
    "rewritten": ("latchkey on;", "rewrite ^ /inside/elsewhere;"),
    "files": ("latchkey on;", "try_files $uri /inside/elsewhere;"),
    "variable": ("latchkey $word;", ""),
}

HTTP = """
    map $request_method $word { OPTIONS on; default on; }
    log_format told '$request_uri organization=$http_x_organization;';
    limit_req_zone $latchkey_organization zone=organizations:1m rate=1000r/s;

    server {
        listen unix:inside.sock;
        access_log inside.log told;
        location / { return 200 'inside\\n'; }
    }

    server {
        listen unix:outside.sock;
        access_log outside.log told;
        location / { return 200 'outside\\n'; }
    }
"""

HTTP2_SERVER = """
    }

    server {
        listen unix:h2.sock http2;
"""


def location(path, directives, api="inside"):
    return f"""
        location {path} {{
            {directives}
            proxy_pass http://unix:{api}.sock;
        }}
"""


def server():
    """Locations that require a key in every possible way, and some that admit requests without one."""
    parts = [
        location(f"/{form}/{number}", f"latchkey on; latchkey_error_format {form}; latchkey_credential {where};")
        for form in FORMATS for number, where in enumerate(CREDENTIALS)
    ]
    parts += [location(f"/{name}", f"{mode} {directives}") for name, (mode, directives) in WAYS.items()]
    parts += [location("/inside", "internal; latchkey on;"), location("/checked", "auth_request /check;")]
    parts += [location(f"/{mode}", f"latchkey {mode};", "outside") for mode in ("optional", "dry_run")]
    return "".join(parts) + """
        location = /check { internal; latchkey_verify; latchkey_credential bearer query key cookie session; }
        location @page { latchkey off; return 418 'page\\n'; }
        location = /open { return 200 'open\\n'; }
"""


TARGETS = [
    *(f"/{form}/{number}" for form in FORMATS for number in range(len(CREDENTIALS))),
    *(f"/{name}" for name in WAYS), "/inside", "/checked", "/optional", "/dry_run",
]


def fuzzed_gateway(sandboxes):
    gate = sandboxes(http=HTTP, server=server() + HTTP2_SERVER + server())
    gate.wait_for_members()
    return gate


def test_every_request_without_a_valid_key_is_refused(sandboxes, capsys):
    gate = fuzzed_gateway(sandboxes)
    fuzz = Fuzz(gate)
    until = time.monotonic() + SECONDS
    for batch in count(1):
        fuzz.run(batch)
        fuzz.judge(batch)
        if time.monotonic() > until:
            break
    with capsys.disabled():
        print(f"\n{batch * CLIENTS * PLANS} connections, SEED={SEED}: {dict(fuzz.statuses.most_common())}, {fuzz.results()}")
    # That they come as far as the checks, and not only to the parser of nginx.
    assert {400, 401} <= fuzz.statuses.keys()
    assert {"missing", "malformed", "forged", "ambiguous", "allowed"} <= fuzz.results().keys()


class Fuzz:
    def __init__(self, gate):
        self.gate = gate
        self.key = gate.key()
        gate.latchkey.keys.clear()  # also written to where no key is looked for: there it stays in the logs
        self.forged = [gate.forge().forged("acme") for _ in range(20)]
        self.workers = gate.workers()
        self.statuses = Counter()
        self.probes = 0

    def run(self, batch):
        self.known_well()
        before = self.gate.redis.calls("hmget")
        with ThreadPoolExecutor(CLIENTS) as pool:
            list(pool.map(lambda client: self.client(f"{SEED} {batch} {client}"), range(CLIENTS)))
        assert self.gate.redis.calls("hmget") == before, self.story(batch, "the store was asked")

    def client(self, seed):
        generator = random.Random(seed)
        maker = RequestMaker(generator, TARGETS, self.key, self.forged)
        for number in range(PLANS):
            plan = maker.plan()
            answer = self.carry_out(plan)
            assert INSIDE not in answer, f"admitted by plan {number} of \"{seed}\": {hidden(plan.pieces)}"
            if not plan.is_http2:
                self.statuses.update(int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", answer))

    def carry_out(self, plan):
        """Returns the answers."""
        path = self.gate.nginx.folder / ("h2.sock" if plan.is_http2 else "gate.sock")
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(60)
            client.connect(str(path))
            try:
                for piece in plan.pieces:
                    client.sendall(piece)
                if plan.ending == ABORT:
                    return b""
                if plan.ending == HALF_CLOSE:
                    client.shutdown(socket.SHUT_WR)
                elif not plan.is_http2:
                    client.sendall(LAST)
            except (BrokenPipeError, ConnectionResetError):
                pass  # nginx has closed the connection
            return read_all(client)

    def known_well(self):
        """The valid key is accepted."""
        self.probes += 1
        for path in ("/plain/0", "/checked", "/optional"):
            assert self.gate.status_of(self.key, f"{path}?probe={self.probes}") == 200

    def judge(self, batch):
        assert self.gate.workers() == self.workers, self.story(batch, "a worker ended")
        assert not self.gate.nginx.grave_lines(), self.story(batch, "the error log has grave lines")
        self.known_well()
        assert self.gate.status_of(self.forged[0], "/plain/0") == 401
        inside, outside = (self.lines(name) for name in ("inside", "outside"))
        strangers = [line for line in inside if "?probe=" not in line]
        strangers += [line for line in outside if "?probe=" not in line and not line.endswith("organization=-;")]
        assert not strangers, self.story(batch, f"admitted: {strangers[:5]}")
        assert len(inside) == 2 * self.probes, "the probes are seen"

    def lines(self, name):
        return (self.gate.nginx.folder / f"{name}.log").read_text(errors="replace").splitlines()

    def results(self):
        return dict(Counter(re.findall(r" result=(\w+)", self.gate.nginx.access_log())))

    def story(self, batch, what):
        return f"{what} in batch {batch}; SEED={SEED} repeats it"


def hidden(pieces):
    """The bytes of a plan, but for all that may be of a key."""
    return re.sub(r"[0-9A-Za-z%]{12,}", "…", repr(pieces))[:2000]


def read_all(client):
    """What is answered, up to the end of the connection or a pause."""
    client.settimeout(PATIENCE)
    answer = b""
    try:
        while piece := client.recv(1 << 16):
            answer += piece
    except (TimeoutError, ConnectionResetError):
        pass
    return answer
