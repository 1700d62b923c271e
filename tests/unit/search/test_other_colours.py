"""Words beside a photo that want another colour than it has."""

import asyncio
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from furniture_prompter.domain import Query
from furniture_prompter.encoders.colour_words import ColourWords
from furniture_prompter.search.other_colours import (
    OtherColourRetriever,
    ShadeRetriever,
    only_colours,
    with_shade,
)
from furniture_prompter.search.understood import hear

WORDS = ColourWords("space", ("grey", "red"), np.array([[4, 0], [0, 4], [0, 0]], np.float32))


@pytest.mark.parametrize(
    ("prompt", "colours"),
    [
        ("in cappuccino", ("brown",)),
        ("in dark taupe", ("beige",)),
        ("koyu vizon renk", ("brown",)),
        ("in a darker grey", ("grey",)),
        ("mavisi var mı", ("blue",)),
        ("bunun beyazını istiyorum", ("white",)),
        ("coffee table", ()),
        ("in", ()),
    ],
)
def test_a_shops_name_of_a_colour_is_one_where_nothing_else_is_said(
    prompt: str, colours: tuple[str, ...]
) -> None:
    heard = with_shade(hear(Query(prompt=prompt), {}, with_photo=True))
    assert heard.colours == colours
    assert heard.colour_weight == (0.0 if colours else None)


@pytest.mark.parametrize(
    ("prompt", "said"),
    [
        ("daha koyusu", "daha koyusu"),
        ("bunun açığını", "açığını"),
        ("a bit darker, with arms", "a bit darker"),
        ("darker grey", None),
        ("koyu ahşap", None),
        ("lighter than 20 kg", None),
    ],
)
def test_of_another_shade_than_the_photos_a_note_says_that_it_is_not_understood(
    prompt: str, said: str | None
) -> None:
    heard = with_shade(hear(Query(prompt=prompt), {"weight_kg": "number"}, with_photo=True))
    assert [each.split(" is not compared")[0] for each in heard.notes if "compared" in each] == (
        [] if said is None else [f"“{said}”"]
    )


@pytest.mark.parametrize(
    ("prompt", "only"),
    [
        ("mavisi var mı", True),
        ("in a darker grey, please", True),
        ("daha koyu gri", True),
        ("daha koyusu", False),
        ("grey sofa", False),
        ("in velvet", False),
    ],
)
def test_words_that_say_no_more_than_a_colour(prompt: str, only: bool) -> None:
    assert only_colours(prompt) == only


def test_colours_that_are_wanted_are_told_apart_from_those_that_are_not() -> None:
    assert hear(Query(prompt="grey or beige sofa"), {}).colours == ("grey", "beige")
    assert hear(Query(prompt="gri kanepe"), {}).colours == ("grey",)
    assert hear(Query(prompt="sofa, not grey"), {}).colours == ()


@pytest.mark.parametrize(
    ("prompt", "said", "rest", "shade"),
    [
        ("daha koyusu", "daha koyusu", None, -1),
        ("bunun daha açığını istiyorum", "daha açığını", None, 1),
        ("the same but a bit darker", "a bit darker", None, -1),
        ("lighter, with arms", "lighter", "with arms", 1),
    ],
)
def test_a_darker_or_lighter_one_than_the_photos_is_understood_where_photos_tell(
    prompt: str, said: str, rest: str | None, shade: int
) -> None:
    heard = with_shade(hear(Query(prompt=prompt), {}, with_photo=True), tells=True)
    (part,) = heard.parts
    way = "darker" if shade < 0 else "lighter"
    assert (part.text, part.value) == (said, f"{way} than in the photo")
    assert (heard.query.prompt, heard.shade, heard.colour_weight) == (rest, shade, 0.0)
    assert heard.notes == ()
    lifted = hear(Query(prompt=prompt, lift=(said,)), {}, with_photo=True)
    assert with_shade(lifted, tells=True) == lifted


@pytest.mark.parametrize("prompt", ["not darker", "daha koyusu olmasın"])
def test_a_shade_that_is_not_wanted_is_not_asked_for(prompt: str) -> None:
    heard = with_shade(hear(Query(prompt=prompt), {}, with_photo=True), tells=True)
    assert (heard.shade, heard.colour_weight) == (0, None)


def test_what_is_lighter_than_the_photo_is_no_darker_one() -> None:
    rows = np.array([[9, 4, 0], [9, 0, 4], [9, 0, 4], [9, 3, 3]], np.float32)

    async def photos(_numbers: Any, _column: str) -> Any:
        return SimpleNamespace(numbers=np.array([1, 1, 4, 7]), vectors=rows)

    reader: Any = SimpleNamespace(photos=photos)
    words = ColourWords("space", ("black", "white"), np.array([[9, 0], [0, 9], [0, 0]], np.float32))
    assert words.lightness(rows)[0] < words.lightness(rows)[3] < words.lightness(rows)[1]
    middle = rows[3]
    numbers = np.array([1, 4, 7])
    for way, wrong in ((-1, [0, 4, 0.5]), (1, [0, 0, 0.5])):
        retriever = ShadeRetriever(reader, words, middle, way)
        found = asyncio.run(retriever.strengths(numbers)).tolist()
        assert found == pytest.approx(wrong, abs=0.01)
        assert asyncio.run(retriever.strengths(numbers[:0])).size == 0
        assert asyncio.run(retriever.top(9, None)).size == 0


def strengths(wanted: tuple[str, ...]) -> list[float]:
    """Of a grey product, one with a grey and a red photo, and a red one."""

    async def photos(_numbers: Any, column: str) -> Any:
        assert column == "vector"
        rows = np.array([[9, 1, 0], [9, 1, 0], [9, 0, 1], [9, 0, 1]], np.float32)
        return SimpleNamespace(numbers=np.array([1, 4, 4, 7]), vectors=rows)

    reader: Any = SimpleNamespace(photos=photos)
    retriever = OtherColourRetriever(reader, WORDS, wanted, alone=True)
    assert asyncio.run(retriever.top(9, None)).size == 0
    assert asyncio.run(retriever.strengths(np.zeros(0, np.int64))).size == 0
    found: list[float] = asyncio.run(retriever.strengths(np.array([1, 4, 7]))).tolist()
    return found


def test_the_photo_that_is_most_of_the_colour_counts() -> None:
    little, much = np.log1p(np.exp(-4)), np.log1p(np.exp(4))
    assert strengths(("grey",)) == pytest.approx([little, little, much], abs=1e-5)
    assert strengths(("grey", "red")) == pytest.approx([0, 0, 0], abs=1e-5)
