"""The page in Chromium: a key's life with scripts, without them, by keyboard, in German, and that the key does not stay."""

import os
import re
from pathlib import Path

import pytest

from console_states import CHOICES, SETTINGS, STATES, place
from harness import processes
from harness.chromium import CLIPBOARD, Chromium, axe_source
from harness.console_server import BY_COOKIE, KEY, OWNER
from harness.console_stack import stack as new_stack
from harness.polling import wait_until

pytestmark = pytest.mark.xdist_group("console_page")

# A name that is neither HTTPS nor loopback to a browser: there it gives pages no clipboard.
PLAIN_HOST = "console.test"


@pytest.fixture(scope="module")
def chromium():
    browser = Chromium(hosts=f"MAP {PLAIN_HOST} 127.0.0.1")
    yield browser
    browser.close()


@pytest.fixture
def browse(served, chromium, organization):
    """Opens the owner's page in a context with options."""
    def opened(user=OWNER, **options):
        return chromium.context(served.front.origin, user, **options)

    return opened


def address(served, organization):
    return f"{served.front.origin}/console/{organization}"


def shown_key(served, page):
    page.get_by_role("heading", name=re.compile("Your new API key|Ihr neuer API-Schlüssel")).wait_for()
    text = page.locator("#key").inner_text()
    assert KEY.fullmatch(text)
    served.console.remember(text)
    return text


def test_a_key_lives_from_none_to_none(served, browse, organization):
    gate = served.sandbox
    with browse(permissions=CLIPBOARD) as context:
        page = context.new_page()
        page.goto(address(served, organization))
        assert page.get_by_text("No API key generated").is_visible()

        page.get_by_role("button", name="Generate API Key").click()
        first = shown_key(served, page)
        assert page.evaluate("document.activeElement.textContent") == "Your new API key"
        page.get_by_role("button", name="Copy").click()
        page.get_by_text("Copied.").wait_for()
        assert page.evaluate("navigator.clipboard.readText()") == first
        assert gate.status_of(first) == 200
        page.get_by_role("link", name="I have stored it").click()
        page.get_by_text("Active", exact=True).wait_for()
        assert first not in page.content()
        assert page.evaluate("document.activeElement.id") == "key-heading"

        page.get_by_role("link", name="Generate a New API Key").click()
        dialog = page.get_by_role("dialog", name="Generate a new API key?")
        assert re.search("It was last used (just now|\\d+ seconds? ago)", dialog.inner_text())
        assert page.evaluate("document.activeElement.textContent") == "Cancel"
        page.keyboard.press("Escape")
        dialog.wait_for(state="detached")
        assert page.evaluate("document.activeElement.textContent") == "Generate a New API Key"
        assert gate.status_of(first) == 200
        page.get_by_role("link", name="Generate a New API Key").click()
        page.get_by_role("button", name="Generate", exact=True).click()
        second = shown_key(served, page)
        assert page.get_by_text("The previous key stopped working on the gateway").is_visible()
        assert (gate.status_of(first), gate.status_of(second)) == (401, 200)
        page.get_by_role("link", name="I have stored it").click()

        page.get_by_role("link", name="Revoke API Key…").click()
        page.get_by_role("button", name="Revoke", exact=True).click()
        page.get_by_role("status").filter(has_text="Revoked. No gateway has accepted the key since").wait_for()
        assert page.get_by_text("No API key generated").is_visible()
        assert gate.status_of(second) == 401


