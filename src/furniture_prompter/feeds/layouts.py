"""Layouts: which shop system wrote a table, told by the names of its columns.

The layouts themselves are data, ``layouts.toml``, each with the source of its specification.
"""

import re
import tomllib
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources
from typing import Any, Final

from furniture_prompter.feeds.cells import LETTERS

UNKNOWN: Final = "unknown"
"""Name of the layout of a table that no layout fits: its columns' meanings are proposed."""

_PREFIX: Final = re.compile(r"^[gc]:(?=\w)")
_OTHER: Final = re.compile(r"[^a-z0-9]+")
_COUNTED: Final = re.compile(r"_?(\d{1,3})")
_NUMBER: Final = "zqnumberqz"
"""Stands for # while a name is folded."""


def without_prefix(name: str) -> str:
    """A name without the prefix that Google Merchant's feeds write: ``g:color`` is ``color``."""
    return _PREFIX.sub("", name)


@lru_cache(maxsize=8_192)
def fold(name: str) -> str:
    """A column's name without case, accents and punctuation: ``g:Ürün Adı`` is ``urun_adi``.

    An ``@`` in front stays: ``@type`` of JSON-LD is not the column ``type``. Empty where nothing of
    the Latin alphabet is left.
    """
    name = _PREFIX.sub("", name.strip().lower())
    plain = unicodedata.normalize("NFKD", name).lower().translate(LETTERS)
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter))
    plain = _OTHER.sub("_", plain).strip("_")
    return f"@{plain}" if name.startswith("@") else plain


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a column means.

    Attributes:
        role: One of :data:`furniture_prompter.feeds.roles.ROLES`.
        number: The number in the column's name, where the role counts; else 0.
    """

    role: str
    number: int = 0


@dataclass(frozen=True, slots=True)
class Names:
    """Names of columns and what they mean.

    Attributes:
        exact: Roles by folded name.
        numbered: Roles by folded names with ``#`` for a number and the blank before it.
        prefixes: Roles by what folded names begin with.
    """

    exact: Mapping[str, str]
    numbered: Mapping[str, str]
    prefixes: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, columns: Iterable[tuple[str, str]]) -> "Names":
        """From names as data writes them: ``#`` is a number, ``.*`` whatever follows."""
        exact: dict[str, str] = {}
        numbered: dict[str, str] = {}
        prefixes: list[tuple[str, str]] = []
        for name, role in columns:
            if name.endswith(".*"):
                prefixes.append((f"{fold(name[:-2])}_", role))
            elif "#" in name:
                folded = fold(name.replace("#", _NUMBER)).replace(_NUMBER, "#")
                # A blank before the number is written or not: Görsel 1, Görsel1.
                parts = (part.removesuffix("_") for part in folded.split("#"))
                numbered.setdefault("#".join(parts), role)
            else:
                exact.setdefault(fold(name), role)
        return cls(exact, numbered, tuple(prefixes))

    def meaning(self, name: str, *, prefixes: bool = True) -> Meaning | None:
        """What a column of this name means; None where it is none of these.

        Args:
            name: The name as the file writes it, or folded.
            prefixes: Whether what a name begins with may decide.
        """
        folded = fold(name)
        if (role := self.exact.get(folded)) is not None:
            return Meaning(role)
        for found in _COUNTED.finditer(folded):
            key = f"{folded[: found.start()]}#{folded[found.end() :]}"
            if (role := self.numbered.get(key)) is not None:
                return Meaning(role, int(found[1]))
        if prefixes:
            for prefix, role in self.prefixes:
                if folded.startswith(prefix):
                    return Meaning(role)
        return None


@dataclass(frozen=True, slots=True)
class Layout:
    """How one shop system lays out its tables.

    Attributes:
        name: What ``--format`` calls it.
        title: What messages call it.
        source: Where its columns are specified.
        needs: Groups of names, of each of which one has to be there.
        columns: What its columns mean.
        keeps_names: Whether attributes are called as the file calls them, and not by our names.
        category_commas: Whether commas part several categories in one cell.
        image_lists: What parts several images in one cell, besides bars; any of these letters.
        carries: The column that only the first row of a product fills; the rows below are of it.
        kinds: The column that tells whether a row is a product, where others have ids of their own.
    """

    name: str
    title: str
    source: str = ""
    needs: tuple[tuple[str, ...], ...] = ()
    columns: Names = Names({}, {}, ())
    keeps_names: bool = False
    category_commas: bool = False
    image_lists: str = ""
    carries: str = ""
    kinds: str = ""

    def fits(self, columns: Sequence[str]) -> tuple[str, ...]:
        """The columns that tell this layout, one a need; empty where one is missing."""
        by_fold: dict[str, str] = {}
        for column in columns:
            by_fold.setdefault(fold(column), column)
        told = []
        for names in self.needs:
            found = next((by_fold[key] for name in names if (key := fold(name)) in by_fold), None)
            if found is None:
                return ()
            told.append(found)
        return tuple(dict.fromkeys(told))

    def known(self, columns: Sequence[str]) -> int:
        """How many columns the layout knows by their whole names."""
        return sum(
            self.columns.meaning(column, prefixes=False) is not None for column in set(columns)
        )


UNKNOWN_LAYOUT: Final = Layout(UNKNOWN, "a table of unknown layout", image_lists=";,")


def read_data(name: str) -> dict[str, Any]:
    """The content of a TOML file of this package."""
    file = resources.files("furniture_prompter.feeds") / name
    return tomllib.loads(file.read_text("utf-8"))


@cache
def layouts() -> tuple[Layout, ...]:
    """All layouts that are known."""
    return tuple(
        Layout(
            name=each["name"],
            title=each["title"],
            source=each["source"],
            needs=tuple(tuple(names) for names in each["needs"]),
            columns=Names.of(each["columns"].items()),
            keeps_names=each.get("keeps_names", False),
            category_commas=each.get("category_commas", False),
            image_lists=each.get("image_lists", ""),
            carries=each.get("carries", ""),
            kinds=each.get("kinds", ""),
        )
        for each in read_data("layouts.toml")["layout"]
    )


def layout_named(name: str) -> Layout | None:
    """The layout that ``--format`` calls so; None where there is none."""
    if name == UNKNOWN:
        return UNKNOWN_LAYOUT
    return next((each for each in layouts() if each.name == name), None)


def recognised(columns: Sequence[str]) -> tuple[Layout, tuple[str, ...]]:
    """The layout that knows most of the columns, of those whose needs are met.

    Returns:
        It, and the columns that told it; :data:`UNKNOWN_LAYOUT` and none where no layout fits.
    """
    fitting = [(each, told) for each in layouts() if (told := each.fits(columns))]
    if not fitting:
        return UNKNOWN_LAYOUT, ()
    return max(fitting, key=lambda found: found[0].known(columns))
