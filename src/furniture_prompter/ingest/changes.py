"""Change detection: new, changed and removed products, and the types of attribute columns.

A value of another type than its column costs that value and nothing else. A column of text takes
numbers and lists too, as they are written; one of lists takes anything as a list of one text; one
of numbers or truth values leaves out what is none.
"""

import hashlib
import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from furniture_prompter.catalog.columns import StoredProduct, attribute_type, variants_text
from furniture_prompter.domain import AttributeValue, FeedRow, Photo, Product, SetAside
from furniture_prompter.domain.wording import one_line
from furniture_prompter.feeds.cells import is_code, is_doubtful, shown

_DIGIT: Final = re.compile(r"\d")
_TO_JSON: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_ODD_SHARE: Final = 0.1
"""Values of another type that a new column of numbers or truth values may have; one it may have in
any case. With more of them it is text, in which nothing is lost."""

_PLURAL: Final = {
    "text": "text",
    "number": "numbers",
    "boolean": "true or false",
    "texts": "lists of texts",
}
_SINGULAR: Final = {"boolean": "true or false", "texts": "a list of texts"}
_FILTERED: Final = {
    "text": "{0} = 'oak'",
    "number": "{0} < 300",
    "boolean": "{0} = true",
    "texts": "{0} contains 'oak'",
}
# Columns of these types take values of every type, as words.
_OF_WORDS: Final = frozenset({"text", "texts"})


@dataclass(slots=True)
class Tally:
    """The values of one column of a feed.

    Attributes:
        count: Values of each type.
        code: The first text that is digits and no quantity, such as ``00123``; empty without.
        doubtful: Texts that are numbers of which the decimal mark could not be told.
        first: Place in the feed of the first row with a value.
        code_at: Place of the row of `code`.
    """

    count: dict[str, int]
    code: str = ""
    doubtful: int = 0
    first: int = 0
    code_at: int = 0

    def add(self, value: AttributeValue, place: int = 0) -> None:
        """Count one value of the row at `place`."""
        self.count[attribute_type(value)] += 1
        # Texts without a digit are neither; looking closer takes ten times as long.
        if isinstance(value, str) and _DIGIT.search(value):
            self.doubtful += is_doubtful(value)
            if not self.code and is_code(value):
                self.code, self.code_at = value, place

    def with_other(self, other: "Tally") -> "Tally":
        """This one and one of other rows of the same feed, as if counted together."""
        codes = sorted((each.code_at, each.code) for each in (self, other) if each.code)
        code_at, code = codes[0] if codes else (0, "")
        count = {name: number + other.count[name] for name, number in self.count.items()}
        first = min(self.first, other.first)
        return Tally(count, code, self.doubtful + other.doubtful, first, code_at)

    @property
    def total(self) -> int:
        """Values of all types."""
        return sum(self.count.values())

    @property
    def own_type(self) -> str:
        """The type of a new column with these values."""
        likeliest = max(("number", "boolean"), key=self.count.__getitem__)
        fitting = self.count[likeliest]
        odd = self.total - fitting
        few = odd < fitting and odd <= max(1, self.total * _ODD_SHARE)
        if few and not self.code:
            return likeliest
        # Feeds that write one material as a text and two as a list mean lists.
        return "texts" if self.count["texts"] > self.total / 2 else "text"

    def other_than(self, known: str) -> str | None:
        """The type that a column of another one clearly has in this feed; None without such.

        Text and lists take values of all types, so all of them have to be of another for it to
        change. A number whose decimal mark could not be told speaks for nothing.
        """
        for name, count in self.count.items():
            certain = count - self.doubtful if name == "text" else count
            least = self.total - 1 if known in _OF_WORDS else self.total / 2
            if name != known and certain > least and (name in _OF_WORDS or not self.code):
                return name
        return None


def empty_tally(first: int = 0) -> Tally:
    """The tally of a column before its first value, which the row at `first` has."""
    return Tally(dict.fromkeys(_PLURAL, 0), first=first)


