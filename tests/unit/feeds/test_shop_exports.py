"""Exports as shop systems write them, indexed by the bare command, with a bad cell in each."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from furniture_prompter.domain import FeedItem, FeedNote, FeedRow, Product, RecordFeed
from furniture_prompter.errors import InvalidFeedError
from furniture_prompter.feeds.opening import open_feed
from tests.unit.feeds.conftest import ReadFeed, rows_of, set_aside_of

AT = "https://shop.example/img/"


def read(folder: Path, name: str, content: str | bytes, **options: Any) -> list[FeedItem]:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return list(
        open_feed(
            path, address_path=lambda address: folder / address.partition("?")[0][-5:], **options
        ).items()
    )


def reading_of(items: list[FeedItem]) -> str:
    return next(item.reading for item in items if isinstance(item, FeedNote))


def by_id(items: list[FeedItem]) -> dict[str, FeedRow]:
    return {row.product.id: row for row in rows_of(items)}


SHOPIFY = f"""\
Handle,Title,Body (HTML),Vendor,Product Category,Type,Tags,Published,Option1 Name,Option1 Value,\
Variant SKU,Variant Grams,Variant Inventory Qty,Variant Price,Variant Compare At Price,\
Image Src,Variant Image,Status
oslo,Oslo Sofa,<p>Soft &amp; deep.</p><ul><li>Oak</li></ul>,Nord,Furniture > Sofas,Sofa,"a, b",\
true,Color,Grey,OS-GR,25000,5,599.00,,{AT}a.jpg?v=1,{AT}a.jpg?v=1,active
oslo,,,,,,,,,Beige,OS-BE,25000,2,649.00,799.00,{AT}b.jpg?v=1,{AT}b.jpg?v=1,
oslo,,,,,,,,,,,,,,,{AT}c.jpg?v=1,,
rug,Rug,,Nord,,Rug,,true,Title,Default Title,RUG-1,0,1,call us,,{AT}c.jpg,,active
old,Old,,Nord,,Rug,,true,Title,Default Title,OLD-1,0,1,5.00,,{AT}c.jpg,,draft
"""
SHOPIFY_NEW = f"""\
Title,URL handle,Description,Vendor,Product category,Type,Tags,Published on online store,Status,\
SKU,Option1 name,Option1 value,Price,Compare-at price,Inventory quantity,Weight value (grams),\
Product image URL,Variant image URL
Oslo Sofa,oslo,<p>Soft &amp; deep.</p><ul><li>Oak</li></ul>,Nord,Furniture > Sofas,Sofa,"a, b",\
TRUE,active,OS-GR,Color,Grey,599.00,,5,25000,{AT}a.jpg,{AT}a.jpg
,oslo,,,,,,,,OS-BE,,Beige,649.00,799.00,2,25000,{AT}b.jpg,{AT}b.jpg
,oslo,,,,,,,,,,,,,,,{AT}c.jpg,
Rug,rug,,Nord,,Rug,,TRUE,active,RUG-1,Title,Default Title,call us,,1,,{AT}c.jpg,
"""
SHOPIFY_JSON = json.dumps(
    {
        "products": [
            {
                "id": 1,
                "title": "Oslo Sofa",
                "handle": "oslo",
                "body_html": "<p>Soft &amp; deep.</p><ul><li>Oak</li></ul>",
                "vendor": "Nord",
                "product_type": "Sofa",
                "tags": ["a", "b"],
                "options": [{"name": "Color", "values": ["Grey", "Beige"]}],
                "images": [{"src": f"{AT}a.jpg"}, {"src": f"{AT}b.jpg"}, {"src": f"{AT}c.jpg"}],
                "variants": [
                    {
                        "sku": "OS-GR",
                        "option1": "Grey",
                        "price": "599.00",
                        "grams": 25000,
                        "available": True,
                        "featured_image": {"src": f"{AT}a.jpg"},
                    },
                    {
                        "sku": "OS-BE",
                        "option1": "Beige",
                        "price": "649.00",
                        "compare_at_price": "799.00",
                        "featured_image": {"src": f"{AT}b.jpg"},
                    },
                ],
            },
            {
                "id": 2,
                "title": "Rug",
                "handle": "rug",
                "images": [{"src": f"{AT}c.jpg"}],
                "variants": [{"sku": "RUG-1", "option1": "Default Title", "price": "call us"}],
                "options": [{"name": "Title", "values": ["Default Title"]}],
            },
        ]
    }
)


@pytest.mark.parametrize(
    ("name", "content", "title"),
    [
        ("export.csv", SHOPIFY, "Shopify CSV"),
        ("export.csv", SHOPIFY_NEW, "Shopify CSV, new headers"),
        ("products.json", SHOPIFY_JSON, "Shopify products.json"),
    ],
)
def test_shopify(shop: Path, name: str, content: str, title: str) -> None:
    items = read(shop, name, content)
    products = by_id(items)
    assert reading_of(items) == title
    assert list(products) == ["oslo", "rug"]
    sofa = products["oslo"].product
    assert (sofa.title, sofa.category, sofa.color) == ("Oslo Sofa", "Sofa", "Grey, Beige")
    assert sofa.description == "Soft & deep.\nOak"
    assert sofa.tags == ("a", "b")
    assert sofa.attributes["brand"] == "Nord"
    assert sofa.attributes["price"] == 599.0
    assert sofa.attributes["base_colors"] == ("grey", "beige")
    grey, beige = sofa.variants
    assert (grey.id, dict(grey.options), grey.color) == ("OS-GR", {"Color": "Grey"}, "Grey")
    assert (beige.attributes["price"], beige.attributes["sale_price"]) == (799.0, 649.0)
    assert len(products["oslo"].images) == 3
    assert set(products["oslo"].variant_of.values()) == {"OS-GR", "OS-BE"}
    rug = products["rug"].product
    assert (rug.variants, rug.attributes["sku"]) == ((), "RUG-1")
    assert "price" not in rug.attributes
    assert set_aside_of(items) == []
    assert [item.text for item in items if isinstance(item, FeedNote)][-1] == (
        "1 product says 'call us' or the like instead of a price: it has none, and filters by "
        "price leave it out."
    )


def test_what_the_shop_does_not_show_is_left_out_and_counted(shop: Path) -> None:
    notes = [item.text for item in read(shop, "s.csv", SHOPIFY) if isinstance(item, FeedNote)]
    assert [note for note in notes if "1 row is not shown" in note and "draft" in note]


WOO_WORDS = {
    "en": (
        (
            "ID,Type,SKU,Name,Published,Is featured?,Visibility in catalog,Short description,"
            "Description,In stock?,Stock,Weight (kg),Width (cm),"
            "Sale price,Regular price,Categories,"
            "Tags,Images,Parent,Attribute 1 name,Attribute 1 value(s)"
        ),
        "WooCommerce CSV",
    ),
    "tr": (
        (
            "Kimlik,Tür,Stok kodu (SKU),İsim,Yayımlanmış,Öne çıkan?,Katalogda görünürlük,"
            "Kısa açıklama,Açıklama,Stokta?,Stok,Ağırlık (kg),Genişlik (cm),İndirimli satış fiyatı,"
            "Normal fiyat,Kategoriler,Etiketler,Görseller,Ebeveyn,"
            "Nitelik 1 ismi,Nitelik 1 değer(ler)i"
        ),
        "WooCommerce CSV, Turkish headers",
    ),
    "de": (
        (
            "ID,Typ,Artikelnummer,Name,Veröffentlicht,Ist hervorgehoben?,Sichtbarkeit im Katalog,"
            "Kurzbeschreibung,Beschreibung,Vorrätig?,Bestand,"
            "Gewicht (kg),Breite (cm),Angebotspreis,"
            "Regulärer Preis,Kategorien,Schlagwörter,Bilder,Übergeordnetes Produkt,Attribut 1 Name,"
            "Attribut 1 Wert(e)"
        ),
        "WooCommerce CSV, German headers",
    ),
}
WOO_ROWS = f"""\
10,variable,OSLO,Oslo,1,0,visible,Short,<b>Deep</b> sofa,1,,20,180,,,"Sofas > Big, Sofas",x,\
"{AT}a.jpg, {AT}w_10,h_20/b.jpg",,Color,"Grey, Beige"
11,simple,LAMP,Lamp,1,0,visible,Light,,1,4,1,wide,15,20,Lamps,,{AT}c.jpg,,Material,Brass
12,variation,OS-GR,Oslo - Grey,1,0,visible,,,1,5,,,,599,,,{AT}a.jpg,OSLO,Color,Grey
13,variation,OS-BE,Oslo - Beige,1,0,visible,,,0,0,,,,649,,,{AT}d.jpg,id:10,Color,Beige
14,simple,GONE,Gone,-1,0,visible,,,1,4,1,1,15,20,Lamps,,{AT}c.jpg,,,
"""


@pytest.mark.parametrize("language", WOO_WORDS)
def test_woocommerce(shop: Path, language: str) -> None:
    header, title = WOO_WORDS[language]
    rows = WOO_ROWS.replace("id:10", "OSLO")
    items = read(shop, "woo.csv", f"{header}\n{rows}")
    assert reading_of(items) == title
    products = by_id(items)
    assert set(products) == {"OSLO", "LAMP"}
    sofa = products["OSLO"].product
    assert (sofa.title, sofa.category, sofa.description) == ("Oslo", "Big", "Deep sofa")
    assert sofa.attributes["category_path"] == ("Sofas", "Sofas > Big")
    assert [variant.id for variant in sofa.variants] == ["OS-GR", "OS-BE"]
    assert sofa.variants[1].attributes["availability"] == "out of stock"
    assert (sofa.attributes["price"], sofa.attributes["width_cm"]) == (599.0, 180.0)
    assert sorted(products["OSLO"].addresses.values()) == [
        f"{AT}a.jpg",
        f"{AT}d.jpg",
        f"{AT}w_10,h_20/b.jpg",
    ]
    lamp = products["LAMP"].product
    assert (lamp.attributes["price"], lamp.attributes["sale_price"]) == (20.0, 15.0)
    assert lamp.attributes["material"] == "Brass"
    (problem,) = set_aside_of(items)
    assert (problem.product_id, "wide" in problem.reason) == ("LAMP", True)


def test_woocommerce_variations_that_name_their_product_by_its_number(shop: Path) -> None:
    header, _ = WOO_WORDS["en"]
    rows = WOO_ROWS.replace(",OSLO,Color", ",id:10,Color").replace(
        "10,variable,OSLO", "10,variable,"
    )
    products = by_id(read(shop, "woo.csv", f"{header}\n{rows}"))
    assert [variant.id for variant in products["10"].product.variants] == ["OS-GR", "OS-BE"]


GOOGLE = [
    {
        "id": "OS-GR", "title": "Oslo Sofa - Grey", "description": "<p>Deep</p>", "link": f"{AT}p",
        "image_link": f"{AT}a.jpg", "additional_image_link": f"{AT}b.jpg",
        "availability": "in_stock", "price": "1.599,00 EUR", "brand": "Nord", "color": "Grey",
        "product_type": "Furniture > Sofas", "item_group_id": "oslo", "shipping_weight": "40 kg",
    },
    {
        "id": "LAMP", "title": "Lamp", "description": "Light", "link": f"{AT}q",
        "image_link": f"{AT}c.jpg", "additional_image_link": "",
        "availability": "who knows", "price": "20,00 EUR", "brand": "Nord", "color": "Brass",
        "product_type": "Lamps", "item_group_id": "", "shipping_weight": "4 kg",
    },
    {
        "id": "OS-BE", "title": "Oslo Sofa - Beige", "description": "<p>Deep</p>", "link": f"{AT}p",
        "image_link": f"{AT}b.jpg", "additional_image_link": f"{AT}a.jpg",
        "availability": "out of stock", "price": "1.649,00 EUR", "brand": "Nord", "color": "Beige",
        "product_type": "Furniture > Sofas", "item_group_id": "oslo", "shipping_weight": "40 kg",
    },
]  # fmt: skip


def google_xml(prefix: str) -> str:
    def element(name: str, value: str) -> str:
        text = value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        return f"<{prefix}{name}>{text}</{prefix}{name}>" if value else ""

    rows = "".join(
        f"<item>{''.join(element(name, value) for name, value in row.items())}</item>"
        for row in GOOGLE
    )
    space = ' xmlns:g="http://base.google.com/ns/1.0"' if prefix else ""
    channel = f"<channel><title>N</title>{rows}</channel>"
    return f'<?xml version="1.0"?><rss version="2.0"{space}>{channel}</rss>'


GOOGLE_TSV = "\n".join(
    "\t".join(row) for row in ([list(GOOGLE[0])] + [list(r.values()) for r in GOOGLE])
)


@pytest.mark.parametrize(
    ("name", "content"),
    [("g.xml", google_xml("g:")), ("g.xml", google_xml("")), ("g.txt", GOOGLE_TSV)],
    ids=["g:", "without prefix", "TSV"],
)
def test_google_merchant(shop: Path, name: str, content: str) -> None:
    items = read(shop, name, content)
    products = by_id(items)
    assert set(products) == {"oslo", "LAMP"}
    sofa = products["oslo"].product
    assert (sofa.title, sofa.category, sofa.color) == ("Oslo Sofa", "Sofas", "Grey, Beige")
    assert (sofa.attributes["price"], sofa.attributes["currency"]) == (1599.0, "EUR")
    assert sofa.attributes["availability"] == "in stock"
    assert "weight_kg" not in sofa.attributes
    assert {path.name: of for path, of in products["oslo"].variant_of.items()} == {
        "a.jpg": "OS-GR",
        "b.jpg": "OS-BE",
    }
    (problem,) = set_aside_of(items)
    assert (problem.product_id, "who knows" in problem.reason) == ("LAMP", True)


MAGENTO = """\
sku;attribute_set_code;product_type;categories;product_websites;name;description;weight;\
product_online;visibility;price;special_price;base_image;additional_images;qty;is_in_stock;\
additional_attributes;configurable_variations
OS-GR;Default;simple;Default Category/Mobilya,Default Category/Mobilya/Koltuk;base;Oslo Üçlü Gri;\
Rahat;12.5;1;Not Visible Individually;1.599,00;;a.jpg;;5;1;color=Gri,material=Ahşap;
OS-BE;Default;simple;Default Category/Mobilya/Koltuk;base;Oslo Üçlü Bej;Rahat;12.5;1;\
Not Visible Individually;1.649,00;;b.jpg;;0;0;color=Bej,material=Ahşap;
lamp;Default;simple;Default Category/Lamba;base;Işıklı Lamba;;1;1;Catalog, Search;bedava;;\
c.jpg;;1;1;;
oslo;Default;configurable;Default Category/Mobilya/Koltuk;base;Oslo Üçlü;Rahat;;1;\
Catalog, Search;;;a.jpg;b.jpg;;1;;sku=OS-GR,color=Gri|sku=OS-BE,color=Bej
alone;Default;simple;Default Category/Lamba;base;Parça;;1;1;Not Visible Individually;5,00;;\
c.jpg;;1;1;;
"""


@pytest.mark.parametrize("encoding", ["utf-8", "cp1254"])
def test_magento(shop: Path, encoding: str) -> None:
    items = read(shop, "m.csv", MAGENTO.encode(encoding))
    products = by_id(items)
    assert set(products) == {"oslo", "lamp"}
    sofa = products["oslo"].product
    assert (sofa.title, sofa.category, sofa.color) == ("Oslo Üçlü", "Koltuk", "Gri, Bej")
    assert sofa.attributes["category_path"] == ("Mobilya", "Mobilya > Koltuk")
    assert sofa.attributes["price"] == 1599.0
    assert sofa.attributes["base_materials"] == ("wood",)
    assert [(v.id, v.options["Color"]) for v in sofa.variants] == [
        ("OS-GR", "Gri"),
        ("OS-BE", "Bej"),
    ]
    assert [path.name for path in products["oslo"].images] == ["a.jpg", "b.jpg"]
    (problem,) = set_aside_of(items)
    assert (problem.product_id, "bedava" in problem.reason) == ("lamp", True)


def test_a_turkish_marketplace_workbook(shop: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(
        ["Ana Ürün Kodu", "Stok Kodu", "Ürün Adı", "Renk", "Fiyat", "Para Birimi", "KDV", "En",
         "Boy", "Yükseklik", "Görsel 1", "Görsel 2", "Görsel 10", "Stok"]
    )  # fmt: skip
    sheet.append(
        ["OS", "OS-GR", "Oslo Gri", "Gri", 1599.9, "TL", 10, 180, 90, 75, "a.jpg", None, "c.jpg", 5]
    )
    sheet.append(
        ["OS", "OS-BE", "Oslo Bej", "Bej", 1649, "TL", 10, 180, 90, "?", "b.jpg", None, None, 0]
    )
    book.save(shop / "urunler.xlsx")
    items = list(open_feed(shop / "urunler.xlsx").items())
    (row,) = rows_of(items)
    product = row.product
    assert (product.id, product.title, product.color) == ("OS", "Oslo", "Gri, Bej")
    assert (product.attributes["price"], product.attributes["currency"]) == (1599.9, "TRY")
    assert product.attributes["width_cm"] == 180.0
    assert product.attributes["depth_cm"] == 90.0
    assert [path.name for path in row.images] == ["a.jpg", "c.jpg", "b.jpg"]
    (problem,) = set_aside_of(items)
    assert (problem.column, problem.product_id) == ("Yükseklik", "OS")


def test_a_turkish_table_of_unknown_layout_in_windows_1254(shop: Path) -> None:
    text = (
        "Ürün Kodu;Ürün Adı;Kategori;Renk;Fiyat;Genişlik (cm);Stok;Görsel\n"
        "1;Şık Üçlü Koltuk;Koltuk;Gri;1.599,00 TL;100;5;a.jpg\n"
        "2;Işıklı Lamba;Lamba;Sarı;bedava;30;5;b.jpg\n"
    )
    items = read(shop, "urunler.csv", text.encode("cp1254"))
    sofa, lamp = rows_of(items)
    assert sofa.product.title == "Şık Üçlü Koltuk"
    assert sofa.product.attributes["price"] == 1599.0
    assert sofa.product.attributes["currency"] == "TRY"
    assert sofa.product.attributes["width_cm"] == 100.0
    assert lamp.product.attributes["base_colors"] == ("yellow",)
    assert [problem.column for problem in set_aside_of(items)] == ["Fiyat"]
    (note,) = [i.text for i in items if isinstance(i, FeedNote) and i.reading]
    assert "title ← Ürün Adı, image ← Görsel, id ← Ürün Kodu" in note


@pytest.mark.parametrize("spelled", [str, str.lower, str.upper])
def test_elements_without_blanks_and_turkish_letters_are_what_columns_are(
    shop: Path, spelled: Callable[[str], str]
) -> None:
    def element(name: str, value: str) -> str:
        return f"<{spelled(name)}>{value}</{spelled(name)}>"

    rows = "".join(
        "<Urun>"
        + element("UrunKodu", code)
        + element("Baslik", "Meşe masa")
        + element("KategoriAdi", "Masa")
        + element("SatisFiyati", "1.299,90 TL")
        + element("FiyatKurus", "5")
        + element("Resimler", element("Resim", photo))
        + "</Urun>"
        for code, photo in (("MS-1", "a.jpg"), ("MS-2", "b.jpg"))
    )
    products = by_id(read(shop, "urunler.xml", f"<Urunler>{rows}</Urunler>"))
    assert set(products) == {"MS-1", "MS-2"}
    table = products["MS-1"].product
    assert (table.title, table.category) == ("Meşe masa", "Masa")
    assert (table.attributes["price"], table.attributes["currency"]) == (1299.9, "TRY")


def test_stock_in_words_is_availability(shop: Path) -> None:
    text = (
        "Ürün Kodu;Ürün Adı;Fiyat;Stok;Görsel\n"
        "1;Koltuk;1.599,00 TL;var;a.jpg\n"
        "2;Lamba;99,00 TL;yok;b.jpg\n"
        "3;Masa;199,00 TL;7;c.jpg\n"
        "4;Raf;199,00 TL;sorunuz;a.jpg\n"
    )
    items = read(shop, "urunler.csv", text)
    told = [
        (row.product.attributes.get("availability"), row.product.attributes.get("stock"))
        for row in rows_of(items)
    ]
    assert told == [("in stock", None), ("out of stock", None), (None, 7.0), (None, None)]
    (problem,) = set_aside_of(items)
    assert (problem.column, problem.line) == ("Stok", 5)
    assert "such as in stock" in problem.cure


API = [
    {
        "id": 1000,
        "name": "Oslo Sofa",
        "description": "<p>Deep</p>",
        "price": {"amount": 599.0, "currency": "EUR"},
        "category": {"id": 3, "name": "Sofa", "path": ["Furniture", "Sofa"]},
        "images": [{"id": 0, "src": f"{AT}a.jpg"}, {"id": 1, "src": f"{AT}b.jpg"}],
        "variants": [
            {"sku": "OS-GR", "color": "Grey", "price": 599.0},
            {"sku": "OS-BE", "color": "Beige", "price": 649.0},
        ],
    },
    {
        "id": 1001,
        "name": "Lamp",
        "price": {"amount": "free", "currency": "EUR"},
        "images": [{"id": 2, "src": f"{AT}c.jpg"}],
    },
]


@pytest.mark.parametrize(
    "wrap",
    [lambda rows: rows, lambda rows: {"products": rows}, lambda rows: {"data": {"items": rows}}],
)
def test_the_json_of_an_api(shop: Path, wrap: Callable[[Any], Any]) -> None:
    items = read(shop, "api.json", json.dumps(wrap(API)))
    products = by_id(items)
    sofa = products["1000"].product
    assert (sofa.title, sofa.category, sofa.color) == ("Oslo Sofa", "Sofa", "Grey, Beige")
    assert sofa.attributes["category_path"] == ("Furniture", "Furniture > Sofa")
    assert (sofa.attributes["price"], sofa.attributes["currency"]) == (599.0, "EUR")
    assert [variant.attributes["price"] for variant in sofa.variants] == [599.0, 649.0]
    assert len(products["1000"].addresses) == 2
    assert products["1001"].product.title == "Lamp"
    assert len(set_aside_of(items)) == 1


def test_flat_json_with_addresses(shop: Path) -> None:
    rows = [
        {"sku": "A", "title": "Oak stool", "image_url": f"{AT}a.jpg", "price": "$99", "seats": 1},
        {"sku": "B", "title": "Bench", "image_url": f"{AT}b.jpg", "price": "$120", "seats": "many"},
    ]
    items = read(shop, "flat.json", json.dumps(rows))
    stool, bench = rows_of(items)
    assert (stool.product.id, stool.product.attributes["price"]) == ("A", 99.0)
    assert stool.addresses == {shop / "a.jpg": f"{AT}a.jpg"}
    assert (bench.product.id, [p.product_id for p in set_aside_of(items)]) == ("B", ["B"])


@pytest.mark.parametrize("content", ['{"products": []}', "[]"])
def test_a_list_without_products_is_one_clear_sentence(shop: Path, content: str) -> None:
    with pytest.raises(InvalidFeedError) as refused:
        read(shop, "empty.json", content)
    assert str(shop / "empty.json") in str(refused.value)
    assert "\n" not in str(refused.value)


def test_the_json_of_woocommerces_api(shop: Path) -> None:
    rows = [
        {
            "id": 7, "sku": "", "name": "Lamp", "slug": "lamp", "permalink": f"{AT}p",
            "status": "publish", "catalog_visibility": "visible", "short_description": "<p>x</p>",
            "description": "", "price": "15", "regular_price": "20", "sale_price": "15",
            "stock_status": "instock", "images": [{"id": 1, "src": f"{AT}a.jpg", "alt": ""}],
            "categories": [{"id": 1, "name": "Lamps"}], "dimensions": {"width": "30"},
            "attributes": [{"name": "Color", "options": ["Red", "Blue"]}], "variations": [],
        },
        {
            "id": 8, "sku": "D", "name": "Draft", "permalink": "", "status": "draft",
            "images": [{"id": 1, "src": f"{AT}a.jpg"}],
        },
    ]  # fmt: skip
    (row,) = rows_of(read(shop, "woo.json", json.dumps(rows)))
    product: Product = row.product
    assert (product.id, product.category, product.color) == ("7", "Lamps", "Red, Blue")
    assert (product.attributes["price"], product.attributes["sale_price"]) == (20.0, 15.0)
    assert product.attributes["availability"] == "in stock"


def test_prestashop(shop: Path) -> None:
    text = (
        "Product ID;Active (0/1);Name *;Categories (x,y,z...);Price tax included;EAN13;Width;"
        "Image URLs (x,y,z...);Feature(Name:Value:Position)\n"
        f"1;1;Oslo;Sofas,Big;599.00;123;180;{AT}a.jpg,{AT}b.jpg;Material:Oak:1|Color:Grey:2\n"
        f"2;0;Gone;Sofas;5.00;124;180;{AT}a.jpg;\n"
    )
    (row,) = rows_of(read(shop, "p.csv", text))
    assert (row.product.id, row.product.title, len(row.images)) == ("1", "Oslo", 2)
    assert (row.product.color, row.product.attributes["material"]) == ("Grey", "Oak")


def test_schema_org_products(shop: Path) -> None:
    common = {"@type": "Product", "item_group_id": "G", "group_name": "Oslo", "offers.price": "9"}
    rows = [
        {**common, "id": "A", "name": "Oslo grey", "color": "Grey", "image": [f"{AT}a.jpg"]},
        {**common, "id": "B", "name": "Oslo S", "size": "S", "image": [f"{AT}b.jpg"]},
    ]
    items = read(shop, "s.jsonl", "\n".join(map(json.dumps, rows)))
    assert reading_of(items) == "schema.org products"
    (row,) = rows_of(items)
    assert (row.product.id, row.product.title) == ("G", "Oslo")
    assert [dict(variant.options) for variant in row.product.variants] == [{}, {"Size": "S"}]
    assert row.product.attributes["price"] == 9.0


@dataclass(frozen=True)
class Day:
    prices: tuple[str, ...]
    left: int


@pytest.mark.parametrize(
    "day",
    [
        Day(("129.00", "99.50"), 0),
        Day(("129.00", "call us"), 0),
        Day(("129.00", "call us twice"), 1),
        Day(("129.00", "0212 555 44 33"), 1),
    ],
)
def test_one_price_that_is_none_costs_that_price(shop: Path, day: Day) -> None:
    rows = "".join(f"A{n},Chair,a.jpg,{price}\n" for n, price in enumerate(day.prices))
    items = read(shop, "day.csv", f"id,title,image,price\n{rows}")
    assert len(rows_of(items)) == 2
    assert [problem.column for problem in set_aside_of(items)] == ["price"] * day.left


def told_of_prices(items: list[FeedItem]) -> list[str]:
    notes = [item.text for item in items if isinstance(item, FeedNote)]
    return [note for note in notes if "instead of a price" in note]


def test_products_whose_price_is_told_to_who_asks_are_counted_and_have_none(shop: Path) -> None:
    text = (
        "Ürün Kodu;Ürün Adı;Fiyat;İndirimli Fiyat;Görsel\n"
        "1;Koltuk;FİYAT SORUNUZ!;;a.jpg\n"
        "2;Kanepe;Fiyat için arayınız;Sorunuz;b.jpg\n"
        "3;Sehpa;1.299,00 TL;fiyat sorunuz;c.jpg\n"
        "4;Masa;P.O.A.;999,00 TL;a.jpg\n"
    )
    items = read(shop, "urunler.csv", text)
    prices = [
        (row.product.attributes.get("price"), row.product.attributes.get("sale_price"))
        for row in rows_of(items)
    ]
    assert prices == [(None, None), (None, None), (1299.0, None), (None, 999.0)]
    assert set_aside_of(items) == []
    assert told_of_prices(items) == [
        (
            "3 products say 'FİYAT SORUNUZ!' or the like instead of a price: they have none, and "
            "filters by price leave them out."
        )
    ]


def test_a_variant_whose_price_is_asked_for_leaves_the_others_theirs(shop: Path) -> None:
    header = "Handle,Title,Option1 Name,Option1 Value,Variant SKU,Variant Price,Image Src\n"
    rows = (
        f"oslo,Oslo,Color,Grey,G,899.00,{AT}a.jpg\noslo,,,Beige,B,on request,{AT}b.jpg\n"
        f"rug,Rug,Size,S,S,POA,{AT}a.jpg\nrug,,,L,L,POA,{AT}b.jpg\n"
    )
    items = read(shop, "export.csv", header + rows)
    sofa, rug = rows_of(items)
    assert sofa.product.attributes["price"] == 899.0
    assert [each.attributes.get("price") for each in sofa.product.variants] == [899.0, None]
    assert "price" not in rug.product.attributes
    assert told_of_prices(items) == [
        (
            "1 product says 'on request' or the like instead of a price: it has none, and filters "
            "by price leave it out. 1 variant says so too: the product's price is that of its "
            "other variants."
        )
    ]
    items = read(shop, "export.csv", header + rows.partition("rug")[0])
    assert told_of_prices(items) == [
        (
            "1 variant says 'on request' or the like instead of a price: the product's price is "
            "that of its other variants."
        )
    ]


def test_a_column_of_nothing_but_prices_on_request_is_one_of_prices(shop: Path) -> None:
    text = "sku,name,price,image\n1,Sofa,call us,a.jpg\n2,Rug,Price on request,b.jpg\n"
    items = read(shop, "list.csv", text)
    assert ["price" in row.product.attributes for row in rows_of(items)] == [False, False]
    assert len(told_of_prices(items)) == 1


def test_prices_on_request_are_told_in_every_run(shop: Path) -> None:
    class Unknown:
        def find(self, _: bytes) -> None:
            return None

        has_catalog = True

        def has_product(self, product_id: str) -> bool:
            return False

    text = "id,title,price,image\n1,Sofa,call us,a.jpg\n2,Rug,99.00,a.jpg\n"
    (shop / "list.csv").write_text(text, "utf-8")
    feed = open_feed(shop / "list.csv")
    assert isinstance(feed, RecordFeed)
    rows = [item for item in feed.items_but(Unknown()) if isinstance(item, FeedRow)]
    # What is known by its records is not read again, and nobody would count it.
    assert [row.origin is None for row in rows] == [True, False]


def test_a_currency_of_the_columns_name_is_that_of_cells_without_one(shop: Path) -> None:
    text = (
        "Ürün Kodu;Ürün Adı;Fiyat (TL);İndirimli Fiyat (TL);Görsel\n"
        "1;Koltuk;1.599,00;1.299,00;a.jpg\n2;Kanepe;$99;;b.jpg\n3;Masa;99 EUR;;c.jpg\n"
        "4;Raf;99 TL;;c.jpg\n"
    )
    items = read(shop, "urunler.csv", text)
    told = [
        (row.product.attributes["price"], row.product.attributes.get("currency"))
        for row in rows_of(items)
    ]
    assert told == [(1599.0, "TRY"), (99.0, None), (99.0, "EUR"), (99.0, "TRY")]
    (note,) = [i.text for i in items if isinstance(i, FeedNote) and "not in TRY" in i.text]
    assert note == (
        "Fiyat (TL): '$99' is not in TRY, as the column's name says: the cell decides, so it has "
        "no currency, for its sign is that of several; write the code, such as USD. TRY is the "
        "currency of cells that name none. So were 1 more."
    )


def test_a_price_of_nothing_is_none_and_told_and_nothing_reduced_is_not(shop: Path) -> None:
    text = (
        "Ürün Kodu;Ürün Adı;Fiyat;İndirimli Fiyat;Görsel\n"
        "1;Koltuk;0,00;0,00;a.jpg\n2;Kanepe;-;-;b.jpg\n3;Masa;99,00 TL;0,00 TL;c.jpg\n"
        "4;Raf;Sorunuz - 0212 555 44 33;;a.jpg\n5;Sehpa;;0;a.jpg\n"
    )
    items = read(shop, "urunler.csv", text)
    assert set_aside_of(items) == []
    prices = [
        (row.product.attributes.get("price"), row.product.attributes.get("sale_price"))
        for row in rows_of(items)
    ]
    assert prices == [(None, None), (None, None), (99.0, None), (None, None), (None, None)]
    assert told_of_prices(items) == [
        (
            "3 products say '0,00' or the like instead of a price: they have none, and filters by "
            "price leave them out."
        )
    ]
    rows = [{"sku": "1", "name": "Koltuk", "price": 0, "sale_price": 0.0, "image": "a.jpg"}]
    items = read(shop, "api.json", json.dumps(rows))
    assert (set_aside_of(items), len(told_of_prices(items))) == ([], 1)


def test_columns_that_shops_name_beside_our_own(shop: Path) -> None:
    text = (
        "id;title;image;Price (EUR);Category name;Renk;Width (cm);Weight (g);Ebat;in_stock\n"
        "1;Oslo;a.jpg;1.299,00;Sofas;Gri;180;500;80x60x40 cm;true\n"
        "2;Bergen;b.jpg;99;Chairs;Mavi;60;;;false\n"
    )
    items = read(shop, "own.csv", text)
    sofa = rows_of(items)[0].product
    assert (sofa.category, sofa.color, sofa.attributes["price"]) == ("Sofas", "Gri", 1299.0)
    assert sofa.attributes["currency"] == "EUR"
    sizes = {name: sofa.attributes[name] for name in ("width_cm", "depth_cm", "weight_kg")}
    assert sizes == {"width_cm": 180.0, "depth_cm": 60.0, "weight_kg": 0.5}
    kept = {name: sofa.attributes[name] for name in ("weight_g", "ebat", "in_stock")}
    assert kept == {"weight_g": 500.0, "ebat": "80x60x40 cm", "in_stock": True}
    (note,) = [i.text for i in items if isinstance(i, FeedNote) and i.reading]
    assert note == (
        "Further columns: category ← Category name, color ← Renk, price ← Price (EUR), dimensions "
        "← Ebat, weight ← Weight (g). If one is wrong, give --map ROLE=COLUMN."
    )


def test_headings_and_totals_between_rows_are_no_products_and_are_told(shop: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["EV MOBİLYA 2026 FİYAT LİSTESİ"])
    sheet.append(["Sıra", "Stok Kodu", "Ürün Adı", "Fiyat", "Not", "Görsel"])
    sheet.append([None, None, "KOLTUKLAR"])
    sheet.append([1, "K-1", "Oslo koltuk", 1599.9, None, "a.jpg"])
    sheet.append([2, None, "Bergen koltuk", 1699.9, None, "b.jpg"])
    sheet.append([None, None, None, None, "TOPLAM 2 ÜRÜN"])
    sheet.append([None, None, None, 3299.8])
    book.save(shop / "liste.xlsx")
    items = list(open_feed(shop / "liste.xlsx").items())
    assert [row.product.id for row in rows_of(items)] == ["K-1"]
    # What may be a product whose id was lost is set aside as ever.
    assert [each.line for each in set_aside_of(items)] == [5, 7]
    notes = [item.text for item in items if isinstance(item, FeedNote)]
    told = "2 rows hold one text and nothing else ('KOLTUKLAR'): no product, and passed over."
    assert told in notes


def test_a_table_without_ids_keeps_rows_of_a_title_alone_set_aside(shop: Path) -> None:
    items = read(shop, "list.csv", "name,image\nOslo,a.jpg\nBergen,\n")
    (problem,) = set_aside_of(items)
    assert (problem.line, problem.reason) == (3, "The row has no id.")


def test_what_shopify_writes_of_a_reduced_variant_and_a_barcode(shop: Path) -> None:
    (row,) = rows_of(
        read(
            shop,
            "export.csv",
            "Handle,Title,Option1 Name,Option1 Value,Variant SKU,Variant Price,"
            "Variant Compare At Price,Variant Barcode,Image Src,Status\n"
            f"oslo,Oslo,Color,Grey,G,899.00,1099.00,'8690000000012,{AT}a.jpg,active\n"
            f"oslo,,,Beige,B,849.00,,'8690000000029,{AT}b.jpg,\n",
        )
    )
    # 849 without any reduction is less than the reduced 899, so no sale price is the lowest.
    assert row.product.attributes["price"] == 849.0
    assert "sale_price" not in row.product.attributes
    grey, beige = row.product.variants
    assert (grey.attributes["price"], grey.attributes["sale_price"]) == (1099.0, 899.0)
    assert grey.attributes["gtin"] == "8690000000012"
    assert beige.attributes["gtin"] == "8690000000029"


def test_line_breaks_of_woocommerce_are_lines(shop: Path) -> None:
    header, _ = WOO_WORDS["tr"] if "tr" in WOO_WORDS else next(iter(WOO_WORDS.values()))
    row = "11,simple,LAMP,Lamp,1,0,visible,,Warm.\\nSmall.,1,4,1,10,15,20,Lamps,,"
    (lamp,) = rows_of(read(shop, "woo.csv", f"{header}\n{row}{AT}c.jpg,,,\n"))
    assert lamp.product.description == "Warm.\nSmall."


def test_a_marketplace_workbook_with_sizes_in_one_cell_and_glass(shop: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(
        ["Barkod", "Model Kodu", "Ürün Adı", "Piyasa Satış Fiyatı (KDV Dahil)",
         "Trendyol'da Satılacak Fiyat (KDV Dahil)", "Stok Kodu", "Görsel 1", "Boyut/Ebat",
         "Materyal"]
    )  # fmt: skip
    sheet.append([869, "S-1", "Sehpa", 99.9, 99.9, "S-1", "a.jpg", "120x60x45 cm", "Cam"])
    sheet.append([870, "S-2", "Raf", 99.9, 89.9, "S-2", "b.jpg", "Tek Ebat", "Çam"])
    book.save(shop / "urunler.xlsx")
    items = list(open_feed(shop / "urunler.xlsx").items())
    assert set_aside_of(items) == []
    table, rack = (row.product.attributes for row in rows_of(items))
    assert (table["width_cm"], table["depth_cm"], table["height_cm"]) == (120.0, 60.0, 45.0)
    assert (table["price"], table.get("sale_price")) == (99.9, None)
    assert (rack["price"], rack["sale_price"], rack.get("width_cm")) == (99.9, 89.9, None)
    assert table["base_materials"] == ("glass",)
    assert rack["base_materials"] == ("pine", "wood")


def test_a_german_table_with_a_list_price_and_what_can_be_had(shop: Path) -> None:
    (row,) = rows_of(
        read(
            shop,
            "artikel.csv",
            "Artikelnummer;Bezeichnung;Preis;UVP;Lieferbar;Bild1\n"
            "1;Sofa;1.299,00 €;1.499,00 €;auf Lager;a.jpg\n",
        )
    )
    attributes = row.product.attributes
    assert (attributes["price"], attributes["sale_price"]) == (1499.0, 1299.0)
    assert attributes["availability"] == "in stock"


def test_names_by_language_are_titles_in_each(shop: Path) -> None:
    rows = [
        {"id": 1, "name": {"en": "Oslo sofa", "tr": "Oslo koltuk"}, "images": [f"{AT}a.jpg"]},
        {"id": 2, "name": {"en": "Oak table", "tr": "Meşe masa"}, "images": [f"{AT}b.jpg"]},
    ]
    products = by_id(read(shop, "api.json", json.dumps({"data": {"items": rows}})))
    sofa = products["1"].product
    assert (sofa.title, sofa.attributes["title_tr"]) == ("Oslo sofa", "Oslo koltuk")


def test_a_bad_cell_is_told_with_its_column(shop: Path) -> None:
    text = "Artikelnummer;Bezeichnung;Preis;Bild1\n1;Sofa;599,00 €;a.jpg\n2;Bett;geschenkt;b.jpg\n"
    (problem,) = set_aside_of(read(shop, "artikel.csv", text))
    assert "artikel.csv:3: Preis left out: 'geschenkt' is no price." in str(problem)


def test_seats_and_drawers_of_a_title_become_columns(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"x")
    feed = tmp_path / "shop.csv"
    feed.write_text(
        "id,title,image\n1,Oslo 3-Seater Sofa,a.jpg\n2,5 çekmeceli şifonyer,a.jpg\n3,Stool,a.jpg\n",
        "utf-8",
    )
    rows = [item for item in open_feed(feed).items() if isinstance(item, FeedRow)]
    assert rows[0].product.attributes["seats"] == 3
    assert rows[1].product.attributes["drawers"] == 5
    assert {"seats", "drawers"}.isdisjoint(rows[2].product.attributes)


def test_wix(shop: Path) -> None:
    text = (
        "handleId,fieldType,name,description,productImageUrl,collection,sku,price,visible,"
        "inventory,cost,productOptionName1,productOptionDescription1,additionalInfoTitle1,"
        "additionalInfoDescription1\n"
        f"p1,Product,Oak stool,<p>Nice</p>,{AT}a.jpg;{AT}b.jpg,Stools;Sale,W1,129,true,InStock,50,"
        "Color,Oak;Black,Size,40 x 30 x 45 cm\n"
        "p1,Variant,,,,,W1-O,,true,InStock,,,Oak,,\np1,Variant,,,,,W1-B,,true,OutOfStock,,,Black,,\n"
        f"p2,Product,Hidden,,{AT}c.jpg,Rugs,W2,9,false,3,,,,,\n"
    )
    items = read(shop, "wix.csv", text)
    assert (reading_of(items), set_aside_of(items)) == ("Wix CSV", [])
    (stool,) = rows_of(items)
    assert (stool.product.id, stool.product.attributes["price"]) == ("p1", 129.0)
    assert stool.product.attributes["category_path"] == ("Stools", "Sale")
    assert stool.product.attributes["height_cm"] == 45.0
    assert [(each.id, each.color) for each in stool.product.variants] == [
        ("W1-O", "Oak"),
        ("W1-B", "Black"),
    ]
    assert (len(stool.images), "cost" in stool.product.attributes) == (2, False)


def test_squarespace_names_a_product_in_its_first_row_alone(shop: Path) -> None:
    of_shop = "[Non Editable]"
    text = (
        f"Product ID {of_shop},Variant ID {of_shop},Product Type {of_shop},Title,SKU,Option Name 1,"
        "Option Value 1,Price,Sale Price,Stock,Categories,Visible,Hosted Image URLs\n"
        f'5f1,v1,PHYSICAL,Bench,SQ1,Color,Oak,349.00,0.00,Unlimited,"/benches, /sale",Yes,'
        f"{AT}a.jpg {AT}b.jpg\n"
        ",v2,,,SQ2,Color,Black,379.00,299.00,3,,,\n"
        f"5f2,v3,PHYSICAL,Lamp,SQ3,,,79.00,0.00,0,/lamps,Yes,{AT}c.jpg\n"
    )
    items = read(shop, "sq.csv", text)
    assert (reading_of(items), set_aside_of(items)) == ("Squarespace CSV", [])
    bench, lamp = rows_of(items)
    assert [each.id for each in bench.product.variants] == ["SQ1", "SQ2"]
    assert [each.attributes.get("sale_price") for each in bench.product.variants] == [None, 299.0]
    assert (bench.product.attributes["availability"], len(bench.images)) == ("in stock", 2)
    assert (lamp.product.id, lamp.product.category) == ("5f2", "lamps")


def test_the_xml_of_a_turkish_shop_system_has_variants_in_a_list(shop: Path) -> None:
    def form(code: str, colour: str) -> str:
        return (
            f"<Secenek><StokKodu>{code}</StokKodu><StokAdedi>5</StokAdedi>"
            "<AlisFiyati>10,00</AlisFiyati><SatisFiyati>1.299,00</SatisFiyati>"
            "<IndirimliFiyat>0,00</IndirimliFiyat><ParaBirimi>TL</ParaBirimi>"
            f'<EkSecenekOzellik><Ozellik Tanim="Renk" Deger="{colour}">{colour}</Ozellik>'
            "</EkSecenekOzellik></Secenek>"
        )

    text = (
        "<Root><Urunler><Urun><UrunKartiID>7</UrunKartiID><UrunAdi>Koltuk</UrunAdi>"
        "<KategoriTree>Mobilya > Koltuk</KategoriTree><Resimler><Resim>a.jpg</Resim></Resimler>"
        f"<UrunSecenek>{form('A', 'Gri')}{form('B', 'Bej')}</UrunSecenek>"
        "<TeknikDetaylar><TeknikDetay><OzellikAdi>Genişlik</OzellikAdi><DegerAdi>180 cm</DegerAdi>"
        "</TeknikDetay></TeknikDetaylar></Urun><Urun><UrunKartiID>8</UrunKartiID>"
        "<UrunAdi>Masa</UrunAdi><Resimler><Resim>b.jpg</Resim></Resimler>"
        f"<UrunSecenek>{form('C', 'Mavi')}</UrunSecenek></Urun></Urunler></Root>"
    )
    items = read(shop, "urunler.xml", text)
    assert set_aside_of(items) == []
    sofa, table = (row.product for row in rows_of(items))
    assert [(each.id, each.color) for each in sofa.variants] == [("A", "Gri"), ("B", "Bej")]
    assert (sofa.attributes["price"], sofa.attributes["width_cm"]) == (1299.0, 180.0)
    assert sofa.attributes["category_path"] == ("Mobilya", "Mobilya > Koltuk")
    assert not [name for name in (*sofa.attributes, *table.attributes) if "alis" in name]
    notes = [item.text for item in items if isinstance(item, FeedNote)]
    assert (
        "Left out, for by its name it is what the shop pays: 'UrunSecenek.Secenek.AlisFiyati'. "
        "--map attribute=COLUMN keeps a column."
    ) in notes


def test_units_in_columns_of_their_own_and_names_in_two_languages(shop: Path) -> None:
    text = (
        "product_id;name(en-gb);name(tr-tr);description(en-gb);description(tr-tr);model;image;"
        "weight;weight_unit;length;width;length_unit;item_height;item_height_unit_of_measure\n"
        '1;Oak desk;Meşe masa;"&lt;p&gt;Nice&lt;/p&gt;";"&lt;p&gt;Güzel&lt;/p&gt;";M1;a.jpg;500;g;'
        "1600;800;mm;30;IN\n"
        "2;Chair;Sandalye;x;y;M2;b.jpg;4;;60;50;;;\n"
    )
    items = read(shop, "list.csv", text)
    assert set_aside_of(items) == []
    desk, chair = (row.product for row in rows_of(items))
    assert (desk.title, desk.attributes["title_tr"]) == ("Oak desk", "Meşe masa")
    assert (desk.description, desk.attributes["description_tr"]) == ("Nice", "Güzel")
    sizes = ("weight_kg", "length_cm", "width_cm", "height_cm")
    assert [desk.attributes[name] for name in sizes] == [0.5, 160.0, 80.0, 76.2]
    assert [chair.attributes.get(name) for name in sizes] == [4.0, 60.0, 50.0, None]


def test_prices_in_an_object_and_in_the_cents_of_a_store_api(shop: Path) -> None:
    rows = [
        {"id": 1, "name": "Desk", "image": f"{AT}a.jpg",
         "pricing": {"list": {"value": 99, "currency": "EUR"}, "sale": {"value": 89}}},
    ]  # fmt: skip
    (desk,) = rows_of(read(shop, "api.json", json.dumps(rows)))
    told = [desk.product.attributes[name] for name in ("price", "sale_price", "currency")]
    assert told == [99.0, 89.0, "EUR"]
    rows = [
        {"id": 1, "name": "Desk", "images": [{"src": f"{AT}a.jpg", "thumbnail": f"{AT}t.jpg"}],
         "prices": {"price": "12900", "currency_code": "EUR", "currency_minor_unit": 2}},
    ]  # fmt: skip
    (desk,) = rows_of(read(shop, "store.json", json.dumps(rows)))
    assert (desk.product.attributes["price"], len(desk.images)) == (129.0, 1)


def test_cells_of_several_texts_in_quotes_and_details_in_a_google_tsv(shop: Path) -> None:
    text = (
        "id\ttitle\tlink\timage link\tprice\tproduct highlight\tproduct detail\n"
        f'1\tSofa\t{AT}p\ta.jpg\t9 EUR\t"Deep seat","Oak legs"\t'
        "General:Seat height:45 cm,General:Legs:Oak\n"
        f'2\tLamp\t{AT}q\tb.jpg\t9 EUR\t"Warm\tlight"\t\n'
        f'3\tRug\t{AT}r\tc.jpg\t9 EUR\t"Soft",\t"broken\tx\n'
    )
    items = read(shop, "google.tsv", text)
    sofa, lamp = (row.product for row in rows_of(items))
    assert (sofa.attributes["seat_height_cm"], sofa.attributes["legs"]) == (45.0, "Oak")
    assert lamp.title == "Lamp"
    (broken,) = set_aside_of(items)
    assert broken.line == 4


def test_a_category_between_its_main_and_its_sub_category(shop: Path) -> None:
    text = (
        "sku;label;mainCategory;category;subCategory;price1;currencyAbbr;stockAmount;picture1Path\n"
        "1;Masa;Mobilya;Yemek Odası;Masalar;4999.90;TL;5;a.jpg\n"
    )
    (table,) = rows_of(read(shop, "ideasoft.csv", text))
    assert table.product.attributes["category_path"] == (
        "Mobilya",
        "Mobilya > Yemek Odası",
        "Mobilya > Yemek Odası > Masalar",
    )
    assert (table.product.attributes["price"], table.product.attributes["stock"]) == (4999.9, 5.0)


def test_names_in_two_rows_of_a_price_list_and_headings_among_the_ids(shop: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["Kod", "Ürün", "Ölçü (cm)", None, None, "Fiyat", "Fotoğraf", None])
    sheet.merge_cells("C1:E1")
    sheet.merge_cells("G1:H1")
    sheet.append([None, None, "En", "Boy", "Yük.", None, 1, 2])
    sheet.append(["KOLTUK GRUBU"])
    sheet.append(["K100", "Oslo", 220, 95, 85, "12.500 TL", "a.jpg", "b.jpg"])
    sheet.append(["K101"])
    book.save(shop / "liste.xlsx")
    items = list(open_feed(shop / "liste.xlsx").items())
    (row,) = rows_of(items)
    sizes = [row.product.attributes[name] for name in ("width_cm", "length_cm", "height_cm")]
    assert (sizes, len(row.images), row.line) == ([220.0, 95.0, 85.0], 2, 4)
    # What may be a product that lost the rest of its row is set aside as ever.
    assert [each.product_id for each in set_aside_of(items)] == ["K101"]
    # Should a product be called so, it has not gone.
    kept = [each.not_gone for each in items if isinstance(each, FeedNote) and each.not_gone]
    assert kept == [("KOLTUK GRUBU",)]


@pytest.mark.parametrize(
    ("header", "cells", "prices"),
    [
        ("Liste Fiyatı\tSatış Fiyatı\tİndirimli Fiyat", "2499\t1999\t1499", (2499, 1499)),
        ("İndirimli Fiyat\tSatış Fiyatı\tListe Fiyatı", "1999\t1499\t2499", (2499, 1499)),
        ("list_price\tstandard_price", "200\t150", (200, 150)),
        ("list_price\tstandard_price", "\t150", (150, None)),
        ("Taksit Fiyatı\tPeşin Fiyat", "200 TL\t1500 TL", (1500, None)),
        ("Taksit Fiyatı", "200 TL", (None, None)),
        ("Fiyat 1\tFiyat 2", "200\t150", (200, None)),
        ("Toptan Fiyat\tPerakende Fiyat", "90\t180", (180, None)),
        ("Variant price", "200", (200, None)),
        ("Regular price\tFinal price", "200\t180", (200, 180)),
        ("Liste Fiyatı", "200", (200, None)),
    ],
)
def test_which_of_several_prices_is_the_price(
    read_feed: ReadFeed, header: str, cells: str, prices: tuple[float | None, ...]
) -> None:
    items = read_feed("a.tsv", f"Kod\tAd\tFoto\t{header}\nK\tMasa\ta.jpg\t{cells}\n")
    attributes = rows_of(items)[0].product.attributes
    assert (attributes.get("price"), attributes.get("sale_price")) == prices
    assert "toptan_fiyat" not in attributes


@pytest.mark.parametrize(
    ("cells", "prices"),
    [
        (["1.251", "1.300", "99.90"], [1251, 1300, 99.9]),
        (["1.251", "0.300", "99.905"], [1.251, 0.3, 99.905]),
        (["1,251", "1,300", "99.90"], [1251, 1300, 99.9]),
        (["1.251", "1.300,50", "99,90"], [1251, 1300.5, 99.9]),
    ],
)
def test_prices_have_no_three_decimals_where_others_have_two(
    read_feed: ReadFeed, cells: list[str], prices: list[float]
) -> None:
    lines = "".join(f"K{n}\tMasa\ta.jpg\t{cell}\n" for n, cell in enumerate(cells))
    items = read_feed("a.tsv", f"Kod\tAd\tFoto\tFiyat\n{lines}")
    assert [row.product.attributes["price"] for row in rows_of(items)] == prices
    told = [item.text for item in items if isinstance(item, FeedNote) and "thousands" in item.text]
    assert bool(told) == (cells[2] == "99.90" and "." in cells[0])


def test_units_of_amazons_sizes_and_a_status_of_false(read_feed: ReadFeed) -> None:
    names = "item_width_side_to_side\titem_width_unit_of_measure\tstatus"
    head = f"sku\titem_name\tmain_image_url\t{names}\n"
    rows = "K\tDesk\ta.jpg\t20\tIN\ttrue\nL\tX\ta.jpg\t9\tIN\tfalse\n"
    items = read_feed("a.tsv", f"{head}{rows}")
    (row,) = rows_of(items)
    assert row.product.attributes == {"width_cm": 50.8}


@pytest.mark.parametrize(
    ("code", "unit", "told"),
    [
        ("", "TL", ("7", {"price": 99.9, "currency": "TRY"})),
        ("<kod>S</kod>", "USD", ("S", {"price": 99.9, "currency": "USD", "id_2": 7.0})),
        ("", "adet", ("7", {"price": 99.9, "fiyat_birim": "adet"})),
    ],
)
def test_attributes_of_xml_tell_the_id_and_the_currency(
    read_feed: ReadFeed, code: str, unit: str, told: tuple[str, dict[str, Any]]
) -> None:
    product = f'{code}<ad>Masa</ad><fiyat birim="{unit}">99,90</fiyat><resim>a.jpg</resim>'
    text = f'<urunler><urun id="7">{product}</urun></urunler>'
    (row,) = rows_of(read_feed("a.xml", text))
    assert (row.product.id, row.product.attributes) == told


@pytest.mark.parametrize("cells", [["20,24", "20"], ["20,24", "Ev"], ["", ""]])
def test_numbers_of_categories_are_left_out_and_told(read_feed: ReadFeed, cells: list[str]) -> None:
    lines = "".join(f"K{n}\tMasa\ta.jpg\t{cell}\n" for n, cell in enumerate(cells))
    items = read_feed("a.tsv", f"Kod\tAd\tFoto\tcategories\n{lines}")
    assert "categories" not in rows_of(items)[0].product.attributes
    told = [item.text for item in items if isinstance(item, FeedNote) and "numbers of" in item.text]
    assert len(told) == (cells == ["20,24", "20"])


def test_a_surcharge_of_a_variant_is_added_to_the_products_price(read_feed: ReadFeed) -> None:
    text = (
        "handleId,fieldType,name,productImageUrl,sku,price,surcharge,discountMode,discountValue,"
        "productOptionName1,productOptionDescription1\n"
        "p1,Product,Sofa,a.jpg,W1,100,,AMOUNT,20,Size,S;L\n"
        "p1,Variant,,,W1-S,,0,,,,S\np1,Variant,,,W1-L,,25.50,,,,L\n"
    )
    (sofa,) = rows_of(read_feed("a.csv", text))
    assert (sofa.product.attributes["price"], sofa.product.attributes["sale_price"]) == (100, 80)
    costs = [
        (each.attributes["price"], each.attributes["sale_price"]) for each in sofa.product.variants
    ]
    assert costs == [(100, 80), (125.5, 105.5)]
    items = read_feed("b.csv", text.replace("25.50", "-85"))
    (sofa,) = rows_of(items)
    assert (sofa.product.attributes["price"], sofa.product.variants[1].attributes) == (100, {})
    assert [(each.column, each.reason) for each in set_aside_of(items)] == [
        ("surcharge", "A variant that costs -85 more than its product would have no price.")
    ]


def test_rows_of_one_card_of_ticimax_are_one_product(read_feed: ReadFeed) -> None:
    header = "URUNKARTIID;URUNID;STOKKODU;BARKOD;URUNADI;SATISFIYATI;PARABIRIMI;RESIM1;RENK\n"
    grey = "7;71;KLT-G;869001;Koltuk;9.999,00;TL;a.jpg;Gri\n"
    beige = "7;72;KLT-B;869002;Koltuk;9.499,00;TL;b.jpg;Bej\n"
    sofa, desk = rows_of(
        read_feed("a.csv", f"{header}{grey}{beige}8;81;M;3;Masa;99,00;TL;c.jpg;\n")
    )
    assert (sofa.product.id, sofa.product.attributes["price"]) == ("7", 9499.0)
    assert [(each.id, each.color) for each in sofa.product.variants] == [
        ("KLT-G", "Gri"),
        ("KLT-B", "Bej"),
    ]
    assert (desk.product.id, desk.product.attributes["sku"]) == ("8", "M")
    # A day on which every card has one row.
    (alone,) = rows_of(read_feed("b.csv", header + grey))
    assert alone.product.id == "7"
    # 0 is no card, as none is.
    for none in ("0", ""):
        apart = "9;91;A;4;Raf;9,00;TL;a.jpg;\n9;92;B;5;Raf;9,00;TL;b.jpg;\n"
        apart += f"{none};93;C;6;Puf;9,00;TL;b.jpg;\n{none};94;D;7;Dolap;9,00;TL;c.jpg;\n"
        ids = [row.product.id for row in rows_of(read_feed("c.csv", header + apart))]
        assert ids == ["9", "C", "D"]
    items = read_feed("d.csv", f"{header}{grey}7;95;E;8;Masa;9,00;TL;c.jpg;\n")
    told = [item.text for item in items if isinstance(item, FeedNote)]
    assert sum("titles have no word in common ('7')" in each for each in told) == 1
    alike = read_feed("e.csv", header + grey + beige)
    assert not any("no word" in item.text for item in alike if isinstance(item, FeedNote))


WIX_DISCOUNTS = """\
handleId,fieldType,name,productImageUrl,sku,price,discountMode,discountValue
p1,Product,Sofa,a.jpg,W1,100,PERCENT,20
p2,Product,Chair,a.jpg,W2,100,AMOUNT,30.5
p3,Product,Desk,a.jpg,W3,100,PERCENT,0
p4,Product,Bed,a.jpg,W4,100,AMOUNT,100
p5,Product,Lamp,a.jpg,W5,100,PERCENT,a lot
"""
SQUARESPACE_SALES = """\
Title,Product ID [Non Editable],Variant ID [Non Editable],SKU,Price,Sale Price,On Sale,\
Hosted Image URLs
Sofa,p1,v1,S1,100,80,Yes,a.jpg
Chair,p2,v2,S2,100,80,No,a.jpg
"""


@pytest.mark.parametrize(
    ("text", "reduced", "problems"),
    [(WIX_DISCOUNTS, [80, 69.5, None, None, None], 1), (SQUARESPACE_SALES, [80, None], 0)],
    ids=["Wix", "Squarespace"],
)
def test_a_discount_makes_the_sale_price_and_on_sale_says_whether_there_is_one(
    read_feed: ReadFeed, text: str, reduced: list[float | None], problems: int
) -> None:
    items = read_feed("a.csv", text)
    products = [row.product for row in rows_of(items)]
    assert [each.attributes["price"] for each in products] == [100] * len(reduced)
    assert [each.attributes.get("sale_price") for each in products] == reduced
    assert len(set_aside_of(items)) == problems


def test_n11_tells_its_products_and_forms_and_no_feed_what_the_shop_pays(
    read_feed: ReadFeed,
) -> None:
    forms = "".join(
        f"<stockItem><sellerStockCode>N-{colour}</sellerStockCode><quantity>3</quantity>"
        f"<optionPrice>{price}</optionPrice><attributes><attribute><name>Renk</name><value>{colour}"
        "</value></attribute></attributes></stockItem>"
        for colour, price in (("Gri", "999.90"), ("Bej", "1099.90"))
    )
    text = (
        "<products>"
        + "".join(
            f"<product><productSellerCode>N{n}</productSellerCode><title>Koltuk {n}</title>"
            f"<category><id>{n + 9}</id><fullName>Mobilya &gt; Koltuk</fullName></category>"
            "<price>999.90</price><buyingPrice>500.00</buyingPrice>"
            f"<images><image><url>a.jpg</url></image></images><stockItems>{forms}</stockItems>"
            "</product>"
            for n in (1, 2)
        )
        + "</products>"
    )
    first, _ = (row.product for row in rows_of(read_feed("n11.xml", text)))
    assert (first.id, first.category, first.attributes["price"]) == ("N1", "Koltuk", 999.9)
    assert [(each.id, each.color, each.attributes["price"]) for each in first.variants] == [
        ("N-Gri", "Gri", 999.9),
        ("N-Bej", "Bej", 1099.9),
    ]
    assert "buyingprice" not in first.attributes


BIGCOMMERCE = """\
Item,ID,Name,Type,SKU,Options,Current Stock,Price,Sale Price,Description,Is Visible,\
Image URL (Import)
Product,111,Oslo Sofa,physical,OS,,0,999,899,<p>Soft</p>,TRUE,
Variant,77,,,OS-G,Type=Swatch|Name=Color|Value=Grey[#888888],3,,,,,
Variant,78,,,OS-R,Type=Swatch|Name=Color|Value=Red[#ff0000];Type=X|Name=Size|Value=L,2,1049,,,,
Image,901,,,,,,,,,,a.jpg
Image,902,,,,,,,,,,b.jpg
"""
BIGCOMMERCE_V2 = """\
Item Type,Product ID,Product Name,Product Code/SKU,Product Description,Price,Sale Price,\
Product Visible?,Current Stock Level,Product Image File - 1,Product Image File - 2
Product,111,Oslo Sofa,OS,<p>Soft</p>,999.00,899.00,Y,5,a.jpg,b.jpg
  SKU,21,[CS]Color=Grey:#888888,OS-G,,,,,3,,
  SKU,22,"[CS]Color=Red:#ff0000,[RB]Size=L",OS-R,,,,,2,,
  Rule,31,[RB]Size=L,,,[ADD]50,,,,,
"""


def test_rows_above_every_product_and_products_that_come_twice_are_told(
    read_feed: ReadFeed,
) -> None:
    head, _, rows = BIGCOMMERCE.partition("(Import)\n")
    twice = "Product,111,Chair,physical,CH,,0,10,,,TRUE,a.jpg\nVariant,79,,,OS-G,,9,10,,,,\n"
    items = read_feed("a.csv", f"{head}(Import)\nImage,901,,,,,,,,,,a.jpg\n{rows}{twice}")
    (sofa,) = rows_of(items)
    assert (sofa.product.title, sofa.product.attributes["price"]) == ("Oslo Sofa", 999)
    assert sofa.product.attributes["stock"] == 5
    told = [item.text for item in items if isinstance(item, FeedNote)]
    assert any("stands above every product (line 2), and was left out" in each for each in told)
    assert any("has the id of another one above (line 8)" in each for each in told)
    items = read_feed("b.csv", f"{BIGCOMMERCE}Variant,79,,,OS-G,,9,10,,,,\n")
    (sofa,) = rows_of(items)
    assert (sofa.product.attributes["price"], sofa.product.attributes["stock"]) == (999, 5)
    assert "is there twice" in set_aside_of(items)[0].reason


@pytest.mark.parametrize(
    ("text", "costs", "rules"),
    [(BIGCOMMERCE, [999, 1049], 0), (BIGCOMMERCE_V2, [None, None], 1)],
    ids=["BigCommerce", "former headers"],
)
def test_rows_of_forms_and_photos_are_of_the_product_above_them(
    read_feed: ReadFeed, text: str, costs: list[float | None], rules: int
) -> None:
    items = read_feed("a.csv", text)
    assert set_aside_of(items) == []
    (row,) = rows_of(items)
    sofa = row.product
    assert (sofa.id, sofa.title, sofa.attributes["price"]) == ("111", "Oslo Sofa", 999)
    assert (sofa.attributes["sale_price"], len(row.images)) == (899, 2)
    assert [
        (each.id, dict(each.options), each.attributes.get("price")) for each in sofa.variants
    ] == [
        ("OS-G", {"Color": "Grey"}, costs[0]),
        ("OS-R", {"Color": "Red", "Size": "L"}, costs[1]),
    ]
    told = [item for item in items if isinstance(item, FeedNote) and "by a rule" in item.text]
    assert len(told) == rules
