"""Subrequests skip nginx's ACCESS phase: what their location protects is protected all the same."""

import pytest

from harness.consistency import under_either_consistency
from harness.polling import wait_until
from harness.sandbox import OWNER, SERVER, Sandbox

NJS = "/usr/lib/nginx/modules/ngx_http_js_module.so"

SCRIPT = """
async function ask(r) {
    const answer = await r.subrequest('/secret/njs');
    r.return(answer.status, answer.responseText);
}
export default { ask };
"""

# What asks for a key, whatever answers there.
TARGETS = {
    "proxied": "latchkey on; proxy_pass http://unix:api.sock;",
    "gif": "latchkey on; empty_gif;",
    "status": "latchkey on; stub_status;",
    "any": "satisfy any; allow all; latchkey on; proxy_pass http://unix:api.sock;",
    "variable": "latchkey $always; proxy_pass http://unix:api.sock;",
    "paged": "latchkey on; error_page 401 =200 /open; proxy_pass http://unix:api.sock;",
}

LOCATIONS = SERVER + "".join(
    f"""
        location = /check/{name} {{ internal; {target} }}
        location /asks/{name} {{ auth_request /check/{name}; proxy_pass http://unix:api.sock; }}
    """
    for name, target in TARGETS.items()
) + """
        location /secret { latchkey on; log_subrequest on; proxy_pass http://unix:api.sock; }
        location /watched { latchkey dry_run; proxy_pass http://unix:api.sock; }
        location /mirrored { mirror /secret/mirror; proxy_pass http://unix:api.sock; }
        location /njs { js_content main.ask; }
        location /framed { ssi on; default_type text/html; root .; }
        location /added { add_before_body /secret/before; add_after_body /secret/after; addition_types *; root .; }
        location /trial { ssi on; default_type text/html; root .; }
        location /nested { ssi on; default_type text/html; root .; }
"""

HTTP = """
    js_path .;
    js_import main from main.js;
    map $uri $always { default on; }
"""


def pages(folder):
    for name, text in {
        "main.js": SCRIPT,
        "framed": 'before <!--# include virtual="/secret/ssi" --> after',
        "nested": 'before <!--# include virtual="/framed" --> after',
        "trial": 'before <!--# include virtual="/watched" --> after',
        "added": "page",
    }.items():
        (folder / name).write_text(text)


@pytest.fixture(scope="module")
def gate():
    with Sandbox(start=False, server=LOCATIONS, http=HTTP, main=f"load_module {NJS};", workers=1) as sandbox:
        pages(sandbox.nginx.folder)
        sandbox.nginx.start()
        yield sandbox


@pytest.fixture(scope="module")
def key(gate):
    return gate.key()


@pytest.mark.parametrize("target", TARGETS)
def test_auth_request_to_a_protected_location_lets_in_with_a_key_alone(gate, key, target):
    assert gate.request(f"/asks/{target}").status == 401
    assert gate.request(f"/asks/{target}", key="nonsense").status == 401
    assert gate.request(f"/asks/{target}", key=gate.forge().forged("acme")).status == 401
    assert gate.request(f"/asks/{target}", key=key).status == 200


@pytest.mark.parametrize("page", ["/framed", "/nested", "/added", "/njs"])
def test_what_a_page_includes_is_shown_with_a_key_alone(gate, key, page):
    without, with_key = gate.request(page), gate.request(page, key=key)

    assert "organization=" not in without.body
    assert "organization=acme" in with_key.body


def test_what_is_mirrored_arrives_with_a_key_alone(gate, key):
    assert gate.request("/mirrored/without").status == 200
    assert gate.request("/mirrored/with", key=key).status == 200

    def mirrored():
        return [line for line in gate.nginx.access_log().splitlines() if "/secret/mirror" in line]

    first, second = wait_until(lambda: len(mirrored()) == 2 and mirrored(), "both are logged")
    assert "/secret/mirror 401 result=missing" in first
    assert "/secret/mirror 200 result=allowed organization=acme" in second


def test_a_dry_run_includes_everything(gate):
    assert "organization= result=missing" in gate.request("/trial").body


@under_either_consistency
def test_a_subrequest_waits_for_the_store_and_is_refused_behind_it(sandboxes, consistency):
    gate = sandboxes(server=LOCATIONS.replace("js_content main.ask;", "return 404;"), http="map $uri $always { default on; }",
                     workers=1, consistency=consistency, start=False)
    pages(gate.nginx.folder)
    gate.nginx.start()
    revoked = gate.key()
    assert "organization=acme" in gate.request("/framed", key=revoked).body
    gate.latchkey.must("revoke", "acme", "--yes", as_=OWNER)

    for page in ("/framed", "/added"):
        assert "organization=" not in gate.request(page, key=revoked).body
    assert gate.request("/asks/proxied", key=revoked).status == 401
