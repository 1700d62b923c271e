"""The table of hits, on terminals of all kinds."""

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console

from furniture_prompter.cli.hits_table import print_result, understood_text
from furniture_prompter.domain import SearchResult, Variant
from furniture_prompter.understanding.prompts import understand

Draw = Callable[..., str]


@pytest.fixture
def draw(catalog: Any) -> Draw:
    def drawn(*hits: Any, **terminal: Any) -> str:
        catalog.hits = hits
        result: SearchResult = catalog.search("stool", limit=10)
        options = {"force_terminal": True, "color_system": "truecolor", "width": 80, **terminal}
        console = Console(file=io.StringIO(), highlight=False, markup=False, **options)
        print_result(result, console)
        text = console.file
        assert isinstance(text, io.StringIO)
        return text.getvalue()

    return drawn


def test_a_terminal_with_colours_shows_the_photos_colour(draw: Draw, make_hit: Any) -> None:
    assert "\x1b[48;2;180;30;30m" in draw(make_hit(colour=(180, 30, 30)))


def test_no_color_shows_none(draw: Draw, make_hit: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[48" not in draw(make_hit())


def test_a_photo_that_is_gone_costs_its_colours_only(draw: Draw, make_hit: Any) -> None:
    out = draw(make_hit(photo=Path("/gone/a.jpg")))
    assert "Stool, white" in out
    assert "\x1b[48" not in out


def test_a_hit_links_to_its_photo(draw: Draw, make_hit: Any) -> None:
    hit = make_hit()
    assert Path(hit.photo.path).as_uri() in draw(hit)


def test_a_title_line_fits_eighty_columns(draw: Draw, make_hit: Any) -> None:
    hit = make_hit("Çok uzun bir başlık " * 8, category="side table " * 4, color="dark wood " * 6)
    out = draw(hit, color_system=None, force_terminal=True)
    title = next(line for line in out.splitlines() if "Çok uzun" in line)
    assert max(cell_len(line) for line in out.splitlines()[:3]) <= 80
    assert title.count("…") == 3


@pytest.mark.parametrize(
    "title",
    [
        "\x1b[2J\x1b]8;;http://evil\x1b\\Chair",
        "Chair\r\nforged line",
        "Chair\x9b31m",
        "\u202eriahC",
    ],
)
def test_a_title_cannot_act_upon_the_terminal(draw: Draw, make_hit: Any, title: str) -> None:
    out = draw(make_hit(title), color_system=None, force_terminal=False)
    assert not set(out) & set("\x1b\r\x9b\u202e")
    assert not any(line.startswith("forged") for line in out.splitlines())


def test_markup_in_a_title_is_words(draw: Draw, make_hit: Any) -> None:
    out = draw(make_hit("[bold red]Sale[/] :smile: [link=http://evil]x[/link]"), width=200)
    assert "[bold red]Sale[/] :smile: [link=http://evil]x[/link]" in out


def test_prices_have_a_column_where_the_feed_gives_any(draw: Draw, make_hit: Any) -> None:
    hits = [make_hit(attributes={"price": 1299.5}), make_hit(attributes={"sale_price": 89})]
    heading, first, _, second, *_ = draw(*hits, make_hit(), color_system=None).splitlines()
    assert heading.endswith("price")
    assert first.rstrip().endswith("1,299.5")
    assert second.rstrip().endswith("89")


def test_the_variant_that_the_photo_shows_is_told_in_words(draw: Draw, make_hit: Any) -> None:
    grey = Variant("g", options={"Renk": "Açık gri", "Size": "XL"}, attributes={"price": 1599.0})
    plain = Variant("g-2", color="grey\x1b[2J")
    hits = [replace(make_hit(), variant=variant) for variant in (grey, plain, None)]
    out = draw(*hits, color_system=None, force_terminal=False, width=200)
    assert ".png · in Açık gri / XL, 1,599 · keyword" in out
    assert " · in grey" in out
    assert "\x1b" not in out
    assert ".png · keyword" in out


def test_a_reduced_price_is_what_it_costs(draw: Draw, make_hit: Any) -> None:
    told = {"price": 8482.53, "sale_price": 7210.15, "currency": "TRY"}
    _, first, *_ = draw(make_hit(attributes=told), color_system=None).splitlines()
    assert first.rstrip().endswith("7,210.15 TRY")
    assert "8,482.53" not in first


def test_without_prices_there_is_no_column_for_them(draw: Draw, make_hit: Any) -> None:
    heading = draw(make_hit(attributes={"width_cm": 40.0}), color_system=None).splitlines()[0]
    assert heading.split() == ["#", "score", "title", "category", "colour"]


def test_a_price_is_not_cut_where_eighty_columns_are_short(draw: Draw, make_hit: Any) -> None:
    hit = make_hit("Long title " * 9, color="dark wood " * 6, attributes={"price": 1234567.89})
    lines = draw(hit, color_system=None).splitlines()[:2]
    assert lines[1].rstrip().endswith("1,234,567.89")
    assert max(cell_len(line) for line in lines) <= 80


def test_a_price_is_told_with_its_currency(draw: Draw, make_hit: Any) -> None:
    lira = make_hit(attributes={"price": 14999.9, "currency": "TRY"})
    euro = make_hit(attributes={"price": 899.0, "currency": "EUR"})
    _, first, _, second, *_ = draw(lira, euro, color_system=None).splitlines()
    assert first.rstrip().endswith("14,999.90 TRY")
    assert second.rstrip().endswith("899 EUR")


@pytest.mark.parametrize(
    ("prompt", "told"),
    [
        ("mavi olmayan gri kanepe", "without blue (“mavi”), color grey (“gri”)"),
        (
            "ucuz siyah masa 120 cm altında",
            "low price (“ucuz”), color black (“siyah”), width under 120 cm",
        ),
        ("kolsuz sandalye stokta", "without “kol”, in stock (“stokta”)"),
        (
            "black oak table in stock, not glossy",
            "color black, material oak, in stock, without “glossy”",
        ),
    ],
)
def test_what_was_understood_is_told_in_english_with_the_prompts_own_words_in_quotes(
    catalog: Any, prompt: str, told: str
) -> None:
    result = catalog.search(prompt, limit=1)
    assert understood_text(replace(result, understood=understand(prompt).parts)) == told
