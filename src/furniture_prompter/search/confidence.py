"""Confidence of an answer: whether it is close to what was asked, and how sure each hit is."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from furniture_prompter.catalog.columns import VECTOR
from furniture_prompter.catalog.confidence import (
    NEIGHBOURS,
    NOT_CALIBRATED,
    Asked,
    Calibration,
    Neighbours,
    words_evidence,
)
from furniture_prompter.catalog.reader import CatalogReader
from furniture_prompter.catalog.storage import unreadable
from furniture_prompter.catalog.vector_index import Numbers, places_of, rising
from furniture_prompter.domain import Hit
from furniture_prompter.errors import InvalidQueryError
from furniture_prompter.search.kinds import SHOWN_AS_WELL, OtherKindRetriever
from furniture_prompter.search.query_vectors import EncodedQuery
from furniture_prompter.search.retrievers import (
    PHOTO,
    PROMPT_PHOTO,
    PROMPT_TEXT,
    Fused,
    RetrieverGroup,
    VectorRetriever,
)
from furniture_prompter.understanding.lexicon import LEXICON, WORD, fold_letters
from furniture_prompter.understanding.spelling import everyday_words
from furniture_prompter.understanding.thesaurus import folded_words, thesaurus
from furniture_prompter.understanding.word_forms import word_forms

NOTHING_CLOSE: Final = "Nothing here is close to what was asked; the nearest are shown."

NO_KIND_ASKED: Final = (
    "How sure this answer is cannot be told: the prompt says how a piece should be, and not which."
)

COLOURS_LEAD: Final = (
    "How sure this answer is cannot be told: that is learned of photos compared by their shape."
)
MOST_COLOUR: Final = 0.25
"""Share of the colours in a photo's likeness above which nothing was calibrated."""

_LEAST_LETTERS: Final = 3
_LEAST_OF_KIND: Final = 2
_LINKS: Final = frozenset(
    {
        *("but", "instead", "version", "model", "one", "colour", "color", "colours", "colors"),
        *("shade", "tone", "same", "other", "different", "darker", "lighter", "smaller", "bigger"),
        *("larger", "cheaper", "renk", "renkte", "renkli", "rengi", "tonu", "ayni", "baska"),
        *("farkli", "bunun", "boyle", "modeli"),
    }
)
"""Words that tie others to a photo, and name no piece of furniture."""

_NOTHING_LEFT: Final = (
    "No hit has a confidence of {least:g} (least_confidence); the best here has {best:.2f}."
)


@dataclass(frozen=True, slots=True)
class AnswerConfidence:
    """How sure an answer is.

    Attributes:
        close: Whether it is close to what was asked; None where that cannot be told.
        confidences: Of each hit, 0 to 1; None where that cannot be told.
        notes: Sentences a person should read.
        margin: By how much its evidence passes the least of a close answer, in logits.
    """

    close: bool | None
    confidences: tuple[float | None, ...]
    notes: tuple[str, ...] = ()
    margin: float | None = None


def refuse_without_calibration(reader: CatalogReader, least: float | None) -> None:
    """Raise :class:`InvalidQueryError` where hits are to be dropped by what nobody knows."""
    record = reader.manifest.confidence
    if least is None or (record is not None and record.calibration is not None):
        return
    why = NOT_CALIBRATED if record is None else record.statement
    raise InvalidQueryError(f"{why} Leave least_confidence out to see the hits.")


