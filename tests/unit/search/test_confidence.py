"""Judging of answers: which prompts name a kind, and what the least confidence drops."""

import asyncio
import math
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from furniture_prompter.catalog.confidence import (
    NOT_CALIBRATED,
    Calibration,
    ConfidenceRecord,
    Judge,
    Logistic,
)
from furniture_prompter.catalog.reader import PhotoRows
from furniture_prompter.catalog.vector_index import Background
from furniture_prompter.domain import Hit, Photo, Product
from furniture_prompter.errors import InvalidQueryError
from furniture_prompter.search.confidence import (
    COLOURS_LEAD,
    NO_KIND_ASKED,
    NOTHING_CLOSE,
    AnswerConfidence,
    estimate,
    is_read,
    kept,
    names_a_kind,
    notes_of,
    refuse_without_calibration,
)
from furniture_prompter.search.kinds import Kinds, OtherKindRetriever, ProductKinds
from furniture_prompter.search.retrievers import Fused, RetrieverGroup, VectorRetriever
from furniture_prompter.understanding.reading import Reading
from furniture_prompter.understanding.thesaurus import thesaurus


@pytest.mark.parametrize(
    ("prompt", "understood", "names"),
    [
        ("white", ["white"], False),
        ("in white, under 50 cm", ["white", "under 50 cm"], False),
        ("white sofa", ["white"], True),
        ("zorblatt", [], True),
        ("hello", [], False),
        (None, [], False),
    ],
)
def test_a_prompt_names_a_kind_by_what_is_left_of_it(
    prompt: str | None, understood: list[str], names: bool
) -> None:
    assert names_a_kind(prompt, understood) == names


def hit(rank: int) -> Hit:
    product = Product(f"p{rank}", "Sofa")
    return Hit(rank, 1.0, product, Photo("ab", product.id, "/p.jpg"), ("photo",))


def test_hits_below_the_least_confidence_are_dropped_and_unknown_ones_stay() -> None:
    hits = [hit(1), hit(2), hit(3)]
    sureness = AnswerConfidence(close=True, confidences=(0.9, 0.4, None))
    assert [each.confidence for each in kept(hits, sureness, None)] == [0.9, 0.4, None]
    assert [each.rank for each in kept(hits, sureness, 0.5)] == [1, 3]


def test_an_answer_that_is_empty_by_the_least_confidence_says_so() -> None:
    sureness = AnswerConfidence(close=True, confidences=(0.3, 0.2))
    left = kept([hit(1), hit(2)], sureness, 0.5)
    assert left == ()
    (note,) = notes_of(sureness, left, 0.5)
    assert "least_confidence" in note
    assert "0.30" in note
    assert notes_of(sureness, left, None) == ()


def test_a_confidence_of_just_the_least_stays() -> None:
    sureness = AnswerConfidence(close=True, confidences=(0.5, 0.499))
    assert [each.rank for each in kept([hit(1), hit(2)], sureness, 0.5)] == [1]
    assert notes_of(sureness, [hit(1)], 0.5) == ()
    unknown = AnswerConfidence(close=None, confidences=(None,), notes=("Why.",))
    assert notes_of(unknown, [], 0.5) == ("Why.",)
    (first, second) = notes_of(AnswerConfidence(True, (0.3, None, 0.4), ("Why.",)), [], 0.5)  # noqa: FBT003
    assert first == "Why."
    assert "0.40" in second


@pytest.mark.parametrize(
    ("prompt", "names"),
    [
        ("zz", False),
        ("zzz", True),
        ("daha koyusu var mı", False),
        ("but the same one in other colours", False),
        ("120", False),
    ],
)
def test_a_word_of_three_letters_names_a_kind_unless_it_only_ties_others(
    prompt: str, names: bool
) -> None:
    assert names_a_kind(prompt, []) is names


KINDS = ["sofa", "bed", "sofa", "", "rug"]
MARGIN = Logistic((0.0,) * 8, (1.0, *(0.0,) * 6, 10.0), 0.0)
OF_HITS = Logistic((0.0,) * 4, (0.0, 0.0, 1.0, 1.0), 0.0)
WORDS = Logistic((0.0,) * 6, (1.0, 0.0, 0.0, 0.0, 10.0, 0.0), 0.0)
BOTH = Logistic((0.0,) * 14, (0.0,) * 14, -1.0)
CALIBRATION = Calibration(
    "category",
    with_aligned=False,
    nothing=((0.0, 1.0),),
    photo=Judge(MARGIN, 0.5, OF_HITS),
    prompt=Judge(WORDS, 5.0, OF_HITS),
    both=Judge(BOTH, 0.0, Logistic((0.0,) * 6, (0.0,) * 6, 0.0)),
)


