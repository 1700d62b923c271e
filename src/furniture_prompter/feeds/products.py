"""Products from rows: one of the rows that belong together, with variants and all photos."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Final

from furniture_prompter.domain import (
    AttributeValue,
    FeedItem,
    FeedRow,
    Product,
    SetAside,
    UnchangedRow,
    Variant,
)
from furniture_prompter.domain.feed import NO_CELLS, PhotolessRow
from furniture_prompter.domain.wording import has_unseen_characters
from furniture_prompter.feeds.cell_steps import Row
from furniture_prompter.feeds.cells import UnusableValueError, prose, shown
from furniture_prompter.feeds.grouping import FirstLines, text_of
from furniture_prompter.feeds.image_cells import ProductImages
from furniture_prompter.feeds.mapping import TableMapping
from furniture_prompter.feeds.records import Record
from furniture_prompter.feeds.rows import (
    LIMIT_ATTRIBUTES,
    LIMIT_IMAGES,
    ImageFolder,
    identifier,
    is_address,
)
from furniture_prompter.feeds.values.text import category_paths, category_prefixes
from furniture_prompter.feeds.variant_rows import (
    add_base_words,
    add_counts,
    add_option,
    add_prices,
    are_unlike,
    colors_of,
    common_title,
    first_of,
    forms_of,
    is_child,
    made_variant,
    options_of,
    set_lowest,
    variant_id,
    without_doubles,
)
from furniture_prompter.feeds.variants import refuse_excess

_LOWEST: Final = ("price", "sale_price")
_HASH_CHARACTERS: Final = 16
_NOTHING: Final[Mapping[Path, str]] = MappingProxyType({})


@dataclass(slots=True)
class Counts:
    """What a feed held that became no product of its own.

    Attributes:
        rows: Rows that were read.
        hidden: Rows that the shop does not show, by the column and value that say so.
        addresses: Images that are addresses and were left out.
        headings: What rows of one text and nothing else say, such as a table's headings.
        headings_as_ids: What those say that have it in a column of ids.
        unpriced: Products without a price, which say that it is told to those who ask.
        unpriced_variants: Variants that say so, of products that have a price.
        instead_of_price: What the first of them says.
        unseen: The first id in which there were characters that nobody sees, without them.
        unseen_ids: How many there are.
        cut: Products with more columns of their own than a product may have.
        cut_at: The line of the first of them.
        unlike: Ids of products whose rows have titles and images of which none are alike.
    """

    rows: int = 0
    hidden: dict[str, int] = field(default_factory=dict)
    addresses: int = 0
    headings: list[str] = field(default_factory=list)
    headings_as_ids: list[str] = field(default_factory=list)
    unpriced: int = 0
    unpriced_variants: int = 0
    instead_of_price: str = ""
    unseen: str = ""
    unseen_ids: int = 0
    cut: int = 0
    cut_at: int = 0
    unlike: list[str] = field(default_factory=list)

    @property
    def hidden_rows(self) -> int:
        """Rows that the shop does not show, whatever says so."""
        return sum(self.hidden.values())

    @property
    def told(self) -> int:
        """How often a row was counted in that is told in every run, and so has to be read."""
        return self.hidden_rows + self.unseen_ids + self.cut + len(self.unlike)


class ProductBuilder:
    """Turns the rows of one product into feed items; an id belongs to the first that has it."""

    def __init__(
        self,
        source: Path,
        mapping: TableMapping,
        address_path: Callable[[str], Path] | None,
        folder: Path | None = None,
    ) -> None:
        """Take what all products of a feed share.

        Args:
            source: The file at fault in set-asides.
            mapping: What its columns mean.
            address_path: See :class:`furniture_prompter.feeds.rows.ImageFolder`.
            folder: Where images lie; the file's when left out.
        """
        self._source = source
        self._mapping = mapping
        self._images = ImageFolder(folder or source.parent, address_path)
        self._own = mapping.layout.keeps_names
        self._has_parents = any(map(mapping.has, ("parent", "parent_number", "children")))
        self._has_variant_images = mapping.has("variant_image")
        self._first_lines = FirstLines()
        self._set_aside = 0
        self.counts = Counts()

    def claim_known(self, known: UnchangedRow, records: Sequence[Record]) -> bool:
        """Take the id of a product that needs no building; whether no other product has it."""
        if self._first_lines.claim(known.product_id, records[known.main].line) is not None:
            return False
        self.counts.rows += len(records)
        return True

    def build(
        self, rows: Sequence[Row], origin: bytes | None = None
    ) -> Iterator[FeedItem | PhotolessRow]:
        """The items of the rows that are one product: it, and what is wrong with parts of it.

        Args:
            rows: What its records say.
            origin: Their digest, where nothing was told of them so far.
        """
        self.counts.rows += len(rows)
        aside, told = self._set_aside, self.counts.told
        main, variants = self._parted(rows)
        if main is None:
            return
        if main.only_text and self._mapping.keyed_by not in {"image", "title"}:
            self.counts.headings.append(main.only_text)
            if main.ids:
                self.counts.headings_as_ids.append(main.only_text)
            return
        own = without_doubles(variants, main)
        add_prices(main, own)
        product_id = ""
        try:
            product_id = self._claim(main)
            attributes, cells = self._shared(main, own)
            title = common_title(main, variants)
            made, problems = self._variants(main, variants, attributes, title)
        except UnusableValueError as problem:
            yield self.set_aside(problem, main, product_id)
            return
        if "group" in main.ids and are_unlike(rows):
            self.counts.unlike.append(product_id)
        found, is_plain = ProductImages(), True
        by_row = {id(row): variant.id for row, variant in made}
        tried: dict[str, tuple[Path, str] | None] = {}
        for row, reference, is_own, is_first in self._references(main, variants, rows):
            if reference not in tried:
                if len(tried) == LIMIT_IMAGES:
                    found.given += 1
                    continue
                try:
                    tried[reference] = self._images.place(reference)
                except UnusableValueError as problem:
                    tried[reference] = None
                    self.counts.addresses += is_address(reference)
                    yield self.set_aside(problem, row, product_id)
                found.given += 1
            placed = tried[reference]
            if placed is not None:
                is_plain = is_plain and self._images.is_named_by(placed[0], reference)
                found.add(*placed, by_row.get(id(row), "") if is_own else "", is_first=is_first)
        every = (main, *(row for row in variants if row is not main))
        wrong = [(row, *each) for row in every for each in row.problems] + problems
        aside_cells = [self.set_aside(why, row, product_id, of) for row, of, why in wrong]
        product = self._product(product_id, title, main, variants, attributes, made)
        own_cells = {name: text for name, text in cells.items() if name in product.attributes}
        plain = FeedRow(product, (), self._source, main.line, own_cells or NO_CELLS)
        if not found.given:
            why_not = self.set_aside(_without_image(self._mapping, product_id), main, product_id)
            yield PhotolessRow(plain, why_not, tuple(aside_cells))
            return
        if found.given > LIMIT_IMAGES:
            too_many = UnusableValueError(
                f"The product names {found.given} images, more than {LIMIT_IMAGES}; the first were "
                "kept.",
                "Keep the best ones.",
            )
            yield self.set_aside(too_many, main, product_id, "image")
        yield from aside_cells
        if not found.images:
            yield PhotolessRow(plain, None)
            return
        self._count_unpriced(main, variants, is_priced="price" in product.attributes)
        # Whoever knows its records knows all of it where nothing else was told of them.
        is_told = is_plain and self._set_aside == aside and self.counts.told == told
        place = next(place for place, row in enumerate(rows) if row is main)
        yield replace(
            plain,
            images=tuple(found.images),
            addresses=found.addresses or _NOTHING,
            variant_of=found.variant_of if len(made) > 1 else _NOTHING,
            origin=(origin.hex(), place) if is_told and origin is not None else None,
        )

    def _count_unpriced(self, main: Row, variants: Sequence[Row], *, is_priced: bool) -> None:
        saying = [
            row
            for row in (main, *(each for each in variants if each is not main))
            if row.instead_of_price and "price" not in row.attributes
        ]
        if not saying:
            return
        counts = self.counts
        counts.instead_of_price = counts.instead_of_price or saying[0].instead_of_price
        counts.unpriced += not is_priced
        counts.unpriced_variants += is_priced and len(saying)

    def set_aside(
        self, problem: UnusableValueError, row: Row, product_id: str = "", column: str = ""
    ) -> SetAside:
        """What is wrong with a row or one of its cells, as the feed yields it."""
        self._set_aside += 1
        item = SetAside(
            self._source,
            row.line,
            problem.reason,
            problem.cure,
            product_id or problem.product_id,
            column,
            problem.hides_ids,
        )
        return _cut_off(item) if row.may_be_cut else item

    def _parted(self, rows: Sequence[Row]) -> tuple[Row | None, list[Row]]:
        """The row that tells the product, and those of its variants; None where it is hidden."""
        if self._has_parents:
            main = next((row for row in rows if not is_child(row, rows)), None)
            variants = [row for row in rows if row is not main]
            head = main or rows[0]
        else:
            main = next((row for row in rows if "title" in row.words), rows[0])
            head = main
            variants = forms_of(rows) if "group" in main.ids and not main.variants else []
        if head.hidden or (head is main and not variants and head.is_not_alone):
            reason = head.hidden or "visibility"
            self.counts.hidden[reason] = self.counts.hidden.get(reason, 0) + len(rows)
            return None, []
        for row in variants:
            if row.hidden:
                self.counts.hidden[row.hidden] = self.counts.hidden.get(row.hidden, 0) + 1
        variants = [row for row in variants if not row.hidden]
        if main is None:
            if not variants:
                return None, []
            main = variants[0]
        if not variants and main.variants:
            variants = main.variants
        return main, variants

    def _claim(self, main: Row) -> str:
        """The product's id, which no other product has.

        Raises:
            UnusableValueError: there is none, it cannot be used, or another row has it.
        """
        value = main.ids.get("group") or self._own_key(main)
        product_id = identifier(value)
        if isinstance(value, str) and has_unseen_characters(value):
            self.counts.unseen = self.counts.unseen or product_id
            self.counts.unseen_ids += 1
        first = self._first_lines.claim(product_id, main.line)
        if first is not None:
            raise UnusableValueError(
                f"The id {shown(product_id)} is already in line {first}.",
                "Give each product an id of its own; several images of one go into one row.",
                product_id,
            )
        return product_id

    def _own_key(self, main: Row) -> object:
        if parent := main.ids.get("parent"):
            # A product whose own row is hidden or lost is called as its variants call it.
            return parent
        for role in ("id", "alt_id", "gtin", "slug", "url"):
            value = main.ids.get(role)
            if value not in (None, ""):
                if role in {"id", "alt_id"}:
                    return value
                return str(value) if role != "url" else _hashed(str(value), len(str(value)))
        keyed = self._mapping.keyed_by
        if keyed == "image" and main.images:
            return _hashed(main.images[0])
        if keyed == "title" and main.words.get("title"):
            return _hashed(main.words["title"])
        raise UnusableValueError("The row has no id.", "Give every product an id of its own.")

    def _references(
        self, main: Row, variants: Sequence[Row], rows: Sequence[Row]
    ) -> Iterator[tuple[Row, str, bool, bool]]:
        """Row, reference, whether it may be of the row's variant alone, whether it is its first."""
        for number, reference in enumerate(main.images):
            is_variant = any(row is main for row in variants) and not self._has_variant_images
            yield main, reference, is_variant, not number
        for row in variants:
            if row is not main:
                for number, reference in enumerate(row.images):
                    yield row, reference, not self._has_variant_images, not number
            for number, reference in enumerate(row.own_images):
                yield row, reference, True, not number
        if not variants:
            for reference in main.own_images:
                yield main, reference, False, False
        if len(rows) > 1:
            told = {id(main), *map(id, variants)}
            for row in rows:
                # A row of a photo alone, as Shopify writes the second and further ones.
                if id(row) not in told and not row.hidden:
                    for reference in row.images:
                        yield row, reference, False, False

    def _variants(
        self,
        main: Row,
        rows: Sequence[Row],
        shared: dict[str, AttributeValue],
        title: str,
    ) -> tuple[list[tuple[Row, Variant]], list[tuple[Row, str, UnusableValueError]]]:
        made: list[tuple[Row, Variant]] = []
        problems: list[tuple[Row, str, UnusableValueError]] = []
        if not rows:
            return made, problems
        taken: set[str] = set()
        for row in rows:
            options = options_of(row, main)
            try:
                own_id = variant_id(row, options, len(made))
                if own_id in taken:
                    raise UnusableValueError(
                        f"The variant {shown(own_id)} is there twice.",
                        "Give each variant an id of its own.",
                    )
            except UnusableValueError as problem:
                problems.append((row, "variant", problem))
                continue
            taken.add(own_id)
            made.append((row, made_variant(own_id, row, options, shared, title)))
        try:
            refuse_excess([variant for _, variant in made])
        except UnusableValueError as problem:
            problems.append((main, "variants", problem))
            made = []
        if len(made) == 1 and not made[0][1].options and not made[0][1].color:
            # One form alone is the product itself, and its own id stays to be found.
            if made[0][1].id != text_of(main.ids.get("group") or main.ids.get("id")):
                shared.setdefault("sku", made[0][1].id)
            return [], problems
        return made, problems

    def _shared(
        self, main: Row, variants: Sequence[Row]
    ) -> tuple[dict[str, AttributeValue], dict[str, str]]:
        """Attributes of the product: the main row's, and what all of its variants agree on."""
        attributes = dict(main.attributes)
        if variants:
            is_one = any(row is main for row in variants)
            names = dict.fromkeys(name for row in variants for name in row.attributes)
            for name in names:
                values = {row.attributes.get(name) for row in variants}
                values.discard(None)
                if len(values) == 1 and name not in attributes:
                    attributes[name] = next(iter(values))  # type: ignore[assignment]  # None is out
                elif len(values) > 1 and is_one and name not in _LOWEST:
                    attributes.pop(name, None)
            set_lowest(attributes, [row.attributes for row in variants])
            stocks = [row.attributes.get("stock") for row in variants]
            if all(isinstance(each, float) for each in stocks):
                attributes["stock"] = sum(each for each in stocks if isinstance(each, float))
            if any(row.attributes.get("availability") == "in stock" for row in variants):
                attributes["availability"] = "in stock"
        elif main.options:
            for name, value in options_of(main, main).items():
                add_option(attributes, main, name, value)
        if len(attributes) > LIMIT_ATTRIBUTES:
            self.counts.cut += 1
            self.counts.cut_at = self.counts.cut_at or main.line
            for name in [*attributes][LIMIT_ATTRIBUTES:]:
                del attributes[name]
        cells = {
            name: prose(text)
            for name, text in main.cells.items()
            if attributes.get(name) == main.attributes.get(name)
        }
        return attributes, cells

    def _paths_of(self, category: str) -> tuple[tuple[str, ...], ...]:
        """The path that a category in the shop's words is; our own columns have theirs already."""
        if self._own or not category:
            return ()
        return category_paths(category)

    def _product(
        self,
        product_id: str,
        title: str,
        main: Row,
        variants: Sequence[Row],
        attributes: dict[str, AttributeValue],
        made: Sequence[tuple[Row, Variant]],
    ) -> Product:
        words = main.words
        rows = [main, *(row for row in variants if row is not main)]
        color = words.get("color") or words.get("colors") or ""
        if made:
            colors = colors_of([variant for _, variant in made])
            if colors and (any(row is main for row, _ in made) or not color):
                color = colors
        description = first_of(rows, "description") or first_of(rows, "short_description")
        paths = main.paths or next((row.paths for row in rows if row.paths), ())
        add_base_words(attributes, color, [variant for _, variant in made])
        add_counts(attributes, title)
        category = first_of(rows, "category")
        paths = paths or self._paths_of(category)
        prefixes = _prefixes(paths)
        if prefixes:
            attributes["category_path"] = prefixes
        return Product(
            id=product_id,
            title=title or product_id,
            category=category or (max(paths, key=len)[-1] if paths else ""),
            color=color,
            description=description,
            tags=main.tags or next((row.tags for row in rows if row.tags), ()),
            attributes=attributes,
            variants=tuple(variant for _, variant in made),
        )


