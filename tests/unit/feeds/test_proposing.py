"""What columns are taken for by their names and values, at the edges of each rule."""

from typing import Any

import pytest

from furniture_prompter.errors import InvalidFeedError
from furniture_prompter.feeds.column_samples import ColumnSample, sampled
from furniture_prompter.feeds.layouts import (
    UNKNOWN,
    UNKNOWN_LAYOUT,
    Layout,
    Meaning,
    Names,
    layout_named,
    recognised,
)
from furniture_prompter.feeds.mapping import decide, listed
from furniture_prompter.feeds.proposing import hidden_key, is_parent, proposed

Column = list[Any]


def rows_of(**columns: Column) -> list[dict[str, Any]]:
    length = max(map(len, columns.values()))
    return [
        {name: values[place] for name, values in columns.items() if place < len(values)}
        for place in range(length)
    ]


def roles_of(columns: dict[str, Column], **taken: str) -> dict[str, str]:
    """Role of each column, those without one left out, in the order in which they were found."""
    known = {name: Meaning(role) for name, role in taken.items()}
    found = proposed(list(columns), sampled(rows_of(**columns)), known)
    return {
        name: f"{meaning.role} {meaning.number}" if meaning.number else meaning.role
        for name, meaning in found.items()
    }


@pytest.mark.parametrize(
    ("values", "filled", "texts", "is_list"),
    [
        (["a", " b ", "", "  ", None], 2, ["a", "b"], False),
        ([[None, "", [], "x", "y"]], 1, ["x"], True),
        ([[["in", "ner"]], [[]], []], 1, ["in"], True),
        ([[[["deep"]]]], 0, [], True),
        ([0, 1.5, True], 3, ["0", "1.5", "True"], False),
    ],
)
def test_what_is_kept_of_a_column(
    values: Column, filled: int, texts: list[str], *, is_list: bool
) -> None:
    sample = ColumnSample()
    for value in values:
        sample.add(value)
    assert (sample.filled, sample.texts, sample.is_list) == (filled, texts, is_list)


def test_shares_of_a_column() -> None:
    sample = sampled(
        rows_of(
            x=["a.jpg", "//x.de/y", "https://x.de/b.png?w=1", "12,50 €", "oak", "oak", "", None]
        )
    )["x"]
    assert (sample.images, sample.addresses, sample.prices) == (2 / 6, 2 / 6, 1 / 6)
    assert (sample.currencies, sample.distinct, sample.words) == (1 / 6, 5 / 6, 5 / 6 - 2 / 6)
    blank = ColumnSample()
    assert {blank.images, blank.prices, blank.distinct, blank.words} == {0.0}


