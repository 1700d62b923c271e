"""What cells should say of a photo: which answer for a piece, and of what nothing is asked."""

import numpy as np
import pytest

from tools.proposer_builder.pieces import KINDS
from tools.proposer_builder.rendering import Box
from tools.proposer_builder.targets import EMPTY, IGNORED, STRIDES, cells, mirrored, targets

SIDE = 128
WHOLE = (SIDE, SIDE)


def test_cells_are_those_of_all_strides_row_by_row() -> None:
    middles, strides = cells(SIDE)
    assert len(middles) == sum((SIDE // stride) ** 2 for stride in STRIDES)
    assert middles[1].tolist() == [12, 4]
    assert strides[-1] == 64
    assert middles[-1].tolist() == [96, 96]


def test_a_cell_in_the_middle_of_a_piece_says_how_far_its_sides_are() -> None:
    told = targets([Box(0.25, 0.25, 0.5, 0.75, "bed")], WHOLE, SIDE)
    middles, _ = cells(SIDE)
    answering = np.flatnonzero(told.kinds >= 0)
    assert len(answering)
    for cell in answering:
        x, y = middles[cell]
        assert told.sides[cell] == pytest.approx([x - 32, y - 32, 64 - x, 96 - y])
        assert KINDS[told.kinds[cell]] == "bed"
    assert (told.kinds[np.setdiff1d(np.arange(len(middles)), answering)] == EMPTY).all()


def test_large_pieces_are_answered_by_coarse_cells_and_small_ones_by_fine() -> None:
    _, strides = cells(SIDE)
    large = targets([Box(0, 0, 1, 1, "bed")], (640, 640), 640)
    small = targets([Box(0.4, 0.4, 0.6, 0.6, "lamp")], WHOLE, SIDE)
    assert set(cells(640)[1][large.kinds >= 0]) == {64}
    assert 8 in set(strides[small.kinds >= 0])


def test_of_two_pieces_in_one_place_the_smaller_is_answered_for() -> None:
    boxes = [Box(0.3, 0.3, 0.6, 0.6, "seat"), Box(0.1, 0.1, 0.9, 0.9, "bed")]
    told = targets(boxes, WHOLE, SIDE)
    alone = targets(boxes[:1], WHOLE, SIDE)
    chosen = alone.kinds >= 0
    assert (told.kinds[chosen] == KINDS.index("seat")).all()
    assert (told.kinds == KINDS.index("bed")).any()


def test_of_what_counts_as_no_piece_nothing_is_asked() -> None:
    told = targets([Box(0.25, 0.25, 0.75, 0.75, "seat", counts=False)], WHOLE, SIDE)
    middles, _ = cells(SIDE)
    inside = ((middles > 32) & (middles < 96)).all(axis=1)
    assert (told.kinds[inside] == IGNORED).all()
    assert (told.kinds[~inside] == EMPTY).all()


def test_a_thin_piece_between_the_middles_of_all_cells_is_answered_for() -> None:
    told = targets([Box(0.5, 0.1, 0.51, 0.9, "lamp")], WHOLE, SIDE)
    assert (told.kinds == KINDS.index("lamp")).any()


def test_shares_are_of_the_photo_and_not_of_its_square() -> None:
    told = targets([Box(0, 0, 1, 1, "bed")], (128, 64), SIDE)
    middles, _ = cells(SIDE)
    answering = told.kinds >= 0
    assert (middles[answering, 1] < 64).all()


def test_a_mirror_changes_left_and_right_alone() -> None:
    (box,) = mirrored([Box(0.1, 0.2, 0.4, 0.9, "seat", counts=False)])
    assert (box.left, box.top, box.right, box.bottom) == pytest.approx((0.6, 0.2, 0.9, 0.9))
    assert (box.kind, box.counts) == ("seat", False)
