"""A photo compared by its shape, by its colours, and by what words say of them."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from furniture_prompter import Catalog, index
from furniture_prompter.bundled import catalog_feed
from furniture_prompter.domain.query import SearchResult

FAMILIES = 24


@pytest.fixture(scope="module")
def rows() -> list[dict[str, object]]:
    """Renders of models in several finishes, a colour each, and of others."""
    feed = catalog_feed()
    every = [json.loads(line) for line in feed.read_text("utf-8").splitlines()]
    families: dict[str, list[dict[str, object]]] = {}
    for row in every:
        row["images"] = [str(feed.parent / name) for name in row["images"]]
        families.setdefault(row["family"], []).append(row)
    several = [found for found in families.values() if len({row["color"] for row in found}) > 1]
    return [row for found in several[:FAMILIES] for row in found]


@pytest.fixture(scope="module")
def catalog(
    rows: list[dict[str, object]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Catalog]:
    folder = tmp_path_factory.mktemp("colours")
    for row in rows:
        names = []
        for image in row["images"]:  # type: ignore[attr-defined]  # paths
            target = folder / Path(image).name
            target.write_bytes(Path(image).read_bytes())
            names.append(target.name)
        row["images"] = names
        row["photo"] = str(folder / names[0])
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    feed = folder / "feed.jsonl"
    feed.write_text("\n".join(lines), "utf-8")
    index(feed, folder / "catalog")
    with Catalog.open(folder / "catalog") as opened:
        yield opened


def ids(result: SearchResult) -> list[str]:
    return [hit.product.id for hit in result.hits]


def test_an_answer_says_what_the_colours_counted(
    catalog: Catalog, rows: list[dict[str, object]]
) -> None:
    photo = str(rows[0]["photo"])
    assert catalog.search(photo=photo).query.colour_weight == 0.05
    assert catalog.search(photo=photo, colour_weight=0.3).query.colour_weight == 0.3
    assert catalog.search("in white", photo=photo).query.colour_weight == 0.0
    assert catalog.search("in white", photo=photo, colour_weight=0.1).query.colour_weight == 0.1
    assert catalog.search("in the same colour", photo=photo).query.colour_weight == 1.0
    assert catalog.search("in white").query.colour_weight is None
    similar = catalog.similar(str(rows[0]["id"]), colour_weight=1.0)
    assert similar.query.colour_weight == 1.0


def test_colours_alone_find_the_colour_and_shape_alone_the_model(
    catalog: Catalog, rows: list[dict[str, object]]
) -> None:
    by_id = {str(row["id"]): row for row in rows}
    model = {0.0: 0, 1.0: 0}
    colour = {0.0: 0, 1.0: 0}
    for row in rows:
        for weight in (0.0, 1.0):
            found = ids(catalog.similar(str(row["id"]), colour_weight=weight, limit=1))[0]
            model[weight] += by_id[found]["family"] == row["family"]
            colour[weight] += by_id[found]["color"] == row["color"]
    assert model[0.0] > 0.8 * len(rows) > 2 * model[1.0]
    assert colour[1.0] > colour[0.0]


def test_a_photo_in_another_colour_finds_the_model_in_it(
    catalog: Catalog, rows: list[dict[str, object]]
) -> None:
    found = asked = kept = 0
    for row in rows:
        others = [
            each for each in rows if each["family"] == row["family"] and each["id"] != row["id"]
        ]
        for other in others:
            same = [each for each in others if each["color"] == other["color"]]
            if len(same) == 1 and other["color"] != row["color"]:
                asked += 1
                hits = ids(catalog.search(f"in {other['color']}", photo=str(row["photo"])))
                found += hits[0] == other["id"]
                own = ids(catalog.search(f"in {row['color']}", photo=str(row["photo"])))
                kept += own[0] == row["id"]
    assert asked >= 20
    assert found >= 0.7 * asked
    # Its own colour still means the photo's own product.
    assert kept >= 0.8 * asked


@pytest.mark.parametrize("words", ["in a different colour", "başka renkte"])
def test_any_colour_but_the_photos_finds_the_model_in_another(
    catalog: Catalog, rows: list[dict[str, object]], words: str
) -> None:
    by_id = {str(row["id"]): row for row in rows}
    right = other = asked = 0
    for row in rows[::2]:
        result = catalog.search(words, photo=str(row["photo"]), limit=1)
        first = by_id[ids(result)[0]]
        asked += 1
        other += first["color"] != row["color"]
        right += first["color"] != row["color"] and first["family"] == row["family"]
    assert other >= 0.8 * asked
    assert right >= 0.7 * asked
    part = result.understood[0]
    assert (part.text, part.use, part.value) == (words, "without", "as in the photo")
    assert result.query.colour_weight == 0.0
    assert result.notes == ()


def test_a_weight_that_is_given_goes_before_another_colour(
    catalog: Catalog, rows: list[dict[str, object]]
) -> None:
    photo = str(rows[0]["photo"])
    given = catalog.search("in a different colour", photo=photo, colour_weight=0.0)
    assert ids(given) == ids(catalog.search(photo=photo, colour_weight=0.0))
    assert ids(given) != ids(catalog.search("in a different colour", photo=photo))


def test_a_darker_or_lighter_one_finds_the_model_so(
    catalog: Catalog, rows: list[dict[str, object]]
) -> None:
    models: dict[object, dict[str, dict[str, object]]] = {}
    for row in rows:
        models.setdefault(row["family"], {})[str(row["color"])] = row
    asked = found = 0
    for colours in (each for each in models.values() if "white" in each):
        white = colours.pop("white")
        others = {str(row["id"]) for row in colours.values()}
        for row in list(colours.values())[:1]:
            result = catalog.search("daha açığı", photo=str(row["photo"]), limit=3)
            (part,) = result.understood
            assert (part.text, part.value) == ("daha açığı", "lighter than in the photo")
            asked += 2
            found += white["id"] in ids(result)
            darker = catalog.search("darker", photo=str(white["photo"]), limit=3)
            found += not others.isdisjoint(ids(darker))
    assert asked >= 4
    assert found >= 0.7 * asked
