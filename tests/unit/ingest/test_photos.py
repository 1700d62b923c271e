"""Photos of rows: read, encoded in batches, and staged."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from furniture_prompter.catalog.writer import CatalogWriter
from furniture_prompter.domain import FeedRow, Photo, Product, Variant
from furniture_prompter.ingest.photo_files import PhotoFiles
from furniture_prompter.ingest.photos import (
    PhotosOfRows,
    add_photo,
    encode_and_stage,
    encode_photos,
)
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


def coloured(folder: Path, *colours: int) -> list[FeedRow]:
    """A row for each colour, with one photo of it; equal colours are equal photos."""
    rows = []
    for number, colour in enumerate(colours):
        path = folder / f"{number}.png"
        Image.new("RGB", (60, 60), (colour, 90, 20)).save(path)
        product = Product(id=f"p{number}", title="chair")
        rows.append(FeedRow(product, (path,), folder / "feed.csv", number + 1))
    return rows


def test_photos_are_encoded_batch_by_batch_and_known_ones_counted_once_each(tmp_path: Path) -> None:
    rows = coloured(tmp_path, 1, 2, 1, 3, 4, 5, 5)
    encoder, outcome = ColourEncoder(colour_card(side_px=48)), PhotosOfRows({}, [])
    read: list[None] = []
    batches = encode_photos(
        rows,
        set(),
        encoder,
        Settings(encode_batch_photos=2),
        outcome,
        lambda: read.append(None),
        local(tmp_path),
    )
    assert [len(batch.ids) for batch in batches] == [2, 2, 1]
    assert outcome.reused == 2
    assert len(read) == len(rows)
    assert list(outcome.by_product) == [f"p{number}" for number in range(7)]


def test_a_file_that_is_no_photo_stops_none_behind_it(tmp_path: Path) -> None:
    rows = coloured(tmp_path, 1, 2, 3)
    rows[1].images[0].write_bytes(b"no photo")
    encoder, outcome = ColourEncoder(colour_card(side_px=48)), PhotosOfRows({}, [])
    (batch,) = encode_photos(
        rows, set(), encoder, Settings(), outcome, lambda: None, local(tmp_path)
    )
    assert len(batch.ids) == 2
    assert outcome.by_product.keys() == {"p0", "p2"}
    assert [problem.line for problem in outcome.set_aside] == [2]


class Staging:
    """A writer that keeps what it is to stage."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.staged: list[tuple[int, tuple[int, ...]]] = []

    async def stage(self, ids: Sequence[str], vectors: NDArray[np.float32]) -> None:
        self.staged.append((len(ids), vectors.shape))


@pytest.mark.parametrize(
    ("stage", "counts"), [(3, [4, 3]), (4, [4, 3]), (2, [2, 2, 2, 1]), (50, [7])]
)
def test_vectors_are_staged_as_soon_as_there_are_enough(
    tmp_path: Path, stage: int, counts: list[int]
) -> None:
    rows = coloured(tmp_path, *range(7))
    writer = Staging(tmp_path)
    encoder = ColourEncoder(colour_card(side_px=48))
    settings = Settings(encode_batch_photos=2, stage_photos=stage)
    outcome, encoded = asyncio.run(
        encode_and_stage(cast("CatalogWriter", writer), rows, encoder, settings, known=set())
    )
    dimension = encoder.card.dimension
    assert writer.staged == [(count, (count, dimension)) for count in counts]
    assert encoded == 7
    assert outcome.reused == 0


@pytest.mark.parametrize(
    ("variant_ids", "kept"),
    [(["a", "a"], "a"), (["a", "b"], ""), (["a", ""], ""), (["x", "x"], "")],
)
def test_a_photo_shows_a_variant_where_no_other_has_it(variant_ids: list[str], kept: str) -> None:
    product = Product("p1", "chair", variants=(Variant("a", "A"), Variant("b", "B")))
    images = [Path("one.png"), Path("two.png")]
    shown = {
        image: variant_id
        for image, variant_id in zip(images, variant_ids, strict=True)
        if variant_id
    }
    row = FeedRow(product, tuple(images), Path("feed.csv"), 1, variant_of=shown)
    photos: list[Photo] = []
    for image in images:
        add_photo(photos, row, image, image, "same")
    assert photos == [Photo("same", "p1", "one.png", kept)]
    add_photo(photos, row, images[0], images[0], "other")
    assert [photo.id for photo in photos] == ["same", "other"]
