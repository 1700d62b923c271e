"""Benchmark records: what a run measured, as JSON that is filed, read again and reported.

Every figure keeps what it was made of, one value a query or one a round: intervals, medians, ratios
and differences are computed by whoever shows them, so that two encoders can be compared query by
query and round by round. Times are milliseconds, sizes bytes.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Final, Literal

from pydantic import ConfigDict, TypeAdapter, ValidationError

from furniture_prompter.errors import BenchmarkError

FORMAT_VERSION = 1

Role = Literal["reference recipe", "baseline", "teacher", "student", "encoder"]

Task = Literal[
    "index check",
    "another view",
    "same category",
    "degraded photo",
    "prompt to photo",
    "agreement with the teacher",
    "teacher's catalog, student's query",
    "judged queries",
]
INDEX_CHECK: Final = "index check"
ANOTHER_VIEW: Final = "another view"
SAME_CATEGORY: Final = "same category"
DEGRADED: Final = "degraded photo"
PROMPT_TO_PHOTO: Final = "prompt to photo"
AGREEMENT: Final = "agreement with the teacher"
ASYMMETRIC: Final = "teacher's catalog, student's query"
JUDGED: Final = "judged queries"
"""Names of tasks. ``DEGRADED`` has a variant for each way to spoil a photo, ``ASYMMETRIC`` one for
each task that it repeats."""

READ_AND_DECODE, PREPROCESS, ENCODE, SEARCH = "read and decode", "preprocess", "encode", "search"
"""Stages of a photo query, in their order."""


class _Strict:
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine(_Strict):
    """What a run ran on.

    Attributes:
        device: What encoders ran on: ``CPU``, or a GPU's name.
        processor: Its model.
        instruction_sets: Those that matter for arithmetic, such as ``avx512_vnni``.
        cores: Processors this process may use.
        threads: Threads that an encoder was given for one image.
        memory_bytes: Of the machine, or of what this process may use of it.
        system: Operating system and its release.
        versions: Package → version, ``python`` among them.
        commit: Of the project's checkout; "" for an installed package.
    """

    device: str
    processor: str
    instruction_sets: tuple[str, ...]
    cores: int
    threads: int
    memory_bytes: int
    system: str
    versions: Mapping[str, str]
    commit: str = ""

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the hardware and the threads: times of two are never put together."""
        facts = (self.device, self.processor, *self.instruction_sets, self.cores, self.threads)
        return hashlib.sha256(repr(facts).encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSet(_Strict):
    """The photos that were searched.

    Attributes:
        name: What the set is called.
        products: How many.
        photos: How many.
        categories: How many distinct ones; 0 where the feed has none.
        source: Where it comes from, in words.
        licence: Of the photos, in words; "" where nobody said.
        fingerprint: SHA-256 over product ids, photo hashes and categories, in a fixed order.
        photo_names: For each photo ``product id/position``; other records name photos by their
            index in here.
        photo_categories: For each photo its product's category, "" for none.
    """

    name: str
    products: int
    photos: int
    categories: int
    source: str
    licence: str
    fingerprint: str
    photo_names: tuple[str, ...] = field(repr=False)
    photo_categories: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderFacts(_Strict):
    """A row of "models compared".

    Attributes:
        key: What other records call it; unique in a run.
        name: On its card.
        role: Its part in the comparison. The first row is the reference recipe where it was
            there; ``baseline`` is the encoder that ratios are against where it is not.
        architecture: The network.
        precision: ``int8``, ``fp32``…
        runtime: What runs it.
        side_px: Of the square image it takes.
        dimension: Of its vectors.
        parameters: Trained numbers.
        multiply_adds: For one image; None where nothing could count them.
        file_bytes: Of the weights; 0 where they were never in a file.
        weights_sha256: Of the weights file; "" for random weights.
        licence: Of the weights.
        space: Name of the space its vectors lie in.
        space_id: Id of that space.
        searches: Whether it is asked to find anything; the reference recipe, whose weights are
            random without a hub, is only timed.
        notes: What a reader must know, such as "random weights: timing only".
    """

    key: str
    name: str
    role: Role
    architecture: str
    precision: str
    runtime: str
    side_px: int
    dimension: int
    parameters: int
    multiply_adds: int | None
    file_bytes: int
    weights_sha256: str
    licence: str
    space: str
    space_id: str
    searches: bool = True
    notes: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency(_Strict):
    """Times of one encoder; all encoders of a run take turns, round after round.

    Attributes:
        encoder: Its key.
        photos: Photos in a round.
        warm_up: Photos before the first round.
        total_s: Wall time of each round, photos one by one, from file to vector; for the reference
            recipe in its own batches.
        stages: Stage → milliseconds of every photo of every round, in order; a stage that cannot be
            told apart is left out.
        batches: Images encoded at once → milliseconds an image of each round, encoding alone.
        joules: Energy of each round where the machine tells, else empty.
    """

    encoder: str
    photos: int
    warm_up: int
    total_s: tuple[float, ...]
    stages: Mapping[str, tuple[float, ...]]
    batches: Mapping[int, tuple[float, ...]]
    joules: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskResults(_Strict):
    """What one encoder found in one task.

    Attributes:
        encoder: Its key.
        task: One of the names above.
        variant: Which kind of the task; "" where it has one.
        queries: For each query the index of its photo, or of the product's first photo where
            the query is words; for judged queries their places in the file.
        candidates: What each query chose from, as a mean where it differs.
        values: Measure, by ir-measures' names → one value a query.
        chance: Measure → what a random order scores.
        top: For each query the indices of the first five photos found; empty where nobody looks.
        note: What a reader must know of this row; "".
    """

    encoder: str
    task: Task
    variant: str = ""
    queries: tuple[int, ...]
    candidates: float
    values: Mapping[str, tuple[float, ...]]
    chance: Mapping[str, float]
    top: tuple[tuple[int, ...], ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory(_Strict):
    """What one encoder takes, in fresh processes of its own.

    Attributes:
        encoder: Its key.
        resident_bytes: What each process held after encoding.
        peak_bytes: The most each held.
        encoder_bytes: Resident less what the same process held before it loaded the encoder.
        index_bytes_a_product: Of this encoder's vectors in a catalog, by product.
    """

    encoder: str
    resident_bytes: tuple[int, ...]
    peak_bytes: tuple[int, ...]
    encoder_bytes: tuple[int, ...]
    index_bytes_a_product: float


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexTimes(_Strict):
    """One way to find the nearest vectors.

    Attributes:
        engine: ``furniture-prompter``, or another engine's name and version.
        way: The kind of index and its settings.
        vectors: How many.
        dimension: Of each.
        grown: Whether they were made from the catalog's, as `benchmarks` grows them.
        share_kept: Share of vectors that a filter lets through; 1 without one.
        queries: How many.
        recall_at_10: One value a query, against the exact scan.
        ask_ms: Milliseconds of each query, one at a time.
        build_s: Time to build it, storing included.
        disk_bytes: On disk; 0 for one that lives in memory.
        memory_bytes: What the process grew by; 0 where it was not measured.
        note: What a reader must know; "".
    """

    engine: str
    way: str
    vectors: int
    dimension: int
    grown: bool
    share_kept: float
    queries: int
    recall_at_10: tuple[float, ...]
    ask_ms: tuple[float, ...]
    build_s: float
    disk_bytes: int
    memory_bytes: int
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndToEnd(_Strict):
    """Photo in, hits out.

    Attributes:
        encoder: Its key.
        door: ``library`` or ``HTTP``.
        ms: Milliseconds of each query.
    """

    encoder: str
    door: str
    ms: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Run(_Strict):
    """Everything a report is rendered from: ``results.json``.

    Attributes:
        suite: Name of the suite that decided what was measured.
        suite_sha256: Of its settings.
        created: When it began, ISO 8601, UTC.
        command: What was typed, absolute paths by their last part.
        machine: What it ran on.
        data: What was searched.
        encoders: Models compared, in the order they were named.
        teacher: Key of the encoder that agreement is measured against; "" for none.
        latency, answers, memory, indexes, end_to_end: What was found.
        flags: Sentences about results that must not be believed as they are, such as an encoder
            whose vectors are all alike. In results filed before `left_out`, that as well.
        left_out: Sentences about what was left out, and why.
    """

    format_version: int = FORMAT_VERSION
    suite: str
    suite_sha256: str
    created: str
    command: str
    machine: Machine
    data: DataSet
    encoders: tuple[EncoderFacts, ...]
    teacher: str
    latency: tuple[Latency, ...] = ()
    answers: tuple[TaskResults, ...] = ()
    memory: tuple[Memory, ...] = ()
    indexes: tuple[IndexTimes, ...] = ()
    end_to_end: tuple[EndToEnd, ...] = ()
    flags: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()

    def facts(self, key: str) -> EncoderFacts:
        """The row of an encoder.

        Raises:
            KeyError: there is none of that key.
        """
        for each in self.encoders:
            if each.key == key:
                return each
        raise KeyError(key)

    def task_results(self, encoder: str, task: Task, variant: str = "") -> TaskResults | None:
        """What an encoder found in a task; None where it was not asked."""
        for each in self.answers:
            if (each.encoder, each.task, each.variant) == (encoder, task, variant):
                return each
        return None


_ADAPTER: TypeAdapter[Run] = TypeAdapter(Run)


def read_run(path: Path) -> Run:
    """Read a ``results.json``.

    Raises:
        BenchmarkError: it is missing, or no result of a version that can be read.
    """
    try:
        return _ADAPTER.validate_json(path.read_bytes())
    except OSError as error:
        raise BenchmarkError(
            f"Cannot read {path}: {error.strerror}. Name a results.json."
        ) from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BenchmarkError(
            f"{path} is no benchmark result that this version reads ({where}: {first['msg']}). "
            "Run the benchmark again."
        ) from error


def run_as_json(run: Run) -> bytes:
    """A run as JSON, in one line."""
    return _ADAPTER.dump_json(run) + b"\n"