ID, TITLE, IMAGE = ["1", "2"], ["Oak chair", "Round table"], ["a.jpg", "b.jpg"]


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        # Of several the likeliest name, of those with values, ids without doubles before others.
        ({"name": TITLE, "title": TITLE}, {"title": "title"}),
        ({"title": ["", ""], "name": TITLE}, {"name": "title"}),
        ({"sku": ID, "id": ID}, {"id": "id"}),
        ({"item id": ["1", "1"], "sku": ID}, {"sku": "id"}),
        ({"item id": ["1", "1"]}, {"item id": "id"}),
        ({"item id": ["1", "1", "1"]}, {}),
        ({"id": ["1", "1", "1"]}, {"id": "id"}),
        ({"id": [["1"], ["2"], ["2"]]}, {}),
        ({"id": ["https://x.de/1", "https://x.de/1", "2", "2"]}, {}),
        ({"id": ["https://x.de/1", "2", "2"]}, {"id": "id"}),
        (
            {"item id": [*map(str, range(19)), "0"], "sku": [*map(str, range(20))]},
            {"item id": "id"},
        ),
        ({"item id": [*map(str, range(18)), "0"], "sku": [*map(str, range(19))]}, {"sku": "id"}),
        # Values have to be what the role wants.
        ({"title": ["1", "2"]}, {}),
        ({"title": ["Oak", "2"]}, {"title": "title"}),
        ({"title": ["a.jpg", "Oak"]}, {"title": "image"}),
        ({"title": [["Oak"], ["Elm"]]}, {}),
        ({"title": []}, {}),
        ({"parent": ID}, {}),
        ({"parent": ["1", "1"]}, {"parent": "parent"}),
        ({"parent": [["1"], ["1"]]}, {}),
        ({"price": ["soon", "9"]}, {"price": "price"}),
        ({"price": ["soon", "soon", "9"]}, {}),
        ({"price": ["ask", "call us", "9"]}, {"price": "price"}),
        ({"url": ["x", "https://x.de"]}, {"url": "url"}),
        ({"url": ["x", "y", "https://x.de"]}, {}),
        ({"width": ["80", "wide"]}, {"width": "width"}),
        ({"width": ["wide", "80"]}, {}),
        ({"stock": ["3", "who"]}, {"stock": "stock"}),
        ({"stock": ["3", "who", "what"]}, {}),
        ({"stock": ["yes", "no"]}, {"stock": "stock"}),
        ({"dimensions": ["Large", "80x60"]}, {"dimensions": "dimensions"}),
        ({"dimensions": ["L", "XL", "80x60"]}, {}),
        ({"category": ["1", "2"]}, {"category": "ignore"}),
        ({"category": ["1", "Sofas"]}, {"category": "category"}),
        ({"category": ["https://x.de/Sofas", "Sofas"]}, {}),
        ({"color": ["https://x.de", "red"]}, {}),
        ({"color": ["https://x.de", "red", "blue"]}, {"color": "color"}),
        ({"color": []}, {"color": "color"}),
        ({"carton width": ["80", "90"]}, {}),
        # Pictures: by name and value, other names behind them, or by value alone.
        ({"pic": IMAGE, "image": IMAGE}, {"image": "image", "pic": "image"}),
        ({"image 2": IMAGE, "image 1": IMAGE}, {"image 1": "image", "image 2": "image"}),
        ({"image": [], "pic": IMAGE}, {"pic": "image", "image": "image"}),
        ({"image": ["x", "y"], "pic": IMAGE}, {"pic": "image"}),
        ({"image": ["https://x.de/1", "https://x.de/2"]}, {"image": "image"}),
        ({"pic": ["a.jpg", "none"]}, {"pic": "image"}),
        ({"pic": ["a.jpg", "none", "none"]}, {}),
        ({"thumb": IMAGE}, {"thumb": "image"}),
        ({"thumb": IMAGE, "image": IMAGE}, {"image": "image"}),
        ({"thumb": IMAGE, "pic": IMAGE}, {"pic": "image"}),
        (
            {"images.src": [["a.jpg"]], "images.place": [[1]], "note": ["x"]},
            {"images.src": "image", "images.place": "ignore"},
        ),
        # Levels of a category, by their numbers or else by their places.
        (
            {"Sub Category": ["b"], "Main Category": ["a"]},
            {"Main Category": "category", "Sub Category": "category"},
        ),
        (
            {"Kategori 2": ["b"], "Kategori 1": ["a"]},
            {"Kategori 2": "category 2", "Kategori 1": "category 1"},
        ),
        ({"Category": ["a"], "Type": ["b"]}, {"Category": "category"}),
        ({"Category": ["a"], "Sub Category": ["b"]}, {"Category": "category"}),
        (
            {"Category": ["a"], "Sub Category": ["b"], "Alt Kategori": ["c"]},
            {"Category": "category"},
        ),
        (
            {"Kategori": ["x"], "category.name": ["a"], "category.parent.name": ["b"]},
            {"category.parent.name": "category 1", "category.name": "category 2"},
        ),
        (
            {
                "category.name": ["a"],
                "category.id": [1],
                "category.parent.name": ["b"],
                "category.parent.slug": ["c"],
            },
            {
                "category.parent.name": "category 1",
                "category.name": "category 2",
                "category.id": "ignore",
                "category.parent.slug": "ignore",
            },
        ),
        # Sizes by their unit, several in one name, and weights.
        ({"Tiefe (mm)": ["80"]}, {"Tiefe (mm)": "depth"}),
        ({"Tiefe (mm)": ["80"], "Tiefe (cm)": ["8"]}, {"Tiefe (mm)": "depth"}),
        ({"ExBxY": ["80x60x40"]}, {"ExBxY": "dimensions"}),
        ({"Gewicht (lb)": ["80"]}, {"Gewicht (lb)": "weight"}),
        ({"Koli Genişlik": ["80"]}, {}),
        # Prices with a currency or a tax in their names, those with tax before those without.
        ({"Price (CHF)": ["9", "8"]}, {"Price (CHF)": "price"}),
        ({"Preis inkl. MwSt.": ["9", "8"]}, {"Preis inkl. MwSt.": "price"}),
        (
            {"Fiyat (KDV Hariç)": ["9", "8"], "Satış Fiyatı (KDV Dahil, TL)": ["9", "8"]},
            {"Satış Fiyatı (KDV Dahil, TL)": "price"},
        ),
        ({"Cost": ["9", "8"], "Price": ["9", "8"]}, {"Price": "price"}),
        # An object of attributes: its members are what they are called.
        (
            {"specs.colour": ["Grey"], "specs.width": ["80 cm"], "other.colour": ["Red"]},
            {"specs.colour": "color", "specs.width": "width"},
        ),
        # Languages beside one that is known.
        (
            {"name.en": TITLE, "name.tr": TITLE, "name.x1": TITLE},
            {"name.en": "title", "name.tr": "title_tr"},
        ),
        (
            {"name": TITLE, "Name (TR)": TITLE, "name_qq": TITLE},
            {"name": "title", "Name (TR)": "title_tr"},
        ),
        # By values alone.
        ({"x": ["€9", "€8", "€7", "€6", "ask"]}, {"x": "price"}),
        ({"x": ["€9", "€8", "€7", "ask"]}, {}),
        ({"x": ["€9", "€8"], "y": ["€9", "€8"]}, {"x": "price"}),
        ({"carton width": ["€9", "€8"]}, {}),
        ({"our no": ["1", "2"]}, {"our no": "id"}),
        ({"our no": ["1"]}, {}),
        ({"our no": ["1", "1"]}, {}),
        ({"ours": ["1", "2"]}, {}),
        ({"x": TITLE}, {"x": "title"}),
        ({"x": ["Oak chair", "Oak chair"]}, {"x": "title"}),
        ({"x": ["Oak chair"] * 3}, {}),
        ({"x": ["Oak chair", "Oak"]}, {"x": "title"}),
        ({"x": ["Oak chair", "Oak", "Elm"]}, {}),
        ({"x": ["a b"]}, {}),
        ({"x": ["a bc"]}, {"x": "title"}),
        ({"x": ["a " + "b" * 157]}, {"x": "title"}),
        ({"x": ["a " + "b" * 158]}, {}),
        ({"x": ["Oak chair", "Oak chair"], "y": TITLE}, {"y": "title"}),
        ({"x": TITLE, "y": TITLE}, {"x": "title"}),
        ({"x": ["Oak chair", "see a.jpg b", "a.jpg c"]}, {}),
        ({"x": ["1 2", "3 4", "Oak chair", "Elm chair", "Ash chair"]}, {}),
        # Lists of variants.
        (
            {
                "variants.id": [["1"]],
                "variants.sku": [["A"]],
                "variants.price": [[5]],
                "variants.size": [["L"]],
                "variants.note": [["x"]],
            },
            {
                "variants.sku": "variant.id",
                "variants.id": "variant.attribute",
                "variants.price": "variant.price",
                "variants.size": "variant.option.Size",
                "variants.note": "variant.attribute",
            },
        ),
    ],
)
def test_what_columns_are_taken_for(columns: dict[str, Column], expected: dict[str, str]) -> None:
    found = roles_of(columns)
    assert found == expected


