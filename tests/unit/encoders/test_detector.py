"""Pieces by a detector: boxes, duplicates, plain photos, and folders that are refused."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from furniture_prompter.domain.product import RgbImage
from furniture_prompter.encoders.card import CARD_FILE
from furniture_prompter.encoders.detector import (
    LEAST_SHARE,
    MOST_PIECES,
    ONNX_TENSORS,
    Detector,
    has_plain_border,
)
from furniture_prompter.errors import EncoderDamagedError, EncoderNotFoundError
from tests.tiny_detector import Found, write_detector, write_sides_detector

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


def test_distances_are_merged_from_half_of_their_union_on(tmp_path: Path) -> None:
    # 9 / 16 of their union is shared, which YOLOX's layout leaves apart.
    again: Found = ((8, 16, 24, 34), "couch", 0.6)
    apart = Detector.load(write_detector(tmp_path / "a", [CHAIR, again])).find(SQUARE)
    merged = Detector.load(write_sides_detector(tmp_path / "b", [CHAIR, again])).find(SQUARE)
    assert (len(apart), len(merged)) == (2, 1)


def test_all_cells_that_see_one_piece_say_its_kind(tmp_path: Path) -> None:
    (left, top, right, bottom), *_ = CHAIR
    seen: list[Found] = [((left, top, right, bottom), "chair", 0.9)]
    seen += [((left, top, right, bottom - step), "couch", 0.6) for step in (1, 2)]
    (found,) = Detector.load(write_sides_detector(tmp_path / "a", seen)).find(SQUARE)
    assert found.kind == "couch"
    assert found.score == pytest.approx(0.9)
    (surer,) = Detector.load(write_sides_detector(tmp_path / "b", seen[:2])).find(SQUARE)
    assert surer.kind == "chair"
    # Of another piece beside it nobody asks.
    (chair, *others) = Detector.load(
        write_sides_detector(tmp_path / "c", [seen[0], *[(COUCH[0], "couch", 0.6)] * 2])
    ).find(SQUARE)
    assert (chair.kind, [each.kind for each in others]) == ("chair", ["couch"])


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


def test_distances_become_the_same_boxes(tmp_path: Path) -> None:
    pieces = Detector.load(write_sides_detector(tmp_path, [COUCH, CHAIR])).find(SQUARE)
    assert [(piece.kind, piece.score) for piece in pieces] == [("chair", 0.9), ("couch", 0.7)]
    box = pieces[0].box
    assert (box.x, box.y, box.width, box.height) == pytest.approx((0.125, 0.25, 0.25, 0.5))


def test_distances_of_a_tall_photo_are_shares_of_its_own_sides(tmp_path: Path) -> None:
    tall = np.zeros((128, 64, 3), np.uint8)
    folder = write_sides_detector(tmp_path, [((0, 0, 16, 32), "chair", 0.9)])
    (piece,) = Detector.load(folder).find(tall)
    box = piece.box
    assert (box.x, box.y, box.width, box.height) == pytest.approx((0, 0, 0.5, 0.5))


@pytest.mark.parametrize(
    "box",
    [
        ((8, 8, 30, 30), "person", 0.9),  # no furniture
        ((8, 8, 30, 30), "chair", 0.1),  # not sure
        ((30, 8, 8, 30), "chair", 0.9),  # its right edge is left of its left one
        ((8, 8, float("nan"), 30), "chair", 0.9),
        ((8, 8, 30, 30), "chair", float("nan")),
        ((8, 8, 30, 30), "chair", float("inf")),
    ],
)
def test_distances_that_are_no_piece_are_left_out(tmp_path: Path, box: Found) -> None:
    folder = write_sides_detector(tmp_path, [box, COUCH])
    assert [piece.kind for piece in Detector.load(folder).find(SQUARE)] == ["couch"]


def test_how_sure_it_is_of_a_piece_is_not_lowered_by_doubt_of_its_kind(tmp_path: Path) -> None:
    folder = write_sides_detector(tmp_path, [CHAIR])
    model = onnx.load(folder / "tiny.onnx")
    boxes = next(each for each in model.graph.initializer if each.name == "boxes")
    values = numpy_helper.to_array(boxes).copy()
    values[0, 0, 5:] = 0.2, 0.45, 0.35
    boxes.CopyFrom(numpy_helper.from_array(values, "boxes"))
    data = model.SerializeToString()
    (folder / "tiny.onnx").write_bytes(data)
    card = json.loads((folder / CARD_FILE).read_text("utf-8"))
    card |= {"weights_sha256": hashlib.sha256(data).hexdigest(), "weights_bytes": len(data)}
    (folder / CARD_FILE).write_text(json.dumps(card), "utf-8")
    assert [(p.kind, p.score) for p in Detector.load(folder).find(SQUARE)] == [("chair", 0.9)]


def framed(border: int, inner: int, noisy: float = 0.0) -> RgbImage:
    """A photo with a border of one grey, a share of it not so, around another grey."""
    image = np.full((90, 120, 3), border, np.uint8)
    image[10:-10, 10:-10] = inner
    image[0, : int(noisy * 120)] = image[-1, : int(noisy * 120)] = 255 - border
    image[: int(noisy * 90), 0] = image[: int(noisy * 90), -1] = 255 - border
    return image


@pytest.mark.parametrize(
    ("image", "plain"),
    [
        (framed(250, 90), True),
        (framed(20, 200), True),
        (framed(250, 90, noisy=0.15), True),
        (framed(250, 90, noisy=0.3), False),
        (np.tile(np.arange(120, dtype=np.uint8)[None, :, None] * 2, (90, 1, 3)), False),
        (np.zeros((1, 1, 3), np.uint8), True),
    ],
)
def test_a_border_is_plain_where_nearly_all_of_it_has_one_colour(
    image: RgbImage, plain: bool
) -> None:
    assert has_plain_border(image) is plain


def test_a_plain_border_is_passed_only_where_the_card_says_so(tmp_path: Path) -> None:
    product, room = framed(250, 90), framed(250, 90, noisy=0.5)
    passing = Detector.load(write_sides_detector(tmp_path / "a", [CHAIR], passes_plain=True))
    looking = Detector.load(write_sides_detector(tmp_path / "b", [CHAIR]))
    assert passing.find(product) == ()
    assert len(passing.find(room)) == len(looking.find(product)) == 1


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
        ({"weights_file": "w\0.onnx"}, "plain name"),
        ({"weights_file": "w\n.onnx"}, "plain name"),
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


def write_weights(folder: Path, data: bytes) -> None:
    """Put others in place of a detector's weights, with its card told."""
    (folder / "tiny.onnx").write_bytes(data)
    card = json.loads((folder / CARD_FILE).read_text("utf-8"))
    card |= {"weights_sha256": hashlib.sha256(data).hexdigest(), "weights_bytes": len(data)}
    (folder / CARD_FILE).write_text(json.dumps(card), "utf-8")