@dataclass(frozen=True, slots=True)
class ColumnTypes:
    """The types of attribute columns once a run is written.

    Attributes:
        types: The type of each, by name.
        changed: Those that the catalog has as another type.
        kept: Those that are clearly of another type in the feed, which not every product with a
            value there is in, so that the catalog's type stays.
        notes: Sentences a person should read.
    """

    types: Mapping[str, str]
    changed: Mapping[str, str]
    kept: Mapping[str, str]
    notes: tuple[str, ...]


def tally(rows: Iterable[FeedRow]) -> dict[str, Tally]:
    """Count the values of each attribute column."""
    found: dict[str, Tally] = {}
    for row in rows:
        tally_row(found, row)
    return found


def tally_row(found: dict[str, Tally], row: FeedRow, place: int = 0) -> None:
    """Count the values of the row at `place` in."""
    for name, value in row.product.attributes.items():
        values = found.get(name)
        if values is None:
            values = found[name] = empty_tally(place)
        values.add(value, place)


def together(first: Mapping[str, Tally], second: Mapping[str, Tally]) -> dict[str, Tally]:
    """Tallies of two parts of a feed as if it had been counted at once, columns as they come."""
    both = dict(second)
    for name, values in first.items():
        both[name] = values.with_other(both[name]) if name in both else values
    # Columns of one row are beside each other in the part that has the row.
    order = {
        (values.first, name): place
        for part in (first, second)
        for place, (name, values) in enumerate(part.items())
    }
    return dict(
        sorted(both.items(), key=lambda item: (item[1].first, order[item[1].first, item[0]]))
    )


def changing(tallies: Mapping[str, Tally], columns: Mapping[str, str]) -> list[str]:
    """Columns of the catalog that are clearly of another type in the feed."""
    return [
        name
        for name, values in tallies.items()
        if name in columns and values.other_than(columns[name])
    ]


def settle(
    tallies: Mapping[str, Tally], columns: Mapping[str, str], held: Collection[str]
) -> ColumnTypes:
    """Decide the type of each column of a feed.

    A column of the catalog keeps its type, unless it clearly has another in the feed and every
    product that has a value there is written or removed in this run: then nothing of the old type
    is left.

    Args:
        tallies: The feed's columns.
        columns: The catalog's attribute columns and their types.
        held: Columns in which a product has a value that this run neither writes nor removes.
    """
    types, changed, kept = dict(columns), {}, {}
    notes = []
    for name, values in tallies.items():
        known = columns.get(name)
        if known is None:
            types[name] = values.own_type
            notes += _why_text(name, values)
            continue
        other = values.other_than(known)
        if other is None:
            continue
        if name not in held:
            types[name] = changed[name] = other
            notes.append(
                f"The column {name} holds {_PLURAL[other]} now, as it does in the feed; it held "
                f"{_PLURAL[known]} before. Filters have to compare it so, such as "
                f"`{_FILTERED[other].format(name)}`."
            )
            continue
        kept[name] = other
        if known in _OF_WORDS:
            notes.append(
                f"The column {name} holds {_PLURAL[known]} in the catalog, so what the feed has "
                f"there was kept so. It comes to hold {_PLURAL[other]} when one run of index has "
                "nothing else there and brings all products that have a value in it; --sync "
                "removes the others."
            )
    return ColumnTypes(types, changed, kept, tuple(notes))


def _why_text(name: str, values: Tally) -> list[str]:
    """Why a new column that is mostly of numbers is text."""
    numbers = values.count["number"]
    if values.own_type != "text" or numbers <= values.total / 2:
        return []
    if values.code:
        why = f"values such as {shown(values.code)} are codes, not quantities"
        cure = "Write them as numbers"
    else:
        why = f"{values.total - numbers:,} of its {values.total:,} values are no numbers"
        cure = "Leave those cells empty"
    return [f"The column {name} is text, because {why}. {cure} to have a column of numbers."]


