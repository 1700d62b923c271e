"""What goes with a piece: kinds that stand together, and in each the pieces of a like look.

How likely a room with a piece of one kind has one of another is the table's word
(:mod:`furniture_prompter.understanding.rooms`), or that of the shop's own rooms. Within a kind the
photos' colours decide, and the colours and materials that the catalog names. Evidence is added up
in natural logarithms, so that a weight says by what factor a piece becomes likelier.
"""

import asyncio
import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from cachetools import LRUCache
from numpy.typing import NDArray

from furniture_prompter.catalog.columns import NUMBER, VECTOR
from furniture_prompter.catalog.reader import CatalogReader
from furniture_prompter.catalog.vector_index import Numbers
from furniture_prompter.domain import CatalogReference, Product
from furniture_prompter.domain.outfit import Companion, GoesWith, Offer, Reason
from furniture_prompter.domain.query import Piece
from furniture_prompter.encoders.card import EncoderCard
from furniture_prompter.errors import InvalidQueryError
from furniture_prompter.search.query_vectors import Vectors, mean_photo, with_colour_weight
from furniture_prompter.search.validation import number_of_product
from furniture_prompter.settings import Settings
from furniture_prompter.understanding.rooms import (
    RoomTable,
    ShopRooms,
    Tie,
    kind_in,
    read_rooms,
    room_table,
)
from furniture_prompter.understanding.thesaurus import Thesaurus, thesaurus

MOST_COMPANIONS: Final = 50
"""Pieces that one answer may have."""
MOST_PRODUCTS: Final = 300_000
"""Products of a catalog whose kinds are read; of a larger one the others are never suggested."""

MOST_KINDS: Final = 24
"""Kinds that are looked into, the likeliest."""
OF_KIND: Final = 30
"""Pieces of each kind that are weighed, the nearest in colours."""

COLOUR_WEIGHT: Final = 0.8
"""Share of the colours in the likeness of two photos: the shape says most of all of which kind a
piece is, and that is another one here."""
TONES: Final = 0.35
"""For each standard deviation that a photo is nearer than an average one, up to 2.5."""
_MOST_DEVIATIONS: Final = 2.5
SAME_COLOUR: Final = 0.5
SAME_NEUTRAL: Final = 0.25
"""White with white says less than red with red: neutral colours stand beside any."""
SAME_MATERIAL: Final = 0.5
TOGETHER: Final = 2.0
"""Where the shop shows both in one room."""
OUT_OF_PLACE: Final = 2.0
"""What a piece for inside loses beside one for outside."""
_TOLD_OUTDOORS: Final = 16_384
"""Products of which it is kept whether they are for outside."""
UNTOLD: Final = 0.05
"""How likely a kind stands with another that neither the table nor a count brings together."""
OF_ONE_KIND: Final = 1.2
"""What a piece loses for each one of its kind before it."""
OF_ONE_FAMILY: Final = 0.4
"""And for each one of its family: lamps, seats."""

_NEUTRAL: Final = frozenset({"white", "black", "grey", "beige", "brown", "transparent"})
_MOST_REASONS: Final = 3
_TOLD_DEVIATIONS: Final = 1.0
_CATEGORIES: Final = ("category", "category_en", "category_tr")


