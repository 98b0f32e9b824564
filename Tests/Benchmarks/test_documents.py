"""Tables in the documents."""

from compare.results import Results
from report.documents import TABLES, written

TEXT = """\
Before.
<!-- table: machine -->
old
<!-- end of table -->
After.
"""

RESULTS = Results(None, {
    "made": {
        "on": "today", "commit": "abc", "candidates": [],
        "machine": {"processor": "P", "cores": 2, "kernel": "6", "packages": {"nginx": "1.22"}},
    },
})


def test_a_table_takes_the_place_of_the_one_before_it():
    text = written(TEXT, RESULTS)
    assert "old" not in text and TABLES["machine"](RESULTS).strip() in text
    assert text.startswith("Before.\n<!-- table: machine -->\n")
    assert text.endswith("<!-- end of table -->\nAfter.\n")


def test_writing_twice_changes_nothing():
    once = written(TEXT, RESULTS)
    assert written(once, RESULTS) == once
