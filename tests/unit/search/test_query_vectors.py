"""Which space a vector belongs to, what is encoded once, and what stands for a photo."""

import asyncio
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from furniture_prompter.domain import Query
from furniture_prompter.domain.query import Crop, LookedAt
from furniture_prompter.errors import InvalidQueryError
from furniture_prompter.search import query_vectors
from furniture_prompter.search.query_vectors import (
    AlignmentRoute,
    EncodedText,
    NoRoute,
    QueryEncoder,
    QueryTextEncoder,
    TextTowerRoute,
    VectorSpace,
    embed_in,
    is_known,
    mean_photo,
    vector_spaces,
)


def row(*values: float) -> Any:
    return np.array(values, np.float32)


ALIGNMENT: Any = SimpleNamespace(align_photos=lambda photos: photos[:, :1] * 10)
EYE = VectorSpace("eye", takes_photos=True, takes_prompts=False)
WORDS = VectorSpace("words", takes_photos=False, takes_prompts=True, by_text_embedding=True)
BOTH = VectorSpace("eye+words", takes_photos=True, takes_prompts=True, alignment=ALIGNMENT)
TEXTS = [EncodedText("oak", row(1, 0), row(0, 1, 0)), EncodedText("zzz", row(0, 0), None)]
PHOTOS = np.array([[3, 4, 5], [6, 7, 8]], np.float32)


def test_spaces_are_those_that_the_way_of_prompts_leads_to() -> None:
    tower: Any = None
    assert vector_spaces("eye", "words", NoRoute("none")) == (EYE, WORDS)
    assert vector_spaces("eye", "words", AlignmentRoute(ALIGNMENT)) == (EYE, BOTH, WORDS)
    by_tower = VectorSpace("eye", takes_photos=True, takes_prompts=True)
    assert vector_spaces("eye", "words", TextTowerRoute(tower)) == (by_tower, WORDS)


@pytest.mark.parametrize(
    ("texts", "photos", "name", "space", "prompts_there", "photos_there"),
    [
        ([], PHOTOS, None, "eye", np.zeros((0, 3)), PHOTOS),
        ([], PHOTOS, "eye+words", "eye+words", np.zeros((0, 1)), [[30], [60]]),
        (TEXTS, None, None, "eye+words", [[0, 1, 0]], np.zeros((0, 3))),
        (TEXTS, None, "words", "words", [[1, 0], [0, 0]], np.zeros((0, 2))),
        (TEXTS[:1], PHOTOS, None, "eye+words", [[0, 1, 0]], [[30], [60]]),
        (TEXTS[1:], None, None, "eye+words", np.zeros((0, 0)), np.zeros((0, 0))),
    ],
)
def test_inputs_are_in_the_first_space_that_takes_all_of_them(
    texts: list[EncodedText],
    photos: Any,
    name: str | None,
    space: str,
    prompts_there: Any,
    photos_there: Any,
) -> None:
    told = embed_in((EYE, BOTH, WORDS), texts, photos, name)
    assert told.space == space
    assert np.array_equal(told.prompts, prompts_there)
    assert np.array_equal(told.photos, photos_there)


@pytest.mark.parametrize(
    ("spaces", "photos", "name", "problem"),
    [
        ((EYE, BOTH, WORDS), PHOTOS, "words", "no vectors of words. Models that take them here:"),
        ((EYE, BOTH, WORDS), None, "eye", "no vectors of eye. Models that take them here:"),
        ((EYE, WORDS), PHOTOS, None, "no vectors of one model. Send photos by themselves."),
        ((EYE, WORDS), PHOTOS, "x", "no vectors of x. Send photos by themselves."),
    ],
)
def test_a_space_that_does_not_take_the_inputs_is_refused(
    spaces: tuple[VectorSpace, ...], photos: Any, name: str | None, problem: str
) -> None:
    with pytest.raises(InvalidQueryError) as caught:
        embed_in(spaces, TEXTS, photos, name)
    assert problem in str(caught.value)


