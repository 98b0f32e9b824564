"""Signed tokens instead of a header: what PyJWT signs, on a loopback port and through nginx, and what must be refused."""

import base64
import hashlib
import hmac
import json
import time

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from harness.console_server import OWNER, ConsoleServer
from harness.executable import CONFIGURATION, DONE
from harness.redis_server import free_port

pytestmark = pytest.mark.xdist_group("console_tokens")

ORIGIN = "https://app.example.com"
ISSUER = "https://id.example.com/"
KEY = "/console/api/v1/organizations/acme/key"
SECRET = b"a secret of thirty-two bytes or more"

SIGNERS = {
    "EdDSA": ed25519.Ed25519PrivateKey.generate(), "ES256": ec.generate_private_key(ec.SECP256R1()),
    "RS256": rsa.generate_private_key(65537, 2048), "HS256": SECRET,
}


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def number(value, length):
    return b64(value.to_bytes(length, "big"))


def public_keys():
    """The set as whoever signs publishes it."""
    point = SIGNERS["ES256"].public_key().public_numbers()
    modulus = SIGNERS["RS256"].public_key().public_numbers()
    edwards = SIGNERS["EdDSA"].public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return [
        {"kid": "EdDSA", "kty": "OKP", "crv": "Ed25519", "x": b64(edwards)},
        {"kid": "ES256", "kty": "EC", "crv": "P-256", "x": number(point.x, 32), "y": number(point.y, 32), "use": "sig"},
        {"kid": "RS256", "kty": "RSA", "n": number(modulus.n, 256), "e": "AQAB", "alg": "RS256"},
        {"kid": "HS256", "kty": "oct", "k": b64(SECRET)},
        {"kid": "for encryption", "kty": "RSA", "use": "enc", "n": number(modulus.n, 256), "e": "AQAB"},
    ]


def claims(**changes):
    now = int(time.time())
    good = {"sub": OWNER, "org": "acme", "aud": ORIGIN, "iss": ISSUER, "iat": now, "exp": now + 60, "auth_time": now}
    return {name: value for name, value in {**good, **changes}.items() if value is not None}


def token(algorithm="EdDSA", key=None, kid=None, **changes):
    return jwt.encode(claims(**changes), key or SIGNERS[algorithm], algorithm, {"kid": kid or algorithm})


def bearer(*tokens):
    return [("Authorization", f"Bearer {each}") for each in tokens]


def new_console(sandbox, settings="", **options):
    """A console that believes tokens, and its set of keys."""
    keys = sandbox.folder / "keys.json"
    keys.write_text(json.dumps({"keys": public_keys()}))
    keys.chmod(0o640)
    return {"settings": f"latchkey_console_issuer {ISSUER};\n{settings}", "identity": f"token {keys}", "origins": ORIGIN, **options}


@pytest.fixture
def stack(stacks, sandbox):
    made = stacks(sandbox, front=False, port=free_port(), **new_console(sandbox, "latchkey_console_fresh 15m;"))
    made.add()
    return made


def change(stack, method="POST", fields=()):
    body = b"{}" if method == "POST" else b""
    fields = [*fields, ("If-Match", "*"), *([("Content-Type", "application/json")] if body else [])]
    return stack.console.ask(KEY, fields, method=method, body=body)


def test_a_key_lives_with_tokens_of_every_algorithm(stack):
    for algorithm in SIGNERS:
        fields = bearer(token(algorithm))
        made = change(stack, fields=fields)
        key, = stack.console.remember(made.body)
        assert made.status == 201 and stack.sandbox.status_of(key) == 200
        assert json.loads(stack.console.ask(KEY, fields).body)["created_by"] == OWNER
        assert json.loads(change(stack, "DELETE", fields).body)["revoked"] is True
        assert stack.sandbox.status_of(key) == 401
    assert stack.console.ask(KEY, bearer(token(sub="bob"))).status == 404
    assert stack.console.ask(KEY.replace("acme", "globex"), bearer(token())).status == 404
    assert "eyJ" not in stack.console.log(), "no token is in the log"


def public_pem(name):
    return SIGNERS[name].public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def forged(header, key=SECRET):
    """A token with any header, and an HMAC under any key."""
    message = b64(json.dumps(header).encode()) + "." + b64(json.dumps(claims()).encode())
    return message + "." + (b64(hmac.new(key, message.encode(), hashlib.sha256).digest()) if key else "")