class Shelf:
    """A catalog of five products, of which the third has two photos."""

    folder = Path("catalog")

    def __init__(self, calibration: Calibration | None = CALIBRATION, record: bool = True) -> None:
        kept_record = ConfidenceRecord(calibration, 5, 0, "Too little to learn from.")
        self.manifest = SimpleNamespace(confidence=kept_record if record else None)

    async def columns(self, numbers: NDArray[np.int64], names: list[str]) -> dict[str, list[str]]:
        told = {"category": KINDS, "title": ["Oak sofa", "Bed", "Sofa", "Zorblatt", ""]}
        return {name: [told[name][number] for number in numbers if number < 5] for name in names}

    async def photo_index(self) -> Any:
        async def of(numbers: NDArray[np.int64]) -> NDArray[np.float32]:
            return np.array([0.9, 0.7, 0.5, math.nan], np.float32)[numbers]

        cosines = SimpleNamespace(background=Background(0.1, 0.2), of=of)
        return SimpleNamespace(similarities=lambda vector: cosines if vector[0] == 1 else None)

    async def photos(self, numbers: NDArray[np.int64], column: str) -> PhotoRows:
        rows = [(4, [0, 1, 0]), (2, [0, 1, 0]), (2, [1, 0, 0]), (0, [1, 0, 0]), (1, [0.6, 0.8, 0])]
        rows = [row for row in rows if row[0] in numbers]
        return PhotoRows(
            np.array([number for number, _ in rows]),
            ["a"] * len(rows),
            ["a.png"] * len(rows),
            [""] * len(rows),
            np.array([vector for _, vector in rows], np.float32),
        )


def retriever(name: str) -> VectorRetriever:
    similarities: Any = SimpleNamespace(background=Background(0.1, 0.2))
    return VectorRetriever(name, 1.0, similarities)


def judged(
    shelf: Shelf,
    *shares: tuple[str, float],
    photo: list[float] | None = None,
    as_cut: list[float] | None = None,
    strengths: tuple[float, ...] = (4.0, 3.0, 2.0, math.nan),
    known: float = 1.0,
    kind: bool = True,
    colour_weight: float | None = None,
    prompt: str = "",
    is_read: bool = True,
) -> AnswerConfidence:
    groups = [RetrieverGroup(share, (retriever(name),)) for name, share in shares]
    if prompt:
        kinds, reading = Kinds(thesaurus()), Reading.of(prompt)
        named = kinds.asked(reading, [(0, len(reading.tokens))])
        assert named is not None
        reads: Any = shelf
        gate = OtherKindRetriever(ProductKinds(reads, kinds), named)
        groups.append(RetrieverGroup(-4.0, (gate,)))
    numbers = np.array([0, 1, 2, 3])[: len(strengths)]
    fused = Fused(
        numbers,
        np.zeros(len(numbers), np.float32),
        {},
        exhausted=True,
        strengths={name: np.array(strengths, np.float32) for name, _ in shares},
    )
    encoded: Any = SimpleNamespace(
        photo=None if photo is None else np.array(photo, np.float32),
        as_cut=None if as_cut is None else np.array(as_cut, np.float32),
        query=SimpleNamespace(colour_weight=colour_weight),
    )
    reader: Any = shelf
    page = fused.taken(np.arange(min(2, len(numbers))))
    return asyncio.run(
        estimate(
            reader,
            groups,
            fused,
            page,
            encoded,
            known=known,
            names_a_kind=kind,
            is_read=is_read,
        )
    )


def test_a_part_of_a_photo_is_judged_by_what_nothing_was_taken_out_of() -> None:
    whole = judged(Shelf(), ("photo", 1.0), photo=[1.0, 0.0])
    # It is far from all that it found, and its vector with its room as near as a whole photo.
    part = {"photo": [0.6, 0.8], "strengths": (0.4, 0.6, 0.1, math.nan)}
    found = judged(Shelf(), ("photo", 1.0), as_cut=[1.0, 0.0], **part)  # type: ignore[arg-type]  # test
    assert found.margin == pytest.approx(whole.margin)
    assert list(found.confidences) == pytest.approx(list(whole.confidences), abs=1e-5)
    as_it_is = judged(Shelf(), ("photo", 1.0), **part)  # type: ignore[arg-type]  # test
    assert as_it_is.margin != pytest.approx(whole.margin)


def test_a_kind_that_nothing_is_of_and_letters_alone_are_not_close() -> None:
    plain = judged(Shelf(), ("prompt-text", 1.0))
    assert plain.close is True
    # The fourth has neither a category nor a title that says what it is, and may be a desk.
    assert judged(Shelf(), ("prompt-text", 1.0), prompt="desk").close is True
    told = judged(Shelf(), ("prompt-text", 1.0), prompt="desk", strengths=(4.0, 3.0, 2.0))
    assert (told.close, told.margin, told.notes) == (False, -1.0, (NOTHING_CLOSE,))
    assert judged(Shelf(), ("prompt-text", 1.0), is_read=False).close is False
    assert is_read("sofa", 1.0, lambda _: False)
    assert is_read("Kleiderschrank", 0.0, lambda word: word == "kleiderschrank")
    assert not is_read("dishwasher", 0.0, lambda word: word == "dish")