def test_the_same_without_scripts(served, browse, organization):
    gate = served.sandbox
    with browse(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(address(served, organization))
        page.get_by_role("button", name="Generate API Key").click()
        first = shown_key(served, page)
        assert not page.get_by_role("button", name="Copy").is_visible(), "it could do nothing"
        page.get_by_role("link", name="I have stored it").click()
        page.get_by_role("link", name="Generate a New API Key").click()
        page.get_by_role("link", name="Cancel").click()
        page.get_by_role("link", name="Generate a New API Key").click()
        page.get_by_role("button", name="Generate", exact=True).click()
        second = shown_key(served, page)
        assert (gate.status_of(first), gate.status_of(second)) == (401, 200)

        page.reload()  # sends the form again
        assert page.get_by_role("alert").filter(has_text="The key has just been changed").is_visible()
        assert gate.status_of(second) == 200 and second not in page.content()

        page.goto(address(served, organization))
        page.get_by_role("link", name="Revoke API Key…").click()
        page.get_by_role("button", name="Revoke", exact=True).click()
        assert page.get_by_role("status").filter(has_text="Revoked.").is_visible()
        assert gate.status_of(second) == 401


def test_by_keyboard_alone_and_in_german(served, browse, organization):
    def press(page, *keys):
        for key in keys:
            page.keyboard.press(key)

    def go_to(page, words):
        for _ in range(20):
            if page.evaluate("document.activeElement.textContent").strip() == words:
                return
            page.keyboard.press("Tab")
        raise AssertionError(f"{words} is not reached")

    with browse(locale="de-DE", permissions=CLIPBOARD) as context:
        page = context.new_page()
        page.goto(address(served, organization))
        assert page.locator("html").get_attribute("lang") == "de"
        go_to(page, "API-Schlüssel erzeugen")
        press(page, "Enter")
        key = shown_key(served, page)
        go_to(page, "Kopieren")
        press(page, "Space")
        page.get_by_text("Kopiert.").wait_for()
        go_to(page, "Ich habe ihn gespeichert")
        press(page, "Enter")
        page.get_by_text("Aktiv", exact=True).wait_for()
        go_to(page, "API-Schlüssel widerrufen …")
        press(page, "Enter")
        page.get_by_role("dialog", name="API-Schlüssel widerrufen?").wait_for()
        go_to(page, "Widerrufen")
        press(page, "Enter")
        page.get_by_role("status").filter(has_text="Widerrufen. Kein Gateway").wait_for()
        assert served.sandbox.status_of(key) == 401


def test_without_a_clipboard_the_key_is_selected(stacks, chromium):
    stack = stacks(start=False)
    origin = f"http://{PLAIN_HOST}:{stack.front.port}"
    text = stack.console.config.read_text()
    stack.console.config.write_text(text.replace("latchkey_console_origin ", f"latchkey_console_origin {origin} "))
    stack.start()
    stack.add()
    with chromium.context(origin, OWNER) as context:
        page = context.new_page()
        page.goto(f"{origin}/console/acme")
        assert not page.evaluate("isSecureContext")
        page.get_by_role("button", name="Generate API Key").click()
        key = shown_key(stack, page)
        page.get_by_role("button", name="Copy").click()
        page.get_by_text("Press Ctrl+C to copy.").wait_for()
        assert page.evaluate("getSelection().toString().trim()") == key


def test_a_key_does_not_stay_where_it_was_shown(served, chromium, organization, tmp_path):
    """By a link, Back, Forward, reload, Esc, in another tab and in a restored one; nor in the profile's folder."""
    profile = tmp_path / "profile"
    origin = served.front.origin
    with chromium.profile(profile, origin, OWNER) as context:
        page = context.pages[0] if context.pages else context.new_page()
        asked = []
        page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
        page.goto(origin)
        page.goto(address(served, organization))
        page.get_by_role("button", name="Generate API Key").click()
        key = shown_key(served, page)
        page.keyboard.press("Escape")
        assert page.locator("#key").inner_text() == key, "Esc does not take it away"

        page.goto(f"{origin}/elsewhere")
        assert asked == ["beforeunload"], "it was neither copied nor put away"
        for go in (page.go_back, page.go_forward, page.go_back, page.reload):
            go(wait_until="commit")  # a page that comes out of the cache does not load
            page.wait_for_function("document.readyState === 'complete'")
            assert key not in page.content()
        other = context.new_page()
        other.goto(address(served, organization))
        assert other.get_by_text("Active", exact=True).is_visible() and key not in other.content()
        assert page.evaluate("JSON.stringify([history.state, {...localStorage}, {...sessionStorage}, document.cookie])").find(key) < 0
        assert key not in page.url
        page.goto(address(served, organization))
        page.get_by_role("link", name="Generate a New API Key").click()
        page.get_by_role("button", name="Generate", exact=True).click()
        last = shown_key(served, page)
    with chromium.profile(profile, origin, OWNER, args=["--restore-last-session"]) as context:
        restored = [page for page in context.pages if organization in page.url]
        assert restored, "the tabs are there again"
        for page in restored:
            page.get_by_text("Active", exact=True).wait_for()
            assert last not in page.content() and not page.locator("#key").count()
    assert holders(profile, organization), "what a profile keeps is found"
    for each in (key, last):
        assert not holders(profile, each[-46:])
        assert each.encode() not in processes.environment(served.console.process.pid)


def holders(folder, text):
    """The files that hold a text, in either encoding that browsers write."""
    spellings = [text.encode(), text.encode("utf-16-le")]
    return [path for path in folder.rglob("*") if path.is_file() and any(each in path.read_bytes() for each in spellings)]


CACHEABLE = """
            proxy_hide_header Cache-Control;
            add_header Cache-Control private;
"""

NOTE_RESTORED = "addEventListener('pageshow', (event) => { if (event.persisted) sessionStorage.restored = 'yes'; });"


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without"])
def test_without_no_store_the_back_forward_cache_gives_no_key_back(stacks, chromium, scripts):
    """Browsers change what no-store means for that cache: what the page itself does is enough. Without scripts, no-store has to do."""
    stack = stacks(location=BY_COOKIE + (CACHEABLE if scripts else ""))
    stack.add()
    with chromium.context(stack.front.origin, OWNER, java_script_enabled=scripts) as context:
        context.add_init_script(NOTE_RESTORED)
        page = context.new_page()
        page.on("dialog", lambda dialog: dialog.accept())
        page.goto(address(stack, "acme"))
        page.get_by_role("button", name="Generate API Key").click()
        key = shown_key(stack, page)
        page.goto(f"{stack.front.origin}/elsewhere")
        if scripts:
            page.go_back(wait_until="commit")
            page.get_by_text("Active", exact=True).wait_for()
            assert page.evaluate("sessionStorage.restored") == "yes", "it came out of that cache"
        else:
            with pytest.raises(Exception, match="ERR_CACHE_MISS"):
                page.go_back()
            page.wait_for_url("chrome-error://**")
        assert key not in page.content()


def test_of_two_tabs_one_makes_a_key_and_the_other_reads_why(served, browse, organization):
    with browse() as context:
        tabs = [context.new_page() for _ in range(2)]
        for tab in tabs:
            tab.on("dialog", lambda dialog: dialog.accept())
            tab.goto(address(served, organization))
        tabs[0].get_by_role("button", name="Generate API Key").click()
        key = shown_key(served, tabs[0])
        tabs[1].get_by_role("button", name="Generate API Key").click()
        tabs[1].get_by_role("alert").filter(has_text="The key has just been changed").wait_for()
        assert tabs[1].get_by_text("Active", exact=True).is_visible()
        assert served.sandbox.status_of(key) == 200


def test_a_double_click_makes_one_key(served, browse, organization):
    with browse() as context:
        page = context.new_page()
        page.goto(address(served, organization))
        page.get_by_role("button", name="Generate API Key").dblclick()
        key = shown_key(served, page)
        assert served.sandbox.status_of(key) == 200
        made = [line for line in served.console.log_lines() if line.get("organization") == organization and line["method"] == "POST"]
        assert [line["status"] for line in made] == [200]


def test_a_lost_connection_keeps_the_page(served, browse, organization):
    with browse() as context:
        page = context.new_page()
        page.goto(address(served, organization))
        page.route("**/generate", lambda route: route.abort())
        page.get_by_role("button", name="Generate API Key").click()
        page.get_by_role("alert").filter(has_text="The request did not get through.").wait_for()
        page.unroute("**/generate")
        page.get_by_role("button", name="Generate API Key").click()
        shown_key(served, page)


SIGNED_IN = f"            proxy_set_header X-Latchkey-User {OWNER};\n            proxy_set_header Host $http_host;"

ATTACKS = """
<form method=post target=form action={url}/generate><input name=version value={version}></form><iframe name=form></iframe>
<iframe sandbox="allow-forms allow-scripts" srcdoc="
  <form method=post action={url}/revoke><input name=version value={version}></form><script>document.forms[0].submit()</script>"></iframe>
<script>
  document.forms[0].submit();
  for (const type of ['application/x-www-form-urlencoded', 'text/plain'])
    fetch('{url}/generate', {{method: 'POST', mode: 'no-cors', headers: {{'Content-Type': type}}, body: 'version={version}'}});
</script>
"""


def test_a_page_of_another_site_can_change_nothing(stacks, chromium):
    """Its forms, frames and scripts, in a browser whose requests are all signed in."""
    stack = stacks(location=SIGNED_IN)
    stack.add()
    url = f"{stack.front.origin}/console/acme"
    other = f"http://{PLAIN_HOST}:{stack.front.port}"
    with chromium.context(other, None, reports=False) as context:
        pages = stack.front.folder / "pages"
        pages.mkdir()
        (pages / "attack").write_text(ATTACKS.format(url=url, version=stack.console.version()))
        page = context.new_page()
        page.goto(f"{other}/pages/attack")
        wait_until(lambda: [line.get("status") for line in stack.console.log_lines() if line.get("method") == "POST"] == [403] * 4,
                   "all four arrive, and are refused")
    assert stack.sandbox.latchkey.status_json("acme", as_=OWNER)["status"] == "none"


# Every state


THEMES = {
    "light": {"color_scheme": "light"}, "dark": {"color_scheme": "dark"},
    "forced": {"color_scheme": "light", "forced_colors": "active"},
}

# A folder for pictures of each state: docs/console/ is made with it.
PICTURES = os.environ.get("PICTURES")


@pytest.fixture(scope="module")
def pictured():
    """A console with a product around it."""
    with new_stack(settings=SETTINGS) as made:
        yield made


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
def test_every_state_is_accessible_in_every_theme(pictured, stacks, chromium, state):
    """axe-core finds nothing in light, dark and forced colours; nothing is wider than 320 pixels."""
    stack = stacks(settings=SETTINGS + CHOICES[state]) if state in CHOICES else pictured
    with state(place(stack, state)) as shown, chromium.context(shown.origin, shown.user, reduced_motion="reduce", **shown.options) as context:
        page = context.new_page()
        page.on("dialog", lambda dialog: dialog.accept())
        shown.open(page)
        for name, theme in THEMES.items():
            page.emulate_media(**theme)
            check(page)
            take(page, f"{state.__name__}-{name}")
        page.emulate_media(color_scheme="light", forced_colors="none")
        page.set_viewport_size({"width": 320, "height": 640})
        assert page.evaluate("document.documentElement.scrollWidth") <= 320
        take(page, f"{state.__name__}-narrow")


def take(page, name):
    """A picture, if pictures are wanted. A key in it is none."""
    if PICTURES:
        if page.locator("#key").count():
            page.evaluate("document.getElementById('key').textContent = 'lk_R7MHCgA7bVutv6_' + 'Example'.repeat(7).slice(0, 46)")
        is_dialog = page.locator("dialog").count() > 0
        page.screenshot(path=Path(PICTURES) / f"{name}.png", full_page=not is_dialog)


def check(page):
    page.evaluate(axe_source())  # an evaluation is no script of the page: the policy does not matter
    rules = "{runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']}"
    violations = page.evaluate(f"axe.run(document, {rules}).then(result => result.violations)")
    assert not violations, [(each["id"], [node["html"] for node in each["nodes"]]) for each in violations]


def test_the_first_page_is_small(served, organization):
    page = served.console.page(organization=organization)
    files = re.findall(r'(?:href|src)="(/console/assets/[^"]*)"', page.body)
    sizes = [len(served.console.ask(path).body) for path in files]
    assert len(files) == 3
    assert sum(sizes) + len(page.body) < 30_000
