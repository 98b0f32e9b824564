"""What a request costs, counted: instructions in user space, allocations, system calls, commands to Redis.

A gateway also works a few times a second without any request: heartbeats, the writing of
last uses.  That is counted apart: a request is counted in short bursts, and the cheapest of them is one that nothing
else fell into.
"""

import time

from compare.callgrind import Callgrind
from compare.candidate import Running
from compare.requests import KINDS, Client, requests_of
from compare.syscalls import Tracer

BURST = 200
BURSTS = 8

TRACED_BURST = 1000
TRACED_BURSTS = 5

# After a pause of the process, what was due in it comes first.
SETTLING_SECONDS = 0.05

IDLE_SECONDS = 3

# As few heartbeats as possible.
LATCHKEY_SETTINGS = "latchkey_lease 1h; latchkey_timeout 60s;"


def settings_of(candidate):
    return LATCHKEY_SETTINGS if candidate.form == "latchkey" else ""


def instructions(stack, candidate, kinds=KINDS, **options):
    """Instructions and allocations a request, by kind, of a candidate that runs in nginx."""
    counter = Callgrind(stack.run_folder)
    running = Running(
        candidate, stack, workers=0, program=counter.program, settings=settings_of(candidate), **options
    )
    try:
        running.start()
        with Client(running.ports["own"]) as client:
            return {kind: cheapest_burst(client, counter, running, kind) for kind in kinds}
    finally:
        running.stop()


def cheapest_burst(client, counter, running, kind):
    (pid,) = running.workers()
    requests = requests_of(kind, running.keys)
    send(client, running.candidate, requests, kind, BURST)  # what is known from then on counts as known
    counts = []
    for _ in range(BURSTS):
        time.sleep(SETTLING_SECONDS)
        counter.begin(pid)
        send(client, running.candidate, requests, kind, BURST)
        counts.append(counter.take(pid))
    return {
        name: min(getattr(each, name) for each in counts) / BURST
        for name in ("instructions", "outside_heap", "allocations")
    }


def send(client, candidate, requests, kind, count):
    accepted = client.send(requests, count)
    wanted = count if candidate.lets_in(kind) else 0
    assert accepted == wanted, f"{candidate.name}: of {count} requests with a key of kind {kind}, {accepted} accepted"


def calls(stack, candidate, kinds=KINDS, **options):
    """System calls of the front and of the side process, and commands to Redis, a request, by kind."""
    running = Running(candidate, stack, settings=settings_of(candidate), **options)
    try:
        running.start()
        with Client(running.ports["own"]) as client:
            return {kind: fewest_calls(stack, client, running, kind) for kind in kinds}
    finally:
        running.stop()


def fewest_calls(stack, client, running, kind):
    requests = requests_of(kind, running.keys)
    send(client, running.candidate, requests, kind, BURST)
    bursts = [
        traced(stack, running, lambda: send(client, running.candidate, requests, kind, TRACED_BURST))
        for _ in range(TRACED_BURSTS)
    ]
    return {name: min(burst[name] for burst in bursts) / TRACED_BURST for name in bursts[0]}


def idle_calls(stack, candidate):
    """System calls and commands of a second without requests."""
    running = Running(candidate, stack)
    try:
        running.start()
        with Client(running.ports["own"]) as client:
            send(client, candidate, requests_of("hot", running.keys), "hot", 1)
        time.sleep(IDLE_SECONDS)  # what the request has left to be done
        idle = traced(stack, running, lambda: time.sleep(IDLE_SECONDS))
        return {name: count / IDLE_SECONDS for name, count in idle.items()}
    finally:
        running.stop()


def traced(stack, running, act):
    """How often something was called while `act` lasted."""
    tracers = {name: Tracer(pids) for name, pids in running.groups().items() if pids}
    before = stack.redis.statistic("total_commands_processed")
    act()
    commands = stack.redis.statistic("total_commands_processed") - before - 1
    counts = {f"{name}_system_calls": tracer.stop() for name, tracer in tracers.items()}
    return {**counts, "redis_commands": commands}