async def estimate(
    reader: CatalogReader,
    groups: Sequence[RetrieverGroup],
    retrieved: Fused,
    page: Fused,
    encoded: EncodedQuery,
    *,
    known: float,
    names_a_kind: bool,
    is_read: bool = True,
) -> AnswerConfidence:
    """Judge a page of an answer; every page of it has the same `close`.

    Args:
        reader: The catalog version that answered.
        groups: What its products were ranked by.
        retrieved: All products that the retrievers brought to the first page.
        page: The page's products.
        encoded: The query.
        known: Share of the prompt's words that the catalog knows.
        names_a_kind: Whether the prompt says more than how a piece should be.
        is_read: Whether the vector of a prompt is of words, and not of their letters alone.
    """
    count = len(page.numbers)
    unknown = (None,) * count
    record = reader.manifest.confidence
    if record is None:
        return AnswerConfidence(None, unknown, (NOT_CALIBRATED,))
    calibration = record.calibration
    if calibration is None:
        return AnswerConfidence(None, unknown)
    if encoded.photo is not None and (encoded.query.colour_weight or 0) > MOST_COLOUR:
        return AnswerConfidence(None, unknown, (COLOURS_LEAD,))
    retrievers = {
        each.name: each for group in groups if group.share > 0 for each in _vectors(group)
    }
    asked = _asked(groups)
    if not names_a_kind:
        if asked == "prompt":
            return AnswerConfidence(None, unknown, (NO_KIND_ASKED,))
        # "In white" beside a photo leaves the kind to the photo.
        asked = "photo"
    names = _spaces_of(asked, calibration)
    learned = calibration.judge(asked)
    if learned is None or not retrievers.keys() >= {*names}:
        return AnswerConfidence(None, unknown)
    is_missing, of_kind = False, None
    if asked == "prompt":
        is_sold, of_kind = await _of_the_kind(groups, retrieved)
        is_missing = is_sold is False or not is_read
    spaces, among, cosines, kinds = await _told(
        reader, [retrievers[name] for name in names], retrieved, page, encoded, calibration, of_kind
    )
    if not len(spaces[0].numbers) and not count:
        return AnswerConfidence(None, unknown)
    further = [] if asked == "prompt" else _likeness(calibration, encoded)
    further += [] if asked == "photo" else words_evidence(known)
    margin = learned.margin(spaces, further, is_missing=is_missing)
    confidences = learned.confidences(margin, among, cosines, kinds)
    close = margin >= 0
    return AnswerConfidence(close, tuple(confidences), () if close else (NOTHING_CLOSE,), margin)


def with_named(sureness: AnswerConfidence, page: Numbers, named: Numbers) -> AnswerConfidence:
    """The same where products were asked for by their codes: those are what was asked for.

    Args:
        sureness: By the vectors.
        page: Products of the page, shape (n,).
        named: Those that the prompt names and the query lets through, rising.
    """
    if not named.size:
        return sureness
    is_named = places_of(page, named)[1].tolist()
    confidences = [
        1.0 if sure else told for sure, told in zip(is_named, sureness.confidences, strict=True)
    ]
    notes = tuple(note for note in sureness.notes if note not in {NOTHING_CLOSE, NO_KIND_ASKED})
    margin = None if sureness.margin is None else max(sureness.margin, 0.0)
    return AnswerConfidence(close=True, confidences=tuple(confidences), notes=notes, margin=margin)


def kept(hits: Sequence[Hit], sureness: AnswerConfidence, least: float | None) -> tuple[Hit, ...]:
    """Hits with their confidence, without those below the least; those without one stay."""
    told = [
        hit if hit.confidence == confidence else replace(hit, confidence=confidence)
        for hit, confidence in zip(hits, sureness.confidences, strict=True)
    ]
    if least is None:
        return tuple(told)
    return tuple(hit for hit in told if hit.confidence is None or hit.confidence >= least)


def notes_of(
    sureness: AnswerConfidence, left: Sequence[Hit], least: float | None
) -> tuple[str, ...]:
    """What a person should read of an answer's confidence, and of hits that were dropped."""
    best = max((each for each in sureness.confidences if each is not None), default=None)
    if least is None or left or best is None:
        return sureness.notes
    # The nearest are not shown.
    others = (note for note in sureness.notes if note != NOTHING_CLOSE)
    return (*others, _NOTHING_LEFT.format(least=least, best=best))


