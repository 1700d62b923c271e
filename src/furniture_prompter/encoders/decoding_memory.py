"""Memory that decoding takes, by format and size, and the budget that all photos share."""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from types import MappingProxyType
from typing import Final

from furniture_prompter.encoders.headers.model import ImageHeader
from furniture_prompter.errors import DecodingBusyError

# By format and Pillow's mode.
_BYTES_A_PIXEL: Final = MappingProxyType(
    {
        ("PNG", "1"): 5,
        ("PNG", "L"): 5,
        ("PNG", "P"): 5,
        ("PNG", "I;16"): 6,
        ("WEBP", "RGB"): 19,
        ("BMP", "L"): 5,
        ("BMP", "P"): 5,
        ("TIFF", "L"): 5,
        ("TIFF", "I;16"): 6,
        # With ten bits a sample, which only the decoder knows, four more than were measured.
        ("AVIF", "RGB"): 15,
    }
)
# Of all other modes: as much as the worst of the format.
_WORST_BYTES_A_PIXEL: Final = MappingProxyType(
    {"PNG": 8, "WEBP": 21, "GIF": 6, "BMP": 8, "TIFF": 9, "AVIF": 17, "HEIF": 17}
)
# Tables, buffers of the libraries and strips, whatever the size.
_FIXED_BYTES: Final = 12_000_000


def pillow_bytes(
    kind: str, mode: str, size: tuple[int, int], coded_pixels: int | None = None
) -> int:
    """Bytes that decoding takes at its peak, for a format and mode as Pillow names them.

    Args:
        kind: The format.
        mode: The mode of what comes out.
        size: Its width and height.
        coded_pixels: Pixels of all frames that are decoded for it, where they are known; alpha,
            which is one of the same size, is in what was measured.
    """
    pixel = _BYTES_A_PIXEL.get((kind, mode), _WORST_BYTES_A_PIXEL[kind])
    pixels = size[0] * size[1]
    return round(pixel * max(pixels, (coded_pixels or 0) - pixels)) + _FIXED_BYTES


def jpeg_bytes(header: ImageHeader, target_side_px: int | None) -> int:
    """Bytes that decoding a JPEG takes at its peak, scaled down to `target_side_px` if given.

    Coefficients of all scans are held where there are several; pixels come out at the fewest
    eighths that are enough, and once more where they are turned.

    Raises:
        TypeError: the header is no JPEG's.
    """
    if header.jpeg is None or header.size is None:
        raise TypeError("only the header of a JPEG has this cost")
    width, height = header.size
    share = 1.0
    if target_side_px and header.jpeg.components != 4:
        eighths = -(-8 * target_side_px // max(width, height))
        share = min(8, max(1, eighths)) / 8
        if max(width, height) >= 2 * target_side_px:
            share = min(share, 0.5)
    bytes_out = 7 if header.jpeg.components == 4 else 3
    if header.orientation != 1:
        bytes_out *= 2
    if target_side_px:
        # Whoever fits the pixels into a square copies them first.
        bytes_out += 4
    coefficients = 2 * header.jpeg.samples if header.jpeg.buffered else 0
    return round(coefficients + bytes_out * width * height * share**2) + _FIXED_BYTES


class MemoryBudget:
    """Bytes that are spoken for; who finds too few waits, first come, first served."""

    def __init__(self) -> None:
        """Nothing is spoken for yet."""
        self._changed = threading.Condition()
        self._waiting: deque[threading.Thread] = deque()
        self._held_bytes = 0

    @property
    def held_bytes(self) -> int:
        """Bytes that are spoken for now."""
        return self._held_bytes

    def keeps_waiting(self, thread: threading.Thread) -> bool:
        """Whether a thread waits for others to let go."""
        return thread in self._waiting

    @contextmanager
    def hold(self, wanted_bytes: int, limit_bytes: int, wait_s: float | None) -> Iterator[None]:
        """Speak for `wanted_bytes` while inside.

        Args:
            wanted_bytes: At most `limit_bytes`, or nobody could ever let go of enough.
            limit_bytes: How much may be spoken for by all together.
            wait_s: Longest wait; None waits as long as it takes.

        Raises:
            DecodingBusyError: others held too much for too long.
        """
        self._take(wanted_bytes, limit_bytes, wait_s)
        try:
            yield
        finally:
            with self._changed:
                self._held_bytes -= wanted_bytes
                self._changed.notify_all()

    def _take(self, wanted_bytes: int, limit_bytes: int, wait_s: float | None) -> None:
        place = threading.current_thread()
        with self._changed:
            self._waiting.append(place)
            try:
                # Who came first goes first, or small photos would keep a large one out for ever.
                free = self._changed.wait_for(
                    lambda: (
                        self._waiting[0] is place and self._held_bytes + wanted_bytes <= limit_bytes
                    ),
                    wait_s,
                )
            finally:
                self._waiting.remove(place)
                self._changed.notify_all()
            if not free:
                raise DecodingBusyError(
                    "Other photos take all the memory for decoding (limit_decoding_bytes). Try "
                    "again in a moment."
                )
            self._held_bytes += wanted_bytes


MEMORY: Final = MemoryBudget()
"""The budget of this process."""
