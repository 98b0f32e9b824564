"""No client can name its own organization, in any spelling that an application may take for the header's."""

import re

import pytest

from harness.artefacts import ROOT
from harness.example_server import example
from harness.spellings import SEPARATORS, SPELLINGS
from harness.streams import StreamingUpstream

UNDERSCORES = ("    server {", "    underscores_in_headers on;\n    server {")
KEYS = ('proxy_set_header X-API-Key "";', 'proxy_set_header X-API-Key "";\n proxy_set_header X_Organization "";')


@pytest.mark.parametrize("changes", [[], [UNDERSCORES, KEYS]])
def test_the_api_receives_the_organization_from_nginx_alone(sandboxes, changes):
    with example(sandboxes, "minimal.conf", upstream="watched.sock", changes=changes) as gate:
        key = gate.key("acme")
        with StreamingUpstream(gate.nginx.upstream) as api:
            for name in SPELLINGS:
                assert gate.request(headers=[(name, "umbrella")], key=key).status == 200
                told = {header: value for header, value in api.headers.items() if "organization" in header}
                assert told == {"x-organization": "acme"}, name


def test_the_documents_name_every_spelling_where_a_proxy_needs_a_list():
    text = (ROOT / "docs/PROXIES.md").read_text()
    others = {f"X{each}Organization" for each in SEPARATORS if each != "-"}

    assert set(re.findall(r'"(X.Organization)": ""', text)) == others
    assert set(re.findall(r'- "(x.organization)"$', text, re.M)) == {name.lower() for name in others}
