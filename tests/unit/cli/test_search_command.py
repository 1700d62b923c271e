"""``search`` in all its forms but batches."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from furniture_prompter.domain.query import Crop
from furniture_prompter.errors import (
    CatalogMismatchError,
    EncoderDamagedError,
    FurniturePrompterError,
    InvalidFilterError,
    InvalidPhotoError,
    InvalidQueryError,
)


def test_every_option_reaches_the_catalog(catalog: Any, shop: Callable[..., Any]) -> None:
    done = shop(
        *("search", "in oak", "--catalog", "shop", "--photo", "c.jpg", "--photo-weight", "0.7"),
        *("--without", "metal", "--where", "price < 3", "-k", "7", "--encoder", "other"),
        *("--text-tower", "siglip", "--crop", "0.1,0.2,0.5,0.6", "--whole"),
    )
    assert done.status == 0
    assert catalog.asked == [
        {
            "prompt": "in oak",
            "photo": Path("c.jpg"),
            "crop": Crop(0.1, 0.2, 0.5, 0.6),
            "photo_weight": 0.7,
            "without": "metal",
            "where": "price < 3",
            "limit": 7,
            "whole": True,
        }
    ]
    assert catalog.opened[0]["path"] == Path("shop")
    assert catalog.opened[0]["encoder"] == "other"
    assert catalog.opened[0]["text_tower"] == "siglip"


@pytest.mark.parametrize(
    ("more", "status", "told"),
    [
        (("oak", "--crop", "0,0,1,1"), 2, "--photo it is cut"),
        (("--photo", "c.jpg", "--crop", "left half"), 4, "xywh=percent:10,20,50,60"),
        (("--batch", "q.jsonl", "--json", "--crop", "0,0,1,1"), 2, "leave out --crop"),
    ],
)
def test_a_crop_that_cannot_be_is_refused_with_the_cure(
    catalog: Any, shop: Callable[..., Any], more: tuple[str, ...], status: int, told: str
) -> None:
    done = shop("search", "--catalog", "shop", *more)
    assert (done.status, catalog.asked) == (status, [])
    assert told in " ".join(done.err.replace("│", " ").split())


def test_a_piece_without_a_photo_is_refused_with_the_cure(
    catalog: Any, shop: Callable[..., Any]
) -> None:
    done = shop("search", "oak", "--piece", "1", "--catalog", "shop")
    assert (done.status, catalog.asked) == (2, [])
    assert "Give the --photo it is part of" in " ".join(done.err.replace("│", " ").split())


def test_heat_that_no_output_shows_is_refused_with_the_cure(
    catalog: Any, shop: Callable[..., Any], tmp_path: Path
) -> None:
    done = shop("search", "--photo", "c.jpg", "--heat", "--catalog", "shop")
    assert (done.status, catalog.asked) == (2, [])
    assert "Add --html FILE, or --json" in " ".join(done.err.replace("│", " ").split())
    for more in (["--json"], ["--html", tmp_path / "hits.html"]):
        assert shop("search", "--photo", "c.jpg", "--heat", "--catalog", "shop", *more).status == 0
        assert catalog.asked[-1]["heat"] is True


@pytest.mark.parametrize("command", [("search", "--photo"), ("describe",), ("pieces",)])
def test_a_photo_by_its_address_is_told_as_it_was_written(
    catalog: Any, shop: Callable[..., Any], command: tuple[str, ...]
) -> None:
    more = () if command == ("pieces",) else ("--catalog", "shop")
    done = shop(*command, "https://shop.example/a.jpg", *more)
    assert (done.status, catalog.asked) == (2, [])
    told = " ".join(done.err.replace("│", " ").split())
    assert "https://shop.example/a.jpg is a web address" in told
    assert "Download the photo first" in told


def test_the_text_tower_may_be_named_in_the_environment(
    catalog: Any, shop: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FURNITURE_PROMPTER_TEXT_TOWER", "siglip")
    assert shop("search", "stool", "--catalog", "shop").status == 0
    assert catalog.opened[0]["text_tower"] == "siglip"


def test_the_catalog_may_be_named_in_the_environment(
    catalog: Any, shop: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FURNITURE_PROMPTER_CATALOG", "elsewhere")
    assert shop("search", "stool").status == 0
    assert catalog.opened[0]["path"] == Path("elsewhere")


def test_hits_are_told_with_rank_score_title_photo_and_what_matched(
    catalog: Any, shop: Callable[..., Any]
) -> None:
    catalog.notes = ("Words cannot search pictures here.",)
    done = shop("search", "stool", "--catalog", "shop")
    lines = done.out.splitlines()
    assert lines[0].split() == ["#", "score", "title", "category", "colour"]
    assert lines[1].split() == ["1", "2.90", "Stool,", "white", "stool", "white"]
    assert lines[2].strip() == "1.png · keyword, prompt-photo"
    assert any(line.startswith("photos in ") for line in lines)
    assert "2 hits in 2.5 ms (encode 1.0) · shop, version 3, efficientnet-lite2" in lines
    assert lines[-1] == "note: Words cannot search pictures here."
    assert done.err == ""


def test_piped_output_has_no_escape_sequence_and_cuts_nothing(
    catalog: Any, shop: Callable[..., Any], make_hit: Callable[..., Any]
) -> None:
    long = "A very long title that goes on " * 5
    catalog.hits = (make_hit(long.strip()),)
    out = shop("search", "stool", "--catalog", "shop").out
    assert "\x1b" not in out
    assert long.strip() in out
    assert "…" not in out


def test_no_hits_are_said_in_a_sentence(catalog: Any, shop: Callable[..., Any]) -> None:
    catalog.hits = ()
    done = shop("search", "stool", "--catalog", "shop", "--where", "price < 0")
    assert done.status == 0
    assert done.out.startswith("No product answers this query. Loosen --where.")


def test_json_is_exactly_one_object_on_one_line(catalog: Any, shop: Callable[..., Any]) -> None:
    done = shop("search", "tabure ışık", "--catalog", "shop", "--json")
    assert done.out.count("\n") == 1
    answered = json.loads(done.out)
    assert list(answered) == [
        *("query", "catalog", "hits", "timings_ms", "notes"),
        *("facets", "cursor", "understood", "did_you_mean", "close", "pieces"),
    ]
    assert "ışık" in done.out
    assert done.err == ""


def test_json_written_to_a_terminal_cannot_act_upon_it(
    catalog: Any, shop: Callable[..., Any], make_hit: Callable[..., Any]
) -> None:
    title = "a\x1b[31m\x9b31m\u202e\u2028\x7fz"
    catalog.hits = (make_hit(title),)
    out = shop("search", "stool", "--catalog", "shop", "--json").out
    assert json.loads(out)["hits"][0]["product"]["title"] == title
    assert not set(out) & set("\x1b\x9b\u202e\u2028\x7f")


def test_a_file_name_that_is_no_utf8_still_makes_valid_json(
    catalog: Any, shop: Callable[..., Any], make_hit: Callable[..., Any]
) -> None:
    catalog.hits = (make_hit(photo=Path("/shop/\udcff.jpg")),)
    out = shop("search", "stool", "--catalog", "shop", "--json").out
    assert json.loads(out)["hits"][0]["photo"] == "/shop/\udcff.jpg"


def test_a_gallery_is_written_beside_the_table(
    catalog: Any, shop: Callable[..., Any], tmp_path: Path
) -> None:
    page = tmp_path / "hits.html"
    done = shop("search", "stool", "--catalog", "shop", "--html", page)
    assert done.status == 0
    assert page.read_text("utf-8").startswith("<!doctype html>")
    assert f"Gallery written to {page}." in done.err
    assert [path.name for path in tmp_path.iterdir() if path.suffix in {".html", ".new"}] == [
        "hits.html"
    ]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "Give a PROMPT"),
        (["stool", "--html", "nowhere/hits.html"], "there is no folder"),
        (["stool", "--html", "."], "names a folder"),
        (["--batch", "q.jsonl"], "Add --json"),
        (["stool", "--batch", "q.jsonl", "--json"], "leave out PROMPT"),
        (["--photo", "a.jpg", "--html", "b", "--batch", "q", "--json"], "--photo, --html"),
        (["stool", "-k", "many"], "valid integer"),
        (["stool", "--colour"], "--colour"),
    ],
)
def test_a_command_given_wrongly_is_a_usage_error(
    catalog: Any, shop: Callable[..., Any], words: list[str], told: str
) -> None:
    done = shop("search", *words, "--catalog", "shop")
    assert done.status == 2
    assert told in " ".join(done.err.replace("│", " ").split())
    assert catalog.asked == []


def test_a_page_that_cannot_be_written_is_refused_before_the_search(
    catalog: Any, shop: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Root may write everywhere but where a disk is read-only.
    monkeypatch.setattr("os.access", lambda *_: False)
    done = shop("search", "stool", "--catalog", "shop", "--html", "hits.html")
    assert done.status == 2
    assert "nothing can be written to" in " ".join(done.err.replace("│", " ").split())
    assert catalog.asked == []


def test_a_setting_that_does_not_fit_is_a_usage_error_that_names_it(
    catalog: Any, shop: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FURNITURE_PROMPTER_THREADS", "several")
    done = shop("search", "stool", "--catalog", "shop")
    assert done.status == 2
    assert "FURNITURE_PROMPTER_THREADS" in done.err


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (InvalidQueryError("No words."), 4),
        (InvalidFilterError("Unknown column.\n  pirce\n  ^"), 4),
        (InvalidPhotoError("No photo."), 4),
        (CatalogMismatchError("Another encoder."), 5),
        (EncoderDamagedError("Altered."), 6),
        (OSError(28, "No space left on device"), 1),
    ],
)
def test_what_is_refused_is_one_message_and_its_exit_code(
    catalog: Any, shop: Callable[..., Any], error: Exception, status: int
) -> None:
    catalog.error = error
    done = shop("search", "stool", "--catalog", "shop")
    assert done.status == status
    assert done.out == ""
    assert "Traceback" not in done.err
    assert done.err.startswith(f"error: {error}")
    if isinstance(error, FurniturePrompterError):
        assert done.err == f"error: {error}\n"


def test_an_interrupt_says_that_the_catalog_stands(catalog: Any, shop: Callable[..., Any]) -> None:
    catalog.error = KeyboardInterrupt()
    done = shop("search", "stool", "--catalog", "shop")
    assert done.status == 130
    assert "previous version stands" in done.err
    assert "resumes" in done.err


def test_an_error_message_cannot_act_upon_the_terminal(
    catalog: Any, shop: Callable[..., Any]
) -> None:
    catalog.error = InvalidQueryError("bad \x1b]0;title\x07 [red]words[/red]")
    err = shop("search", "stool", "--catalog", "shop").err
    assert "\x1b" not in err
    assert "\x07" not in err
    assert "[red]words[/red]" in err


@pytest.mark.parametrize("given", ["0.3", "0,3", "30%", "%30", "% 30"])
def test_a_share_is_read_as_people_write_it(
    catalog: Any, shop: Callable[..., Any], given: str
) -> None:
    assert shop("search", "oak", "--diversity", given, "--catalog", "shop").status == 0
    assert catalog.asked[-1]["diversity"] == pytest.approx(0.3)


def test_what_is_no_share_is_refused_in_a_sentence(catalog: Any, shop: Callable[..., Any]) -> None:
    done = shop("search", "oak", "--diversity", "much", "--catalog", "shop")
    assert done.status == 2
    told = " ".join(done.err.replace("│", " ").split())
    assert "'much' is no number. Write it like 0.5 or 50%." in told
    assert catalog.asked == []
