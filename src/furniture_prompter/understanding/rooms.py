"""Rooms: which kinds of furniture stand together, by a table that ships and a shop's own rooms.

The table, ``rooms.toml``, gives for each sort of room how likely it has a piece of a kind; from
that follows how likely a room that has a piece of one kind has one of another. A shop's own rooms
are counted beside it, and count for more the more of them there are.
"""

import json
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from furniture_prompter.errors import InvalidRoomsError
from furniture_prompter.json_lines import numbered_lines
from furniture_prompter.understanding.thesaurus import Thesaurus, folded_words, thesaurus
from furniture_prompter.understanding.word_forms import word_forms

TABLE_ROOMS: Final = 2.0
"""How many of a shop's rooms the table's word counts for beside those that were counted."""

LIMIT_BYTES: Final = 100_000_000
LIMIT_LINE_BYTES: Final = 1_000_000
LIMIT_ROOMS: Final = 200_000
LIMIT_PIECES: Final = 1_000
"""Products of one room."""
LIMIT_PAIRS: Final = 5_000_000
"""Products that stand together, in all rooms; counting so many takes some two seconds."""
_REMEMBERED: Final = 65_536
"""Words of titles that are kept with what they end; a shop has a few thousand."""

_EXAMPLE: Final = '{"product_ids": ["sofa-1", "rug-7"]}'


@dataclass(frozen=True, slots=True)
class Tie:
    """How a kind goes with another.

    Attributes:
        likely: How likely a room that has the one has the other as well, above 0 to 1.
        beside: Whether both are bought for one another.
        room: The sort of room that both stand in most often; empty where the table has none.
        counted: Rooms of the shop that have both.
    """

    likely: float
    beside: bool = False
    room: str = ""
    counted: int = 0


@dataclass(frozen=True, slots=True)
class RoomTable:
    """Kinds that stand together.

    Attributes:
        rooms: How likely a sort of room has each kind.
        room_names: What a sort of room is called, by language.
        families: The family of each kind that has one.
        outdoors: Folded words of titles by which a piece is one for outside.
    """

    rooms: Mapping[str, Mapping[str, float]]
    room_names: Mapping[str, Mapping[str, str]]
    families: Mapping[str, str]
    outdoors: frozenset[tuple[str, ...]]
    _places: Mapping[str, str] = field(repr=False)
    _beside: frozenset[tuple[str, str]] = field(repr=False)
    _endings: dict[str, tuple[tuple[str, ...], ...]] = field(
        init=False, default_factory=dict, repr=False, compare=False
    )

    @property
    def kinds(self) -> frozenset[str]:
        """Every kind that a room of the table has."""
        return frozenset(kind for kinds in self.rooms.values() for kind in kinds)

    def place(self, concept: str) -> str:
        """The kind whose place in a room a concept of the thesaurus takes; itself where none."""
        return self._places.get(concept, concept)

    def is_outdoors(self, kind: str, texts: Iterable[str]) -> bool:
        """Whether a piece is one for outside: by the only room of its kind, or by what is said."""
        rooms = [room for room, kinds in self.rooms.items() if kind in kinds]
        return rooms == ["garden"] or any(map(self._says_outdoors, texts))

    def _says_outdoors(self, text: str) -> bool:
        words = folded_words(text)
        return any(
            before == words[max(at - len(before), 0) : at]
            for at, word in enumerate(words)
            for before in self._ended_by(word)
        )

    def _ended_by(self, word: str) -> tuple[tuple[str, ...], ...]:
        """What stands before a word, or one that it is a form of, in each phrase of `outdoors`."""
        if word not in self._endings:
            if len(self._endings) >= _REMEMBERED:
                self._endings.clear()
            forms = word_forms(word)
            self._endings[word] = tuple(
                phrase[:-1] for phrase in self.outdoors if phrase[-1] in forms
            )
        return self._endings[word]

    def ties(self, kind: str) -> dict[str, Tie]:
        """What goes with a kind, that kind left out; with an unknown one, what is in most rooms."""
        known = {room: kinds[kind] for room, kinds in self.rooms.items() if kind in kinds}
        shares = known or dict.fromkeys(self.rooms, 1.0)
        total = sum(shares.values())
        parts: dict[str, dict[str, float]] = {}
        for room, share in shares.items():
            for other, likely in self.rooms[room].items():
                parts.setdefault(other, {})[room] = share / total * likely
        parts.pop(kind, None)
        for other in {second for first, second in self._beside if first == kind}:
            parts.setdefault(other, {})
        ties = {other: self._tie(kind, other, rooms) for other, rooms in parts.items()}
        # Where nobody knows a kind's rooms, none may be named.
        return ties if known else {other: replace(tie, room="") for other, tie in ties.items()}

    def _tie(self, kind: str, other: str, rooms: Mapping[str, float]) -> Tie:
        likely, beside = sum(rooms.values()), (kind, other) in self._beside
        # Half of the doubt: not every room with a bed has a nightstand, but that is what it is for.
        likely = (1 + likely) / 2 if beside else likely
        return Tie(likely, beside, max(rooms, key=lambda room: rooms[room], default=""))


@cache
def room_table() -> RoomTable:
    """The table that ships."""
    value = tomllib.loads(files(__package__).joinpath("rooms.toml").read_text("utf-8"))
    places = {each: first for first, others in value["places"].items() for each in others}
    pairs = [(first, each) for first, others in value["beside"].items() for each in others]
    rooms = value["rooms"]
    return RoomTable(
        {name: dict(room["kinds"]) for name, room in rooms.items()},
        {name: {key: room[key] for key in room if key != "kinds"} for name, room in rooms.items()},
        {kind: family for family, kinds in value["families"].items() for kind in kinds},
        frozenset(folded_words(text) for texts in value["outdoors"].values() for text in texts),
        places,
        frozenset([*pairs, *((second, first) for first, second in pairs)]),
    )


