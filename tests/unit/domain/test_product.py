"""Which of a product's words are used for what."""

from dataclasses import replace
from pathlib import Path

from furniture_prompter.domain import Product, SetAside, Variant
from furniture_prompter.domain.catalog import CheckResult, Finding, FindingProduct, HealthReport


def test_text_joins_what_there_is() -> None:
    product = Product("1", "Stool", "chair", "white", "Stacks.", ("kids", "wood"))
    assert product.text == "Stool. chair. white. kids wood. Stacks."
    assert Product("1", "Stool").text == "Stool"


def test_words_add_translated_fields_and_nothing_else() -> None:
    product = Product("1", "Stool", attributes={"title_tr": "Tabure", "creator": "x", "price": 1.0})
    assert product.words == "Stool. Tabure"


def test_the_look_is_category_and_colour_where_there_is_a_colour() -> None:
    assert Product("1", "FROSTA", "stool", "white").look == "stool, white"
    assert Product("1", "red stool", "stools").look == "red stool, stools"
    assert Product("1", "").look == ""


def test_a_variant_is_called_by_what_tells_it_best() -> None:
    whole = Variant("sku", "Title", {"Color": "Grey", "Size": "L"}, "Red")
    assert whole.name == "Grey / L"
    assert Variant("sku", "Title", color="Red").name == "Red"
    assert Variant("sku", "Title").name == "Title"
    assert Variant("sku").name == "sku"
    product = Product("1", "Sofa", variants=(Variant("a"), whole))
    assert product.variant("sku") is whole
    assert product.variant("none") is None
    assert product.words == "Sofa. Title. Red. Grey. L"


def test_what_was_left_out_is_told_as_compilers_do() -> None:
    told = SetAside(Path("feed.csv"), 3, "price is odd.", "Mend it.", "p1", "price")
    assert str(told) == "feed.csv:3: price left out: price is odd. Mend it."
    assert (
        str(replace(told, column="width")) == "feed.csv:3: width left out: price is odd. Mend it."
    )
    assert str(replace(told, line=0, cure="", column="")) == "feed.csv: price is odd."
    assert not told.may_be_any_product
    assert replace(told, product_id="").may_be_any_product
    assert replace(told, hides_ids=True).may_be_any_product


def test_a_check_costs_its_severity_for_each_product_once() -> None:
    seen = [FindingProduct(each, "Sofa", "a.png") for each in ("p1", "p2", "p1")]
    findings = (Finding("Seen.", (seen[0], seen[1])), Finding("Again.", (seen[2],)))
    check = CheckResult("shared-photo", "Shared", 0.25, "Costs.", "Cure.", findings)
    assert check.product_ids == {"p1", "p2"}
    assert check.cost == 0.5
    clean = replace(check, name="blurred", findings=())
    assert clean.cost == 0
    report = HealthReport("catalog", 1, 2, 2, (check, clean), {}, 0.1)
    assert not report.healthy
    assert replace(report, checks=(clean,)).healthy
    assert report.check("blurred") is clean
    assert report.check("none") is None