def fit(row: FeedRow, columns: ColumnTypes) -> tuple[FeedRow, list[SetAside]]:
    """A row whose values are of their columns' types, and the values that had to be left out."""
    attributes: dict[str, AttributeValue] = {}
    left_out: list[SetAside] = []
    for name, value in row.product.attributes.items():
        known = columns.types[name]
        if value == ():
            continue
        if attribute_type(value) == known:
            attributes[name] = value
        elif known in _OF_WORDS:
            words = row.cells.get(name) or _as_text(value)
            attributes[name] = words if known == "text" else (one_line(words),)
        else:
            left_out.append(_left_out(row, name, value, known, columns.kept.get(name)))
    if attributes == row.product.attributes and not left_out:
        return row, []
    return replace(row, product=replace(row.product, attributes=attributes)), left_out


def misfits(attributes: Mapping[str, AttributeValue], columns: Mapping[str, str]) -> dict[str, str]:
    """Values of another type than their column of the catalog, each with what to say of it."""
    types = {name: attribute_type(value) for name, value in attributes.items() if value != ()}
    row = FeedRow(Product("", "", attributes=attributes), (), Path(), 0)
    _, left_out = fit(row, ColumnTypes({**types, **columns}, {}, {}, ()))
    return {item.column: f"{item.reason} {item.cure}" for item in left_out}


def _as_text(value: AttributeValue) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ", ".join(value)
    return value if isinstance(value, str) else f"{value:.15g}"


def _left_out(
    row: FeedRow, name: str, value: AttributeValue, known: str, other: str | None
) -> SetAside:
    if isinstance(value, str) and known == "number" and is_doubtful(value):
        reason = f"{name} is {shown(value)}, which may be a number or a thousandth of it."
        cure = "Write it without a mark between thousands, such as 1299 or 1299.50."
    else:
        found = attribute_type(value)
        told = "a list" if found == "texts" else f"a {found}"
        reason = f"{name} is {told} ({shown(_plainly(value))}) in a column of {_PLURAL[known]}."
        wanted = _SINGULAR.get(known, f"a {known}")
        cure = f"Write it as {wanted}, leave it empty, or name the column differently."
    if other is not None:
        cure += (
            f" The whole column comes to hold {_PLURAL[other]} when one run of index brings all "
            "products that have a value in it; --sync removes the others."
        )
    return SetAside(row.source, row.line, reason, cure, row.product.id, name)


def _plainly(value: AttributeValue) -> object:
    return list(value) if isinstance(value, tuple) else value


_SHOWN_PLACES: Final = 3


@dataclass(frozen=True, slots=True)
class Change:
    """A product to insert or replace; `feeds` as of a stored one."""

    number: int
    product: Product
    photos: tuple[Photo, ...]
    row_hash: str
    is_new: bool
    feeds: int | None


@dataclass(frozen=True, slots=True)
class Changes:
    """The difference between a feed and the current version.

    Attributes:
        written: Products to insert or replace, in feed order.
        removed: Numbers of products that are gone.
        not_removed: Products that `sync` would have removed, had all of the feed been readable.
        unchanged: Products that are as they were.
        retyped: New types of columns that the catalog has as another type; every product that has
            a value there is written or removed.
        set_aside: Rows and values that cannot be stored, and why.
        notes: Sentences a person should read.
    """

    written: tuple[Change, ...]
    removed: tuple[int, ...]
    not_removed: int
    unchanged: int
    retyped: Mapping[str, str]
    set_aside: tuple[SetAside, ...]
    notes: tuple[str, ...]

    @property
    def added(self) -> int:
        """Products that were not there before."""
        return sum(change.is_new for change in self.written)

    @property
    def updated(self) -> int:
        """Products that were there and differ."""
        return len(self.written) - self.added

    @property
    def any(self) -> bool:
        """Whether there is anything to write."""
        return bool(self.written or self.removed)


