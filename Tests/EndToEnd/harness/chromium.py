"""Debian's Chromium, driven by Playwright, which the tests' Python environment holds."""

import sys
from contextlib import contextmanager
from pathlib import Path

from harness.graphql_programs import PACKAGES, install_packages

PROGRAM = "/usr/bin/chromium"

# The clipboard of a window that is shown nowhere.
CLIPBOARD = ["clipboard-read", "clipboard-write"]

WAIT = 60_000  # milliseconds


def packages():
    """The folder of the environment's packages: it is made for this very Python."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    return PACKAGES / "environment/lib" / version / "site-packages"


def playwright():
    install_packages()
    if str(packages()) not in sys.path:
        sys.path.append(str(packages()))
    from playwright.sync_api import sync_playwright

    return sync_playwright()


def axe_source():
    return (packages() / "axe_playwright_python/axe.min.js").read_text()


OPTIONS = {
    "executable_path": PROGRAM,
    "args": ["--no-sandbox", "--disable-gpu", "--force-color-profile=srgb", "--font-render-hinting=none"],
    # Playwright switches the back/forward cache off: keys must not come back from it.
    "ignore_default_args": ["--disable-back-forward-cache"],
}


class Chromium:
    """One browser for the tests of a file; each test has a context of its own."""

    def __init__(self, hosts=""):
        self.manager = playwright()
        self.driver = self.manager.start()
        options = {**OPTIONS, "args": [*OPTIONS["args"], f"--host-resolver-rules={hosts}"] if hosts else OPTIONS["args"]}
        self.browser = self.driver.chromium.launch(**options)

    def close(self):
        self.browser.close()
        self.driver.stop()

    @contextmanager
    def context(self, origin, user, reports=True, **options):
        """A context in which a user is signed in; with `reports`, fails if a page reports an error."""
        context = self.browser.new_context(**{"viewport": {"width": 960, "height": 820}, "locale": "en-GB", **options})
        try:
            with prepared(context, origin, user, reports):
                yield context
        finally:
            context.close()

    @contextmanager
    def profile(self, folder: Path, origin, user, **options):
        """The same with a profile on disk."""
        options = {**OPTIONS, **options, "args": [*OPTIONS["args"], *options.get("args", [])]}
        context = self.driver.chromium.launch_persistent_context(folder, **options)
        try:
            with prepared(context, origin, user):
                yield context
        finally:
            context.close()


@contextmanager
def prepared(context, origin, user, reports=True):
    context.set_default_timeout(WAIT)
    if user:
        context.add_cookies([{"name": "user", "value": user, "url": origin}])
    faults = []

    def watch(page):
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda message: faults.append(message.text) if is_fault(message) else None)
        page.on("request", lambda request: faults.append(request.url) if not request.url.startswith(origin) else None)

    context.on("page", watch)
    yield
    assert not (reports and faults), faults


def is_fault(message):
    """Chromium reports each answer of 4xx and 5xx as an error, too, and what plain HTTP cannot do."""
    usual = ("Failed to load resource", "the URL's origin was untrustworthy")
    return message.type == "error" and not any(text in message.text for text in usual)
