"""Every way that nginx itself takes from an open place to a protected one, in a request and in subrequests."""

import pytest

from harness import curl
from harness.http_client import bearer
from harness.polling import wait_until
from harness.sandbox import Sandbox

NJS = "/usr/lib/nginx/modules/ngx_http_js_module.so"

SCRIPT = """
function redirect(r) {
    r.internalRedirect(r.uri.endsWith('named') ? '@secret' : '/secret/njs');
}

async function ask(r) {
    const answer = await r.subrequest('/secret/njs');
    r.return(answer.status, answer.responseText);
}

function leave(r) {
    r.subrequest('/secret/detached', {detached: true});
    r.return(200, 'left');
}

export default { redirect, ask, leave };
"""

# From here to what is protected.
WAYS = {
    "try_files": "try_files /none /secret/try_files;",
    "try_files-named": "try_files /none @secret;",
    "index": "alias empty/; index none /secret/index;",
    "rewrite": "rewrite ^ /secret/rewrite last;",
    "if": "if ($uri) { rewrite ^ /secret/if last; }",
    "accelerated": "proxy_pass http://unix:accelerated.sock:/uri;",
    "accelerated-named": "proxy_pass http://unix:accelerated.sock:/named;",
    "error_page": "root .; error_page 404 = /secret/error_page;",
    "error_page-status": "root .; error_page 404 =200 /secret/error_page;",
    "error_page-named": "error_page 418 = @secret; return 418;",
    "error_page-upstream": "proxy_intercept_errors on; error_page 500 =200 @secret; "
                           "proxy_pass http://unix:accelerated.sock:/broken;",
    "njs-subrequest": "js_content main.ask;",
}

# Others, that auth_request cannot take: what includes is open itself, and njs redirects no subrequest.
PAGES = {
    "ssi": "ssi on; ssi_types *; try_files /included =404;",
    "ssi-set": "ssi on; ssi_types *; try_files /kept =404;",
}
REDIRECTS = {
    "njs": "js_content main.redirect;",
    "njs-named": "js_content main.redirect;",
}
ALL = WAYS | PAGES | REDIRECTS

PROTECTED = "latchkey on; proxy_set_header X-Organization $latchkey_organization; proxy_pass http://unix:api.sock:/told;"

LOCATIONS = f"""
        root .;
        location /secret {{ {PROTECTED} }}
        location @secret {{ {PROTECTED.replace(":/told", "")} }}
        location /shown {{ ssi on; ssi_types *; try_files /page =404; }}
        location /mirrored {{ mirror /way/try_files/; proxy_pass http://unix:api.sock:/open; }}
        location /detached {{ js_content main.leave; }}
        location /after {{ post_action /secret/after; proxy_pass http://unix:api.sock:/open; }}

        location /sliced {{
            latchkey on;
            proxy_cache kept;
            slice 8;
            proxy_cache_key $uri$slice_range;
            proxy_set_header Range $slice_range;
            proxy_set_header X-Organization $latchkey_organization;
            proxy_cache_valid 200 206 1h;
            proxy_pass http://unix:accelerated.sock:/file;
        }}

        location /stale {{
            latchkey on;
            proxy_cache kept;
            proxy_cache_key $uri;
            proxy_cache_valid 1s;
            proxy_cache_use_stale updating;
            proxy_cache_background_update on;
            add_header X-Cache $upstream_cache_status;
            proxy_pass http://unix:accelerated.sock:/seen;
        }}
""" + "".join(
    f"""
        location /way/{name}/ {{ {way} }}
        location /asked/{name} {{ auth_request /way/{name}/; proxy_pass http://unix:api.sock:/asked; }}
    """ for name, way in ALL.items()
)

SERVER = LOCATIONS + f"""
    }}

    server {{
        listen unix:h2.sock http2;
        {LOCATIONS}
    }}

    server {{
        listen unix:accelerated.sock;
        location = /uri {{ add_header X-Accel-Redirect /secret/accelerated; return 204; }}
        location = /named {{ add_header X-Accel-Redirect @secret; return 204; }}
        location = /broken {{ return 500; }}
        location = /file {{ root .; }}
        location = /seen {{ access_log upstream.log seen; return 200 seen; }}
"""

