from pathlib import Path

import pytest
from PIL import Image

from furniture_prompter.domain import FeedRow, Product
from furniture_prompter.ingest.photo_files import PhotoFiles
from furniture_prompter.ingest.photos import PhotosOfRows, encode_photos
from furniture_prompter.settings import Settings
from tests.fakes import ColourEncoder, colour_card


def local(folder: Path) -> PhotoFiles:
    return PhotoFiles(folder, Settings(), download=False)


def test_photos_wait_for_the_encoder_in_its_size_and_not_in_theirs(tmp_path: Path) -> None:
    rows = []
    for number, suffix in enumerate(("png", "jpg", "webp")):
        path = tmp_path / f"{number}.{suffix}"
        Image.new("RGB", (900, 600), (40 * number, 90, 20)).save(path)
        rows.append(
            FeedRow(Product(id=f"p{number}", title="chair"), (path,), tmp_path / "feed", number + 1)
        )
    encoder, outcome = ColourEncoder(colour_card(side_px=48)), PhotosOfRows({}, [])
    batches = list(
        encode_photos(rows, set(), encoder, Settings(), outcome, lambda: None, local(tmp_path))
    )
    assert [len(batch.ids) for batch in batches] == [3]
    assert encoder.seen == [(48, 48, 3)] * 3
    assert outcome.set_aside == []


@pytest.mark.parametrize(("line", "begin"), [(0, "The photo is empty."), (3, "The photo /")])
def test_a_photo_that_is_its_own_row_is_named_once(tmp_path: Path, line: int, begin: str) -> None:
    path = tmp_path.resolve() / "empty.jpg"
    path.touch()
    row = FeedRow(
        Product(id="a", title="a"), (path,), path if not line else tmp_path / "shop.csv", line
    )
    encoder, outcome = ColourEncoder(colour_card(side_px=48)), PhotosOfRows({}, [])
    batches = encode_photos(
        [row], set(), encoder, Settings(), outcome, lambda: None, local(tmp_path)
    )
    assert not list(batches)
    assert outcome.set_aside[0].reason.startswith(begin)
