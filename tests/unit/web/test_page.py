"""The shopper's page without a server: addresses, filters, languages, words, reasons."""

import tomllib
from collections.abc import Mapping
from dataclasses import replace
from importlib.resources import files
from typing import Any
from urllib.parse import parse_qsl

import pytest

from furniture_prompter.domain import Query
from furniture_prompter.domain.query import Crop, LookedAt, Piece
from furniture_prompter.search.understood import PHOTOS_COLOUR, hear
from furniture_prompter.web.page import View
from furniture_prompter.web.page_address import (
    LANGUAGES,
    Asked,
    crop_of,
    facet_columns,
    number_of,
    where_of,
    xywh,
)
from furniture_prompter.web.page_products import facts_of, is_sold_out, product_card, size_of
from furniture_prompter.web.page_words import Words, language_of

COLUMNS = {
    "category": "text",
    "category_tr": "text",
    "base_colors": "texts",
    "price": "number",
    "width_cm": "number",
    "on_sale": "boolean",
}
HASH = "0a" * 32


def test_an_address_says_all_that_it_was_made_of() -> None:
    asked = Asked(
        words="oak & ash",
        photo=HASH,
        crop=Crop(0.1, 0.2, 0.5, 0.25),
        weight=0.7,
        without="metal",
        lift=("under 90 cm",),
        literal=True,
        chosen={"price": ("19..<89",), "base_colors": ("white", "black")},
        sort="-price",
        page=3,
        lang="tr",
    )
    address = asked.address(page=3)
    assert Asked.of(parse_qsl(address.removeprefix("?"))) == asked
    assert "xywh=percent%3A10%2C20%2C50%2C25" in address


def test_what_cannot_be_read_of_an_address_is_as_if_left_out() -> None:
    items = [
        ("photo", "../../etc"),
        ("xywh", "percent:0,0,abc,1"),
        ("weight", "NaN"),
        ("page", "-1"),
        ("sort", "title"),
        ("lang", "xx"),
        ("f.", "x"),
        ("q", "x" * 5_001),
        ("unknown", "y"),
        ("file", "chair.jpg"),
    ]
    assert Asked.of(items) == Asked()
    assert Asked().address() == "./"


def test_a_change_of_what_is_asked_begins_with_the_first_page() -> None:
    asked = Asked(words="chair", cursor="abc", page=4)
    assert asked.address(sort="price") == "?q=chair&sort=price"


def test_a_value_that_is_chosen_again_is_given_up() -> None:
    asked = Asked(words="chair", chosen={"base_colors": ("white",)})
    assert asked.chosen_with("base_colors", "black") == {"base_colors": ("white", "black")}
    assert asked.chosen_with("base_colors", "white") == {}


@pytest.mark.parametrize(
    ("text", "crop"),
    [
        ("percent:10,20,50,60", Crop(0.1, 0.2, 0.5, 0.6)),
        ("percent:60,0,80,100", Crop(0.6, 0.0, 0.4, 1.0)),
        ("percent:0,0,100,100", None),
        ("percent:100,0,10,10", None),
        ("percent:0,0,0,10", None),
        ("0,0", None),
    ],
)
def test_a_part_of_a_photo_is_read_as_media_fragments_have_it(text: str, crop: Crop | None) -> None:
    assert crop_of(text) == crop
    if crop is not None:
        assert crop_of(xywh(crop)) == crop


def test_chosen_values_are_a_filter_of_one_of_each_columns() -> None:
    chosen = {
        "category": ("children's chair",),
        "base_colors": ("white", "black"),
        "price": ("19..<89", "200.."),
        "on_sale": ("true",),
        "gone": ("x",),
    }
    assert where_of(chosen, COLUMNS) == (
        "(`category` = 'children''s chair') and "
        "(`base_colors` contains 'white' or `base_colors` contains 'black') and "
        "((`price` >= 19 and `price` < 89) or (`price` >= 200)) and (`on_sale`)"
    )
    assert where_of({"price": ("a..b", "..", "1;2")}, COLUMNS) is None
    assert where_of({"price": ("1..2",)}, COLUMNS, leave_out="price") is None


def test_fields_for_the_ends_of_a_range_are_one_value() -> None:
    asked = Asked.of([("min.price", "10"), ("max.price", ""), ("max.width_cm", "x")])
    assert asked.chosen == {"price": ("10..",)}
    assert list(asked.unread) == ["width_cm"]


