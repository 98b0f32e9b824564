"""What owners' status requests cost the checks beside them.

    /usr/bin/python3 Benchmarks/console_load.py     # 1,000 a second for 1,000 owners through nginx; 2 minutes

One worker checks keys and stands in front of the console: checks are paced, so that neither core is full without the
console. Rounds with and without status requests follow each other, and each ratio is one of neighbours.
"""

import itertools
import json
import os
import statistics
import subprocess

from forged_messages import worker_seconds
from gateways import SERVER
from harness.console_server import ConsoleServer, operators
from harness.key_forge import record_key
from harness.redis_server import free_port
from harness.sandbox import Sandbox
from memory import resident_bytes, use

ORGANIZATIONS = int(os.environ.get("ORGANIZATIONS", 1000))
CHECKS = int(os.environ.get("CHECKS", 8000))  # a second
STATUSES = int(os.environ.get("STATUSES", 1060))  # a second, less the time that answers take
SECONDS = int(os.environ.get("SECONDS", 5))
ROUNDS = int(os.environ.get("ROUNDS", 9))

CHECK_CONNECTIONS = 64
STATUS_CONNECTIONS = 60  # they begin all at once, and the console lets 64 wait

# Each connection asks again so long after its last answer.
SCRIPT = """
local requests = {}
for line in io.lines(os.getenv("REQUESTS")) do requests[#requests + 1] = line:gsub("|", "\\r\\n") .. "\\r\\n\\r\\n" end
local pause = tonumber(os.getenv("PAUSE"))
request = function() return requests[math.random(#requests)] end
delay = function() return pause end
done = function(summary, latency)
    local e = summary.errors
    io.write(string.format('FOUND {"requests": %d, "us": %d, "errors": %d, "p50": %d, "p99": %d}\\n', summary.requests,
        summary.duration, e.status + e.read + e.write + e.timeout + e.connect, latency:percentile(50), latency:percentile(99)))
end
"""

CONSOLE_SERVER = """
        location /console/ {
            access_log off;
            proxy_set_header X-Latchkey-User $cookie_user;
            proxy_set_header X-Real-IP $remote_addr;
            proxy_buffering off;
            proxy_pass http://unix:../console/http.sock;
        }
"""


class Generator:
    """wrk with a file of requests, at a rate."""

    def __init__(self, gate, port, name, requests, rate, connections):
        self.file = gate.folder.parent / f"{gate.folder.name}-{name}"  # outside of the sandbox, which may hold no key
        self.file.write_text("\n".join(requests) + "\n")
        self.file.chmod(0o600)
        self.pause = 1000 * connections / rate
        self.command = ["wrk", "-t1", f"-c{connections}", f"-d{SECONDS}s", "--latency", "-s", gate.folder / "load.lua", f"http://127.0.0.1:{port}"]

    def start(self):
        environment = {**os.environ, "REQUESTS": str(self.file), "PAUSE": str(self.pause)}
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, env=environment)

    def found(self):
        said = self.process.communicate(timeout=SECONDS + 30)[0]
        return json.loads(said.partition("FOUND ")[2].splitlines()[0])

    def remove(self):
        self.file.unlink()


def measure(gate, console, checks, statuses):
    """One round: what the checks got, and what the status requests got if there were any."""
    worker = gate.nginx.worker()
    before = worker_seconds(worker), worker_seconds(console)
    for generator in filter(None, (statuses, checks)):
        generator.start()
    result = {"checks": checks.found(), "statuses": statuses and statuses.found()}
    result["worker"], result["console"] = (after - spent for after, spent in zip((worker_seconds(worker), worker_seconds(console)), before))
    assert result["checks"]["errors"] == 0, "checks failed"
    return result


def rate(found):
    return found["requests"] / found["us"] * 1e6


def main():
    port = free_port()
    server = f"        listen 127.0.0.1:{port};\n" + SERVER + CONSOLE_SERVER
    with Sandbox(settings=f"latchkey_timeout 5s;\n{operators()}", workers=1, server=server) as gate:
        owners = {f"org-{number:04}": f"owner-{number:04}" for number in range(ORGANIZATIONS)}
        forge = gate.forge()
        keys = {name: forge.issued(name) for name in owners}
        gate.redis.feed(
            ["HSET", record_key(name), *itertools.chain(*forge.record(name, key, owners[name]).items())] for name, key in keys.items()
        )
        use(gate, list(keys.values()))
        (gate.folder / "load.lua").write_text(SCRIPT)
        console = ConsoleServer(gate).start()
        checks = Generator(
            gate, port, "checks", [f"GET /checked HTTP/1.1|Host: a|X-API-Key: {key}" for key in keys.values()], CHECKS, CHECK_CONNECTIONS,
        )
        statuses = Generator(gate, port, "statuses", [
            f"GET /console/api/v1/organizations/{name}/key HTTP/1.1|Host: a|Cookie: user={owner}" for name, owner in owners.items()
        ], STATUSES, STATUS_CONNECTIONS)
        try:
            process = console.process.pid
            measure(gate, process, checks, statuses)  # warms up
            rounds = [(measure(gate, process, checks, None), measure(gate, process, checks, statuses)) for _ in range(ROUNDS)]
            report(rounds, resident_bytes(process))
        finally:
            checks.remove()
            statuses.remove()
            console.stop()


CHECK_FIGURES = {
    "checks a second": lambda each: rate(each["checks"]),
    "median, µs": lambda each: each["checks"]["p50"],
    "99th percentile, µs": lambda each: each["checks"]["p99"],
}

STATUS_FIGURES = {
    "status requests a second": lambda each: rate(each["statuses"]),
    "median, ms": lambda each: each["statuses"]["p50"] / 1000,
    "99th percentile, ms": lambda each: each["statuses"]["p99"] / 1000,
    "refused or lost": lambda each: each["statuses"]["errors"],
    "console, ms of processor time for each": lambda each: 1000 * each["console"] / each["statuses"]["requests"],
}


def report(rounds, resident):
    middle = statistics.median
    print(f"{ORGANIZATIONS:,} owners; medians of {ROUNDS} pairs of {SECONDS} seconds, and of their ratios (least..most):")
    print(f"{'':<26} {'without':>9} {'with':>9}  ratio")
    for name, figure in CHECK_FIGURES.items():
        pairs = [(figure(without), figure(beside)) for without, beside in rounds]
        ratios = [beside / without for without, beside in pairs]
        without, beside = (middle(each) for each in zip(*pairs))
        print(f"{name:<26} {without:>9,.0f} {beside:>9,.0f}  {middle(ratios):.2f} ({min(ratios):.2f}..{max(ratios):.2f})")
    for name, figure in STATUS_FIGURES.items():
        print(f"{name:<40} {middle(figure(beside) for _, beside in rounds):>9,.2f}")
    print(f"{'console, MB of memory':<40} {resident / 1e6:>9,.1f}")


if __name__ == "__main__":
    main()