HTTP = """
    js_path .;
    js_import main from main.js;
    log_subrequest on;
    log_format seen 'asked for $http_x_organization';
    proxy_cache_path cache keys_zone=kept:1m;
"""

FILE = "eight by" * 8

# What only the API says.
SECRET = "result="


@pytest.fixture(scope="module")
def gate():
    with Sandbox(start=False, server=SERVER, http=HTTP, main=f"load_module {NJS};", workers=1) as sandbox:
        folder = sandbox.nginx.folder
        (folder / "empty").mkdir()
        for name, text in {
            "main.js": SCRIPT,
            "page": '<!--# include virtual="$arg_to" -->',
            "included": '<!--# include virtual="/secret/ssi" -->',
            "kept": '<!--# include virtual="/secret/ssi" set="kept" --><!--# echo var="kept" encoding="none" -->',
            "file": FILE,
        }.items():
            (folder / name).write_text(text)
        sandbox.nginx.start()
        yield sandbox


@pytest.fixture(scope="module")
def key(gate):
    return gate.key("acme")


@pytest.fixture(params=["nothing", "a forged key", "a revoked key"])
def without(request, gate, key):
    """Headers without an acceptable key."""
    forge = gate.forge()
    return {
        "nothing": [],
        "a forged key": bearer(forge.forged("acme")),
        "a revoked key": bearer(forge.issued("acme")),
    }[request.param]


@pytest.mark.parametrize("way", ALL)
def test_no_internal_way_leads_in_without_a_key_and_each_does_with_one(gate, key, without, way):
    assert SECRET not in gate.request(f"/way/{way}/", without).body
    assert "organization=acme" in gate.request(f"/way/{way}/", key=key).body


@pytest.mark.parametrize("way", WAYS | PAGES)
def test_a_page_includes_by_any_way_what_the_key_of_its_reader_opens(gate, key, without, way):
    assert SECRET not in gate.request(f"/shown?to=/way/{way}/", without).body
    assert "organization=acme" in gate.request(f"/shown?to=/way/{way}/", key=key).body


@pytest.mark.parametrize("way", WAYS)
def test_auth_request_by_any_way_lets_in_with_a_key_alone(gate, key, without, way):
    assert gate.request(f"/asked/{way}", without).status == 401
    assert gate.request(f"/asked/{way}", key=key).status == 200


@pytest.mark.parametrize("way", ALL)
def test_http_2_offers_no_other_way(gate, key, way):
    def ask(headers):
        return curl.http2(gate.nginx.folder / "h2.sock", f"/way/{way}/", headers).body

    assert SECRET not in ask([])
    assert "organization=acme" in ask(bearer(key))


@pytest.mark.parametrize("target, arrives", [
    ("/mirrored", "/secret/try_files"),
    ("/detached", "/secret/detached"),
    ("/after", "/secret/after"),
])
def test_what_is_asked_for_beside_the_answer_arrives_with_a_key_alone(gate, key, target, arrives):
    def arrived():
        return [line for line in gate.nginx.access_log().splitlines() if f" {arrives} " in line]

    for headers, told in (([], "401 result=missing"), (bearer(key), "200 result=allowed organization=acme")):
        before = len(arrived())
        assert gate.request(target, headers).status == 200
        wait_until(lambda: len(arrived()) > before, "the log has a line")
        assert f"{arrives} {told}" in arrived()[-1]


def test_slices_are_fetched_for_an_admitted_request(gate, key):
    assert gate.request("/sliced").status == 401
    assert gate.request("/sliced", key=key).body == FILE
    assert gate.request("/sliced").status == 401


def test_a_cache_is_refreshed_in_the_background_only_for_an_admitted_request(gate, key):
    def fetched():
        return (gate.nginx.folder / "upstream.log").read_text().splitlines()

    assert gate.request("/stale", key=key).body == "seen"
    wait_until(lambda: gate.request("/stale", key=key).header("X-Cache") == "STALE", "the cache is stale")
    wait_until(lambda: fetched() == ["asked for acme"] * 2, "it is refreshed")
    assert gate.request("/stale").status == 401
