"""Which photos are trained on."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from furniture_prompter.distillation.photos import (
    TrainingPhoto,
    decode,
    held_out_places,
    photos_of_feed,
    prepare_photo,
)
from furniture_prompter.distillation.training_data import prepare_photos, square_side_px
from furniture_prompter.encoders.card import Preprocessing
from furniture_prompter.encoders.decoding import DEFAULT_LIMITS, photo_id
from furniture_prompter.encoders.onnx_encoder import preprocess
from furniture_prompter.errors import InvalidPhotoError
from furniture_prompter.feeds.folder import FolderFeed
from tests.fakes import draw_product
from tests.unit.distillation.tiny_student import photos


def _photo(number: int, product: int) -> TrainingPhoto:
    return TrainingPhoto(Path(f"{number}.png"), f"{number:064x}", str(product))


def test_the_same_content_is_one_photo(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        draw_product("red", "sofa", 1).save(tmp_path / name)
    draw_product("red", "sofa", 2).save(tmp_path / "c.png")
    found = photos_of_feed(FolderFeed(tmp_path), DEFAULT_LIMITS)
    assert len(found.photos) == 2
    assert [photo.id for photo in found.photos] == sorted(photo.id for photo in found.photos)


def test_what_is_no_photo_is_set_aside_and_the_rest_goes_on(tmp_path: Path) -> None:
    found = photos(tmp_path, 20)
    broken = found.photos[3].path
    data = broken.read_bytes()
    broken.write_bytes(data[: len(data) // 2])
    (tmp_path / "0.png").unlink()
    found = photos_of_feed(FolderFeed(tmp_path), DEFAULT_LIMITS)
    spec = Preprocessing(side_px=32)
    prepared = prepare_photos(found, spec, 36, tmp_path / "c", DEFAULT_LIMITS, 1)
    kept = prepared.found
    assert len(kept.photos) == len(found.photos) - 1
    assert [item.source for item in kept.set_aside] == [broken]
    assert str(broken) in kept.set_aside[0].reason
    assert prepared.squares[prepared.places].shape == (len(kept.photos), 36, 36, 4)
    assert prepared.images(np.arange(len(kept.photos))).shape == (len(kept.photos), 32, 32, 3)


def test_squares_are_decoded_once(tmp_path: Path) -> None:
    found = photos(tmp_path, 20)
    spec = Preprocessing(side_px=32)
    first = prepare_photos(found, spec, 36, tmp_path / "c", DEFAULT_LIMITS, 1)
    for photo in found.photos:
        photo.path.unlink()
    second = prepare_photos(found, spec, 36, tmp_path / "c", DEFAULT_LIMITS, 1)
    assert second.found.photos == first.found.photos
    assert (second.squares[second.places] == first.squares[first.places]).all()
    assert (second.indexed[second.places] == first.indexed[first.places]).all()


@pytest.mark.parametrize("longer_px", [255, 256, 300, 511, 512, 513, 700, 1_500])
@pytest.mark.parametrize("kind", ["jpg", "png"])
def test_a_photo_prepared_for_several_is_what_it_would_be_for_each_alone(
    tmp_path: Path, longer_px: int, kind: str
) -> None:
    path = tmp_path / f"photo.{kind}"
    patches = np.random.default_rng(1).integers(0, 256, (9, 12, 3), np.uint8)
    Image.fromarray(patches).resize((longer_px, longer_px * 3 // 4)).save(path)
    photo = TrainingPhoto(path, photo_id(path.read_bytes()), "1")
    specs = [Preprocessing(side_px=side_px) for side_px in (224, 256, 288, 96)]
    together = prepare_photo(photo, specs, DEFAULT_LIMITS)
    for spec, square in zip(specs, together, strict=True):
        alone = preprocess(decode(photo, spec.side_px, DEFAULT_LIMITS), spec)
        assert (square == alone).all()


def test_a_photo_that_changed_since_it_was_indexed_is_refused(tmp_path: Path) -> None:
    photo = photos(tmp_path, 1).photos[0]
    draw_product("blue", "lamp", 77).save(photo.path)
    with pytest.raises(InvalidPhotoError, match="changed since it was indexed"):
        decode(photo, None, DEFAULT_LIMITS)


def test_products_are_never_split() -> None:
    many = tuple(_photo(number, number // 4) for number in range(400))
    held = held_out_places(many, 0.1)
    assert 40 <= len(held) < 44
    assert all(len(set(held) & set(range(4 * p, 4 * p + 4))) in {0, 4} for p in range(100))


def test_the_split_does_not_depend_on_what_else_is_there() -> None:
    few = tuple(_photo(number, number) for number in range(100))
    held = {few[place].id for place in held_out_places(few, 0.1)}
    renamed = tuple(_photo(number, number + 1000) for number in reversed(range(100)))
    assert {renamed[place].id for place in held_out_places(renamed, 0.1)} == held


def test_a_product_of_very_many_photos_is_not_all_that_is_held_out() -> None:
    lopsided = tuple(_photo(number, 0 if number < 80 else number) for number in range(100))
    held = held_out_places(lopsided, 0.1)
    assert 4 <= len(held) <= 50
    assert not set(held) & set(range(80))


def test_kept_squares_leave_room_for_crops() -> None:
    assert square_side_px(256, 0) == 288
    assert square_side_px(224, 384) == 384
    assert np.ceil(0.62 * square_side_px(224, 0)) >= 150