@pytest.mark.parametrize(
    ("typed", "language", "number"),
    [
        ("10.000", "tr", "10000"),
        ("10.000,50", "tr", "10000.50"),
        ("10 000", "tr", "10000"),
        ("10.50", "tr", "10.50"),
        ("99,9 cm", "tr", "99.9"),
        ("1.200 TL", "tr", "1200"),
        ("1,200", "en", "1200"),
        ("1,200.5", "en", "1200.5"),
        ("€ 10 000", "en", "10000"),
        ("10,50", "en", "10.50"),
        ("12'000", "en", "12000"),
        ("80", "en", "80"),
        ("1,20,000", "en", ""),
        ("1.2.3", "tr", ""),
        ("about ten", "en", ""),
        ("1" * 13, "en", ""),
    ],
)
def test_numbers_are_read_as_the_language_writes_them(
    typed: str, language: str, number: str
) -> None:
    assert number_of(typed, language) == number


def test_an_end_that_is_no_number_is_kept_to_be_mended_and_the_other_counts() -> None:
    asked = Asked.of([("q", "masa"), ("min.price", "10.000"), ("max.price", "çok")], "tr")
    assert asked.chosen == {"price": ("10000..",)}
    assert asked.unread == {"price": ("10.000", "çok")}
    assert asked.address() == "?q=masa&f.price=10000.."


def test_kinds_are_counted_in_the_pages_language_where_the_feed_has_it() -> None:
    assert facet_columns(COLUMNS, "en") == [
        "category",
        "price",
        "base_colors",
        "width_cm",
        "on_sale",
    ]
    assert facet_columns(COLUMNS, "tr")[0] == "category_tr"
    # As many as one query counts: what stands last gives way.
    every = {**dict.fromkeys(("category", "base_materials", "room", "style"), "text")}
    every |= {**COLUMNS, "base_materials": "texts", "availability": "text"}
    every |= {"height_cm": "number", "depth_cm": "number"}
    assert facet_columns(every, "en")[-2:] == ["availability", "depth_cm"]
    assert len(facet_columns(every, "en")) == 10
    assert Words("tr").column("category_tr") == "Kategori"


@pytest.mark.parametrize(
    ("asked", "accepted", "language"),
    [
        ("", "", "en"),
        ("", "de-DE,tr;q=0.8,en;q=0.5", "tr"),
        ("", "en;q=0.5, tr-TR", "tr"),
        ("", "tr;q=abc", "tr"),
        ("en", "tr", "en"),
        ("xx", "*", "en"),
    ],
)
def test_the_language_is_the_one_asked_for_or_the_likeliest(
    asked: str, accepted: str, language: str
) -> None:
    assert language_of(asked, accepted) == language


def test_every_language_has_the_same_sentences_with_the_same_places() -> None:
    texts: dict[str, Any] = tomllib.loads(
        files("furniture_prompter.web").joinpath("templates", "words.toml").read_text("utf-8")
    )
    assert tuple(texts) == LANGUAGES
    first, *others = texts.values()
    for other in others:
        assert list(other) == list(first)
        assert list(other["columns"]) == list(first["columns"])
        for name, text in first.items():
            if isinstance(text, str):
                places = {each.partition("}")[0] for each in text.split("{")[1:]}
                assert places == {each.partition("}")[0] for each in other[name].split("{")[1:]}


def test_every_base_colour_has_a_swatch_and_a_word() -> None:
    folder = files("furniture_prompter")
    colours = tomllib.loads(folder.joinpath("feeds/values/colors.toml").read_text("utf-8"))
    style = folder.joinpath("web/static/page.css").read_text("utf-8")
    for name in colours:
        if name != "none":
            assert f".swatch-{name} {{" in style
            assert Words("tr").value(name) != name


def product(**further: Any) -> dict[str, Any]:
    return {
        "id": "a/b c",
        "title": "Oak chair",
        "category": "chair",
        "color": "brown",
        "description": "",
        "tags": [],
        "variants": [],
        **further,
    }


