"""Latency and energy of encoders, latency of whole queries and of vector search, with recall.

Encoders are timed by stage and by batch size, in interleaved rounds: in each, every contender has
one turn of all photos from file to vector, then of images encoded in batches alone. Another
contender begins each round, so that none always follows the same one.
"""

import re
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from furniture_prompter.catalog.reader import CatalogReader
from furniture_prompter.catalog.vector_index import REFINE_FACTOR, best_per_product
from furniture_prompter.domain import IndexProgress, RgbImage
from furniture_prompter.encoders.decoding import PhotoLimits
from furniture_prompter.encoders.preprocessing import preprocess
from furniture_prompter.encoders.protocols import Encoder
from furniture_prompter.errors import BenchmarkError
from furniture_prompter.evaluation.photo_rankings import decoded
from furniture_prompter.evaluation.record import (
    ENCODE,
    PREPROCESS,
    READ_AND_DECODE,
    SEARCH,
    EncoderFacts,
    EndToEnd,
    IndexTimes,
    Latency,
)
from furniture_prompter.evaluation.suite import LatencySettings

Search = Callable[[NDArray[np.float32]], object]

LEAST_IMAGES: Final = 8
"""Images that a turn encodes for each batch size at least; one alone would be too short a time."""


POWERCAP: Final = Path("/sys/class/powercap")

_PACKAGE: Final = re.compile(r"intel-rapl:\d+")
_MICROJOULES: Final = 1e6


@dataclass(frozen=True, slots=True)
class _Counter:
    """One package's counter: microjoules that start again at 0 after `range_uj`."""

    file: Path
    range_uj: int

    def read(self) -> int:
        return int(self.file.read_text("ascii"))


class EnergyMeter:
    """Counters of the processor's packages, of Intel and AMD (RAPL), as Linux shows them.

    A package is its cores, caches and what else is on the chip; memory, disks and power supplies
    are not in it, and everything else that the machine does is (the kernel's
    Documentation/power/powercap/powercap.rst). Counters move about once a millisecond. Since
    CVE-2020-8694 only root reads them on most systems.
    """

    def __init__(self, counters: tuple[_Counter, ...]) -> None:
        self._counters = counters

    @classmethod
    def open(cls, folder: Path = POWERCAP) -> "EnergyMeter | None":
        """The machine's meter; None where it has none or this process may not read it."""
        counters: list[_Counter] = []
        try:
            for zone in sorted(folder.iterdir()):
                # Zones within a package ("intel-rapl:0:0") are part of it, and the whole platform
                # ("psys") holds the packages.
                if not _PACKAGE.fullmatch(zone.name):
                    continue
                if not (zone / "name").read_text("ascii").startswith("package"):
                    continue
                largest = int((zone / "max_energy_range_uj").read_text("ascii"))
                counters.append(_Counter(zone / "energy_uj", largest))
                counters[-1].read()
        except (OSError, ValueError):
            return None
        return cls(tuple(counters)) if counters else None

    def read(self) -> tuple[int, ...]:
        """Where the counters stand, for :meth:`joules_since`."""
        return tuple(each.read() for each in self._counters)

    def joules_since(self, before: tuple[int, ...]) -> float:
        """Joules between two readings.

        A counter that started again in between is put right; it must not have done so twice, which
        takes a package of 200 W more than ten minutes.
        """
        total_uj = 0
        for each, first, last in zip(self._counters, before, self.read(), strict=True):
            total_uj += last - first if last >= first else last + each.range_uj - first
        return total_uj / _MICROJOULES


@dataclass(eq=False)
class Passed:
    """What one pass over the photos took.

    Attributes:
        stages: Stage → milliseconds of each photo.
        total_s: From files to vectors, searching left out.
        joules: For the same; None without a meter.
    """

    stages: dict[str, list[float]] = field(default_factory=dict)
    total_s: float = 0.0
    joules: float | None = None

    def add(self, stage: str, seconds: float, photos: int = 1) -> None:
        """A stage that took so long for all of `photos`."""
        self.stages.setdefault(stage, []).extend([1_000 * seconds / photos] * photos)


class Stretch:
    """The seconds and joules of a ``with`` block, added to a pass."""

    def __init__(self, passed: Passed, meter: EnergyMeter | None) -> None:
        self._passed = passed
        self._meter = meter

    def __enter__(self) -> None:
        self._before = self._meter.read() if self._meter else ()
        self._began = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self._passed.total_s += time.perf_counter() - self._began
        if self._meter:
            joules = self._meter.joules_since(self._before)
            self._passed.joules = (self._passed.joules or 0.0) + joules