def test_hits_are_held_against_pieces_of_the_kind_that_is_named() -> None:
    # A bed is the nearest, by its colours say; of two sofas the nearest is not behind.
    strengths = (2.0, 4.0, 1.9)
    plain = judged(Shelf(), ("prompt-text", 1.0), strengths=strengths)
    among = judged(Shelf(), ("prompt-text", 1.0), strengths=strengths, prompt="sofa")
    assert among.margin == plain.margin
    sofa, beside = among.confidences[0], plain.confidences[0]
    assert sofa is not None
    assert beside is not None
    assert sofa > beside


def test_a_photo_is_judged_by_its_neighbours_and_its_likeness_to_nothing() -> None:
    found = judged(Shelf(), ("photo", 1.0), photo=[1.0, 0.0])
    # The first cosine is 4 deviations of 0.2 above 0.1; nothing is like a picture of nothing.
    assert found.margin == pytest.approx(0.9 - 0.5)
    assert (found.close, found.notes) == (True, ())
    say = [math.exp(-each / 0.4) for each in (0, 1, 2)]
    shares = [(say[0] + say[2]) / sum(say), say[1] / sum(say)]
    behind = [0.0, -1.0]
    assert list(found.confidences) == pytest.approx(
        [1 / (1 + math.exp(-a - b)) for a, b in zip(behind, shares, strict=True)], abs=1e-5
    )
    odd = judged(Shelf(), ("photo", 1.0), photo=[0.6, 0.8])
    assert odd.margin == pytest.approx(0.9 - 0.5 + 8.0, abs=1e-5)


def test_an_answer_is_close_from_the_least_on() -> None:
    # 0.5 is 2 deviations above 0.1.
    found = judged(Shelf(), ("photo", 1.0), photo=[1.0, 0.0], strengths=(1.9, 1.0))
    assert (found.close, found.notes) == (False, (NOTHING_CLOSE,))
    assert found.margin is not None
    assert found.margin < 0
    just = replace(CALIBRATION, photo=Judge(Logistic((0.0,) * 8, (0.0,) * 8, 1.0), 1.0, OF_HITS))
    found = judged(Shelf(just), ("photo", 1.0), photo=[1.0, 0.0])
    assert (found.close, found.margin) == (True, 0.0)


def test_a_prompt_is_judged_by_the_words_that_are_known() -> None:
    found = judged(Shelf(), ("prompt-text", 1.0), known=0.75)
    assert found.margin == pytest.approx(0.9 + 7.5 - 5.0)
    assert judged(Shelf(), ("prompt-text", 1.0), kind=False).notes == (NO_KIND_ASKED,)
    unknown = judged(Shelf(replace(CALIBRATION, prompt=None)), ("prompt-text", 1.0))
    assert (unknown.close, unknown.confidences, unknown.notes) == (None, (None, None), ())


def test_a_photo_with_words_is_judged_by_both_unless_they_name_no_kind() -> None:
    shares = (("photo", 0.5), ("prompt-text", 0.5))
    assert judged(Shelf(), *shares, photo=[1.0, 0.0]).margin == pytest.approx(-1.0)
    by_photo = judged(Shelf(), *shares, photo=[1.0, 0.0], kind=False)
    assert by_photo.margin == pytest.approx(0.4)
    # What is not wanted is no way of asking.
    unwanted = judged(Shelf(), ("photo", 1.0), ("prompt-text", -0.5), photo=[1.0, 0.0])
    assert unwanted.margin == pytest.approx(0.4)


def test_without_a_calibration_or_a_space_nothing_is_told() -> None:
    found = judged(Shelf(record=False), ("photo", 1.0), photo=[1.0, 0.0])
    assert (found.close, found.notes) == (None, (NOT_CALIBRATED,))
    found = judged(Shelf(None), ("photo", 1.0), photo=[1.0, 0.0])
    assert (found.close, found.confidences, found.notes) == (None, (None, None), ())
    found = judged(Shelf(), ("keyword", 1.0))
    assert found.close is None
    found = judged(Shelf(), ("photo", 1.0), photo=[1.0, 0.0], strengths=())
    assert (found.close, found.confidences) == (None, ())


@pytest.mark.parametrize(("weight", "told"), [(0.25, True), (0.26, False), (None, True)])
def test_photos_compared_mostly_by_colour_are_not_judged(weight: float | None, told: bool) -> None:
    found = judged(Shelf(), ("photo", 1.0), photo=[1.0, 0.0], colour_weight=weight)
    assert (found.close is not None) is told
    assert (found.notes == (COLOURS_LEAD,)) is not told


def test_a_kind_is_read_off_a_title_where_that_was_learned() -> None:
    titles = replace(CALIBRATION, kinds="title")
    found = judged(Shelf(titles), ("photo", 1.0), photo=[1.0, 0.0])
    assert found.confidences == judged(Shelf(), ("photo", 1.0), photo=[1.0, 0.0]).confidences


def test_the_least_confidence_needs_a_calibration() -> None:
    for shelf, words in ((Shelf(None), "Too little to learn"), (Shelf(record=False), "index")):
        reader: Any = shelf
        refuse_without_calibration(reader, None)
        with pytest.raises(InvalidQueryError, match=words):
            refuse_without_calibration(reader, 0.0)
    sound: Any = Shelf()
    refuse_without_calibration(sound, 0.5)
