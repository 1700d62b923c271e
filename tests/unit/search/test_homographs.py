"""Words that fold to others': what is asked of a catalog, and what is said of it."""

import asyncio
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from furniture_prompter.catalog.columns import VARIANTS
from furniture_prompter.catalog.filters import Filter
from furniture_prompter.search import homographs
from furniture_prompter.search.homographs import Homographs, ToldApart, says_any


class Reader:
    """A catalog version whose products say these words, by number, and have these columns."""

    def __init__(
        self,
        said: dict[str, list[int]],
        columns: dict[str, str] | None = None,
        *,
        variants: bool = False,
    ) -> None:
        self.said = said
        self.filter_columns = {"title": "text"} if columns is None else columns
        self.manifest = SimpleNamespace(variants=variants)
        self.asked: list[str] = []

    async def passing(self, sql: str) -> Filter:
        self.asked.append(sql)
        letters = "[çğışöüÇĞİŞÖÜ]"
        found = self.said.get("accents" if letters in sql else "çam" if "}])çam" in sql else "cam")
        return Filter(sql, np.array(found or [], np.int64))


def told(prompt: str | None, said: dict[str, list[int]]) -> ToldApart:
    reader: Any = Reader(said)
    return asyncio.run(Homographs(reader).told_apart(prompt))


NOTE = "No product says “çam”; “cam” is another word, and counts for nothing here."


def test_products_that_say_another_word_are_not_brought() -> None:
    found = told("çam masa", {"çam": [1, 2], "cam": [2, 3, 7]})
    # One that says both is what was asked for.
    assert found.barred.tolist() == [3, 7]
    assert (found.strangers, found.notes) == ((), ())


@pytest.mark.parametrize(
    ("prompt", "said", "barred", "strangers"),
    [
        (None, {}, [], ()),
        ("", {}, [], ()),
        ("oak masa", {"çam": [1]}, [], ()),
        ("cam masa", {"cam": [1], "çam": [4]}, [4], ()),
        # Without a Turkish keyboard, çam is written like this.
        ("cam masa", {"accents": [1], "çam": [4]}, [], ()),
        ("çam masa", {"accents": [1], "cam": [5]}, [5], ("çam",)),
        ("Çamdan masa", {"accents": [1], "cam": [5]}, [5], ("çamdan",)),
        # A shop that writes no accents writes both words alike.
        ("çam masa", {"cam": [5]}, [], ()),
    ],
)
def test_a_word_that_nobody_says_is_a_stranger_where_accents_are_written(
    prompt: str | None, said: dict[str, list[int]], barred: list[int], strangers: tuple[str, ...]
) -> None:
    found = told(prompt, said)
    assert (found.barred.tolist(), found.strangers) == (barred, strangers)
    assert found.notes == tuple(NOTE.replace("“çam”", f"“{word}”") for word in strangers)


@pytest.mark.parametrize(
    ("prompt", "said", "meant"),
    [
        ("Çamdan masa", {"çam": [1], "cam": [2]}, (("çamdan", "pine çamdan"),)),
        ("cam masa", {"çam": [1], "cam": [2]}, ()),
        ("çam masa", {"accents": [1], "cam": [5]}, (("çam", "pine"),)),
        ("oak masa", {"çam": [1]}, ()),
    ],
)
def test_a_word_that_is_encoded_as_another_is_told_by_name(
    prompt: str, said: dict[str, list[int]], meant: tuple[tuple[str, str], ...]
) -> None:
    assert told(prompt, said).meant == meant


@pytest.mark.parametrize(
    ("prompt", "beside", "said", "barred", "unsaid"),
    [
        ("pine table", ["çam", "masif çam"], {"accents": [1], "cam": [5]}, [], {"çam"}),
        ("pine table", ["çam"], {"accents": [1], "çam": [1], "cam": [5]}, [5], set()),
        ("glass table", ["cam"], {"accents": [1], "çam": [5]}, [], {"cam"}),
        # A shop that writes no accents writes both words alike.
        ("pine table", ["çam"], {"cam": [5]}, [], set()),
        # A cabinet is of pine as well.
        ("vitrin", ["camlı dolap"], {"accents": [1], "çam": [1], "cam": [5]}, [], set()),
        ("vitrin", ["camlı dolap"], {"accents": [1], "çam": [1]}, [], {"cam"}),
        # Typed words are told apart by the rule of typed ones.
        ("cam masa", ["cam"], {"cam": [1], "çam": [4]}, [4], set()),
        ("cam masa", ["cam"], {"accents": [1], "çam": [4]}, [], set()),
        # Both are asked for.
        ("pine and glass", ["çam", "cam"], {"çam": [1], "cam": [5]}, [], set()),
        ("çam masa, cam sehpa", [], {"çam": [1], "cam": [5]}, [], set()),
    ],
)
def test_what_stands_beside_the_typed_words_is_told_apart_too(
    prompt: str, beside: list[str], said: dict[str, list[int]], barred: list[int], unsaid: set[str]
) -> None:
    reader: Any = Reader(said)
    found = asyncio.run(Homographs(reader).told_apart(prompt, beside))
    assert (found.barred.tolist(), {*found.unsaid}) == (barred, unsaid)
    assert (found.strangers, found.notes) == ((), ())


def test_a_text_says_words_in_any_form() -> None:
    assert says_any("masif çam", {"çam"})
    assert says_any("Camlı dolap", {"cam"})
    assert not says_any("çamaşır sepeti", {"çam"})
    assert not says_any("masif çam", {"cam"})


def test_a_version_is_asked_once_for_a_word() -> None:
    reader: Any = Reader({"çam": [1], "cam": [2]})
    told_apart = Homographs(reader).told_apart

    async def twice() -> None:
        await told_apart("çam masa")
        await told_apart("masa cam")

    asyncio.run(twice())
    assert len(reader.asked) == 2


def test_own_words_are_looked_for_in_the_columns_that_are_there() -> None:
    columns = {"title": "text", "tags": "texts", "base_materials": "texts", "width_cm": "number"}
    reader: Any = Reader({}, {**columns, "title_tr": "text", "brand": "text"}, variants=True)
    asyncio.run(Homographs(reader)._saying("ılı", "pine base_materials"))
    pattern = "(?i)(^|[^\\p{L}])[ıI]l[ıI]" + homographs._ENDINGS + "([^\\p{L}]|$)"
    texts = ("`title`", "array_to_string(`tags`, ' | ')", "`title_tr`", f"`{VARIANTS}`")
    expected = [f"coalesce(regexp_like({text}, '{pattern}'), false)" for text in texts]
    expected.append("coalesce(array_has(`base_materials`, 'pine'), false)")
    assert reader.asked == [" OR ".join(expected)]


def test_a_column_of_another_type_is_not_asked_for_the_material() -> None:
    reader: Any = Reader({}, {"title": "text", "base_materials": "text"})
    asyncio.run(Homographs(reader)._saying("çam", "pine base_materials"))
    assert "array_has" not in reader.asked[0]
