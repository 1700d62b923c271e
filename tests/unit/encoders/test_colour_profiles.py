import struct
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image, ImageCms
from pillow_heif import register_heif_opener

from furniture_prompter.encoders.colour_profiles import classic_profile, conversion_to_srgb
from furniture_prompter.encoders.headers.model import LIMIT_PROFILE_BYTES
from tests.unit.encoders.photos import (
    decode,
    difference,
    picture,
    saved,
)

# Chromaticities of the primaries on D50, as the profiles carry them; all have a gamma of 2.2 or so.
WIDE_GAMUT = {
    "Display P3": ((0.5151, 0.2412, -0.0011), (0.2920, 0.6922, 0.0419), (0.1571, 0.0666, 0.7841)),
    "Adobe RGB": ((0.6097, 0.3111, 0.0195), (0.2053, 0.6257, 0.0609), (0.1492, 0.0632, 0.7446)),
    "ProPhoto": ((0.7977, 0.2880, 0.0000), (0.1352, 0.7119, 0.0000), (0.0313, 0.0001, 0.8249)),
}
SRGB = ((0.4360, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7141))


def rgb_profile(columns: tuple[tuple[float, float, float], ...], gamma: float = 2.2) -> bytes:
    """An ICC profile of three primaries, in XYZ of D50, and one gamma."""

    def xyz(values: tuple[float, float, float]) -> bytes:
        return b"XYZ " + bytes(4) + struct.pack(">iii", *(round(v * 65_536) for v in values))

    curve = b"curv" + bytes(4) + struct.pack(">IHxx", 1, round(gamma * 256))
    parts = {
        b"wtpt": xyz((0.9642, 1.0, 0.8249)),
        **dict(zip((b"rXYZ", b"gXYZ", b"bXYZ"), map(xyz, columns), strict=True)),
        **dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve),
    }
    return profile_of(b"RGB ", parts)


def grey_profile(gamma: float) -> bytes:
    curve = b"curv" + bytes(4) + struct.pack(">IHxx", 1, round(gamma * 256))
    white = b"XYZ " + bytes(4) + struct.pack(">iii", 63_190, 65_536, 54_061)
    return profile_of(b"GRAY", {b"wtpt": white, b"kTRC": curve})


def profile_of(space: bytes, parts: dict[bytes, bytes]) -> bytes:
    at, table, body = 132 + 12 * len(parts), b"", b""
    for name, part in parts.items():
        table += name + struct.pack(">II", at + len(body), len(part))
        body += part
    whole = at + len(body)
    head = struct.pack(">I4sI4s4s4s", whole, bytes(4), 0x02400000, b"mntr", space, b"XYZ ")
    head += struct.pack(">6H4s", 2020, 1, 1, 0, 0, 0, b"acsp") + bytes(28)
    head += struct.pack(">iii", 63_190, 65_536, 54_061) + bytes(48)
    return head + struct.pack(">I", len(parts)) + table + body


def table_of(channels: int, kind: bytes = b"mft2", *, points: int = 2) -> bytes:
    """A table to Lab: no ink, or full light, is white, all ink is black, and greys in between."""
    places = np.stack(np.meshgrid(*[np.linspace(0, 1, points)] * channels, indexing="ij"), axis=-1)
    light = places.mean(axis=-1).ravel()
    light = 1 - light if channels == 4 else light
    lab = np.stack([light, np.full_like(light, 0.5), np.full_like(light, 0.5)], axis=-1)
    unit = struct.pack(">9i", *(65_536 if each % 4 == 0 else 0 for each in range(9)))
    head = kind + bytes(4) + bytes([channels, 3, points, 0]) + unit
    if kind == b"mft1":
        ramp = bytes(range(256))
        return head + ramp * channels + (255 * lab).astype(np.uint8).tobytes() + ramp * 3
    ramps = struct.pack(">HH", 0, 65_535)
    body = struct.pack(">HH", 2, 2) + ramps * channels
    # Lab of version 2: 0xFF00 is 100, 0x8000 is 0.
    return head + body + (65_280 * lab).astype(">u2").tobytes() + ramps * 3


def program_of(steps: int) -> bytes:
    """A multi-process element of as many steps, all of them the same few bytes."""
    matrix = b"matf" + bytes(4) + struct.pack(">HH", 3, 3)
    matrix += struct.pack(">12f", 0, 0.5, 0.5, 0.5, 0, 0.5, 0.5, 0.5, 0, 0, 0, 0)
    step = struct.pack(">II", 16 + 8 * steps, len(matrix))
    return b"mpet" + bytes(4) + struct.pack(">HHI", 3, 3, steps) + step * steps + matrix


