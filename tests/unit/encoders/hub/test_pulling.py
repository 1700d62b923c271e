import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from furniture_prompter.distillation.networks import build_backbone
from furniture_prompter.distillation.networks.student import Backbone, parameter_count
from furniture_prompter.encoders.card import EncoderCard, Preprocessing
from furniture_prompter.encoders.hub.catalogue import known_teacher
from furniture_prompter.encoders.hub.encoder import load_hub_encoder
from furniture_prompter.encoders.hub.pulling import pull
from furniture_prompter.encoders.registry import cached_cards, encoder_folder
from furniture_prompter.errors import EncoderDamagedError, EncoderError, EncoderNotFoundError
from tests.tiny_checkpoints import edit_json, split_weights

pytestmark = pytest.mark.usefixtures("no_network")

IMAGE = np.random.default_rng(5).integers(0, 256, (40, 50, 3)).astype(np.uint8)


@pytest.fixture
def checkpoint(checkpoints: Path, tmp_path: Path) -> Path:
    """A SigLIP checkpoint to break."""
    return Path(shutil.copytree(checkpoints / "siglip", tmp_path / "checkpoint"))


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "not" / "there" / "yet"


def test_the_card_says_what_was_pulled(checkpoint: Path, cache: Path) -> None:
    card = pull("tiny", cache=cache, source=checkpoint)

    assert EncoderCard.load(cache / "tiny") == card
    assert (card.runtime, card.architecture, card.kind) == ("hub", "siglip", "image")
    assert card.encodes_prompts
    assert card.source == "Pulled from the folder checkpoint"
    assert card.dimension == 32
    assert card.preprocessing is not None
    assert (card.preprocessing.side_px, card.preprocessing.fit) == (32, "squash")
    assert set(card.other_files) == {
        "config.json",
        "preprocessor_config.json",
        "special_tokens_map.json",
        "tokenizer.json",
        "tokenizer_config.json",
    }
    card.verify_files(cache / "tiny")
    assert encoder_folder("tiny", cache) == cache / "tiny"
    assert cached_cards(cache) == (card,)


def test_only_the_files_an_encoder_needs_are_taken(checkpoint: Path, cache: Path) -> None:
    (checkpoint / "README.md").write_text("hello")
    (checkpoint / "modeling.py").write_text("raise SystemExit")
    (checkpoint / "pytorch_model.bin").write_bytes(b"\x80\x04pickle")
    card = pull("tiny", cache=cache, source=checkpoint)
    names = {path.name for path in (cache / "tiny").iterdir()}
    assert names == {"card.json", card.weights_file, *card.other_files}


def test_pulling_again_takes_the_place_of_the_old_one(cache: Path, checkpoints: Path) -> None:
    first = pull("tiny", cache=cache, source=checkpoints / "siglip")
    second = pull("tiny", cache=cache, source=checkpoints / "resnet")
    assert first.weights_sha256 != second.weights_sha256
    assert EncoderCard.load(cache / "tiny") == second
    assert not (cache / "tiny" / "tokenizer.json").exists()
    assert [path.name for path in cache.iterdir()] == ["tiny"]


def test_a_pull_that_fails_leaves_the_old_one_in_place(
    checkpoint: Path, cache: Path, checkpoints: Path
) -> None:
    first = pull("tiny", cache=cache, source=checkpoints / "siglip")
    (checkpoint / "model.safetensors").unlink()
    with pytest.raises(EncoderError):
        pull("tiny", cache=cache, source=checkpoint)
    assert EncoderCard.load(cache / "tiny") == first
    assert [path.name for path in cache.iterdir()] == ["tiny"]
    first.verify_files(cache / "tiny")


def test_shards_become_one_file_with_the_same_vectors(
    checkpoint: Path, cache: Path, pulled: Path
) -> None:
    split_weights(checkpoint)
    card = pull("sharded", cache=cache, source=checkpoint)
    assert card.weights_file == "model.safetensors"
    assert "model-00001-of-00002.safetensors" in card.source_sha256
    assert not list((cache / "sharded").glob("*-of-*"))
    np.testing.assert_array_equal(
        load_hub_encoder(cache / "sharded").encode([IMAGE]),
        load_hub_encoder(pulled / "siglip").encode([IMAGE]),
    )


