"""Outfits: one piece of each kind, the best together that a budget allows.

A multiple-choice knapsack, solved exactly by dynamic programming: for every worth that pieces can
have together the least that they cost, kind by kind. Money is counted in hundredths, and worth in
thousandths of a natural logarithm, as whole numbers.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from furniture_prompter.domain import Product
from furniture_prompter.domain.outfit import (
    Alternative,
    Choice,
    Offer,
    Outfit,
    OutfitRequest,
    Reason,
)
from furniture_prompter.domain.query import Crop, Piece
from furniture_prompter.errors import InvalidQueryError
from furniture_prompter.search.goes_with import (
    OF_ONE_FAMILY,
    Companions,
    Ranked,
)
from furniture_prompter.search.query_vectors import Vectors
from furniture_prompter.understanding.rooms import kind_name, room_table

MOST_PIECES: Final = 12
MOST_BUDGET: Final = 1e12
_ALTERNATIVES: Final = 3
_STEPS: Final = 1_000
_MOST_WORTH: Final = 8_000


@dataclass(frozen=True, slots=True, eq=False)
class Slot:
    """A place in an outfit.

    Attributes:
        kind: The kind that takes it.
        pieces: What may take it, best first.
        look: What photos are chosen by, shape (d,).
        fixed: What was asked for by its id.
        box: Where the piece that it is for is in a photo.
    """

    kind: str
    pieces: tuple[Ranked, ...]
    look: Vectors
    fixed: Ranked | None = None
    box: Crop | None = None


def cents(price: float) -> int:
    """A price in hundredths; what is dearer than any budget counts as just that."""
    return round(min(price, 10 * MOST_BUDGET) * 100)


def best_under(
    costs: Sequence[Sequence[int]], worths: Sequence[Sequence[int]], budget: int
) -> list[int] | None:
    """One item of each group, of the greatest worth together that a budget allows.

    Of equal worth it is the cheapest.

    Args:
        costs: Of the items of each group, at least one, 0 or more.
        worths: Of the same items, 0 or more.
        budget: The most that all cost together.

    Returns:
        The place of the item in each group; None where even the cheapest cost more.
    """
    never = np.iinfo(np.int64).max // 2
    least = np.zeros(1, np.int64)
    chosen: list[np.ndarray[tuple[int], np.dtype[np.int16]]] = []
    for of_group, worth in zip(costs, worths, strict=True):
        size = len(least) + max(worth)
        following = np.full(size, never, np.int64)
        taken = np.full(size, -1, np.int16)
        for place, (cost, gain) in enumerate(zip(of_group, worth, strict=True)):
            if cost > budget:
                continue
            reached = slice(gain, gain + len(least))
            cheaper = least + cost < following[reached]
            following[reached][cheaper] = least[cheaper] + cost
            taken[reached][cheaper] = place
        following[following > budget] = never
        least = following
        chosen.append(taken)
    reachable = np.flatnonzero(least <= budget)
    if not reachable.size:
        return None
    total, places = int(reachable[-1]), []
    for worth, taken in zip(reversed(worths), reversed(chosen), strict=True):
        place = int(taken[total])
        places.append(place)
        total -= worth[place]
    return places[::-1]


class Outfitter:
    """Puts outfits together on one catalog version."""

    def __init__(self, companions: Companions) -> None:
        """Take what knows what goes with a piece."""
        self._companions = companions

    async def for_product(self, asked: OutfitRequest, like: str) -> Outfit:
        """Pieces that go with a product, which is no part of the total.

        Args:
            asked: What is asked for.
            like: Id of the product.

        Raises:
            ProductNotFoundError: the catalog has no such product, or none that is to be put in.
            InvalidQueryError, InvalidFilterError: it cannot be answered as it stands; where the
                budget is too small, the message has the least total.
            InvalidRoomsError: the shop's rooms cannot be read.
        """
        _refuse_out_of_range(asked)
        pool = await self._companions.pool(like, asked.where)
        left_out = {await self._kind(each) for each in asked.leave_out}
        fixed = await self._fixed(asked, left_out)
        wanted = [each for each in pool.ranked if each.kind not in left_out]
        own = Offer.of(pool.product)
        till = _Till.of(asked, wanted, fixed.values(), own.currency if own is not None else "")
        by_kind: dict[str, list[Ranked]] = {}
        for each in till.payable(wanted):
            by_kind.setdefault(each.kind, []).append(each)
        slots = [
            Slot(kind, tuple(by_kind.get(kind, ())), pool.look, fixed.get(kind))
            for kind in _chosen_kinds(by_kind, list(fixed), asked.limit)
        ]
        notes = [*pool.notes, *till.notes]
        if not slots:
            notes.append(till.why_none(wanted))
        return await self._filled(asked, slots, till, notes, pool.product)

    async def for_photo(
        self, asked: OutfitRequest, pieces: Sequence[tuple[Piece, Vectors]]
    ) -> Outfit:
        """Pieces like those of a photo, one of each kind.

        Args:
            asked: What is asked for.
            pieces: The photo's pieces, the surest first, each with its vector, shape (d,).

        Raises:
            ProductNotFoundError, InvalidQueryError, InvalidFilterError: see :meth:`for_product`.
        """
        _refuse_out_of_range(asked)
        if not pieces:
            raise InvalidQueryError(
                "No piece was found in the photo. Send one that shows more of the room, or name a "
                "product with `like`."
            )
        left_out = {await self._kind(each) for each in asked.leave_out}
        fixed = await self._fixed(asked, left_out)
        notes = []
        seen: dict[str, tuple[Piece, Vectors, tuple[Ranked, ...]]] = {}
        for number, (piece, vector) in enumerate(pieces, start=1):
            found = await self._companions.like(piece, vector, asked.where)
            if not found:
                notes.append(f"The catalog has nothing like piece {number}, {piece.kind}.")
            elif found[0].kind not in left_out:
                seen.setdefault(found[0].kind, (piece, vector, found))
        foreign = [kind for kind in fixed if kind not in seen]
        if foreign:
            raise InvalidQueryError(
                f"The photo has no {kind_name(foreign[0], 'en')} to be replaced. It has: "
                f"{', '.join(seen) or 'nothing that the catalog has'}."
            )
        every = [each for _, _, found in seen.values() for each in found]
        till = _Till.of(asked, every, fixed.values(), "")
        slots = [
            Slot(kind, tuple(till.payable(found)), vector, fixed.get(kind), piece.box)
            for kind, (piece, vector, found) in seen.items()
        ]
        notes += [
            f"Of the kind {each.kind} nothing is left that the outfit can have."
            for each in slots
            if not (each.pieces or each.fixed)
        ]
        slots.sort(key=lambda each: each.fixed is None)
        kept = [each for each in slots if each.pieces or each.fixed][: asked.limit]
        return await self._filled(asked, kept, till, [*notes, *till.notes], None)

    async def _kind(self, text: str) -> str:
        """The kind that a text names: by its own name, in words, or a category of the shop.

        Raises:
            InvalidQueryError: it names none.
        """
        words = self._companions.words
        concept = text if text in words.concepts else words.kind(text)
        if concept:
            return room_table().place(concept)
        category = text.strip().casefold()
        if category in await self._companions.kinds():
            return category
        raise InvalidQueryError(
            f"There is no kind {text[:60]!r}. Name one as `goes-with` does, such as coffee-table."
        )

    async def _fixed(self, asked: OutfitRequest, left_out: Collection[str]) -> dict[str, Ranked]:
        """The pieces that are to be put in, by kind, of which none is to be left out."""
        fixed: dict[str, Ranked] = {}
        for text, product_id in asked.replace.items():
            kind = await self._kind(text)
            if kind in left_out:
                raise InvalidQueryError(
                    f"The kind {kind_name(kind, 'en')} is to be put in, and to be left out. Ask "
                    "for one of the two."
                )
            if kind in fixed:
                raise InvalidQueryError(
                    f"Two products are to be put in as {kind}. An outfit has one piece of each "
                    "kind; leave one out."
                )
            number, product = await self._companions.product(product_id)
            own, offer = self._companions.kind_of(product), Offer.of(product)
            name = product.title or product.id
            if product.id == asked.like or any(each.number == number for each in fixed.values()):
                raise InvalidQueryError(
                    f"“{name}” is to be put in, and is there already. Put in another "
                    f"{kind_name(kind, 'en')}."
                )
            if own not in {"", kind}:
                raise InvalidQueryError(
                    f"“{name}” is no {kind_name(kind, 'en')} but a {kind_name(own, 'en')}. Put it "
                    f"in as {own}={product.id}."
                )
            if offer is None:
                raise InvalidQueryError(
                    f"“{name}” cannot be had now. Put in another {kind_name(kind, 'en')}."
                )
            if asked.budget is not None and offer.price is None:
                raise InvalidQueryError(
                    f"“{name}” has no price, and there is a budget. Put in another "
                    f"{kind_name(kind, 'en')}, or ask without a budget."
                )
            fixed[kind] = Ranked(kind, 0.0, number, product, offer, (Reason("chosen"),))
        return fixed

    async def _filled(
        self,
        asked: OutfitRequest,
        slots: Sequence[Slot],
        till: "_Till",
        notes: Sequence[str],
        product: Product | None,
    ) -> Outfit:
        chosen = _chosen(asked, slots, till)
        choices = []
        for slot, piece in zip(slots, chosen, strict=True):
            others = _others(slot, piece, chosen, asked.budget)
            shown = await self._companions.present([piece, *others], slot.look)
            alternatives = [
                Alternative(each, other.offer, till.total(_swapped(chosen, piece, other)))
                for each, other in zip(shown[1:], others, strict=True)
            ]
            is_fixed = slot.fixed is not None
            choices.append(Choice(shown[0], piece.offer, is_fixed, tuple(alternatives), slot.box))
        return Outfit(
            asked=asked,
            choices=tuple(choices),
            total=till.total(chosen),
            currency=till.currency,
            catalog=self._companions.reference,
            product=product,
            notes=(*notes, *till.notes_of(chosen)),
        )


@dataclass(frozen=True, slots=True)
class _Till:
    """Which prices are added up.

    Attributes:
        currency: What they are in; empty where no piece names one.
        strict: Whether only pieces with a price in it are taken.
        budget: Whether pieces need a price.
        notes: What was left out for it.
    """

    currency: str
    strict: bool
    budget: bool
    notes: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        asked: OutfitRequest,
        pieces: Sequence[Ranked],
        fixed: Iterable[Ranked],
        own: str,
    ) -> "_Till":
        """Choose the currency, and say what cannot be paid in it.

        Raises:
            InvalidQueryError: pieces that are to be put in are priced in another one.
        """
        given = [each.offer.currency for each in fixed if each.offer.price is not None]
        priced = Counter(each.offer.currency for each in pieces if each.offer.price is not None)
        most = max(priced, key=lambda code: priced[code], default="")
        currency = asked.currency or (given[0] if given else own if own in priced else most)
        strict = asked.budget is not None or bool(asked.currency)
        if strict and any(code != currency for code in given):
            raise InvalidQueryError(
                f"Pieces to be put in are priced in other currencies than {currency or 'none'}; "
                "prices of several currencies are never added. Put in pieces of one currency."
            )
        notes = []
        dear = sum(count for code, count in priced.items() if code != currency)
        free = sum(each.offer.price is None for each in pieces)
        if strict and dear and priced.keys() == {""}:
            notes.append(
                f"{_products(dear)} without a currency {_were(dear)} left out: no price of this "
                "catalog has one. Leave the currency out."
            )
        elif strict and dear:
            notes.append(
                f"{_products(dear)} priced in another currency than {currency or 'the others'} "
                f"{_were(dear)} left out: prices of several currencies are never added."
            )
        if asked.budget is not None and free:
            notes.append(f"{_products(free)} without a price {_were(free)} left out of the budget.")
        return cls(currency, strict, asked.budget is not None, tuple(notes))

    def payable(self, pieces: Iterable[Ranked]) -> list[Ranked]:
        """Those whose price, or its absence, fits."""
        return [
            each
            for each in pieces
            if (each.offer.price is None and not self.budget)
            or (each.offer.price is not None and not self.strict)
            or (each.offer.price is not None and each.offer.currency == self.currency)
        ]

    def why_none(self, pieces: Sequence[Ranked]) -> str:
        """Why none of the pieces that go with it can be paid, and what helps."""
        if not pieces:
            return "Nothing of the catalog goes with it as it was asked."
        if all(each.offer.price is None for each in pieces) and self.budget:
            return "None of the pieces that go with it has a price. Leave `budget` out."
        return (
            f"None of the pieces that go with it is priced in {self.currency}. Choose another "
            "`currency`, or leave it out."
        )

    def total(self, pieces: Sequence[Ranked]) -> float | None:
        """What some pieces cost together; None where that cannot be added up."""
        prices = [each.offer.price for each in pieces]
        known = [price for price in prices if price is not None]
        currencies = {each.offer.currency for each in pieces if each.offer.price is not None}
        if len(known) < len(prices) or currencies - {self.currency} or not known:
            return None
        return sum(map(cents, known)) / 100

    def notes_of(self, pieces: Sequence[Ranked]) -> list[str]:
        """Why there is no total."""
        free = sum(each.offer.price is None for each in pieces)
        currencies = sorted(
            {each.offer.currency for each in pieces if each.offer.price is not None}
        )
        if free:
            return [f"There is no total: {_products(free)} of the outfit {_have(free)} no price."]
        if len(currencies) > 1:
            named = ", ".join(code or "no currency" for code in currencies)
            told = f"There is no total: the pieces are priced in {named}, and prices of several "
            return [told + "currencies are never added. Choose one with `currency`."]
        return []


def _products(count: int) -> str:
    return "1 product" if count == 1 else f"{count:,} products"


def _were(count: int) -> str:
    return "was" if count == 1 else "were"


def _have(count: int) -> str:
    return "has" if count == 1 else "have"


def _refuse_out_of_range(asked: OutfitRequest) -> None:
    if asked.budget is not None and not 0 < asked.budget <= MOST_BUDGET:
        raise InvalidQueryError(
            f"`budget` is {asked.budget:g}. Give an amount above 0, up to {MOST_BUDGET:,.0f}."
        )
    if not 1 <= asked.limit <= MOST_PIECES:
        raise InvalidQueryError(f"`limit` is {asked.limit}. Ask for 1 to {MOST_PIECES} pieces.")
    if len(asked.replace) > asked.limit:
        raise InvalidQueryError(
            f"{len(asked.replace)} pieces are to be put in with `replace`, and `limit` is "
            f"{asked.limit}. Raise it, or put in fewer."
        )


def _chosen_kinds(
    by_kind: Mapping[str, Sequence[Ranked]], fixed: Sequence[str], limit: int
) -> list[str]:
    """Kinds of an outfit: those put in, then those of the best pieces, not all of one family."""
    table = room_table()
    chosen = list(fixed)
    while len(chosen) < limit:
        taken = Counter(table.families.get(kind, kind) for kind in chosen)
        worth = {
            kind: pieces[0].score - OF_ONE_FAMILY * taken[table.families.get(kind, kind)]
            for kind, pieces in by_kind.items()
            if kind not in chosen
        }
        if not worth:
            break
        chosen.append(max(worth, key=lambda kind: worth[kind]))
    return chosen


def _chosen(asked: OutfitRequest, slots: Sequence[Slot], till: _Till) -> list[Ranked]:
    """The piece of each slot.

    Raises:
        InvalidQueryError: the budget is too small; the message has the least total.
    """
    options = [[slot.fixed] if slot.fixed is not None else list(slot.pieces) for slot in slots]
    if asked.budget is None:
        return [each[0] for each in options]
    costs = [[_cents_of(piece) for piece in each] for each in options]
    worths = [_worths(each) for each in options]
    places = best_under(costs, worths, cents(asked.budget))
    if places is not None:
        return [each[place] for each, place in zip(options, places, strict=True)]
    least = [min(each, key=_cents_of) for each in options]
    total = sum(map(_cents_of, least)) / 100
    code = f" {till.currency}" if till.currency else ""
    parts = ", ".join(f"{each.kind} {each.offer.price:,.2f}" for each in least)
    dearest = max(least, key=_cents_of).kind
    raise InvalidQueryError(
        f"A budget of {asked.budget:,.2f}{code} is too small for these {len(slots)} pieces: the "
        f"least total is {total:,.2f}{code} ({parts}). Raise `budget`, lower `limit`, or leave a "
        f"piece out with `leave_out`, such as {dearest}."
    )


def _cents_of(piece: Ranked) -> int:
    return 0 if piece.offer.price is None else cents(piece.offer.price)


def _worths(pieces: Sequence[Ranked]) -> list[int]:
    """How much better each is than the least of them, in thousandths."""
    least = min(each.score for each in pieces)
    return [min(round(_STEPS * (each.score - least)), _MOST_WORTH) for each in pieces]


def _others(
    slot: Slot, piece: Ranked, chosen: Sequence[Ranked], budget: float | None
) -> list[Ranked]:
    """The best that may take a piece's place within the budget."""
    rest = sum(map(_cents_of, chosen)) - _cents_of(piece)
    return [
        each
        for each in slot.pieces
        if each.number != piece.number
        and (budget is None or rest + _cents_of(each) <= cents(budget))
    ][:_ALTERNATIVES]


def _swapped(chosen: Sequence[Ranked], piece: Ranked, other: Ranked) -> list[Ranked]:
    return [other if each is piece else each for each in chosen]


def one_of_both() -> InvalidQueryError:
    """The error of an outfit that is for nothing, or for two things."""
    return InvalidQueryError(
        "An outfit is for a product or for a photo. Give one of them: the product's id as `like`, "
        "or a photo of a room."
    )
