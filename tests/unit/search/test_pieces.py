"""Pieces of a room: when they are looked for, and what is asked for each."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from furniture_prompter.domain import Query
from furniture_prompter.domain.query import Crop, LookedAt, Piece
from furniture_prompter.encoders.detector import Detector
from furniture_prompter.errors import InvalidQueryError
from furniture_prompter.search.pieces import (
    box_of,
    is_room,
    looks_for_pieces,
    pieces_in,
    query_of_piece,
)
from tests.tiny_detector import write_sides_detector

PHOTO = np.zeros((8, 8, 3), np.uint8)


def piece(width: float, height: float) -> Piece:
    return Piece(Crop(0, 0, width, height), 0.9, "sofa")


@pytest.mark.parametrize(
    ("pieces", "room"),
    [
        ([], False),
        ([piece(1, 0.5)], False),
        ([piece(0.99, 0.5)], True),
        ([piece(1, 1)], False),
        ([piece(1, 1), piece(1, 1)], True),
    ],
)
def test_a_room_has_several_pieces_or_one_that_fills_less_than_half(
    pieces: list[Piece], room: bool
) -> None:
    assert is_room(pieces) is room


def test_pieces_are_looked_for_in_a_whole_photo_on_its_first_page() -> None:
    whole = Query(photo=PHOTO)
    assert looks_for_pieces(whole)
    assert looks_for_pieces(replace(whole, looked_at=LookedAt(Crop(0, 0, 1, 0.5), 90)))
    for cut in (
        replace(whole, crop=Crop(0, 0, 1, 0.5)),
        replace(whole, whole=True),
        replace(whole, piece=1),
        replace(whole, cursor="next"),
    ):
        assert not looks_for_pieces(cut)


def test_pieces_of_a_screenshot_are_those_within_its_picture(tmp_path: Path) -> None:
    boxes = [((0, 0, 16, 64), "couch", 0.9), ((32, 32, 64, 64), "chair", 0.8)]
    page = np.full((600, 300, 3), 20, np.uint8)
    page[100:300] = np.random.default_rng(1).integers(40, 256, (200, 300, 3), np.uint8)
    detector = Detector.load(write_sides_detector(tmp_path / "two", boxes))
    found = pieces_in(detector, page, asked=False)
    # Of a picture that is wider than high the network's lower third is empty.
    assert [each.kind for each in found] == ["couch", "chair"]
    tops = [each.box.y for each in found]
    assert tops == pytest.approx([1 / 6, 1 / 6 + 0.75 / 3], abs=0.01)
    assert found[0].box.height == pytest.approx(1 / 3, abs=0.01)
    # One that fills the picture is what the screenshot is of, however small it is in the page.
    alone = Detector.load(write_sides_detector(tmp_path / "one", [((0, 0, 60, 40), "couch", 0.9)]))
    assert pieces_in(alone, page, asked=False) == ()
    assert len(pieces_in(alone, page, asked=True)) == 1


def test_each_piece_is_asked_for_by_its_box_and_a_few_hits() -> None:
    looked_at = LookedAt(None, 90)
    query = Query(photo=PHOTO, limit=20, facets=("color",), looked_at=looked_at, heat=True)
    asked = query_of_piece(query, piece(0.5, 0.5))
    assert asked.crop == Crop(0, 0, 0.5, 0.5)
    assert (asked.photo, asked.looked_at, asked.facets, asked.limit) == (None, None, (), 5)
    assert not asked.heat
    assert query_of_piece(replace(query, limit=3), piece(1, 1)).limit == 3


def test_a_piece_is_named_by_its_number_from_one() -> None:
    pieces = [piece(0.1, 0.1), piece(0.2, 0.2)]
    assert box_of(pieces, 1) == pieces[0].box
    assert box_of(pieces, 2) == pieces[1].box
    with pytest.raises(InvalidQueryError, match="no piece 3: only 2 were found"):
        box_of(pieces, 3)
    with pytest.raises(InvalidQueryError, match="no piece 1: none was found"):
        box_of([], 1)
