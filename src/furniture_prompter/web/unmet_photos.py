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
"""Days after which it goes, when a server starts, a day begins, or the next one comes."""
_PICTURE_QUALITY: Final = 75
_DAY_S: Final = 86_400.0
# Another worker may be writing what is younger.
_WRITING_S: Final = 3_600.0


class UnmetPhotos:
    """Small pictures and vectors of photos that found nothing, the newest of them, for a while."""

    def __init__(self, folder: Path, limit_photos: int) -> None:
        """Forget those whose time is over.

        Args:
            folder: Where the events lie.
            limit_photos: Most that are kept; the oldest go first.
        """
        self._folder = folder / PHOTOS_FOLDER
        self._limit_photos = limit_photos
        self._forgot_s = -_DAY_S
        self.forget_daily()

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
            halves = vector.astype("<f2").tobytes()
            # By the vector a picture is forgotten: without one there is never a picture.
            replace_bytes(self._folder / f"{sha256}.f16", halves, private=True)
            replace_bytes(self._folder / f"{sha256}.jpg", data.getvalue(), private=True)
            self._forget()
        except OSError as error:
            _LOG.error("a photo that found nothing could not be kept: %s", error.strerror)

    def forget_daily(self) -> None:
        """Forget those whose time is over, unless that was done within a day."""
        if time.monotonic() - self._forgot_s < _DAY_S:
            return
        self._forgot_s = time.monotonic()
        try:
            self._forget()
        except OSError as error:
            _LOG.error("photos that found nothing could not be forgotten: %s", error.strerror)

    def _forget(self) -> None:
        kept = []
        for path in self._folder.glob("*.f16"):
            # Another worker may forget it at the same time.
            with suppress(FileNotFoundError):
                kept.append((path.stat().st_mtime, path))
        oldest_s = time.time() - KEPT_DAYS * 86_400
        for place, (written_s, path) in enumerate(sorted(kept, reverse=True)):
            if place >= self._limit_photos or written_s < oldest_s:
                path.with_suffix(".jpg").unlink(missing_ok=True)
                path.unlink(missing_ok=True)
        # What a process that was killed left behind.
        for path in self._folder.glob("*.jpg"):
            if not path.with_suffix(".f16").exists():
                path.unlink(missing_ok=True)
        for path in self._folder.glob(".*.new"):
            with suppress(FileNotFoundError):
                if path.stat().st_mtime < time.time() - _WRITING_S:
                    path.unlink()
