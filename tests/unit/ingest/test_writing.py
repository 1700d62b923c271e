"""When alignment and confidence are learned anew, and what is told while changes are written."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from furniture_prompter.catalog.confidence import ConfidenceRecord
from furniture_prompter.catalog.manifest import AlignmentRecord
from furniture_prompter.domain import IndexProgress, Product
from furniture_prompter.encoders.alignment import AlignmentRefusal
from furniture_prompter.encoders.shipped import borrowed_statement
from furniture_prompter.ingest import writing
from furniture_prompter.ingest.calibrating import CALIBRATED_PHOTOS
from furniture_prompter.ingest.writing import CurrentAlignment

ALIGNED = AlignmentRecord(None, "f", 100, 3, "Fitted.")
LEARNED = ConfidenceRecord(None, 100, 4, "Learned.")
NEW = ConfidenceRecord(None, 7, 0, "Learned anew.")


class Writer:
    """A catalog's writer that only notes what it is asked for."""

    language = "english"
    words = staticmethod(lambda product: product.title.lower())

    def __init__(self, confidence: ConfidenceRecord | None, manifest: Any) -> None:
        self.folder = Path("catalog")
        self.confidence = confidence
        self.manifest = manifest
        self.asked: list[tuple[Any, ...]] = []

    async def apply(self, rows: Sequence[Any], *rest: Any) -> None:
        self.asked.append(("apply", [row.number for row in rows], *rest))

    async def realign(self, align: Any) -> None:
        self.asked.append(("realign", align))

    async def build_indexes(self, photos: int, aligned: bool) -> str:
        self.asked.append(("indexes", photos, aligned))
        return "IVF"

    async def commit(self, *given: Any) -> str:
        self.asked.append(("commit", *given))
        return "committed"


def manifest_of(fingerprint: str | None = "f", *, text_tower: bool = False) -> Any:
    return SimpleNamespace(
        alignment=AlignmentRecord(None, fingerprint, 100, 0, "Fitted.", text_tower)
    )


def encoder_card(**given: Any) -> Any:
    return SimpleNamespace(
        **{"name": "eye", "encodes_prompts": False, "dimension": 2, "colour_part": None, **given}
    )