def test_a_card_says_price_and_size_as_the_language_writes_them() -> None:
    told = product(price=1299.5, currency="EUR", width_cm=45.5, depth_cm=50, height_cm=80)
    assert product_card(told, None, Words("en"))["price"] == "€1,299.50"
    card = product_card(told, None, Words("tr"))
    assert (card["price"], card["size"]) == ("€1.299,50", "45,5 × 50 × 80 cm")
    assert card["href"] == "products/a%2Fb%20c"
    assert size_of({"width_cm": 60}, Words("en")) == "Width 60 cm"
    long = {"height_cm": 75, "width_cm": 90, "length_cm": 180, "depth_cm": None}
    assert size_of(long, Words("en")) == "180 × 90 × 75 cm"
    assert (
        size_of({"length_cm": 180, "width_cm": 90}, Words("tr")) == "Uzunluk 180 cm, Genişlik 90 cm"
    )
    assert size_of({"height_cm": 75, "diameter_cm": 90}, Words("en")) == "Ø 90 × 75 cm"
    assert size_of({"diameter_cm": 90}, Words("en")) == "Ø 90 cm"
    stocked = dict(
        facts_of(product(length_cm=180, availability="out of stock", stock=0), Words("tr"))
    )
    assert stocked["Uzunluk"] == "180 cm"
    assert (stocked["Stok durumu"], stocked["Stok adedi"]) == ("tükendi", "0")


def test_a_lower_price_stands_before_the_one_that_was() -> None:
    card = product_card(product(price=100, sale_price=80, currency="CHF"), None, Words("en"))
    assert (card["price"], card["was"]) == ("80 CHF", "100 CHF")


def test_a_product_is_sold_out_where_all_its_variants_are() -> None:
    assert is_sold_out(product(availability="out of stock"))
    assert is_sold_out(product(stock=0.0))
    assert not is_sold_out(product(stock=0.0, availability="preorder"))
    assert not is_sold_out(product())
    gone = {"id": "v1", "options": {}, "price": 50.0, "availability": "out of stock"}
    here = {"id": "v2", "options": {}, "price": 80.0, "sale_price": 70.0, "stock": 2.0}
    some = product(variants=[gone, here], price=50.0, sale_price=40.0, currency="EUR")
    assert is_sold_out(some, gone)
    assert not is_sold_out(some)
    card = product_card(some, None, Words("en"))
    assert (card["price"], card["was"], card["from"], card["sold"]) == ("€70", "€80", True, False)
    assert ("Availability", "Some versions are sold out") in facts_of(some, Words("en"))
    none = product(variants=[gone, {**here, "stock": 0.0}], price=50.0, currency="EUR")
    card = product_card(none, gone, Words("tr"))
    assert (card["price"], card["sold"]) == ("€50", True)


def test_facts_leave_out_what_is_said_already() -> None:
    told = product(title_tr="Meşe sandalye", width_cm=40, base_colors=["brown"], currency="EUR")
    assert facts_of(told, Words("tr")) == [
        ("Kategori", "chair"),
        ("Renk", "kahverengi"),
        ("Genişlik", "40 cm"),
    ]


def view(
    asked: Asked, strengths: Mapping[int, Mapping[str, float]] | None = None, **answer: Any
) -> View:
    told: Any = {"hits": [], "understood": [], "notes": [], "did_you_mean": None, "cursor": None}
    told.update(answer)
    return View(asked, Words("en"), COLUMNS, told, strengths or {})


UNDER = {
    "text": "under 50 cm",
    "column": "width_cm",
    "op": "<",
    "value": 50.0,
    "currency": None,
    "as": "filter",
}
OAK = {**UNDER, "text": "oak", "column": "base_materials", "op": "contains", "value": "oak"}


def test_reasons_are_words_and_no_scores() -> None:
    far = {1: {"keyword": 4.0, "prompt-photo": 4.2, "prompt-text": 3.1}}
    shown = view(Asked(words="oak chairs under 50 cm 40"), far, understood=[OAK, UNDER])
    hit: Any = {
        "rank": 1,
        "product": product(base_materials=["oak"], width_cm=45),
        "matched": ["keyword", "prompt-photo", "prompt-text", "attribute"],
        "variant": None,
        "photo": "/v1/images/abc",
        "score": 4.47,
    }
    assert shown.card(hit)["why"] == ["Material: oak", "Width: under 50 cm", "Says chairs"]
    hit["product"]["width_cm"] = 60
    assert shown.card(hit)["why"] == ["Material: oak", "Says chairs", "Looks like your words"]