def test_a_missing_shard_is_named(checkpoint: Path, cache: Path) -> None:
    split_weights(checkpoint)
    (checkpoint / "model-00002-of-00002.safetensors").unlink()
    with pytest.raises(EncoderError, match="model-00002-of-00002"):
        pull("tiny", cache=cache, source=checkpoint)


@pytest.mark.parametrize(
    "index",
    [
        {"weight_map": {"a": "../../elsewhere.safetensors"}},
        {"weight_map": {"a": "model.bin"}},
        {"weight_map": {}},
        {"weight_map": ["a"]},
        {},
    ],
)
def test_an_index_of_shards_that_names_no_files_beside_it_is_refused(
    index: dict[str, Any], checkpoint: Path, cache: Path
) -> None:
    (checkpoint / "model.safetensors").unlink()
    (checkpoint / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(EncoderDamagedError, match="again"):
        pull("tiny", cache=cache, source=checkpoint)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "weights.pkl", "model.ckpt"])
def test_pickled_weights_are_refused(name: str, checkpoint: Path, cache: Path) -> None:
    (checkpoint / "model.safetensors").rename(checkpoint / name)
    with pytest.raises(EncoderError, match=f"{name} only.*Only safetensors is taken"):
        pull("tiny", cache=cache, source=checkpoint)


def test_a_folder_without_weights_is_refused(checkpoint: Path, cache: Path) -> None:
    (checkpoint / "model.safetensors").unlink()
    with pytest.raises(EncoderError, match=r"no model\.safetensors"):
        pull("tiny", cache=cache, source=checkpoint)


def test_a_folder_without_a_configuration_is_refused(checkpoint: Path, cache: Path) -> None:
    (checkpoint / "config.json").unlink()
    with pytest.raises(EncoderError, match=r"holds no config\.json"):
        pull("tiny", cache=cache, source=checkpoint)


def test_a_folder_that_is_not_there_is_refused(cache: Path, tmp_path: Path) -> None:
    with pytest.raises(EncoderNotFoundError, match="no folder"):
        pull("tiny", cache=cache, source=tmp_path / "nowhere")


@pytest.mark.parametrize("text", ["{", "[]", "", "\x00", "[" * 100_000])
@pytest.mark.parametrize("name", ["config.json", "preprocessor_config.json"])
def test_broken_json_is_refused_with_the_files_name(
    name: str, text: str, checkpoint: Path, cache: Path
) -> None:
    (checkpoint / name).write_text(text)
    with pytest.raises(EncoderDamagedError, match=name):
        pull("tiny", cache=cache, source=checkpoint)


@pytest.mark.parametrize("kept", [0, 7, 100, 0.5, 0.999])
def test_truncated_weights_are_refused(kept: float, checkpoint: Path, cache: Path) -> None:
    path = checkpoint / "model.safetensors"
    data = path.read_bytes()
    path.write_bytes(data[: int(kept * len(data)) if 0 < kept < 1 else int(kept)])
    with pytest.raises(EncoderDamagedError, match="truncated or no safetensors"):
        pull("tiny", cache=cache, source=checkpoint)


def test_pickled_bytes_under_the_name_of_safetensors_are_refused(
    checkpoint: Path, cache: Path
) -> None:
    torch.save({"a": torch.zeros(3)}, checkpoint / "model.safetensors")
    with pytest.raises(EncoderDamagedError, match="no safetensors file"):
        pull("tiny", cache=cache, source=checkpoint)


def test_weights_of_another_network_are_refused(
    checkpoint: Path, cache: Path, checkpoints: Path
) -> None:
    shutil.copy(checkpoints / "resnet" / "model.safetensors", checkpoint)
    with pytest.raises(EncoderDamagedError, match=r"lack .* of the vision tower"):
        pull("tiny", cache=cache, source=checkpoint)


