"""JSON of what a photo is looked at for: the part that is meant, how it was turned, its pieces."""

from dataclasses import asdict
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from furniture_prompter.domain.query import Crop, LookedAt, Piece

_CLOSED: Final = ConfigDict(extra="forbid")


class CropBox(BaseModel):
    """The part of a photo that is meant, in shares of its width and height."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    x: float = Field(ge=0, lt=1, description="Left edge.")
    y: float = Field(ge=0, lt=1, description="Upper edge.")
    width: float = Field(gt=0, le=1)
    height: float = Field(gt=0, le=1)

    def crop(self) -> Crop:
        """The box as searches take it."""
        return Crop(self.x, self.y, self.width, self.height)


class LookedAtFields(BaseModel):
    """What of a photo was searched, where that is not the photo as it came."""

    model_config = _CLOSED

    crop: CropBox | None = Field(description="The picture that was found in it.")
    turned: Literal[0, 90, 180, 270] = Field(description="Degrees clockwise.")


class PieceFields(BaseModel):
    """A piece of furniture in a photo of a room."""

    model_config = _CLOSED

    box: CropBox
    score: float = Field(description="How sure the detector is, 0 to 1.")
    kind: str = Field(description="What the detector calls it.")


class PiecesAnswer(BaseModel):
    """The pieces in a photo, the surest first."""

    model_config = _CLOSED

    pieces: list[PieceFields]


def crop_answer(crop: Crop | None) -> dict[str, float] | None:
    """A crop as ``x``, ``y``, ``width`` and ``height``."""
    return None if crop is None else asdict(crop)


def looked_at_answer(looked_at: LookedAt | None) -> dict[str, Any] | None:
    """What of a photo was searched, as ``crop`` and ``turned``."""
    if looked_at is None:
        return None
    return {"crop": crop_answer(looked_at.crop), "turned": looked_at.turned}


def piece_answer(piece: Piece) -> dict[str, Any]:
    """A piece of a room as ``box``, ``score`` and ``kind``."""
    return {"box": crop_answer(piece.box), "score": piece.score, "kind": piece.kind}
