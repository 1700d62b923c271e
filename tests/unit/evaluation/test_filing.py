from dataclasses import replace
from pathlib import Path

import pytest

from furniture_prompter.errors import BenchmarkError
from furniture_prompter.evaluation.filing import file_run, merged, read_filed, refuse_filed
from furniture_prompter.evaluation.record import read_run
from tests.unit.evaluation.runs import a_run


def test_each_encoder_that_searches_has_a_file_with_its_rows_and_the_recipes(
    tmp_path: Path,
) -> None:
    run = a_run()
    paths = file_run(run, tmp_path)
    assert [path.name.partition("-")[0] for path in paths] == ["teacher", "student", "twin"]
    assert {path.parent.name for path in paths} == {"made-up"}
    student = read_run(paths[1])
    assert [each.key for each in student.encoders] == ["recipe", "student"]
    assert {each.encoder for each in student.answers} == {"student"}
    assert [each.encoder for each in student.latency] == ["recipe", "student"]
    assert student.indexes == ()
    assert read_run(paths[0]).indexes == run.indexes


def test_filing_the_same_again_changes_nothing(tmp_path: Path) -> None:
    first = file_run(a_run(), tmp_path)
    before = [path.read_bytes() for path in first]
    assert [path.read_bytes() for path in file_run(a_run(), tmp_path)] == before


def test_a_filed_result_is_never_changed(tmp_path: Path) -> None:
    paths = file_run(a_run(), tmp_path)
    before = [path.read_bytes() for path in paths]
    other = replace(a_run(), created="2027-01-01T00:00:00+00:00")
    with pytest.raises(BenchmarkError, match="never changed"):
        file_run(other, tmp_path)
    assert [path.read_bytes() for path in paths] == before


def test_what_is_filed_is_refused_before_it_is_measured_again(tmp_path: Path) -> None:
    run = a_run()
    paths = file_run(run, tmp_path)
    taken = [(each.key, each.weights_sha256) for each in run.encoders if each.searches]
    with pytest.raises(BenchmarkError, match=paths[-1].name):
        refuse_filed(tmp_path, run.suite, [("new", "0" * 64), taken[-1]])
    refuse_filed(tmp_path, "another", taken)
    refuse_filed(tmp_path, run.suite, [(key, "0" * 64) for key, _ in taken])


def test_results_of_other_hardware_are_not_read_into_one_table(tmp_path: Path) -> None:
    (path, *_) = file_run(a_run(), tmp_path)
    other = replace(a_run(), machine=replace(a_run().machine, processor="Another"))
    (moved, *_) = file_run(other, tmp_path / "elsewhere")
    assert len(read_filed(path.parent)) == 3
    moved.rename(path.parent / "moved.json")
    with pytest.raises(BenchmarkError, match="different machines"):
        read_filed(path.parent)


def test_filed_results_of_one_run_become_one_again(tmp_path: Path) -> None:
    run = a_run()
    (path, *_) = file_run(run, tmp_path)
    whole = merged(read_filed(path.parent))
    assert whole.encoders[0].key == "recipe"
    assert {each.key for each in whole.encoders} == {each.key for each in run.encoders}
    assert len(whole.answers) == len(run.answers)
    assert whole.latency[0].encoder == "recipe"
    assert len(whole.latency) == len(run.latency)
    assert whole.indexes == run.indexes
    with pytest.raises(ValueError, match="several runs"):
        merged([run, replace(run, created="2027-01-01T00:00:00+00:00")])
    with pytest.raises(BenchmarkError, match="nothing filed"):
        merged([])