def test_a_hit_whose_code_was_asked_for_says_so() -> None:
    hit = found(["keyword", "prompt-text"])
    far = {1: {"keyword": 16.0, "prompt-text": 9.0}}
    assert view(Asked(words="FM-2276"), far).card(hit)["why"] == ["Its code was asked for"]


@pytest.mark.parametrize(
    ("language", "column", "text", "told"),
    [
        ("tr", "width_cm", "en fazla 200 cm genişliğinde", "en fazla 200 cm genişliğinde"),
        ("tr", "price", "fiyatı 25 bin lirayı geçmesin", "fiyatı 25 bin lirayı geçmesin"),
        ("tr", "height_cm", "yüksekliği 80 cm", "yüksekliği 80 cm"),
        ("tr", "width_cm", "200 cm altı", "Genişlik: 200 cm altı"),
        ("en", "height_cm", "80 cm tall", "80 cm tall"),
        ("en", "price", "cheaper than 300", "cheaper than 300"),
        ("en", "depth_cm", "80 cm wide", "Depth: 80 cm wide"),
    ],
)
def test_a_chip_does_not_repeat_what_it_is_of(
    language: str, column: str, text: str, told: str
) -> None:
    answer: Any = {"hits": [], "understood": [{**UNDER, "column": column, "text": text}]}
    (chip,) = View(Asked(words="x"), Words(language), COLUMNS, answer).chips
    assert chip["text"] == told


@pytest.mark.parametrize(
    ("title", "words", "told"),
    [
        ("Chair in oak with arms", "a chair with arms in oak", "chair, arms, oak"),
        (
            "Masa ve sandalye seti, bahçe için",
            "bahçe için masa ve sandalye",
            "bahçe, masa, sandalye",
        ),
        ("Sandalye İÇİN minder", "Sandalye İÇİN kılıf ile", "sandalye"),
        ("Table with drawers", "lamp with that", ""),
    ],
)
def test_words_that_say_nothing_of_a_piece_are_no_reason(title: str, words: str, told: str) -> None:
    shown = view(Asked(words=words), {1: {"keyword": 4.0}})
    hit = found(["keyword"])
    hit["product"] = product(title=title, category="", color="")
    assert shown.card(hit)["why"] == ([f"Says {told}"] if told else [])


@pytest.mark.parametrize("asked", [Asked(photo=HASH), Asked(like="p1")])
def test_likeness_is_no_reason_where_nothing_is_close(asked: Asked) -> None:
    hit = found(["photo"])
    assert view(asked, hits=[hit], close=True).card(hit)["why"] != []
    assert view(asked, hits=[hit], close=False).card(hit)["why"] == []


def test_a_word_in_common_is_no_reason_where_nothing_is_close() -> None:
    hit = found(["keyword", "prompt-photo"])
    hit["product"] = product(title="Oak chair", width_cm=45)
    far = {1: {"keyword": 4.0, "prompt-photo": 4.0}}
    asked = Asked(words="oak dishwasher")
    assert view(asked, far, hits=[hit]).card(hit)["why"] == ["Says oak", "Looks like your words"]
    assert view(asked, far, hits=[hit], close=False).card(hit)["why"] == []
    # What a limit says of a product is so however far it is.
    limited = view(asked, far, hits=[hit], close=False, understood=[UNDER])
    assert limited.card(hit)["why"] == ["Width: under 50 cm"]


