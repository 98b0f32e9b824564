"""Administrators that change keys at random and at the same time, each a thread that runs the executable."""

import json
import time
from contextlib import nullcontext

from harness.executable import BAD_DATA, KEY, NOT_PERMITTED
from harness.sandbox import SEARCHED_KEYS
from trials.judge import Change

OWNERS = ("alice", "bob", "carol")

# A change waits 30 seconds at most, and what comes before and behind it takes a while on a slow network.
COMMAND_SECONDS_MAX = 90

PAUSE_MAX = 0.3

# Their actions, with relative weights.
GENERATE, REVOKE, TRANSFER, REMOVE = "generate", "revoke", "org transfer", "org remove"
CHANGES = {GENERATE: 12, REVOKE: 4, TRANSFER: 3, REMOVE: 1}

# Seconds.
GRACES = (1, 3)
LIFETIMES = (2, 10)


class Administrators:
    """The state that all of them share, and the link to the store that some use."""

    def __init__(self, judge, programs, proxy, organizations, spread):
        """`spread` is called when there are other keys to use."""
        self.name = "administrators"
        self.judge = judge
        self.programs = programs
        self.proxy = proxy
        self.organizations = organizations
        self.spread = spread
        self.owners = {}
        self.running = set()

    def work(self, chance, ended):
        while not ended.wait(chance.uniform(0, PAUSE_MAX)):
            organization = chance.choice(self.organizations)
            self.change(chance.choice(self.programs), organization, *self.plan(chance))

    @staticmethod
    def plan(chance):
        """A kind of change, and its options."""
        (kind,) = chance.choices(list(CHANGES), list(CHANGES.values()))
        if kind != GENERATE:
            return kind, {}
        return kind, chance.choice([
            {}, {}, {}, {"grace": chance.choice(GRACES)}, {"expires-in": chance.choice(LIFETIMES)}, {"no-wait": True},
        ])

    def change(self, program, organization, kind, options):
        if organization not in self.owners:
            self.find_owner(program, organization)
        if kind == TRANSFER:
            return self.transfer(program, organization)
        words = [f"--{name}" if value is True else f"--{name}={value}s" for name, value in options.items()]
        acting = None if kind == REMOVE else self.owners.get(organization, OWNERS[0])
        change = Change(kind, organization, time.monotonic(), options.get("grace", 0), options.get("expires-in"),
                        "no-wait" not in options)
        self.judge.begins(change)
        result = self.run(program, *kind.split(), organization, "--yes", *words, as_=acting)
        self.judge.ends(change, result.ended, result.code, self.key_of(program, result))
        if kind == REMOVE or result.code in (NOT_PERMITTED, BAD_DATA):
            self.find_owner(program, organization)
        self.spread()
        return result

    @staticmethod
    def key_of(program, result):
        """The key that was printed, if one was; of some it is looked up at the end where they were written."""
        key = result.out.strip()
        if not KEY.fullmatch(key):
            return None
        return program.remember(key) if len(program.keys) < SEARCHED_KEYS else key

    def transfer(self, program, organization):
        owner = OWNERS[(OWNERS.index(self.owners.get(organization, OWNERS[0])) + 1) % len(OWNERS)]
        result = self.run(program, "org", "transfer", organization, "--owner", owner)
        self.judge.counts(TRANSFER, result.code)
        self.owners.pop(organization, None)

    def find_owner(self, program, organization):
        """Finds the owner of an organization, or adds it."""
        listed = self.run(program, "org", "list", "--json")
        self.judge.counts("org list", listed.code)
        owners = {each["organization"]: each["owner"] for each in json.loads(listed.out or "[]")}
        self.owners.update(owners)
        if listed.code == 0 and organization not in owners:
            added = self.run(program, "org", "add", organization, "--owner", OWNERS[0])
            self.judge.counts("org add", added.code)
            self.owners[organization] = OWNERS[0]

    def run(self, program, *words, as_=None):
        command = program.start(*words, as_=as_)
        self.running.add(command)
        try:
            return command.finish(COMMAND_SECONDS_MAX)
        finally:
            self.running.discard(command)

    # Faults that happen to them

    def signal_one(self, chance, how):
        running = sorted(self.running, key=lambda command: command.began)
        if running:
            chance.choice(running).process.send_signal(how)

    @staticmethod
    def troubled():
        """Faults of administrators are not the gateways' faults."""
        return nullcontext()
