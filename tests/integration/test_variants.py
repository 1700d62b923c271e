"""Products with variants and lists, from a feed or the API to a hit; and catalogs of before."""

import asyncio
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import lancedb
import numpy as np
import pytest
from PIL import Image

from furniture_prompter.catalog.lance_files import table_files
from furniture_prompter.catalog.manifest import read_manifest
from furniture_prompter.catalog.reader import CatalogReader
from furniture_prompter.catalog.upkeep import optimize_catalog, verify_catalog
from furniture_prompter.domain import AttributeValue, FeedRow, Product, Query, Upsert, Variant
from furniture_prompter.domain.query import FacetValue
from furniture_prompter.encoders.card import EncoderCard
from furniture_prompter.ingest.repairing import CatalogEncoders, repair_catalog
from furniture_prompter.ingest.upserts import write_products
from furniture_prompter.search.validation import find_product
from tests.fakes import LetterPromptEncoder, draw_product, make_rows, with_product
from tests.integration.conftest import Shop

FROZEN = Path(__file__).parent / "frozen" / "format-1.zip"
GREY = Variant(
    "sofa-grey",
    options={"Renk": "Açık gri", "Size": "3-seater"},
    color="gri",
    attributes={"price": 599.0, "availability": "in stock", "base_colors": ("grey",)},
)
RED = Variant("sofa-red", "Crimson edition", {"Renk": "Kırmızı"}, "kırmızı", {"price": 649.5})
SOFA = Product(
    "sofa",
    "Bergen",
    category="sofa",
    attributes={
        "price": 599.0,
        "base_colors": ("grey", "red"),
        "category_path": ("Furniture", "Furniture > Sofas"),
    },
    variants=(GREY, RED),
)


@pytest.fixture
def small(tmp_path: Path) -> Shop:
    return Shop(tmp_path / "catalog", LetterPromptEncoder())


def drawn(path: Path, colour: str, shape: str = "sofa", seed: int = 77) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    draw_product(colour, shape, seed).save(path)
    return path


def sofa_row(folder: Path) -> FeedRow:
    """A sofa with a photo of each variant, and one that shows neither."""
    main = drawn(folder / "main.png", "black", "lamp")
    grey, red = drawn(folder / "grey.png", "blue"), drawn(folder / "red.png", "red")
    shown = {grey: GREY.id, red: RED.id, main: "no such variant"}
    return FeedRow(SOFA, (main, grey, red), folder / "feed", 1, variant_of=shown)


def by_photo(path: Path) -> Query:
    return Query(photo=np.asarray(Image.open(path).convert("RGB")), limit=100)


def columns_of(shop: Shop, table: str) -> list[str]:
    async def names() -> list[str]:
        database = await lancedb.connect_async(shop.folder)
        opened = await database.open_table(table)
        await opened.checkout(read_manifest(shop.folder).tables[table])
        return list((await opened.schema()).names)

    return asyncio.run(names())


def sound_at_all(shop: Shop) -> bool:
    return asyncio.run(verify_catalog(shop.folder)).sound


def sound(shop: Shop) -> bool:
    report = asyncio.run(verify_catalog(shop.folder))
    assert "variants" in report.checks
    return report.sound


def variants_by_photo(shop: Shop, product_id: str) -> dict[str, str]:
    async def read() -> dict[str, str]:
        reader = await CatalogReader.open(shop.folder)
        _, photos = await find_product(reader, product_id)
        return {Path(photo.path).stem: photo.variant_id for photo in photos}

    return asyncio.run(read())


def test_a_hit_says_which_variants_photo_matched(small: Shop, tmp_path: Path) -> None:
    row = sofa_row(tmp_path / "sofa")
    small.index([*make_rows(tmp_path / "photos", 6), row])
    for path, variant in zip(row.images, (None, GREY, RED), strict=True):
        hits = small.search(by_photo(path)).hits
        assert [hit.product.id for hit in hits].count("sofa") == 1
        assert hits[0].product == SOFA
        assert (hits[0].photo.path, hits[0].variant) == (str(path), variant)
    others = [hit for hit in small.search(by_photo(row.images[0])).hits if hit.product.id != "sofa"]
    assert len(others) == 6
    assert all(hit.variant is None and hit.product.variants == () for hit in others)
    assert sound(small)


def test_a_photo_that_variants_share_tells_none_of_them(small: Shop, tmp_path: Path) -> None:
    row = sofa_row(tmp_path / "sofa")
    again = tmp_path / "sofa" / "again.png"
    again.write_bytes(row.images[1].read_bytes())
    shared = replace(row, images=(*row.images, again), variant_of={**row.variant_of, again: RED.id})
    small.index([shared])
    assert variants_by_photo(small, "sofa") == {"main": "", "grey": "", "red": RED.id}