def kind_in(texts: Iterable[str], words: Thesaurus) -> str:
    """The concept of the thesaurus that the first of some texts with one names; empty without."""
    return next((kind for text in texts if text and (kind := words.kind(text))), "")


def kind_name(kind: str, language: str) -> str:
    """What people call a kind; a kind that is a shop's own category is called what it is."""
    concept = thesaurus().concepts.get(kind)
    return kind.replace("-", " ") if concept is None else concept.name_in(language)


def with_article(kind: str) -> str:
    """A kind in English, behind its article."""
    name = kind_name(kind, "en")
    return f"an {name}" if name[:1] in "aeiou" else f"a {name}"


@dataclass(frozen=True, slots=True)
class ShopRooms:
    """A shop's own rooms, in kinds and in products.

    Attributes:
        rooms: Rooms that have at least two products of the catalog.
        products: Products of them, each counted once.
        missing: Products of them that the catalog does not have.
    """

    rooms: int
    products: int
    missing: int
    _having: Mapping[str, int] = field(repr=False)
    _pairs: Mapping[str, Counter[str]] = field(repr=False)
    _mates: Mapping[str, Counter[str]] = field(repr=False)

    @classmethod
    def of(cls, rooms: Iterable[Iterable[str]], kinds: Mapping[str, str]) -> "ShopRooms":
        """Count rooms.

        Args:
            rooms: The product ids of each.
            kinds: The kind of every product of the catalog by its id; empty where it has none.
        """
        having: Counter[str] = Counter()
        pairs: dict[str, Counter[str]] = {}
        mates: dict[str, Counter[str]] = {}
        known: set[str] = set()
        unknown: set[str] = set()
        counted = 0
        for ids in rooms:
            there = list(dict.fromkeys(each for each in ids if each in kinds))
            unknown.update(each for each in ids if each not in kinds)
            known.update(there)
            if len(there) < 2:
                continue
            counted += 1
            for each in there:
                mates.setdefault(each, Counter()).update(x for x in there if x != each)
            here = {kinds[each] for each in there} - {""}
            having.update(here)
            for kind in here:
                pairs.setdefault(kind, Counter()).update(here - {kind})
        return cls(counted, len(known), len(unknown), having, pairs, mates)

    def mates(self, product_id: str) -> Mapping[str, int]:
        """Products that share rooms with one, by id, with how many they share."""
        return self._mates.get(product_id, Counter())

    def ties(self, kind: str, of_table: Mapping[str, Tie]) -> dict[str, Tie]:
        """What goes with a kind by these rooms, and by the table as far as they do not tell."""
        having, pairs = self._having.get(kind, 0), self._pairs.get(kind, Counter())
        none = Tie(0.0)
        found = {}
        for other in {**of_table, **pairs}:
            told, both = of_table.get(other, none), pairs.get(other, 0)
            likely = (both + TABLE_ROOMS * told.likely) / (having + TABLE_ROOMS)
            found[other] = Tie(likely, told.beside, told.room, both)
        return found


def read_rooms(path: Path) -> tuple[tuple[str, ...], ...]:
    """A shop's rooms: the product ids of each.

    Args:
        path: JSON lines, each an object with ``product_ids``; what else it has is not read.

    Raises:
        InvalidRoomsError: it cannot be read, or a line is not of that form.
    """
    try:
        if path.stat().st_size > LIMIT_BYTES:
            raise InvalidRoomsError(
                f"The rooms {path} are larger than {LIMIT_BYTES:,} bytes. Keep the newest."
            )
        with path.open("rb") as file:
            rooms: list[tuple[str, ...]] = []
            pairs = 0
            for number, line in numbered_lines(file, LIMIT_LINE_BYTES):
                rooms.append(_room(line, path, number))
                pairs += len(rooms[-1]) ** 2
                if pairs > LIMIT_PAIRS:
                    raise _invalid(
                        path,
                        number,
                        f"Its rooms and those before have over {LIMIT_PAIRS:,} pairs of products. "
                        "Keep the newest, or part large ones.",
                    )
                if len(rooms) > LIMIT_ROOMS:
                    raise _invalid(
                        path, number, f"There are over {LIMIT_ROOMS:,} rooms. Keep the newest."
                    )
    except OSError as error:
        raise InvalidRoomsError(
            f"The rooms {path} cannot be read ({error.strerror}). Check the path."
        ) from error
    return tuple(rooms)


def _room(line: bytes | None, path: Path, number: int) -> tuple[str, ...]:
    if line is None:
        raise _invalid(path, number, f"It is longer than {LIMIT_LINE_BYTES:,} bytes. Shorten it.")
    try:
        value: Any = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise _invalid(path, number, f"It is no JSON. Write {_EXAMPLE}") from error
    ids = value.get("product_ids") if isinstance(value, dict) else None
    if not isinstance(ids, list) or not all(isinstance(each, str) for each in ids):
        raise _invalid(path, number, f"It has no list of texts `product_ids`. Write {_EXAMPLE}")
    if len(ids) > LIMIT_PIECES:
        raise _invalid(path, number, f"It has over {LIMIT_PIECES:,} products. Part it into rooms.")
    return tuple(ids)


def _invalid(path: Path, number: int, what: str) -> InvalidRoomsError:
    return InvalidRoomsError(f"The rooms {path}, line {number}: {what}")
