"""Fixtures; a failing test's report shows the error logs of its gateways."""

import re
from contextlib import ExitStack

import pytest

pytest.register_assert_rewrite("harness")
pytest_plugins = ["harness.second_tries"]

from harness import artefacts, prepared_clusters, quick_disk, sanitizers  # noqa: E402
from harness.checkout import Checkout  # noqa: E402
from harness.sandbox import CLUSTER, SENTINEL, TOPOLOGY, Sandbox  # noqa: E402

# These take minutes; `make slow` and `make reloads` run them by name.
collect_ignore = ["nginx/test_valgrind.py", "fleet/test_long_grace.py", "keys/test_hundred_thousand.py",
                  "nginx/test_reloads_without_the_module.py"]

# For an nginx without TLS; docs/BUILDING.md runs it by name.
collect_ignore.append("nginx/test_nginx_without_tls.py")

# Only for builds of `make test-sanitizers`.
if not sanitizers.are_used():
    collect_ignore.append("nginx/test_sanitizers.py")

# Which marked tests are left out with which stores.
LEFT_OUT = {"one_redis": (SENTINEL, CLUSTER), "no_cluster": (CLUSTER,)}

# The longest tests start first, so that no worker still runs one at the end.
BEGIN_FIRST = ("checkout", "test_failover", "test_failovers", "test_sentinel_wrong_peers", "test_graphql", "test_alerts", "test_trials", "test_acl",
               "test_forged_keys", "test_revocation", "test_interruption", "test_faults", "test_reload", "test_two_generates",
               "test_request_fuzz")

LOG_LENGTH_SHOWN = 4000

# A key: the part up to its locator, which may be shown, and the secret rest, which may not.
KEY = re.compile(r"([a-z][a-z0-9]{1,11}(?:_live|_test)?_[0-9A-Za-z]{14}_)[0-9A-Za-z]+")


def pytest_sessionstart():
    missing = artefacts.missing()
    if missing:
        pytest.exit(f"{missing[0]} is not there: run `make build` first", returncode=1)


def pytest_sessionfinish():
    prepared_clusters.end_all()


def pytest_configure(config):
    quick_disk.choose()
    config.addinivalue_line("markers", "xdist_group(name): these tests run one after another, on one worker")
    config.addinivalue_line("markers", "no_cluster(reason): left out where the store is a cluster")
    config.addinivalue_line("markers", "one_redis(reason): left out where the store has several servers")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Keeps tests that share a gateway on one worker, and starts the longest first."""
    for item in items:
        if shares_fixture(item) and not item.get_closest_marker("xdist_group"):
            item.add_marker(pytest.mark.xdist_group(item.path.stem))
        for name, topologies in LEFT_OUT.items():
            if TOPOLOGY in topologies and (mark := item.get_closest_marker(name)):
                item.add_marker(pytest.mark.skip(reason=mark.args[0]))
    items.sort(key=begins)


def shares_fixture(item):
    definitions = item._fixtureinfo.name2fixturedefs.values()
    return any(definition[-1].scope == "module" for definition in definitions)


def begins(item):
    """The rank of a test's file or group in BEGIN_FIRST; all others follow in their usual order."""
    group = item.get_closest_marker("xdist_group")
    names = {item.path.stem, *(group.args if group else ())}
    return next((place for place, name in enumerate(BEGIN_FIRST) if name in names), len(BEGIN_FIRST))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    report = (yield).get_result()
    if report.failed:
        report.longrepr = KEY.sub(r"\1…", report.longreprtext)
        for sandbox in Sandbox.live:
            for gateway in sandbox.gateways:
                log = gateway.error_log()[-LOG_LENGTH_SHOWN:]
                report.sections.append((f"error log of {gateway.folder}", log))


@pytest.fixture(scope="session")
def checkout():
    """A fresh copy of the sources."""
    with Checkout() as copy:
        yield copy


@pytest.fixture(autouse=True)
def no_reports_of_sanitizers():
    """Fails a test during which a sanitizer reported something, leaks included."""
    yield
    reports = sanitizers.take_reports()
    assert not reports, "\n".join(reports)


@pytest.fixture
def sandboxes():
    """Makes gateways with options; each is checked at the end of the test."""
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(Sandbox(**options))


@pytest.fixture
def consistency(request):
    """The gateway's consistency: the default, unless the test chooses another."""
    return getattr(request, "param", None)


@pytest.fixture
def sandbox(sandboxes, consistency):
    """The gateway that most tests use."""
    return sandboxes(consistency=consistency)