def row_hash(product: Product, photos: Sequence[Photo]) -> str:
    """SHA-256 over all that is stored of a product."""
    content: dict[str, object] = {
        "product": [
            product.id,
            product.title,
            product.category,
            product.color,
            product.description,
            list(product.tags),
            sorted(product.attributes.items()),
        ],
        "photos": [[photo.id, photo.path] for photo in photos],
    }
    # Products without variants keep the hashes that they had before there were any.
    if product.variants:
        content["variants"] = variants_text(product.variants)
        content["variant_of"] = [photo.variant_id for photo in photos]
    text = _TO_JSON(content)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def find_changes(
    rows: Sequence[FeedRow],
    photos: Mapping[str, Sequence[Photo]],
    stored: Mapping[str, StoredProduct],
    columns: Mapping[str, str],
    next_number: int,
    set_aside: Sequence[SetAside],
    sync: bool,
    tallies: Mapping[str, Tally],
    follow: bool = True,
) -> Changes:
    """Compare a feed with the current version.

    Args:
        rows: The feed's rows.
        photos: Usable photos by product id.
        stored: The current version's products by id, with the columns they hold of those whose
            type may change.
        columns: Its attribute columns and their types.
        next_number: The first free product number.
        set_aside: What the feed and its photos had to leave out; such products are not gone.
        sync: Whether products that the feed no longer has are removed.
        tallies: Attribute columns of the rows that have photos.
        follow: Whether columns may change their types.
    """
    reported = {item.product_id for item in set_aside}
    usable = [row for row in rows if photos.get(row.product.id)]
    present = reported | {row.product.id for row in rows}
    gone = [name for name in stored if name not in present] if sync else []
    hiding = [item for item in set_aside if item.may_be_any_product]
    leaving = [] if hiding else gone
    written_ids = {row.product.id for row in usable}
    # Values of the old type that would be left in the catalog keep a column as it is.
    replaced = written_ids.union(leaving)
    held = {name for key, entry in stored.items() if key not in replaced for name in entry.holds}
    types = settle(tallies, columns, held if follow else columns)
    written: list[Change] = []
    problems: list[SetAside] = []
    unchanged = 0
    for row in rows:
        if row.product.id not in written_ids:
            if row.product.id not in reported:
                problems.append(pictureless(row))
            continue
        fitting, left_out = fit(row, types)
        problems += left_out
        product = fitting.product
        own_photos = tuple(photos[product.id])
        digest = row_hash(product, own_photos)
        before = stored.get(product.id)
        if before is not None and before.row_hash == digest:
            unchanged += 1
            continue
        number = before.number if before else next_number
        next_number += before is None
        # What nobody's feed brought stays without one; what is of a feed stays that.
        feeds = before.feeds if before else 0
        written.append(Change(number, product, own_photos, digest, before is None, feeds))
    return Changes(
        written=tuple(written),
        removed=tuple(sorted(stored[name].number for name in leaving)),
        not_removed=len(gone) - len(leaving),
        unchanged=unchanged,
        retyped=types.changed,
        set_aside=tuple(problems),
        notes=(*why_kept(len(gone), hiding, len(hiding)), *types.notes),
    )


def why_kept(gone: int, hiding: Sequence[SetAside], count: int) -> tuple[str, ...]:
    """Why products were not removed, where something of the feed may hold them.

    Args:
        gone: How many they are.
        hiding: What was set aside that may hold them, or the first of it.
        count: How much of it there is.
    """
    if not (gone and hiding):
        return ()
    shown = hiding[:_SHOWN_PLACES]
    places = [f"{item.source}:{item.line}" if item.line else f"{item.source}" for item in shown]
    further = count - len(places)
    listed = ", ".join(places) + (f" and {further:,} more" if further > 0 else "")
    note = (
        f"Kept {gone:,} product{'s' * (gone != 1)} that the feed no longer has: what was set "
        f"aside at {listed} may hold them. Mend that, then run with --sync again."
    )
    return (note,)


def pictureless(row: FeedRow) -> SetAside:
    """What to say of a row without any photo."""
    return SetAside(
        row.source,
        row.line,
        f"Product {row.product.id!r} has no photo.",
        "Give it at least one photo that can be read.",
        row.product.id,
    )