def in_colours_of(columns: tuple[tuple[float, float, float], ...]) -> Image.Image:
    """`picture()` in the numbers of another RGB space, by the matrices alone."""
    srgb = np.asarray(picture(), np.float64) / 255
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    there = linear @ np.array(SRGB) @ np.linalg.inv(np.array(columns))
    return Image.fromarray((255 * there.clip(0, 1) ** (1 / 2.2) + 0.5).astype(np.uint8))


@pytest.mark.parametrize("name", sorted(WIDE_GAMUT))
@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF"])
def test_a_photo_in_other_colours_looks_as_it_does_in_srgb(name: str, file_format: str) -> None:
    register_heif_opener(thumbnails=False)
    columns = WIDE_GAMUT[name]
    options: dict[str, object] = {"quality": 98, "icc_profile": rgb_profile(columns)}
    if file_format == "JPEG":
        options["subsampling"] = 0
    if file_format == "TIFF":
        del options["quality"]
    data = saved(in_colours_of(columns), file_format, **options)
    assert difference(decode(data), picture()) < 2.5
    assert difference(in_colours_of(columns), picture()) > 5


def test_a_profile_of_srgb_changes_nothing() -> None:
    own = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for file_format in ("PNG", "JPEG", "WEBP"):
        plain = saved(picture(), file_format)
        assert np.array_equal(decode(saved(picture(), file_format, icc_profile=own)), decode(plain))
    assert conversion_to_srgb(own, "RGB") is None
    assert conversion_to_srgb(None, "RGB") is None


def test_transparency_is_kept_while_colours_are_brought_to_srgb() -> None:
    layered = in_colours_of(WIDE_GAMUT["ProPhoto"]).convert("RGBA")
    layered.paste((0, 0, 0, 0), (0, 0, 32, 48))
    profile = rgb_profile(WIDE_GAMUT["ProPhoto"])
    pixels = decode(saved(layered, "PNG", icc_profile=profile))
    assert (pixels[:, :32] == 255).all()
    assert difference(pixels[:, 32:], np.asarray(picture())[:, 32:]) < 2.5


def test_a_grey_photo_has_the_brightness_that_its_profile_says() -> None:
    grey = Image.new("L", (40, 30), 128)
    expected = 255 * (1.055 * (128 / 255) ** (1.0 / 2.4) - 0.055)
    for file_format in ("PNG", "JPEG", "TIFF"):
        pixels = decode(saved(grey, file_format, icc_profile=grey_profile(1.0)))
        assert np.abs(pixels.astype(float) - expected).max() < 2
    deep = Image.fromarray(np.full((30, 40), 128 * 257, np.uint16))
    pixels = decode(saved(deep, "PNG", icc_profile=grey_profile(1.0)))
    assert np.abs(pixels.astype(float) - expected).max() < 2


def test_lab_is_read_as_its_colours() -> None:
    srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    image = ImageCms.profileToProfile(picture(), srgb, lab, outputMode="LAB")
    assert image is not None
    assert difference(decode(saved(image, "TIFF")), picture()) < 2


@pytest.mark.parametrize(
    "profile",
    [
        b"no profile",
        rgb_profile(SRGB)[:200],
        bytes(5_000_000),
        rgb_profile(WIDE_GAMUT["ProPhoto"]) + bytes(LIMIT_PROFILE_BYTES),
        grey_profile(1.0),
    ],
    ids=["words", "cut", "zeros", "too large", "of grey"],
)
@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_a_profile_that_cannot_be_used_is_passed_over(file_format: str, profile: bytes) -> None:
    plain, odd = (saved(picture(), file_format, icc_profile=each) for each in (None, profile))
    assert np.array_equal(decode(odd), decode(plain))


def test_a_transform_is_made_once_for_a_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    build = ImageCms.buildTransform

    def counted(*given: object, **options: object) -> object:
        made.append(given)
        return build(*given, **options)  # type: ignore[arg-type]  # passed on as it came

    monkeypatch.setattr(ImageCms, "buildTransform", counted)
    data = saved(picture(), "JPEG", icc_profile=rgb_profile(WIDE_GAMUT["Adobe RGB"], gamma=2.1))
    for _ in range(3):
        decode(data)
    assert len(made) == 1


# --- Profiles that ask for more than they are ----------------------------------------------------


def given_to_the_library(monkeypatch: pytest.MonkeyPatch, profile: bytes, mode: str) -> list[bytes]:
    """The profiles that reach Little CMS while a conversion is asked for."""
    given = []
    read = ImageCms.getOpenProfile

    def noted(file: object) -> object:
        given.append(file.getvalue())  # type: ignore[attr-defined]  # bytes in memory
        return read(file)  # type: ignore[arg-type]  # passed on as it came

    monkeypatch.setattr(ImageCms, "getOpenProfile", noted)
    conversion_to_srgb(profile, mode)
    return given


