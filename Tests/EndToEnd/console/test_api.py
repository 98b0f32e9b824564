"""The JSON API: a key's life, preconditions, problems, and that its description tells the whole truth."""

import json
import re

import pytest

from harness.artefacts import ROOT
from harness.console_server import OWNER, SAME_ORIGIN, VERSION, who

pytestmark = pytest.mark.xdist_group("console_api")

PROBLEM = re.compile(r"urn:latchkey:problem:([a-z-]+)")


def problem(answer):
    assert answer.header("Content-Type") == "application/problem+json"
    body = json.loads(answer.body)
    assert body["status"] == answer.status and body["title"] and body["detail"]
    return PROBLEM.fullmatch(body["type"])[1]


def test_a_key_lives_from_none_to_none(served, organization):
    console, gate = served.console, served.sandbox
    ask = lambda *arguments, **options: console.api(*arguments, organization=organization, **options)
    none = ask()
    assert json.loads(none.body)["status"] == "none"

    made = ask("POST", none.header("ETag"))
    first, = console.remember(made.body)
    assert made.status == 201 and made.header("Cache-Control") == "no-store"
    body = json.loads(made.body)
    assert body["confirmation"]["state"] == "confirmed" and body["confirmation"]["gateways"] == 1
    assert gate.status_of(first) == 200

    active = ask()
    status = json.loads(active.body)
    assert (status["status"], status["created_by"], status["last_use"]) == ("active", OWNER, "known")
    assert status.items() >= gate.latchkey.status_json(organization, as_=OWNER).items() - {("last_used_at", status["last_used_at"])}

    second, = console.remember(ask("POST", active.header("ETag")).body)
    assert (gate.status_of(first), gate.status_of(second)) == (401, 200)

    gone = ask("DELETE", ask().header("ETag"))
    assert json.loads(gone.body)["revoked"] is True
    assert gate.status_of(second) == 401
    assert json.loads(ask("DELETE", "*").body)["revoked"] is False

    audit = json.loads(ask(of="audit").body)
    assert [(entry["what"], entry["who"], entry["outcome"]) for entry in audit if entry["who"] == OWNER] == [
        ("generate", OWNER, "done"), ("generate", OWNER, "done"), ("revoke", OWNER, "done")]


def test_only_the_key_that_was_seen_is_replaced(served, organization):
    console = served.console
    stale = console.api(organization=organization).header("ETag")
    console.remember(console.api("POST", stale, organization=organization).body)

    for method in ("POST", "DELETE"):
        refused = console.api(method, stale, organization=organization)
        assert (refused.status, problem(refused)) == (412, "key-changed")
        missing = console.api(method, organization=organization)
        assert (missing.status, problem(missing)) == (428, "precondition-needed")
    assert json.loads(console.api(organization=organization).body)["status"] == "active"


def test_choices_are_bound_by_the_configuration(stacks):
    stack = stacks(settings="latchkey_console_expiry none 90d;\nlatchkey_console_grace none 10m;", front=False)
    stack.add()
    ask = stack.console.api

    first, = stack.console.remember(ask("POST", "*").body)
    made = ask("POST", "*", body=b'{"expires_in": "90d", "grace": "10m"}')
    stack.console.remember(made.body)
    assert json.loads(made.body)["expires_at"] and json.loads(made.body)["previous_key_until"]
    assert stack.sandbox.status_of(first) == 200
    for body in (b'{"expires_in": "91d"}', b'{"grace": "11m"}', b'{"lifetime": "1d"}', b"[]", b"", b'{"grace": 10}'):
        refused = ask("POST", "*", body=body)
        assert (refused.status, problem(refused)) == (400, "invalid"), body


# The description


@pytest.fixture(scope="module")
def description(served):
    answer = served.console.ask("/console/api/v1/openapi.json", who(OWNER))
    assert answer.status == 200
    return json.loads(answer.body)