class Prompts:
    """Encodes a text as its length, and notes what it was asked."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []

    def encode(self, texts: list[str]) -> Any:
        self.asked.append(texts)
        return np.array([[len(text)] for text in texts], np.float32)


def encoded(kept: int, *batches: list[str]) -> tuple[list[list[str]], list[list[float]]]:
    prompts: Any = Prompts()
    encoder = QueryTextEncoder(lambda: prompts, NoRoute("none"), kept)

    async def ask() -> list[list[float]]:
        return [
            [float(each.text_embedding[0]) for each in await encoder.encode(batch)]
            for batch in batches
        ]

    return prompts.asked, asyncio.run(ask())


def test_texts_are_encoded_once_and_as_many_as_asked_are_kept() -> None:
    twice = (["oak", "a", "oak"], ["a", "sofa"], ["oak"])
    lengths = [[3.0, 1.0, 3.0], [1.0, 4.0], [3.0]]
    assert encoded(0, *twice) == ([["oak", "a"], ["a", "sofa"], ["oak"]], lengths)
    assert encoded(3, *twice) == ([["oak", "a"], ["sofa"]], lengths)
    # The least lately used of two gives way.
    assert encoded(2, *twice) == ([["oak", "a"], ["sofa"], ["oak"]], lengths)
    assert encoded(2, []) == ([], [[]])


def test_a_route_leads_texts_into_the_photos_space() -> None:
    def align(rows: Any) -> Any:
        assert rows.shape == (2, 1)
        return rows * 2

    prompts: Any = Prompts()
    alignment: Any = SimpleNamespace(align_prompts=align)
    by_alignment = QueryTextEncoder(lambda: prompts, AlignmentRoute(alignment))
    tower: Any = SimpleNamespace(encode_prompts=lambda texts: [text.upper() for text in texts])
    by_tower = QueryTextEncoder(lambda: prompts, TextTowerRoute(lambda: tower))
    found = asyncio.run(by_alignment.encode(["oak", "a"]))
    assert [each.image_embedding for each in found] == [6.0, 2.0]
    towered: list[Any] = asyncio.run(by_tower.encode(["oak", "a"]))
    assert [each.image_embedding for each in towered] == ["OAK", "A"]


def reader_of(vectors: Any, number: int | None = 7) -> Any:
    async def photos(numbers: Any, column: str) -> Any:
        assert (numbers.tolist(), numbers.dtype, column) == ([number], np.int64, "vector")
        return SimpleNamespace(vectors=vectors)

    async def number_of(_: str) -> int | None:
        return number

    return SimpleNamespace(photos=photos, number_of=number_of)


def test_a_product_stands_for_a_photo_by_the_mean_of_its_own() -> None:
    mean = asyncio.run(mean_photo(reader_of(np.array([[1, 0], [0, 1]], np.float32)), 7))
    assert mean.tolist() == pytest.approx([0.5**0.5, 0.5**0.5])
    assert mean.dtype == np.float32
    # Opposite ones leave nothing to scale.
    nothing = asyncio.run(mean_photo(reader_of(np.array([[1, 0], [-1, 0]], np.float32)), 7))
    assert nothing.tolist() == [0, 0]


@pytest.mark.parametrize(
    ("vector", "known"), [(None, False), (row(0, 0), False), (row(0, -1), True)]
)
def test_a_vector_of_zeros_says_nothing(vector: Any, *, known: bool) -> None:
    assert is_known(vector) is known


def query_encoder(reader: Any, upright: Any = None, eye: Any = None) -> QueryEncoder:
    prompts: Any = Prompts()
    return QueryEncoder(
        reader, lambda: eye, QueryTextEncoder(lambda: prompts, NoRoute("none")), upright
    )


@pytest.mark.parametrize(
    ("prompt", "without"), [("oak", "a"), ("oak", None), (None, "a"), (None, None)]
)
def test_what_is_wanted_and_what_is_not_are_encoded_as_far_as_given(
    prompt: str | None, without: str | None
) -> None:
    query = Query(prompt=prompt, without=without)
    told = asyncio.run(query_encoder(None).encode(query, row(1)))
    assert (told.prompt and told.prompt.text) == prompt
    assert (told.without and told.without.text) == without
    assert (told.photo is None, told.leave_out, told.query) == (False, None, query)


def test_a_product_that_stands_for_a_photo_is_left_out() -> None:
    encoder = query_encoder(reader_of(np.array([[3, 4]], np.float32)))
    told = asyncio.run(encoder.encode(Query(similar_to="a"), None))
    assert told.photo is not None
    assert (told.photo.tolist(), told.leave_out) == (pytest.approx([0.6, 0.8]), 7)


@pytest.mark.parametrize(
    ("given", "is_upright", "quarters", "encoded_images", "turned"),
    [
        ({"whole": True}, False, 1, 1, 0),
        ({}, True, 1, 1, 0),
        ({}, False, 0, 4, 0),
        ({}, False, 1, 4, 90),
        ({}, False, 3, 4, 270),
    ],
)
def test_a_photo_is_turned_where_it_lies(
    given: dict[str, Any],
    is_upright: bool,
    quarters: int,
    encoded_images: int,
    turned: int,
) -> None:
    encoded: list[Any] = []

    def encode(images: Any) -> Any:
        first = len(encoded)
        encoded.extend(images)
        return np.array([[first + place] for place in range(len(images))], np.float32)

    async def convinces(vector: Any) -> bool:
        assert vector.tolist() == [0]
        return is_upright

    async def best(rows: Any) -> int:
        assert rows.ravel().tolist() == [0, 1, 2, 3]
        return quarters

    eye: Any = SimpleNamespace(encode=encode)
    upright: Any = SimpleNamespace(convinces=convinces, quarters=best)
    photo = np.zeros((4, 6, 3), np.uint8)
    query = Query(photo=photo, **given)
    told = asyncio.run(query_encoder(None, upright, eye).encode(query, None))
    assert len(encoded) == encoded_images
    assert told.photo is not None
    assert told.photo.tolist() == [turned / 90]
    looked_at = told.query.looked_at
    assert (looked_at.turned if looked_at else 0) == turned


@pytest.mark.parametrize(
    ("given", "seen"),
    [
        ({"crop": Crop(0, 0, 0.5, 1)}, -1.0),
        ({}, 1.0),
        # A picture within a screenshot is a whole photo.
        ({"looked_at": LookedAt(Crop(0, 0, 0.5, 1))}, 1.0),
    ],
)
def test_a_part_of_a_photo_is_asked_without_its_room(given: dict[str, Any], seen: float) -> None:
    eye: Any = SimpleNamespace(card=None, encode=len, without_room=lambda rows: -rows)
    query = Query(**given)
    told = asyncio.run(
        query_encoder(None, eye=eye).encode(query, row(1), np.ones((2, 1), np.float32))
    )
    assert told.photo is not None
    assert told.covered is not None
    assert (told.photo.tolist(), told.covered.tolist()) == ([seen], [[seen], [seen]])
    # How sure the answer is was learned of vectors that nothing was taken out of.
    assert (told.as_cut is not None and told.as_cut.tolist()) == (seen < 0 and [1])
    # An encoder that knows nothing of rooms changes nothing.
    plain = asyncio.run(query_encoder(None, eye=SimpleNamespace()).encode(query, row(1)))
    assert plain.photo is not None
    assert plain.photo.tolist() == [1]


@pytest.mark.parametrize(
    ("beside_itself", "found", "distance"),
    [(False, [4], 0.75), (False, [], 2.0), (True, [4, 5], 0.5), (True, [4], 2.0)],
)
def test_the_nearest_is_as_far_as_its_cosine_says(
    beside_itself: bool, found: list[int], distance: float
) -> None:
    async def top(count: int, only: object) -> Any:
        assert (count, only) == (2 if beside_itself else 1, None)
        return np.array(found, np.int64)

    async def of(numbers: Any) -> Any:
        return np.array([{4: 0.25, 5: 0.5}[number] for number in numbers.tolist()])

    index: Any = SimpleNamespace(similarities=lambda _: SimpleNamespace(top=top, of=of))
    asked = query_vectors._distance(index, row(1), beside_itself=beside_itself)
    assert asyncio.run(asked) == distance
