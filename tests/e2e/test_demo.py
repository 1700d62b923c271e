"""The demo, and searches over the catalog that it makes, with the encoders that ship."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from furniture_prompter import Catalog, Settings, optimize
from furniture_prompter.bundled import catalog_feed
from furniture_prompter.domain import SearchResult
from furniture_prompter.errors import CatalogMismatchError, InvalidFilterError, InvalidPhotoError

IMAGES = catalog_feed().parent / "images"


def demo(folder: Path) -> str:
    """What the demo printed, run in a folder with nothing of this environment."""
    done = subprocess.run(
        [sys.executable, "-m", "furniture_prompter.cli.demo", "out"],
        capture_output=True,
        encoding="utf-8",
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "LANG": "C.UTF-8"},
        timeout=280,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("$ furniture-prompter search ") == 3
    assert (folder / "out" / "gallery.html").read_text("utf-8").count("<article") == 12
    return done.stdout


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("demo")
    return folder, demo(folder)


@pytest.fixture(scope="module")
def indexed(shown: tuple[Path, str]) -> Path:
    return shown[0] / "out" / "catalog"


@pytest.fixture
def catalog(indexed: Path) -> Iterator[Catalog]:
    with Catalog.open(indexed) as opened:
        yield opened


def ids(result: SearchResult) -> list[str]:
    return [hit.product.id for hit in result.hits]


def test_the_demo_indexes_the_whole_catalog_and_works_again(shown: tuple[Path, str]) -> None:
    folder, told = shown
    assert "496: 496 added, 0 updated, 0 removed, 0 unchanged" in told
    assert "992: 992 encoded" in told
    assert "Prompts search photos" in told
    assert "0 added, 0 updated, 0 removed, 496 unchanged" in demo(folder)


def test_a_photo_finds_its_own_product_and_then_its_kind(catalog: Catalog) -> None:
    photo = next(IMAGES.glob("*oak-chair-1.jpg"))
    result = catalog.search(photo=photo, limit=10)
    assert result.hits[0].photo.path == str(photo)
    chairs = sum("chair" in hit.product.category for hit in result.hits)
    assert chairs >= 7


def test_another_view_finds_the_product_by_its_bytes_as_well(catalog: Catalog) -> None:
    photo = next(IMAGES.glob("*oak-chair-0.jpg"))
    assert ids(catalog.search(photo=photo.read_bytes())) == ids(catalog.search(photo=photo))


@pytest.mark.parametrize("kind", ["sofa", "bed", "floor lamp", "chair"])
def test_a_prompt_finds_its_kind(catalog: Catalog, kind: str) -> None:
    result = catalog.search(kind, limit=5)
    assert sum(kind.split()[-1] in hit.product.category for hit in result.hits) >= 4


def test_a_turkish_prompt_finds_by_the_turkish_title(catalog: Catalog) -> None:
    titles = [str(hit.product.attributes.get("title_tr")) for hit in catalog.search("koltuk").hits]
    assert any("oltuk" in title for title in titles)


def test_without_pushes_products_down(catalog: Catalog) -> None:
    plain = catalog.search("lamp", limit=20)
    table_lamps = [place for place, hit in enumerate(plain.hits) if "table" in hit.product.category]
    less = catalog.search("lamp", without="table lamp", limit=20)
    left = [place for place, hit in enumerate(less.hits) if "table" in hit.product.category]
    assert len(left) < len(table_lamps)


def test_where_lets_through_only_what_it_says(catalog: Catalog) -> None:
    result = catalog.search("table", where="width_cm < 60 and height_cm >= 40", limit=10)
    assert result.hits
    for hit in result.hits:
        assert float(str(hit.product.attributes["width_cm"])) < 60
        assert float(str(hit.product.attributes["height_cm"])) >= 40


def test_an_unknown_column_is_refused_with_the_nearest(catalog: Catalog) -> None:
    with pytest.raises(InvalidFilterError, match="width_cm"):
        catalog.search("table", where="widht_cm < 60")


def test_a_photo_that_is_none_is_refused(catalog: Catalog, tmp_path: Path) -> None:
    with pytest.raises(InvalidPhotoError, match=r"nowhere\.jpg"):
        catalog.search(photo=tmp_path / "nowhere.jpg")
    with pytest.raises(InvalidPhotoError, match="known format"):
        catalog.search(photo=b"These are words, whatever the name of the file says.")


def test_weights_of_photo_and_prompt_go_all_the_way(catalog: Catalog) -> None:
    photo = next(IMAGES.glob("*oak-chair-1.jpg"))
    assert ids(catalog.search("sofa", photo=photo, photo_weight=1)) == ids(
        catalog.search(photo=photo)
    )
    assert ids(catalog.search("sofa", photo=photo, photo_weight=0)) == ids(catalog.search("sofa"))


def test_another_encoder_refuses_to_search(indexed: Path) -> None:
    with pytest.raises(CatalogMismatchError, match="cannot be compared"):
        Catalog.open(indexed, encoder="default-prompt")


QUERIES = [
    {"prompt": "white wooden stool"},
    {"prompt": "round table"},
    {"prompt": "black leather sofa", "where": "width_cm > 100"},
    {"prompt": "masa lambası"},
    {"photo": "oak-chair-1"},
    {"photo": "oak-chair-1", "prompt": "in white", "without": "arms"},
    {"photo": "sofa-1", "where": "category = 'sofa'"},
]


def test_optimize_builds_an_index_where_it_pays_and_it_answers_as_the_exact_scan_does(
    indexed: Path, tmp_path: Path
) -> None:
    settings = Settings(vector_index_photos=256)
    folder = tmp_path / "catalog"
    shutil.copytree(indexed, folder)
    assert optimize(folder, settings=settings).vector_index == "IVF_RQ"
    with Catalog.open(indexed) as exact, Catalog.open(folder, settings=settings) as approximate:
        assert exact.info().vector_index == "exact scan"
        assert approximate.info().vector_index == "IVF_RQ"
        for query in QUERIES:
            given = dict(query)
            name = given.pop("photo", None)
            photo = next(IMAGES.glob(f"*{name}.jpg")) if name else None
            first, second = (
                opened.search(**given, photo=photo, limit=10)  # type: ignore[arg-type]  # str values
                for opened in (exact, approximate)
            )
            assert ids(first) == ids(second), query
            scores = [[hit.score for hit in result.hits] for result in (first, second)]
            assert scores[0] == pytest.approx(scores[1], abs=0.02)
        assert approximate.verify().sound
