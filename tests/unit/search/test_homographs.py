"""Words that fold to others': what is asked of a catalog, and what is said of it."""

import asyncio
from typing import Any

import numpy as np
import pytest

from furniture_prompter.catalog.reader import Filter
from furniture_prompter.search import homographs
from furniture_prompter.search.homographs import ToldApart, both, told_apart


class Reader:
    """A catalog version whose products say these words, by number, and have these columns."""

    def __init__(self, said: dict[str, list[int]], columns: dict[str, str] | None = None) -> None:
        self.said = said
        self.filter_columns = {"title": "text"} if columns is None else columns
        self.asked: list[str] = []

    async def passing(self, sql: str) -> Filter:
        self.asked.append(sql)
        letters = "[çğışöüÇĞİŞÖÜ]"
        found = self.said.get("accents" if letters in sql else "çam" if "}])çam" in sql else "cam")
        return Filter(sql, np.array(found or [], np.int64))


def told(prompt: str | None, said: dict[str, list[int]]) -> tuple[ToldApart, Any]:
    reader: Any = Reader(said)
    return asyncio.run(told_apart(prompt, reader)), reader


NOTE = "No product says “çam”; “cam” is another word, and counts for nothing here."


def test_products_that_say_another_word_are_not_brought() -> None:
    found, _ = told("çam masa", {"çam": [1, 2]})
    assert found.only is not None
    assert found.only.sql.startswith("(coalesce(regexp_like(`title`, '(?i)(^|[^\\p{L}])çam")
    assert ") OR NOT (coalesce(regexp_like(`title`, '(?i)(^|[^\\p{L}])cam" in found.only.sql
    assert (found.strangers, found.notes) == ((), ())


@pytest.mark.parametrize(
    ("prompt", "said", "is_filtered", "strangers"),
    [
        (None, {}, False, ()),
        ("", {}, False, ()),
        ("oak masa", {"çam": [1]}, False, ()),
        ("cam masa", {"cam": [1]}, True, ()),
        # Without a Turkish keyboard, çam is written like this.
        ("cam masa", {"accents": [1]}, False, ()),
        ("çam masa", {"accents": [1]}, True, ("çam",)),
        ("Çamdan masa", {"accents": [1]}, True, ("çamdan",)),
        # A shop that writes no accents writes both words alike.
        ("çam masa", {}, False, ()),
    ],
)
def test_a_word_that_nobody_says_is_a_stranger_where_accents_are_written(
    prompt: str | None, said: dict[str, list[int]], *, is_filtered: bool, strangers: tuple[str, ...]
) -> None:
    found, _ = told(prompt, said)
    assert (found.only is not None, found.strangers) == (is_filtered, strangers)
    assert found.notes == tuple(NOTE.replace("“çam”", f"“{word}”") for word in strangers)


def test_two_filters_let_through_what_passes_both() -> None:
    one, other = (Filter(sql, np.array(n)) for sql, n in (("a", [1, 2, 5]), ("b", [2, 3, 5])))
    assert both(None, None) is None
    assert both(one, None) is one
    assert both(None, other) is other
    found = both(one, other)
    assert found is not None
    assert (found.sql, found.numbers.tolist()) == ("(a) AND (b)", [2, 5])


def test_own_words_are_looked_for_in_the_columns_that_are_there() -> None:
    both_kinds: Any = Reader({}, {"title": "text", "color": "texts", "base_materials": "texts"})
    saying = homographs._saying("ılı", "pine base_materials", both_kinds)
    pattern = "(?i)(^|[^\\p{L}])[ıI]l[ıI]" + homographs._ENDINGS + "([^\\p{L}]|$)"
    assert saying == (
        f"coalesce(regexp_like(`title`, '{pattern}'), false) OR "
        "coalesce(array_has(`base_materials`, 'pine'), false)"
    )
    of_text: Any = Reader({}, {"base_materials": "text"})
    assert homographs._saying("çam", "pine base_materials", of_text) == "false"
    assert homographs._matching("x", of_text) == []