@pytest.mark.parametrize(
    ("columns", "order"),
    [
        (["Sub Category", "Main Category"], ["Main Category", "Sub Category"]),
        (
            ["Sub Category", "Alt Kategori", "Main Category"],
            ["Main Category", "Sub Category", "Alt Kategori"],
        ),
        (
            ["Kategori 2", "Kategori 1", "Alt Kategori"],
            ["Alt Kategori", "Kategori 1", "Kategori 2"],
        ),
        (["image 10", "image 2", "image"], ["image", "image 2", "image 10"]),
    ],
)
def test_columns_of_a_role_have_an_order(columns: list[str], order: list[str]) -> None:
    rows = [
        dict.fromkeys(columns, "a.jpg" if "image" in columns[-1] else "Sofas") | {"pic": "b.jpg"}
    ]
    mapping = decide("feed", [*columns, "pic"], sampled(rows))
    role = "image" if "image" in columns[-1] else "category"
    assert [name for name in mapping.columns_of(role) if name != "pic"] == order


def test_what_is_settled_or_taken_is_not_proposed_again() -> None:
    columns = {"name": TITLE, "id": ID, "image": IMAGE, "price": ["9", "8"]}
    samples = sampled(rows_of(**columns))
    settled = frozenset({"title", "id", "image"})
    assert set(proposed(list(columns), samples, {}, settled)) == {"price"}
    assert set(proposed(list(columns), samples, {"x": Meaning("title")})) == {
        "id",
        "image",
        "price",
    }


