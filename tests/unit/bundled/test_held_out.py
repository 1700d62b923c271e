from furniture_prompter.bundled import (
    HELD_OUT_EVERY,
    catalog_feed,
    held_out_families,
    photos_to_learn_from,
)
from tools.encoder_builder.catalogs import read_catalog


def test_every_nth_model_is_held_out_whatever_the_order_and_the_number_of_finishes() -> None:
    names = [f"model-{number:02}" for number in range(12)]
    apart = held_out_families(names)
    assert apart == set(names[::HELD_OUT_EVERY])
    assert held_out_families([*reversed(names), *names]) == apart


def test_finishes_of_one_bundled_model_are_held_out_together() -> None:
    images = read_catalog(catalog_feed().parent)
    apart = held_out_families(image.family for image in images)
    products = {image.product for image in images if image.family in apart}
    assert len(apart) < len(products) < len({image.product for image in images}) / 4


def test_what_is_learned_from_shows_no_model_that_is_held_out() -> None:
    images = read_catalog(catalog_feed().parent)
    apart = held_out_families(image.family for image in images)
    wanted = tuple(image.path for image in images if image.family not in apart)
    assert photos_to_learn_from() == wanted
    assert len(images) > len(wanted) > len(images) / 2
