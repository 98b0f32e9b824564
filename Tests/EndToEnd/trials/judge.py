"""What is certain of each key at each moment, and what must not happen then.

A change that ends with exit 0 makes certain: the keys from before it have ended, and its own key counts.  While one is
under way, and behind one that ended in any other way, nothing is certain of the keys that it could have touched, until
the next one that ends with exit 0.  With `--no-wait` it says nothing of the keys from before, and its own counts when the
longest lease is over; with replicas its own is uncertain too, since a change of the primary may undo what no replica has.
Times are those of CLOCK_MONOTONIC.
"""

import threading
from collections import Counter
from dataclasses import dataclass, field

from harness.executable import BAD_DATA, DONE, NOT_PERMITTED, STORE_UNREACHABLE

VALID, ENDED, UNKNOWN = "valid", "ended", "unknown"

# These say that nothing was done.
NOTHING_DONE = (STORE_UNREACHABLE, NOT_PERMITTED, BAD_DATA)

# The name of each violation in the table; each must be 0.
DEAD_ACCEPTED = "begun with an ended key after exit 0, and accepted"
VALID_REFUSED = "401 for a valid key"
FORGED_ACCEPTED = "forged keys accepted"
STREAM_OUTLIVES = "streams that outlive a confirmed end of their key"
FAULTS = (DEAD_ACCEPTED, VALID_REFUSED, FORGED_ACCEPTED, STREAM_OUTLIVES)

# This many of each are reported in full.
TOLD = 5


class Life:
    """What is certain of a key: since when what."""

    def __init__(self, organization, made):
        self.organization = organization
        self.made = made
        self.decided = made
        self.spans = [(float("-inf"), UNKNOWN)]

    def becomes(self, state, since):
        """Cancels everything that was foreseen for later."""
        self.spans = [span for span in self.spans if span[0] < since]
        self.spans.append((since, state))

    def will_be(self, state, since):
        """Foresees what comes after all that is certain by now."""
        self.spans.append((since, state))

    def between(self, began, ended):
        """The spans that a stretch of time touches."""
        since = max((moment for moment, _ in self.spans if moment <= began))
        return [span for span in self.spans if since <= span[0] <= ended]

    def throughout(self, began, ended):
        """The state in which the key was all the time between two moments."""
        states = {state for _, state in self.between(began, ended)}
        return states.pop() if len(states) == 1 else UNKNOWN

    def at(self, moment):
        return self.throughout(moment, moment)


@dataclass(eq=False)
class Change:
    """A command that may end keys, and make one that counts.

    keeps     for how long the previous key stays valid
    expires   when its own key ends
    waits     whether it waits until gateways have acknowledged
    """

    kind: str
    organization: str
    began: float
    keeps: float = 0
    expires: float = None
    waits: bool = True
    is_alone: bool = True
    before: dict = field(default_factory=dict)


