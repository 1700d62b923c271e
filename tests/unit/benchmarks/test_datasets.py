import dataclasses
from pathlib import Path

import numpy as np
import pytest

from benchmarks.datasets import (
    BenchmarkProduct,
    bundled,
    ikea_dev,
    ranked_others,
    turkish_words,
    write_feed,
)
from benchmarks.demo import clean_environment, folder_mb
from benchmarks.speed import first_photos, percentiles
from benchmarks.vector_engines.grown_vectors import grown
from benchmarks.vector_index import nearest, padded
from benchmarks.words_and_photos import halves, reliability
from furniture_prompter.domain import FeedRow
from furniture_prompter.feeds.opening import open_feed


def products(folder: Path) -> tuple[BenchmarkProduct, ...]:
    made = []
    for number in range(3):
        images = (folder / f"{number}-a.jpg", folder / f"{number}-b.jpg")
        for image in images:
            image.write_bytes(image.name.encode())
        name = f"p{number}"
        made.append(BenchmarkProduct(name, "Åbo", "chair", "red", "Long text.", name, images))
    return tuple(made)


def test_the_bundled_set_names_files_that_are_there() -> None:
    data = bundled()
    assert len(data.products) >= 300
    assert all(image.is_file() for product in data.products for image in product.images)
    # Finishes of one model share a family, so there are fewer families than products.
    assert len({product.family for product in data.products}) < len(data.products)


def test_a_missing_measuring_set_is_refused_with_the_option_to_name_it(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="--data"):
        ikea_dev(tmp_path)


def test_a_written_feed_is_read_back_with_the_named_fields_only(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    written = products(tmp_path / "photos")
    feed = write_feed(written, tmp_path / "feed", ("category",))
    rows = [row for row in open_feed(feed).items() if isinstance(row, FeedRow)]
    assert [row.product.id for row in rows] == ["p0", "p1", "p2"]
    assert {row.product.title for row in rows} == {"Åbo"}
    assert {(row.product.category, row.product.color) for row in rows} == {("chair", "")}
    contents = [[image.read_bytes() for image in row.images] for row in rows]
    assert contents == [[image.read_bytes() for image in product.images] for product in written]


@pytest.mark.parametrize(("count", "photos"), [(1, [1]), (2, [2]), (5, [2, 2, 1]), (9, [2, 2, 2])])
def test_products_are_taken_until_there_are_enough_photos(
    tmp_path: Path, count: int, photos: list[int]
) -> None:
    taken = first_photos(products(tmp_path), count)
    assert [len(product.images) for product in taken] == photos


def test_a_query_is_not_among_its_own_neighbours() -> None:
    vectors = np.array([[1, 0], [0.6, 0.8], [1, 0], [0, 1]], np.float32)
    assert ranked_others(vectors, ["a", "b", "c", "d"], 0, 3) == ["c", "b", "d"]


def test_grown_vectors_keep_the_real_ones_and_their_length() -> None:
    rng = np.random.default_rng(0)
    real = rng.normal(size=(50, 10)).astype(np.float32)
    real /= np.linalg.norm(real, axis=1, keepdims=True)
    vectors = grown(real, 500, seed=1)
    assert vectors.shape == (500, 10)
    assert vectors[:50] == pytest.approx(real, abs=1e-6)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(500), abs=1e-5)
    # The same three rows are drawn again now and then: 450 draws of 117,600 triples.
    assert len(np.unique(vectors.round(6), axis=0)) >= 495
    assert grown(real, 20, seed=1).shape == (20, 10)


def test_padding_changes_no_cosine() -> None:
    vectors = np.random.default_rng(0).normal(size=(4, 13)).astype(np.float32)
    assert padded(vectors).shape == (4, 16)
    assert padded(vectors) @ padded(vectors).T == pytest.approx(vectors @ vectors.T, abs=1e-5)
    assert padded(vectors[:, :8]).shape == (4, 8)


def test_the_nearest_come_highest_first() -> None:
    scores = np.random.default_rng(0).normal(size=200)
    assert list(nearest(scores)) == list(np.argsort(-scores)[:10])


def test_percentiles_leave_the_warm_up_out() -> None:
    asked: list[int] = []
    values = percentiles(asked.append)
    assert asked == list(range(320))
    assert 0 <= values["p50"] <= values["p95"]


def test_the_demo_gets_no_home_and_no_settings_of_whoever_measures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FURNITURE_PROMPTER_LANGUAGE", "turkish")
    monkeypatch.setenv("VIRTUAL_ENV", "somewhere")
    monkeypatch.setenv("PIP_INDEX_URL", "a mirror")
    environment = clean_environment(tmp_path)
    assert environment["HOME"] == str(tmp_path)
    assert environment["PIP_INDEX_URL"] == "a mirror"
    assert not {"FURNITURE_PROMPTER_LANGUAGE", "VIRTUAL_ENV"} & environment.keys()


def test_a_folders_size_counts_files_and_no_links(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x" * 1_500_000)
    (tmp_path / "link").symlink_to(tmp_path / "file")
    assert folder_mb(tmp_path) == 1.5


def test_half_of_the_models_is_described_by_the_other_half(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    made = [
        dataclasses.replace(each, id=f"{each.id}-{finish}")
        for each in products(tmp_path / "photos")
        for finish in ("oak", "white")
    ]
    first, second = halves(made)
    assert len(first) + len(second) == len(made)
    assert not {each.family for each in first} & {each.family for each in second}


def test_reliability_counts_each_word_in_its_bin_and_in_all() -> None:
    said = [("color", 0.15, False), ("color", 0.9, True), ("color", 1.0, False)]
    rows = {row["confidence"]: row for row in reliability("shop", said)}
    assert {name: (row["photos"], row["right"]) for name, row in rows.items()} == {
        "0.0 to 1.0": (3, 0.333),
        "0.0 to 0.2": (1, 0.0),
        "0.8 to 1.0": (2, 0.5),
    }


def test_products_of_the_measuring_sets_are_put_into_turkish() -> None:
    words = turkish_words("shop2-dev")
    assert words["cbbc1cd63313"] == "kanepe, gri"