def test_the_description_has_every_route_and_method_and_no_other(served, description, organization):
    """Asks with every method on every path that is described, and on those that only resemble them."""
    base = description["servers"][0]["url"]
    for path, item in description["paths"].items():
        target = base + path.replace("{organization}", organization)
        described = {name.upper() for name in item if name in ("get", "put", "post", "delete", "patch", "options")}
        answer = served.console.ask(target, [*who(OWNER), *SAME_ORIGIN], method="PUT")
        allowed = {word.strip() for word in answer.header("Allow").split(",")} - {"HEAD"}
        assert (answer.status, allowed) == (405, described), path
        assert served.console.ask(target + "/", who(OWNER)).status == 404
    code = (ROOT / "Sources/ConsoleCore/Routing/Route.swift").read_text()
    routes = {path for path in re.findall(r'"(/api/v1/[^"]*)"', code)}
    assert routes == set(description["paths"])


def test_the_description_has_every_problem_and_no_other(description):
    code = (ROOT / "Sources/ConsoleCore/Console/Problem.swift").read_text()
    assert set(re.findall(r'\.\w+: "([a-z-]+)"', code)) | {"invalid"} == set(PROBLEM.findall(json.dumps(description)))


def resolved(description, part):
    while "$ref" in part:
        names = part["$ref"].removeprefix("#/").split("/")
        part = description
        for name in names:
            part = part[name]
    return part


def fits(description, schema, value):
    """Whether a value is as a schema of the description says: the part of JSON Schema that it uses."""
    schema = resolved(description, schema)
    kinds = {"object": dict, "array": list, "string": str, "integer": int, "boolean": bool, "null": type(None)}
    allowed = schema.get("type", [])
    allowed = [allowed] if isinstance(allowed, str) else allowed
    if allowed and not any(type(value) is kinds[name] for name in allowed):
        return False
    if value not in schema.get("enum", [value]) or schema.get("const", value) != value:
        return False
    if isinstance(value, dict):
        known = schema.get("properties", {})
        if not set(schema.get("required", [])) <= set(value) or (known and not set(value) <= set(known)):
            return False
        return all(fits(description, known[name], each) for name, each in value.items() if name in known)
    if isinstance(value, list):
        return all(fits(description, schema["items"], each) for each in value)
    return not schema.get("oneOf") or any(fits(description, each, value) for each in schema["oneOf"])


def test_answers_are_as_described(served, description, organization):
    ask = lambda *arguments, **options: served.console.api(*arguments, organization=organization, **options)
    made = ask("POST", "*")
    served.console.remember(made.body)
    answers = [
        ("key", "get", ask()), ("key", "post", made), ("audit", "get", ask(of="audit")), ("key", "post", ask("POST")),
        ("key", "delete", ask("DELETE", '"v1.stale"')), ("key", "get", ask(user=None)), ("key", "get", ask(user="bob")),
        ("key", "post", ask("POST", "*", body=b"{")), ("key", "delete", ask("DELETE", "*", headers=[])),
        ("key", "delete", ask("DELETE", "*")), ("key", "delete", ask("DELETE", "*")),
        ("audit", "get", ask(of="audit?since=soon")),
    ]
    for path, method, answer in answers:
        operation = description["paths"][f"/api/v1/organizations/{{organization}}/{path}"][method]
        response = resolved(description, operation["responses"][str(answer.status)])
        schema = response["content"][answer.header("Content-Type")]["schema"]
        value = json.loads(answer.body)
        for each in schema.get("allOf", [schema]):
            wanted = {"properties": {**each.get("properties", {})}, **each}
            part = value if "$ref" in each or "type" in each else {"type": value["type"]}
            assert fits(description, wanted, part), (path, method, answer.status, value)


def test_problems_speak_the_language_of_the_client(served):
    answer = served.console.api(user=None, headers=[("Accept-Language", "de-CH, en;q=0.5")])
    assert (answer.status, answer.header("Content-Language")) == (401, "de")
    assert json.loads(answer.body)["title"] == "Sie sind nicht angemeldet"


def test_a_form_and_the_api_see_the_same_version(served, organization):
    tag = served.console.api(organization=organization).header("ETag")
    page = served.console.page(organization=organization)
    assert f'"{VERSION.search(page.body)[1]}"' == tag
