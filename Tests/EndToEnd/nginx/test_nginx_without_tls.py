"""An nginx that was built without TLS: docs/BUILDING.md says how these tests are run with one."""

import re

import pytest

from harness.polling import wait_until


def test_keys_are_checked_and_revoked_without_tls(sandboxes):
    gate = sandboxes(workers=1, tcp=True, tls=None)
    key = gate.key()
    wait_until(lambda: gate.status_of(key) == 200, "the key is accepted")

    gate.revoke()

    assert gate.status_of(key) == 401


@pytest.mark.parametrize("words", [None, "ca=/etc/ssl/certs/ca-certificates.crt"])
@pytest.mark.parametrize("store", ["rediss://127.0.0.1:6390", "sentinels://127.0.0.1:6390/main", "clusters://127.0.0.1:6390"])
def test_a_store_with_tls_is_refused_and_the_reason_is_named(sandboxes, store, words):
    sandbox = sandboxes(workers=1, tcp=True, tls=None, start=False)
    sandbox.expect(r"\[emerg\]")
    settings = sandbox.folder / "gateway.conf"
    own = re.sub("(?m)^latchkey_store .*$", f"latchkey_store {store};", sandbox.config.read_text())
    settings.write_text(own + (f"latchkey_store_tls {words};\n" if words else ""))
    sandbox.nginx.configure(settings=settings)

    code, text = sandbox.nginx.test()

    assert code != 0
    assert "this nginx was built without TLS, which the store needs: use one that was built with --with-http_ssl_module" in text
    assert f"the store cannot be reached with TLS in {settings}:{line_of('latchkey_store_tls' if words else 'latchkey_store', settings)}\n" in text


def line_of(directive, settings):
    return next(number for number, line in enumerate(settings.read_text().splitlines(), 1) if line.startswith(directive + " "))