@pytest.fixture
def calibrated(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """With what calibrating was called, each time."""
    calls: list[tuple[Any, ...]] = []

    async def stored_vectors(_: object, limit: int) -> str:
        return f"{limit} photos"

    def calibrate(*given: Any) -> ConfidenceRecord:
        calls.append(given)
        return NEW

    monkeypatch.setattr(writing, "stored_vectors", stored_vectors)
    monkeypatch.setattr(writing, "calibrate", calibrate)
    return calls


@pytest.mark.parametrize(
    ("before", "manifest", "changed", "after"),
    [
        # A tenth of 100 products may change, those before counted in.
        (LEARNED, manifest_of(), 0, ConfidenceRecord(None, 100, 4, "Learned.")),
        (LEARNED, manifest_of(), 6, ConfidenceRecord(None, 100, 10, "Learned.")),
        (LEARNED, manifest_of(), 7, NEW),
        # Prompts go another way now, or nobody knows which way they went.
        (LEARNED, manifest_of("g"), 0, NEW),
        (LEARNED, manifest_of(None), 0, NEW),
        (LEARNED, manifest_of(text_tower=True), 0, NEW),
        (LEARNED, None, 0, NEW),
        (None, manifest_of(), 0, NEW),
        (None, None, 0, NEW),
    ],
)
def test_confidence_is_learned_anew_where_products_or_the_way_of_prompts_changed(
    before: ConfidenceRecord | None,
    manifest: Any,
    changed: int,
    after: ConfidenceRecord,
    calibrated: list[tuple[Any, ...]],
) -> None:
    writer: Any = Writer(before, manifest)
    prompts: Any = SimpleNamespace(encode="of prompts")
    eye: Any = SimpleNamespace(encode="of photos")
    asyncio.run(writing.calibrate_if_due(writer, ALIGNED, changed, prompts, eye))
    assert writer.confidence == after
    given = (f"{CALIBRATED_PHOTOS} photos", "of prompts", None, "of photos", "english")
    assert calibrated == ([given] if after is NEW else [])


def test_a_calibration_asks_by_the_alignment_that_holds(
    calibrated: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Loaded:
        @classmethod
        def load(cls, path: Path) -> Any:
            return SimpleNamespace(align_prompts=lambda vectors: (path, vectors))

    monkeypatch.setattr(writing, "Alignment", Loaded)
    writer: Any = Writer(None, None)
    prompts: Any = SimpleNamespace(encode=lambda texts: [text.upper() for text in texts])
    eye: Any = SimpleNamespace(encode=None)
    record = AlignmentRecord("f.npz", "f", 1, 0, "Fitted.")
    asyncio.run(writing.calibrate_if_due(writer, record, 0, prompts, eye))
    ((_, _, align, _, _),) = calibrated
    assert align(["oak"]) == (Path("catalog", "alignments", "f.npz"), ["OAK"])


def realigned(
    monkeypatch: pytest.MonkeyPatch,
    record: AlignmentRecord | None,
    changed: int = 0,
    *,
    fitted: Any = None,
    shipped: Any = None,
    photos: int = 3,
    **card: Any,
) -> tuple[AlignmentRecord, list[tuple[Any, ...]]]:
    """What holds then, and what the writer was asked for."""

    async def stored_looks(_: object, limit: int) -> tuple[list[str], NDArray[np.float16], Any]:
        assert limit == 50_000
        return ["chair", "sofa"], np.ones((photos, 8), np.float16), np.arange(photos)

    def fit(looks: Any, vectors: NDArray[np.float16], indices: Any, *_: Any) -> Any:
        assert vectors.shape == (photos, 2)
        assert (looks, indices.tolist()) == (["chair", "sofa"], [*range(photos)])
        return fitted

    async def use(writer: Any, alignment: Any) -> str:
        writer.asked.append(("use", alignment))
        return "file.npz"

    monkeypatch.setattr(writing, "stored_looks", stored_looks)
    monkeypatch.setattr(writing, "_fit", fit)
    monkeypatch.setattr(writing, "_use", use)
    monkeypatch.setattr(writing, "shipped_alignment", lambda *_: shipped)
    writer: Any = Writer(None, None)
    prompts: Any = SimpleNamespace(card=None)
    current = CurrentAlignment(None, record)
    told = asyncio.run(
        writing.realign_if_due(writer, current, changed, prompts, encoder_card(**card))
    )
    return told, writer.asked


REFUSED = AlignmentRefusal("Too few texts.")


def test_an_encoder_of_prompts_and_photos_needs_no_alignment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    statement = "Prompts go through eye's own text tower."
    own = AlignmentRecord(None, None, 0, 0, statement, text_tower=True)
    with_file = AlignmentRecord("a.npz", "a", 9, 0, "Fitted.")
    assert realigned(monkeypatch, None, encodes_prompts=True) == (own, [])
    assert realigned(monkeypatch, ALIGNED, encodes_prompts=True) == (own, [])
    # The vectors of the alignment before go with it.
    told = realigned(monkeypatch, with_file, encodes_prompts=True)
    assert told == (own, [("realign", None)])


def test_an_alignment_holds_until_more_than_a_tenth_has_changed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    record = AlignmentRecord("a.npz", "a", 100, 3, "Fitted.")
    held = AlignmentRecord("a.npz", "a", 100, 10, "Fitted.")
    assert realigned(monkeypatch, record, 7) == (held, [])
    told, asked = realigned(monkeypatch, record, 8, fitted=REFUSED)
    assert told == AlignmentRecord(None, None, 2, 0, "Too few texts.")
    assert asked == [("realign", None)]


def test_what_cannot_be_fitted_is_borrowed_where_there_are_photos(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shipped = SimpleNamespace(fingerprint="s")
    told, asked = realigned(monkeypatch, None, fitted=REFUSED, shipped=shipped)
    statement = borrowed_statement("Too few texts.")
    assert told == AlignmentRecord("file.npz", "s", 2, 0, statement)
    assert asked == [("use", shipped)]
    none = AlignmentRecord(None, None, 2, 0, "Too few texts.")
    told, asked = realigned(monkeypatch, None, fitted=REFUSED, shipped=shipped, photos=0)
    assert (told, asked) == (none, [("realign", None)])
    # Photos without an alignment stay as they are.
    empty = AlignmentRecord(None, None, 0, 0, "No texts.")
    assert realigned(monkeypatch, empty, 1, fitted=REFUSED) == (none, [])


def test_a_fit_says_how_well_it_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    quality = SimpleNamespace(candidates=40.0, recall_at_10=0.756, recall_at_10_chance=0.25)
    fitted = SimpleNamespace(fingerprint="n", products=12, quality=quality)
    told, asked = realigned(monkeypatch, None, fitted=fitted)
    assert told == AlignmentRecord(
        *("file.npz", "n", 12, 0),
        "Prompts search photos: fitted on 12 products; asked for by their own text, held-out "
        "products came among the first ten of 40 with 76% (chance 25%).",
    )
    assert asked == [("use", fitted)]


def test_a_version_without_an_alignment_has_none_in_force() -> None:
    folder = Path("catalog")
    assert CurrentAlignment.of(folder, None) == CurrentAlignment(None, None)
    manifest: Any = SimpleNamespace(alignment=ALIGNED)
    assert CurrentAlignment.of(folder, manifest) == CurrentAlignment(None, ALIGNED)


def test_each_step_of_writing_is_told_before_and_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    changed: list[int] = []

    async def realign(_: Any, current: Any, count: int, *rest: Any) -> AlignmentRecord:
        changed.append(count)
        return ALIGNED

    async def calibrate(_: Any, alignment: Any, count: int, *rest: Any) -> None:
        assert alignment is ALIGNED
        changed.append(count)

    monkeypatch.setattr(writing, "realign_if_due", realign)
    monkeypatch.setattr(writing, "calibrate_if_due", calibrate)
    told: list[IndexProgress] = []
    written = [
        SimpleNamespace(
            number=n, product=Product(f"p{n}", "Oak"), photos=(), row_hash="00", feeds=1
        )
        for n in (4, 5, 6)
    ]
    changes: Any = SimpleNamespace(written=written, removed=[1, 2], retyped={"a": "text"})
    prompts: Any = SimpleNamespace(encode=lambda texts: np.zeros((len(texts), 2)))
    eye: Any = SimpleNamespace(card=None)
    settings: Any = SimpleNamespace(vector_index_photos=9, version_grace_s=8.0, keep_versions=7)
    made: Any = "made"
    writer: Any = Writer(None, None)
    outcome: Any = asyncio.run(
        writing.write_changes(writer, changes, prompts, eye, settings, told.append, made)
    )
    assert outcome == "committed"
    assert changed == [5, 5]
    assert told == [
        IndexProgress("words", 0, 3, "products"),
        IndexProgress("words", 3, 3, "products"),
        IndexProgress("writing", 0, 3, "products"),
        IndexProgress("writing", 3, 3, "products"),
        IndexProgress("indexing", 0, 2, "steps"),
        IndexProgress("indexing", 1, 2, "steps"),
        IndexProgress("indexing", 2, 2, "steps"),
    ]
    assert writer.asked == [
        ("apply", [4, 5, 6], [1, 2], None, {"a": "text"}),
        ("indexes", 9, False),
        ("commit", ALIGNED, "IVF", 8.0, 7, "made"),
    ]


@pytest.mark.parametrize(
    ("languages", "looks", "weights"),
    [
        (("en",), ["red chair", "oak bed", "rug"], [1.0] * 4),
        (("en", "tr"), ["red chair", "oak bed", "rug"], [1.0] * 4 + [0.5] * 4),
        (("de", "en", "tr"), ["red chair", "oak bed", "rug"], [1.0] * 4 + [0.5] * 4),
    ],
)
def test_the_other_language_counts_half(
    monkeypatch: pytest.MonkeyPatch,
    languages: tuple[str, ...],
    looks: list[str],
    weights: list[float],
) -> None:
    given: dict[str, Any] = {}

    def fit(vectors: Any, photos: Any, groups: Any, **rest: Any) -> str:
        given.update(vectors=vectors, groups=groups.tolist(), **rest)
        return "fitted"

    monkeypatch.setattr(writing, "fit_alignment", fit)
    prompts: Any = SimpleNamespace(
        card=SimpleNamespace(languages=frozenset(languages), dimension=1),
        encode=lambda texts: np.array([[len(text)] for text in texts], np.float32),
    )
    indices = np.array([0, 1, 1, 2])
    outcome: Any = writing._fit(looks, np.ones((4, 2)), indices, prompts)
    assert outcome == "fitted"
    times = len(weights) // 4
    said = [len(look) for look in looks]
    if times == 2:
        said += [len(told) for told in ("kırmızı sandalye", "meşe yatak", "halı")]
    assert given["vectors"].ravel().tolist() == said
    assert given["weights"].tolist() == weights
    assert given["groups"] == ["0", "1", "1", "2"] * times
    rows, shown = given["rows"]
    assert rows.tolist() == [0, 1, 1, 2, 3, 4, 4, 5][: 4 * times]
    assert shown.tolist() == [0, 1, 2, 3] * times


@pytest.mark.parametrize(
    ("looks", "taught"),
    [
        (["oak 1", "oak 2", "bed", "rug"], ["oak 1", "oak 2", "bed", "rug"]),
        (["oak 1", "oak_2", "bed 3", "Bed"], [""]),
        (["OAK-1", "oak", "x1"], [""]),
    ],
)
def test_texts_that_are_fewer_than_three_but_for_their_numbers_teach_nothing(
    monkeypatch: pytest.MonkeyPatch, looks: list[str], taught: list[str]
) -> None:
    asked: list[str] = []

    def encode(texts: Sequence[str]) -> NDArray[np.float32]:
        asked.extend(texts)
        return np.zeros((len(texts), 1), np.float32)

    monkeypatch.setattr(writing, "fit_alignment", lambda *_, **__: None)
    card = SimpleNamespace(languages=frozenset({"en"}), dimension=1)
    prompts: Any = SimpleNamespace(card=card, encode=encode)
    count = len(looks)
    writing._fit(looks, np.ones((count, 2)), np.arange(count), prompts)
    assert asked == taught