def test_a_catalog_without_variants_has_no_columns_of_them(small: Shop, tmp_path: Path) -> None:
    small.index(make_rows(tmp_path / "photos", 3))
    assert '"variants"' not in (small.folder / "manifest.json").read_text("utf-8")
    known = ["__number", "id", "title", "category", "color", "description", "tags", "__words"]
    own = ["__row_sha256", "__text_vector", "price", "__feeds"]
    assert columns_of(small, "products") == [*known, *own]
    assert columns_of(small, "photos") == [
        *("__number", "position", "id", "path", "vector", "aligned")
    ]


def test_lists_are_filtered_and_counted_by_their_entries(small: Shop, tmp_path: Path) -> None:
    rows = make_rows(tmp_path / "photos", 4)
    lists: list[dict[str, AttributeValue]] = [
        {"base_colors": ("grey",), "category_path": ("Furniture", "Furniture > Chairs")},
        {"base_colors": ("grey", "oak"), "category_path": ("Furniture", "Furniture > Sofas")},
        {"category_path": ("Outdoor",)},
        {"base_colors": ("greyish",)},
    ]
    small.index([with_product(row, attributes=own) for row, own in zip(rows, lists, strict=True)])
    query = Query(prompt="sofa", limit=10, facets=("base_colors", "category_path"))

    def ids(where: str) -> list[str]:
        return sorted(small.ids(replace(query, where=where)))

    assert ids("base_colors contains 'grey'") == ["p0", "p1"]
    assert ids("'grey' in base_colors and not base_colors contains 'oak'") == ["p0"]
    assert ids("category_path contains 'Furniture > Sofas'") == ["p1"]
    assert ids("category_path contains 'Furniture'") == ["p0", "p1"]
    assert ids("base_colors is null") == ["p2"]
    assert ids("category_path is not null and not category_path contains 'Outdoor'") == ["p0", "p1"]
    facets = small.search(query).facets
    assert facets["base_colors"] == (
        *(FacetValue("grey", 2), FacetValue("greyish", 1), FacetValue("oak", 1)),
    )
    assert facets["category_path"][0] == FacetValue("Furniture", 2)
    assert read_manifest(small.folder).columns["base_colors"] == "texts"
    assert sound(small)


def test_words_of_variants_find_the_product(shop: Shop, tmp_path: Path) -> None:
    shop.index(
        [*make_rows(tmp_path / "photos", 8), sofa_row(tmp_path / "sofa")], language="turkish"
    )
    for words in ("crimson", "açık gri", "KIRMIZI", "seater"):
        hit = shop.search(Query(prompt=words, limit=3)).hits[0]
        assert (hit.product.id, "keyword" in hit.matched) == ("sofa", True), words


def test_the_variant_that_a_prompt_names_is_shown(small: Shop, tmp_path: Path) -> None:
    row = sofa_row(tmp_path / "sofa")
    wide = replace(RED, attributes={"width_cm": 220.0})
    small_grey = replace(GREY, attributes={"width_cm": 160.0, "base_colors": ("grey",)})
    product = replace(
        SOFA,
        attributes={**SOFA.attributes, "width_cm": 160.0},
        variants=(small_grey, wide),
    )
    small.index([replace(row, product=product)])
    shown = {
        "grey sofa": ("sofa-grey", "grey.png"),
        "kırmızı sofa": ("sofa-red", "red.png"),
        "sofa under 180 cm": ("sofa-grey", "grey.png"),
        "sofa 220 cm wide": ("sofa-red", "red.png"),
        "sofa": (None, "main.png"),
        "white sofa": (None, "main.png"),
    }
    for prompt, (variant, photo) in shown.items():
        (hit,) = small.search(Query(prompt=prompt)).hits
        assert (hit.variant and hit.variant.id, Path(hit.photo.path).name) == (variant, photo)
    asked = replace(by_photo(row.images[1]), prompt="red sofa")
    assert Path(small.search(asked).hits[0].photo.path).name == "red.png"


def test_a_shade_that_a_variant_says_itself_is_shown_before_another_of_its_colour(
    small: Shop, tmp_path: Path
) -> None:
    row = sofa_row(tmp_path / "sofa")
    light = replace(GREY, options={}, color="light blue", attributes={})
    navy = replace(RED, title="", options={}, color="navy")
    product = replace(SOFA, attributes={"base_colors": ("blue",)}, variants=(light, navy))
    small.index([replace(row, product=product)])
    (hit,) = small.search(Query(prompt="navy sofa")).hits
    assert Path(hit.photo.path).name == "red.png"