def test_weights_without_the_text_tower_are_refused(checkpoint: Path, cache: Path) -> None:
    path = checkpoint / "model.safetensors"
    tensors = load_file(path)
    save_file({name: t for name, t in tensors.items() if "text_model" not in name}, path)
    with pytest.raises(EncoderDamagedError, match="of the text tower"):
        pull("tiny", cache=cache, source=checkpoint)


def test_weights_of_another_shape_are_refused(checkpoint: Path, cache: Path) -> None:
    path = checkpoint / "model.safetensors"
    tensors = load_file(path)
    name = "vision_model.embeddings.patch_embedding.weight"
    save_file(tensors | {name: tensors[name][:, :, :4].contiguous()}, path)
    with pytest.raises(EncoderDamagedError, match=r"shape \(32, 3, 4, 8\) in the weights"):
        pull("tiny", cache=cache, source=checkpoint)


def test_weights_that_are_not_numbers_are_refused(checkpoint: Path, cache: Path) -> None:
    path = checkpoint / "model.safetensors"
    tensors = load_file(path)
    tensors["vision_model.post_layernorm.weight"].fill_(torch.nan)
    save_file(tensors, path)
    with pytest.raises(EncoderError, match="not finite"):
        pull("tiny", cache=cache, source=checkpoint)
    assert not (cache / "tiny").exists()


def test_quantised_weights_are_refused(checkpoint: Path, cache: Path) -> None:
    path = checkpoint / "model.safetensors"
    tensors = load_file(path)
    name = "vision_model.embeddings.patch_embedding.weight"
    save_file(tensors | {name: tensors[name].to(torch.int8)}, path)
    with pytest.raises(EncoderError, match=f"{name} as I8: the weights are quantised"):
        pull("tiny", cache=cache, source=checkpoint)


def test_weights_in_half_precision_are_taken(checkpoint: Path, cache: Path, pulled: Path) -> None:
    path = checkpoint / "model.safetensors"
    save_file({name: tensor.half() for name, tensor in load_file(path).items()}, path)
    pull("half", cache=cache, source=checkpoint)
    encoder = load_hub_encoder(cache / "half", device="cpu")
    exact = load_hub_encoder(pulled / "siglip", device="cpu").encode([IMAGE])
    assert (encoder.encode([IMAGE]) @ exact.T).item() > 0.9999
    assert encoder.image_network.tower.dtype == torch.float32


def test_shards_that_are_too_large_together_are_refused(
    checkpoint: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    split_weights(checkpoint)
    sizes = [path.stat().st_size for path in checkpoint.glob("*-of-*")]
    monkeypatch.setattr(
        "furniture_prompter.encoders.hub.checkpoint.LIMIT_WEIGHTS_BYTES", max(sizes) + 1
    )
    with pytest.raises(EncoderError, match="all shards"):
        pull("tiny", cache=cache, source=checkpoint)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"model_type": "bert"}, "'bert', which is no teacher here"),
        ({"model_type": None}, "None, which is no teacher here"),
        ({"model_type": "siglip2"}, "NaFlex"),
        ({"quantization_config": {"bits": 4}}, "quantised"),
        ({"vision_config": {"hidden_size": 33, "num_attention_heads": 2}}, "cannot be built"),
        ({"vision_config": {"hidden_size": "wide"}}, "cannot be built"),
        ({"vision_config": {"hidden_act": "abracadabra"}}, "cannot be built"),
        ({"vision_config": {"hidden_size": 32, "num_hidden_layers": 10**9}}, "more than 256"),
        ({"vision_config": 5}, "cannot be built"),
        ({"text_config": {"hidden_size": 64, "num_attention_heads": 2}}, "64"),
    ],
)
def test_a_configuration_of_no_teacher_is_refused(
    changes: dict[str, Any], sentence: str, checkpoint: Path, cache: Path
) -> None:
    edit_json(checkpoint / "config.json", **changes)
    with pytest.raises(EncoderError, match=sentence):
        pull("tiny", cache=cache, source=checkpoint)


