import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import numpy_helper
from PIL import Image

from furniture_prompter import encoders
from furniture_prompter.distillation.export import Parity
from furniture_prompter.domain.catalog import Projection
from furniture_prompter.encoders.card import ColourPart, EmbeddingSpace, identity_of
from furniture_prompter.encoders.onnx_encoder import OnnxEncoder
from furniture_prompter.errors import DistillationError
from tests.unit.tools.encoder_builder.tiny import some_images, tiny_network
from tools.encoder_builder import build as build_module
from tools.encoder_builder.__main__ import main
from tools.encoder_builder.build import Recipe, build
from tools.encoder_builder.graph import Head, PartAxes, build_graph

RECIPE = Recipe(
    side_px=64,
    head=Head("gem3", "mean", colour_weight=1.0),
    components=16,
    colour_components=8,
    colour_share=0.3,
    noise_ridge=3.0,
    float_blocks=1,
)


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    folder = tmp_path / "catalog"
    (folder / "images").mkdir(parents=True)
    rows = []
    for number, image in enumerate(some_images(40, 64)):
        names = [f"images/{number}-{view}.png" for view in range(2)]
        Image.fromarray(image).save(folder / names[0])
        Image.fromarray(np.ascontiguousarray(image[:, ::-1])).save(folder / names[1])
        rows.append(json.dumps({"id": str(number), "category": "block", "images": names}))
    (folder / "products.jsonl").write_text("\n".join(rows), encoding="utf-8")
    return folder


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace the networks, which need packages that tests do not have, and PyTorch with them."""

    def same_as_exported(encoder: OnnxEncoder, *_: Any) -> Parity:
        del encoder
        return Parity(1.0, 1.0)

    monkeypatch.setattr(build_module, "load_network", lambda *_, **__: tiny_network())
    monkeypatch.setattr(build_module, "_export_parity", same_as_exported)
    monkeypatch.setattr(build_module, "CALIBRATION_IMAGES", 16)


def test_a_build_that_passes_writes_an_encoder_that_loads(tmp_path: Path, catalog: Path) -> None:
    told: list[str] = []
    target = tmp_path / "weights" / "tiny"
    card = build(RECIPE, target, catalog=catalog, ikea_dev=None, report=told.append)
    assert OnnxEncoder.load(target).card == card
    assert card.name == "tiny"
    assert card.figures["int8_mean_cosine"] >= 0.98
    assert "float_catalog_other_view_r_at_1" in card.figures
    assert "float_held_out_other_view_r_at_1" in card.figures
    assert card.dimension == 16 + 8
    assert card.colour_part == ColourPart(8, RECIPE.colour_share)
    # Eight of 40 models are held out, at two views each.
    assert card.training["axes"]["fitted_on"] == "64 renders of 32 products"
    assert {"JPEG", "int8", "other views"} < set(card.training["axes"]["noise"])
    assert any("other views of the catalog alone" in line for line in told)
    assert [path.name for path in target.parent.iterdir()] == ["tiny"]


def int8_weights(weights: Path) -> dict[str, int]:
    """Name of each int8 weight → its greatest absolute value."""
    return {
        tensor.name: int(np.abs(numpy_helper.to_array(tensor).astype(np.int16)).max())
        for tensor in onnx.load(weights).graph.initializer
        if tensor.data_type == onnx.TensorProto.INT8 and len(tensor.dims) > 1
    }


def test_weights_have_seven_bits_and_colours_projection_and_first_blocks_stay_float(
    tmp_path: Path, catalog: Path
) -> None:
    build(RECIPE, tmp_path / "tiny", catalog=catalog, ikea_dev=None, report=lambda _: None)
    found = int8_weights(tmp_path / "tiny" / "encoder.onnx")
    first, *others = (layer.name for block in tiny_network().blocks for layer in block.layers)
    assert sorted(found) == sorted(f"{name}.weight_quantized" for name in others)
    assert first not in others
    assert all(60 <= greatest <= 64 for greatest in found.values())


def test_the_encoder_that_ships_saturates_on_no_processor() -> None:
    folder = Path(encoders.__file__).parent / "weights" / "efficientnet-lite2"
    found = int8_weights(folder / "encoder.onnx")
    assert len(found) == 58
    assert max(found.values()) == 64


def test_a_build_may_ask_the_catalogs_of_an_earlier_one_that_it_is_near_to(
    tmp_path: Path, catalog: Path
) -> None:
    given: dict[str, Any] = {"catalog": catalog, "ikea_dev": None, "report": lambda _: None}
    target = tmp_path / "tiny"
    first = build(RECIPE, target, **given)
    finer = replace(RECIPE, float_blocks=2)
    second = build(finer, target, space_of=target, **given)
    assert second.weights_sha256 != first.weights_sha256
    assert identity_of(second).shares_space_with(identity_of(first))
    assert second.figures["earlier_build_mean_cosine"] >= 0.98
    third = build(RECIPE, target, space_of=target, **given)
    assert (
        third.space
        == second.space
        == EmbeddingSpace("tiny", identity_of(first).space_id, ColourPart(8, RECIPE.colour_share))
    )


def test_a_build_far_from_the_earlier_one_is_refused(
    tmp_path: Path, catalog: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: dict[str, Any] = {"catalog": catalog, "ikea_dev": None, "report": lambda _: None}
    build(RECIPE, tmp_path / "tiny", **given)
    plain = replace(RECIPE, head=Head("mean", "gem3", colour_weight=1.0))
    with pytest.raises(DistillationError, match="is not the float one"):
        build(plain, tmp_path / "other", space_of=tmp_path / "tiny", **given)
    assert not (tmp_path / "other").exists()


def test_a_build_with_nothing_left_to_quantise_is_refused(
    tmp_path: Path, catalog: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--catalog", str(catalog), "--out", str(tmp_path / "t")]
    code = main(
        [
            "build",
            "--side-px",
            "64",
            "--components",
            "24",
            "--colour-components",
            "8",
            "--float-blocks",
            "99",
            *where,
        ]
    )
    assert code == 1
    assert "int8 has nothing to gain" in capsys.readouterr().err
    assert not (tmp_path / "t").exists()


def test_a_measuring_set_adds_its_figures(tmp_path: Path, catalog: Path) -> None:
    target = tmp_path / "weights" / "tiny"
    card = build(RECIPE, target, catalog=catalog, ikea_dev=catalog, report=lambda _: None)
    assert card.figures["ikea_dev_same_type_p_at_5"] == 1.0


def test_a_float_build_is_smaller_in_steps_and_larger_in_bytes(
    tmp_path: Path, catalog: Path
) -> None:
    recipe = Recipe(side_px=64, head=Head(), components=0, int8=False)
    card = build(recipe, tmp_path / "f", catalog=catalog, ikea_dev=None, report=lambda _: None)
    assert "int8_mean_cosine" not in card.figures
    assert "float" in card.description


def test_a_refused_build_leaves_the_old_encoder_and_no_rubbish(
    tmp_path: Path, catalog: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "weights" / "tiny"
    build(RECIPE, target, catalog=catalog, ikea_dev=None, report=lambda _: None)
    before = {path.name: path.read_bytes() for path in target.iterdir()}
    monkeypatch.setattr(build_module, "_export_parity", lambda *_: Parity(0.99, 0.98))
    with pytest.raises(DistillationError):
        build(RECIPE, target, catalog=catalog, ikea_dev=None, report=lambda _: None)
    assert {path.name: path.read_bytes() for path in target.iterdir()} == before
    assert [path.name for path in target.parent.iterdir()] == ["tiny"]


def test_a_second_build_replaces_the_first_and_gives_the_same_bytes(
    tmp_path: Path, catalog: Path
) -> None:
    target = tmp_path / "weights" / "tiny"
    contents: list[dict[str, bytes]] = []
    for _ in range(2):
        build(RECIPE, target, catalog=catalog, ikea_dev=None, report=lambda _: None)
        contents.append({path.name: path.read_bytes() for path in target.iterdir()})
    assert contents[0] == contents[1]


def axes_of(model: onnx.ModelProto) -> PartAxes | None:
    """The axes that a graph was built with."""
    held = {each.name: numpy_helper.to_array(each) for each in model.graph.initializer}
    if "projection.axes" not in held:
        return None
    shape = Projection(held["projection.axes"].astype(np.float32), held["projection.offset"])
    return PartAxes(shape, held["projection.colour_axes"], RECIPE.colour_share)


def test_vectors_that_quantisation_ruined_are_refused(
    tmp_path: Path, catalog: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ruined(model: Any, images: list[NDArray[np.uint8]], **_: Any) -> onnx.ModelProto:
        del images
        other = tiny_network()
        for block in other.blocks:
            for layer in block.layers:
                layer.weight[:] = -layer.weight
        return build_graph(other, 64, RECIPE.head, axes_of(model))

    monkeypatch.setattr(build_module, "quantise", ruined)
    with pytest.raises(DistillationError, match="int8"):
        build(RECIPE, tmp_path / "t", catalog=catalog, ikea_dev=None, report=lambda _: None)
    assert not (tmp_path / "t").exists()


def test_the_command_ends_with_one_when_a_gate_refuses(
    tmp_path: Path,
    catalog: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(build_module, "_export_parity", lambda *_: Parity(0.99, 0.98))
    where = ["--catalog", str(catalog), "--out", str(tmp_path / "t")]
    code = main(
        ["build", "--side-px", "64", "--components", "12", "--colour-components", "8", *where]
    )
    assert code == 1
    assert "Nothing was written" in capsys.readouterr().err


def test_a_catalog_of_fewer_images_than_components_is_refused(
    tmp_path: Path, catalog: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--catalog", str(catalog), "--out", str(tmp_path / "t")]
    code = main(["build", "--side-px", "64", "--float-blocks", "1", *where])
    assert code == 1
    assert "more images or fewer components" in capsys.readouterr().err
    assert not (tmp_path / "t").exists()


def test_a_catalog_without_images_is_refused(tmp_path: Path) -> None:
    (tmp_path / "products.jsonl").write_text("", encoding="utf-8")
    with pytest.raises(FileNotFoundError, match="names no image"):
        build(RECIPE, tmp_path / "t", catalog=tmp_path, ikea_dev=None, report=lambda _: None)
