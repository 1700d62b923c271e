"""Every odd photo that shops have: decoded as a person sees it, or refused with a cure."""

import io
import struct
import sys
import threading
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps, PngImagePlugin
from pillow_heif import register_heif_opener

from furniture_prompter.domain import RgbImage
from furniture_prompter.encoders import decoding
from furniture_prompter.encoders.decoding import (
    FORMATS,
    PhotoLimits,
    decode_photo,
    photo_extension,
    photo_id,
    read_photo_bytes,
)
from furniture_prompter.errors import InvalidPhotoError
from tests.unit.encoders.photos import (
    decode,
    difference,
    noise,
    picture,
    png_of_zeros,
    refused,
    saved,
)

ORIENTATION = 0x0112
SMALL = PhotoLimits(limit_bytes=2_000, limit_pixels=10_000)


# --- What is decoded -----------------------------------------------------------------------------


@pytest.mark.parametrize("file_format", ["PNG", "BMP", "TIFF"])
def test_a_lossless_photo_keeps_every_pixel(file_format: str) -> None:
    pixels = decode(saved(picture(), file_format))
    assert np.array_equal(pixels, np.asarray(picture()))
    assert pixels.dtype == np.uint8
    assert pixels.flags.c_contiguous


@pytest.mark.parametrize("file_format", ["JPEG", "WEBP", "AVIF"])
def test_a_lossy_photo_stays_close(file_format: str) -> None:
    assert difference(decode(saved(picture(), file_format, quality=95)), picture()) < 3


def test_every_accepted_format_has_a_decoder_here() -> None:
    for file_format in FORMATS:
        assert decode(saved(picture(), file_format)).shape == (48, 64, 3)


def test_a_progressive_jpeg_is_decoded_to_its_end() -> None:
    data = saved(picture(), "JPEG", quality=95, progressive=True)
    assert difference(decode(data), picture()) < 3


def test_a_grey_jpeg_becomes_three_equal_channels() -> None:
    grey = picture().convert("L")
    pixels = decode(saved(grey, "JPEG", quality=95))
    assert np.array_equal(pixels[..., 0], pixels[..., 2])
    assert difference(pixels, grey.convert("RGB")) < 3


def test_a_cmyk_jpeg_has_the_colours_that_pillow_shows() -> None:
    data = saved(picture().convert("CMYK"), "JPEG", quality=95)
    assert Image.open(io.BytesIO(data)).mode == "CMYK"
    assert difference(decode(data), picture()) < 5