@pytest.mark.parametrize(
    ("language", "cut", "turned", "chip", "other"),
    [
        (
            "en",
            "Only the picture within your photo was searched.",
            "Your photo was turned upright (90° clockwise).",
            "the whole photo, as it is",
            "not the photo's colour",
        ),
        (
            "tr",
            "Fotoğrafınızın yalnızca içindeki görsel arandı.",
            "Fotoğrafınız dik duracak biçimde döndürüldü (saat yönünde 90°).",
            "fotoğrafın tümü, olduğu gibi",
            "fotoğraftaki renk olmasın",
        ),
    ],
)
def test_what_was_done_to_a_photo_is_told_and_can_be_undone(
    language: str, cut: str, turned: str, chip: str, other: str
) -> None:
    away = {**UNDER, "text": "başka renkte", "column": None, "op": "contains"}
    away |= {"value": PHOTOS_COLOUR, "as": "without"}
    told: Any = {"hits": [], "understood": [away], "notes": [], "did_you_mean": None}
    box = Crop(0.1, 0.1, 0.8, 0.8)
    pieces = [Piece(Crop(0.0, 0.0, 0.5, 1.0), 0.9, "couch"), Piece(box, 0.8, "unheard of")]

    def shown(asked: Asked, looked_at: LookedAt | None) -> View:
        return View(asked, Words(language), COLUMNS, told, {}, looked_at, pieces)

    asked = Asked(words="başka renkte", photo=HASH)
    assert shown(asked, None).looked == []
    assert shown(asked, LookedAt(box)).looked == [cut]
    assert [shown(asked, each).is_cut for each in (LookedAt(box), LookedAt(None, 90))] == [
        *(True, False)
    ]
    assert shown(asked, LookedAt(box, 90)).looked == [cut, turned]
    assert [each["text"] for each in shown(asked, None).chips] == [other]
    found = shown(asked, None).pieces
    assert found[0]["kind"] == ("couch" if language == "en" else "kanepe")
    assert [each["number"] for each in found] == [1, 2]
    assert found[0]["box"] == "0,0,50,100"
    assert "xywh=percent%3A0%2C0%2C50%2C100" in found[0]["href"]
    # The one that is searched is marked, and its link leads back to the whole photo.
    chosen = shown(replace(asked, crop=box), None).pieces
    assert [each["chosen"] for each in chosen] == [False, True]
    assert chosen[1]["href"] == asked.address()
    whole = Asked.of(parse_qsl(asked.address(whole=True).removeprefix("?")))
    assert whole == replace(asked, whole=True)
    (undo,) = [each for each in shown(whole, None).chips if each["text"] == chip]
    assert undo["href"] == asked.address()
    # Without a photo there is nothing to be left whole.
    assert "whole" not in Asked(words="chair", whole=True).address()


def test_a_limit_that_was_given_up_is_told_once() -> None:
    given_up = {**UNDER, "as": "preference"}
    notes = ["No product is “under 50 cm”: what comes nearest is shown.", "For operators."]
    shown = view(Asked(words="chair under 50 cm"), understood=[given_up], notes=notes)
    assert shown.relaxed == ["under 50 cm"]
    assert shown.ignored == []


def test_limits_without_numbers_in_the_catalog_are_told() -> None:
    heard = hear(Query(prompt="oak chair under 50 cm, 3 kg or less"), {"category": "text"})
    assert view(Asked(words="x"), notes=list(heard.notes)).ignored == [
        ", ".join(f"“{part}”" for part in ("under 50 cm", "3 kg or less"))
    ]


def found(matched: list[str], rank: int = 1) -> Any:
    return {"rank": rank, "product": product(), "matched": matched, "variant": None, "photo": "/p"}


@pytest.mark.parametrize(
    ("far", "why"),
    [
        (
            {"prompt-photo": 3.6, "prompt-text": 3.2},
            ["Looks like your words", "Described that way"],
        ),
        ({"prompt-photo": 3.6, "prompt-text": 2.0}, ["Looks like your words"]),
        ({"prompt-photo": 3.2, "prompt-text": 5.0}, []),
        ({"prompt-photo": 1.2, "prompt-text": 3.2, "keyword": 1.0}, ["Described that way"]),
        ({}, []),
    ],
)
def test_only_what_stands_out_is_a_reason(far: dict[str, float], why: list[str]) -> None:
    hit = found(["prompt-photo", "prompt-text"])
    shown = view(Asked(words="zzz"), {1: far}, hits=[hit])
    assert shown.card(hit)["why"] == why
    assert shown.matches_nothing == (not why)


def test_nothing_close_is_said_of_photos_too_and_decides() -> None:
    hit = found(["photo"])
    shown = view(Asked(words="zzz", photo=HASH), hits=[hit], close=False)
    assert shown.nothing_close
    assert not shown.matches_nothing
    assert not view(Asked(words="zzz"), hits=[hit], close=True).matches_nothing
    assert not view(Asked(words="zzz", cursor="x"), hits=[hit], close=False).nothing_close


def test_nothing_matching_is_said_of_words_alone() -> None:
    hit = found(["prompt-photo"])
    assert view(Asked(words="zzz"), hits=[hit]).matches_nothing
    assert not view(Asked(words="zzz"), hits=[]).matches_nothing
    assert not view(Asked(words="zzz", photo=HASH), hits=[hit]).matches_nothing
    assert not view(Asked(words="zzz", cursor="x"), hits=[hit]).matches_nothing
    # A word that stands in a description is a match that the card has no room to show.
    assert not view(Asked(words="zzz"), hits=[hit, found(["keyword"], 2)]).matches_nothing