BAD = {
    "expired": lambda: token(exp=int(time.time()) - 1),
    "not yet valid": lambda: token(nbf=int(time.time()) + 3600),
    "issued in the future": lambda: token(iat=int(time.time()) + 3600),
    "valid for too long": lambda: token(exp=int(time.time()) + 3600),
    "without an end": lambda: token(exp=None),
    "alg none": lambda: forged({"alg": "none", "kid": "EdDSA"}, None),
    "alg none without an ID": lambda: forged({"alg": "none"}, None),
    "alg None of a secret": lambda: forged({"alg": "nOnE", "kid": "HS256"}, None),
    "HS256 with the RSA key": lambda: forged({"alg": "HS256", "kid": "RS256"}, public_pem("RS256")),
    "HS256 with the Ed25519 key": lambda: forged({"alg": "HS256", "kid": "EdDSA"}, public_pem("EdDSA")),
    "RS256 for the secret": lambda: token("RS256", kid="HS256"),
    "another audience": lambda: token(aud="https://other.example.com"),
    "no audience": lambda: token(aud=None),
    "another issuer": lambda: token(iss="https://evil.example.com/"),
    "no issuer": lambda: token(iss=None),
    "an unknown key": lambda: token(kid="unknown"),
    "another key's ID": lambda: token("EdDSA", kid="ES256"),
    "a stranger's signature": lambda: token(key=ed25519.Ed25519PrivateKey.generate()),
    "no user": lambda: token(sub=None),
    "a user with a blank": lambda: token(sub="alice bob"),
    "no organization": lambda: token(org=None),
    "a signature cut short": lambda: token()[:-4],
    "the key in itself": lambda: jwt.encode(
        claims(), SECRET[::-1], "HS256", {"kid": "new", "jwk": {"kty": "oct", "k": b64(SECRET[::-1])}}),
}


def test_bad_tokens_open_nothing(stack):
    for name, make in BAD.items():
        bad = make()
        answer = stack.console.ask(KEY, bearer(bad))
        assert answer.status == 401 and "urn:latchkey:problem:not-signed-in" in answer.body, name
        assert answer.header("WWW-Authenticate").startswith('Bearer error="invalid_token", error_description="The token '), name
        assert change(stack, fields=bearer(bad)).status == 401, name
        assert bad not in stack.console.log(), name
    assert stack.sandbox.latchkey.status_json("acme", as_=OWNER)["status"] == "none"
    entries = json.loads(stack.console.ask(KEY.replace("/key", "/audit"), bearer(token())).body)
    assert [entry["what"] for entry in entries if entry["who"] != OWNER or entry["outcome"] == "refused"] == ["register"]


def test_one_token_says_who_asks(stack):
    one, other = token(), token(sub="bob")
    folded = [("Authorization", f"Bearer {one}, Bearer {other}")]
    for fields in (bearer(one, one), bearer(one, other), bearer(other, one), folded):
        assert stack.console.ask(KEY, fields).status == 400
    for fields in ([], [("Authorization", f"Basic {one}")], [("X-Latchkey-User", OWNER)], [("Cookie", f"token={one}")]):
        answer = stack.console.ask(KEY, fields)
        assert (answer.status, answer.header("WWW-Authenticate")) == (401, "Bearer")
    assert stack.console.ask(f"{KEY}?access_token={one}").status == 401
    assert stack.console.ask(KEY, bearer(one)).status == 200


def test_a_change_needs_a_recent_sign_in(stack):
    for late in (None, int(time.time()) - 3600):
        answer = change(stack, fields=bearer(token(auth_time=late)))
        assert answer.status == 401 and "urn:latchkey:problem:reauthentication-needed" in answer.body
        assert answer.header("WWW-Authenticate") == 'Bearer error="insufficient_user_authentication", max_age=900'
        assert stack.console.ask(KEY, bearer(token(auth_time=late))).status == 200
    made = change(stack, fields=bearer(token()))
    assert made.status == 201 and stack.console.remember(made.body)


def test_other_sites_change_nothing_even_with_a_token(stack):
    for fields in ([("Sec-Fetch-Site", "cross-site")], [("Origin", "https://evil.test")]):
        assert change(stack, fields=[*bearer(token()), *fields]).status == 403


def test_through_nginx_the_token_arrives(stacks, sandbox):
    options = new_console(sandbox, location="            proxy_set_header Host $http_host;")
    stack = stacks(sandbox, **options)
    stack.add()
    assert stack.front.ask(KEY, bearer(token())).status == 200
    assert stack.front.ask(KEY, bearer(token(), token(sub="bob"))).status == 400
    assert stack.front.ask(KEY).status == 401
    page = stack.front.ask("/console/acme", bearer(token()))
    assert page.status == 200 and "No API key generated" in page.body


def test_the_description_says_what_to_send(stack):
    description = json.loads(stack.console.ask("/console/api/v1/openapi.json").body)
    assert description["security"] == [{"token": []}]
    assert description["components"]["securitySchemes"]["token"]["scheme"] == "bearer"


def test_a_set_of_keys_is_checked_before_it_is_believed(sandbox):
    options = new_console(sandbox)
    options.pop("origins")
    console = ConsoleServer(sandbox, **options)
    keys = sandbox.folder / "keys.json"
    good = keys.read_text()
    assert console.check().returncode == DONE
    for text, words in (
        ("", "no JSON Web Key Set"), ('{"keys":[]}', "no key for"), ('{"keys":[{"kty":"oct","k":"c2hvcnQ"}]}', "32 bytes"),
        (json.dumps({"keys": [{**public_keys()[0], "d": "AA"}]}), "private"),
    ):
        keys.write_text(text)
        result = console.check()
        assert result.returncode == CONFIGURATION and f"{keys} " in result.stderr and words in result.stderr
        assert "c2hvcnQ" not in result.stderr
    keys.write_text(good)
    keys.chmod(0o644)
    result = console.check()
    assert result.returncode == CONFIGURATION and "accessible to every account" in result.stderr
    keys.unlink()
    result = console.check()
    assert result.returncode == CONFIGURATION and f"{keys} does not exist" in result.stderr
