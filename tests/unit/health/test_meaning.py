"""Photos and categories that do not fit, on vectors made for it."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from furniture_prompter.domain import Product
from furniture_prompter.health.contents import CatalogContents
from furniture_prompter.health.meaning import find_misfits, fit_of, judge, left_out_predictions
from furniture_prompter.unit_rows import unit_rows

KINDS = ("chair", "lamp", "rug")
PER_KIND = 60


def encode(prompts: Sequence[str]) -> NDArray[np.float32]:
    """A component for each kind that a prompt names."""
    rows = np.array([[float(kind in prompt) for kind in KINDS] for prompt in prompts])
    return unit_rows(rows)


@pytest.fixture
def shop() -> CatalogContents:
    """Sixty products of each kind, whose photos lie around their kind's direction."""
    kinds = [kind for kind in KINDS for _ in range(PER_KIND)]
    count = len(kinds)
    noise = np.random.default_rng(3).normal(size=(count, 32)) * 0.1
    noise[np.arange(count), np.repeat(np.arange(len(KINDS)), PER_KIND)] += 1
    products = tuple(Product(f"{n}", f"Nice {kind} {n}", kind) for n, kind in enumerate(kinds))
    names = tuple(f"{n}.jpg" for n in range(count))
    return CatalogContents(products, np.arange(count), names, names, unit_rows(noise))


def test_a_catalog_whose_photos_fit_gives_no_warning(shop: CatalogContents) -> None:
    misfits = find_misfits(shop, judge(shop, encode))
    assert (misfits.photos, misfits.categories) == ((), ())


def test_swapped_photos_are_told_and_nothing_else(shop: CatalogContents) -> None:
    vectors = shop.vectors.copy()
    vectors[[2, 100]] = vectors[[100, 2]]
    spoilt = replace(shop, vectors=vectors)
    misfits = find_misfits(spoilt, judge(spoilt, encode))
    assert {each.products[0].id for each in misfits.photos} == {"2", "100"}
    assert misfits.categories == ()
    assert "“Nice chair 2”" in " ".join(each.detail for each in misfits.photos)


def test_a_category_that_neither_title_nor_photo_fits_is_told(shop: CatalogContents) -> None:
    products = list(shop.products)
    products[5] = replace(products[5], category="rug")
    spoilt = replace(shop, products=tuple(products))
    misfits = find_misfits(spoilt, judge(spoilt, encode))
    assert [each.products[0].id for each in misfits.categories] == ["5"]
    assert misfits.photos == ()


def test_a_product_never_vouches_for_itself() -> None:
    """Photos of one owner are left out together: two equal ones do not make each other right."""
    generator = np.random.default_rng(1)
    features = unit_rows(generator.normal(size=(60, 8)))
    words = unit_rows(generator.normal(size=(60, 4)))
    features[1], words[1] = features[0], words[0]
    alone = fit_of(features, words, np.arange(60))
    together = fit_of(features, words, np.maximum(np.arange(60) - 1, 0))
    assert alone[0] > together[0] + 0.1


def test_leaving_out_in_closed_form_is_leaving_out() -> None:
    generator = np.random.default_rng(2)
    features = unit_rows(generator.normal(size=(40, 6)))
    words = unit_rows(generator.normal(size=(40, 3)))
    owners = np.arange(40) // 2
    centred = features - features.mean(axis=0)
    wanted = (words - words.mean(axis=0)).astype(np.float64)
    gram = centred.T.astype(np.float64) @ centred
    kept = owners != 0
    penalty = np.trace(gram) / len(gram) * np.eye(len(gram))
    solved = np.linalg.solve(
        centred[kept].T.astype(np.float64) @ centred[kept] + penalty,
        centred[kept].T.astype(np.float64) @ wanted[kept],
    )
    told = left_out_predictions(centred.astype(np.float64), wanted, owners)
    assert told[0] == pytest.approx(centred[0].astype(np.float64) @ solved, abs=1e-6)


def test_fit_is_what_is_short_of_the_best_words_alike_in_a_catalog_of_few_kinds() -> None:
    """Rows that show their own words stand at the best; one that shows others' far below."""
    kinds = np.repeat(np.arange(4), 30)
    features = unit_rows(np.eye(4)[kinds] + 0.01 * np.random.default_rng(5).normal(size=(120, 4)))
    words = np.eye(4)[kinds].copy()
    words[7] = np.eye(4)[3]
    fit = fit_of(features, words, np.arange(120))
    assert fit.argmin() == 7
    assert np.abs(np.delete(fit, 7)).max() < 0.05


def test_what_is_told_already_is_not_told_for_its_meaning(shop: CatalogContents) -> None:
    """A placeholder shows nothing that could fit, and no category fits a title of none."""
    vectors = shop.vectors.copy()
    vectors[[2, 100]] = vectors[[100, 2]]
    products = list(shop.products)
    products[5] = replace(products[5], category="rug")
    spoilt = replace(shop, vectors=vectors, products=tuple(products))
    misfits = find_misfits(
        spoilt, judge(spoilt, encode), placeholders={"2.jpg", "100.jpg"}, untitled={"5"}
    )
    assert (misfits.photos, misfits.categories) == ((), ())
