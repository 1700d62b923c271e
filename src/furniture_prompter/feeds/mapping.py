"""The mapping of one table: which role each column has, who said so, and how that is told."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from furniture_prompter.errors import InvalidFeedError
from furniture_prompter.feeds.cells import shown
from furniture_prompter.feeds.column_samples import CATEGORIES, ColumnSample
from furniture_prompter.feeds.layouts import (
    UNKNOWN,
    UNKNOWN_LAYOUT,
    Layout,
    Meaning,
    fold,
    layout_named,
    layouts,
    recognised,
)
from furniture_prompter.feeds.named_values import listed_names
from furniture_prompter.feeds.price_columns import without_terms
from furniture_prompter.feeds.proposing import (
    MOST,
    column_words,
    is_of_variants,
    proposed,
)
from furniture_prompter.feeds.records import KeyColumns
from furniture_prompter.feeds.roles import SEVERAL, SIZES, VARIANT, is_translation, near, parsed
from furniture_prompter.feeds.values.money import is_in_hundredths

_SHOWN_COLUMNS: Final = 40
_CORE: Final = (
    "title", "image", "id", "group", "parent", "category", "category_path", "color", "material",
    "description", "price", "sale_price", "list_price", "currency", "availability", "stock",
    "brand", "url", "gtin", "width", "depth", "height", "length", "diameter", "seat_height",
    "dimensions", "weight", "seats", "drawers", "tags", "options", "variant_image", "status",
    "published", "short_description", "attribute_name",
)  # fmt: skip
"""The order in which a proposal is told."""
_ANY_SPELLING: Final = SEVERAL | {"color", "colors"}
_STANDARD_SIZES: Final = frozenset({*(f"{role}_cm" for role in SIZES), "weight_kg"})
_UNIT_ENDS: Final = ("unit_of_measure", "unit", "units", "uom", "birimi", "einheit", "unite")
_SIDES: Final = re.compile("_(side_to_side|front_to_back|(floor|base)_to_top)$")
"""What Amazon's names of sizes end in, and not those of their units."""
_SIZE_UNITS: Final = (
    "length_unit", "dimension_unit", "dimensions_unit", "dimensions_unit_of_measure", "size_unit",
    "item_dimensions_unit_of_measure", "olcu_birimi", "masseinheit",
)  # fmt: skip
_WEIGHT_UNITS: Final = ("weight_unit", "item_weight_unit_of_measure", "agirlik_birimi")
_BESIDE_OWN: Final = frozenset(_CORE) - {
    "title", "image", "id", "group", "parent", "options", "variant_image", "status", "published",
    "attribute_name",
}  # fmt: skip
"""Roles that columns of other names can have beside our own: those that make or hide no product."""
_STAND_INS: Final = ("id", "group", "alt_id", "gtin", "slug", "url")
"""Roles that can identify a product, the better ones first."""


