import time
from pathlib import Path

import pytest

from furniture_prompter.errors import BenchmarkError
from furniture_prompter.evaluation.latency import measure_end_to_end

PATHS = [Path(f"{number}.png") for number in range(3)]


def test_each_photo_is_asked_once_after_a_warm_up_that_does_not_count() -> None:
    asked: list[Path] = []
    found = measure_end_to_end("e", "library", asked.append, PATHS)
    assert (found.encoder, found.door, len(found.ms)) == ("e", "library", 3)
    assert asked == PATHS + PATHS


def test_photos_are_asked_again_when_there_are_too_few() -> None:
    asked: list[Path] = []
    assert len(measure_end_to_end("e", "HTTP", asked.append, PATHS, 10).ms) == 10
    assert asked[-10:] == (PATHS * 4)[:10]


def test_a_time_is_that_of_the_whole_call() -> None:
    found = measure_end_to_end("e", "library", lambda _: time.sleep(0.02), PATHS[:1])
    assert found.ms[0] >= 20


def test_no_photos_are_refused_with_the_cure() -> None:
    with pytest.raises(BenchmarkError, match=r"end_to_end\.queries = 0"):
        measure_end_to_end("e", "library", lambda _: None, [])
