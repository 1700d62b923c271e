import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from furniture_prompter.domain import IndexProgress, RgbImage
from furniture_prompter.encoders.card import EncoderCard
from furniture_prompter.encoders.decoding import DEFAULT_LIMITS
from furniture_prompter.encoders.protocols import Encoder
from furniture_prompter.errors import BenchmarkError, InvalidPhotoError
from furniture_prompter.evaluation.latency import (
    LEAST_IMAGES,
    EnergyMeter,
    measure_end_to_end,
    measure_latency,
)
from furniture_prompter.evaluation.record import Latency
from furniture_prompter.evaluation.suite import LatencySettings
from tests.fakes import ColourGridEncoder
from tests.unit.evaluation.test_energy import zone

SETTINGS = LatencySettings(photos=4, rounds=3, warm_up=2, batches=(1, 4))


@dataclass
class Watched:
    """A fake encoder that says when it is called, and sleeps."""

    key: str
    calls: list[tuple[str, int]]
    sleep_s: float = 0.0
    shapes: set[tuple[int, ...]] = field(default_factory=set)

    @property
    def card(self) -> EncoderCard:
        return ColourGridEncoder().card

    def encode(self, images: Sequence[RgbImage]) -> NDArray[np.float32]:
        self.calls.append((self.key, len(images)))
        self.shapes |= {image.shape for image in images}
        time.sleep(self.sleep_s * len(images))
        return ColourGridEncoder().encode(images)


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / f"{number}.png" for number in range(4)]
    for number, path in enumerate(paths):
        Image.new("RGB", (80, 60), (40 * number, 90, 160)).save(path)
    return paths


def timed(
    contenders: Sequence[tuple[str, Encoder]],
    photos: Sequence[Path],
    settings: LatencySettings = SETTINGS,
    **options: object,
) -> tuple[Latency, ...]:
    facts, times = measure_latency(
        contenders,
        photos,
        settings,
        DEFAULT_LIMITS,
        **{"search": {}, "on_progress": lambda _: None} | options,  # type: ignore[arg-type]  # test
    )
    assert facts == ()
    return times


def test_a_slowed_encoder_is_found_slower_in_every_round(photos: list[Path]) -> None:
    calls: list[tuple[str, int]] = []
    # 50 ms an image, a thousand times what the fake takes: other load does not hide it.
    slow, fast = Watched("slow", calls, 0.05), Watched("fast", calls)
    found = timed([("slow", slow), ("fast", fast)], photos)
    assert [each.encoder for each in found] == ["slow", "fast"]
    slowed, other = found
    assert all(a > b for a, b in zip(slowed.total_s, other.total_s, strict=True))
    assert min(slowed.total_s) >= 4 * 0.05
    assert np.median(slowed.stages["encode"]) > 5 * np.median(other.stages["encode"])
    assert np.median(slowed.stages["preprocess"]) < 25
    for size in SETTINGS.batches:
        pairs = zip(slowed.batches[size], other.batches[size], strict=True)
        assert all(a > b for a, b in pairs)


def test_every_round_has_a_turn_of_each_and_another_begins_each(photos: list[Path]) -> None:
    calls: list[tuple[str, int]] = []
    contenders = [(key, Watched(key, calls)) for key in "abc"]
    timed(contenders, photos)
    counted = calls[-3 * 3 * (4 + LEAST_IMAGES + 2) :]
    turns = [counted[0][0]]
    for (before, _), (key, _) in itertools.pairwise(counted):
        if key != before:
            turns.append(key)
    assert turns == ["a", "b", "c", "b", "c", "a", "c", "a", "b"]
    assert [size for _, size in counted[:14]] == [1] * 4 + [1] * LEAST_IMAGES + [4] * 2


def test_every_photo_of_every_round_has_its_stages_and_they_fit_into_the_total(
    photos: list[Path],
) -> None:
    searched: list[tuple[int, ...]] = []

    def search(vector: NDArray[np.float32]) -> None:
        searched.append(vector.shape)
        time.sleep(0.02)

    (found,) = timed([("e", Watched("e", []))], photos, search={"e": search})
    assert (found.photos, found.warm_up, len(found.total_s)) == (4, 2, 3)
    assert list(found.stages) == ["read and decode", "preprocess", "encode", "search"]
    assert all(len(times) == 4 * 3 for times in found.stages.values())
    assert all(time_ms > 0 for times in found.stages.values() for time_ms in times)
    assert min(found.stages["search"]) >= 20
    assert set(searched) == {(27,)}
    for number, total_s in enumerate(found.total_s):
        parts_ms = sum(
            sum(times[4 * number : 4 * number + 4])
            for stage, times in found.stages.items()
            if stage != "search"
        )
        assert parts_ms <= 1_000 * total_s
    assert found.joules == ()


def test_searching_is_in_no_total(photos: list[Path]) -> None:
    (found,) = timed([("e", Watched("e", []))], photos, search={"e": lambda _: time.sleep(0.25)})
    assert min(found.total_s) < 4 * 0.25


def test_what_is_timed_as_encoding_gets_squares_that_fit(photos: list[Path]) -> None:
    encoder = Watched("e", [])
    timed([("e", encoder)], photos)
    assert encoder.shapes == {(48, 48, 3)}


def test_few_photos_fill_a_large_batch_and_spare_ones_are_left_out(photos: list[Path]) -> None:
    calls: list[tuple[str, int]] = []
    settings = LatencySettings(photos=3, rounds=3, warm_up=0, batches=(16,))
    (found,) = timed([("e", Watched("e", calls))], photos, settings)
    assert found.photos == 3
    assert calls == [("e", 16)] + 3 * ([("e", 1)] * 3 + [("e", 16)])
    assert list(found.batches) == [16]


def test_progress_reaches_its_total(photos: list[Path]) -> None:
    told: list[IndexProgress] = []
    timed([("e", Watched("e", []))], photos, on_progress=told.append)
    assert [each.done for each in told] == [0, 1, 2, 3, 4]
    assert {each.total for each in told} == {4}


def test_energy_of_a_round_is_that_between_files_and_vectors(
    photos: list[Path], tmp_path: Path
) -> None:
    counter = zone(tmp_path / "powercap", "intel-rapl:0", "package-0", 0)

    class Hungry(Watched):
        def encode(self, images: Sequence[RgbImage]) -> NDArray[np.float32]:
            counter.write_text(f"{(int(counter.read_text()) + 200_000) % 1_000_000}\n")
            return super().encode(images)

    def search(_: NDArray[np.float32]) -> None:
        counter.write_text(f"{(int(counter.read_text()) + 100_000) % 1_000_000}\n")

    meter = EnergyMeter.open(tmp_path / "powercap")
    (found,) = timed([("e", Hungry("e", []))], photos, search={"e": search}, meter=meter)
    assert found.joules == pytest.approx((0.8, 0.8, 0.8))


def test_nothing_to_time_is_refused_with_the_cure(photos: list[Path]) -> None:
    with pytest.raises(BenchmarkError, match=r"latency\.photos = 0"):
        timed([], photos)
    with pytest.raises(BenchmarkError, match=r"latency\.photos = 0"):
        timed([("e", Watched("e", []))], [])


def test_a_photo_that_is_gone_is_named(photos: list[Path]) -> None:
    photos[2].unlink()
    with pytest.raises(InvalidPhotoError, match=r"2\.png"):
        timed([("e", Watched("e", []))], photos)


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
