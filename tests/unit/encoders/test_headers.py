"""What is spoilt beside the pixels costs nothing; what would cost too much is told beforehand."""

import io
import re
import struct
import zlib
from collections.abc import Callable
from contextlib import suppress

import numpy as np
import pytest
import simplejpeg
from PIL import Image
from PIL.AvifImagePlugin import AvifImageFile
from pillow_heif import register_heif_opener

from furniture_prompter.encoders.headers import read_header
from furniture_prompter.encoders.headers.model import LIMIT_PIECES
from furniture_prompter.errors import InvalidPhotoError
from tests.unit.encoders.photos import (
    decode,
    difference,
    noise,
    picture,
    png_chunk,
    refused,
    saved,
)

# --- Whole photos in spoilt files ----------------------------------------------------------------


def test_a_jpeg_without_its_end_marker_is_whole_as_long_as_its_pixels_are() -> None:
    for options in ({}, {"progressive": True}):
        data = saved(noise(), "JPEG", **options)
        assert data.endswith(b"\xff\xd9")
        assert np.array_equal(decode(data[:-2]), decode(data))
        refused(data[:-40], "damaged or cut short")


def test_a_progressive_jpeg_that_ends_between_two_scans_is_refused() -> None:
    data = saved(picture(), "JPEG", progressive=True)
    for scan in list(re.finditer(rb"\xff\xda", data))[1:]:
        refused(data[: scan.start()], "ends after")


def test_bytes_that_belong_to_no_pixel_cost_nothing() -> None:
    data = saved(picture(), "JPEG", quality=90)
    expected = decode(data)
    end = data.index(b"\xff\xda")
    for spoilt in (
        data[:-2] + b"12345678" * 5 + b"\xff\xd9",
        data + b"\xff\xd9" + bytes(500),
        data[:-2] + bytes(3) + b"\xff" * 99 + b"\xff\xd9",
        data[:end] + b"\xff" * 5_000 + data[end:],
        data[:end] + b"no segment" + data[end:],
        data[:end] + b"\xff\xfe\x00\x09damaged" + b"\xff\x01" + data[end:],
    ):
        assert np.array_equal(decode(spoilt), expected)


@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_whose_frame_can_be_read_in_two_ways_is_refused(progressive: bool) -> None:
    data = saved(picture(), "JPEG", progressive=progressive)
    start = data.index(b"\xff\xc2" if progressive else b"\xff\xc0")
    end = start + 2 + int.from_bytes(data[start + 2 : start + 4], "big")
    alike = bytearray(data)
    for place in range(start + 10, end, 3):
        alike[place] = 1
    refused(bytes(alike), "components have the same name")
    frame = bytearray(data[start:end])
    frame[5:9] = struct.pack(">HH", 16, 16)
    scan = data.index(b"\xff\xda")
    for twice in (data[:start] + frame + data[start:], data[:scan] + frame + data[scan:]):
        refused(bytes(twice), "two frames")


def test_scan_parameters_that_mean_nothing_cost_nothing() -> None:
    for image in (picture(), picture().convert("L")):
        data = bytearray(saved(image, "JPEG"))
        place = data.index(b"\xff\xda")
        place += 5 + 2 * data[place + 4]
        assert data[place : place + 3] == b"\x00\x3f\x00"
        expected = decode(bytes(data))
        data[place : place + 3] = bytes(3)
        assert np.array_equal(decode(bytes(data)), expected)


def test_text_of_a_png_costs_nothing_whatever_is_wrong_with_it() -> None:
    data = saved(picture(), "PNG")
    long = zlib.compress(bytes(5_000_000))
    wrong = png_chunk(b"tEXt", b"Comment\0oak")[:-1] + b"?"
    for chunk in (
        png_chunk(b"zTXt", b"XML:com.adobe.xmp\0\0" + long),
        png_chunk(b"iCCP", b"ICC Profile\0\0" + long),
        png_chunk(b"iCCP", b"ICC Profile\0\0no zlib"),
        png_chunk(b"eXIf", b"MM\0*\xff\xff\xff\xff"),
        png_chunk(b"gAMA", b""),
        wrong,
    ):
        assert np.array_equal(decode(data[:33] + chunk + data[33:]), np.asarray(picture()))


def test_a_png_is_whole_as_long_as_its_rows_are() -> None:
    data = saved(picture(), "PNG")
    end = data.index(b"IEND") - 4
    for cut in (end, end - 2, end - 6):
        assert np.array_equal(decode(data[:cut]), np.asarray(picture())), cut


