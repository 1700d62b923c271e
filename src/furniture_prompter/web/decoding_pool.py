"""Threads that decode photos, so that the event loop goes on answering."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from furniture_prompter.domain import RgbImage
from furniture_prompter.domain.crop import Crop
from furniture_prompter.encoders.card import Preprocessing
from furniture_prompter.encoders.decoding import PhotoLimits, decode_photo
from furniture_prompter.encoders.preprocessing import preprocess
from furniture_prompter.settings import ServeSettings
from furniture_prompter.web.metrics import Metrics

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


class DecodePool:
    """Decodes photos in ``decode_workers`` threads, never more at once.

    Decoded pixels are the largest thing a request holds: 240 MB for a PNG of 80 million pixels.
    So as many threads as there are, so many full-size images there are, if `fit` is set.

    Attributes:
        fit: What the encoder's card says of its square. When set, photos are fitted into it right
            here: what waits for the encoder is then small, and the encoder's thread has less to do.
            It takes a fitted square as it is, so the vector is the same.
    """

    def __init__(self, settings: ServeSettings, metrics: Metrics) -> None:
        """Start no thread yet.

        Args:
            settings: ``decode_workers``, ``limit_photo_bytes`` and ``limit_photo_pixels``.
            metrics: Where to note how long it took.
        """
        self.fit: Preprocessing | None = None
        self._metrics = metrics
        self._limits = PhotoLimits(
            limit_bytes=settings.limit_photo_bytes, limit_pixels=settings.limit_photo_pixels
        )
        self._threads = ThreadPoolExecutor(settings.decode_workers, thread_name_prefix="decode")
        self._coming = 0

    def coming(self) -> int:
        """Photos that are waiting for a thread or being decoded."""
        return self._coming

    async def decode(
        self, data: bytes, side_px: int, crop: Crop | None = None, *, name: str = "that was sent"
    ) -> RgbImage:
        """Pixels of a photo, or of a part of it.

        Args:
            data: The file's bytes.
            side_px: Side of the square that the image will be fitted into.
            crop: The part that is meant.
            name: What to call the photo in errors.

        Returns:
            Shape (height, width, 3), uint8, sRGB.

        Raises:
            InvalidPhotoError: the bytes are no photo that can be used.
        """
        self._coming += 1
        try:
            with self._metrics.stage("decode_photo"):
                return await self.run(self._decode, data, side_px, crop, name)
        finally:
            self._coming -= 1

    async def run(
        self,
        function: Callable[Arguments, Result],
        *args: Arguments.args,
        **kwargs: Arguments.kwargs,
    ) -> Result:
        """Run something else in the same threads; never, if it is cancelled before its turn."""
        return await asyncio.get_running_loop().run_in_executor(
            self._threads, lambda: function(*args, **kwargs)
        )

    def close(self) -> None:
        """Finish what has begun and end the threads."""
        self._threads.shutdown(cancel_futures=True)

    def _decode(self, data: bytes, side_px: int, crop: Crop | None, name: str) -> RgbImage:
        whole_side_px = side_px if crop is None else crop.whole_side_px(side_px)
        image = decode_photo(data, name=name, target_side_px=whole_side_px, limits=self._limits)
        if crop is not None:
            image = crop.cut(image)
        return image if self.fit is None else preprocess(image, self.fit)
