"""Products made of rows: which row tells what, ids, variants, images of each, and the limits."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from furniture_prompter.domain import AttributeValue, FeedRow, SetAside, UnchangedRow
from furniture_prompter.domain.feed import PhotolessRow
from furniture_prompter.feeds.cell_steps import Row
from furniture_prompter.feeds.cells import UnusableValueError
from furniture_prompter.feeds.mapping import decide
from furniture_prompter.feeds.products import ProductBuilder
from furniture_prompter.feeds.records import Record, Value
from furniture_prompter.feeds.rows import LIMIT_ATTRIBUTES, LIMIT_IMAGES

AT = "https://shop.example/"
GROUPED = ("id", "group", "title", "image")
PARENTED = ("id", "parent", "title", "image")


def builder_of(*roles: str, layout: str = "unknown") -> ProductBuilder:
    given = [f"{role}={role}" for role in roles]
    mapping = decide("feed", roles, {}, given=given, layout=layout)
    return ProductBuilder(
        Path("shop/feed.csv"), mapping, lambda address: Path("/photos", address[len(AT) :])
    )


def row(line: int, image: str = "", title: str = "", **fields: Any) -> Row:
    """A row with one image by address, ids by their roles, and whatever else it has."""
    ids: dict[str, Value] = {
        role: fields.pop(role) for role in ("id", "group", "parent", "url") if role in fields
    }
    words = {"title": title} if title else fields.pop("words", {})
    images = [AT + image] if image else []
    return Row(line, ids=ids, images=images, words=words, **fields)


def only(items: Sequence[object]) -> FeedRow:
    (found,) = [item for item in items if isinstance(item, FeedRow)]
    return found


def asides(items: Sequence[object]) -> list[SetAside]:
    return [item for item in items if isinstance(item, SetAside)]


def shown_by(found: FeedRow) -> dict[str, str]:
    return {path.name: variant for path, variant in found.variant_of.items()}


def test_the_row_with_a_title_tells_a_group_and_images_are_of_their_variants() -> None:
    rows = [
        row(2, "a.jpg", group="G", id="A", options={"Color": "Grey"}),
        row(3, "b.jpg", group="G", id="B", title="Oslo", options={"Color": "Blue"}),
        row(4, "c.jpg", group="G"),
    ]
    builder = builder_of(*GROUPED)
    found = only(list(builder.build(rows, b"\x01\x02")))
    assert (found.line, found.product.id, found.product.title) == (3, "G", "Oslo")
    assert [variant.id for variant in found.product.variants] == ["A", "B"]
    assert [path.name for path in found.images] == ["b.jpg", "a.jpg", "c.jpg"]
    assert shown_by(found) == {"b.jpg": "B", "a.jpg": "A"}
    assert found.addresses[Path("/photos/c.jpg")] == f"{AT}c.jpg"
    assert builder.counts.rows == 3


def test_an_image_is_a_variants_where_it_is_its_first_or_no_others() -> None:
    rows = [
        row(2, group="G", id="A", title="Oslo"),
        row(3, group="G", id="B"),
    ]
    rows[0].images = [f"{AT}{name}.jpg" for name in ("a", "both", "own")]
    rows[1].images = [f"{AT}{name}.jpg" for name in ("b", "both", "a")]
    found = only(list(builder_of(*GROUPED).build(rows)))
    assert shown_by(found) == {"a.jpg": "A", "own.jpg": "A", "b.jpg": "B"}


def test_images_of_variants_of_their_own_column_are_theirs_alone() -> None:
    rows = [row(2, "main.jpg", group="G", id="A", title="Oslo"), row(3, "x.jpg", group="G", id="B")]
    rows[0].own_images, rows[1].own_images = [f"{AT}a.jpg"], [f"{AT}b.jpg"]
    found = only(list(builder_of(*GROUPED, "variant_image").build(rows)))
    assert [path.name for path in found.images] == ["main.jpg", "a.jpg", "x.jpg", "b.jpg"]
    assert shown_by(found) == {"a.jpg": "A", "b.jpg": "B"}
    rows[0].own_images, rows[1].own_images = (
        [f"{AT}{n}.jpg" for n in each] for each in ("ax", "xb")
    )
    found = only(list(builder_of(*GROUPED, "variant_image").build(rows)))
    assert shown_by(found) == {"a.jpg": "A", "x.jpg": "B", "b.jpg": "B"}
    del rows[0].ids["id"]
    alone = only(list(builder_of(*GROUPED, "variant_image").build([rows[0]])))
    assert [path.name for path in alone.images] == ["main.jpg", "a.jpg", "x.jpg"]
    assert shown_by(alone) == {}


def references(
    builder: ProductBuilder, main: Row, variants: Sequence[Row], rows: Sequence[Row]
) -> list[tuple[int, str, bool, bool]]:
    told = builder._references(main, variants, rows)
    return [(row.line, reference, is_own, is_first) for row, reference, is_own, is_first in told]


def test_each_image_says_whether_it_is_its_rows_alone_and_the_first_of_it() -> None:
    main, variant, photo, hidden = (Row(line) for line in range(1, 5))
    main.images, main.own_images = ["m1", "m2"], ["o1", "o2"]
    variant.images, variant.own_images = ["v1", "v2"], ["w1", "w2"]
    photo.images, hidden.images, hidden.hidden = ["p1", "p2"], ["h"], "visibility"
    rows = [main, variant, photo, hidden]
    plain, with_column = builder_of(*GROUPED), builder_of(*GROUPED, "variant_image")
    own_of_variant = [(2, "w1", True, True), (2, "w2", True, False)]
    of_photos = [(3, "p1", False, False), (3, "p2", False, False)]
    for builder, is_own in ((plain, True), (with_column, False)):
        images = [(2, "v1", is_own, True), (2, "v2", is_own, False)]
        assert references(builder, main, [variant], rows) == [
            *((1, "m1", False, True), (1, "m2", False, False)),
            *(*images, *own_of_variant, *of_photos),
        ]
        assert references(builder, main, [main, variant], rows) == [
            *((1, "m1", is_own, True), (1, "m2", is_own, False)),
            *((1, "o1", True, True), (1, "o2", True, False)),
            *(*images, *own_of_variant, *of_photos),
        ]
        assert references(builder, main, [], [main]) == [
            *((1, "m1", False, True), (1, "m2", False, False)),
            *((1, "o1", False, False), (1, "o2", False, False)),
        ]


@pytest.mark.parametrize(("count", "kept", "told"), [(64, 64, 0), (65, 64, 1), (70, 64, 1)])
def test_the_first_images_up_to_the_limit_are_kept(count: int, kept: int, told: int) -> None:
    assert LIMIT_IMAGES == 64
    one = row(2, id="1", title="Oslo")
    one.images = [f"{AT}{number}.jpg" for number in range(count)]
    one.images.append(one.images[0])
    items = list(builder_of("id", "title", "image").build([one]))
    assert len(only(items).images) == kept
    assert [problem.column for problem in asides(items)] == ["image"] * told
    assert all(f"names {count} images" in problem.reason for problem in asides(items))


@pytest.mark.parametrize(("main", "origin"), [(0, ("0102", 0)), (1, ("0102", 1)), (2, ("0102", 2))])
def test_the_record_that_tells_the_product_is_known_by_its_place(
    tmp_path: Path, main: int, origin: tuple[str, int]
) -> None:
    (tmp_path / "a.jpg").write_bytes(b"x")
    rows = [Row(line, ids={"id": f"V{line}", "parent": "P"}) for line in range(3)]
    rows[main].ids = {"id": "P"}
    rows[main].words = {"title": "Oslo"}
    for each in rows:
        each.images = ["a.jpg"]
    mapping = decide("feed", PARENTED, {}, given=[f"{role}={role}" for role in PARENTED])
    builder = ProductBuilder(tmp_path.resolve() / "feed.csv", mapping, None)
    found = only(list(builder.build(rows, b"\x01\x02")))
    assert (found.product.id, found.origin) == ("P", origin)
    rows[main].problems.append(("price", UnusableValueError("No price.", "Give one.")))
    again = ProductBuilder(tmp_path.resolve() / "feed.csv", mapping, None)
    assert only(list(again.build(rows, b"\x01\x02"))).origin is None
    assert only(list(builder_of(*PARENTED).build([row(1, "a.jpg", id="X")]))).origin is None


def test_a_product_whose_own_row_is_missing_is_told_by_its_first_shown_variant() -> None:
    rows = [
        row(2, "a.jpg", id="A", parent="P", hidden="status draft"),
        row(3, "b.jpg", id="B", parent="P", title="Oslo B"),
        row(4, "c.jpg", id="C", parent="P", title="Oslo C"),
    ]
    builder = builder_of(*PARENTED)
    rows[0].hidden = ""
    found = only(list(builder.build(rows)))
    assert (found.product.id, found.line) == ("P", 2)
    rows[0].hidden = "status draft"
    builder = builder_of(*PARENTED)
    assert list(builder.build(rows)) == []
    assert builder.counts.hidden == {"status draft": 3}


def test_hidden_variants_are_left_out_and_counted() -> None:
    rows = [
        row(2, "p.jpg", id="P", title="Oslo"),
        row(3, "a.jpg", id="A", parent="P", hidden="status draft"),
        row(4, "b.jpg", id="B", parent="P", options={"Color": "Blue"}),
        row(5, "c.jpg", id="C", parent="P", hidden="status draft"),
    ]
    builder = builder_of(*PARENTED)
    found = only(list(builder.build(rows)))
    assert [variant.id for variant in found.product.variants] == ["B"]
    assert [path.name for path in found.images] == ["p.jpg", "b.jpg"]
    assert (builder.counts.hidden, builder.counts.hidden_rows) == ({"status draft": 2}, 2)


def test_a_product_that_is_shown_as_a_variant_alone_needs_variants() -> None:
    alone = row(2, "a.jpg", id="A", title="Oslo", is_not_alone=True)
    builder = builder_of(*PARENTED)
    for times in (1, 2, 3):
        assert list(builder.build([alone])) == []
        assert builder.counts.hidden == {"visibility": times}
    rows = [row(2, "a.jpg", id="P", title="Oslo", is_not_alone=True), row(3, id="V", parent="P")]
    assert only(list(builder_of(*PARENTED).build(rows))).product.id == "P"


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        ({"id": 7, "gtin": "8690", "slug": "oslo"}, "7"),
        ({"alt_id": 9, "gtin": "8690"}, "9"),
        ({"id": "", "alt_id": None, "gtin": 8690}, "8690"),
        ({"slug": "oslo", "url": f"{AT}p"}, "oslo"),
        ({"url": f"{AT}p"}, f"{AT}p"),
        ({"url": "u" * 200}, "u" * 200),
        ({"url": "u" * 201}, "5440d856ad900450"),
    ],
)
def test_a_product_is_called_by_the_best_that_identifies_it(
    ids: dict[str, Any], expected: str
) -> None:
    one = row(2, "a.jpg", title="Oslo")
    one.ids = ids
    assert only(list(builder_of("id", "title", "image").build([one]))).product.id == expected


@pytest.mark.parametrize(
    ("roles", "told"),
    [
        (("title", "image"), "image"),
        (("title", "variant_image"), "title"),
        (("url", "title", "image"), ""),
        (("gtin", "title", "image"), ""),
        (("id", "title", "image"), ""),
    ],
)
def test_ids_are_made_of_images_or_titles_only_where_no_column_identifies(
    roles: tuple[str, ...], told: str
) -> None:
    one = row(2, "a.jpg", title="Oslo")
    items = list(builder_of(*roles).build([one]))
    if not told:
        assert [problem.reason for problem in asides(items)] == ["The row has no id."]
        return
    other = row(3, "b.jpg", title="Oslo")
    first, second = (only(list(builder_of(*roles).build([each]))) for each in (one, other))
    assert len(first.product.id) == 16
    one.images.append(f"{AT}c.jpg")
    assert only(list(builder_of(*roles).build([one]))).product.id == first.product.id
    assert (first.product.id == second.product.id) == (told == "title")


def test_what_variants_agree_on_is_the_products_and_prices_are_the_lowest() -> None:
    def variant(line: int, **attributes: AttributeValue) -> Row:
        found = row(line, "a.jpg", id=f"V{line}", parent="P", options={"Size": str(line)})
        found.attributes = attributes
        return found

    rows = [
        row(1, "p.jpg", id="P", title="Oslo", attributes={"finish": "oiled"}),
        variant(2, price=20.0, sale_price=15.0, stock=2.0, depth_cm=5.0, wood="oak", finish="raw"),
        variant(3, price=30.0, sale_price=25.0, stock=3.0, depth_cm=5.0, wood="pine", finish="wax"),
        variant(4, price=40.0, stock=0.0, depth_cm=5.0, availability="out of stock"),
    ]
    product = only(list(builder_of(*PARENTED).build(rows))).product
    assert dict(product.attributes) == {
        "price": 20.0,
        "sale_price": 15.0,
        "stock": 5.0,
        "depth_cm": 5.0,
        "availability": "out of stock",
        "finish": "oiled",
    }
    assert dict(product.variants[0].attributes) == {
        "price": 20.0,
        "sale_price": 15.0,
        "stock": 2.0,
        "wood": "oak",
        "finish": "raw",
    }
    rows[1].attributes["availability"] = "in stock"
    rows[2].attributes = {"price": 15.0}
    product = only(list(builder_of(*PARENTED).build(rows))).product
    assert product.attributes["availability"] == "in stock"
    assert product.attributes["price"] == 15.0
    assert "sale_price" not in product.attributes
    assert "stock" not in product.attributes


def test_what_the_rows_of_a_group_do_not_agree_on_is_no_products() -> None:
    rows = [row(n, f"{n}.jpg", group="G", id=f"V{n}", options={"S": str(n)}) for n in range(2)]
    for each, wood in zip(rows, ("oak", "pine"), strict=True):
        each.attributes = {"wood": wood, "height_cm": 5.0}
    found = only(list(builder_of(*GROUPED).build(rows)))
    # Without a title in any of them the first tells the product.
    assert (dict(found.product.attributes), found.line) == ({"height_cm": 5.0}, 0)


def test_variants_in_a_list_are_those_where_no_rows_are() -> None:
    inner = [Row(2, ids={"id": f"L{n}"}, options={"S": str(n)}) for n in range(2)]
    main = row(2, "p.jpg", id="P", title="Oslo", variants=inner)
    found = only(list(builder_of(*PARENTED).build([main])))
    assert [variant.id for variant in found.product.variants] == ["L0", "L1"]
    child = row(3, "b.jpg", id="V", parent="P", options={"S": "L"})
    found = only(list(builder_of(*PARENTED).build([main, child])))
    assert [variant.id for variant in found.product.variants] == ["V"]
    main.variants = [Row(2, ids={"id": f"L{n}"}, options={"S": str(n)}) for n in range(501)]
    items = list(builder_of(*PARENTED).build([main]))
    assert only(items).product.variants == ()
    assert [(problem.line, problem.column) for problem in asides(items)] == [(2, "variants")]


def without_photo(item: object) -> SetAside:
    assert isinstance(item, PhotolessRow)
    assert item.problem is not None
    return item.problem


def test_a_row_without_images_is_told_with_the_column_for_them() -> None:
    mapping = decide("feed", ["Foto", "id"], {}, given=["image=Foto", "id=id"], layout="unknown")
    (item,) = ProductBuilder(Path("feed.csv"), mapping, None).build([row(2, id="1")])
    assert without_photo(item).cure == "Name at least one image file or address in Foto."
    (item,) = builder_of("id", "variant_image").build([row(2, id="1")])
    assert without_photo(item).cure.endswith("address in image.")


@pytest.mark.parametrize(("columns", "cut"), [(LIMIT_ATTRIBUTES, 0), (201, 1)])
def test_columns_of_a_product_are_limited_and_its_row_is_not_lost(columns: int, cut: int) -> None:
    one = row(2, "a.jpg", id="1", title="Oslo")
    one.attributes = {f"c{number}": 1.0 for number in range(columns)}
    builder = builder_of("id", "title", "image")
    product = only(list(builder.build([one], b"digest"))).product
    assert list(product.attributes) == [f"c{number}" for number in range(LIMIT_ATTRIBUTES)]
    assert builder.counts.cut == cut


@pytest.mark.parametrize(
    ("color", "options", "ids", "variants", "sku"),
    [
        ("", {}, {"id": "V"}, [], "V"),
        ("", {}, {"id": "P"}, [], None),
        ("grey", {}, {"id": "V"}, ["V"], None),
        ("", {"Size": "L"}, {"id": "V"}, ["V"], None),
    ],
)
def test_one_form_alone_is_the_product_itself(
    color: str, options: dict[int | str, str], ids: dict[str, Any], variants: list[str], sku: Any
) -> None:
    child = row(3, "a.jpg", options=options)
    child.ids = {**ids, "parent": "P"}
    if color:
        child.words["color"] = color
    rows = [row(2, "p.jpg", id="P", title="Oslo"), child]
    found = only(list(builder_of(*PARENTED).build(rows)))
    assert [variant.id for variant in found.product.variants] == variants
    assert found.product.attributes.get("sku") == sku
    assert found.variant_of == {}


def test_a_variant_that_is_there_twice_is_told_and_the_first_kept() -> None:
    rows = [row(n, f"{n}.jpg", group="G", id="AAB"[n], options={"S": str(n)}) for n in range(3)]
    items = list(builder_of(*GROUPED).build(rows))
    assert [dict(each.options) for each in only(items).product.variants] == [{"S": "0"}, {"S": "2"}]
    (problem,) = asides(items)
    assert (problem.line, problem.column, "there twice" in problem.reason) == (1, "variant", True)


def test_a_row_in_which_the_file_ends_says_so_and_hides_ids() -> None:
    cut, whole = row(9, title="Oslo", id="1"), row(8, title="Oslo", id="2")
    cut.may_be_cut = True
    builder = builder_of("id", "title", "image")
    first, second = (without_photo(*builder.build([each])) for each in (cut, whole))
    assert (first.hides_ids, second.hides_ids) == (True, False)
    assert ("as if it were cut off" in first.reason, "cut off" in second.reason) == (True, False)


def test_a_known_product_takes_its_id_as_others_do() -> None:
    builder = builder_of("id", "title", "image")
    known = UnchangedRow("1", 0, 1, 1, 0, {})
    records = [Record(4, {}), Record(5, {})]
    assert builder.claim_known(known, records)
    assert builder.counts.rows == 2
    assert not builder.claim_known(known, records)
    (problem,) = builder.build([row(9, "a.jpg", id="1", title="Oslo")])
    assert isinstance(problem, SetAside)
    assert "already in line 5." in problem.reason
    assert builder.counts.rows == 3


@pytest.mark.parametrize(
    ("colors", "main_color", "main_is_variant", "expected"),
    [
        (["Grey", "Blue", "Grey"], "", True, "Grey, Blue"),
        (["Grey", "Blue"], "Red", False, "Red"),
        (["Grey", "Blue"], "", False, "Grey, Blue"),
        (["", ""], "Red", False, "Red"),
    ],
)
def test_the_colours_of_a_product(
    colors: list[str], main_color: str, *, main_is_variant: bool, expected: str
) -> None:
    rows = [
        row(n, "a.jpg", id=f"V{n}", group="G", options={"S": str(n)}, words={"color": color})
        for n, color in enumerate(colors)
    ]
    if not main_is_variant:
        for each in rows:
            each.ids["parent"] = each.ids.pop("group")
        rows.insert(0, row(9, "a.jpg", id="G", words={"color": main_color}))
    found = only(list(builder_of(*(GROUPED if main_is_variant else PARENTED)).build(rows)))
    assert found.product.color == expected


def test_words_that_only_a_variant_has_are_the_products() -> None:
    child = row(3, "b.jpg", id="V", parent="P", options={"S": "L"}, tags=("t",))
    child.words = {"short_description": "Short.", "description": "Long.", "category": "A > B"}
    rows = [row(2, "a.jpg", id="P", title="Oslo 3-seater sofa"), child]
    product = only(list(builder_of(*PARENTED).build(rows))).product
    assert (product.description, product.tags, product.category) == ("Long.", ("t",), "A > B")
    assert product.attributes["category_path"] == ("A", "A > B")
    assert product.attributes["seats"] == 3.0
    own = only(list(builder_of(*PARENTED, layout="own").build(rows))).product
    assert (own.category, own.attributes.get("category_path")) == ("A > B", None)
    child.paths = (("C",), ("D", "E"))
    child.words = {"short_description": "Short."}
    product = only(list(builder_of(*PARENTED).build(rows))).product
    assert (product.description, product.category) == ("Short.", "E")
    assert product.attributes["category_path"] == ("C", "D", "D > E")
    rows[0].paths, rows[0].tags = (("Own",),), ("own",)
    product = only(list(builder_of(*PARENTED).build(rows))).product
    assert (product.category, product.tags) == ("Own", ("own",))


def test_options_of_a_product_without_variants_are_its_columns() -> None:
    options: dict[int | str, str] = {"Title": "Default Title", "Color": "Grey", "Malzeme": "oak"}
    one = row(2, "a.jpg", id="1", title="Oslo", options={**options, "Leg Height": "9", "价": "x"})
    product = only(list(builder_of("id", "title", "image").build([one]))).product
    assert (product.color, product.variants) == ("Grey", ())
    assert dict(product.attributes) == {
        "material": "oak",
        "leg_height": "9",
        "base_colors": ("grey",),
        "base_materials": ("oak", "wood"),
    }


def test_the_text_of_a_number_stays_where_the_number_is_the_rows_own() -> None:
    rows = [
        row(2, "a.jpg", id="P", title="Oslo", attributes={"price": 9.0, "w": 1.0}),
        row(3, id="V", parent="P", attributes={"price": 8.0}, options={"S": "L"}),
    ]
    rows[0].cells = {"price": "9,00", "w": "1,0"}
    assert only(list(builder_of(*PARENTED).build(rows))).cells == {"w": "1,0"}


def test_a_variants_title_is_told_where_it_is_its_own() -> None:
    rows = [
        row(2, "a.jpg", id="P", title="Oslo"),
        row(3, id="V", parent="P", title="Oslo", options={"S": "L"}),
        row(4, id="W", parent="P", title="Bergen", options={"S": "M"}),
        row(5, id="X", parent="P", title="Aker", options={"S": "S"}),
    ]
    product = only(list(builder_of(*PARENTED).build(rows))).product
    assert [variant.title for variant in product.variants] == ["", "Bergen", "Aker"]