@dataclass(frozen=True, slots=True)
class Ranked:
    """A piece that was weighed.

    Attributes:
        kind: Its kind.
        score: Sum of the evidence, a natural logarithm.
        number: The catalog's own number of it.
        product: The product.
        offer: What it costs.
        why: Reasons, the strongest first.
    """

    kind: str
    score: float
    number: int
    product: Product
    offer: Offer
    why: tuple[Reason, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Pool:
    """What may go with a product.

    Attributes:
        product: The product.
        kind: Its kind; empty where it is not known.
        look: Its photos as one vector, shape (d,), by which the photos of others are chosen.
        ranked: Best first.
        notes: Sentences a person should read.
    """

    product: Product
    kind: str
    look: Vectors
    ranked: tuple[Ranked, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Stock:
    """The kinds of a version's products.

    Attributes:
        numbers: By kind, rising.
        rooms: The shop's own, counted; None without any.
        by_id: Number of each product of the shop's rooms.
    """

    numbers: Mapping[str, Numbers]
    rooms: ShopRooms | None
    by_id: Mapping[str, int]


class Companions:
    """Finds what goes with pieces on one catalog version."""

    def __init__(
        self, reader: CatalogReader, card: Callable[[], EncoderCard], settings: Settings
    ) -> None:
        """Take the version; its kinds are read when they are first asked for.

        Args:
            reader: The version.
            card: Gives the card of the photo encoder, whose colour part tones are compared by.
            settings: ``thesaurus`` and ``rooms``.
        """
        self._reader = reader
        self._card = card
        self._settings = settings
        self._stock: _Stock | None = None
        self._outdoors: LRUCache[int, bool] = LRUCache(_TOLD_OUTDOORS)
        self._lock = asyncio.Lock()

    async def goes_with(self, product_id: str, where: str | None, limit: int) -> GoesWith:
        """What goes with a product, of several kinds.

        Args:
            product_id: Its id.
            where: A filter that pieces must pass; None for none.
            limit: Pieces at the most, from 1 to :data:`MOST_COMPANIONS`.

        Raises:
            ProductNotFoundError: the catalog has none of that id.
            InvalidQueryError, InvalidFilterError: `limit` or `where` cannot be used.
            InvalidRoomsError: the shop's rooms cannot be read.
        """
        if not 1 <= limit <= MOST_COMPANIONS:
            raise InvalidQueryError(f"`limit` is {limit}. Ask for 1 to {MOST_COMPANIONS} pieces.")
        pool = await self.pool(product_id, where)
        chosen = diversified(pool.ranked, limit, room_table())
        shown = await self.present(chosen, pool.look)
        return GoesWith(pool.product, pool.kind, shown, self.reference, pool.notes)

    @property
    def reference(self) -> CatalogReference:
        """Which catalog answers."""
        manifest = self._reader.manifest
        return CatalogReference(str(self._reader.folder), manifest.version, manifest.encoder.name)

    @property
    def words(self) -> Thesaurus:
        """The thesaurus whose kinds there are."""
        return thesaurus(self._settings.thesaurus)

    async def kinds(self) -> Collection[str]:
        """Every kind that the catalog has."""
        return (await self._read_stock()).numbers.keys()

    async def product(self, product_id: str) -> tuple[int, Product]:
        """A product and the catalog's own number of it.

        Raises:
            ProductNotFoundError: the catalog has none of that id.
        """
        number = await number_of_product(self._reader, product_id)
        return number, (await self._reader.products(np.array([number], np.int64)))[number]

    def kind_of(self, product: Product) -> str:
        """The kind of a product; empty where neither category nor title names one."""
        return self._place(self.concept_of(product), product.category)

    def concept_of(self, product: Product) -> str:
        """The concept of the thesaurus that a product is; empty where it names none."""
        return kind_in(_said_of(product), self.words)

    def _place(self, concept: str, category: str) -> str:
        return room_table().place(concept) if concept else category.strip().casefold()

    async def pool(self, product_id: str, where: str | None) -> Pool:
        """All that may go with a product; see :meth:`goes_with`."""
        reader = self._reader
        number, product = await self.product(product_id)
        concept = self.concept_of(product)
        kind = self._place(concept, product.category)
        stock = await self._read_stock()
        ties = room_table().ties(kind)
        mates: Mapping[str, int] = {}
        if stock.rooms is not None:
            ties, mates = stock.rooms.ties(kind, ties), stock.rooms.mates(product.id)
        passing = None if where is None else (await reader.filter_products(where)).numbers
        vector = await mean_photo(reader, number)
        part = self._card().colour_part
        look = vector if part is None else with_colour_weight(vector, part, COLOUR_WEIGHT)
        shared = {stock.by_id[each]: count for each, count in mates.items()}
        listed, cosines = await self._candidates(look, stock, ties, shared, passing)
        products = await reader.products(np.array(list(listed), np.int64))
        outdoors = self._is_outdoors(number, kind, product)
        ranked = []
        for other, other_kind in listed.items():
            piece = products[other]
            offer = Offer.of(piece)
            # The shop may show two sofas in one room; whoever has one asks for something else.
            if offer is None or other == number or (kind and other_kind == kind):
                continue
            misplaced = outdoors != self._is_outdoors(other, other_kind, piece)
            if misplaced and not outdoors and other not in shared:
                continue
            tie = ties.get(other_kind, Tie(UNTOLD))
            score, why = _weighed(product, piece, cosines[other], shared.get(other, 0))
            if misplaced and other not in shared:
                score -= OUT_OF_PLACE
            told = _of_tie(tie, concept or kind)
            reasons = (*why[:1], *told, *why[1:]) if shared.get(other) else (*told, *why)
            ranked.append(
                Ranked(
                    other_kind,
                    math.log(max(tie.likely, 1e-3)) + score,
                    other,
                    piece,
                    offer,
                    reasons[:_MOST_REASONS] or (Reason("usual"),),
                )
            )
        ranked.sort(key=lambda each: (-each.score, each.number))
        notes = tuple(self._notes(product, kind, stock))
        return Pool(product, kind, look, tuple(ranked), notes)

    def _is_outdoors(self, number: int, kind: str, product: Product) -> bool:
        """Whether a product is for outside: read off its words once, for many ask for the same."""
        told = self._outdoors.get(number)
        if told is None:
            told = room_table().is_outdoors(kind, _said_of(product))
            self._outdoors[number] = told
        return told

    def _notes(self, product: Product, kind: str, stock: _Stock) -> Iterable[str]:
        known = kind in room_table().kinds
        if not known and not (stock.rooms is not None and stock.rooms.mates(product.id)):
            name = product.title or product.id
            yield (
                f"Which rooms “{name}” stands in cannot be told from its category or title; these "
                "are pieces that most rooms have. Give it a category, or name the shop's own rooms "
                "with `rooms`."
            )
        missing = 0 if stock.rooms is None else stock.rooms.missing
        if missing:
            told = "1 product" if missing == 1 else f"{missing:,} products"
            yield f"Not counted of the shop's rooms, for the catalog does not have them: {told}."

    async def _candidates(
        self,
        look: Vectors,
        stock: _Stock,
        ties: Mapping[str, Tie],
        mates: Mapping[int, int],
        passing: Numbers | None,
    ) -> tuple[dict[int, str], dict[int, float]]:
        """Kinds by the numbers of pieces, and how near each is, in standard deviations."""
        similarities = (await self._reader.photo_index(VECTOR)).similarities(look)
        listed: dict[int, str] = {}
        likeliest = sorted(ties, key=lambda kind: (-ties[kind].likely, kind))
        for kind in [each for each in likeliest if each in stock.numbers][:MOST_KINDS]:
            numbers = stock.numbers[kind]
            if passing is not None:
                numbers = np.intersect1d(numbers, passing, assume_unique=True)
            if numbers.size:
                found = await similarities.top(OF_KIND, numbers)
                listed.update(dict.fromkeys(found.tolist(), kind))
        allowed = None if passing is None else set(passing.tolist())
        missing = [each for each in mates if each not in listed]
        if missing:
            kinds = await self._reader.products(np.array(missing, np.int64))
            listed.update(
                (each, self.kind_of(kinds[each]))
                for each in missing
                if allowed is None or each in allowed
            )
        background = similarities.background
        numbers = np.array(sorted(listed), np.int64)
        if not numbers.size:
            return {}, {}
        far = (await similarities.of(numbers) - background.mean) / background.deviation
        return listed, dict(zip(numbers.tolist(), np.nan_to_num(far).tolist(), strict=True))

    async def like(self, piece: Piece, vector: Vectors, where: str | None) -> tuple[Ranked, ...]:
        """Products of a kind that look like a piece of a photo, the nearest first.

        The detector's word limits the kinds; which of them it is, the nearest product says.

        Args:
            piece: The piece.
            vector: Its pixels, encoded, shape (d,).
            where: A filter that products must pass; None for none.

        Raises:
            InvalidFilterError: `where` cannot be used.
        """
        reader = self._reader
        stock = await self._read_stock()
        kinds = self._kinds_called(piece.kind) & stock.numbers.keys() or stock.numbers.keys() - {""}
        passing = None if where is None else (await reader.filter_products(where)).numbers
        similarities = (await reader.photo_index(VECTOR)).similarities(vector)
        of_kinds = {kind: stock.numbers[kind] for kind in kinds}
        if passing is not None:
            of_kinds = {
                kind: np.intersect1d(numbers, passing, assume_unique=True)
                for kind, numbers in of_kinds.items()
            }
        every = np.sort(np.concatenate([np.zeros(0, np.int64), *of_kinds.values()]))
        first = await similarities.top(1, every)
        if not first.size:
            return ()
        kind = next(name for name, numbers in of_kinds.items() if first[0] in numbers)
        numbers = await similarities.top(OF_KIND, of_kinds[kind])
        cosines = await similarities.of(numbers)
        products = await reader.products(numbers)
        background = similarities.background
        return tuple(
            Ranked(
                kind,
                (cosine - background.mean) / background.deviation,
                number,
                products[number],
                offer,
                (Reason("like"),),
            )
            for number, cosine in zip(numbers.tolist(), cosines.tolist(), strict=True)
            if (offer := Offer.of(products[number])) is not None
        )

    def _kinds_called(self, word: str) -> set[str]:
        """Kinds that a detector may mean by a word: `chair` is an office chair, or an easy one."""
        words, table = self.words, room_table()
        concept = words.concepts.get(words.kind(word))
        if concept is None:
            return set()
        own = [term.words for term in concept.terms if term.same]
        return {
            table.place(each.name)
            for each in words.concepts.values()
            if any(term.same and term.words[-len(x) :] == x for term in each.terms for x in own)
        }

    async def present(self, ranked: Sequence[Ranked], look: Vectors) -> tuple[Companion, ...]:
        """Pieces, each with the photo that is nearest to a look, shape (d,)."""
        if not ranked:
            return ()
        numbers = np.array([each.number for each in ranked], np.int64)
        rows = await self._reader.photos(np.unique(numbers), VECTOR)
        assert rows.vectors is not None  # noqa: S101  # they were asked for
        best: dict[int, int] = {}
        cosines = rows.vectors[:, : look.size] @ look
        for row, number in enumerate(rows.numbers.tolist()):
            if number not in best or cosines[row] > cosines[best[number]]:
                best[number] = row
        return tuple(
            Companion(
                each.kind,
                each.score,
                each.product,
                rows.photo(best[each.number], each.product.id),
                each.why,
            )
            for each in ranked
        )

    async def _read_stock(self) -> _Stock:
        async with self._lock:
            if self._stock is None:
                types = self._reader.filter_columns
                further = [name for name in _CATEGORIES if types.get(name) == "text"]
                names = [NUMBER, "id", "title", *further]
                rows = await self._reader.some_products(names, MOST_PRODUCTS)
                self._stock = await asyncio.to_thread(self._stock_of, rows, further)
            return self._stock

    def _stock_of(self, rows: Mapping[str, list[Any]], categories: Sequence[str]) -> _Stock:
        words = self.words
        known: dict[tuple[str, ...], str] = {}
        by_kind: dict[str, list[int]] = {}
        kinds: dict[str, str] = {}
        listed = zip(*(rows[name] for name in (NUMBER, "id", *categories, "title")), strict=True)
        for number, product_id, *texts in listed:
            said = tuple(text or "" for text in texts[:-1])
            if said not in known:
                known[said] = kind_in(said, words)
            concept = known[said] or kind_in((texts[-1] or "",), words)
            kind = kinds[product_id] = self._place(concept, said[0] if said else "")
            by_kind.setdefault(kind, []).append(number)
        numbers = {kind: np.sort(np.array(each, np.int64)) for kind, each in by_kind.items()}
        path = self._settings.rooms
        if path is None:
            return _Stock(numbers, None, {})
        rooms = ShopRooms.of(read_rooms(path), kinds)
        return _Stock(numbers, rooms, dict(zip(rows["id"], rows[NUMBER], strict=True)))


def _said_of(product: Product) -> list[str]:
    """Categories and title, in the order in which they are believed."""
    further = (product.attributes.get(name) for name in _CATEGORIES[1:])
    texts = [each for each in further if isinstance(each, str)]
    return [product.category, *texts, product.title]


def _weighed(
    product: Product, other: Product, deviations: float, rooms: int
) -> tuple[float, list[Reason]]:
    """How much two pieces are of one look, and reasons that say so."""
    near = min(max(deviations, -_MOST_DEVIATIONS), _MOST_DEVIATIONS)
    score, why = TONES * near, []
    if rooms:
        score += TOGETHER
        why.append(Reason("together", count=rooms))
    materials = _both(product, other, "base_materials")
    if materials:
        score += SAME_MATERIAL
        why.append(Reason("material", materials[0]))
    colours = _both(product, other, "base_colors")
    if colours:
        telling = [each for each in colours if each not in _NEUTRAL]
        score += SAME_COLOUR if telling else SAME_NEUTRAL
        why.append(Reason("colour", (telling or colours)[0]))
    elif near >= _TOLD_DEVIATIONS:
        why.append(Reason("tones"))
    return score, why


def _both(product: Product, other: Product, column: str) -> list[str]:
    """What both have in a column of base colours or materials, in the first one's order."""
    first, second = product.attributes.get(column), other.attributes.get(column)
    if not isinstance(first, tuple) or not isinstance(second, tuple):
        return []
    return [each for each in first if each in second and each != "multicolour"]


def _of_tie(tie: Tie, concept: str) -> list[Reason]:
    """Why a kind goes with another: what was counted before what is said of rooms."""
    if tie.counted > 1:
        return [Reason("counted", concept, tie.counted)]
    if tie.beside:
        return [Reason("beside", concept)]
    if tie.room:
        return [Reason("room", tie.room)]
    return [Reason("counted", concept, tie.counted)] if tie.counted else []


def diversified(ranked: Sequence[Ranked], limit: int, table: RoomTable) -> list[Ranked]:
    """The best pieces, such that none is chosen for being the fifth of its kind.

    Args:
        ranked: Best first.
        limit: Pieces wanted.
        table: What is of one family.
    """
    scores: NDArray[np.float64] = np.array([each.score for each in ranked], np.float64)
    kinds = np.array([each.kind for each in ranked], object)
    families = np.array([table.families.get(each.kind, "") for each in ranked], object)
    chosen: list[Ranked] = []
    for _ in range(min(limit, len(ranked))):
        place = int(scores.argmax())
        chosen.append(ranked[place])
        scores[kinds == kinds[place]] -= OF_ONE_KIND
        if families[place]:
            scores[families == families[place]] -= OF_ONE_FAMILY
        scores[place] = -np.inf
    return chosen