# The last begins as a file in ONNX Runtime's own format does.
@pytest.mark.parametrize("data", [b"no graph", b"\x08\x08", b"\x20\0\0\0ORTM" + bytes(64)])
def test_weights_that_are_no_graph_are_refused(tmp_path: Path, data: bytes) -> None:
    write_detector(tmp_path, [CHAIR])
    write_weights(tmp_path, data)
    with pytest.raises(EncoderDamagedError, match="no graph that ONNX Runtime"):
        Detector.load(tmp_path)


@pytest.mark.parametrize(("axis", "left"), [(0, 0), (1, 0), (1, 83), (2, 0), (2, 4), (2, 7)])
def test_an_output_smaller_than_the_graph_says_is_refused(
    tmp_path: Path, axis: int, left: int
) -> None:
    model = onnx.load(write_detector(tmp_path, [CHAIR]) / "tiny.onnx")
    model.graph.node[-1].output[0] = "whole"
    # Where it ends hangs on the photo, so ONNX Runtime cannot know it before.
    model.graph.node.extend(
        [
            helper.make_node("Cast", ["zero"], ["none"], to=TensorProto.INT64),
            helper.make_node("Add", ["none", "left"], ["end"]),
            helper.make_node("Slice", ["whole", "start", "end", "axis"], ["output"]),
        ]
    )
    for name, value in (("left", left), ("start", 0), ("axis", axis)):
        model.graph.initializer.append(numpy_helper.from_array(np.array([value]), name))
    write_weights(tmp_path, model.SerializeToString())
    with pytest.raises(EncoderDamagedError, match=r"by its card it gives.*Export the network"):
        Detector.load(tmp_path).find(SQUARE)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf"), 3e38, -3e38])
