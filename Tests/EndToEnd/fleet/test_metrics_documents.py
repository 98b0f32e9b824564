"""The documents, the alerts and the dashboard name the metrics that there are, in expressions that Prometheus understands."""

import json
import re
import subprocess

import pytest

from harness.artefacts import ROOT
from harness.metrics import LOCATION, scrape
from harness.polling import wait_until
from harness.sandbox import SERVER, Sandbox

OPERATIONS = (ROOT / "docs/OPERATIONS.md").read_text()
DASHBOARD = json.loads((ROOT / "docs/grafana-dashboard.json").read_text())

# The parts of a histogram.
PARTS = ("_bucket", "_sum", "_count")


def families_with(store, complaint, shown):
    """The names of the metrics of a gateway whose store cannot be reached, with their kinds."""
    with Sandbox(server=SERVER + LOCATION, workers=1, start=False, tls=None) as gate:
        gate.config.write_text(re.sub("(?m)^latchkey_store .*;", f"latchkey_store {store};", gate.config.read_text()))
        gate.expect(*complaint)
        gate.nginx.start()
        wait_until(lambda: shown + "{" in scrape(gate).text, "the metrics")
        return dict(re.findall(r"^# TYPE (\S+) (\S+)$", scrape(gate).text, re.MULTILINE))


@pytest.fixture(scope="module")
def families():
    """The metrics of a gateway that asks a sentinel for the primary, and of one that uses a cluster."""
    sentinel = ("no primary is known", "the sentinel at 127.0.0.1:1 names no primary")
    cluster = ("no server of the cluster says", "connect() to 127.0.0.1:1 failed")
    return families_with("sentinel://127.0.0.1:1/none", sentinel, "latchkey_sentinels_connected") | families_with(
        "cluster://127.0.0.1:1", cluster, "latchkey_primaries_connected")


def rows(heading):
    """The rows of the table below a heading, each a list of cells."""
    section = OPERATIONS.partition(heading)[2].partition("\n#")[0]
    lines = [line for line in section.splitlines() if line.startswith("| `")]
    return [[cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def alerts():
    return re.findall(r"^ +expr: (.*)$", (ROOT / "docs/alerts.yml").read_text(), re.MULTILINE)


def targets():
    return [target for panel in DASHBOARD["panels"] for target in panel["targets"]]


def plots():
    """The expressions of the dashboard, with values in the place of Grafana's variables."""
    return [target["expr"].replace("$__rate_interval", "4m").replace("$job", ".*") for target in targets()]


def names(expression):
    return set(re.findall(r"latchkey_\w+", expression))


def family(name, families):
    return next((name.removesuffix(part) for part in PARTS if name.removesuffix(part) in families), name)


def test_the_table_has_each_metric_with_its_kind(families):
    documented = {cells[0].strip("`").partition("{")[0]: cells[1] for cells in rows("## Metrics")}
    assert documented == families


@pytest.mark.parametrize("expressions", [alerts(), plots()], ids=["alerts", "dashboard"])
def test_expressions_use_only_existing_metrics(families, expressions, tmp_path):
    assert len(expressions) > 10
    for expression in expressions:
        assert names(expression), expression
        assert {family(name, families) for name in names(expression)} <= set(families)

    rules = [{"record": f"rule:{number}", "expr": each} for number, each in enumerate(expressions)]
    path = tmp_path / "rules.yml"
    path.write_text(json.dumps({"groups": [{"name": "all", "rules": rules}]}))
    result = subprocess.run(["promtool", "check", "rules", path], capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_dashboard_shows_rates_where_prometheus_asks_once_a_minute_as_it_does_by_default():
    """A rate needs two samples: Grafana's window is four times the configured interval, or 15 seconds without one."""
    over_time = [target for target in targets() if "[" in target["expr"]]
    assert len(over_time) > 10
    for target in over_time:
        assert re.findall(r"\[(.*?)\]", target["expr"]) == ["$__rate_interval"]
        assert target["interval"] == "1m"


def test_the_dashboard_shows_each_metric_once(families):
    shown = {family(name, families) for expression in plots() for name in names(expression)}
    assert shown == set(families)
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids)
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in DASHBOARD["panels"]]
    assert len(set(places)) == len(places)
