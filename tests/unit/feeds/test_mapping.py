import json
import re
from pathlib import Path

import pytest

from furniture_prompter.domain import FeedItem, FeedNote
from furniture_prompter.errors import InvalidFeedError
from furniture_prompter.feeds.image_cells import references
from furniture_prompter.feeds.layouts import fold, layouts
from furniture_prompter.feeds.opening import open_feed
from furniture_prompter.feeds.proposing import column_words
from furniture_prompter.feeds.roles import INNER_ROLES, OPTION, ROLES, VARIANT
from tests.unit.feeds.conftest import rows_of, set_aside_of


def read(shop: Path, text: str, *given: str, layout: str | None = None) -> list[FeedItem]:
    (shop / "p.csv").write_text(text)
    return list(open_feed(shop / "p.csv", given=given, layout=layout).items())


def notes_of(items: list[FeedItem]) -> str:
    return "\n".join(item.text for item in items if isinstance(item, FeedNote))


def test_every_layout_has_a_source_and_known_roles() -> None:
    for layout in layouts():
        assert layout.source
        assert layout.needs
        names = layout.columns
        roles = {
            *names.exact.values(),
            *names.numbered.values(),
            *(r for _, r in names.prefixes),
        }
        for role in roles:
            plain = role.removeprefix(VARIANT)
            assert plain in ROLES.keys() | INNER_ROLES or plain.startswith(OPTION), role


def test_a_layout_is_recognised_by_its_own_columns() -> None:
    for layout in layouts():
        written = [group[0] for group in layout.needs]
        assert layout.fits(written) == tuple(dict.fromkeys(written))


def test_every_role_of_the_names_is_known() -> None:
    assert column_words().names.keys() <= ROLES.keys() | INNER_ROLES


@pytest.mark.parametrize(
    ("name", "folded"),
    [
        ("g:Ürün Adı", "urun_adi"),
        ("  Genişlik (cm)", "genislik_cm"),
        ("IŞIK", "isik"),
        ("@type", "@type"),
        ("价格", ""),
    ],
)
def test_names_are_compared_without_case_accents_and_signs(name: str, folded: str) -> None:
    assert fold(name) == folded


def test_a_column_called_name_is_a_title(shop: Path) -> None:
    items = read(shop, "sku,Name,image\nA1,Oak chair,a.jpg\n")
    assert rows_of(items)[0].product.title == "Oak chair"
    assert "title ← Name, image ← image, id ← sku" in notes_of(items)


def test_values_tell_pictures_prices_and_titles_under_any_name(shop: Path) -> None:
    items = read(
        shop,
        "no,x1,x2,x3\n7,Oak dining chair,a.jpg,129 EUR\n8,Round coffee table,b.jpg,99 EUR\n",
    )
    chair, _ = rows_of(items)
    assert (chair.product.title, chair.product.attributes["price"]) == ("Oak dining chair", 129.0)
    assert "title ← x1, image ← x2, id ← no, price ← x3" in notes_of(items)


def test_a_title_that_is_only_the_id_is_told(shop: Path) -> None:
    items = read(shop, "id,image\n1,a.jpg\n")
    assert rows_of(items)[0].product.title == "1"
    assert "--map title=COLUMN" in notes_of(items)


def test_without_an_id_it_is_made_of_what_is_there_and_told(shop: Path) -> None:
    items = read(shop, "name,picture\nOak chair,a.jpg\nTable,b.jpg\n")
    first = [row.product.id for row in rows_of(items)]
    again = [row.product.id for row in rows_of(read(shop, "name,picture\nTable,b.jpg\n"))]
    assert first[1:] == again
    assert "--map id=COLUMN" in notes_of(items)


def test_no_column_of_images_names_the_columns_and_the_option(shop: Path) -> None:
    with pytest.raises(InvalidFeedError, match=r"'sku', 'name'.*--map image=COLUMN"):
        read(shop, "sku,name\n1,Chair\n")


def test_what_is_given_goes_before_what_is_recognised(shop: Path) -> None:
    text = "id,title,image,Other Name,Pic2\n1,Chair,a.jpg,Stuhl,b.jpg\n"
    (row,) = rows_of(
        read(shop, text, "title=other name", "image=Pic2", "image=image", "ignore=title")
    )
    assert row.product.title == "Stuhl"
    assert [path.name for path in row.images] == ["b.jpg", "a.jpg"]
    assert not row.product.attributes


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("titel=Name", "Did you mean 'title'"),
        ("title=Nmae", "Did you mean 'Name'"),
        ("title", "ROLE=COLUMN"),
        ("title=", "ROLE=COLUMN"),
    ],
)
def test_what_is_misspelt_is_answered_with_what_is_near(shop: Path, given: str, words: str) -> None:
    with pytest.raises(InvalidFeedError, match=re.escape(words)):
        read(shop, "sku,Name,image\nA1,Oak chair,a.jpg\n", given)


def test_one_role_for_two_columns_is_refused(shop: Path) -> None:
    with pytest.raises(InvalidFeedError, match="'title' to two columns"):
        read(shop, "sku,Name,image\nA1,Oak chair,a.jpg\n", "title=sku", "title=Name")