@dataclass(frozen=True, slots=True)
class TableMapping:
    """What the columns of one table mean.

    Attributes:
        layout: The layout it was taken for.
        told_by: The columns that told it; empty for one that was given, or for none.
        roles: The meaning of each column that has one, in the order of reading.
        proposed: Columns whose meaning was proposed.
        given: Columns whose meaning was given by ``--map``.
        is_forced: Whether the layout was given by ``--format``.
        keyed_by: Role that identifies products: one of ``id``, ``group``, ``alt_id``, ``gtin``,
            ``slug``, ``url``, or ``image`` or ``title`` where nothing better is there.
        columns: All columns.
    """

    layout: Layout
    told_by: tuple[str, ...]
    roles: Mapping[str, Meaning]
    proposed: frozenset[str]
    given: frozenset[str]
    is_forced: bool
    keyed_by: str
    columns: tuple[str, ...] = ()

    def columns_of(self, role: str) -> tuple[str, ...]:
        """The columns of a role, those with numbers by them."""
        found = [
            (meaning.number, place, name)
            for place, (name, meaning) in enumerate(self.roles.items())
            if meaning.role == role
        ]
        return tuple(name for _, _, name in sorted(found))

    def has(self, role: str) -> bool:
        """Whether a column has this role."""
        return any(meaning.role == role for meaning in self.roles.values())

    @property
    def units(self) -> dict[str, str]:
        """Columns of sizes and weights whose unit another column has, with that one.

        Amazon's ``item_width`` has ``item_width_unit_of_measure``, and all sizes of OpenCart
        ``length_unit``.
        """
        by_fold = {fold(name): name for name in reversed(self.columns)}
        found = {}
        for name, meaning in self.roles.items():
            if meaning.role in {*SIZES, "weight"}:
                of = _SIDES.sub("", fold(name))
                common = _WEIGHT_UNITS if meaning.role == "weight" else _SIZE_UNITS
                likely = (*(f"{of}_{each}" for each in _UNIT_ENDS), *common)
                unit = next((by_fold[each] for each in likely if each in by_fold), None)
                if unit is not None and unit != name:
                    found[name] = unit
        return found

    def counts_hundredths(self, name: str) -> bool:
        """Whether a column of prices counts cents: by its name, or as WooCommerce's store API."""
        stem = name.rpartition(".")[0]
        return is_in_hundredths(fold(name)) or f"{stem}.currency_minor_unit" in self.columns

    @property
    def names_images(self) -> bool:
        """Whether a column holds images."""
        return any(map(self.has, ("image", "variant_image", "variant.image")))

    @property
    def keys(self) -> KeyColumns:
        """What a damaged file can be taken up again by."""
        ids = self.columns_of(self.keyed_by)
        return KeyColumns(ids[0] if ids else "", self.columns_of("image"))

    @property
    def headline(self) -> str:
        """``Read as Shopify CSV: Handle, Variant Price, Image Src``, or what was proposed."""
        if self.layout.name == UNKNOWN:
            return self._proposal("Columns were taken as ")
        if self.is_forced:
            return f"Read as {self.layout.title}, as --format says."
        return f"Read as {self.layout.title}: {', '.join(self.told_by)}."

    @property
    def sentences(self) -> tuple[str, ...]:
        """What a person should read of how the columns were taken; none for our own columns."""
        told = []
        if not self.layout.keeps_names or self.is_forced:
            told.append(self.headline)
        if self.layout.name != UNKNOWN and (more := self._proposal("Further columns: ")):
            told.append(more)
        if self.layout.name == UNKNOWN and all(
            fold(name) == self.roles[name].role for name in self.proposed
        ):
            told = told[1:]
        told += [
            f"{shown(name)} counts hundredths by its name: 1299 is read as 12.99."
            for role in ("price", "sale_price", "list_price", "current_price")
            for name in self.columns_of(role)
            if self.counts_hundredths(name)
        ]
        left_out = self.proposed & set(self.columns_of("ignore"))
        if paid := sorted(_paid(left_out)):
            told.append(
                f"Left out, for by its name it is what the shop pays: {listed(paid)}. "
                "--map attribute=COLUMN keeps a column."
            )
        if ids := sorted(name for name in left_out if CATEGORIES.fullmatch(fold(name))):
            told.append(
                f"Left out, for it holds numbers of categories and not their names: {listed(ids)}. "
                "--map attribute=COLUMN keeps a column."
            )
        if not self.has("title") and self.names_images:
            told.append(
                "No column of titles was found, so products are called by their ids. Name the "
                f"column that has them with --map title=COLUMN, of {listed(self.columns)}."
            )
        if self.keyed_by in {"image", "title"}:
            told.append(
                "No column identifies the products, so ids were made of their "
                f"{self.keyed_by}s: a product whose {self.keyed_by} changes becomes another. Name "
                "the column that has them with --map id=COLUMN."
            )
        elif self.keyed_by not in {"id", "group", "alt_id"}:
            column = self.columns_of(self.keyed_by)[0]
            told.append(
                f"No column of ids was found, so {shown(column)} identifies the products. If "
                "another does, name it with --map id=COLUMN."
            )
        return tuple(told)

    def _proposal(self, begin: str) -> str:
        is_own = self.layout.keeps_names
        names = [
            (role, column)
            for role in _CORE
            for column in self.columns_of(role)
            if column in self.proposed | (self.given if self.layout.name == UNKNOWN else set())
            and not (is_own and fold(column) == role)
        ]
        further = [
            (meaning.role, name)
            for name, meaning in self.roles.items()
            if name in self.proposed and meaning.role.startswith(VARIANT) and not is_own
            # What is an attribute of variants is called as the file calls it.
            if not meaning.role.startswith(f"{VARIANT}attribute")
        ]
        parts = [f"{role} ← {column}" for role, column in (*names, *further)]
        if not parts:
            return ""
        return f"{begin}{', '.join(parts)}. If one is wrong, give --map ROLE=COLUMN."