@pytest.mark.parametrize("mode", ["1", "L", "P", "I;16", "LA", "RGB", "RGBA"])
@pytest.mark.parametrize("rows", [1, 30, 47])
def test_a_png_with_rows_missing_is_refused_with_their_number(mode: str, rows: int) -> None:
    whole = saved(picture().convert("L" if mode == "I;16" else mode), "PNG")
    assert decode(whole).shape == (48, 64, 3)
    refused(with_rows(whole, rows), f"{rows} of its 48 rows")


def test_an_interlaced_png_with_rows_missing_is_refused() -> None:
    # Pillow writes none: 16 rows of 16 grey pixels in seven passes.
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", 16, 16, 8, 0, 0, 0, 1))
    sizes = [(2, 2), (2, 2), (4, 2), (4, 4), (8, 4), (8, 8), (16, 8)]
    rows = b"".join((b"\0" + bytes([99]) * wide) * high for wide, high in sizes)
    start, end = b"\x89PNG\r\n\x1a\n" + header, png_chunk(b"IEND", b"")
    whole = start + png_chunk(b"IDAT", zlib.compress(rows)) + end
    assert (decode(whole) == 99).all()
    refused(start + png_chunk(b"IDAT", zlib.compress(rows[:-17])) + end, "of its 16 rows")


def test_a_png_whose_rows_look_as_if_they_were_missing_is_decoded() -> None:
    image = Image.new("RGB", (40, 30), (0x9B, 0x9B, 0x9B))
    assert np.array_equal(decode(saved(image, "PNG")), np.asarray(image))


