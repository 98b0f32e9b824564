"""Keys and peppers appear only where they belong.

Every gateway of these tests is searched when it is closed; these tests prove that the search finds secrets,
and search what is not a file, too.
"""

import re

import pytest

from harness import processes
from harness.executable import Dialogue
from harness.key_forge import secret_of
from harness.polling import wait_until
from harness.sandbox import OWNER


def lead_a_life(sandbox):
    """Uses a key in every way that could leave a trace; returns all keys."""
    keys = [sandbox.key(), sandbox.key("acme", "--grace", "1h"), sandbox.key("acme", "--expires-in", "1d")]
    forge = sandbox.forge()
    sandbox.forged_keys += [forge.forged("acme"), forge.issued("acme")]
    for key in keys + sandbox.forged_keys:
        for target in ("/api", "/checked", "/open"):
            sandbox.request(target, key=key)
        sandbox.request(headers=[("X-API-Key", key), ("X-API-Key", key)])
        sandbox.latchkey.verify(key)
    sandbox.latchkey.status("acme", as_=OWNER)
    wait_until(lambda: sandbox.redis.calls("zadd"), "the last use is recorded")
    return keys


def test_neither_the_store_nor_a_log_holds_a_key_after_a_full_life(sandbox):
    lead_a_life(sandbox)
    sandbox.latchkey.must("revoke", "acme", "--yes", as_=OWNER)
    sandbox.redis.rewrite()

    assert sandbox.files_with_secrets() == []


def test_the_search_for_secrets_finds_them(sandbox):
    key = sandbox.key()
    place = sandbox.folder / "redis/place"

    place.write_text(f"before {secret_of(key)} behind")
    assert sandbox.files_with_secrets() == ["place holds a secret, behind: before "]
    place.write_text("a" + sandbox.pepper_file.read_text())
    assert sandbox.files_with_secrets() == ["place holds a secret, behind: a"]
    place.unlink()


def test_no_process_shows_a_key_or_a_pepper_in_its_arguments_or_environment(sandbox):
    keys = lead_a_life(sandbox)
    pepper = sandbox.pepper_file.read_text().strip()
    pids = {sandbox.redis.process.pid, sandbox.nginx.process.pid, *sandbox.nginx.workers()}

    with Dialogue(sandbox.latchkey, "generate", "acme", as_=OWNER) as dialogue:
        dialogue.read_until("?")
        pids.add(dialogue.process.pid)
        shown = b"".join(processes.arguments(pid) + processes.environment(pid) for pid in pids)

    assert b"generate" in shown and b"nginx: worker process" in shown
    for secret in [pepper, *map(secret_of, keys)]:
        assert secret.encode() not in shown


def test_the_store_keeps_no_key_but_a_digest_from_which_none_can_be_made(sandbox):
    key = sandbox.key()
    forge = sandbox.forge()

    record = sandbox.redis.hash(f"latchkey:record:{{{key.split('_')[1]}}}")

    assert record["verifier"] == forge.verifier(key)
    assert not any(key[-14:-6] in value or key[-46:-14] in value for value in record.values())


@pytest.mark.parametrize("target", ["/query?api_key={}", "/query?a=1&api_key={}&b=2"])
def test_a_key_in_the_query_is_in_no_log(sandboxes, target):
    gate = sandboxes(workers=1, server="""
        location /query {
            latchkey on;
            latchkey_credential query api_key;
            access_log query.log;
            proxy_pass http://unix:api.sock;
        }
    """)
    key = gate.key()

    replaced = gate.key()

    assert gate.request(target.format(replaced)).status == 200
    assert gate.request(target.format(key)).status == 401

    log = gate.nginx.folder / "query.log"
    wait_until(lambda: " 401 " in log.read_text(), "the request is logged")


@pytest.mark.parametrize("page, shown", [
    ("http://gateway/page?api_key={}", "http://gateway/page?api_key=*"),
    ("http://gateway/?a=1&api_key={}&b=2#part", "http://gateway/?a=1&api_key=*&b=2#part"),
    ("http://gateway/?api_key={}&api_key={}", "http://gateway/?api_key=*&api_key=*"),
])
def test_a_key_in_the_referer_is_in_no_log_either(sandboxes, page, shown):
    gate = sandboxes(workers=1, server="""
        location /query {
            latchkey on;
            latchkey_credential bearer query api_key;
            access_log query.log;
            proxy_pass http://unix:nobody.sock;
        }
    """)
    gate.expect("nobody.sock")
    key = gate.key()
    referrer = ("Referer", page.replace("{}", key))

    assert gate.request("/query", [referrer]).status == 401
    assert gate.request("/query", [referrer], key=key).status == 502

    log = gate.nginx.folder / "query.log"
    wait_until(lambda: " 502 " in log.read_text(), "the requests are logged")
    pattern = re.escape(shown).replace(r"\*", r"\*+")
    assert len(re.findall(f'"{pattern}"', log.read_text())) == 2
    assert re.search(f'referrer: "{pattern}"', gate.nginx.error_log())


@pytest.mark.parametrize("page", ["http://gateway/page", "http://gateway/?other_api_key=1#?api_key=2", "?", "", "api_key=3"])
def test_the_address_of_a_page_without_a_key_is_left_as_it_is(sandboxes, page):
    gate = sandboxes(workers=1, http="log_format page '<$http_referer>';", server="""
        location /query {
            latchkey on;
            latchkey_credential query api_key;
            access_log page.log page;
            proxy_pass http://unix:api.sock;
        }
    """)
    gate.request("/query", [("Referer", page)])

    log = gate.nginx.folder / "page.log"
    wait_until(lambda: log.read_text() == f"<{page}>\n", "the page is logged as it was sent")


def test_a_mistaken_argument_is_not_repeated(sandbox):
    key = sandbox.key()

    for arguments in (["verify", key], ["status", key], ["generate", key, "--yes"], ["revoke", "acme", key], [key]):
        result = sandbox.latchkey.run(*arguments, as_=None)
        assert secret_of(key) not in result.out + result.err