def test_a_change_of_a_variant_is_an_update_and_encodes_nothing(
    small: Shop, tmp_path: Path
) -> None:
    row = sofa_row(tmp_path / "sofa")
    small.index([row])
    assert small.index([row]).products_unchanged == 1
    cheaper = replace(RED, attributes={"price": 640.0})
    changed = [
        (with_product(row, variants=(GREY, cheaper)), cheaper),
        (replace(row, variant_of={}), None),
        (with_product(row, variants=()), None),
    ]
    for later, variant in changed:
        summary = small.index([later])
        assert (summary.products_updated, summary.photos_encoded) == (1, 0)
        hit = small.search(by_photo(row.images[2])).hits[0]
        assert (hit.product, hit.variant) == (later.product, variant)
    assert sound(small)


def with_materials(rows: list[FeedRow], value: AttributeValue) -> list[FeedRow]:
    return [with_product(row, attributes={"materials": value}) for row in rows]


def test_a_column_of_text_becomes_lists_where_the_whole_feed_has_lists_and_back(
    small: Shop, tmp_path: Path
) -> None:
    rows = make_rows(tmp_path / "photos", 4)
    small.index(with_materials(rows, "oak, steel"))
    lists = with_materials(rows, ("oak", "steel"))
    part = small.index(lists[:2])
    assert (part.products_unchanged, part.set_aside) == (2, ())
    assert "holds text in the catalog" in part.notes[0]
    whole = small.index(lists)
    assert "holds lists of texts now" in whole.notes[0]
    assert "`materials contains 'oak'`" in whole.notes[0]
    assert len(small.ids(Query(prompt="x", where="materials contains 'steel'"))) == 4
    small.index(with_materials(rows, "oak"))
    assert len(small.ids(Query(prompt="x", where="materials = 'oak'"))) == 4
    assert sound(small)
    asyncio.run(optimize_catalog(small.folder, 50_000, 0.0, 0))
    assert len(small.ids(Query(prompt="x", where="materials = 'oak'"))) == 4


def test_prices_that_were_text_become_numbers_with_a_note_about_filters(
    small: Shop, tmp_path: Path
) -> None:
    rows = make_rows(tmp_path / "photos", 4)
    small.index([with_product(row, attributes={"price": f"{row.line} EUR"}) for row in rows])
    summary = small.index(
        [with_product(row, attributes={"price": float(row.line)}) for row in rows]
    )
    assert "The column price holds numbers now" in summary.notes[0]
    assert "`price < 300`" in summary.notes[0]
    assert sorted(small.ids(Query(prompt="x", where="price < 3"))) == ["p0", "p1"]


def put(shop: Shop, product: Product, photos: Mapping[Path, str] | None = None) -> str:
    write = Upsert(1, product, None if photos is None else tuple(photos))
    if photos is not None:
        write = replace(write, variant_of={path: name for path, name in photos.items() if name})
    summary = asyncio.run(
        write_products([write], shop.folder, shop.encoder, shop.prompt_encoder, shop.settings)
    )
    return summary.results[0].outcome


def test_a_product_that_is_put_without_photos_keeps_which_variant_they_show(
    small: Shop, tmp_path: Path
) -> None:
    row = sofa_row(tmp_path / "sofa")
    small.index([row])
    small.encoder.encoded = 0
    assert put(small, SOFA) == "unchanged"
    assert put(small, replace(SOFA, title="Oslo")) == "updated"
    assert variants_by_photo(small, "sofa") == {"main": "", "grey": GREY.id, "red": RED.id}
    assert put(small, replace(SOFA, variants=(RED,))) == "updated"
    assert variants_by_photo(small, "sofa") == {"main": "", "grey": "", "red": RED.id}
    assert put(small, replace(SOFA, variants=())) == "updated"
    assert set(variants_by_photo(small, "sofa").values()) == {""}
    assert small.encoder.encoded == 0
    assert sound(small)


def test_a_scalar_in_a_column_of_lists_is_a_list_of_one(small: Shop, tmp_path: Path) -> None:
    small.index([sofa_row(tmp_path / "sofa")])
    assert put(small, replace(SOFA, attributes={"base_colors": "oak"})) == "updated"
    hit = small.search(Query(prompt="x", where="base_colors contains 'oak'")).hits[0]
    assert dict(hit.product.attributes) == {"base_colors": ("oak",)}