@lru_cache(maxsize=16_384)
def _prefixes(paths: tuple[tuple[str, ...], ...]) -> tuple[str, ...]:
    return category_prefixes(paths)


def _hashed(text: str, characters: int = 0) -> str:
    """A text as an id: as it is where it is short enough, else its hash."""
    if 0 < characters <= 200:
        return text
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_HASH_CHARACTERS]


def _without_image(mapping: TableMapping, product_id: str) -> UnusableValueError:
    if not (mapping.has("title") or mapping.names_images):
        return UnusableValueError(
            f"The catalog has no product {shown(product_id)}, and a new one needs a photo.",
            "Index the list that has its title and photo, or name the column of ids that the "
            "catalog has with --map id=COLUMN.",
        )
    if not mapping.names_images:
        return UnusableValueError(
            "No photo beside the feed is called as the product is.",
            f"Put one there, such as {product_id}.jpg, or into a folder {product_id}.",
        )
    column = (mapping.columns_of("image") or ("image",))[0]
    return UnusableValueError(
        "The row names no image.", f"Name at least one image file or address in {column}."
    )


def _cut_off(item: SetAside) -> SetAside:
    """A set-aside of a row in which the file ends: it may be cut off there."""
    reason = f"{item.reason} The file ends in this row without a line break, as if it were cut off."
    return replace(item, reason=reason, hides_ids=True)
