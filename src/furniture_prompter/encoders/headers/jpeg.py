"""JPEG headers: segments (ITU-T T.81, annex B) up to the end of the first picture."""

import re
import struct
from typing import Final

from furniture_prompter.encoders.headers.model import (
    LIMIT_PIECES,
    LIMIT_PROFILE_BYTES,
    DamagedImageError,
    ImageHeader,
    IntricateImageError,
    JpegFrame,
)
from furniture_prompter.encoders.headers.tiff import UPRIGHT, orientation

# The scans of a progressive JPEG go over its blocks again and again: the usual ten scans make five
# visits of a block, twenty no more than thirteen. A visit takes 0.1 to 0.3 microseconds however
# little it brings, so 15 kB of empty scans can take seconds.
_LIMIT_VISITS_A_BLOCK: Final = 16
_LIMIT_VISITS: Final = 30_000_000
# So few take 0.3 s at most, so small photos may have any scans.
_FREE_VISITS: Final = 1_000_000

_EOI: Final = 0xD9
_SOS: Final = 0xDA
_COM: Final = 0xFE
_APP0, _APP1, _APP2, _APP14, _APP15 = 0xE0, 0xE1, 0xE2, 0xEE, 0xEF
_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_SEQUENTIAL: Final = frozenset({0xC0, 0xC1, 0xC9})
_ALONE: Final = frozenset({0x01, *range(0xD0, 0xD9)})
_NO_PADDING: Final = re.compile(rb"[^\xff]")
# Within a scan: stuffed bytes and restart markers belong to it.
_END_OF_SCAN: Final = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]", re.DOTALL)
# A search holds up all other threads: 20 ms for so many bytes at the worst.
_SEARCHED_BYTES: Final = 1 << 20
_ICC: Final = b"ICC_PROFILE\0"
_XMP: Final = b"http://ns.adobe.com/xap/1.0/\0"


