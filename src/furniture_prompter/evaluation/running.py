"""Running of a benchmark: encoder metadata, vectors, then section after section, each resumable."""

import importlib.util
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from furniture_prompter.distillation.networks import ARCHITECTURES
from furniture_prompter.domain import IndexProgress, RgbImage
from furniture_prompter.domain.rankings import nearest
from furniture_prompter.encoders.card import EncoderCard, Runtime, identity_of
from furniture_prompter.encoders.decoding import PhotoLimits
from furniture_prompter.encoders.protocols import Encoder, PromptEncoder
from furniture_prompter.errors import BenchmarkError
from furniture_prompter.evaluation.collection import SPOILT_SIDE_PX, Collection
from furniture_prompter.evaluation.filing import KeptParts
from furniture_prompter.evaluation.latency import Rival, measure_end_to_end, measure_latency
from furniture_prompter.evaluation.machine import this_machine
from furniture_prompter.evaluation.memory import measure_memory
from furniture_prompter.evaluation.photo_rankings import decoded, photo_vectors
from furniture_prompter.evaluation.prompt_quality import measure_against_teacher, measure_prompts
from furniture_prompter.evaluation.quality import flags_of, measure_quality, unasked
from furniture_prompter.evaluation.record import (
    AGREEMENT,
    ASYMMETRIC,
    PROMPT_TO_PHOTO,
    EncoderFacts,
    EndToEnd,
    IndexTimes,
    Latency,
    Machine,
    Memory,
    Role,
    Run,
    TaskResults,
)
from furniture_prompter.evaluation.suite import Suite
from furniture_prompter.timing import utc_now

_RUNTIMES: dict[Runtime, str] = {
    "onnx": "ONNX Runtime",
    "hub": "PyTorch and transformers",
    "static": "a table of words",
}

# Bytes for each trained number; scales, zero points and names of an int8 graph add some.
_LARGEST_INT8, _LARGEST_16_BITS = 1.6, 3.0


def can_count_operations() -> bool:
    """Whether the packages of the extra ``train`` that count are installed."""
    return all(importlib.util.find_spec(name) is not None for name in ("torch", "onnx"))


def facts_of(encoder: Encoder, key: str, role: Role, folder: Path) -> EncoderFacts:
    """An encoder's row.

    The precision is told by how many bytes its weights file has for each trained number. Without
    the extra ``train``, multiply-adds are None.

    Args:
        encoder: Loaded.
        key: What other records call it.
        role: Its part in the comparison.
        folder: Where its card lies.

    Raises:
        BenchmarkError: its card has no preprocessing, as a prompt encoder's.
        DistillationError: its weights are no ONNX file though its card says so.
    """
    card = encoder.card
    if card.preprocessing is None:
        raise BenchmarkError(
            f"{card.name} is a {card.kind} encoder, and photos are what is measured. Name an "
            "image encoder; `furniture-prompter encoders` lists them."
        )
    known = ARCHITECTURES.get(card.architecture)
    identity = identity_of(card)
    parameters, multiply_adds = _counted(encoder, folder)
    return EncoderFacts(
        key=key,
        name=card.name,
        role=role,
        architecture=known.title if known else card.architecture or card.name,
        precision=_precision(card, parameters),
        runtime=_RUNTIMES[card.runtime],
        side_px=card.preprocessing.side_px,
        dimension=card.dimension,
        parameters=parameters,
        multiply_adds=multiply_adds,
        file_bytes=card.weights_bytes,
        weights_sha256=card.weights_sha256,
        licence=card.licence,
        space=card.space.name if card.space else card.name,
        space_id=identity.space_id,
        notes=card.description,
    )


def _counted(encoder: Encoder, folder: Path) -> tuple[int, int | None]:
    """Parameters, by the card where it says, and multiply-adds."""
    card = encoder.card
    weights = folder / card.weights_file
    if not can_count_operations() or not weights.is_file():
        return card.parameters, None
    from furniture_prompter.distillation.operations import (
        multiply_adds_of_encoder,
        parameters_of_graph,
    )

    parameters = card.parameters
    if not parameters and card.runtime == "onnx":
        parameters = parameters_of_graph(weights)
    return parameters, multiply_adds_of_encoder(encoder, folder)


