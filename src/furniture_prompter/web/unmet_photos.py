"""Photos that found nothing, where a shop has small pictures of them kept with the events."""

import io
import logging
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from furniture_prompter.atomic_files import replace_bytes
from furniture_prompter.domain import RgbImage
from furniture_prompter.domain.behaviour import PHOTOS_FOLDER

_LOG = logging.getLogger("furniture_prompter.web")

PICTURE_SIDE_PX: Final = 160
"""Longer side of what is kept of a photo that found nothing."""
KEPT_DAYS: Final = 90
"""Days after which it goes, when the next one comes."""
_PICTURE_QUALITY: Final = 75


class UnmetPhotos:
    """Small pictures and vectors of photos that found nothing, the newest of them, for a while."""

    def __init__(self, folder: Path, limit_photos: int) -> None:
        """Keep none yet.

        Args:
            folder: Where the events lie.
            limit_photos: Most that are kept; the oldest go first.
        """
        self._folder = folder / PHOTOS_FOLDER
        self._limit_photos = limit_photos

    def keep(self, sha256: str, image: RgbImage, vector: NDArray[np.float32]) -> None:
        """Keep a photo; one that is kept is new again.

        Args:
            sha256: Of its file and the part of it that was meant, hexadecimal.
            image: Its pixels, shape (h, w, 3), as they were searched.
            vector: Shape (d,).
        """
        picture = Image.fromarray(image)
        picture.thumbnail((PICTURE_SIDE_PX, PICTURE_SIDE_PX), Image.Resampling.LANCZOS)
        data = io.BytesIO()
        picture.save(data, "JPEG", quality=_PICTURE_QUALITY)
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            replace_bytes(self._folder / f"{sha256}.jpg", data.getvalue(), private=True)
            halves = vector.astype("<f2").tobytes()
            replace_bytes(self._folder / f"{sha256}.f16", halves, private=True)
            self._forget()
        except OSError as error:
            _LOG.error("a photo that found nothing could not be kept: %s", error.strerror)

    def _forget(self) -> None:
        kept = []
        for path in self._folder.glob("*.f16"):
            # Another worker may forget it at the same time.
            with suppress(FileNotFoundError):
                kept.append((path.stat().st_mtime, path))
        oldest_s = time.time() - KEPT_DAYS * 86_400
        for place, (written_s, path) in enumerate(sorted(kept, reverse=True)):
            if place >= self._limit_photos or written_s < oldest_s:
                path.unlink(missing_ok=True)
                path.with_suffix(".jpg").unlink(missing_ok=True)