def test_a_format_can_be_given_and_a_misspelt_one_has_near_ones(shop: Path) -> None:
    text = "id,image_link,title\n1,a.jpg,Chair\n"
    (row,) = rows_of(read(shop, text, layout="google"))
    assert row.product.title == "Chair"
    with pytest.raises(InvalidFeedError, match="Did you mean 'google'"):
        read(shop, text, layout="gogle")


def test_several_columns_of_categories_are_one_path(shop: Path) -> None:
    items = read(shop, "kod,ad,resim,Ana Kategori,Alt Kategori\n1,Oslo,a.jpg,Mobilya,Koltuk\n")
    (row,) = rows_of(items)
    assert row.product.category == "Koltuk"
    assert row.product.attributes["category_path"] == ("Mobilya", "Mobilya > Koltuk")


@pytest.mark.parametrize(
    ("category", "path"),
    [
        ({"id": 7, "name": "Koltuk"}, ("Koltuk",)),
        (
            {"id": 7, "name": "Koltuk", "parent": {"id": 1, "name": "Mobilya"}},
            ("Mobilya", "Mobilya > Koltuk"),
        ),
        (
            {"parent": {"parent": {"title": "Mobilya"}, "title": "Salon"}, "title": "Koltuk"},
            ("Mobilya", "Mobilya > Salon", "Mobilya > Salon > Koltuk"),
        ),
    ],
)
def test_a_nested_category_is_one_path(
    shop: Path, category: dict[str, object], path: tuple[str, ...]
) -> None:
    product = {"sku": "1", "name": "Oslo sofa", "picture": "a.jpg", "category": category}
    (shop / "p.json").write_text(json.dumps({"products": [product]}))
    (row,) = rows_of(list(open_feed(shop / "p.json").items()))
    assert row.product.category == "Koltuk"
    told = {key: value for key, value in row.product.attributes.items() if "category" in key}
    assert told == {"category_path": path}


@pytest.mark.parametrize("column", ["price_cents", "Price (cents)", "Fiyat (kuruş)"])
def test_a_price_in_cents_by_its_columns_name_is_told_and_read_as_such(
    shop: Path, column: str
) -> None:
    items = read(shop, f"sku,name,image,{column}\n1,Oslo,a.jpg,1299\n2,Bergen,b.jpg,50\n")
    prices = [row.product.attributes["price"] for row in rows_of(items)]
    assert prices == [12.99, 0.5]
    assert f"{column}' counts hundredths by its name: 1299 is read as 12.99." in notes_of(items)


def test_decimals_in_a_column_of_cents_cost_the_cell(shop: Path) -> None:
    items = read(shop, "sku,name,image,price_cents\n1,Oslo,a.jpg,1299\n2,Bergen,b.jpg,12.50\n")
    first, second = rows_of(items)
    assert first.product.attributes["price"] == 12.99
    assert "price" not in second.product.attributes


def test_rows_of_a_group_need_not_be_beside_each_other(shop: Path) -> None:
    rows = "".join(f"V{n},G{n % 50},Chair {n % 50} - {n},a.jpg,{n + 1}\n" for n in range(150))
    text = f"id,item_group_id,title,image_link,price\n{rows}"
    products = {row.product.id: row.product for row in rows_of(read(shop, text))}
    assert len(products) == 50
    assert [variant.id for variant in products["G7"].variants] == ["V7", "V57", "V107"]
    assert products["G7"].attributes["price"] == 8.0


def test_addresses_are_set_aside_with_the_option_to_give(shop: Path) -> None:
    items = read(shop, "id,title,image\n1,A,https://shop.example/a.jpg\n2,B,b.jpg\n")
    assert [row.product.id for row in rows_of(items)] == ["2"]
    assert ["--download" in problem.cure for problem in set_aside_of(items)] == [True]
    assert "1 image is an address" in notes_of(items)


@pytest.mark.parametrize(
    ("cell", "names"),
    [
        ("a.jpg", ["a.jpg"]),
        ("a.jpg|b.jpg", ["a.jpg", "b.jpg"]),
        ("a.jpg, b.png;c.webp", ["a.jpg", "b.png", "c.webp"]),
        ("rooms, big.jpg", ["rooms, big.jpg"]),
        ("https://x/w_1,h_2/a.jpg", ["https://x/w_1,h_2/a.jpg"]),
        ("https://x/a.jpg,https://x/b,c.jpg", ["https://x/a.jpg", "https://x/b,c.jpg"]),
        ("https://x/a.jpg https://x/b.jpg", ["https://x/a.jpg", "https://x/b.jpg"]),
        ("https://x/a.jpg;//x/b.jpg", ["https://x/a.jpg", "//x/b.jpg"]),
        ('["a.jpg", {"src": "b.jpg"}]', ["a.jpg", "b.jpg"]),
        ("[a.jpg", ["[a.jpg"]),
        (["a, b.jpg", None, ["c.jpg"]], ["a, b.jpg", "c.jpg"]),
    ],
)
def test_cells_of_images_in_any_style(cell: str | list[str], names: list[str]) -> None:
    assert references(cell, "image") == names  # type: ignore[arg-type]  # lists are invariant
