"""Photos of queries: a file, bytes or pixels become what a query brings to the encoder."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np

from furniture_prompter import event_loop
from furniture_prompter.domain import Query, RgbImage
from furniture_prompter.domain.feed import is_web_address
from furniture_prompter.domain.query import Crop, LookedAt, Piece
from furniture_prompter.encoders.decoding import (
    PhotoLimits,
    decode_photo,
    names_orientation,
    read_photo_bytes,
)
from furniture_prompter.encoders.detector import Detector
from furniture_prompter.encoders.screenshots import find_picture
from furniture_prompter.errors import InvalidPhotoError, InvalidQueryError
from furniture_prompter.search.pieces import SIDE_PX, box_of, no_detector, pieces_in
from furniture_prompter.search.query_vectors import Upright, Vectors
from furniture_prompter.settings import Settings

load_detector = cache(Detector.load)
"""A detector by its folder, loaded once in a process."""

PhotoInput = str | Path | bytes | RgbImage


class QueryPhotos:
    """Decodes the photos of queries as large as an encoder needs, and looks what they are."""

    def __init__(
        self, side_px: int | None, limits: PhotoLimits, detector: Path | None = None
    ) -> None:
        """Take how to look.

        Args:
            side_px: Side of the encoder's square; None for full size.
            limits: What to refuse.
            detector: Folder of what finds pieces, which is loaded when they are asked for.
        """
        self._side_px = side_px
        self._limits = limits
        self._detector = detector

    def added(self, query: Query, photo: PhotoInput, crop: Crop | None) -> Query:
        """A query with its photo, and with the picture in it where it is a screenshot.

        Args:
            query: The query; `whole` takes the photo as it is.
            photo: A file, its bytes, or pixels of shape (height, width, 3), uint8, sRGB.
            crop: The part of the photo that is meant; nothing is looked for then.

        Raises:
            InvalidPhotoError: the photo cannot be used.
            InvalidQueryError, EncoderError: the piece that is meant cannot be found.
        """
        if query.piece is not None:
            if crop is not None:
                raise InvalidQueryError("There is a crop and a piece. Leave one of the two out.")
            crop = box_of(self.pieces(photo, asked=True)[1], query.piece)
        name, data = self._named(photo)
        image = self._decoded(name, data, crop)
        looked_at = None
        if crop is None and not query.whole and (picture := find_picture(image)) is not None:
            image = self._decoded(name, data, picture)
            # It is found to the pixel in what was decoded larger.
            looked_at = LookedAt(find_picture(image) or picture)
        told = isinstance(data, bytes) and names_orientation(data)
        return replace(
            query,
            photo=image,
            photo_name=name,
            crop=crop,
            looked_at=looked_at,
            names_orientation=told,
        )

    def pixels(self, photo: PhotoInput, crop: Crop | None) -> RgbImage:
        """The part of a photo that is meant, shape (h, w, 3).

        Raises:
            InvalidPhotoError: the photo cannot be used.
        """
        image = self._decoded(*self._named(photo), crop)
        return image if crop is None else crop.cut(image)

    @property
    def find_pieces(self) -> bool:
        """Whether a detector is set up."""
        return self._detector is not None

    def pieces(self, photo: PhotoInput, *, asked: bool) -> tuple[RgbImage, tuple[Piece, ...]]:
        """A photo's pixels, shape (h, w, 3), and the pieces in it, the surest first.

        Args:
            photo: The photo.
            asked: See :func:`pieces_in`.

        Raises:
            InvalidPhotoError: the photo cannot be used.
            InvalidQueryError: no detector is set up.
            EncoderError: the detector cannot be used.
        """
        if self._detector is None:
            raise no_detector()
        name, data = self._named(photo)
        detector = load_detector(self._detector)
        if isinstance(data, bytes):
            data = decode_photo(data, name=name, target_side_px=SIDE_PX, limits=self._limits)
        return data, pieces_in(detector, data, asked=asked)

    def _named(self, photo: PhotoInput) -> tuple[str, bytes | RgbImage]:
        if isinstance(photo, np.ndarray):
            return "pixels", photo
        if isinstance(photo, bytes):
            return "photo", photo
        if isinstance(photo, str) and is_web_address(photo):
            raise InvalidPhotoError(
                f"The photo {photo} is a web address, and a file is needed. Download it first."
            )
        return str(photo), read_photo_bytes(Path(photo), self._limits)

    def _decoded(self, name: str, data: bytes | RgbImage, crop: Crop | None) -> RgbImage:
        if isinstance(data, np.ndarray):
            return data
        side_px = self._side_px
        if side_px is not None and crop is not None:
            side_px = crop.whole_side_px(side_px)
        return decode_photo(data, name=name, target_side_px=side_px, limits=self._limits)


def find_pieces(
    photo: PhotoInput, *, settings: Settings | None = None
) -> tuple[RgbImage, tuple[Piece, ...]]:
    """The pieces of furniture in a photo of a room, by the detector that the settings name.

    Args:
        photo: A file, its bytes, or pixels of shape (height, width, 3), uint8, sRGB.
        settings: Settings; from the environment when left out.

    Returns:
        The photo's pixels, shape (h, w, 3), and the pieces, the surest first.

    Raises:
        InvalidPhotoError: the photo cannot be used.
        InvalidQueryError: no detector is set up.
        EncoderError: the detector cannot be used.
    """
    chosen = settings or Settings()
    return QueryPhotos(None, PhotoLimits.of(chosen), chosen.detector).pieces(photo, asked=True)


class UprightBeside:
    """Which side of a photo is up, without blocking the caller's event loop."""

    def __init__(self, upright: Upright) -> None:
        """Take what tells it."""
        self._upright = upright

    async def convinces(self, vector: Vectors) -> bool:
        """See :meth:`Upright.convinces`."""
        return await event_loop.run_beside(self._upright.convinces(vector))

    async def quarters(self, rows: Vectors) -> int:
        """See :meth:`Upright.quarters`."""
        return await event_loop.run_beside(self._upright.quarters(rows))
