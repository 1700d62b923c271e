"""``pieces``: boxes told, as JSON, and drawn on a page; and pieces among the hits of a search."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from rich.console import Console

from furniture_prompter.cli.hits_table import print_result
from furniture_prompter.domain import CatalogReference, Query, SearchResult
from furniture_prompter.domain.query import Crop, Piece, PieceHits
from tests.tiny_detector import write_detector

COUCH = ((16, 16, 48, 48), "couch", 0.9)
CHAIR = ((0, 0, 16, 16), "chair", 0.6)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "room.png"
    Image.new("RGB", (256, 256), (90, 120, 150)).save(path)
    return path


@pytest.fixture
def detector(tmp_path: Path) -> Path:
    return write_detector(tmp_path / "tiny", [COUCH, CHAIR])


def test_pieces_are_told_with_the_crop_that_search_takes(
    shop: Callable[..., Any], photo: Path, detector: Path
) -> None:
    done = shop("pieces", photo, "--detector", detector)
    assert done.status == 0
    assert done.out.splitlines() == [
        "1  couch 0.90  --crop 0.250,0.250,0.500,0.500",
        "2  chair 0.60  --crop 0.000,0.000,0.250,0.250",
    ]
    assert Crop.of_text(done.out.split()[4]) == Crop(0.25, 0.25, 0.5, 0.5)


def test_pieces_are_told_as_json(shop: Callable[..., Any], photo: Path, detector: Path) -> None:
    done = shop("pieces", photo, "--detector", detector, "--json")
    first, second = json.loads(done.out)["pieces"]
    assert list(first) == ["box", "score", "kind"]
    assert first["box"] == {"x": 0.25, "y": 0.25, "width": 0.5, "height": 0.5}
    assert second["kind"] == "chair"


def test_the_page_has_the_photo_and_a_number_in_every_box(
    shop: Callable[..., Any], photo: Path, tmp_path: Path
) -> None:
    evil = write_detector(
        tmp_path / "evil", [COUCH], kinds=["person", "chair", "<script>"], furniture=["<script>"]
    )
    # The network's third kind is what the card calls it.
    page = tmp_path / "pieces.html"
    assert shop("pieces", photo, "--detector", evil, "--html", page).status == 0
    text = page.read_text("utf-8")
    assert "data:image/jpeg;base64," in text
    assert "left:25.00%;top:25.00%;width:50.00%;height:50.00%" in text
    assert 'href="#piece-1"' in text
    assert "<b>1</b>" in text
    assert 'id="piece-1"' in text
    assert "&lt;script&gt;" in text
    assert "<script>" not in text


def test_the_detector_that_ships_is_asked_unless_another_is_named(
    shop: Callable[..., Any], photo: Path
) -> None:
    done = shop("pieces", photo)
    assert done.status == 0
    assert "--crop" in done.out


@pytest.mark.parametrize("by_option", [True, False])
def test_with_the_detector_switched_off_the_cure_is_told(
    shop: Callable[..., Any], photo: Path, monkeypatch: pytest.MonkeyPatch, by_option: bool
) -> None:
    if not by_option:
        monkeypatch.setenv("FURNITURE_PROMPTER_DETECTOR", "none")
    done = shop("pieces", photo, *(["--detector", "none"] if by_option else []))
    assert done.status == 4
    assert "--detector" in done.err


def test_a_detector_that_is_none_is_refused(
    shop: Callable[..., Any], photo: Path, tmp_path: Path
) -> None:
    done = shop("pieces", photo, "--detector", tmp_path)
    assert done.status == 6
    assert "docs/encoders.md" in done.err


def test_pieces_of_a_room_stand_above_what_the_whole_photo_finds(
    make_hit: Callable[..., Any],
) -> None:
    hit = dataclasses.replace(make_hit("Sofa, grey"), confidence=0.824)
    plain = make_hit("Sofa, blue")
    piece = Piece(Crop(0, 0, 0.5, 0.5), 0.83, "couch")
    result = SearchResult(
        query=Query(photo_name="room.jpg"),
        catalog=CatalogReference("shop", 1, "encoder"),
        hits=(make_hit("Fireplace, white"),),
        timings_ms={"total": 1.0},
        pieces=(
            PieceHits(piece, (hit, plain), close=True),
            PieceHits(piece, ()),
            PieceHits(piece, (hit,), close=False),
        ),
    )
    console = Console(width=200, record=True)
    print_result(result, console)
    told = console.export_text()
    assert "piece 1, couch 0.83: Sofa, grey (82% sure); Sofa, blue\n" in told
    assert "piece 2, couch 0.83: no product" in told
    assert "piece 3, couch 0.83, nothing close: Sofa, grey (82% sure)" in told
    order = ["piece 1,", "piece 2,", "--piece N", "the photo as a whole:", "Fireplace, white"]
    assert sorted(order, key=told.index) == order
    print_result(dataclasses.replace(result, pieces=()), console)
    assert "the photo as a whole" not in console.export_text()