def test_a_16_bit_grey_png_keeps_its_brightness() -> None:
    ramp = np.linspace(0, 65_535, 64 * 48).reshape(48, 64).astype(np.uint16)
    data = saved(Image.fromarray(ramp), "PNG")
    assert Image.open(io.BytesIO(data)).mode.startswith("I;16")
    pixels = decode(data)
    assert np.abs(pixels[..., 0].astype(int) - ramp // 257).max() <= 1


def test_a_16_bit_grey_tiff_keeps_its_brightness_in_either_byte_order() -> None:
    ramp = np.linspace(0, 65_535, 64 * 48).reshape(48, 64).astype(np.uint16)
    data = saved(Image.fromarray(ramp), "TIFF")
    assert np.abs(decode(data)[..., 1].astype(int) - ramp // 257).max() <= 1
    big_endian = Image.frombytes("I;16B", (64, 48), ramp.astype(">u2").tobytes())
    assert np.abs(decode(saved(big_endian, "TIFF"))[..., 1].astype(int) - ramp // 257).max() <= 1


@pytest.mark.parametrize("file_format", ["PNG", "WEBP"])
def test_transparent_pixels_are_white(file_format: str) -> None:
    layered = picture().convert("RGBA")
    layered.putalpha(0)
    layered.paste((200, 30, 30, 255), (0, 0, 32, 48))
    pixels = decode(saved(layered, file_format, lossless=True))
    assert (pixels[:, 33:] == 255).all()
    assert (pixels[:, :32] == (200, 30, 30)).all()


def test_half_transparent_pixels_are_mixed_with_white() -> None:
    pixels = decode(saved(Image.new("RGBA", (20, 20), (0, 100, 200, 128)), "PNG"))
    expected = np.array([0, 100, 200]) * (128 / 255) + 255 * (127 / 255)
    assert np.abs(pixels[0, 0] - expected).max() <= 1


def test_grey_with_transparency_is_laid_on_white() -> None:
    image = Image.new("LA", (20, 20), (40, 255))
    image.paste((0, 0), (0, 0, 20, 10))
    pixels = decode(saved(image, "PNG"))
    assert (pixels[:10] == 255).all()
    assert (pixels[10:] == 40).all()


def test_a_palette_keeps_its_colours_and_its_transparent_entry_is_white() -> None:
    image = Image.new("P", (20, 20), 0)
    image.putpalette([10, 20, 30, 250, 120, 10])
    image.paste(1, (0, 10, 20, 20))
    assert (decode(saved(image, "PNG"))[0, 0] == (10, 20, 30)).all()
    pixels = decode(saved(image, "PNG", transparency=0))
    assert (pixels[:10] == 255).all()
    assert (pixels[10:] == (250, 120, 10)).all()


def test_a_palette_with_an_opacity_for_each_entry_is_laid_on_white() -> None:
    image = Image.new("P", (20, 20), 0)
    image.putpalette([0, 0, 0, 250, 120, 10])
    pixels = decode(saved(image, "PNG", transparency=b"\x80\xff"))
    assert np.abs(pixels.astype(int) - 127).max() <= 1


def test_a_transparent_colour_of_an_rgb_png_is_white() -> None:
    image = Image.new("RGB", (20, 20), (1, 2, 3))
    image.paste((90, 80, 70), (0, 0, 20, 10))
    pixels = decode(saved(image, "PNG", transparency=(1, 2, 3)))
    assert (pixels[:10] == (90, 80, 70)).all()
    assert (pixels[10:] == 255).all()


def test_a_one_bit_image_is_black_and_white() -> None:
    image = Image.new("1", (20, 20), 0)
    image.paste(1, (0, 0, 20, 10))
    pixels = decode(saved(image, "PNG"))
    assert (pixels[:10] == 255).all()
    assert (pixels[10:] == 0).all()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_an_exif_orientation_is_undone(file_format: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    data = saved(picture(), file_format, exif=exif, quality=95, lossless=True)
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB")
    assert (upright.width < upright.height) == (orientation >= 5)
    pixels = decode(data)
    assert difference(pixels, upright) < 2
    assert pixels.flags.c_contiguous


@pytest.mark.parametrize("orientation", [0, 9, 4711])
def test_an_orientation_that_does_not_exist_is_passed_over(orientation: int) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    data = saved(picture(), "PNG", exif=exif)
    assert np.array_equal(decode(data), np.asarray(picture()))


@pytest.mark.parametrize(
    "exif",
    [
        b"Exif\x00\x00II*\x00\x08\x00\x00\x00\x05\x00\x12\x01\x03\x00",
        b"Exif\x00\x00MM\x00*\xff\xff\xff\xff",
        b"Exif\x00\x00neither byte order",
        b"Exif\x00\x00",
        b"Exif\x00\x00II*\x00\x08\x00\x00\x00\x01\x00\x12\x01\x02\x00\xff\xff\xff\x0f\x10\x00\x00\x00",
    ],
)
@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP"])
def test_damaged_metadata_does_not_cost_the_photo(file_format: str, exif: bytes) -> None:
    data = saved(picture(), file_format, exif=exif, quality=95, lossless=True)
    assert difference(decode(data), picture()) < 3


def test_damaged_metadata_makes_no_noise(capfd: pytest.CaptureFixture[str]) -> None:
    exif = b"Exif\x00\x00II*\x00\x08\x00\x00\x00\x05\x00\x12\x01\x03\x00"
    data = saved(picture(), "JPEG", exif=exif)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        decode(data)
    assert capfd.readouterr() == ("", "")


def test_warnings_of_others_pass_while_and_after_photos_are_decoded() -> None:
    data = saved(picture(400, 300), "PNG")
    threads = [threading.Thread(target=lambda: [decode(data) for _ in range(20)]) for _ in range(4)]
    before = list(warnings.filters)
    for thread in threads:
        thread.start()
    with pytest.raises(UserWarning, match="mine"):
        warnings.warn("mine", UserWarning, stacklevel=1)
    for thread in threads:
        thread.join()
    assert list(warnings.filters) == before


@pytest.mark.parametrize("file_format", ["GIF", "WEBP", "PNG", "TIFF"])
def test_of_an_animation_the_first_picture_counts(file_format: str) -> None:
    red, blue = (Image.new("RGB", (32, 24), colour) for colour in ("red", "blue"))
    data = saved(red, file_format, save_all=True, append_images=[blue], lossless=True)
    assert getattr(Image.open(io.BytesIO(data)), "n_frames", 1) == 2
    assert (decode(data) == (255, 0, 0)).all()


def test_a_jpeg_of_several_pictures_shows_its_first() -> None:
    red, blue = (Image.new("RGB", (32, 24), colour) for colour in ("red", "blue"))
    data = saved(red, "MPO", save_all=True, append_images=[blue])
    assert difference(decode(data), red) < 3


@pytest.mark.parametrize("shape", [(3_000, 200), (200, 3_000)])
@pytest.mark.parametrize("file_format", ["JPEG", "PNG"])
def test_a_very_long_photo_keeps_its_shape(file_format: str, shape: tuple[int, int]) -> None:
    width, height = shape
    data = saved(picture(width, height), file_format)
    assert decode(data).shape == (height, width, 3)


@pytest.mark.parametrize("size", [(1024, 768), (768, 1024), (1001, 333), (640, 640)])
@pytest.mark.parametrize("side_px", [64, 224, 260])
def test_a_scaled_decode_looks_like_the_full_one_made_smaller(
    size: tuple[int, int], side_px: int
) -> None:
    data = saved(picture(*size), "JPEG", quality=92)
    full, scaled = decode(data), decode(data, target_side_px=side_px)
    assert max(scaled.shape) >= side_px
    assert max(scaled.shape) <= max(full.shape)
    height, width = scaled.shape[:2]
    assert abs(width / height - size[0] / size[1]) < 0.02 * size[0] / size[1]
    smaller = Image.fromarray(full).resize((width, height), Image.Resampling.BOX)
    assert difference(scaled, smaller) < 2


def test_a_large_jpeg_is_decoded_at_a_fraction_of_its_size() -> None:
    data = saved(picture(1600, 1200), "JPEG")
    assert decode(data, target_side_px=200).shape == (150, 200, 3)


def test_a_jpeg_is_decoded_at_the_fewest_eighths_that_are_enough() -> None:
    data = saved(picture(320, 200), "JPEG")
    assert decode(data, target_side_px=240).shape == (150, 240, 3)
    assert decode(data, target_side_px=241).shape == (175, 280, 3)


def test_a_jpeg_smaller_than_asked_is_decoded_whole() -> None:
    data = saved(picture(100, 80), "JPEG")
    assert decode(data, target_side_px=224).shape == (80, 100, 3)


def test_a_turned_jpeg_is_scaled_by_its_longer_side() -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    data = saved(picture(1600, 1200), "JPEG", exif=exif)
    assert decode(data, target_side_px=200).shape == (200, 150, 3)


# --- What is refused -----------------------------------------------------------------------------


def test_an_empty_photo_is_refused() -> None:
    refused(b"", "is empty")


def test_text_renamed_to_jpg_is_refused() -> None:
    refused(b"This is no photo, whatever its name is.\n" * 50, "no image of a known format")


def test_a_page_renamed_to_jpg_is_refused() -> None:
    refused(b"<!doctype html><html><body>404 Not Found</body></html>", "no image of a known format")


@pytest.mark.parametrize("installed", [True, False])
def test_the_formats_that_are_named_are_those_that_this_install_reads(
    monkeypatch: pytest.MonkeyPatch, installed: bool
) -> None:
    monkeypatch.setattr(decoding, "find_spec", lambda _: object() if installed else None)
    refused(b"no photo", "AVIF, HEIC." if installed else "AVIF.")


@pytest.mark.parametrize("file_format", ["PPM", "ICO", "PCX", "TGA", "EPS"])
def test_formats_beyond_the_accepted_ones_are_never_decoded(file_format: str) -> None:
    refused(saved(picture(), file_format), "no image of a known format")


@pytest.mark.parametrize("kept", [0.2, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("options", [{}, {"progressive": True}], ids=["baseline", "progressive"])
def test_a_truncated_jpeg_is_refused_and_not_filled_up_with_grey(
    kept: float, options: dict[str, object]
) -> None:
    data = saved(noise(), "JPEG", **options)
    refused(data[: int(len(data) * kept)], "damaged or cut short")


@pytest.mark.parametrize("kept", [0.2, 0.5, 0.9])
@pytest.mark.parametrize("file_format", ["PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"])
def test_a_truncated_photo_of_any_format_is_refused(file_format: str, kept: float) -> None:
    data = saved(noise(), file_format)
    refused(data[: int(len(data) * kept)])


def test_a_truncated_cmyk_jpeg_is_refused() -> None:
    data = saved(noise().convert("CMYK"), "JPEG")
    refused(data[: len(data) // 2], "damaged or cut short")


@pytest.mark.parametrize("seed", [7, 23, 29, 44])
def test_a_jpeg_whose_middle_is_overwritten_with_no_code_of_it_is_refused(seed: int) -> None:
    data = bytearray(saved(noise(), "JPEG"))
    middle = len(data) // 2
    data[middle : middle + 200] = np.random.default_rng(seed).integers(0, 255, 200).tolist()
    refused(bytes(data), "damaged or cut short")


def test_a_png_with_a_wrong_checksum_is_refused() -> None:
    data = bytearray(saved(noise(), "PNG"))
    data[data.index(b"IDAT") + 40] ^= 0xFF
    refused(bytes(data), "damaged or cut short")


def test_a_photo_of_no_size_is_refused() -> None:
    refused(png_of_zeros(0, 0, rows=0))
    data = bytearray(saved(picture(), "JPEG"))
    start = data.index(b"\xff\xc0") + 5
    data[start : start + 4] = bytes(4)
    refused(bytes(data))


@pytest.mark.parametrize("size", [(1, 1), (1, 400), (400, 1), (15, 15)])
@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "GIF"])
def test_a_photo_of_a_few_pixels_is_refused(file_format: str, size: tuple[int, int]) -> None:
    refused(saved(Image.new("RGB", size), file_format), f"{size[0]} × {size[1]}", "16 pixels")


def test_a_photo_of_the_least_size_is_taken() -> None:
    assert decode(saved(Image.new("RGB", (16, 16)), "PNG")).shape == (16, 16, 3)


def test_a_decompression_bomb_is_refused_by_its_header() -> None:
    refused(png_of_zeros(30_000, 30_000, rows=1), "30000 × 30000 pixels", "Save it smaller")


def test_a_photo_over_the_limit_that_pillow_would_only_warn_of_is_refused(
    capfd: pytest.CaptureFixture[str],
) -> None:
    refused(png_of_zeros(12_000, 11_000, rows=1), "12000 × 11000", "LIMIT_PHOTO_PIXELS")
    assert capfd.readouterr() == ("", "")


def test_a_raised_limit_lets_larger_photos_in() -> None:
    data = png_of_zeros(1_200, 900, rows=900)
    refused(data, "1200 × 900", limits=PhotoLimits(limit_pixels=1_000_000))
    pixels = decode(data, limits=PhotoLimits(limit_pixels=1_100_000))
    assert pixels.shape == (900, 1_200, 3)


def test_a_jpeg_bomb_is_refused_by_its_header() -> None:
    data = bytearray(saved(picture(), "JPEG"))
    start = data.index(b"\xff\xc0") + 5
    data[start : start + 4] = struct.pack(">HH", 30_000, 30_000)
    refused(bytes(data), "30000 × 30000 pixels")


def test_a_file_larger_than_the_limit_is_refused() -> None:
    data = saved(noise(), "PNG")
    assert len(data) > SMALL.limit_bytes
    refused(data, "more than 2,000 bytes", "LIMIT_PHOTO_BYTES", limits=SMALL)


@pytest.mark.parametrize("brand", [b"heic", b"heix", b"hevc", b"mif1", b"msf1"])
def test_heic_without_its_extra_is_refused_with_what_to_do_about_it(
    brand: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    box = b"ftyp" + brand + bytes(4) + b"mif1heic"
    data = struct.pack(">I", len(box) + 4) + box + bytes(200)
    refused(data, "HEIC", "pip install -e '.[heic]'", "JPEG")
    with pytest.raises(InvalidPhotoError, match="HEIC"):
        photo_extension(data, name="chair.jpg")


def test_heic_is_read_where_its_extra_is() -> None:
    register_heif_opener(thumbnails=False)
    data = saved(picture(), "HEIF", quality=90)
    assert photo_extension(data, name="chair.jpg") == ".heic"
    assert difference(decode(data), picture()) < 3
    refused(data[: len(data) // 2], "damaged or cut short")
    refused(data, "64 × 48", limits=PhotoLimits(limit_pixels=2_000))


def test_an_avif_that_calls_itself_a_picture_first_is_decoded() -> None:
    data = saved(picture(), "AVIF", quality=95)
    assert data[8:12] == b"avif"
    assert b"avif" in data[16:32]
    assert difference(decode(data[:8] + b"mif1" + data[12:]), picture()) < 3


@pytest.mark.parametrize("mode", ["F", "I"])
def test_measurement_data_is_refused_and_not_shown_black(mode: str) -> None:
    refused(saved(picture().convert("L").convert(mode), "TIFF"), "32 bits")


def test_a_compressed_comment_that_explodes_costs_nothing() -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("comment", "a" * 5_000_000, zip=True)
    assert np.array_equal(decode(saved(picture(), "PNG", pnginfo=info)), np.asarray(picture()))


# --- Reading files -------------------------------------------------------------------------------


def test_a_file_is_read_whole_and_known_by_its_content(tmp_path: Path) -> None:
    path = tmp_path / "chair.jpg"
    path.write_bytes(b"abc")
    assert read_photo_bytes(path) == b"abc"
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert photo_id(b"abc") == expected


def test_a_missing_file_is_refused_with_its_path(tmp_path: Path) -> None:
    with pytest.raises(InvalidPhotoError, match=r"no photo file at .*gone\.jpg.*Check the path"):
        read_photo_bytes(tmp_path / "gone.jpg")


def test_a_folder_is_no_photo(tmp_path: Path) -> None:
    with pytest.raises(InvalidPhotoError, match="no photo file"):
        read_photo_bytes(tmp_path)


def test_an_empty_file_is_refused_with_its_path(tmp_path: Path) -> None:
    (tmp_path / "empty.jpg").touch()
    with pytest.raises(InvalidPhotoError, match=r"empty\.jpg is empty"):
        read_photo_bytes(tmp_path / "empty.jpg")


def test_a_huge_file_is_refused_without_reading_it_whole(tmp_path: Path) -> None:
    path = tmp_path / "huge.jpg"
    with path.open("wb") as file:
        file.truncate(1 << 40)  # sparse: it takes no room, and no memory would hold it
    with pytest.raises(InvalidPhotoError, match="more than 30,000,000 bytes"):
        read_photo_bytes(path)


def test_a_file_that_cannot_be_read_is_refused_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "chair.jpg"
    path.write_bytes(b"abc")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(InvalidPhotoError, match=r"Permission denied.*Check its permissions"):
        read_photo_bytes(path)


@pytest.mark.parametrize("name", ["chair\0.jpg", "x" * 5_000])
def test_a_name_that_no_file_can_have_is_refused(name: str) -> None:
    with pytest.raises(InvalidPhotoError):
        read_photo_bytes(Path(name))


# --- Damage of any kind --------------------------------------------------------------------------


SAMPLES: dict[str, bytes] = {
    file_format: saved(picture(40, 30), file_format) for file_format in FORMATS
} | {
    "CMYK": saved(picture(40, 30).convert("CMYK"), "JPEG"),
    "progressive": saved(picture(40, 30), "JPEG", progressive=True),
    "palette": saved(picture(40, 30).convert("P"), "PNG", transparency=bytes(range(256))),
    "deflated": saved(picture(40, 30), "TIFF", compression="tiff_adobe_deflate"),
    "animated": saved(
        picture(40, 30), "WEBP", save_all=True, append_images=[noise().resize((40, 30))]
    ),
}


def overwrite(data: bytes, edits: list[tuple[float, int]], kept: float) -> bytes:
    changed = bytearray(data)
    for place, value in edits:
        changed[int(place * (len(changed) - 1))] = value
    return bytes(changed[: max(1, int(kept * len(changed)))])


def decoded_or_refused(data: bytes, target_side_px: int | None) -> RgbImage | None:
    """The image, or None where it is refused; anything else that is raised fails the test."""
    limits = PhotoLimits(limit_pixels=1_000_000)
    try:
        return decode_photo(data, name="fuzzed", target_side_px=target_side_px, limits=limits)
    except InvalidPhotoError:
        return None


@pytest.mark.parametrize("sample", sorted(SAMPLES))
@settings(max_examples=120, deadline=None, derandomize=True)
@given(
    edits=st.lists(
        st.tuples(st.floats(0, 1), st.integers(0, 255)),
        max_size=6,
    ),
    in_header=st.booleans(),
    kept=st.one_of(st.just(1.0), st.floats(0, 1)),
)
def test_damaged_bytes_are_decoded_or_refused_and_nothing_else(
    sample: str, edits: list[tuple[float, int]], in_header: bool, kept: float
) -> None:
    data = SAMPLES[sample]
    if in_header:
        edits = [(place * min(1.0, 64 / len(data)), value) for place, value in edits]
    for side_px in (None, 16):
        pixels = decoded_or_refused(overwrite(data, edits, kept), side_px)
        if pixels is not None:
            assert pixels.dtype == np.uint8
            assert pixels.ndim == 3
            assert pixels.shape[2] == 3
            assert pixels.size <= 3 * 1_000_000