def listed(names: Sequence[str]) -> str:
    """Names of columns as a message lists them."""
    more = len(names) - _SHOWN_COLUMNS
    text = ", ".join(shown(name) for name in names[:_SHOWN_COLUMNS])
    return f"{text} and {more} more" if more > 0 else text


def decide(
    feed: str,
    columns: Sequence[str],
    samples: Mapping[str, ColumnSample],
    *,
    given: Sequence[str] = (),
    layout: str | None = None,
    may_lack_images: bool = False,
) -> TableMapping:
    """What the columns of a table mean.

    Args:
        feed: What to call it in errors.
        columns: Its columns, in their order.
        samples: What the first rows have in them.
        given: ``ROLE=COLUMN``, which go before everything else.
        layout: Name of the layout; recognised when left out.
        may_lack_images: Whether photos may be found otherwise than by a column.

    Raises:
        InvalidFeedError: a role, a column or a layout that is given is not there, or there is no
            image column and has to be one.
    """
    columns = list(dict.fromkeys((*columns, *samples)))
    chosen, told = _layout(layout, columns, samples)
    overruled = _given(feed, given, columns)
    settled = frozenset(meaning.role for meaning in overruled.values())
    roles: dict[str, Meaning] = {}
    for name in columns:
        meaning = chosen.columns.meaning(name)
        if name in overruled or meaning is None:
            continue
        # --map takes a role away from the columns that a layout gives it to.
        roles[name] = Meaning("attribute") if meaning.role in settled else meaning
    first: set[str] = set()
    for name, meaning in list(roles.items()):
        # Of two columns with a role that one can have, such as Fiyat and Price, the first has it.
        if meaning.role in first and meaning.role not in _ANY_SPELLING and not meaning.number:
            roles[name] = Meaning("attribute")
        elif not (filled := samples.get(name)) or filled.filled or meaning.role in {"id", "image"}:
            first.add(meaning.role)
    roles = {**overruled, **roles}
    named = _paid({each for each in columns if each not in roles})
    roles |= named
    if "attribute_name" not in settled:
        named |= listed_names([name for name in columns if name not in roles])
        roles |= named
    found: dict[str, Meaning] = {}
    if chosen.name == UNKNOWN:
        found = proposed(columns, samples, roles, settled)
    elif chosen.keeps_names:
        roles |= _own(columns, roles)
        found = _beside_own(columns, samples, roles)
    elif not all(any(m.role == role for m in roles.values()) for role in ("title", "image")):
        extra = proposed(columns, samples, roles, settled)
        found = {n: m for n, m in extra.items() if m.role in {"title", "image", "id"}}
    roles |= found
    if {meaning.role for meaning in roles.values()}.isdisjoint({"title", "image"}):
        # A list of a later day, whose products have their category in the shop's language.
        roles = {**as_translations(roles), **overruled}
    keyed_by = _key(roles)
    mapping = TableMapping(
        chosen,
        told,
        roles,
        frozenset({**found, **named}),
        frozenset(overruled),
        layout is not None,
        keyed_by,
        tuple(columns),
    )
    units = {unit: Meaning("ignore") for unit in mapping.units.values() if unit not in roles}
    if units and not chosen.keeps_names:
        mapping = replace(mapping, roles={**roles, **units})
    if not (may_lack_images or mapping.names_images):
        raise without_images(feed, mapping)
    return mapping


def as_translations(roles: Mapping[str, Meaning]) -> dict[str, Meaning]:
    """Roles with our own names of fields in another language, ``category_tr``, as those.

    Where a table has nothing else of that meaning, they are else taken for the plain field.
    """
    return {
        name: Meaning(own) if is_translation(own := fold(name)) and own[:-3] == old.role else old
        for name, old in roles.items()
    }


