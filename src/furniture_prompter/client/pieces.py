"""The answer of the API about the pieces in a photo of a room."""

from dataclasses import dataclass
from typing import Any, Self

from furniture_prompter.client.answers import Json


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
        found = []
        for each in value["pieces"]:
            box = each["box"]
            sides = box["x"], box["y"], box["width"], box["height"]
            found.append(Piece(sides, each["score"], each["kind"]))
        return cls(tuple(found), value)
