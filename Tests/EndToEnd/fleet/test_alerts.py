"""docs/alerts.yml: each alert fires when it should and else stays quiet, at Prometheus' default interval and at a shorter one."""

import json
import re
import subprocess

import pytest

from harness.artefacts import ROOT

RULES = ROOT / "docs/alerts.yml"

# Seconds from one scrape to the next, and from one evaluation to the next.
INTERVALS = (60, 15)

# Minutes of samples before the change that a test is about, so that rates exist.
BEFORE = 10

# For this many minutes after it an alert must stay quiet.
QUIET_FOR = 90

LABELS = 'job="gateways",instance="gate"'


class Series:
    """What one gateway shows: a value at the start, and what it grows by each minute from then on until a change."""

    def __init__(self, name, labels="", before=0, after=0, start=0, lasts=None):
        self.name = f"{name}{{{','.join(filter(None, [LABELS, labels]))}}}"
        self.before = before
        self.after = after
        self.start = start
        self.lasts = lasts

    def values(self, interval, minutes):
        """One for each scrape, the change being at BEFORE."""
        return " ".join(self.value(number * interval / 60) for number in range(minutes * 60 // interval + 1))

    def value(self, minute):
        grown = max(0, minute - BEFORE)
        if self.lasts is not None:
            grown = min(grown, self.lasts)
        return f"{self.start + self.before * min(minute, BEFORE) + self.after * grown:g}"


class Gauge(Series):
    """Has one value before and another one behind the change; `None` where it is not there."""

    def value(self, minute):
        value = self.before if minute < BEFORE else self.after
        return "_" if value is None else f"{value:g}"


def once(name, labels=""):
    """A counter that counts one event, within a quarter of a minute, and nothing else."""
    return Series(name, labels, after=4, lasts=0.25)


def checks(before, after, **labels):
    return Series("latchkey_checks_total", ",".join(f'{name}="{value}"' for name, value in labels.items()), before, after)


def histogram(name, bound, before, after, lasts=None):
    """Observations that are all below a bound, and above half of it."""
    bounds = ["0.1", "0.25", "0.5", "1", "2", "5", "+Inf"]
    return [
        Series(name + "_bucket", f'le="{each}"', *((before, after) if float(each) >= bound else (0, 0)), lasts=lasts)
        for each in bounds
    ]


def waits(bound):
    return histogram("latchkey_store_wait_seconds", bound, 0, 600)


def one_change(bound):
    return histogram("latchkey_change_delay_seconds", bound, 0, 8, lasts=0.25)


LEASED = Gauge("latchkey_lease_seconds", 'pid="1"', 0.9, 0.9)
UP = Gauge("up", "", 1, 1)
WORKERS = Gauge("latchkey_workers", "", 2, 2)

# The alert, what a gateway shows, and behind how many minutes the alert fires.
FIRING = [
    ("LatchkeyUnavailable", [checks(0, 60, result="unavailable", source="none")], 3),
    ("LatchkeyUnavailable", [once("latchkey_checks_total", 'result="unavailable",source="none"')], 3),
    ("LatchkeyOutageBridged", [checks(0, 60, result="allowed", source="grace")], 3),
    ("LatchkeyDown", [Gauge("up", "", 1, 0), Gauge("latchkey_workers", "", 2, None)], 3),
    ("LatchkeyLeaseLost", [Gauge("latchkey_lease_seconds", 'pid="1"', 0.9, 0), Gauge("latchkey_lease_seconds", 'pid="2"', 0.9, 0.9)], 3),
    ("LatchkeyLeaseLost", [Gauge("latchkey_lease_seconds", 'pid="2"', None, 0), Gauge("latchkey_lease_seconds", 'pid="1"', 0.9, 0.9)], 3),
    ("LatchkeyPrimaryUnknown", [Gauge("latchkey_attestation_seconds", 'pid="1"', 0.9, 0), Gauge("latchkey_attestation_seconds", 'pid="2"', 0.9, 0.9)], 3),
    ("LatchkeySentinelLost", [Gauge("latchkey_sentinels_connected", 'pid="1"', 3, 2), Gauge("latchkey_sentinels_connected", 'pid="2"', 3, 3)], 7),
    ("LatchkeyClusterPrimaryLost", [Gauge("latchkey_primaries_connected", 'pid="1"', 3, 2), Gauge("latchkey_primaries_connected", 'pid="2"', 3, 3)], 4),
    ("LatchkeyLinksBreak", [Series("latchkey_store_losses_total", 'link="invalidation"', after=1)], 8),
    ("LatchkeyStoreSlow", waits(0.5), 10),
    ("LatchkeyChangesSlow", one_change(2), 3),
    ("LatchkeyCacheTooSmall", [Series("latchkey_cache_evictions_total", "", after=300), checks(600, 600, result="allowed", source="store")], 120),
    ("LatchkeyKeysGuessed", [checks(0, 1200, result="forged", source="none")], 18),
    ("LatchkeyKeysGuessed", [checks(0, 400, result="forged", source="none"), checks(0, 400, result="malformed", source="none")], 18),
    ("LatchkeyReplacedKeyUsed", [checks(0, 120, result="revoked", source="cache")], 22),
    ("LatchkeyStoreEmptied", [once("latchkey_flushes_total")], 2),
]

# The alert, and what a gateway shows that it must not fire for at any time.
QUIET = [
    ("LatchkeyUnavailable", [checks(600, 600, result="allowed", source="cache"), checks(0, 0, result="unavailable", source="none")]),
    ("LatchkeyOutageBridged", [checks(600, 600, result="allowed", source="cache"), checks(0, 0, result="allowed", source="grace")]),
    ("LatchkeyDown", [UP, WORKERS]),
    ("LatchkeyDown", [Gauge("up", "", 1, 0)]),
    ("LatchkeyLeaseLost", [LEASED]),
    ("LatchkeyLeaseLost", [Gauge("latchkey_lease_seconds", 'pid="1"', 0, 0)]),
    ("LatchkeyPrimaryUnknown", [Gauge("latchkey_attestation_seconds", 'pid="1"', 0.9, 0.9)]),
    ("LatchkeySentinelLost", [Gauge("latchkey_sentinels_connected", 'pid="1"', 3, 3)]),
    ("LatchkeyClusterPrimaryLost", [Gauge("latchkey_primaries_connected", 'pid="1"', 3, 3)]),
    ("LatchkeyLinksBreak", [once("latchkey_store_losses_total", 'link="invalidation"')]),
    ("LatchkeyStoreSlow", waits(0.1)),
    ("LatchkeyChangesSlow", one_change(0.5)),
    ("LatchkeyCacheTooSmall", [Series("latchkey_cache_evictions_total", "", after=30), checks(600, 600, result="allowed", source="store")]),
    ("LatchkeyKeysGuessed", [checks(300, 300, result="forged", source="none")]),
    ("LatchkeyReplacedKeyUsed", [checks(30, 30, result="revoked", source="cache")]),
    ("LatchkeyStoreEmptied", [Series("latchkey_flushes_total")]),
]


def comparison(interval, alert, series, expected):
    """Compares how many of an alert fire, by the minute behind the change."""
    return {
        "interval": f"{interval}s",
        "input_series": [{"series": each.name, "values": each.values(interval, BEFORE + max(expected))} for each in series],
        "promql_expr_test": [{
            "expr": f'count(ALERTS{{alertname="{alert}",alertstate="firing"}})',
            "eval_time": f"{BEFORE + minute}m",
            "exp_samples": [{"labels": "{}", "value": count}] if count else [],
        } for minute, count in expected.items()],
    }


def carry_out(folder, interval, tests):
    file = folder / "test.yml"
    file.write_text(json.dumps({"rule_files": [str(RULES)], "evaluation_interval": f"{interval}s", "tests": tests}))
    result = subprocess.run(["promtool", "test", "rules", file], capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("interval", INTERVALS)
def test_alerts_fire(interval, tmp_path):
    carry_out(tmp_path, interval, [
        comparison(interval, alert, series, {0: 0, minute: 1}) for alert, series, minute in FIRING
    ])


@pytest.mark.parametrize("interval", INTERVALS)
def test_alerts_stay_quiet(interval, tmp_path):
    carry_out(tmp_path, interval, [
        comparison(interval, alert, series, dict.fromkeys(range(QUIET_FOR), 0)) for alert, series in QUIET
    ])


def test_each_alert_is_tested_both_ways():
    alerts = set(re.findall(r"- alert: (\w+)", RULES.read_text()))
    assert alerts == {case[0] for case in FIRING} == {case[0] for case in QUIET}
