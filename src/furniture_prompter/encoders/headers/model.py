"""Parsed image headers, embedded colour profiles, and the errors of files that cannot be read."""

from dataclasses import dataclass
from typing import Final

LIMIT_PIECES: Final = 65_536
"""Most segments, chunks or strips of one file: encoders write a few thousand at most, and that many
are walked in a tenth of a second."""

LIMIT_PROFILE_BYTES: Final = 4_000_000
"""Largest colour profile that is read; those of presses have 0.5 to 2.5 MB."""


class DamagedImageError(ValueError):
    """Pixels are missing or cannot be read; the message says which, as half a sentence."""


class IntricateImageError(ValueError):
    """Decoding takes more work than any photo needs; the message says why, after "The photo"."""


@dataclass(frozen=True, slots=True)
class JpegFrame:
    """What else a JPEG's tables say.

    Attributes:
        components: 1 is grey, 3 colour, 4 CMYK.
        precision: Bits of a sample.
        samples: Samples of all components, padded to whole blocks.
        buffered: Whether all of them are held until the last scan, as 16-bit coefficients.
    """

    components: int
    precision: int
    samples: int
    buffered: bool


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """A photo's file, ready for its decoder.

    Attributes:
        format: Pillow's name of the format.
        data: The file, or what of it the first picture needs.
        size: Width and height in pixels; None where only the decoder can tell.
        orientation: EXIF orientation, 1 to 8; None where only the decoder can tell.
        profile: The colour profile as it is embedded; None where there is none that can be read,
            or where only the decoder can tell.
        jpeg: What a JPEG's tables say besides.
        coded_pixels: Pixels of all frames of an AVIF, with those of alpha, tiles and thumbnails;
            None of other formats.
        names_orientation: False where the file is known to say nothing of which side is up.
    """

    format: str
    data: bytes
    size: tuple[int, int] | None = None
    orientation: int | None = None
    profile: bytes | None = None
    jpeg: JpegFrame | None = None
    coded_pixels: int | None = None
    names_orientation: bool = True
