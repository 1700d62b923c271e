"""The pieces of a photo of a room, in the answers of the API."""

from dataclasses import dataclass
from typing import Any, Self

from furniture_prompter.client.answers import Hit, Json


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of furniture in a photo of a room.

    Attributes:
        box: Left, top, width and height as shares of the photo, as ``crop`` of a search takes it.
        score: How sure the server's detector is, 0 to 1.
        kind: What the detector calls it.
    """

    box: tuple[float, float, float, float]
    score: float
    kind: str

    @classmethod
    def of(cls, value: Any) -> Self:
        """Read an answer's object."""
        box = value["box"]
        sides = box["x"], box["y"], box["width"], box["height"]
        return cls(sides, value["score"], value["kind"])


@dataclass(frozen=True, slots=True)
class PieceHits:
    """A piece of a room, and what answers it.

    Attributes:
        piece: The piece.
        hits: Best first.
        close: Whether the catalog has the kind of the piece; None where that cannot be told.
    """

    piece: Piece
    hits: tuple[Hit, ...]
    close: bool | None

    @classmethod
    def of(cls, value: Any) -> Self:
        """Read an answer's object."""
        hits = tuple(Hit.of(each) for each in value["hits"])
        return cls(Piece.of(value), hits, value.get("close"))


@dataclass(frozen=True, slots=True)
class PiecesAnswer:
    """The pieces in a photo.

    Attributes:
        pieces: The surest first.
        raw: The whole answer.
    """

    pieces: tuple[Piece, ...]
    raw: Json

    @classmethod
    def of(cls, value: Any) -> Self:
        """Read an answer's object."""
        return cls(tuple(Piece.of(each) for each in value["pieces"]), value)
