"""The file of results: one measurement a line, and read back as it was."""

import json

from compare.results import Results


def test_what_is_written_is_read_back_one_measurement_a_line(tmp_path):
    rows = [{"candidate": "00-nothing", "cpu_us": {"front": 6.0 + number}} for number in range(100)]
    path = tmp_path / "results.json"
    Results(path, {}).put("load", {"rows": rows, "empty": [], "words": "µs “quoted”"})
    assert Results.read(path)["load"] == {"rows": rows, "empty": [], "words": "µs “quoted”"}
    lines = path.read_text().splitlines()
    assert sum('"front"' in line for line in lines) == len(rows)
    assert [json.loads(line.strip().rstrip(",")) for line in lines if '"front"' in line] == rows
