"""Checks of photo files and of photos that stand twice."""

import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageOps

from furniture_prompter.domain import Product, RgbImage
from furniture_prompter.encoders.decoding import PhotoLimits
from furniture_prompter.health import photos
from furniture_prompter.health.contents import CatalogContents
from furniture_prompter.health.photos import PhotoLook, look_at_all, look_of
from tests.unit.health.conftest import MakeContents


def looks_of(contents: CatalogContents) -> list[PhotoLook | str]:
    return look_at_all(contents.paths, PhotoLimits(), lambda _: None)


def products(count: int) -> list[Product]:
    return [Product(f"{n}", f"Chair {n}", "chair") for n in range(count)]


def test_different_photos_are_left_alone(contents_of: MakeContents, renders: list[Path]) -> None:
    contents = contents_of(products(len(renders)), renders)
    looks = looks_of(contents)
    found = photos.find_duplicates(contents, looks)
    assert (found.products, found.shared, found.near) == ((), (), ())
    assert photos.unreadable_photos(contents, looks) == ()
    assert photos.tiny_photos(contents, looks) == ()


@pytest.mark.parametrize("way", ["saved again", "scaled", "with a margin"])
def test_a_photo_that_was_saved_in_another_way_is_a_near_duplicate(
    contents_of: MakeContents, renders: list[Path], tmp_path: Path, way: str
) -> None:
    image = Image.open(renders[0]).convert("RGB")
    if way == "scaled":
        image = image.resize((image.width * 2 // 3, image.height * 2 // 3))
    elif way == "with a margin":
        image = ImageOps.expand(image, 8, "white")
    image.save(tmp_path / "again.jpg", quality=75)
    contents = contents_of(products(4), [*renders[:3], tmp_path / "again.jpg"])
    # The fake encoder sees margins; the one that ships hardly does.
    contents = replace(contents, vectors=np.ones((4, 1), np.float32))
    found = photos.find_duplicates(contents, looks_of(contents))
    assert (found.products, found.shared) == ((), ())
    assert [[each.id for each in finding.products] for finding in found.near] == [["0", "3"]]


def test_one_file_on_many_products_is_told_once(
    contents_of: MakeContents, renders: list[Path]
) -> None:
    contents = contents_of(products(4), [renders[0], renders[1], renders[0], renders[0]])
    found = photos.find_duplicates(contents, looks_of(contents))
    assert (found.products, found.near) == ((), ())
    (finding,) = found.shared
    assert [each.id for each in finding.products] == ["0", "2", "3"]
    assert finding.detail == "3 products have the same photo file."


def test_placeholders_are_not_told_for_being_alike_as_well(
    contents_of: MakeContents, renders: list[Path], tmp_path: Path
) -> None:
    Image.open(renders[0]).convert("RGB").save(tmp_path / "again.jpg", quality=75)
    contents = contents_of(products(3), [renders[0], renders[0], tmp_path / "again.jpg"])
    contents = replace(contents, vectors=np.ones((3, 1), np.float32))
    signs = frozenset(contents.paths)
    found = photos.find_duplicates(contents, looks_of(contents), placeholders=signs)
    assert (found.products, found.shared, found.near) == ((), (), ())


def test_a_box_around_what_is_shown_does_not_move_with_compression(renders: list[Path]) -> None:
    """Saved poorly and at another size, the pixel hash stays within a third of the limit."""
    for path in renders[:6]:
        image = Image.open(path).convert("RGB")
        buffer = io.BytesIO()
        image.resize((image.width * 3 // 5, image.height * 3 // 5)).save(buffer, "JPEG", quality=60)
        again = look_of(np.asarray(Image.open(buffer)))
        assert photos.are_same_picture(look_of(np.asarray(image)), again)


def test_the_same_title_and_photo_is_the_same_product(
    contents_of: MakeContents, renders: list[Path]
) -> None:
    twice = [Product("a", "Oak chair"), Product("b", "OAK CHAIR"), Product("c", "Lamp")]
    contents = contents_of(twice, [renders[0], renders[0], renders[1]])
    found = photos.find_duplicates(contents, looks_of(contents))
    assert (found.shared, found.near) == ((), ())
    assert [each.id for each in found.products[0].products] == ["a", "b"]


def test_photos_that_are_gone_or_damaged_are_told_with_the_reason(
    contents_of: MakeContents, renders: list[Path], tmp_path: Path
) -> None:
    contents = contents_of(products(3), renders[:3])
    damaged = tmp_path / "damaged.jpg"
    damaged.write_bytes(renders[0].read_bytes()[:700])
    contents = replace(contents, paths=(str(tmp_path / "gone.jpg"), str(damaged), str(renders[2])))
    found = photos.unreadable_photos(contents, looks_of(contents))
    assert [each.products[0].id for each in found] == ["0", "1"]
    assert "There is no photo file" in found[0].detail
    assert "damaged or cut short" in found[1].detail


def test_tiny_and_enlarged_photos_are_told(
    contents_of: MakeContents, renders: list[Path], tmp_path: Path
) -> None:
    image = Image.open(renders[0]).convert("RGB")
    size = image.size
    image.thumbnail((90, 90))
    image.save(tmp_path / "tiny.jpg")
    image.resize(size, Image.Resampling.BICUBIC).save(tmp_path / "enlarged.jpg")
    files = [renders[0], tmp_path / "tiny.jpg", tmp_path / "enlarged.jpg"]
    contents = contents_of(products(3), files)
    found = photos.tiny_photos(contents, looks_of(contents))
    assert {each.products[0].id: each.detail.split(" pixels")[1] for each in found} == {
        "1": ".",
        "2": " and the detail of a much smaller one.",
    }


def test_a_blank_photo_and_a_sign_are_placeholders(
    contents_of: MakeContents, renders: list[Path], tmp_path: Path
) -> None:
    Image.new("RGB", (300, 300), (250, 250, 250)).save(tmp_path / "blank.png")
    Image.fromarray(photos.drawn_placeholders()[3]).save(tmp_path / "sign.png")
    files = [tmp_path / "blank.png", tmp_path / "sign.png", *renders[:4]]
    contents = contents_of(products(6), files)
    contents = replace(contents, vectors=np.eye(2, dtype=np.float32)[[1, 0, 1, 1, 1, 1]])

    def encode(images: Sequence[RgbImage]) -> NDArray[np.float32]:
        return np.eye(2, dtype=np.float32)[[0] * len(images)]

    found = photos.placeholders(contents, looks_of(contents), encode)
    assert [each.products[0].id for each in found] == ["0", "1"]


def test_what_is_as_near_as_a_sign_but_shaded_is_no_placeholder(renders: list[Path]) -> None:
    look = look_of(np.asarray(Image.open(renders[0]).convert("RGB")))
    shaded = replace(look, flatness=0.1)
    assert not photos.is_sign(shaded, 0.99)
    assert photos.is_sign(replace(look, flatness=0.9, off_line=0.0), 0.99)


def test_an_image_of_a_single_pixel_has_a_look() -> None:
    look = look_of(np.zeros((1, 1, 3), np.uint8))
    assert (look.width, look.height, look.ink) == (1, 1, 0.0)