def _precision(card: EncoderCard, parameters: int) -> str:
    if not parameters:
        return "unknown"
    each = card.weights_bytes / parameters
    if each < _LARGEST_INT8:
        return "int8"
    return "16 bits" if each < _LARGEST_16_BITS else "fp32"


Vectors = NDArray[np.float32]
OnProgress = Callable[[IndexProgress], None]
IndexFindings = tuple[tuple[IndexTimes, ...], tuple[str, ...]]
"""Rows, and sentences about what was left out."""
IndexTrials = Callable[[Vectors, OnProgress], IndexFindings]
"""From vectors, unit rows of shape (n, d), to how the nearest of them are found."""

# float16, with zeros to a multiple of eight components, as the catalog stores them.
_STORED_BYTES, _STORED_MULTIPLE = 2, 8
_WANTED = 10

_FLAGGED: TypeAdapter[tuple[tuple[TaskResults, ...], tuple[str, ...]]] = TypeAdapter(
    tuple[tuple[TaskResults, ...], tuple[str, ...]]
)
_LATENCY: TypeAdapter[tuple[tuple[EncoderFacts, ...], tuple[Latency, ...]]] = TypeAdapter(
    tuple[tuple[EncoderFacts, ...], tuple[Latency, ...]]
)
_MEMORY: TypeAdapter[Memory] = TypeAdapter(Memory)
_INDEXES: TypeAdapter[IndexFindings] = TypeAdapter(IndexFindings)
_END_TO_END: TypeAdapter[EndToEnd] = TypeAdapter(EndToEnd)


@dataclass(frozen=True, slots=True, eq=False)
class Contender:
    """An encoder that is measured.

    Attributes:
        key: What records call it; unique in a run.
        folder: Where its card lies.
        encoder: Loaded.
        role: Its part in the comparison.
    """

    key: str
    folder: Path
    encoder: Encoder
    role: Role = "encoder"


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """What is measured on what.

    Attributes:
        collection: The photos.
        contenders: Encoders, in the order of the report.
        teacher: Key of the one that agreement is measured against; "" for none.
        prompt_encoder: What prompts go through where an encoder has no text tower.
        suite: What is measured.
        limits: Of photos.
        threads: That encoders were given for one image.
        interfaces: (encoder's key, interface) → answers one photo file with hits.
        command: What was typed.
        rivals: What encoders are timed against.
        index_trials: How the nearest of the first encoder's vectors are found; None leaves it out.
        notes: What was left out beforehand, such as encoders that could not be asked, in sentences.
    """

    collection: Collection
    contenders: Sequence[Contender]
    teacher: str
    prompt_encoder: PromptEncoder
    suite: Suite
    limits: PhotoLimits
    threads: int
    interfaces: Mapping[tuple[str, str], Callable[[Path], object]] = field(default_factory=dict)
    rivals: Sequence[Rival] = ()
    index_trials: IndexTrials | None = None
    command: str = ""
    notes: tuple[str, ...] = ()


def run_benchmark(
    plan: Plan, out: Path, *, restart: bool, on_progress: OnProgress
) -> tuple[Run, Collection]:
    """Measure, going on from what `out` keeps of the same run.

    Args:
        plan: What.
        out: The report's folder.
        restart: Whether what is kept is measured anew.
        on_progress: Told often where it stands.

    Returns:
        The run; and the photos it was made on, without those that cannot be used.

    Raises:
        BenchmarkError: too few photos, what is kept is another run's, or the disk is full.
        EncoderError: an encoder cannot be run.
    """
    machine = this_machine(plan.threads)
    parts = KeptParts.open(out, _stamp(plan, machine), restart=restart)
    collection, vectors, unusable = _seen(plan, parts, on_progress)
    measuring = _Measuring(plan, collection, vectors, parts, on_progress)
    answers, flags = measuring.quality()
    memory = measuring.memory()
    rivals, latency = measuring.latency()
    indexes, left_out = measuring.indexes()
    end_to_end = measuring.end_to_end()
    own = [facts_of(each.encoder, each.key, each.role, each.folder) for each in plan.contenders]
    run = Run(
        suite=plan.suite.name,
        suite_sha256=plan.suite.sha256,
        created=utc_now(),
        command=plan.command,
        machine=machine,
        data=collection.data,
        encoders=(*rivals, *own),
        teacher=plan.teacher,
        latency=latency,
        answers=answers,
        memory=memory,
        indexes=indexes,
        end_to_end=end_to_end,
        flags=(*unusable, *flags),
        left_out=(*plan.notes, *unasked(collection, plan.suite.quality), *left_out),
    )
    return run, collection