class Turns(ABC):
    """A contender, and what its turns gave."""

    def __init__(self, key: str) -> None:
        self._key = key
        self._photos = 0
        self._warm_up = 0
        self._passed: list[Passed] = []
        self._batches: dict[int, list[float]] = {}

    @abstractmethod
    def pass_over(self, photos: Sequence[Path], meter: EnergyMeter | None) -> Passed:
        """All photos from file to vector."""

    @abstractmethod
    def prepare(self, photos: Sequence[Path]) -> None:
        """Keep the photos ready to encode."""

    @abstractmethod
    def encode(self, count: int) -> None:
        """Encode the first `count` of the prepared photos at once."""

    def warm_up_photos(self, wanted: int) -> int:
        """How many photos it warms up with when so many are wanted."""
        return wanted

    def warm_up(self, photos: Sequence[Path], settings: LatencySettings) -> None:
        """Do what a turn does, without counting it."""
        self._warm_up = self.warm_up_photos(settings.warm_up)
        if self._warm_up:
            self.pass_over(_cycled(photos, self._warm_up), None)
        if settings.batches:
            self.prepare(_cycled(photos, max(settings.batches)))
        for size in settings.batches:
            self.encode(size)

    def turn(
        self, photos: Sequence[Path], settings: LatencySettings, meter: EnergyMeter | None
    ) -> None:
        """One turn, after :meth:`warm_up`."""
        self._photos = len(photos)
        self._passed.append(self.pass_over(photos, meter))
        for size in settings.batches:
            runs = -(-LEAST_IMAGES // size)
            began = time.perf_counter()
            for _ in range(runs):
                self.encode(size)
            took_ms = 1_000 * (time.perf_counter() - began)
            self._batches.setdefault(size, []).append(took_ms / (runs * size))

    def result(self) -> Latency:
        """All turns as one record."""
        stages: dict[str, list[float]] = {}
        for each in self._passed:
            for stage, times in each.stages.items():
                stages.setdefault(stage, []).extend(times)
        return Latency(
            encoder=self._key,
            photos=self._photos,
            warm_up=self._warm_up,
            total_s=tuple(each.total_s for each in self._passed),
            stages={stage: tuple(times) for stage, times in stages.items()},
            batches={size: tuple(times) for size, times in self._batches.items()},
            joules=tuple(each.joules for each in self._passed if each.joules is not None),
        )


class Rival(Turns):
    """What encoders are timed against, in turns with them; no encoder of the product."""

    @abstractmethod
    def facts(self) -> EncoderFacts:
        """Its row of "models compared"."""


class EncoderTurns(Turns):
    """An encoder as searching uses it: photo by photo."""

    def __init__(
        self, key: str, encoder: Encoder, limits: PhotoLimits, search: Search | None
    ) -> None:
        super().__init__(key)
        if encoder.card.preprocessing is None:
            raise BenchmarkError(
                f"{encoder.card.name} is a {encoder.card.kind} encoder, and photos are what is "
                "timed. Name an image encoder; `furniture-prompter encoders` lists them."
            )
        self._spec = encoder.card.preprocessing
        self._encoder = encoder
        self._limits = limits
        self._search = search
        self._squares: list[RgbImage] = []

    def pass_over(self, photos: Sequence[Path], meter: EnergyMeter | None) -> Passed:
        """See :class:`Turns`."""
        passed = Passed()
        for path in photos:
            with Stretch(passed, meter):
                began = time.perf_counter()
                image = decoded(path, self._spec.side_px, self._limits)
                has_image = time.perf_counter()
                square = preprocess(image, self._spec)
                has_square = time.perf_counter()
                # A square that fits is still copied within, twice: about 0.15 ms at 256 px on two
                # cores of an AMD EPYC, which counts as encoding.
                (vector,) = self._encoder.encode([square])
                has_vector = time.perf_counter()
            passed.add(READ_AND_DECODE, has_image - began)
            passed.add(PREPROCESS, has_square - has_image)
            passed.add(ENCODE, has_vector - has_square)
            if self._search is not None:
                began = time.perf_counter()
                self._search(vector)
                passed.add(SEARCH, time.perf_counter() - began)
        return passed

    def prepare(self, photos: Sequence[Path]) -> None:
        """See :class:`Turns`."""
        images = (decoded(path, self._spec.side_px, self._limits) for path in photos)
        self._squares = [preprocess(image, self._spec) for image in images]

    def encode(self, count: int) -> None:
        """See :class:`Turns`."""
        self._encoder.encode(self._squares[:count])


def _cycled(photos: Sequence[Path], count: int) -> list[Path]:
    """So many photos, from the first again when there are too few."""
    return [photos[number % len(photos)] for number in range(count)]


OnProgress = Callable[[IndexProgress], None]

_STEP: Final = "latency"


def measure_latency(
    contenders: Sequence[tuple[str, Encoder]],
    paths: Sequence[Path],
    settings: LatencySettings,
    limits: PhotoLimits,
    *,
    search: Mapping[str, Search],
    on_progress: OnProgress,
    rivals: Sequence[Rival] = (),
    meter: EnergyMeter | None = None,
) -> tuple[tuple[EncoderFacts, ...], tuple[Latency, ...]]:
    """Time encoders, and what they are held against.

    "Preprocess" of an encoder fits the decoded image into its square. Encoding then resizes nothing
    more, but its time is the encoder's whole call, copies of the square included.

    Args:
        contenders: Keys and encoders.
        paths: Photos of a round; more than the settings say are left out.
        settings: Rounds, warm-up and batches.
        limits: Of photos.
        search: Key → finds hits for one vector of shape (d,); encoders without one have no such
            stage. It is timed after each photo and is in no total.
        on_progress: Told after each turn.
        rivals: Take their turns first.
        meter: None for the machine's own, if it has one.

    Returns:
        The rivals' rows of "models compared"; and the times, the rivals' first.

    Raises:
        BenchmarkError: no photos, or nobody to time.
        InvalidPhotoError: a photo cannot be used.
        EncoderError: an encoder cannot be run.
    """
    photos = tuple(paths)[: settings.photos]
    turns: list[Turns] = [*rivals]
    turns += [EncoderTurns(key, encoder, limits, search.get(key)) for key, encoder in contenders]
    if not photos or not turns:
        raise BenchmarkError(
            "Timing needs a photo and an encoder. Name a catalog with photos, or set "
            "latency.photos = 0 in the suite."
        )
    meter = meter or EnergyMeter.open()
    total = len(turns) * (1 + settings.rounds)
    for number, each in enumerate(turns):
        on_progress(IndexProgress(_STEP, number, total, "turns"))
        each.warm_up(photos, settings)
    for round_number in range(settings.rounds):
        first = round_number % len(turns)
        for place, each in enumerate(turns[first:] + turns[:first]):
            done = len(turns) * (1 + round_number) + place
            on_progress(IndexProgress(_STEP, done, total, "turns"))
            each.turn(photos, settings, meter)
    on_progress(IndexProgress(_STEP, total, total, "turns"))
    return tuple(each.facts() for each in rivals), tuple(each.result() for each in turns)


WARM_UP: Final = 5
"""Queries before the first that counts."""


def measure_end_to_end(
    key: str,
    door: str,
    search: Callable[[Path], object],
    paths: Sequence[Path],
    queries: int | None = None,
) -> EndToEnd:
    """Time whole queries, one at a time.

    Args:
        key: The encoder's.
        door: ``library`` or ``HTTP``.
        search: Answers a photo file with hits.
        paths: Photos, asked in their order, from the first again when there are too few.
        queries: How many count; None asks each photo once. A few more come first.

    Raises:
        BenchmarkError: there are no photos.
    """
    count = len(paths) if queries is None else queries
    if not paths or count < 1:
        raise BenchmarkError(
            "Whole queries need a photo to ask with. Name a catalog with photos, or set "
            "end_to_end.queries = 0 in the suite."
        )
    times: list[float] = []
    for number in range(-min(WARM_UP, count), count):
        path = paths[number % len(paths)]
        began = time.perf_counter()
        search(path)
        if number >= 0:
            times.append(1_000 * (time.perf_counter() - began))
    return EndToEnd(encoder=key, door=door, ms=tuple(times))


TOP: Final = 10
# Float32 sums in other orders, and lengths of vectors rounded to float16, differ by less.
EQUAL_COSINES: Final = 1e-5


async def measure_nearest(reader: CatalogReader, queries: int, seed: int = 0) -> IndexTimes:
    """Ask an opened catalog for the products nearest to some of its own photos, one at a time.

    Recall@10 is the share of an exact scan's ten products that are as near as its tenth, so that
    products of equal cosine may stand for each other.

    Args:
        reader: The catalog; its vector index is read, if it has one.
        queries: Photos that ask, drawn at random; fewer where there are fewer.
        seed: Of the draw.

    Raises:
        ValueError: no queries, or a catalog without photos.
    """
    photos = await reader.all_photos()
    if photos.vectors is None or not len(photos.vectors) or queries < 1:
        raise ValueError("the nearest vectors take a photo and a query at least.")
    space, kind = await reader.photo_index(), reader.manifest.vector_index
    drawn = np.random.default_rng(seed).permutation(len(photos.vectors))[:queries]
    for row in drawn[:WARM_UP]:
        await space.similarities(photos.vectors[row]).top(TOP, None)
    recalls: list[float] = []
    times: list[float] = []
    for row in drawn:
        query = photos.vectors[row]
        began = time.perf_counter()
        found = await space.similarities(query).top(TOP, None)
        times.append(1_000 * (time.perf_counter() - began))
        products, cosines = best_per_product(photos.numbers, photos.vectors @ query)
        wanted = min(TOP, len(products))
        near = products[cosines >= np.sort(cosines)[-wanted] - EQUAL_COSINES]
        recalls.append(min(1.0, float(np.isin(found, near).sum()) / wanted))
    return IndexTimes(
        engine="furniture-prompter",
        way=f"{kind}, refine {REFINE_FACTOR}" if kind else "exact, float32 in memory",
        vectors=len(photos.vectors),
        dimension=photos.vectors.shape[1],
        grown=False,
        share_kept=1.0,
        queries=len(drawn),
        recall_at_10=tuple(recalls),
        ask_ms=tuple(round(each, 4) for each in times),
        build_s=0.0,
        disk_bytes=0,
        memory_bytes=0,
        note="Asked with its own photos.",
    )