def without_images(feed: str, mapping: TableMapping, left: str = "") -> InvalidFeedError:
    """Why a table is refused of which no photo can be found, with what is said of those `left`.

    Photos beside it are no cure where it has no titles: nobody would find such products by words.
    """
    what = "images" if mapping.has("title") else "images or titles"
    begin = f"No column of the feed {feed} holds {what}. It has {listed(mapping.columns)}. "
    if mapping.has("title"):
        return InvalidFeedError(
            begin + "Name the one that does: --map image=COLUMN, once for each where "
            "there are several. Or put photos beside the feed that are called as its products are, "
            "such as ID.jpg, ID-2.jpg or ID/1.jpg." + (f" {left}" if left else "")
        )
    return InvalidFeedError(
        begin + "A list of stock and prices alone changes products of a catalog that is there, and "
        "begins none: index the whole list first, with titles and images. Where this is one, name "
        "its columns: --map title=COLUMN, --map image=COLUMN."
    )


def _layout(
    name: str | None, columns: Sequence[str], samples: Mapping[str, ColumnSample]
) -> tuple[Layout, tuple[str, ...]]:
    if name is None:
        found, told = recognised(columns)
        own = layout_named("own")
        if found.name == UNKNOWN and own is not None:
            # Our own columns, of products without titles.
            told = own.fits([*columns, "title"])
            if told and not _titled(columns, samples):
                return own, told
            return found, ()
        return found, told
    chosen = layout_named(name)
    if chosen is None:
        names = [each.name for each in (*layouts(), UNKNOWN_LAYOUT)]
        raise InvalidFeedError(
            f"There is no format {shown(name)}.{near(name, names)} Those that are known: "
            f"{', '.join(names)}."
        )
    return chosen, ()


def _titled(columns: Sequence[str], samples: Mapping[str, ColumnSample]) -> bool:
    return any(meaning.role == "title" for meaning in proposed(columns, samples, {}).values())


def _given(feed: str, given: Sequence[str], columns: Sequence[str]) -> dict[str, Meaning]:
    roles: dict[str, Meaning] = {}
    by_fold = {fold(name): name for name in reversed(columns)}
    for place, each in enumerate(given):
        role, wanted = parsed(each)
        name = wanted if wanted in columns else by_fold.get(fold(wanted))
        if name is None:
            raise InvalidFeedError(
                f"--map {shown(each)}: the feed {feed} has no column {shown(wanted)}."
                f"{near(wanted, columns)} It has {listed(columns)}."
            )
        if role not in SEVERAL and any(meaning.role == role for meaning in roles.values()):
            raise InvalidFeedError(
                f"--map gives {shown(role)} to two columns, and one can have it: "
                f"{shown(name)} is the second."
            )
        # Numbers keep the order in which they were given.
        roles[name] = Meaning(role, place + 1 if role in SEVERAL else 0)
    return roles


def _own(columns: Sequence[str], roles: Mapping[str, Meaning]) -> dict[str, Meaning]:
    """Roles of further columns of our own names."""
    own = column_words().own
    has = {meaning.role for meaning in roles.values()}
    found: dict[str, Meaning] = {}
    for name in columns:
        meaning = own.meaning(name)
        if name not in roles and meaning is not None and meaning.role not in has:
            found[name] = meaning
            has.add(meaning.role)
    return found


def _beside_own(
    columns: Sequence[str], samples: Mapping[str, ColumnSample], roles: Mapping[str, Meaning]
) -> dict[str, Meaning]:
    """Roles of columns that are called as shops call them, in a table of our own."""
    free = [
        name
        for name in columns
        if name not in roles
        and name in samples
        and samples[name].filled
        and fold(name) not in _STANDARD_SIZES
    ]
    others = frozenset(column_words().names) - _BESIDE_OWN
    found = proposed(free, samples, roles, others, by_values=False)
    return {
        name: meaning
        for name, meaning in found.items()
        # What says true or false stays that, as in_stock does in the examples of docs/feeds.md.
        if is_of_variants(name)
        or not (meaning.role == "availability" and samples[name].truths >= MOST)
    }


def _paid(columns: Collection[str]) -> dict[str, Meaning]:
    """Columns of what the shop pays, which is nobody else's business."""
    known = column_words().paid
    return {
        name: Meaning("ignore")
        for name in columns
        if without_terms(name.rpartition(".")[2]) in known
    }


def _key(roles: Mapping[str, Meaning]) -> str:
    has = {meaning.role for meaning in roles.values()}
    return next((role for role in (*_STAND_INS, "image") if role in has), "title")
