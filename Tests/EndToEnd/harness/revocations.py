"""Keys that are ended while clients of all gateways keep using them: which requests were accepted, and for how long."""

import time
from dataclasses import dataclass, field
from datetime import datetime, timezone

from harness.exit_clock import ExitClock
from harness.executable import DONE, STORE_UNREACHABLE
from harness.hammer import Hammer
from harness.key_forge import audit_key, record_key
from harness.polling import wait_until
from harness.promises import BrokenPromise
from harness.sandbox import OWNER

SINCE = "as of "

# How many requests each client sends before and after the end of a key, at least.
BEFORE, AFTER = 4, 8

# This many accepted requests in a row show that the fleet has recovered.
CALM = 20


def figures(spans):
    """Median, 99th percentile and maximum of durations, in milliseconds."""
    if not spans:
        return "none"
    spans = sorted(spans)
    shown = (spans[len(spans) // 2], spans[min(len(spans) - 1, len(spans) * 99 // 100)], spans[-1])
    median, p99, most = (f"{1000 * span:.2f} ms" for span in shown)
    return f"median {median}, p99 {p99}, max {most} (n = {len(spans)})"


def told_since(result):
    """The moment from which no gateway accepts the key according to the command, by the monotonic clock."""
    text = result.err.partition(SINCE)[2].partition(" UTC")[0]
    told = datetime.strptime(text, "%H:%M:%S.%f").time()
    today = datetime.now(timezone.utc)
    return by_monotonic_clock(datetime.combine(today.date(), told, timezone.utc).timestamp())


def by_monotonic_clock(timestamp):
    return timestamp - time.time() + time.monotonic()


@dataclass
class Ends:
    """Measurements of ended keys; all durations in seconds."""

    requests: int = 0
    accepted: int = 0
    accepted_after_exit: int = 0
    write_to_last_accepted: list = field(default_factory=list)
    write_to_last_answered: list = field(default_factory=list)
    reply_to_exit: list = field(default_factory=list)
    write_to_exit: list = field(default_factory=list)
    write_to_told: list = field(default_factory=list)
    told_to_last_accepted: list = field(default_factory=list)
    command: list = field(default_factory=list)

    def check(self):
        if self.accepted_after_exit:
            raise BrokenPromise(f"{self.accepted_after_exit} accepted though begun after the command's exit")

    def summary(self):
        late = [span for span in self.told_to_last_accepted if span > 0]
        return "\n".join([
            f"{len(self.command)} keys ended; {self.requests} requests with them, {self.accepted} accepted",
            f"accepted though begun after the command's exit: {self.accepted_after_exit}",
            f"write to the last accepted request's beginning: {figures(self.write_to_last_accepted)}",
            f"write to the last accepted request's answer:    {figures(self.write_to_last_answered)}",
            f"the write's reply to the command's exit:        {figures(self.reply_to_exit)}",
            f"write to its end, as its caller sees it:         {figures(self.write_to_exit)}",
            f"write to the moment that revoke prints:         {figures(self.write_to_told)}",
            f"the command as a whole:                         {figures(self.command)}",
            f"begun after the moment that revoke prints, and accepted, in {len(late)} rounds: {figures(late)}",
        ])


class Revocations:
    """Ends a key again and again while clients use it in turn with other keys; with `clocked`, commands measure themselves."""

    def __init__(self, fleet, connections, *others, organization="acme", target="/api", clocked=False):
        self.fleet = fleet
        self.organization = organization
        self.others = others
        self.record = record_key(organization)
        self.clients = connections * len(fleet.gateways)
        self.hammer = Hammer([gateway.gate for gateway in fleet.gateways], connections, target)
        self.ends = Ends()
        self.ended = {}
        self.clock = ExitClock(fleet.folder, fleet.latchkey) if clocked else None

    def __enter__(self):
        self.hammer.__enter__()
        self.key = self.fleet.key(self.organization)
        return self

    def __exit__(self, *error):
        self.hammer.__exit__(*error)

    def finish(self):
        """The results, including answers that came late."""
        self.hammer.report()
        self.ends.accepted_after_exit = sum(self.is_too_late(answer) for answer in self.hammer.answers)
        return self.ends

    def is_too_late(self, answer):
        """Whether a key was accepted in a request that began after the end of the command that ended the key."""
        return answer.is_accepted and answer.key in self.ended and answer.began > self.ended[answer.key]

    def answers(self, condition, what):
        """Waits until the answers to the current key meet a condition."""
        number = self.hammer.number(self.key)
        found = []

        def enough():
            found.extend(answer for answer in self.hammer.report() if answer.key == number)
            return condition(found)

        wait_until(enough, what, seconds=60)
        return found

    def calm_of(self, key, after):
        """Waits until every gateway accepts a key; returns how long that took from the moment `after`."""
        number = self.hammer.number(key)
        self.hammer.use(key)

        def calm():
            self.hammer.report()
            answers = [answer for answer in self.hammer.answers if answer.key == number and answer.began > after]
            refused = [index for index, answer in enumerate(answers) if not answer.is_accepted]
            since = refused[-1] + 1 if refused else 0
            return len(answers) - since >= CALM * self.clients and [answers[since].began - after]

        return wait_until(calm, "all clients are answered as expected", seconds=60)[0]

    def end(self, command, between=lambda running: None):
        """Ends the key with a command, while `between` happens; continues with the next key."""
        self.hammer.use(self.key, *self.others)
        before = self.answers(
            lambda found: sum(answer.is_accepted for answer in found) >= BEFORE * self.clients, "the key is accepted"
        )
        result = self.carry_out(command, between)
        after = self.answers(
            lambda found: sum(answer.began > result.ended for answer in found) >= AFTER * self.clients,
            "clients keep asking",
        )
        self.note(before + after, result)
        self.key = self.next_key(command, result)
        return result

    def carry_out(self, command, between):
        """Runs a command; repeats it if it could not reach the store, and so changed nothing."""
        before = self.fleet.redis.hash(self.record)
        running = self.fleet.latchkey.start(command, self.organization, "--yes", as_=OWNER)
        between(running)
        result = running.finish(120)
        if result.code == STORE_UNREACHABLE:
            assert self.fleet.redis.hash(self.record) == before
            return self.carry_out(command, lambda running: None)
        assert result.code == DONE, result.err
        return result

    def next_key(self, command, result):
        if command == "generate":
            return self.fleet.latchkey.remember(result.out.strip())
        return self.issue()

    def issue(self):
        """Another key; a command that could not reach the store, and so changed nothing, is repeated."""
        result = wait_until(self.issued, "a key is generated")
        return self.fleet.latchkey.remember(result.out.strip())

    def issued(self):
        result = self.fleet.latchkey.run("generate", self.organization, "--yes", as_=OWNER)
        assert result.code in (DONE, STORE_UNREACHABLE), result.err
        return result if result.code == DONE else None

    def written_at(self):
        """When the last change began, by its audit entry: a few milliseconds before Redis wrote it."""
        time = self.fleet.redis.cli("LINDEX", audit_key(self.organization), "-1").split()[0]
        return by_monotonic_clock(int(time.removeprefix("at=")) / 1000)

    def note(self, answers, result):
        ends = self.ends
        accepted = [answer for answer in answers if answer.is_accepted]
        ends.requests += len(answers)
        ends.accepted += len(accepted)
        self.ended[self.hammer.number(self.key)] = result.ended
        ends.command.append(result.ended - result.began)
        written = self.written_at()
        last = max(answer.began for answer in accepted)
        ends.write_to_last_accepted.append(last - written)
        ends.write_to_last_answered.append(max(answer.ended for answer in accepted) - written)
        if self.clock:
            ends.reply_to_exit.append(self.clock.reply_to_exit())
        ends.write_to_exit.append(result.ended - written)
        if SINCE in result.err:
            told = told_since(result)
            ends.write_to_told.append(told - written)
            ends.told_to_last_accepted.append(last - told)