def frozen_products() -> list[Product]:
    """The products of catalogs that earlier releases wrote, as far as all of them could."""
    return [
        Product(
            f"p{number}",
            f"chair no {number}",
            category="chair",
            color=color,
            tags=("seat",),
            attributes={
                "price": 10.0 * number,
                "materials": "oak, steel" if number % 2 else "oak",
                "on_sale": number < 3,
            },
        )
        for number, color in enumerate(("red", "green", "blue", "yellow", "black", "brown"))
    ]


@pytest.fixture
def frozen(tmp_path: Path) -> tuple[Shop, list[FeedRow]]:
    """A catalog that a release before variants and lists wrote, and its rows of today."""
    with zipfile.ZipFile(FROZEN) as archive:
        archive.extractall(tmp_path)
    shop = Shop(tmp_path / "catalog", LetterPromptEncoder())
    photos = tmp_path / "photos"
    return shop, [
        FeedRow(product, (photos / f"{number}.png",), tmp_path / "feed", number + 1)
        for number, product in enumerate(frozen_products())
    ]


def test_a_catalog_of_before_is_opened_searched_and_verified(
    frozen: tuple[Shop, list[FeedRow]],
) -> None:
    shop, rows = frozen
    for row in rows:
        hit = shop.search(by_photo(row.images[0])).hits[0]
        assert (hit.product, hit.variant) == (row.product, None)
    found = shop.ids(Query(prompt="chair", where="materials contains 'steel' and price < 40"))
    assert sorted(found) == ["p1", "p3"]
    assert sound(shop)


def test_a_catalog_of_before_gains_variants_and_lists_without_encoding(
    frozen: tuple[Shop, list[FeedRow]], tmp_path: Path
) -> None:
    shop, rows = frozen
    first = shop.index(rows)  # only the photos' folder is another
    assert (first.products_updated, first.photos_encoded) == (6, 0)
    assert "variant_id" not in columns_of(shop, "photos")
    varied = with_product(rows[4], variants=(GREY,))
    varied = replace(varied, variant_of={rows[4].images[0]: GREY.id})
    second = shop.index([varied])
    assert (second.products_updated, second.photos_encoded) == (1, 0)
    assert read_manifest(shop.folder).variants
    assert shop.search(by_photo(rows[4].images[0])).hits[0].variant == GREY
    assert shop.search(by_photo(rows[3].images[0])).hits[0].product == rows[3].product
    lists = [with_product(row, attributes={"materials": ("oak", "ash")}) for row in rows[:5]]
    third = shop.index([*lists, with_product(rows[5], attributes={})])
    assert (third.set_aside, third.photos_encoded) == ((), 0)
    assert len(shop.ids(Query(prompt="chair", where="materials contains 'ash'"))) == 5
    assert sound(shop)


def repair(shop: Shop) -> tuple[str, ...]:
    def card() -> EncoderCard:
        return shop.encoder.card

    encoders = CatalogEncoders(card, lambda: shop.encoder, lambda: shop.prompt_encoder)
    return asyncio.run(repair_catalog(shop.folder, lambda _: encoders, shop.settings)).lost


def test_a_repair_keeps_variants_and_lists(small: Shop, tmp_path: Path) -> None:
    row = sofa_row(tmp_path / "sofa")
    small.index(make_rows(tmp_path / "photos", 6))
    small.index([row])
    # Of two versions, the earlier may have files that nobody reads any more.
    version = read_manifest(small.folder).tables["photos"]
    named = table_files(small.folder, "photos", version)
    data_files = [small.folder / name for name in named if "/data/" in name]
    vectors = max(data_files, key=lambda f: f.stat().st_size)
    data = bytearray(vectors.read_bytes())
    data[40] ^= 0xFF
    vectors.write_bytes(data)
    assert not sound_at_all(small)
    small.encoder.encoded = 0
    assert repair(small) == ()
    assert sound(small)
    hit = small.search(by_photo(row.images[1])).hits[0]
    assert (hit.product, hit.variant) == (SOFA, GREY)
    assert small.index([row]).products_unchanged == 1


def test_a_catalog_of_before_is_repaired_without_variants(
    frozen: tuple[Shop, list[FeedRow]],
) -> None:
    shop, rows = frozen
    for path in (shop.folder / "products.lance" / "_indices").rglob("*"):
        if path.is_file():
            path.write_bytes(b"")
    assert not sound_at_all(shop)
    assert repair(shop) == ()
    assert sound(shop)
    assert shop.search(by_photo(rows[2].images[0])).hits[0].product == rows[2].product
    assert "variant_id" not in columns_of(shop, "photos")
