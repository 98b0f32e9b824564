"""The doctor reports certificates that end soon, and files of TLS that cannot be used or trusted."""

import json

import pytest

from harness.certificates import Authority
from harness.executable import STORE_UNREACHABLE
from harness.secure_redis import over_tls, presenting, serve

END = {13: ("fault", "ends in 12 days"), 15: ("ok", "ends in 14 days")}


def findings(latchkey):
    """The level, text and remedy of each check."""
    report = json.loads(latchkey.run("doctor", "--json").out)
    return {finding["check"]: (finding["level"], finding["text"], finding["remedy"]) for finding in report["findings"]}


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


def examined(sandboxes, authority, certificate, *words):
    """What the doctor finds with a certificate of Redis."""
    sandbox = serve(sandboxes, certificate, authority, clients="optional")
    return findings(over_tls(sandbox, authority, *words))


@pytest.mark.parametrize("end", END)
def test_the_stores_certificate_is_reported_two_weeks_before_its_end(sandboxes, authority, end):
    level, words = END[end]

    found = examined(sandboxes, authority, authority.server(end=end))

    assert found["store.certificate"][:2] == (level, f"the store's certificate (DNS:localhost, IP Address:127.0.0.1) {words}")
    assert found["store.authority"][0] == "ok"


@pytest.mark.parametrize("end", END)
def test_so_is_that_of_its_authority(sandboxes, tmp_path, end):
    level, words = END[end]
    authority = Authority(tmp_path, end=end)

    found = examined(sandboxes, authority, authority.server())

    assert found["store.authority"][:2] == (level, f"the certificate of the store's authority (CN=ca) {words}")
    assert found["store.certificate"][0] == "ok"


@pytest.mark.parametrize("end", END)
def test_so_is_the_clients_own(sandboxes, authority, end):
    level, words = END[end]

    found = examined(sandboxes, authority, authority.server(), *presenting(authority.client(end=end)))

    assert found["tls.certificate"][:2] == (level, f"the client certificate (DNS:client) {words}")
    assert bool(found["tls.certificate"][2]) == (level == "fault")


def test_a_certificate_that_has_expired_is_why_the_store_is_not_reached(sandboxes, authority):
    found = examined(sandboxes, authority, authority.server(begin=-3, end=-1))

    level, text, remedy = found["store.reachable"]
    assert level == "fault" and "its certificate has expired" in text and remedy
    assert "store.certificate" not in found


FILES = {
    "tls.files": (lambda client, _: client.key.chmod(0o644), "is accessible to every account"),
    "tls.files ": (lambda client, authority: authority.client("other").key.rename(client.key), "is not the key of"),
    "tls.ca": (lambda _, authority: authority.path.chmod(0o666), "every account can write to"),
}


@pytest.mark.parametrize("check", FILES)
def test_a_file_that_is_not_safe_to_use_is_a_fault(sandboxes, authority, check):
    spoil, words = FILES[check]
    client = authority.client()
    spoil(client, authority)

    level, text, remedy = examined(sandboxes, authority, authority.server(), *presenting(client))[check.strip()]

    assert level == "fault" and words in text and remedy


def test_what_is_in_order_is_reported_too(sandboxes, authority):
    found = examined(sandboxes, authority, authority.server(), *presenting(authority.client()))

    assert found["tls.ca"][:2] == ("ok", f"the authorities in {authority.path} are trusted")
    assert found["tls.certificate"][0] == "ok"


def test_the_remedy_of_a_store_that_proves_another_name_is_in_the_finding(sandboxes, authority):
    sandbox = serve(sandboxes, authority.server(["DNS:redis.example.org"]), authority)
    latchkey = over_tls(sandbox, authority)

    assert latchkey.run("org", "list").code == STORE_UNREACHABLE
    assert "is not for 127.0.0.1, but for DNS:redis.example.org" in findings(latchkey)["store.reachable"][1]