@pytest.mark.parametrize(
    ("value", "key"),
    [(" -1 ", "-1"), ("1", "1"), ("Not visible", "not_visible"), ("HAYIR", "hayir")],
)
def test_what_hides_a_row_is_compared_by(value: str, key: str) -> None:
    assert hidden_key(value) == key
    assert is_parent("category.parent.name")
    assert not is_parent("parent.name")


NAMES = Names.of(
    [
        ("image #", "image"),
        ("Attribute # name", "option_name"),
        ("image", "x"),
        ("extra.*", "extra"),
    ]
)


@pytest.mark.parametrize(
    ("name", "meaning"),
    [
        ("Image", Meaning("x")),
        ("Image 3", Meaning("image", 3)),
        ("image12", Meaning("image", 12)),
        ("Attribute 2 name", Meaning("option_name", 2)),
        ("attribute2name", None),
        ("image 1 2", None),
        ("Extra field", Meaning("extra")),
        ("extra", None),
        ("other", None),
    ],
)
def test_names_with_numbers_and_beginnings(name: str, meaning: Meaning | None) -> None:
    assert NAMES.meaning(name) == meaning
    if meaning is not None and meaning.role == "extra":
        assert NAMES.meaning(name, prefixes=False) is None


def test_a_layout_fits_where_each_need_is_met() -> None:
    layout = Layout(
        "l", "L", needs=(("Handle", "URL handle"), ("Price",), ("handle",)), columns=NAMES
    )
    assert layout.fits(["PRICE", "handle", "Handle", "x"]) == ("handle", "PRICE")
    assert layout.fits(["Price", "url handle"]) == ()
    assert layout.fits([]) == ()
    assert layout.known(["image", "image", "Image 2", "extra y", "z"]) == 2
    assert layout_named(UNKNOWN) is UNKNOWN_LAYOUT
    assert layout_named("nobody's") is None
    assert recognised(["x"]) == (UNKNOWN_LAYOUT, ())


def test_columns_are_listed_up_to_a_number() -> None:
    names = [f"c{number}" for number in range(42)]
    assert listed(names[:2]) == "'c0', 'c1'"
    assert listed(names[:40]).endswith("'c38', 'c39'")
    assert listed(names[:41]).endswith("'c39' and 1 more")
    assert listed(names).endswith("'c39' and 2 more")


def means(columns: dict[str, Column], *given: str, **options: Any) -> Any:
    return decide("feed", list(columns), sampled(rows_of(**columns)), given=given, **options)


BASE = {"id": ID, "title": TITLE, "image": IMAGE}