def names_a_kind(prompt: str | None, understood: Sequence[str]) -> bool:
    """Whether words are left of a prompt beside those that say how a piece should be."""
    rest = prompt or ""
    for text in understood:
        rest = rest.replace(text, " ")
    if thesaurus().kind(rest):
        return True
    words = (fold_letters(word) for word in WORD.findall(rest))
    return any(
        word.isalpha()
        and len(word) >= _LEAST_LETTERS
        and word not in everyday_words()
        and word not in _LINKS
        and word not in LEXICON.small_words
        # "Daha koyusu" leaves the kind to a photo.
        and LEXICON.shades.isdisjoint(word_forms(word))
        for word in words
    )


def is_read(prompt: str, known: float, is_word: Callable[[str], bool]) -> bool:
    """Whether anybody knows a word of a prompt: products, the thesaurus or the prompt encoder.

    What none knows becomes a vector by pieces of its letters: a dishwasher by its "dish".

    Args:
        prompt: The prompt.
        known: Share of its words that products or the thesaurus know.
        is_word: Tells folded words that the encoder has whole.
    """
    words = folded_words(prompt)
    return known > 0 or any(is_word(form) for word in words for form in (word, *word_forms(word)))


def _likeness(calibration: Calibration, encoded: EncodedQuery) -> list[float]:
    photo = encoded.photo if encoded.as_cut is None else encoded.as_cut
    return [] if photo is None else [calibration.likeness_to_nothing(photo)]


def _vectors(group: RetrieverGroup) -> list[VectorRetriever]:
    return [each for each in group.retrievers if isinstance(each, VectorRetriever)]


def _asked(groups: Sequence[RetrieverGroup]) -> Asked:
    wanted = [group for group in groups if group.share > 0]
    with_photo = any(each.name == PHOTO for group in wanted for each in group.retrievers)
    if not with_photo:
        return "prompt"
    return "photo" if len(wanted) == 1 else "both"


def _spaces_of(asked: Asked, calibration: Calibration) -> list[str]:
    words = [PROMPT_TEXT, *([PROMPT_PHOTO] if calibration.with_aligned else [])]
    return {"photo": [PHOTO], "prompt": words, "both": [PHOTO, *words]}[asked]


async def _told(
    reader: CatalogReader,
    retrievers: Sequence[VectorRetriever],
    retrieved: Fused,
    page: Fused,
    encoded: EncodedQuery,
    calibration: Calibration,
    of_kind: NDArray[np.bool_] | None,
) -> tuple[list[Neighbours], list[Neighbours], list[list[float]], list[str]]:
    """Each space's neighbours, those that hits are held against, the hits' cosines and kinds.

    Where the prompt names a kind, hits are held against its pieces: by its colours others may be
    nearer.
    """
    strengths = [retrieved.strengths[each.name] for each in retrievers]
    nearest = [_nearest(each) for each in strengths]
    of_it = nearest
    if of_kind is not None and not all(of_kind[each].all() for each in nearest):
        told = [_nearest(np.where(of_kind, each, np.float32(np.nan))) for each in strengths]
        of_it = told if min(map(len, told)) >= _LEAST_OF_KIND else nearest
    photo = next((place for place, each in enumerate(retrievers) if each.name == PHOTO), None)
    # What was learned of whole photos holds of vectors that nothing was taken out of.
    judged = None
    if photo is not None and encoded.as_cut is not None:
        judged = (await reader.photo_index()).similarities(encoded.as_cut)
        of_cut = await judged.of(retrieved.numbers[nearest[photo]])
        nearest[photo] = nearest[photo][np.argsort(-of_cut, kind="stable")]
    numbers = rising(
        np.concatenate([page.numbers, *(retrieved.numbers[each] for each in (*nearest, *of_it))])
    )
    photographed = None if photo is None else retrieved.numbers[nearest[photo]]
    if photographed is None:
        known, vectors = await _kinds(reader, numbers, calibration), None
    else:
        known, vectors = await asyncio.gather(
            _kinds(reader, numbers, calibration),
            _vectors_of(
                reader, photographed, encoded.photo if encoded.as_cut is None else encoded.as_cut
            ),
        )

    async def cosines_of(place: int, found: Fused, places: NDArray[np.intp]) -> NDArray[np.float64]:
        if judged is not None and place == photo:
            return (await judged.of(found.numbers[places])).astype(np.float64)
        background = retrievers[place].similarities.background
        strengths = found.strengths[retrievers[place].name][places].astype(np.float64)
        return strengths * background.deviation + background.mean

    async def neighbours(place: int, places: NDArray[np.intp]) -> Neighbours:
        own = retrieved.numbers[places]
        near = judged if judged is not None and place == photo else retrievers[place].similarities
        return Neighbours(
            own,
            await cosines_of(place, retrieved, places),
            known[np.searchsorted(numbers, own)],
            near.background,
            vectors if place == photo else None,
        )

    spaces = [await neighbours(*each) for each in enumerate(nearest)]
    among = spaces if of_it is nearest else [await neighbours(*each) for each in enumerate(of_it)]
    every = np.arange(page.numbers.size)
    cosines = [(await cosines_of(place, page, every)).tolist() for place in range(len(retrievers))]
    return spaces, among, cosines, known[np.searchsorted(numbers, page.numbers)].tolist()


