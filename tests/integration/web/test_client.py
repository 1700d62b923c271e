"""The Python client against the application itself."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from furniture_prompter.client import AnswerError, AsyncClient, Batch, BatchLine
from tests.integration.web.conftest import PRODUCTS, Api, call, running


@pytest.fixture(scope="module")
def writable(tmp_path_factory: pytest.TempPathFactory, shop: Path) -> Iterator[Api]:
    folder = tmp_path_factory.mktemp("client")
    shutil.copytree(shop / "catalog", folder / "catalog")
    with running(folder) as started:
        yield started


def test_a_search_with_everything_comes_back_as_records(writable: Api, shop: Path) -> None:
    photo = shop / "photos" / "7.png"
    found = call(
        writable,
        lambda client: client.search(
            "table",
            photo=photo,
            crop=(0, 0, 1, 0.9),
            photo_weight=0.5,
            without="lamp",
            where="price < 400",
            limit=3,
            facets=["color", "price"],
        ),
    )
    assert found.hits[0].product.category == "table"
    assert found.hits[0].product.attributes["price"] < 400  # type: ignore[operator]  # a number
    assert sum(each.count for each in found.facets["color"]) == 39
    assert found.facets["price"][0].low == 10.0
    picture = call(writable, lambda client: client.image(found.hits[0].photo, side_px=48))
    assert picture.media_type == "image/jpeg"


def test_pages_follow_one_another(writable: Api) -> None:
    first = call(writable, lambda client: client.search("chair", limit=10))
    second = call(writable, lambda client: client.search("chair", limit=10, cursor=first.cursor))
    assert [hit.rank for hit in second.hits] == list(range(11, 21))


def test_a_product_and_its_like_are_read(writable: Api) -> None:
    shown = call(writable, lambda client: client.product("p7"))
    assert (shown.product.id, len(shown.photos)) == ("p7", 1)
    alike = call(writable, lambda client: client.similar("p7", where="price > 0", limit=2))
    assert alike.hits[0].product.id == "p31"


def test_vectors_of_prompts_and_photos_are_read(writable: Api, shop: Path) -> None:
    words = call(writable, lambda client: client.embeddings(["red sofa", "oak"]))
    photos: list[Path | bytes] = [
        shop / "photos" / "18.png",
        (shop / "photos" / "2.png").read_bytes(),
    ]
    seen = call(writable, lambda client: client.embeddings(photos=photos, encoder=words.encoder))
    assert seen.encoder == words.encoder
    assert np.array(seen.vectors).shape == np.array(words.vectors).shape


def test_products_are_stored_deleted_and_batched(writable: Api, shop: Path) -> None:
    photo = shop / "photos" / "3.png"
    stored = call(
        writable, lambda client: client.put_product("new", {"title": "Bench"}, photos=[photo])
    )
    assert (stored.outcome, stored.id) == ("created", "new")

    async def batch(client: AsyncClient) -> list[BatchLine | Batch]:
        lines: list[dict[str, Any]] = [
            {"id": "new", "delete": True},
            {"id": "newer", "title": "B", "photos": [photo]},
        ]
        return [each async for each in client.batch(lines)]

    *lines, counts = call(writable, batch)
    assert [each.outcome for each in lines if isinstance(each, BatchLine)] == ["deleted", "created"]
    assert isinstance(counts, Batch)
    assert call(writable, lambda client: client.delete_product("newer")).outcome == "deleted"


def test_the_server_tells_of_itself(writable: Api) -> None:
    told = call(writable, lambda client: client.catalog())
    assert told.products == PRODUCTS
    assert told.columns["price"] == "number"
    encoders = call(writable, lambda client: client.encoders())
    assert [each.name for each in encoders] == [
        "efficientnet-lite2",
        "multilingual-static-384",
    ]
    assert call(writable, lambda client: client.healthy())
    assert call(writable, lambda client: client.ready())


def test_a_refusal_is_an_error_with_its_code(writable: Api) -> None:
    with pytest.raises(AnswerError) as refused:
        call(writable, lambda client: client.search("chair", where="prise < 3"))
    assert (refused.value.status, refused.value.code) == (400, "invalid_filter")
    assert refused.value.request_id
