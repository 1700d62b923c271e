import io

import pytest
from PIL import Image

from benchmarks.hostile_photos import filler_jpeg, flat_png, scans_jpeg


@pytest.mark.parametrize(
    ("data", "mode"),
    [
        (scans_jpeg(side_px=64, scans=100), "L"),
        (flat_png(16, 0, 1, side_px=64), "I;16"),
        (flat_png(8, 6, 4, side_px=64), "RGBA"),
        (filler_jpeg(fillers=1_000), "RGB"),
    ],
)
def test_hostile_photos_are_whole_pictures(data: bytes, mode: str) -> None:
    with Image.open(io.BytesIO(data)) as picture:
        picture.load()
        assert (picture.size, picture.mode) == ((64, 64), mode)


def test_a_jpeg_of_many_scans_has_as_many_as_asked_for() -> None:
    assert scans_jpeg(side_px=64, scans=300).count(b"\xff\xda") == 300
