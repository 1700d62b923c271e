"""Pieces by a detector of the user's own: boxes, duplicates, and folders that are refused."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from furniture_prompter.domain.product import RgbImage
from furniture_prompter.encoders.card import CARD_FILE
from furniture_prompter.encoders.detector import LEAST_SHARE, MOST_PIECES, Detector
from furniture_prompter.errors import EncoderDamagedError, EncoderNotFoundError
from tests.tiny_detector import Found, write_detector

SQUARE: RgbImage = np.zeros((128, 128, 3), np.uint8)
CHAIR: Found = ((8, 16, 24, 48), "chair", 0.9)
COUCH: Found = ((32, 32, 64, 56), "couch", 0.7)


def found(folder: Path, *boxes: Found, image: RgbImage = SQUARE) -> list[tuple[str, float]]:
    pieces = Detector.load(write_detector(folder, boxes)).find(image)
    return [(piece.kind, piece.score) for piece in pieces]


def test_boxes_are_shares_of_the_photo_the_surest_first(tmp_path: Path) -> None:
    pieces = Detector.load(write_detector(tmp_path, [COUCH, CHAIR])).find(SQUARE)
    assert [piece.kind for piece in pieces] == ["chair", "couch"]
    assert [piece.score for piece in pieces] == pytest.approx([0.9, 0.7])
    box = pieces[0].box
    assert (box.x, box.y, box.width, box.height) == pytest.approx((0.125, 0.25, 0.25, 0.5))


def test_a_wide_photo_lies_at_the_upper_left_of_the_square(tmp_path: Path) -> None:
    wide = np.zeros((64, 128, 3), np.uint8)
    (piece,) = Detector.load(write_detector(tmp_path, [((0, 0, 32, 16), "chair", 0.9)])).find(wide)
    box = piece.box
    assert (box.x, box.y, box.width, box.height) == pytest.approx((0, 0, 0.5, 0.5))


def test_two_boxes_of_one_piece_are_merged_whatever_their_kinds(tmp_path: Path) -> None:
    again: Found = ((8, 16, 24, 46), "couch", 0.6)
    assert [kind for kind, _ in found(tmp_path, CHAIR, again)] == ["chair"]


@pytest.mark.parametrize(
    "box",
    [
        ((8, 8, 30, 30), "person", 0.9),  # no furniture
        ((8, 8, 30, 30), "chair", 0.1),  # not sure
        ((8, 8, 9, 9), "chair", 0.9),  # too small
        ((80, 80, 100, 100), "chair", 0.9),  # beside the photo
        ((8, 8, 30, 30), "chair", float("nan")),
    ],
)
def test_what_is_no_piece_is_left_out(tmp_path: Path, box: Found) -> None:
    assert LEAST_SHARE > 1 / 64**2
    assert found(tmp_path, box) == []


def test_boxes_end_at_the_photos_edges(tmp_path: Path) -> None:
    (piece,) = Detector.load(write_detector(tmp_path, [((-20, 10, 90, 50), "couch", 0.9)])).find(
        SQUARE
    )
    assert piece.box.x == 0
    assert piece.box.width == 1


def test_no_more_than_the_most_pieces_are_told(tmp_path: Path) -> None:
    boxes: list[Found] = [
        ((8 * (n % 8), 8 * (n // 8), 8 * (n % 8) + 7, 8 * (n // 8) + 7), "chair", 0.9 - n / 100)
        for n in range(40)
    ]
    assert len(found(tmp_path, *boxes)) == MOST_PIECES


def test_a_folder_without_a_card_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EncoderNotFoundError, match=r"docs/encoders\.md"):
        Detector.load(tmp_path)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"layout": "nanodet"}, "layout"),
        ({"side_px": 50}, "multiple of 32"),
        ({"furniture": ["wardrobe"]}, "furniture must name"),
        ({"weights_file": "../tiny.onnx"}, "plain name"),
        ({"weights_sha256": "0" * 64}, "not the file"),
        ({"weights_bytes": 5}, "not the file"),
        ({"weights_bytes": 10**12}, "at most"),
        ({"kinds": ["chair", "couch"]}, "by its card it takes"),
        ({"side_px": 96}, "by its card it takes"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_a_card_that_does_not_fit_is_refused(
    tmp_path: Path, changes: dict[str, object], told: str
) -> None:
    write_detector(tmp_path, [CHAIR], **changes)
    with pytest.raises(EncoderDamagedError, match=told):
        Detector.load(tmp_path)


def test_weights_that_are_no_graph_are_refused(tmp_path: Path) -> None:
    write_detector(tmp_path, [CHAIR])
    (tmp_path / "tiny.onnx").write_bytes(b"no graph")
    card = json.loads((tmp_path / CARD_FILE).read_text("utf-8"))
    card |= {"weights_sha256": hashlib.sha256(b"no graph").hexdigest(), "weights_bytes": 8}
    (tmp_path / CARD_FILE).write_text(json.dumps(card), "utf-8")
    with pytest.raises(EncoderDamagedError, match="no graph that ONNX Runtime"):
        Detector.load(tmp_path)