class _Jpeg:
    """A walk over a JPEG's segments, up to the end of its first picture."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        # What the pixels need; written anew only where something else lies in between.
        self.kept: list[bytes | slice] = [slice(0, 2)]
        self.odd = False
        self.code = 0
        self.width = self.height = self.precision = 0
        self.components: dict[int, tuple[int, int]] = {}
        self.scans: list[tuple[tuple[int, ...], int, int, int]] = []
        self.exif = self.xmp = b""
        self.profile: dict[int, bytes] = {}
        self.visits = 0

    def header(self) -> ImageHeader:
        ended = self._walk()
        if not self.scans or not self.components:
            raise DamagedImageError("it ends before its pixels begin")
        self._refuse_work()
        if not ended:
            self._refuse_missing_scans()
        parts = len(self.profile)
        # The largest profiles take many parts, in any order.
        profile = b"".join(self.profile[number] for number in sorted(self.profile))
        named = orientation(self.exif, self.xmp)
        return ImageHeader(
            "JPEG",
            self.data if ended and not self.odd else self._rewritten(),
            (self.width, self.height),
            named or UPRIGHT,
            profile if parts and len(profile) <= LIMIT_PROFILE_BYTES else None,
            JpegFrame(
                len(self.components),
                self.precision,
                64 * self._blocks(),
                buffered=self.code not in _SEQUENTIAL or len(self.scans) > 1,
            ),
            names_orientation=named is not None,
        )

    def _rewritten(self) -> bytes:
        pieces = (self.data[each] if isinstance(each, slice) else each for each in self.kept)
        return b"".join([*pieces, b"\xff\xd9"])

    def _walk(self) -> bool:
        """Whether the end marker was met; what comes after it is another picture, or nothing."""
        data, at = self.data, 2
        for _ in range(LIMIT_PIECES):
            # Padding, and bytes that belong to nothing, are passed over at once.
            start = data.find(b"\xff", at)
            found = _search(_NO_PADDING, data, start) if start >= 0 else -1
            if found < 0:
                return False
            self.odd |= found != at + 1
            code, at = data[found], found + 1
            if code == 0:
                continue
            if code == _EOI:
                return True
            if code in _ALONE:
                self.odd = True
                continue
            length = int.from_bytes(data[at : at + 2], "big")
            end = at + length
            if length < 2 or end > len(data):
                # What is cut off here may be no more than a comment.
                return False
            if code == _SOS:
                end = self._scan(at - 2, end)
            elif _APP0 < code <= _APP15 and code != _APP14:
                self._application(code, data[at + 2 : end])
            elif code != _COM:
                if code in _FRAMES:
                    self._frame(code, data[at + 2 : end])
                self.kept.append(slice(at - 2, end))
            at = end
        raise IntricateImageError(f"has more than {LIMIT_PIECES:,} segments")

    def _frame(self, code: int, content: bytes) -> None:
        if self.code:
            raise DamagedImageError("it has two frames, so its size could be either's")
        self.code = code
        self.precision, self.height, self.width, count = struct.unpack_from(">BHHB", content)
        for place in range(6, 6 + 3 * count, 3):
            identity, factors = content[place], content[place + 1]
            if identity in self.components:
                raise DamagedImageError("two of its components have the same name")
            self.components[identity] = (factors >> 4, factors & 15)
        if not all(1 <= each <= 4 for pair in self.components.values() for each in pair):
            raise DamagedImageError("its sampling factors do not exist")

    def _scan(self, start: int, end: int) -> int:
        """Take a scan with its data; where they end."""
        content = self.data[start + 4 : end]
        count = content[0]
        chosen = tuple(content[1 : 1 + 2 * count : 2])
        first, last, bits = content[1 + 2 * count : 4 + 2 * count]
        found = _search(_END_OF_SCAN, self.data, end)
        after = found if found >= 0 else len(self.data)
        if self.code in _SEQUENTIAL and (first, last, bits) != (0, 63, 0):
            # They mean nothing there, and some writers leave them empty.
            first, last, bits = 0, 63, 0
            self.kept += [self.data[start : start + 5 + 2 * count], b"\x00\x3f\x00"]
            self.kept.append(slice(end, after))
            self.odd = True
        else:
            self.kept.append(slice(start, after))
        self.scans.append((chosen, first, last, bits & 15))
        self.visits += self._scan_blocks(chosen)
        return after

    def _application(self, code: int, content: bytes) -> None:
        if code == _APP1 and content.startswith(b"Exif\0\0") and not self.exif:
            self.exif = content
        elif code == _APP1 and content.startswith(_XMP) and not self.xmp:
            self.xmp = content
        elif code == _APP2 and content.startswith(_ICC) and len(content) > 14:
            self.profile.setdefault(content[12], content[14:])

    def _scan_blocks(self, chosen: tuple[int, ...]) -> int:
        """Blocks that a scan goes over (A.2)."""
        across = max((each[0] for each in self.components.values()), default=1)
        down = max((each[1] for each in self.components.values()), default=1)
        sizes = [self.components.get(identity, (1, 1)) for identity in chosen]
        if len(sizes) == 1:
            ((horizontal, vertical),) = sizes
            width = -(-self.width * horizontal // across)
            height = -(-self.height * vertical // down)
            return -(-width // 8) * -(-height // 8)
        units = -(-self.width // (8 * across)) * -(-self.height // (8 * down))
        return units * sum(horizontal * vertical for horizontal, vertical in sizes)

    def _blocks(self) -> int:
        return self._scan_blocks(tuple(self.components))

    def _refuse_work(self) -> None:
        limit = min(_LIMIT_VISITS_A_BLOCK * self._blocks(), _LIMIT_VISITS)
        if self.visits > max(limit, _FREE_VISITS):
            raise IntricateImageError(
                f"has {len(self.scans)} scans over its pixels, where ten are usual"
            )

    def _refuse_missing_scans(self) -> None:
        """Without its end marker, a photo is whole if every coefficient has come to its last bit.

        Within a scan the decoder misses what is not there; between scans it could not.
        """
        left: dict[int, dict[int, int]] = {identity: {} for identity in self.components}
        for chosen, first, last, low in self.scans:
            for identity in chosen:
                if identity in left:
                    left[identity].update(dict.fromkeys(range(first, last + 1), low))
        for bits in left.values():
            if len(bits) < 64 or any(bits.values()):
                raise DamagedImageError(f"it ends after {len(self.scans)} of its scans")


def _search(pattern: re.Pattern[bytes], data: bytes, at: int) -> int:
    """Where a pattern of at most two bytes is met first; -1 where it is not."""
    for start in range(at, len(data), _SEARCHED_BYTES):
        found = pattern.search(data, start, start + _SEARCHED_BYTES + 1)
        if found is not None:
            return found.start()
    return -1


def jpeg(data: bytes) -> ImageHeader:
    """Walk a file that begins as JPEG does.

    Raises:
        DamagedImageError, IntricateImageError: see
            :func:`furniture_prompter.encoders.headers.read_header`.
    """
    return _Jpeg(data).header()