def with_rows(data: bytes, rows: int) -> bytes:
    """A PNG of 48 rows with no more than `rows` of them in it."""
    at = data.index(b"IDAT")
    pixels = zlib.decompress(data[at + 4 : at + 4 + int.from_bytes(data[at - 4 : at], "big")])
    kept = zlib.compress(pixels[: len(pixels) // 48 * rows])
    return data[: at - 4] + png_chunk(b"IDAT", kept) + png_chunk(b"IEND", b"")


# --- More work than a photo needs ----------------------------------------------------------------


def jpeg_of_scans(width: int, height: int, scans: int) -> bytes:
    """A black JPEG whose coefficients come one by one and bit by bit, each in a scan of its own.

    Nothing is in them, so a scan of any coefficient is the same few bytes.
    """
    data = saved(Image.new("L", (width, height)), "JPEG", progressive=True)
    places = [place.start() for place in re.finditer(rb"\xff\xda", data)]
    ends = [re.search(rb"\xff[^\x00]", data[at + 4 :]).start() + at + 4 for at in places]  # type: ignore[union-attr]  # there is an end
    steady = next(at for at in range(len(places)) if data[places[at] + 7] == 1)
    pieces = [data[: places[0]], data[places[0] : ends[0]], data[ends[0] : places[steady]]]
    scan = data[places[steady] : ends[steady]]
    for number in range(scans - 1):
        place, low = 1 + number % 63, number // 63
        # From the highest bit down to the lowest, as successive approximation has it.
        bits = (13 - low) | (0 if low == 0 else (14 - low) << 4)
        pieces.append(scan[:7] + bytes([place, place, bits]) + scan[10:])
    return b"".join([*pieces, b"\xff\xd9"])


def test_a_jpeg_of_hundreds_of_scans_is_refused_by_their_number() -> None:
    data = jpeg_of_scans(1_200, 900, 600)
    refused(data, "600 scans", "Export it again")
    # It is whole: nothing else would refuse it.
    assert simplejpeg.decode_jpeg(jpeg_of_scans(64, 48, 600)).shape == (48, 64, 3)
    assert decode(jpeg_of_scans(64, 48, 600)).shape == (48, 64, 3)


def test_a_jpeg_of_twenty_scans_is_decoded() -> None:
    for side_px in (64, 4_000):
        assert (decode(jpeg_of_scans(side_px, side_px, 16), target_side_px=64) == 0).all()
    data = saved(Image.new("RGB", (1_200, 900), "red"), "JPEG", progressive=True)
    assert difference(decode(data), Image.new("RGB", (1_200, 900), "red")) < 2


def test_pieces_of_a_file_are_walked_up_to_a_number() -> None:
    many = LIMIT_PIECES + 1
    jpeg, png, webp = (saved(picture(), each) for each in ("JPEG", "PNG", "WEBP"))
    refused(jpeg[:2] + b"\xff\xfe\x00\x02" * many + jpeg[2:], "segments", "Export")
    refused(png[:33] + png_chunk(b"tEXt", b"") * many + png[33:], "chunks", "Export")
    body = webp[8:] + b"JUNK\0\0\0\0" * many
    refused(b"RIFF" + struct.pack("<I", len(body)) + body, "chunks", "Export")
    gif = saved(picture(), "GIF")
    after = 13 + 3 * 2 ** ((gif[10] & 7) + 1)
    refused(gif[:after] + b"\x21\xfe" + b"\x01a" * 200_001 + b"\0" + gif[after:], "blocks")


def test_padding_between_segments_is_passed_over_at_once() -> None:
    data = saved(picture(), "JPEG")
    padded = data[:2] + b"\xff" * 20_000_000 + data[2:]
    header = read_header(padded)
    assert header is not None
    # What reaches the decoder, and any loop of its own, is as long as without the padding.
    assert len(header.data) <= len(data)
    assert np.array_equal(decode(padded), decode(data))


@pytest.mark.parametrize("file_format", ["GIF", "WEBP", "TIFF", "PNG"])
def test_further_pictures_never_reach_a_decoder(file_format: str) -> None:
    others = [noise().resize((64, 48)) for _ in range(9)]
    one = saved(picture(), file_format, lossless=True)
    several = saved(picture(), file_format, save_all=True, append_images=others, lossless=True)
    header = read_header(several)
    assert header is not None
    with Image.open(io.BytesIO(header.data)) as image:
        assert getattr(image, "n_frames", 1) == 1
    assert len(several) > 2 * len(one)
    assert np.array_equal(decode(several), decode(one))


def tiff_of(*entries: tuple[int, int, int, int]) -> bytes:
    """A TIFF's header and directory of tag, kind, count and value; no pixels."""
    directory = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + directory + bytes(4)


def test_tags_that_name_the_same_bytes_again_and_again_are_refused() -> None:
    bomb = tiff_of(*((40_000 + each, 7, 900, 8) for each in range(100))) + bytes(1_000)
    refused(bomb, "tags that name more bytes")
    refused(saved(picture(), "AVIF") + bomb, "tags that name more bytes")
    # JPEG, PNG and WebP: nothing but the orientation is ever read.
    for file_format in ("JPEG", "PNG", "WEBP"):
        data = saved(picture(), file_format, exif=b"Exif\0\0" + bomb, quality=95, lossless=True)
        assert difference(decode(data), picture()) < 3


def test_tiffs_whose_tables_ask_for_more_than_they_show_are_refused() -> None:
    size = ((256, 4, 1, 64), (257, 4, 1, 48))
    refused(tiff_of(*size, (259, 3, 1, 34_925)), "method 34925")
    refused(tiff_of(*size, (322, 4, 1, 60_000), (323, 4, 1, 60_000)), "tiles")
    refused(tiff_of(*size, (273, 1, 70_000, 8)) + bytes(70_000), "strips")


def test_a_png_inflates_one_of_each_text_and_one_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    started = []
    begin = zlib.decompressobj

    def counted() -> object:
        started.append(1)
        return begin()

    monkeypatch.setattr(zlib, "decompressobj", counted)
    data = saved(picture(), "PNG")
    packed = b"\0\0" + zlib.compress(bytes(480_000))
    too_long = b"\0\0" + zlib.compress(bytes(5_000_000))
    names = (b"Comment", b"Raw profile type exif", b"XML:com.adobe.xmp", b"k" * 500)
    many = b"".join(
        png_chunk(b"zTXt", name + packed) + png_chunk(b"iTXt", name + b"\0\1\0\0\0" + packed)
        for name in names
    ) + png_chunk(b"iCCP", b"ICC Profile" + too_long)
    header = read_header(data[:33] + many * 50 + data[33:])
    assert header is not None
    assert len(started) == 3
    # Nor does the decoder meet any of them.
    assert all(kind not in header.data for kind in (b"zTXt", b"iTXt", b"iCCP"))


def numbers_unpacked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many numbers each call of struct.unpack and its like makes."""
    counts = []
    for name in ("unpack", "unpack_from"):
        real = getattr(struct, name)

        def counted(*given: object, real: Callable[..., tuple[object, ...]] = real) -> object:
            found = real(*given)
            counts.append(len(found))
            return found

        monkeypatch.setattr(struct, name, counted)
    return counts


@pytest.mark.parametrize("tag", [256, 257, 258, 259, 273, 277, 282, 322, 34_665, 40_000])
@pytest.mark.parametrize("kind", [1, 3, 4, 5])
def test_no_tag_of_a_tiff_becomes_a_million_numbers(
    monkeypatch: pytest.MonkeyPatch, tag: int, kind: int
) -> None:
    sound = [(256, 4, 1, 64), (257, 4, 1, 48), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1)]
    sound += [(273, 4, 1, 200), (278, 4, 1, 48), (279, 4, 1, 3_072)]
    entries = sorted([each for each in sound if each[0] != tag] + [(tag, kind, 1_000_000, 200)])
    data = tiff_of(*entries) + b"\1" * 8_000_300
    counts = numbers_unpacked(monkeypatch)
    with suppress(InvalidPhotoError):
        decode(data)
    assert max(counts) < 1_000


def test_exif_of_a_million_numbers_turns_nothing_and_unpacks_none_of_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    exif = tiff_of((0x0112, 3, 1_000_000, 200)) + b"\6\0" * 1_000_200
    data = saved(picture(), "PNG")
    data = data[:33] + png_chunk(b"eXIf", exif) + data[33:]
    webp = saved(picture(), "WEBP", exif=exif, lossless=True)
    counts = numbers_unpacked(monkeypatch)
    for each in (data, webp):
        assert np.array_equal(decode(each), np.asarray(picture()))
    assert max(counts) < 1_000


def test_a_tiff_of_30_000_strips_and_one_with_a_transfer_function_are_decoded() -> None:
    image = Image.new("L", (16, 30_000), 77)
    strips = saved(image, "TIFF", compression="tiff_lzw", strip_size=16)
    curves = saved(image, "TIFF", tiffinfo={301: tuple(range(65_536)) * 3})
    for data, tag, count in ((strips, 273, 30_000), (curves, 301, 3 * 65_536)):
        with Image.open(io.BytesIO(data)) as opened:
            assert len(opened.tag_v2[tag]) == count  # type: ignore[attr-defined]  # of a TIFF
        assert (decode(data) == 77).all()


def test_an_avif_whose_frames_are_larger_than_it_says_is_refused_before_they_are_decoded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for options in ({}, {"save_all": True, "append_images": [picture(1_600, 1_200)]}):
        data = bytearray(saved(picture(1_600, 1_200), "AVIF", speed=10, **options))
        for said in re.finditer(rb"ispe\0{4}|tkhd", bytes(data)):
            place = said.end() + (0 if said[0][:4] == b"ispe" else 88)
            fixed = 0 if said[0][:4] == b"ispe" else 16
            data[place : place + 8] = struct.pack(">II", 64 << fixed, 48 << fixed)
        monkeypatch.setattr(AvifImageFile, "load", lambda _: pytest.fail("it was decoded"))
        refused(bytes(data), "64 × 48", "frames have 1,920,000")
        monkeypatch.undo()


def test_a_heic_whose_picture_is_larger_than_it_says_is_refused_by_its_library() -> None:
    register_heif_opener(thumbnails=False)
    data = bytearray(saved(picture(1_600, 1_200), "HEIF"))
    for said in re.finditer(rb"ispe\0{4}", bytes(data)):
        data[said.end() : said.end() + 8] = struct.pack(">II", 64, 48)
    # Room is made for no more than was said: the 1,920,000 pixels are never decoded.
    refused(bytes(data), "exceeds the maximum image size")


@pytest.mark.parametrize("size", [(16, 16), (64, 48), (1_601, 1_203)])
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_frames_of_an_avif_have_its_pixels_and_those_of_its_alpha(
    size: tuple[int, int], mode: str
) -> None:
    image = picture(*size).convert(mode)
    if mode == "RGBA":
        image.putpixel((0, 0), (0, 0, 0, 0))
    pixels = size[0] * size[1] * (2 if mode == "RGBA" else 1)
    for options in ({}, {"save_all": True, "append_images": [image.rotate(180)]}):
        data = saved(image, "AVIF", speed=10, **options)
        header = read_header(data)
        assert header is not None
        assert header.coded_pixels == pixels
        assert decode(data).shape == (size[1], size[0], 3)


def test_boxes_of_an_avif_that_are_there_twice_are_refused() -> None:
    data = saved(picture(), "AVIF")
    at = data.index(b"meta") - 4
    size = int.from_bytes(data[at : at + 4], "big")
    place = data.index(b"iloc") - 4
    box = data[place : place + int.from_bytes(data[place : place + 4], "big")]
    meta = struct.pack(">I", size + len(box)) + data[at + 4 : at + size] + box
    refused(data[:at] + meta + data[at + size :], "two boxes iloc")


def test_a_large_run_length_bmp_is_refused() -> None:
    head = struct.pack("<IiiHHIIiiII", 40, 3_000, 3_000, 1, 8, 1, 0, 0, 0, 0, 0)
    refused(b"BM" + struct.pack("<IHHI", 1_100, 0, 0, 1_078) + head + bytes(1_048), "run-length")
