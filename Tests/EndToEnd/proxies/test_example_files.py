"""Each file in nginx-conf/ is run by a test, and is in the table of docs/NGINX.md."""

import ast
import re

from harness.artefacts import ROOT

EXAMPLES = ROOT / "nginx-conf"
TESTS = ROOT / "Tests/EndToEnd"
OTHER_PROXIES = TESTS / "harness/other_proxies.py"


def files():
    return sorted(str(path.relative_to(EXAMPLES)) for path in EXAMPLES.rglob("*") if path.is_file())


def listed():
    """The files in the table, in its order, each with what its line says."""
    rows = re.findall(r"^\| \[(\S+)\]\(\.\./nginx-conf/(\S+)\) \| (.+) \|$", (ROOT / "docs/NGINX.md").read_text(), re.M)
    for name, target, _ in rows:
        assert name == target
    return {name: line for name, _, line in rows}


def text_of(node, tree):
    """The text that an argument is, also by way of a constant of its module."""
    if isinstance(node, ast.Name):
        constants = [each for each in tree.body if isinstance(each, ast.Assign)]
        values = [each.value for each in constants if getattr(each.targets[0], "id", None) == node.id]
        node = values[0] if values else None
    return getattr(node, "value", None)


def arguments(path, function, position):
    """What a function is called with in a module."""
    tree = ast.parse(path.read_text())
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    named = [call for call in calls if getattr(call.func, "id", getattr(call.func, "attr", None)) == function]
    return {text_of(call.args[position], tree) for call in named if len(call.args) > position}


def run():
    """The files that tests run."""
    by_nginx = set().union(*(arguments(path, "example", 1) for path in TESTS.rglob("test_*.py")))
    return by_nginx | {f"other-proxies/{name}" for name in arguments(OTHER_PROXIES, "write", 0)}


def test_each_file_is_run_by_a_test():
    assert sorted(set(files()) - run()) == []


def test_each_file_is_in_the_table_and_no_other():
    assert sorted(listed()) == files()
    assert all(listed().values())