def test_code_that_a_checkpoint_brings_is_never_run(checkpoint: Path, cache: Path) -> None:
    edit_json(
        checkpoint / "config.json",
        auto_map={"AutoModel": "evil.Model", "AutoConfig": "evil.Config"},
    )
    (checkpoint / "evil.py").write_text("raise SystemExit('ran')")
    assert pull("tiny", cache=cache, source=checkpoint).dimension == 32


def test_a_missing_tokenizer_is_refused_with_the_cure(checkpoint: Path, cache: Path) -> None:
    (checkpoint / "tokenizer.json").rename(checkpoint / "spiece.model")
    with pytest.raises(EncoderDamagedError, match=r"no tokenizer\.json.*--revision"):
        pull("tiny", cache=cache, source=checkpoint)


def test_a_damaged_tokenizer_is_refused(checkpoint: Path, cache: Path) -> None:
    (checkpoint / "tokenizer.json").write_text("{}")
    with pytest.raises(EncoderDamagedError, match=r"tokenizer\.json is no tokenizer"):
        pull("tiny", cache=cache, source=checkpoint)


def test_a_tokenizer_with_more_pieces_than_the_text_tower_is_refused(
    checkpoint: Path, cache: Path
) -> None:
    edit_json(
        checkpoint / "tokenizer.json",
        added_tokens=[_added(number) for number in range(1, 40)],
    )
    with pytest.raises(EncoderDamagedError, match="word pieces and the text tower 96"):
        pull("tiny", cache=cache, source=checkpoint)


def test_a_special_token_the_tokenizer_lacks_is_refused(checkpoint: Path, cache: Path) -> None:
    edit_json(checkpoint / "tokenizer_config.json", pad_token="<filling>")  # noqa: S106 - a token
    with pytest.raises(EncoderDamagedError, match="'<filling>' as pad_token"):
        pull("tiny", cache=cache, source=checkpoint)


def test_image_settings_that_do_not_fit_the_network_are_refused(
    checkpoint: Path, cache: Path
) -> None:
    edit_json(checkpoint / "preprocessor_config.json", size={"height": 64, "width": 64})
    with pytest.raises(EncoderDamagedError, match=r"takes 32 px .* give 64 px"):
        pull("tiny", cache=cache, source=checkpoint)


def test_missing_image_settings_are_refused(checkpoint: Path, cache: Path) -> None:
    (checkpoint / "preprocessor_config.json").unlink()
    with pytest.raises(EncoderDamagedError, match=r"no preprocessor_config\.json"):
        pull("tiny", cache=cache, source=checkpoint)


@pytest.mark.parametrize("name", ["resnet50", "google/siglip2-base-patch16-224"])
def test_a_known_name_takes_only_the_network_it_stands_for(
    name: str, checkpoints: Path, cache: Path
) -> None:
    known = known_teacher(name)
    assert known is not None
    wanted = f"{known.family} with {known.dimension}"
    with pytest.raises(EncoderError, match=f"by that name, {wanted}"):
        pull(name, cache=cache, source=checkpoints / "siglip")


@pytest.mark.parametrize("name", ["", "..", ".hidden", "a b", "ä", "x" * 101, "a/", "tab\tname"])
def test_a_name_that_is_no_folder_name_is_refused(
    name: str, checkpoints: Path, cache: Path
) -> None:
    with pytest.raises(EncoderError, match="no name for an encoder"):
        pull(name, cache=cache, source=checkpoints / "siglip")
    assert not cache.exists()


@pytest.mark.parametrize("name", ["default", "efficientnet-lite2"])
def test_the_name_of_an_encoder_that_ships_is_refused(
    name: str, checkpoints: Path, cache: Path
) -> None:
    with pytest.raises(EncoderError, match="ships"):
        pull(name, cache=cache, source=checkpoints / "siglip")


def test_an_unknown_name_lists_the_known_ones(cache: Path) -> None:
    with pytest.raises(EncoderNotFoundError, match="resnet50, siglip2-base-patch16-224"):
        pull("clipp", cache=cache)


def test_a_revision_means_nothing_to_a_folder(checkpoint: Path, cache: Path) -> None:
    with pytest.raises(EncoderError, match="--from"):
        pull("tiny", cache=cache, source=checkpoint, revision="main")