@pytest.mark.parametrize("tag", [b"D2B0", b"D2B1", b"B2D0", b"A2B0", b"rTRC"])
def test_a_program_within_a_profile_never_reaches_the_library(
    monkeypatch: pytest.MonkeyPatch, tag: bytes
) -> None:
    profile = profile_of(b"RGB ", {tag: program_of(1_000)})
    given = given_to_the_library(monkeypatch, profile, "RGB")
    assert all(b"mpet" not in each and len(each) < 200 for each in given)
    plain, odd = (saved(picture(), "JPEG", icc_profile=each) for each in (None, profile))
    assert np.array_equal(decode(odd), decode(plain))


def test_a_profile_with_a_program_beside_its_matrix_is_used_without_it() -> None:
    profile = rgb_profile(WIDE_GAMUT["ProPhoto"])
    at = 128 + 4
    tags = {profile[at + 12 * n : at + 12 * n + 4]: n for n in range(7)}
    parts = {}
    for tag, n in tags.items():
        start, size = struct.unpack_from(">II", profile, at + 12 * n + 4)
        parts[tag] = profile[start : start + size]
    both = profile_of(b"RGB ", {**parts, b"D2B0": program_of(5)})
    data = saved(in_colours_of(WIDE_GAMUT["ProPhoto"]), "PNG", icc_profile=both)
    assert difference(decode(data), picture()) < 2.5


@pytest.mark.parametrize("kind", [b"mft1", b"mft2"])
def test_tables_of_presses_and_displays_are_used(kind: bytes) -> None:
    press = profile_of(b"CMYK", {b"A2B0": table_of(4, kind)}).replace(b"XYZ ", b"Lab ", 1)
    grey = Image.new("CMYK", (40, 30), (128, 128, 128, 128))
    pixels = decode(saved(grey, "TIFF", icc_profile=press))
    # Half of the light from black to white, L* of 50, is 119 in sRGB.
    assert np.abs(pixels.astype(float) - 119).max() <= 3
    display = profile_of(b"RGB ", {b"A2B0": table_of(3, kind)}).replace(b"XYZ ", b"Lab ", 1)
    for value, expected in ((0, 0), (128, 119), (255, 255)):
        image = Image.new("RGB", (40, 30), (value, value, value))
        pixels = decode(saved(image, "PNG", icc_profile=display))
        assert np.abs(pixels.astype(float) - expected).max() <= 3


def test_tables_larger_than_what_is_there_never_reach_the_library(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    table = bytearray(table_of(4))
    table[10] = 250
    after = bytearray(b"mAB " + bytes(4) + bytes([4, 3, 0, 0]) + struct.pack(">5I", 0, 0, 0, 32, 0))
    after += bytes([250] * 16 + [2, 0, 0, 0]) + bytes(100)
    for each in (table, after):
        profile = profile_of(b"CMYK", {b"A2B0": bytes(each)})
        assert given_to_the_library(monkeypatch, profile, "CMYK") == []
    curve = b"curv" + bytes(4) + struct.pack(">I", 1_000_000) + bytes(2_000_000)
    grey = profile_of(b"GRAY", {b"kTRC": curve})
    assert given_to_the_library(monkeypatch, grey, "L") == []


def test_tags_that_share_bytes_have_no_more_than_a_profile_may_have() -> None:
    curve = b"curv" + bytes(4) + struct.pack(">IHxx", 1, 0x0233)
    three = profile_of(b"RGB ", dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve))
    start, size = struct.unpack_from(">II", three, 132 + 4)
    shared = bytearray(three)
    for n in range(3):
        struct.pack_into(">II", shared, 132 + 12 * n + 4, start, size)
    classic = classic_profile(bytes(shared))
    assert classic is not None
    assert len(classic) == 132 + 36 + size
    tables = {b"A2B0": table_of(3) + bytes(3_000_000), b"A2B1": table_of(3) + bytes(3_000_000)}
    assert classic_profile(profile_of(b"RGB ", tables)) is None
    assert classic_profile(profile_of(b"RGB ", {b"t%03d" % n: b"" for n in range(101)})) is None


def test_threads_that_need_one_transform_at_once_make_it_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = []
    together = threading.Barrier(4)
    build = ImageCms.buildTransform

    def counted(*given: object, **options: object) -> object:
        made.append(given)
        return build(*given, **options)  # type: ignore[arg-type]  # passed on as it came

    def ask(profile: bytes) -> None:
        together.wait(10)
        conversion_to_srgb(profile, "RGB")

    monkeypatch.setattr(ImageCms, "buildTransform", counted)
    useful, useless = rgb_profile(SRGB, gamma=1.7), profile_of(b"RGB ", {})
    with ThreadPoolExecutor(4) as threads:
        for profile in (useful, useless):
            before = len(made)
            list(threads.map(ask, [profile] * 4))
            assert len(made) == before + 1
            conversion_to_srgb(profile, "RGB")
            assert len(made) == before + 1
