"""Pieces of a room: when a photo shows one, and what is asked for each piece."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from furniture_prompter.domain import Query, RgbImage
from furniture_prompter.domain.query import Crop, Piece
from furniture_prompter.encoders.protocols import Encoder, RoomTellingEncoder
from furniture_prompter.errors import InvalidQueryError

# A search by words needs neither decoding nor ONNX Runtime, a tenth of a second to load.
if TYPE_CHECKING:
    from furniture_prompter.encoders.detector import Detector

HITS_OF_PIECE: Final = 5
"""Hits that each piece of a room is told with at the most."""
FILLS: Final = 0.5
"""Share of a photo from which one piece alone is what the photo is of."""
SIDE_PX: Final = 1_024
"""Longer side at which a room is decoded, so that its pieces keep some pixels."""


def is_room(pieces: Sequence[Piece]) -> bool:
    """Whether a photo shows more than one piece, or one that does not fill it."""
    if len(pieces) == 1:
        return pieces[0].box.width * pieces[0].box.height < FILLS
    return len(pieces) > 1


def pieces_in(detector: "Detector", image: RgbImage, *, asked: bool) -> tuple[Piece, ...]:
    """The pieces in a photo, the surest first; of a screenshot those in the picture it shows.

    A button of the page around that picture is no piece, and a box of its size is no picture.

    Args:
        detector: What finds them.
        image: Pixels, shape (height, width, 3), uint8, sRGB.
        asked: Whether somebody asked for pieces; else a photo of one product has none.

    Returns:
        Pieces, their boxes in shares of the whole photo.

    Raises:
        EncoderError, EncoderDamagedError: see :meth:`Detector.find`.
    """
    from furniture_prompter.encoders.screenshots import find_picture

    picture = find_picture(image)
    found = detector.find(image if picture is None else picture.cut(image), is_room=asked)
    if not asked and not is_room(found):
        return ()
    if picture is None:
        return found
    return tuple(replace(each, box=each.box.within(picture)) for each in found)


def looks_for_pieces(query: Query) -> bool:
    """Whether the pieces of a query's photo are answered: of no part of it, on the first page."""
    part = query.crop is not None or query.piece is not None
    return not (part or query.whole or query.cursor is not None)


def query_of_piece(query: Query, piece: Piece) -> Query:
    """What is asked for one piece; its vector comes beside it."""
    return replace(
        query,
        photo=None,
        crop=piece.box,
        looked_at=None,
        limit=min(query.limit, HITS_OF_PIECE),
        facets=(),
        heat=False,
    )


def without_room(encoder: Encoder, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Vectors of parts of photos, shape (n, d), without what their rooms add, where that is known.

    Args:
        encoder: What encoded them.
        vectors: Of pieces, or of crops that somebody drew.
    """
    if isinstance(encoder, RoomTellingEncoder):
        return encoder.without_room(vectors)
    return vectors


def box_of(pieces: Sequence[Piece], number: int) -> Crop:
    """The box of the piece of a number, from 1.

    Raises:
        InvalidQueryError: there are fewer.
    """
    if number > len(pieces):
        found = f"only {len(pieces)} were" if pieces else "none was"
        raise InvalidQueryError(
            f"There is no piece {number}: {found} found in the photo. Look with "
            "`furniture-prompter pieces`, or give the part that is meant with --crop."
        )
    return pieces[number - 1].box


def no_detector() -> InvalidQueryError:
    """The error of a question for pieces where the detector is switched off."""
    return InvalidQueryError(
        "The detector is switched off, and without one no pieces are found. Leave --detector and "
        "FURNITURE_PROMPTER_DETECTOR out for the one that ships, or name the folder of another "
        "(docs/encoders.md says what it holds), or give the part that is meant as a crop."
    )