class Judge:
    """`longest_lease` is that of the gateways; `is_replicated` tells whether another server may become the primary."""

    def __init__(self, longest_lease, is_replicated=False):
        self.longest_lease = longest_lease
        self.is_replicated = is_replicated
        self.lock = threading.Lock()
        self.lives = {}
        self.keys_of = {}
        self.under_way = set()
        self.uncertain = []
        self.figures = Counter()
        self.answers = Counter()
        self.changes = Counter()
        self.seconds = {}
        self.unjudged = []
        self.told = []

    # What administrators do

    def begins(self, change):
        """To be called before the command is started."""
        with self.lock:
            for other in self.of_same_organization(change):
                change.is_alone = other.is_alone = False
            self.under_way.add(change)
            for key in self.keys_of.get(change.organization, ()):
                life = self.lives[key]
                if life.at(change.began) != ENDED:
                    change.before[key] = life.spans
                    life.becomes(UNKNOWN, change.began)

    def of_same_organization(self, change):
        return [each for each in self.under_way if each.organization == change.organization]

    def counts(self, kind, code):
        """Notes a command that ends no key."""
        with self.lock:
            self.changes[kind, code] += 1

    def ends(self, change, ended, code, key=None):
        """To be called when the command has ended; `key` is the one that it has printed."""
        with self.lock:
            self.under_way.discard(change)
            self.changes[change.kind if change.waits else f"{change.kind} --no-wait", code] += 1
            is_certain = code == DONE and not self.is_uncertain(ended)
            if is_certain and change.waits:
                self.end_earlier_keys(change, ended)
            elif code in NOTHING_DONE and change.is_alone:
                self.take_back(change, ended)
            if key:
                self.note_key(change, ended, is_certain, key)

    def end_earlier_keys(self, change, ended):
        for key in self.keys_of.get(change.organization, ()):
            life = self.lives[key]
            if life.made >= change.began or life.at(ended) == ENDED:
                continue
            if change.keeps and change.is_alone and self.was_valid(change, key):
                life.becomes(VALID, ended)
                life.will_be(UNKNOWN, max(ended, change.began + change.keeps))
                life.will_be(ENDED, ended + change.keeps)
            else:
                life.becomes(ENDED, ended + change.keeps)
            life.decided = ended

    @staticmethod
    def was_valid(change, key):
        """Whether a key was valid, and without an end, when a change began."""
        moment, state = change.before[key][-1] if key in change.before else (0, UNKNOWN)
        return state == VALID and moment <= change.began

    def take_back(self, change, ended):
        for key, spans in change.before.items():
            life = self.lives[key]
            was = Life(life.organization, life.made)
            was.spans = spans
            life.becomes(was.at(ended), ended)
            life.spans += [span for span in spans if span[0] > ended]

    def note_key(self, change, ended, is_certain, key):
        life = self.lives[key] = Life(change.organization, ended)
        self.keys_of.setdefault(change.organization, []).append(key)
        if is_certain and change.is_alone and (change.waits or not self.is_replicated):
            life.becomes(VALID, ended if change.waits else ended + self.longest_lease)
            if change.expires:
                life.will_be(UNKNOWN, max(ended, change.began + change.expires))
                life.will_be(ENDED, ended + change.expires)

    # What a crash may take

    def may_be_lost(self, since, now, until):
        """Changes of a span of time may be undone from now on, and those that end before `until` may not hold."""
        with self.lock:
            self.uncertain.append((since, until))
            for change in self.under_way:
                change.before.clear()
            lost = [life for life in self.lives.values() if life.decided >= since]
            for life in lost:
                life.becomes(UNKNOWN, now)
            self.figures["keys of which a crash with everysec made all uncertain"] += len(lost)

    def is_uncertain(self, moment):
        return any(since <= moment <= until for since, until in self.uncertain)

    # What clients see

    def take(self, answers, text_of):
        """Judges the answers of the call before: what ended meanwhile was told by now."""
        judged, self.unjudged = self.unjudged, answers
        with self.lock:
            for answer in judged:
                self.judge(answer, text_of(answer.key))

    def judge(self, answer, key):
        self.answers[answer.gateway, answer.status, answer.result, answer.source] += 1
        if answer.status == 503:
            self.seconds.setdefault(answer.gateway, set()).add(int(answer.ended))
        life = self.lives.get(key)
        if life is None:
            if answer.is_accepted:
                self.accuse(FORGED_ACCEPTED, key, answer)
            return
        state = life.throughout(answer.began, answer.ended)
        self.figures[f"requests with keys that are {state}"] += 1
        if answer.is_accepted and state == ENDED:
            self.accuse(DEAD_ACCEPTED, key, answer)
        if answer.status == 401 and state == VALID:
            self.accuse(VALID_REFUSED, key, answer)

    def has_been_ended(self, key, since, now):
        """Whether it is certain that a key counted at no moment of a span."""
        with self.lock:
            return self.lives[key].throughout(since, now) == ENDED

    def note_end_of_stream(self, key, now):
        """Counts a stream that the gateway has ended."""
        with self.lock:
            self.figures[f"streams ended whose key is {self.lives[key].at(now)}"] += 1

    def accuse_stream(self, key, seen):
        with self.lock:
            self.accuse(STREAM_OUTLIVES, key, seen)

    def accuse(self, what, key, seen):
        self.figures[what] += 1
        if self.figures[what] <= TOLD:
            life = self.lives.get(key)
            self.told.append(f"{what}: {seen}; {life.organization if life else 'nobody'}: {f'made {life.made}, {life.spans[1:]}' if life else ''}")

    def known_keys(self):
        """The keys of each organization, from the oldest to the latest."""
        with self.lock:
            return {organization: list(keys) for organization, keys in self.keys_of.items()}

    def state_of(self, key, now):
        return self.lives[key].at(now)

    @property
    def faults(self):
        return {what: self.figures[what] for what in FAULTS if self.figures[what]}