def _stamp(plan: Plan, machine: Machine) -> dict[str, str]:
    return {
        "machine": machine.fingerprint,
        "data": plan.collection.data.fingerprint,
        "suite": plan.suite.sha256,
        "encoders": json.dumps(
            [(each.key, each.encoder.card.weights_sha256) for each in plan.contenders]
        ),
        "teacher": plan.teacher,
    }


def _seen(
    plan: Plan, parts: KeptParts, on_progress: OnProgress
) -> tuple[Collection, dict[str, Vectors], tuple[str, ...]]:
    """Every encoder's vectors of the photos that can be used still, and a sentence on others."""
    collection = plan.collection
    total = len(collection.paths)
    vectors = {}
    for each in plan.contenders:

        def encode(each: Contender = each) -> Vectors:
            def tell(done: int) -> None:
                on_progress(IndexProgress(f"encoding with {each.key}", done, total, "photos"))

            return photo_vectors(each.encoder, collection.paths, plan.limits, tell)

        vectors[each.key] = parts.rows(f"vectors of {each.key}", encode)
    usable = np.all([rows.any(axis=1) for rows in vectors.values()], axis=0)
    if usable.all():
        return collection, vectors, ()
    first = collection.data.photo_names[int(np.argmin(usable))]
    sentence = (
        f"{int((~usable).sum()):,} of the catalog's {total:,} photos are gone or damaged since "
        f"they were indexed, {first} the first; they were left out. Index the feed again to mend "
        "that."
    )
    kept = np.flatnonzero(usable)
    return collection.only(kept), {key: rows[kept] for key, rows in vectors.items()}, (sentence,)


