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


def shown(stack, *clicks, path="/console/acme", **options):
    return Shown(stack.front.origin, f"{stack.front.origin}{path}", list(clicks), stack=stack, **options)


def made(stacks, settings="", key=True):
    stack = stacks(settings=SETTINGS + settings)
    stack.add()
    if key:
        stack.sandbox.latchkey.generate("acme", as_=OWNER)
    return stack


@contextmanager
def none(stacks):
    yield shown(made(stacks, key=False))


@contextmanager
def active(stacks):
    stack = made(stacks)
    stack.sandbox.status_of(stack.sandbox.latchkey.keys[-1])
    yield shown(stack)


@contextmanager
def active_with_notes(stacks):
    """An old key, of which earlier ones are still used, and a previous one that stays valid."""
    stack = made(stacks)
    sandbox = stack.sandbox
    old = sandbox.latchkey.keys[-1]
    new = sandbox.latchkey.generate("acme", "--grace", "10m", "--expires-in", "90d", as_=OWNER)
    sandbox.warm(new)
    forged = sandbox.forge().issued("acme")
    sandbox.forged_keys.append(forged)
    for key in (forged, new, old):
        sandbox.status_of(key)
    yield shown(stack)


@contextmanager
def question_generate(stacks):
    stack = made(stacks, "latchkey_console_expiry none 30d 90d;\nlatchkey_console_grace none 10m 1h;")
    stack.sandbox.status_of(stack.sandbox.latchkey.keys[-1])
    yield shown(stack, ("link", "Generate a New API Key"))


@contextmanager
def question_revoke(stacks):
    stack = made(stacks)
    stack.sandbox.status_of(stack.sandbox.latchkey.keys[-1])
    yield shown(stack, ("link", "Revoke API Key…"))


@contextmanager
def question_without_scripts(stacks):
    stack = made(stacks)
    yield shown(stack, path="/console/acme/revoke")


@contextmanager
def new_key(stacks):
    stack = made(stacks)
    yield shown(stack, ("link", "Generate a New API Key"), ("button", "Generate"), ("button", "Copy"),
                options={"permissions": ["clipboard-read", "clipboard-write"]})


@contextmanager
def revoked(stacks):
    yield shown(made(stacks), ("link", "Revoke API Key…"), ("button", "Revoke"))


@contextmanager
def changed_elsewhere(stacks):
    stack = made(stacks, key=False)
    result = shown(stack)

    def open_late(page):
        page.goto(result.address)
        stack.sandbox.latchkey.generate("acme", as_=OWNER)
        page.get_by_role("button", name="Generate API Key").click()
        page.get_by_role("alert").wait_for()

    result.open = open_late
    yield result


@contextmanager
def working(stacks):
    stack = made(stacks)
    result = shown(stack)

    def open_waiting(page):
        page.goto(result.address)
        page.get_by_role("link", name="Revoke API Key…").click()
        page.route("**/revoke", lambda route: None)  # it is never answered
        page.get_by_role("button", name="Revoke", exact=True).click()
        page.get_by_text("Waiting until no gateway").wait_for()

    result.open = open_waiting
    yield result


@contextmanager
def store_unavailable(stacks):
    stack = made(stacks)
    stack.sandbox.redis.freeze()
    yield shown(stack)
    stack.sandbox.redis.thaw()


@contextmanager
def not_signed_in(stacks):
    yield shown(made(stacks, key=False), user=None)


@contextmanager
def not_found(stacks):
    yield shown(made(stacks, key=False), user="bob")


@contextmanager
def german(stacks):
    stack = made(stacks)
    stack.sandbox.status_of(stack.sandbox.latchkey.keys[-1])
    yield shown(stack, options={"locale": "de-DE"})


STATES = [none, active, active_with_notes, question_generate, question_revoke, question_without_scripts, new_key, revoked,
          changed_elsewhere, working, store_unavailable, not_signed_in, not_found, german]
