"""The states of the page, each made as it comes about, and how a browser gets there."""

from contextlib import contextmanager
from dataclasses import dataclass, field

from harness.console_server import OWNER

SETTINGS = """
latchkey_console_product DiscountFlow https://app.example.com/;
latchkey_console_documentation https://docs.example.com/api;
latchkey_console_api https://api.example.com/graphql;
"""


@dataclass
class Shown:
    origin: str
    address: str
    clicks: list
    user: str = OWNER
    options: dict = field(default_factory=dict)
    stack: object = None

    def open(self, page):
        page.goto(self.address)
        for role, name in self.clicks:
            page.get_by_role(role, name=name, exact=True).click()
        page.wait_for_load_state("networkidle")
        if self.stack and page.locator("#key").count():
            self.stack.console.remember(page.locator("#key").inner_text())


@dataclass
class Place:
    """A stack, and an organization in it."""

    stack: object
    organization: str

    @property
    def sandbox(self):
        return self.stack.sandbox

    def shown(self, *clicks, path="", **options):
        origin = self.stack.front.origin
        return Shown(origin, f"{origin}/console/{self.organization}{path}", list(clicks), stack=self.stack, **options)

    def generate(self, *options):
        return self.sandbox.latchkey.generate(self.organization, *options, as_=OWNER)

    def with_key(self, *options):
        """A key that was just used."""
        self.sandbox.status_of(self.generate(*options))
        return self


def place(stack, state):
    """An organization for a state."""
    name = NAMES[STATES.index(state)]
    stack.add(name)
    return Place(stack, name)


@contextmanager
def none(place):
    yield place.shown()


@contextmanager
def active(place):
    yield place.with_key().shown()


@contextmanager
def active_with_notes(place):
    """A key of which earlier ones are still used, and a previous one that stays valid."""
    place.with_key()
    sandbox = place.sandbox
    new = place.generate("--grace", "10m", "--expires-in", "90d")
    sandbox.warm(new)
    forged = sandbox.forge().issued(place.organization)
    sandbox.forged_keys.append(forged)
    for key in (forged, new):
        sandbox.status_of(key)
    yield place.shown()


@contextmanager
def question_generate(place):
    yield place.with_key().shown(("link", "Generate a New API Key"))


@contextmanager
def question_revoke(place):
    yield place.with_key().shown(("link", "Revoke API Key…"))


@contextmanager
def question_without_scripts(place):
    yield place.with_key().shown(path="/revoke")


@contextmanager
def new_key(place):
    yield place.with_key().shown(
        ("link", "Generate a New API Key"), ("button", "Generate"), ("button", "Copy"),
        options={"permissions": ["clipboard-read", "clipboard-write"]},
    )


@contextmanager
def revoked(place):
    yield place.with_key().shown(("link", "Revoke API Key…"), ("button", "Revoke"))


@contextmanager
def changed_elsewhere(place):
    result = place.shown()

    def open_late(page):
        page.goto(result.address)
        place.generate()
        page.get_by_role("button", name="Generate API Key").click()
        page.get_by_role("alert").wait_for()

    result.open = open_late
    yield result


@contextmanager
def working(place):
    result = place.with_key().shown()

    def open_waiting(page):
        page.goto(result.address)
        page.get_by_role("link", name="Revoke API Key…").click()
        page.route("**/revoke", lambda route: None)  # it is never answered
        page.get_by_role("button", name="Revoke", exact=True).click()
        page.get_by_text("Waiting until no gateway").wait_for()

    result.open = open_waiting
    yield result


@contextmanager
def store_unavailable(place):
    place.sandbox.redis.freeze()
    yield place.shown()
    place.sandbox.redis.thaw()


@contextmanager
def not_signed_in(place):
    yield place.shown(user=None)


@contextmanager
def not_found(place):
    yield place.shown(user="bob")


@contextmanager
def german(place):
    yield place.with_key().shown(options={"locale": "de-DE"})


STATES = [none, active, active_with_notes, question_generate, question_revoke, question_without_scripts, new_key, revoked,
          changed_elsewhere, working, store_unavailable, not_signed_in, not_found, german]

NAMES = ["acme", "globex", "initech", "umbrella", "hooli", "tyrell", "wonka", "cyberdyne", "soylent", "oscorp", "aperture", "vandelay",
         "gringotts", "monsters"]

# States that need other settings than the rest.
CHOICES = {question_generate: "latchkey_console_expiry none 30d 90d;\nlatchkey_console_grace none 10m 1h;"}