def test_chips_lead_to_the_address_without_them() -> None:
    asked = Asked(
        words="chair", without="metal", lift=("oak",), chosen={"price": ("10..<20",)}, literal=True
    )
    chips = view(asked, understood=[UNDER]).chips
    assert [chip["text"] for chip in chips] == [
        "Width: under 50 cm",
        "every word as written",
        "“oak” as a word",
        "not metal",
        "Price: 10 – 20",
    ]
    left_out = ["literal=", "lift=oak", "without=", "f.price="]
    assert "lift=under+50+cm" in chips[0]["href"]
    for chip, gone in zip(chips[1:], left_out, strict=True):
        assert gone not in chip["href"]


def test_kinds_are_a_tree_that_opens_where_it_is_chosen() -> None:
    counts = [
        {"value": "Sofas", "count": 9},
        {"value": "Sofas > Corner", "count": 4},
        {"value": "Tables", "count": 3},
        {"value": "Tables > Coffee", "count": 2},
    ]
    asked = Asked(words="x", chosen={"category_path": ("Sofas",)})
    (facet,) = view(asked).facets({"category_path": counts})
    assert [(each["text"], each["depth"], each["on"]) for each in facet["values"]] == [
        ("Sofas", 0, True),
        ("Corner", 1, False),
        ("Tables", 0, False),
    ]


def test_values_are_in_the_order_of_what_the_hits_have_then_by_count() -> None:
    hits = [found(["keyword"], rank) for rank in (1, 2, 3)]
    for hit, colour in zip(hits, ("red", "blue", "blue"), strict=True):
        hit["product"] = product(category="", base_colors=[colour])
    counted: dict[str, Any] = {
        "category": [{"value": "sofa", "count": 9}, {"value": "table", "count": 8}],
        "base_colors": [
            {"value": name, "count": 50 - place}
            for place, name in enumerate(
                ("green", "grey", "white", "black", "pink", "beige", "gold", "silver", "brown")
            )
        ],
        "on_sale": [{"value": True, "count": 3}],
        "width_cm": [{"from": 1.0, "to": 9.0, "count": 2}, {"from": 9.0, "to": 20.0, "count": 2}],
    }
    counted["base_colors"] += [{"value": "red", "count": 2}, {"value": "blue", "count": 1}]
    colours, kinds, width = view(Asked(words="x"), hits=hits).facets(counted)
    assert [each["value"] for each in colours["values"]] == [
        *("blue", "red", "green", "grey", "white", "black", "pink", "beige")
    ]
    assert [each["value"] for each in colours["rest"]] == ["gold", "silver", "brown"]
    # No hit is a sofa or a table, or has a width: that narrows to what is not asked for.
    assert [facet["column"] for facet in (kinds, width)] == ["category", "width_cm"]
    assert [facet["open"] for facet in (colours, kinds, width)] == [True, False, False]
    # What is chosen is never folded.
    asked = Asked(words="x", chosen={"base_colors": ("silver",), "category": ("sofa",)})
    colours, kinds, _ = view(asked, hits=hits).facets(counted)
    assert [each["value"] for each in colours["rest"]] == ["brown"]
    assert kinds["open"]


def test_a_root_that_all_categories_share_is_open() -> None:
    counts = [
        {"value": "Mobilya", "count": 9},
        {"value": "Mobilya > Koltuk", "count": 5},
        {"value": "Mobilya > Koltuk > Berjer", "count": 2},
        {"value": "Mobilya > Masa", "count": 4},
    ]
    (facet,) = view(Asked(words="x")).facets({"category_path": counts})
    assert [each["text"] for each in facet["values"]] == ["Mobilya", "Koltuk", "Masa"]


def test_ranges_keep_the_one_that_was_typed() -> None:
    asked = Asked(words="x", chosen={"price": ("5..7",)})
    counts = [{"from": 1.0, "to": 10.0, "count": 2}, {"from": 10.0, "to": 30.0, "count": 2}]
    (facet,) = view(asked).facets({"price": counts})
    values = [(each["value"], each["count"], each["on"]) for each in facet["values"]]
    assert values == [("1..<10", 2, False), ("10..30", 2, False), ("5..7", None, True)]