class _Measuring:
    """The sections of one run."""

    def __init__(
        self,
        plan: Plan,
        collection: Collection,
        vectors: Mapping[str, Vectors],
        parts: KeptParts,
        on_progress: OnProgress,
    ) -> None:
        self._plan = plan
        self._collection = collection
        self._vectors = vectors
        self._parts = parts
        self._on_progress = on_progress

    def quality(self) -> tuple[tuple[TaskResults, ...], tuple[str, ...]]:
        """All tasks of all encoders, and what must be said of them."""
        answers: list[TaskResults] = []
        flags: list[str] = []
        for each in self._plan.contenders:

            def measure(each: Contender = each) -> tuple[tuple[TaskResults, ...], tuple[str, ...]]:
                return self._quality_of(each)

            found, told = self._parts.records(f"quality of {each.key}", _FLAGGED, measure)
            answers += found
            flags += told
        return tuple(answers), tuple(flags)

    def _quality_of(self, each: Contender) -> tuple[tuple[TaskResults, ...], tuple[str, ...]]:
        plan, settings = self._plan, self._plan.suite.quality
        own = self._vectors[each.key]

        def decode(place: int) -> RgbImage:
            # One size for all encoders, so that all are asked with the same spoilt photos.
            return decoded(self._collection.paths[place], SPOILT_SIDE_PX, plan.limits)

        flags = flags_of(each.key, own, self._collection.ids)
        answers = measure_quality(
            self._collection,
            each.key,
            own,
            each.encoder.encode,
            decode,
            settings,
            on_progress=self._on_progress,
        )
        if PROMPT_TO_PHOTO in settings.tasks:
            asked = measure_prompts(
                self._collection, each.key, own, each.encoder, plan.prompt_encoder, settings
            )
            if isinstance(asked, str):
                flags.append(asked)
            else:
                answers.append(asked)
        wanted = {AGREEMENT, ASYMMETRIC} & set(settings.tasks)
        if wanted and plan.teacher and each.key != plan.teacher:
            answers += self._against_teacher(each)
        return tuple(answers), tuple(flags)

    def _against_teacher(self, each: Contender) -> list[TaskResults]:
        plan = self._plan
        spaces = {other.key: identity_of(other.encoder.card).space_id for other in plan.contenders}
        return measure_against_teacher(
            self._collection,
            each.key,
            self._vectors[each.key],
            self._vectors[plan.teacher],
            same_space=spaces[each.key] == spaces[plan.teacher],
            settings=plan.suite.quality,
        )

    def memory(self) -> tuple[Memory, ...]:
        """Every encoder in processes of its own."""
        plan, settings = self._plan, self._plan.suite.memory
        if not settings.photos:
            return ()
        photos = self._sample(settings.photos)
        stored = len(self._collection.paths) / self._collection.data.products
        found = []
        for number, each in enumerate(plan.contenders):
            self._tell("memory", number, len(plan.contenders), "encoders")
            width = each.encoder.card.dimension
            bytes_a_product = stored * _STORED_BYTES * (width + -width % _STORED_MULTIPLE)

            def measure(each: Contender = each, product_bytes: float = bytes_a_product) -> Memory:
                return measure_memory(
                    each.key, each.folder, photos, settings.processes, product_bytes
                )

            found.append(self._parts.records(f"memory of {each.key}", _MEMORY, measure))
        return tuple(found)

    def latency(self) -> tuple[tuple[EncoderFacts, ...], tuple[Latency, ...]]:
        """All encoders in turns, their rivals among them; and the rivals' rows."""
        settings = self._plan.suite.latency
        if not settings.photos:
            return (), ()

        def search(rows: Vectors) -> Callable[[Vectors], object]:
            return lambda vector: nearest(vector[np.newaxis], rows, _WANTED)

        def measure() -> tuple[tuple[EncoderFacts, ...], tuple[Latency, ...]]:
            return measure_latency(
                [(each.key, each.encoder) for each in self._plan.contenders],
                self._sample(settings.photos),
                settings,
                self._plan.limits,
                search={key: search(rows) for key, rows in self._vectors.items()},
                on_progress=self._on_progress,
                rivals=self._plan.rivals,
            )

        return self._parts.records("latency", _LATENCY, measure)

    def indexes(self) -> IndexFindings:
        """Ways to find the nearest of the first encoder's vectors."""
        trials = self._plan.index_trials
        if not self._plan.suite.index.queries or trials is None:
            return (), ()

        def measure() -> IndexFindings:
            return trials(self._vectors[self._plan.contenders[0].key], self._on_progress)

        return self._parts.records("indexes", _INDEXES, measure)

    def end_to_end(self) -> tuple[EndToEnd, ...]:
        """Whole queries, photo in, hits out."""
        queries = self._plan.suite.end_to_end.queries
        if not queries:
            return ()
        photos = self._sample(queries)
        found = []
        for number, ((key, door), search) in enumerate(self._plan.interfaces.items()):
            self._tell("whole queries", number, len(self._plan.interfaces), "series")

            def measure(
                key: str = key, door: str = door, search: Callable[[Path], object] = search
            ) -> EndToEnd:
                return measure_end_to_end(key, door, search, photos)

            name = f"whole queries of {key} by {door}"
            found.append(self._parts.records(name, _END_TO_END, measure))
        return tuple(found)

    def _sample(self, count: int) -> tuple[Path, ...]:
        """Photos drawn at random, the same each time; fewer where there are fewer."""
        paths = self._collection.paths
        drawn = np.random.default_rng(0).permutation(len(paths))[:count]
        return tuple(paths[place] for place in sorted(drawn.tolist()))

    def _tell(self, step: str, done: int, total: int, unit: str) -> None:
        self._on_progress(IndexProgress(step, done, total, unit))
