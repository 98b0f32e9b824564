"""Every command that uses the store does with TLS what it does without."""

import json

import pytest

from harness.certificates import Authority
from harness.executable import BAD_DATA, DONE, NOT_VALID, Latchkey
from harness.membership import MEMBERSHIP
from harness.sandbox import OPERATORS, OWNER
from harness.secure_redis import presenting, serve

# More than one record of TLS in either direction.
ORGANIZATIONS = [f"org-{number}" for number in range(600)]


@pytest.fixture(params=["no", "yes"], ids=["without-certificate", "with-certificate"])
def sandbox(sandboxes, tmp_path, request):
    """Both programs reach Redis with TLS; it requires a certificate, or asks for none."""
    authority = Authority(tmp_path)
    made = serve(sandboxes, authority.server(), authority, clients=request.param, gateways=1, workers=1, start=False, tls=None)
    made.words = [f"ca={authority.path}", *(presenting(authority.client()) if request.param == "yes" else ())]
    made.url = f"rediss://127.0.0.1:{made.secure_port}"
    made.add_settings(f"latchkey_timeout 10s;\nlatchkey_store {made.url};\nlatchkey_store_tls {' '.join(made.words)};")
    made.nginx.start()
    return made


def test_a_key_is_made_used_and_revoked(sandbox):
    sandbox.wait_for_members()
    latchkey = sandbox.latchkey

    key = sandbox.key("acme", "--expires-in", "90d")
    assert sandbox.status_of(key) == 200
    assert latchkey.status_json("acme", OWNER)["last_used_at"]
    assert latchkey.verify(key).out == "valid: acme\n"
    assert latchkey.must("org", "list") == f"acme\t{OWNER}\n"
    latchkey.must("org", "transfer", "acme", "--owner", "bob")
    assert "revoked" not in latchkey.must("audit", "acme", as_="bob")
    assert "No gateway accepts the key" in sandbox.revoke(owner="bob").err
    assert sandbox.request(key=key).result == "revoked"
    assert latchkey.verify(key).code == NOT_VALID
    latchkey.must("org", "seal", "--yes")
    latchkey.must("org", "remove", "acme", "--yes")
    assert latchkey.must("org", "list") == ""


def test_workers_are_listed_and_one_that_is_gone_is_taken_off(sandbox):
    sandbox.wait_for_members()
    sandbox.redis.cli("HSET", MEMBERSHIP, "0123456789abcdef", "host=web-9 pid=9 version=0.2.0 lease=50 grace=0 token=3f")

    assert len(sandbox.latchkey.gateways()) == 2
    assert sandbox.latchkey.run("gateways", "--forget", "0123456789abcdef", "--yes").code == DONE
    assert [each["pid"] for each in sandbox.latchkey.gateways()] == list(sandbox.workers())
    assert sandbox.latchkey.run("gateways", "--forget", "0123456789abcdef", "--yes").code == BAD_DATA


def test_many_organizations_are_added_exported_and_imported(sandbox):
    latchkey = sandbox.latchkey
    lines = "".join(f"{name} {OWNER}\n" for name in ORGANIZATIONS)
    latchkey.must("org", "add", "--from", "-", stdin=lines)
    keys = dict(line.split("\t") for line in latchkey.must("generate", "--from", "-", stdin=lines).splitlines())
    for key in keys.values():
        latchkey.remember(key)
    assert sorted(keys) == sorted(ORGANIZATIONS)

    records = latchkey.must("export")
    sandbox.redis.cli("FLUSHALL")
    file = sandbox.folder / "records"
    file.write_text(records)
    latchkey.must("import", file)

    assert latchkey.must("org", "list").count("\n") == len(ORGANIZATIONS)
    assert latchkey.verify(keys["org-7"]).out == "valid: org-7\n"


def test_an_installation_begins_with_tls(sandbox):
    config = sandbox.folder / "new/latchkey.conf"
    config.parent.mkdir()
    latchkey = Latchkey(config)
    latchkey.must("init", "--store", sandbox.url, "--pepper-file", config.parent / "pepper")
    config.write_text(config.read_text() + f"latchkey_store_tls {' '.join(sandbox.words)};\n{OPERATORS}\n")

    latchkey.must("org", "add", "umbrella", "--owner", OWNER)
    key = latchkey.generate("umbrella", as_=OWNER)

    assert latchkey.verify(key).code == DONE


def test_the_doctor_sees_the_store(sandbox):
    report = json.loads(sandbox.latchkey.run("doctor", "--json").out)

    found = {finding["check"]: finding["level"] for finding in report["findings"]}
    assert {found[check] for check in ("store.reachable", "store.certificate", "store.authority", "rights.gateway")} == {"ok"}
    assert found.get("tls.certificate") == ("ok" if len(sandbox.words) > 1 else None)
