import pytest

from furniture_prompter.errors import BenchmarkError
from furniture_prompter.evaluation.comparisons import (
    Allowance,
    conclusion,
    difference,
    front,
    gate,
    headline,
    image_ms,
    interval,
    photo_ms,
    ratio,
    read_allowances,
)
from furniture_prompter.evaluation.record import ANOTHER_VIEW, SAME_CATEGORY
from tests.unit.evaluation.runs import a_run, answers, latency, with_values


def test_a_front_holds_what_no_other_beats_in_both() -> None:
    points = {"slow": (9.0, 0.8), "fast": (1.0, 0.5), "beaten": (5.0, 0.5), "middle": (4.0, 0.6)}
    assert front(points) == ["fast", "middle", "slow"]
    assert front({"one": (1.0, 0.5), "equal": (1.0, 0.5)}) == ["one"]


def test_ratios_are_taken_round_by_round() -> None:
    found = ratio((10.0, 20.0, 30.0), (5.0, 5.0, 10.0))
    assert (found.median, found.least, found.most) == (3.0, 2.0, 4.0)
    with pytest.raises(ValueError, match="cannot be compared"):
        ratio((1.0,), (1.0, 2.0))
    assert image_ms(latency("any", 7)) == pytest.approx(7 * 1.01)


def test_a_difference_is_paired_and_only_of_the_same_questions() -> None:
    own = answers("a", SAME_CATEGORY, {"AP": 0.6}, seed=1)
    worse = answers("b", SAME_CATEGORY, {"AP": 0.5}, seed=1)
    found = difference(own, worse, "AP")
    assert found is not None
    assert found.mean == pytest.approx(0.1)
    assert found.low == pytest.approx(0.1)
    assert not found.is_noise
    assert difference(own, worse, "P@5") is None
    fewer = answers("b", SAME_CATEGORY, {"AP": 0.5})
    object.__setattr__(fewer, "queries", fewer.queries[::-1])
    assert difference(own, fewer, "AP") is None


def test_a_photo_takes_its_stages_and_no_search() -> None:
    assert photo_ms(latency("any", 7)) == pytest.approx([7.0] * 30)


@pytest.mark.parametrize(("queries", "noise"), [(3, True), (5, True), (6, False)])
def test_a_few_queries_that_agree_prove_nothing(queries: int, noise: bool) -> None:
    # 2 / 2^5 is 0.0625, 2 / 2^6 is 0.03125.
    found = interval([0.1] * queries)
    assert (found.low, found.high) == pytest.approx((0.1, 0.1))
    assert found.is_noise is noise


def test_the_conclusion_says_what_was_put_in() -> None:
    told = " ".join(conclusion(a_run()))
    assert headline(a_run()) == (SAME_CATEGORY, "AP")
    assert "On the front of speed and quality (same category) are student (5.05 ms" in told
    assert "Not on it, because another is faster and no worse: twin." in told
    assert "The step from student to teacher takes 4.00 times as long and gains +0.100 AP" in told
    assert "teacher is 3.00 times as fast as recipe" in told
    assert "student is 12.00 times as fast as recipe" in told
    assert "student is 0.100 AP below teacher" in told
    assert "83.3% of it" in told
    assert "twin and teacher differ by" in told
    assert "within the noise" in told
    assert "Asked by student, the teacher's catalog gives -0.150 AP (same category)" in told
    assert "student takes least, 50 MB" in told


def test_of_a_run_without_answers_or_times_nothing_is_concluded() -> None:
    run = a_run()
    bare = type(run)(
        suite="s",
        suite_sha256="e" * 64,
        created=run.created,
        command="",
        machine=run.machine,
        data=run.data,
        encoders=run.encoders,
        teacher="",
    )
    assert conclusion(bare) == ()


def test_a_gate_lets_pass_what_loses_no_more_than_allowed() -> None:
    allowances = read_allowances("same category/AP=0.11, ms=0.5")
    assert allowances == (
        Allowance(SAME_CATEGORY, "", "AP", 0.11),
        Allowance(None, "", "ms", 0.5),
    )
    verdict = gate(a_run(), candidate="student", current="teacher", allowances=allowances)
    assert verdict.passed
    assert all(sentence.startswith("Passed") for sentence in verdict.sentences)
    assert "-0.1000" in verdict.sentences[0]
    assert "beyond the noise" in verdict.sentences[0]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("same category/AP=0.09", "FAILED: same category, AP"),
        ("degraded photo (blur)/Success@1=0.05", "FAILED: degraded photo (blur), Success@1"),
        ("ms=0.2", "FAILED: student takes 0.25 times as long as teacher"),
    ],
)
def test_a_gate_fails_what_loses_more_than_allowed(text: str, told: str) -> None:
    verdict = gate(
        a_run(), candidate="student", current="teacher", allowances=read_allowances(text)
    )
    assert not verdict.passed
    assert told in verdict.sentences[0]


def test_swapping_two_values_moves_the_gate_by_the_hand_computed_amount() -> None:
    run = with_values(a_run(), "teacher", ANOTHER_VIEW, "Success@1", [1, 1, 1, 0])
    run = with_values(run, "student", ANOTHER_VIEW, "Success@1", [1, 0, 1, 0])
    allowed = read_allowances("another view/Success@1=0.25")
    assert gate(run, candidate="student", current="teacher", allowances=allowed).passed
    strict = read_allowances("another view/Success@1=0.24")
    assert not gate(run, candidate="student", current="teacher", allowances=strict).passed


def test_a_task_whose_name_holds_a_comma_can_be_named() -> None:
    (first, second) = read_allowances(
        "teacher's catalog, student's query (same category)/AP=0.02,ms=1"
    )
    assert (first.variant, first.measure, first.most) == ("same category", "AP", 0.02)
    assert second.measure == "ms"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "names nothing"),
        ("same category/AP", "is no number"),
        ("same category/AP=much", "'much' is no number"),
        ("same category/AP=-1", "no amount of 0 or more"),
        ("same category/AP=nan", "no amount of 0 or more"),
        ("beauty/AP=0.1", "'beauty' is none of the tasks"),
        ("same category=0.1", "none of the tasks"),
    ],
)
def test_a_gate_that_says_something_else_is_refused_with_an_example(text: str, told: str) -> None:
    with pytest.raises(BenchmarkError) as refused:
        read_allowances(text)
    assert told in str(refused.value)
    assert "ms=1.2" in str(refused.value)


def test_a_gate_on_what_was_not_measured_is_refused() -> None:
    allowances = read_allowances("same category/P@5=0.1")
    with pytest.raises(BenchmarkError, match="was not measured of both"):
        gate(a_run(), candidate="student", current="teacher", allowances=allowances)


def test_an_interval_holds_the_mean_of_few_values() -> None:
    found = interval([0.0, 1.0, 1.0, 1.0])
    assert found.low <= found.mean == 0.75 <= found.high
    assert found.queries == 4
