"""What is made of measurements."""

from report.figures import CONTROL, lines
from report.load_tables import cpu_added, ratio_text

CELL = "own:valid:64"


def row(candidate, number, per_second, cpu=10.0, beside=100, foreign=0.0, generator=0.5):
    return {
        "candidate": candidate, "cell": CELL, "round": number, "per_second": per_second, "p50_us": 1, "p99_us": 2,
        "cpu_us": parts(cpu), "redis_commands": 0, "foreign_cores": foreign, "generator_cores": generator,
        "as_expected": True, "beside": {"per_second": beside, "cpu_us": parts(4.0)},
    }


def parts(cpu):
    return {"front": cpu, "redis": 1.0, "api": 50.0}


def line_of(rows, name="10-some"):
    return {line.candidate: line for line in lines({"rows": rows}, CELL)}[name]


def rounds(name, rates, **more):
    return [row(name, number, rate, **more) for number, rate in enumerate(rates)]


def test_a_ratio_is_to_no_check_as_it_was_measured_beside_it():
    line = line_of([row("10-some", number, rate, beside=2 * rate) for number, rate in enumerate([50, 100, 25])])
    assert (line.ratio.least, line.ratio.median, line.ratio.most) == (0.5, 0.5, 0.5)


def test_what_the_api_uses_does_not_count():
    line = line_of(rounds("10-some", [1, 1, 1], cpu=6.0))
    assert line.cpu_us.median == 7.0
    assert line.cpu_added_us.median == 2.0


def test_a_candidate_within_the_noise_of_no_check_is_marked():
    rows = rounds(CONTROL, [90, 100, 105])
    assert line_of(rows + rounds("10-some", [80, 85, 91])).ratio_is_noise
    assert not line_of(rows + rounds("10-some", [80, 85, 89])).ratio_is_noise


def test_more_requests_than_without_a_check_are_noise():
    assert line_of(rounds("10-some", [95, 98, 100])).ratio_is_noise
    assert line_of(rounds("10-some", [103, 104, 105])).ratio_is_noise
    assert not line_of(rounds("10-some", [95, 98, 99])).ratio_is_noise


def test_less_processor_time_than_without_a_check_is_noise():
    assert line_of(rounds("10-some", [1, 1, 1], cpu=3.0)).cpu_is_noise
    assert not line_of(rounds("10-some", [1, 1, 1], cpu=4.5)).cpu_is_noise


def test_a_ratio_that_is_noise_is_shown_without_a_figure():
    assert ratio_text(line_of(rounds("10-some", [95, 98, 107]))) == "not distinguishable from no check"
    assert ratio_text(line_of(rounds("10-some", [103] * 3, generator=0.99))) == "not distinguishable from no check †"
    assert ratio_text(line_of(rounds("10-some", [95, 98, 99]))) == "0.98 (0.95..0.99)"


def test_processor_time_that_is_noise_is_shown_by_its_bound_alone():
    assert cpu_added(line_of(rounds("10-some", [1, 1, 1], cpu=3.0))) == "not distinguishable, at most 0.0"
    assert cpu_added(line_of(rounds("10-some", [1, 1, 1], cpu=4.5))) == "0.5 (0.5..0.5)"


def test_disturbed_measurements_are_left_out_where_enough_remain():
    line = line_of([*rounds("10-some", [50, 50, 50]), row("10-some", 3, 1, foreign=0.9)])
    assert (line.rounds, line.ratio.least, line.is_disturbed) == (3, 0.5, False)


def test_where_too_few_remain_all_are_kept_and_marked():
    line = line_of([*rounds("10-some", [50, 50]), row("10-some", 2, 10, foreign=0.9)])
    assert (line.rounds, line.ratio.least, line.is_disturbed) == (3, 0.1, True)


def test_a_generator_that_was_the_limit_is_told():
    assert line_of(rounds("10-some", [50] * 3, generator=0.99)).generator_is_limit
    assert not line_of(rounds("10-some", [50] * 3, generator=0.9)).generator_is_limit


def test_without_no_check_there_is_nothing_to_compare_with():
    assert lines({"rows": [{**row("10-some", 0, 50), "beside": None}]}, CELL) == []
