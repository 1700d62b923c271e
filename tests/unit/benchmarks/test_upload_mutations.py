"""Mutated uploads: repeatable, of every kind, and taken or refused by what decodes them."""

from collections import Counter

import pytest

from benchmarks.upload_mutations import MUTATIONS, mutated, seeds
from furniture_prompter.encoders.decoding import PhotoLimits, decode_photo, photo_extension
from furniture_prompter.errors import InvalidPhotoError

LIMITS = PhotoLimits(limit_pixels=4_000_000)


def test_the_same_seed_makes_the_same_files_and_every_kind_comes_as_often() -> None:
    files = seeds()
    first = list(mutated(120, 7, files))
    assert first == list(mutated(120, 7, files))
    assert first != list(mutated(120, 8, files))
    assert Counter(kind for kind, _ in first) == dict.fromkeys(MUTATIONS, 10)


def test_whole_photos_decode() -> None:
    for data in seeds():
        assert decode_photo(data, name="whole", target_side_px=64).shape[2] == 3
        assert photo_extension(data, name="whole").startswith(".")


@pytest.mark.parametrize("seed", [1, 2])
def test_mutated_photos_are_decoded_or_refused_with_a_sentence(seed: int) -> None:
    outcomes: Counter[str] = Counter()
    for kind, data in mutated(360, seed, seeds()):
        try:
            extension = photo_extension(data, name="sent", limits=LIMITS)
            image = decode_photo(data, name="sent", target_side_px=64, limits=LIMITS)
        except InvalidPhotoError as error:
            assert str(error).startswith("The photo sent "), kind  # noqa: PT017  (either is right)
            outcomes["refused"] += 1
            continue
        assert extension
        assert image.ndim == 3
        outcomes["decoded"] += 1
    assert outcomes["refused"] > 100
    assert outcomes["decoded"] > 20
