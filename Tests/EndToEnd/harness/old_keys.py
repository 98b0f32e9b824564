"""Clients that never stop using a key while it is ended: no request that begins after the command's success is accepted."""

import os

from harness.executable import DONE, NOT_CONFIRMED, STORE_UNREACHABLE
from harness.hammer import BROKEN, Hammer
from harness.polling import wait_until
from harness.promises import BrokenPromise
from harness.sandbox import OWNER

# How often each test repeats its story; `make hostile N=100` is the long run.
ROUNDS = int(os.environ.get("HOSTILE_ROUNDS", 3))

# Connections to each gateway, and how many of them rest up to PAUSE seconds between requests.
CONNECTIONS, SLOW, PAUSE = 4, 3, 0.02

# A client that has waited this long asks once more, so that requests also begin while a worker is stopped.
PATIENCE = 0.4

# How many answers of each gateway show how it stands.
ENOUGH = 4 * CONNECTIONS

# How often a command is given that could not confirm its change or not reach the store.
TRIES = 3

COMMANDS = ("revoke", "generate")


class OldKeys:
    """Clients of all gateways of a fleet, which all use the same key."""

    def __init__(self, fleet):
        self.fleet = fleet
        self.hammer = Hammer(
            [gateway.gate for gateway in fleet.gateways], CONNECTIONS - SLOW, slow=SLOW, pause=PAUSE, patience=PATIENCE
        )

    def __enter__(self):
        self.hammer.__enter__()
        return self

    def __exit__(self, *error):
        self.hammer.__exit__(*error)

    def use(self, key):
        """From now on, all clients use a key, which all gateways come to answer from their caches."""
        self.hammer.report()
        self.hammer.answers.clear()
        self.key = key
        self.hammer.use(key)
        for gateway in self.fleet.gateways:
            self.wait_for(gateway, lambda answer: answer.source == "cache", "the cache answers")

    def answers(self, gateway, after=0):
        """The answers of a gateway to requests with the key that began after a moment."""
        self.hammer.report()
        key, number = self.hammer.number(self.key), self.fleet.gateways.index(gateway)
        return [each for each in self.hammer.answers if (each.key, each.gateway) == (key, number) and each.began > after]

    def wait_for(self, gateway, condition, what, after=0):
        """Waits until a gateway has given an answer that meets a condition."""
        wait_until(lambda: any(map(condition, self.answers(gateway, after))), what, seconds=60)

    def wait_for_grace(self, gateway):
        self.wait_for(gateway, lambda answer: answer.source == "grace", "the gateway is in its grace")

    def wait_for_refusal(self, gateway, after):
        self.wait_for(gateway, lambda answer: answer.status not in (200, BROKEN), "the gateway refuses the key", after)

    def wait_for_patience(self, gateway, after):
        """Waits until requests that began after a moment wait in a gateway that does not answer."""
        def gave_up():
            return sum(each.status == BROKEN and each.ended > after for each in self.answers(gateway)) >= CONNECTIONS

        wait_until(gave_up, "the clients ask once more", seconds=60)

    def check(self, result, *gateways):
        """Waits until gateways have answered requests that began after a command's success: none is accepted by any."""
        assert result.code == DONE, result.err
        for gateway in gateways or self.fleet.gateways:
            wait_until(
                lambda: sum(each.status != BROKEN for each in self.answers(gateway, result.ended)) >= ENOUGH,
                "clients keep asking", seconds=60,
            )
        self.check_no_late(result)

    def check_through_return(self, result, lost):
        """The same while a connection is lost, and once it is back and all workers are members again."""
        self.check(result)
        lost.end()
        self.fleet.wait_for_members()
        self.check(result)

    def check_no_late(self, result):
        key = self.hammer.number(self.key)
        late = [each for each in self.hammer.answers if each.key == key and each.began > result.ended and each.is_accepted]
        spans = [(each.gateway, each.source, round(each.began - result.ended, 3)) for each in late]
        if late:
            raise BrokenPromise(f"{len(late)} accepted after exit 0: gateway, source, seconds: {spans[0]} … {spans[-1]}")


def end_key(fleet, number, organization="acme"):
    """Ends a key by revoking or replacing it, in turn."""
    return finish_ending(fleet, start_ending(fleet, number, organization), number, organization)


def start_ending(fleet, number, organization="acme"):
    return fleet.latchkey.start(COMMANDS[number % 2], organization, "--yes", as_=OWNER)


def finish_ending(fleet, running, number, organization="acme"):
    """Waits for the end of the command, and tries again if it did not succeed."""
    for tried in range(TRIES):
        result = running.finish(120)
        if result.out:
            fleet.latchkey.remember(result.out.strip())
        if result.code not in (NOT_CONFIRMED, STORE_UNREACHABLE) or tried == TRIES - 1:
            break
        running = start_ending(fleet, number, organization)
    return result
