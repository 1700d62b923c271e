"""``goes-with`` and ``outfit``: what is asked of the catalog, and how it is told."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from furniture_prompter.errors import InvalidQueryError
from furniture_prompter.search.outfit_answer import GoesWithAnswer, OutfitAnswer
from tests.unit.cli.conftest import INFO


@pytest.fixture(autouse=True)
def _english(catalog: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog, "info", lambda: replace(INFO, language="english"))


def test_what_goes_with_a_product_is_told_with_why(shop: Callable[..., Any], catalog: Any) -> None:
    done = shop("goes-with", "sofa", "--catalog", "c", "--where", "price < 9", "-k", "2")
    assert done.status == 0
    assert catalog.asked == [{"product_id": "sofa", "where": "price < 9", "limit": 2}]
    first, second, *_ = done.out.splitlines()
    assert first == "  1  stool: Stool, white, p-1, white"
    assert second.endswith("1.png · often goes with a sofa · oak like it")


def test_what_goes_with_a_product_is_told_as_json(shop: Callable[..., Any], catalog: Any) -> None:
    told = json.loads(shop("goes-with", "sofa", "--catalog", "c", "--json").out)
    TypeAdapter(GoesWithAnswer).validate_python(told)
    assert catalog.asked[0]["limit"] == 10
    assert [each["rank"] for each in told["pieces"]] == [1, 2]
    assert told["pieces"][0]["why"][1] == {
        "reason": "material",
        "value": "oak",
        "count": None,
        "text": "oak like it",
    }


def test_nothing_that_goes_with_it_is_said_with_its_cure(
    shop: Callable[..., Any], catalog: Any
) -> None:
    catalog.hits, catalog.notes = (), ("A note.",)
    done = shop("goes-with", "sofa", "--catalog", "c")
    assert done.out.splitlines() == [
        "Nothing of the catalog goes with it. Loosen the filter, or give products a category.",
        "A note.",
    ]


@pytest.mark.parametrize(
    ("given", "amount", "currency"),
    [
        ("1500", 1500.0, ""),
        ("45.000,50", 45_000.5, ""),
        ("45,000.50", 45_000.5, ""),
        ("1.299,90 TL", 1_299.9, "TRY"),
        ("1.500", 1_500.0, ""),
    ],
)
def test_a_budget_is_read_as_people_write_it(
    shop: Callable[..., Any], catalog: Any, given: str, amount: float, currency: str
) -> None:
    done = shop("outfit", "--like", "sofa", "--budget", given, "--catalog", "c")
    assert done.status == 0
    assert (catalog.asked[-1]["budget"], catalog.asked[-1]["currency"]) == (amount, currency)
    assert ("1,500.00 is taken" in done.err) is (given == "1.500")


@pytest.mark.parametrize("words", [["goes-with", "sofa"], ["outfit", "--like", "sofa"]])
def test_the_page_is_one_file_with_everything_escaped(
    shop: Callable[..., Any],
    catalog: Any,
    make_hit: Callable[..., Any],
    tmp_path: Path,
    words: list[str],
) -> None:
    catalog.hits = (make_hit("Table <script>"),)
    page = tmp_path / "page.html"
    done = shop(*words, "--catalog", "c", "--html", page)
    assert done.status == 0
    assert "Page written to" in done.err
    text = page.read_text("utf-8")
    assert "Table &lt;script&gt;" in text
    assert "<script" not in text
    assert "data:image/jpeg;base64," in text
    assert "often goes with a sofa" in text
    assert ("Goes with Sofa, &lt;grey&gt;" in text) == (words[0] == "goes-with")
    assert ("Total: 120.00 EUR" in text) == (words[0] == "outfit")


def test_an_outfit_is_told_with_its_total_and_what_replaces_each_piece(
    shop: Callable[..., Any], catalog: Any
) -> None:
    done = shop(
        *("outfit", "--like", "sofa", "--budget", "150", "--catalog", "c"),
        *("--replace", "rug=a=b", "--replace", "halı = r1", "--leave-out", "curtain"),
        *("--currency", "EUR", "-k", "3", "--where", "price < 9"),
    )
    assert done.status == 0
    assert catalog.asked == [
        {
            "like": "sofa",
            "photo": None,
            "budget": 150.0,
            "currency": "EUR",
            "limit": 3,
            "leave_out": ["curtain"],
            "replaced": {"rug": "a=b", "halı": "r1"},
            "where": "price < 9",
        }
    ]
    lines = done.out.splitlines()
    assert lines[0] == "coffee table: Stool, white, 120.00 EUR"
    assert lines[2] == ("     or Bench, oak, 99.00 EUR, total 99.00: --replace coffee-table=p-2")
    assert lines[3] == "Total: 120.00 of 150.00 EUR, without Sofa, grey itself."


def test_an_outfit_of_a_photo_is_told_as_json(
    shop: Callable[..., Any], catalog: Any, tmp_path: Path
) -> None:
    told = json.loads(shop("outfit", tmp_path / "room.jpg", "--catalog", "c", "--json").out)
    TypeAdapter(OutfitAnswer).validate_python(told)
    assert catalog.asked[0]["photo"] == tmp_path / "room.jpg"
    assert (told["like"], told["budget"], told["total"]) == (None, None, 120.0)
    assert told["pieces"][0]["alternatives"][0]["total"] == 99.0


def test_an_empty_outfit_says_so(shop: Callable[..., Any], catalog: Any) -> None:
    catalog.hits = ()
    done = shop("outfit", "--like", "sofa", "--catalog", "c")
    assert done.out.splitlines() == ["There is nothing to put together."]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "Give a PHOTO of a room"),
        (["room.jpg", "--like", "sofa"], "Leave one of the two out"),
        (["--like", "sofa", "--replace", "rug"], "KIND=PRODUCT_ID"),
        (["--like", "sofa", "--replace", "=r1"], "KIND=PRODUCT_ID"),
        (["--like", "sofa", "--budget", "much"], "--budget: 'much' is no price. Write it like"),
        (["--like", "sofa", "--budget", "%50"], "Write it like 45000.50, 45.000,50 or 1.500 TL."),
        (["--like", "sofa", "--budget", "50 TL", "--currency", "EUR"], "--budget is in TRY"),
        (["--like", "sofa", "--budget", "5 EUR USD"], "names 2 currencies, EUR and USD"),
        (["--like", "sofa", "--budget", "5 TL €"], "names 2 currencies, TRY and EUR"),
        (["--like", "sofa", "--budget", "0"], "--budget: 0 pays for nothing. Give an amount above"),
        (["--like", "sofa", "--budget", "0,00 TL"], "pays for nothing. Give an amount above 0"),
    ],
)
def test_what_does_not_fit_is_a_usage_error(
    shop: Callable[..., Any], catalog: Any, words: list[str], told: str
) -> None:
    done = shop("outfit", *words, "--catalog", "c")
    assert done.status == 2
    assert told in done.err
    assert catalog.asked == []


@pytest.mark.parametrize("words", [["goes-with", "sofa"], ["outfit", "--like", "sofa"]])
def test_a_refusal_is_one_sentence_and_exit_code_4(
    shop: Callable[..., Any], catalog: Any, words: list[str]
) -> None:
    catalog.error = InvalidQueryError("A budget of 1 is too small.")
    done = shop(*words, "--catalog", "c")
    assert (done.status, done.err.strip()) == (4, "error: A budget of 1 is too small.")


@pytest.mark.parametrize("words", [["goes-with", "sofa"], ["outfit", "--like", "sofa"]])
def test_options_are_named_as_they_are_typed(
    shop: Callable[..., Any], catalog: Any, make_hit: Callable[..., Any], words: list[str]
) -> None:
    catalog.hits, catalog.notes = (make_hit("Stool"),), ("Choose one with `currency`.",)
    assert shop(*words, "--catalog", "c").out.splitlines()[-1] == "Choose one with --currency."
    catalog.error = InvalidQueryError("Lower `limit`, or leave one out with `leave_out`: `x`.")
    done = shop(*words, "--catalog", "c")
    assert done.err.strip() == "error: Lower --limit, or leave one out with --leave-out: `x`."


def test_a_turkish_catalog_is_told_of_in_turkish_kinds_and_reasons(
    shop: Callable[..., Any],
    catalog: Any,
    make_hit: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr(catalog, "info", lambda: replace(INFO, language="turkish"))
    catalog.hits = (make_hit("Sehpa"),)
    catalog.notes = ("Nothing of the catalog goes with it as it was asked.",)
    page = tmp_path / "page.html"
    kind, why, *_, total, note = shop(
        *("outfit", "--like", "sofa", "--catalog", "c", "--html", page, "--budget", "1500")
    ).out.splitlines()
    assert kind == "orta sehpa: Sehpa, 120,00 EUR"
    assert total == "Toplam: 120,00 / bütçe 1.500,00 EUR, Sofa, grey hariç."
    assert why.endswith("Sıkça birlikte kullanılır: kanepe · O da meşe")
    assert note == "Katalogda bu koşullarla ona yakışan bir ürün yok."
    assert "<li>orta sehpa</li>" in page.read_text("utf-8")
    assert "Toplam: 120,00" in page.read_text("utf-8")
    catalog.hits = catalog.notes = ()
    empty = shop("outfit", "--like", "sofa", "--catalog", "c").out
    assert empty.startswith("Bir araya getirilecek bir şey yok.")
    assert shop("goes-with", "sofa", "--catalog", "c").out.startswith("Katalogda ona yakışan")
    catalog.hits = (make_hit("Sehpa"),)
    assert "Sıkça birlikte" in shop("goes-with", "sofa", "--catalog", "c").out


def test_rooms_detector_and_thesaurus_become_settings(
    shop: Callable[..., Any], catalog: Any, tmp_path: Path
) -> None:
    rooms = tmp_path / "rooms.jsonl"
    shop("outfit", "--like", "sofa", "--catalog", "c", "--rooms", rooms, "--detector", tmp_path)
    settings = catalog.opened[0]["settings"]
    assert (settings.rooms, settings.detector) == (rooms, tmp_path)