def _nearest(strengths: NDArray[np.float32]) -> NDArray[np.intp]:
    """Places of the strongest, strongest first; those of unknown strength are left out."""
    # What has none comes last.
    order = np.argsort(-strengths, kind="stable")[:NEIGHBOURS]
    return order[~np.isnan(strengths[order])]


async def _of_the_kind(
    groups: Sequence[RetrieverGroup], retrieved: Fused
) -> tuple[bool | None, NDArray[np.bool_] | None]:
    """Whether what was found is of the kind that the prompt names, and which of it, shape (n,).

    None where that cannot be told: no kind of the thesaurus is named, or of a product nothing says
    what it is.
    """
    retrievers = (each for group in groups for each in group.retrievers)
    gate = next((each for each in retrievers if isinstance(each, OtherKindRetriever)), None)
    if gate is None or not retrieved.numbers.size or not gate.asked.same:
        return None, None
    far = await gate.distances(retrieved.numbers)
    if (far == 0).any():
        return True, far == 0
    near = far <= np.float32(SHOWN_AS_WELL)
    if near.any():
        return True, near
    return (False if (far >= 1).all() else None), None


async def _kinds(
    reader: CatalogReader, numbers: Numbers, calibration: Calibration
) -> NDArray[np.str_]:
    """What each product is; `numbers` rise, shape (n,).

    Raises:
        CatalogDamagedError: one is not there.
    """
    if not numbers.size:
        return np.zeros(0, np.str_)
    values = (await reader.columns(numbers, [calibration.kinds]))[calibration.kinds]
    if len(values) < len(numbers):
        raise unreadable(reader.folder, "photos name products that are not there")
    if calibration.kinds == "title":
        return np.array([thesaurus().kind(title or "") for title in values], np.str_)
    return np.array([value or "" for value in values], np.str_)


async def _vectors_of(
    reader: CatalogReader, numbers: Numbers | None, photo: NDArray[np.float32] | None
) -> NDArray[np.float32] | None:
    """The vector of each product's photo that is nearest to the query, shape (n, d)."""
    if numbers is None or photo is None:
        return None
    if not numbers.size:
        return np.zeros((0, photo.size), np.float32)
    rows = await reader.photos(numbers, VECTOR)
    # Asking for vectors gives them.
    assert rows.vectors is not None  # noqa: S101
    cosines = rows.vectors[:, : photo.size] @ photo
    order = np.lexsort((-cosines, rows.numbers))
    found, firsts = np.unique(rows.numbers[order], return_index=True)
    vectors: NDArray[np.float32] = rows.vectors[order[firsts[np.searchsorted(found, numbers)]]]
    return vectors
