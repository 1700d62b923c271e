"""Photos of queries: a file, bytes or pixels become what a query brings to the encoder."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from furniture_prompter.domain import Query, RgbImage
from furniture_prompter.domain.query import Crop, LookedAt
from furniture_prompter.encoders.decoding import (
    PhotoLimits,
    decode_photo,
    names_orientation,
    read_photo_bytes,
)
from furniture_prompter.encoders.screenshots import find_picture

PhotoInput = str | Path | bytes | RgbImage


class QueryPhotos:
    """Decodes the photos of queries as large as an encoder needs, and looks what they are."""

    def __init__(self, side_px: int | None, limits: PhotoLimits) -> None:
        """Take the side of the encoder's square, None for full size, and what to refuse."""
        self._side_px = side_px
        self._limits = limits

    def added(self, query: Query, photo: PhotoInput, crop: Crop | None) -> Query:
        """A query with its photo, and with the picture in it where it is a screenshot.

        Args:
            query: The query; `whole` takes the photo as it is.
            photo: A file, its bytes, or pixels of shape (height, width, 3), uint8, sRGB.
            crop: The part of the photo that is meant; nothing is looked for then.

        Raises:
            InvalidPhotoError: the photo cannot be used.
        """
        name, data = self._named(photo)
        image = self._decoded(name, data, crop)
        looked_at = None
        if crop is None and not query.whole and (picture := find_picture(image)) is not None:
            looked_at = LookedAt(picture)
            image = self._decoded(name, data, picture)
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

    def _named(self, photo: PhotoInput) -> tuple[str, bytes | RgbImage]:
        if isinstance(photo, np.ndarray):
            return "pixels", photo
        if isinstance(photo, bytes):
            return "photo", photo
        return str(photo), read_photo_bytes(Path(photo), self._limits)

    def _decoded(self, name: str, data: bytes | RgbImage, crop: Crop | None) -> RgbImage:
        if isinstance(data, np.ndarray):
            return data
        side_px = self._side_px
        if side_px is not None and crop is not None:
            side_px = crop.whole_side_px(side_px)
        return decode_photo(data, name=name, target_side_px=side_px, limits=self._limits)
