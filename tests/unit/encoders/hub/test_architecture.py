import json
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import CLIPConfig, ResNetConfig, SiglipConfig

from furniture_prompter.encoders.hub.architecture import Architecture, read_architecture
from furniture_prompter.encoders.hub.catalogue import TEACHERS
from furniture_prompter.encoders.hub.encoder import pooled


def _defaults(configuration: Any) -> dict[str, Any]:
    return dict(configuration().to_dict())


# The real configurations, as their papers and transformers' own defaults give them; weights are
# never needed for a count or a shape.
_LARGE = {"hidden_size": 1024, "intermediate_size": 4096}
_LARGE |= {"num_hidden_layers": 24, "num_attention_heads": 16}
_SO400M = {"hidden_size": 1152, "intermediate_size": 4304}
_SO400M |= {"num_hidden_layers": 27, "num_attention_heads": 16}
_GEMMA = {"vocab_size": 256_000}
CONFIGURATIONS: dict[str, dict[str, Any]] = {
    "resnet50": _defaults(ResNetConfig),
    "siglip-base-patch16-224": _defaults(SiglipConfig),
    "siglip2-base-patch16-224": {"model_type": "siglip", "text_config": _GEMMA},
    "siglip2-large-patch16-256": {
        "model_type": "siglip",
        "text_config": _LARGE | _GEMMA,
        "vision_config": _LARGE | {"image_size": 256},
    },
    "siglip2-so400m-patch14-384": {
        "model_type": "siglip",
        "text_config": _SO400M | _GEMMA,
        "vision_config": _SO400M | {"image_size": 384, "patch_size": 14},
    },
    "clip-vit-base-patch32": _defaults(CLIPConfig),
}
MILLIONS = {
    "resnet50": 23.508032,
    # By the hub's count of the published files, less what no tower has: temperature and bias.
    "siglip-base-patch16-224": 203.155968,
    "clip-vit-base-patch32": 151.277312,
    "siglip2-base-patch16-224": 375.187968,
}


def _read(name: str, tmp_path: Path) -> Architecture:
    (tmp_path / "config.json").write_text(json.dumps(CONFIGURATIONS[name]))
    return read_architecture(tmp_path)


@pytest.mark.parametrize("name", TEACHERS)
def test_the_real_configurations_are_what_the_catalogue_says(name: str, tmp_path: Path) -> None:
    known, architecture = TEACHERS[name], _read(name, tmp_path)
    assert architecture.family == known.family
    assert architecture.dimension == known.dimension
    assert architecture.side_px in {None, known.side_px}
    assert ("text" in architecture.towers) == (known.family != "resnet")


@pytest.mark.parametrize("name", MILLIONS)
def test_the_real_networks_have_the_parameters_their_publishers_count(
    name: str, tmp_path: Path
) -> None:
    architecture = _read(name, tmp_path)
    shapes: dict[str, tuple[int, ...]] = {}
    for tower in architecture.towers:
        prefix = "" if architecture.family == "clip" else _PREFIXES[architecture.family, tower]
        for key, value in architecture.build(tower).state_dict().items():
            shapes[prefix + key] = tuple(value.shape)
    assert architecture.check_tensors(shapes) == round(MILLIONS[name] * 1e6)


_PREFIXES = {
    ("resnet", "vision"): "resnet.",
    ("siglip", "vision"): "vision_model.",
    ("siglip", "text"): "text_model.",
}


@pytest.mark.parametrize("name", TEACHERS)
def test_the_real_networks_give_vectors_of_the_dimension_the_catalogue_says(
    name: str, tmp_path: Path
) -> None:
    known, architecture = TEACHERS[name], _read(name, tmp_path)
    with torch.device("meta"):
        photos = torch.zeros(2, 3, known.side_px, known.side_px)
        rows = torch.zeros(2, architecture.text_tokens, dtype=torch.int64)
    vision: Any = architecture.build("vision")
    assert pooled(vision.eval()(photos)).shape == (2, known.dimension)
    if known.family == "siglip":
        assert architecture.text_tokens == 64
        text: Any = architecture.build("text")
        assert pooled(text.eval()(input_ids=rows)).shape == (2, known.dimension)


@pytest.mark.parametrize(
    ("checkpoint", "place"),
    [
        ("conv1.weight", "embedder.embedder.convolution.weight"),
        ("bn1.running_var", "embedder.embedder.normalization.running_var"),
        ("layer2.0.conv3.weight", "encoder.stages.1.layers.0.layer.2.convolution.weight"),
        ("layer3.5.bn1.bias", "encoder.stages.2.layers.5.layer.0.normalization.bias"),
        ("layer1.0.downsample.0.weight", "encoder.stages.0.layers.0.shortcut.convolution.weight"),
        ("layer1.0.downsample.1.bias", "encoder.stages.0.layers.0.shortcut.normalization.bias"),
    ],
)
def test_timms_names_become_those_of_the_network(
    checkpoint: str, place: str, tmp_path: Path
) -> None:
    (tmp_path / "config.json").write_text('{"architecture": "resnet50"}')
    architecture = read_architecture(tmp_path)
    assert architecture.timm
    assert architecture.place_of(checkpoint) == ("vision", place)
    assert architecture.place_of("fc.weight") is None
    assert place in architecture.build("vision").state_dict()