def test_a_link_out_of_the_folder_is_not_followed(
    checkpoint: Path, cache: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside.safetensors"
    (checkpoint / "model.safetensors").rename(outside)
    (checkpoint / "model.safetensors").symlink_to(outside)
    with pytest.raises(EncoderError, match="link to a file outside"):
        pull("tiny", cache=cache, source=checkpoint)


def test_a_folder_that_holds_something_else_is_not_replaced(checkpoint: Path, cache: Path) -> None:
    (cache / "tiny").mkdir(parents=True)
    (cache / "tiny" / "letters.txt").write_text("dear")
    with pytest.raises(EncoderError, match="holds no encoder"):
        pull("tiny", cache=cache, source=checkpoint)
    assert (cache / "tiny" / "letters.txt").read_text() == "dear"


def test_a_cache_that_cannot_be_written_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    with pytest.raises(EncoderError, match="FURNITURE_PROMPTER_ENCODER_CACHE"):
        pull("tiny", cache=blocked / "cache", source=checkpoint)


def test_a_file_larger_than_its_kind_may_be_is_not_copied(
    checkpoint: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("furniture_prompter.encoders.hub.checkpoint.LIMIT_JSON_BYTES", 100)
    with pytest.raises(EncoderError, match=r"config\.json in the folder checkpoint has"):
        pull("tiny", cache=cache, source=checkpoint)


@pytest.mark.parametrize(("name", "width"), [("resnet18", 512), ("resnet50", 2048)])
def test_weights_in_timms_names_give_the_vectors_of_the_network_they_are_of(
    name: str, width: int, tmp_path: Path
) -> None:
    network = _save_timm(name, tmp_path / "timm")

    card = pull("teacher", cache=tmp_path / "cache", source=tmp_path / "timm")

    assert (card.dimension, card.architecture) == (width, "resnet")
    assert card.parameters == parameter_count(network)
    # 64 / 0.95 px, of which the network sees the centre.
    assert card.preprocessing == Preprocessing(side_px=67, fit="crop", resampling="bicubic")
    square = np.random.default_rng(2).integers(0, 256, (67, 67, 3)).astype(np.uint8)
    given = load_hub_encoder(tmp_path / "cache" / "teacher").encode([square])
    values = torch.from_numpy(square[1:65, 1:65].copy()).permute(2, 0, 1)[None]
    scale = torch.tensor(network.scale).view(1, 3, 1, 1)
    with torch.inference_mode():
        features = network((values - torch.tensor(network.mean).view(1, 3, 1, 1)) / scale)
    wanted = features.mean(dim=(2, 3)).numpy()
    np.testing.assert_allclose(given, wanted / np.linalg.norm(wanted), atol=1e-4)


def _save_timm(name: str, folder: Path) -> Backbone:
    """Random weights as timm lays a checkpoint out on the hub, with a classifier."""
    torch.manual_seed(3)
    network = build_backbone(name).eval()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, 0.5, 1.0)
            assert module.running_mean is not None
            assert module.running_var is not None
            torch.nn.init.uniform_(module.running_mean, -0.1, 0.1)
            torch.nn.init.uniform_(module.running_var, 0.1, 1.0)
    folder.mkdir()
    classifier = {"fc.weight": torch.zeros(4, network.width), "fc.bias": torch.zeros(4)}
    tensors = network.state_dict() | classifier
    # Older files have no count of batches, which nothing needs after training.
    kept = {name: value for name, value in tensors.items() if "num_batches" not in name}
    save_file(kept, folder / "model.safetensors")
    images = {
        "input_size": [3, 64, 64],
        "crop_pct": 0.95,
        "interpolation": "bicubic",
        "mean": [0.485, 0.456, 0.406],
        "std": [0.229, 0.224, 0.225],
    }
    config = {"architecture": name, "num_features": network.width, "pretrained_cfg": images}
    (folder / "config.json").write_text(json.dumps(config))
    return network


def _added(number: int) -> dict[str, Any]:
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    return {"id": 200 + number, "content": f"<extra{number}>", "special": True, **flags}