@pytest.mark.parametrize(
    ("columns", "keyed_by"),
    [
        ({"id": ID, "item group id": ["1", "1"]}, "id"),
        ({"item group id": ["1", "1"], "gtin": ID}, "group"),
        ({"gtin": ID, "url": ["https://x.de/1", "https://x.de/2"]}, "gtin"),
        ({"url": ["https://x.de/1", "https://x.de/2"]}, "url"),
        ({}, "image"),
    ],
)
def test_what_identifies_products(columns: dict[str, Column], keyed_by: str) -> None:
    mapping = means({"name": TITLE, "pic": IMAGE, **columns})
    assert mapping.keyed_by == keyed_by
    told = " ".join(mapping.sentences)
    assert ("--map id=COLUMN" in told) == (keyed_by not in {"id", "group"})
    assert ("becomes another" in told) == (keyed_by == "image")
    assert mapping.keys.images == ("pic",)
    assert mapping.keys.id == (mapping.columns_of(keyed_by)[0])


def test_what_is_said_of_how_columns_were_taken() -> None:
    assert means(BASE).sentences == ()
    forced = means(BASE, layout="own")
    assert forced.sentences == (f"Read as {forced.layout.title}, as --format says.",)
    unknown = means({"sku": ID, "name": TITLE, "pic": IMAGE})
    told = "Columns were taken as title ← name, image ← pic, id ← sku."
    assert unknown.sentences == (f"{told} If one is wrong, give --map ROLE=COLUMN.",)
    # Names that say what they are need not be told.
    assert means(BASE, layout="unknown").sentences == ()
    earlier = means({"code": ID, "name": TITLE, "bild": IMAGE})
    assert earlier.sentences[0].startswith("Columns were taken as title ← name")
    assert means({"id": ID, "name": TITLE, "image": IMAGE}).proposed == {"id", "name", "image"}
    given = means({"sku": ID, "name": TITLE, "pic": IMAGE}, "title=sku")
    assert given.given == {"sku"}
    assert "title ← sku" in given.headline


def test_columns_beside_our_own_are_what_shops_call_them_where_that_is_free() -> None:
    prices: dict[str, Column] = {"Price (EUR)": ["9", "8"], "Fiyat (TL)": ["9", "8"]}
    further: dict[str, Column] = {"Category name": ["Sofas", "Chairs"], "in_stock": [True, False]}
    mapping = means({**BASE, **prices, **further, "status": ["new", "2"]})
    assert {name: each.role for name, each in mapping.roles.items() if name not in BASE} == {
        "Price (EUR)": "price",
        "Category name": "category",
    }
    (told,) = mapping.sentences
    assert told == (
        "Further columns: category ← Category name, price ← Price (EUR). If one is wrong, give "
        "--map ROLE=COLUMN."
    )
    # What is given, and what is called as we do, goes before.
    given = means({**BASE, **prices}, "price=Fiyat (TL)")
    assert "Price (EUR)" not in given.roles
    assert means({**BASE, **prices, "price": ["9", "8"]}).sentences == ()
    assert means({**BASE, "Cost": ["9", "8"]}, "attribute=Cost").sentences == ()
    for name in ("cost", "Cost (EUR)", "Maliyet"):
        assert means({**BASE, name: ["9", "8"]}).roles[name].role == "ignore"
        unknown = means({"sku": ID, "name": TITLE, "pic": IMAGE, name: ["9", "8"]})
        assert unknown.roles[name].role == "ignore"


def test_of_two_columns_of_one_role_the_first_with_values_has_it() -> None:
    google = {"id": ID, "title": TITLE, "image_link": IMAGE}
    blank = means({**google, "brand": ["", ""], "Brand": ["Nord", "Süd"]}, layout="google")
    assert blank.roles["Brand"].role == "brand"
    both = means({**google, "brand": ["Nord", ""], "Brand": ["Nord", "Süd"]}, layout="google")
    assert [both.roles[name].role for name in ("brand", "Brand")] == ["brand", "attribute"]


def test_several_roles_keep_the_order_in_which_they_were_given() -> None:
    mapping = means({"a": IMAGE, "b": IMAGE, "id": ID}, "image=b", "image=a")
    assert mapping.columns_of("image") == ("b", "a")
    assert (mapping.roles["b"], mapping.roles["a"]) == (Meaning("image", 1), Meaning("image", 2))
    with pytest.raises(InvalidFeedError, match="no column 'zz'"):
        means(BASE, "title=zz")
