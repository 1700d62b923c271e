import threading

import pytest
from PIL import Image

from furniture_prompter.encoders.decoding import PhotoLimits, decode_into
from furniture_prompter.encoders.decoding_memory import MEMORY, jpeg_bytes, pillow_bytes
from furniture_prompter.encoders.headers.model import ImageHeader, JpegFrame
from furniture_prompter.errors import DecodingBusyError
from tests.unit.encoders.photos import (
    decode,
    noise,
    picture,
    refused,
    saved,
)


def test_a_photo_that_takes_more_memory_than_there_is_for_all_is_refused() -> None:
    limits = PhotoLimits(limit_memory_bytes=50_000_000)
    data = saved(Image.new("RGBA", (2_000, 2_000)), "WEBP")
    refused(data, "MB to decode from WEBP", "LIMIT_DECODING_BYTES", limits=limits)
    assert (
        decode(saved(Image.new("RGB", (2_000, 2_000)), "JPEG"), target_side_px=200).shape[0] < 500
    )


def test_photos_wait_for_the_memory_of_others_and_then_give_up() -> None:
    data = saved(picture(), "PNG")
    limits = PhotoLimits(limit_memory_bytes=100_000_000, wait_s=0.01)
    with MEMORY.hold(90_000_000, 100_000_000, None):
        with pytest.raises(DecodingBusyError, match="Try again"):
            decode(data, limits=limits)
        started = threading.Thread(
            target=lambda: decode(data, limits=PhotoLimits(limit_memory_bytes=100_000_000))
        )
        started.start()
    started.join(60)
    assert not started.is_alive()
    assert MEMORY.held_bytes == 0


def test_memory_is_given_back_when_a_photo_is_refused_or_its_use_fails() -> None:
    refused(saved(noise(), "JPEG")[:-300], "damaged")
    with pytest.raises(ZeroDivisionError):
        decode_into(saved(picture(), "PNG"), lambda _: 1 // 0, name="chair.jpg")
    held = decode_into(saved(picture(), "PNG"), lambda _: MEMORY.held_bytes, name="chair.jpg")
    assert held > 3 * 64 * 48
    assert MEMORY.held_bytes == 0


def test_phone_photos_of_a_hundred_megapixels_fit_and_the_worst_of_other_formats_do_not() -> None:
    limit = PhotoLimits().limit_memory_bytes
    frame = JpegFrame(components=3, precision=8, samples=162_000_000, buffered=True)
    header = ImageHeader("JPEG", b"", (12_000, 9_000), 6, jpeg=frame)
    assert jpeg_bytes(header, 260) < limit
    assert pillow_bytes("WEBP", "RGBA", (9_000, 9_000)) > limit
    assert 2 * limit > pillow_bytes("PNG", "RGBA", (9_000, 9_000))