@pytest.mark.parametrize("column", range(5))
def test_values_that_are_no_box_hide_no_other(tmp_path: Path, value: float, column: int) -> None:
    model = onnx.load(write_detector(tmp_path, [CHAIR, COUCH]) / "tiny.onnx")
    boxes = numpy_helper.to_array(model.graph.initializer[0]).copy()
    boxes[0, 0, column] = value
    model.graph.initializer[0].CopyFrom(numpy_helper.from_array(boxes, "boxes"))
    write_weights(tmp_path, model.SerializeToString())
    pieces = Detector.load(tmp_path).find(SQUARE)
    assert "couch" in [piece.kind for piece in pieces]
    assert np.isfinite([[p.score, p.box.x, p.box.width] for p in pieces]).all()


@pytest.mark.filterwarnings("error")
def test_a_score_that_is_no_number_hides_no_other_kinds(tmp_path: Path) -> None:
    model = onnx.load(write_detector(tmp_path, [CHAIR]) / "tiny.onnx")
    boxes = numpy_helper.to_array(model.graph.initializer[0]).copy()
    boxes[0, 0, 7] = float("nan")
    model.graph.initializer[0].CopyFrom(numpy_helper.from_array(boxes, "boxes"))
    write_weights(tmp_path, model.SerializeToString())
    assert [piece.kind for piece in Detector.load(tmp_path).find(SQUARE)] == ["chair"]


def outside(name: str) -> TensorProto:
    """A tensor whose values are in a file."""
    tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=[84])
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="outside.bin")
    return tensor


def in_initializer(model: onnx.ModelProto) -> None:
    model.graph.initializer.append(outside("more"))


def in_sparse_initializer(model: onnx.ModelProto) -> None:
    model.graph.sparse_initializer.add().values.CopyFrom(outside("more"))


def in_constant(model: onnx.ModelProto) -> None:
    model.graph.node.append(helper.make_node("Constant", [], ["more"], value=outside("more")))


def in_branch(model: onnx.ModelProto) -> None:
    given = helper.make_tensor_value_info("given", TensorProto.FLOAT, [84])
    branch = helper.make_graph(
        [helper.make_node("Identity", ["more"], ["given"])], "branch", [], [given]
    )
    branch.initializer.append(outside("more"))
    model.graph.initializer.append(numpy_helper.from_array(np.ones((), np.bool_), "yes"))
    model.graph.node.append(
        helper.make_node("If", ["yes"], ["unused"], then_branch=branch, else_branch=branch)
    )


def in_function(model: onnx.ModelProto) -> None:
    node = helper.make_node("Constant", [], ["more"], value=outside("more"))
    model.functions.append(
        helper.make_function("own", "Own", [], ["more"], [node], [helper.make_opsetid("", 17)])
    )


@pytest.mark.parametrize(
    "add", [in_initializer, in_sparse_initializer, in_constant, in_branch, in_function]
)
def test_a_graph_with_values_in_another_file_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, add: Any
) -> None:
    folder = write_detector(tmp_path / "detector", [CHAIR])
    model = onnx.load(folder / "tiny.onnx")
    add(model)
    write_weights(folder, model.SerializeToString())
    np.zeros(84, np.float32).tofile(tmp_path / "outside.bin")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(EncoderDamagedError, match=r"another file.*Save the network as one file"):
        Detector.load(folder)


def test_no_place_of_a_graph_that_can_hold_a_tensor_is_overlooked() -> None:
    """Of ONNX's own description, what leads from a model to a tensor is what is looked into."""
    reached: dict[str, Any] = {}
    todo = [onnx.ModelProto.DESCRIPTOR]
    while todo:
        message = todo.pop()
        if message.name not in reached:
            reached[message.name] = message
            todo += [field.message_type for field in message.fields if field.message_type]
    leads = {
        name: {(f.name, f.number, f.message_type.name) for f in message.fields if f.message_type}
        for name, message in reached.items()
    }
    holding = {"TensorProto"}
    while more := {n for n, fields in leads.items() if holding & {f[2] for f in fields}} - holding:
        holding |= more
    found = {
        name: {field for field in leads[name] if field[2] in holding}
        for name in holding - {"TensorProto"}
    }
    assert found == {name: set(fields) for name, fields in ONNX_TENSORS.items()}
    assert reached["TensorProto"].fields_by_name["data_location"].number == 14
