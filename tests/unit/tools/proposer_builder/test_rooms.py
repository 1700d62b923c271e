"""Drawn rooms: what an id pass sees becomes boxes, and a number gives the same room again."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.unit.tools.catalog_builder.furniture_source import write_source
from tools.proposer_builder import pairs, rendering, solids
from tools.proposer_builder.drawing import Camera, Drawer, Lamp, Placed
from tools.proposer_builder.pieces import Tiles, thing
from tools.proposer_builder.rendering import boxes_of, whole_boxes
from tools.proposer_builder.shell import Room
from tools.proposer_builder.solids import Style

GREY = Style((0.5, 0.5, 0.5))


@pytest.fixture
def tiles(tmp_path: Path) -> Path:
    for name in ("Wood", "Fabric", "WoodFloor"):
        (tmp_path / "tiles" / name).mkdir(parents=True)
        for number in range(9):
            image = Image.new("RGB", (8, 8), (90 + number, 70, 50))
            image.save(tmp_path / "tiles" / name / f"{name}_{number}.jpg")
    return tmp_path / "tiles"


def test_a_piece_is_told_by_the_box_of_what_is_seen_of_it() -> None:
    numbers = np.zeros((100, 200), np.int64)
    numbers[20:60, 50:150] = 1
    numbers[70:75, 10:20] = 2  # too little
    (box, small) = boxes_of(numbers, ["seat", "table", "bed"], {})
    assert (box.left, box.top, box.right, box.bottom) == (0.25, 0.2, 0.75, 0.6)
    assert (box.kind, box.counts) == ("seat", True)
    assert (small.kind, small.counts) == ("table", False)


def test_a_piece_that_is_hidden_for_the_most_part_does_not_count() -> None:
    numbers = np.zeros((100, 100), np.int64)
    numbers[20:40, 20:40] = 1
    (shown,) = boxes_of(numbers, ["bed"], {1: (0.2, 0.2, 0.5, 0.5)})
    (hidden,) = boxes_of(numbers, ["bed"], {1: (0.1, 0.1, 0.6, 0.6)})
    assert shown.counts
    assert not hidden.counts


def test_an_id_pass_sees_each_piece_where_it_stands(tmp_path: Path, tiles: Path) -> None:
    near = Placed(
        [solids.cuboid((40, 40, 40), (0, 0, 0), Style((1, 1, 1), glow=1))], 17, 0, (-50, 0, 0)
    )
    far = Placed([solids.cuboid((40, 40, 40), (0, 0, 0), GREY)], 33, 30, (50, 0, 0))
    wall = Placed(
        [
            solids.quad(
                [(-200, -100, -90), (200, -100, -90), (200, 200, -90), (-200, 200, -90)], GREY
            )
        ]
    )
    eye = Camera((0, 20, 300), (0, 20, 0), 40)
    drawer = Drawer(Tiles(tiles, held_out=False))
    lamps = [Lamp((0, 200, 200), (1, 1, 1), 0.5)]
    ((pixels, numbers),) = drawer.draw([wall, near, far], lamps, 0.4, [(eye, 160, 120)])
    assert pixels.shape == (120, 160, 3)
    assert set(np.unique(numbers).tolist()) == {0, 17, 33}
    whole = whole_boxes([wall, near, far], eye, 160 / 120)
    for number, left in ((17, True), (33, False)):
        rows, columns = np.nonzero(numbers == number)
        assert bool(columns.max() < 80) is left
        seen = (
            columns.min() / 160,
            rows.min() / 120,
            (columns.max() + 1) / 160,
            (rows.max() + 1) / 120,
        )
        assert seen == pytest.approx(whole[number], abs=0.02)


def test_what_stands_on_the_floor_keeps_its_place_free() -> None:
    room = Room(400, 400, 250)
    box = thing("table", [solids.cuboid((100, 70, 60), (5, 3, 9), GREY)])
    assert box.size == pytest.approx((100, 70, 60))
    assert room.put(box, 0, 0, 0) == 1
    assert room.put(box, 60, 0, 0) is None
    assert room.put(box, 0, 70, 0) == 2
    # Turned, it is as deep as it was wide.
    assert room.put(box, 100, 0, 90) is not None
    assert room.put(box, 190, -100, 0) is None  # through the wall
    assert room.kinds == ["table"] * 3


def test_a_camera_sees_what_it_looks_at_in_the_middle() -> None:
    eye = Camera((100, 150, 300), (0, 50, -20), 45)
    (middle, behind) = eye.project(np.array([[0, 50, -20], [200, 250, 620]]), 1.5)
    assert middle == pytest.approx([0.5, 0.5])
    assert np.isnan(behind).all()


@pytest.mark.parametrize(
    "make",
    [
        solids.cabinet,
        solids.shelves,
        solids.table,
        solids.bed,
        solids.sofa,
        solids.chair,
        solids.lamp,
    ],
)
def test_furniture_that_is_put_together_stands_and_faces_outwards(make: object) -> None:
    assert callable(make)
    for seed in range(12):
        parts = make(np.random.default_rng(seed), [GREY] * 6)
        built = thing("seat", parts)
        assert min(built.size) > 10 and max(built.size) < 400, (seed, built.size)  # noqa: PT018
        assert min(part.points[:, 1].min() for part in built.solids) == pytest.approx(0, abs=1e-3)
        for part in built.solids:
            assert len(part.points) == len(part.normals) == len(part.uvs)
            assert np.isfinite(part.normals).all()


def test_a_drawn_set_goes_on_where_it_stopped(tmp_path: Path, tiles: Path) -> None:
    write_source(tmp_path, with_broken=False)

    def drawn(folder: Path, count: int) -> list[dict[str, object]]:
        rendering.render(
            folder, count, source=tmp_path, tiles_folder=tiles, held_out=False, seed=4, views=2,
            report=lambda _: None,
        )  # fmt: skip
        return [
            json.loads(line) for line in (folder / "boxes.jsonl").read_text("utf-8").splitlines()
        ]

    once = drawn(tmp_path / "once", 4)
    first = drawn(tmp_path / "twice", 1)
    assert len(first) < len(once)
    assert drawn(tmp_path / "twice", 4) == once
    name = str(once[0]["image"])
    assert (tmp_path / "once" / name).read_bytes() == (tmp_path / "twice" / name).read_bytes()
    with Image.open(tmp_path / "once" / name) as image:
        assert max(image.size) == rendering.LONG_SIDE


def test_pieces_are_drawn_in_their_room_and_alone_before_white(
    tmp_path: Path, tiles: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_source(tmp_path, with_broken=False)
    monkeypatch.setattr(pairs, "ROOMS", 2)

    def drawn() -> str:
        pairs.draw_pairs(
            tmp_path / "pairs", source=tmp_path, tiles_folder=tiles, report=lambda _: None
        )
        return (tmp_path / "pairs" / pairs.LISTING).read_text("utf-8")

    told = drawn()
    assert len(told.splitlines()) == 2
    assert drawn() == told
    found = list(pairs.read_pairs(tmp_path / "pairs"))
    assert found
    for in_room, alone in found:
        assert (alone[0] == 255).all()
        assert (alone < 255).any()
        assert in_room.shape != alone.shape
