import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from tokenizers import Tokenizer
from transformers import CLIPModel, PreTrainedTokenizerFast, ResNetModel, SiglipModel
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.convnext.image_processing_pil_convnext import ConvNextImageProcessorPil
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

from furniture_prompter.encoders.hub.architecture import load_tower
from furniture_prompter.encoders.hub.encoder import HubEncoder, batch_images, load_hub_encoder
from furniture_prompter.encoders.protocols import CrossModalEncoder, Encoder
from furniture_prompter.encoders.registry import load_encoder
from furniture_prompter.errors import EncoderDamagedError, EncoderError

ENCODER = "furniture_prompter.encoders.hub.encoder"
PROMPTS = ["a white oak chair", "sofa", "A Lamp!", "table " * 40]

REFERENCES: Mapping[str, tuple[Any, Any]] = {
    "siglip": (SiglipModel, SiglipImageProcessorPil),
    "siglip2": (SiglipModel, SiglipImageProcessorPil),
    "clip": (CLIPModel, CLIPImageProcessorPil),
    "resnet": (ResNetModel, ConvNextImageProcessorPil),
}


@pytest.fixture(scope="module")
def photos() -> list[NDArray[np.uint8]]:
    """A ramp, a blob and stripes, wide, high and square."""
    wide = np.tile(np.linspace(0, 255, 90, dtype=np.uint8)[None, :, None], (50, 1, 3))
    high = np.full((120, 64, 3), (240, 230, 220), np.uint8)
    high[30:90, 10:50] = (120, 60, 20)
    square = np.zeros((48, 48, 3), np.uint8)
    square[:, ::7] = (200, 30, 90)
    return [wide, high, square]


@pytest.mark.parametrize("name", REFERENCES)
def test_photos_get_the_vectors_that_transformers_gives_them(
    name: str, checkpoints: Path, pulled: Path, photos: list[NDArray[np.uint8]]
) -> None:
    network_class, processor_class = REFERENCES[name]
    processor = processor_class.from_pretrained(checkpoints / name)
    pictures = [Image.fromarray(photo) for photo in photos]
    network = network_class.from_pretrained(checkpoints / name).eval()
    with torch.inference_mode():
        values = processor(images=pictures, return_tensors="pt")["pixel_values"]
        output = network(values) if name == "resnet" else network.get_image_features(values)
    features = output.pooler_output.flatten(1).numpy()
    wanted = features / np.linalg.norm(features, axis=1, keepdims=True)

    given = load_hub_encoder(pulled / name).encode(photos)

    # Where the centre is cut out, transformers rounds the long side to whole pixels first and we
    # do not; a square photo has no long side.
    crops = name in {"clip", "resnet"}
    np.testing.assert_allclose(given[2], wanted[2], atol=2e-3)
    np.testing.assert_allclose(given, wanted, atol=0.03 if crops else 2e-3)
    assert (given * wanted).sum(axis=1).min() > (0.998 if crops else 0.99999)


@pytest.mark.parametrize("name", ["siglip", "siglip2", "clip"])
def test_prompts_get_the_vectors_that_transformers_gives_them(
    name: str, checkpoints: Path, pulled: Path
) -> None:
    fast: Any = PreTrainedTokenizerFast
    tokenizer = fast(
        tokenizer_object=Tokenizer.from_file(str(checkpoints / name / "tokenizer.json")),
        pad_token={"siglip": "</s>", "siglip2": "<pad>", "clip": "<|endoftext|>"}[name],
    )
    words = {
        # What SigLIP's own tokenizer, which needs sentencepiece, does before the word pieces.
        "siglip": [prompt.lower().replace("!", "").strip() for prompt in PROMPTS],
        # What the paper says and the tokenizer of the checkpoints leaves out.
        "siglip2": [prompt.lower() for prompt in PROMPTS],
        "clip": PROMPTS,
    }[name]
    length = 20 if name == "clip" else 64
    rows = tokenizer(
        words, padding="max_length", max_length=length, truncation=True, return_tensors="pt"
    )
    network = REFERENCES[name][0].from_pretrained(checkpoints / name).eval()
    with torch.inference_mode():
        features = network.get_text_features(rows["input_ids"]).pooler_output.numpy()
    wanted = features / np.linalg.norm(features, axis=1, keepdims=True)

    given = load_hub_encoder(pulled / name).encode_prompts(PROMPTS)

    np.testing.assert_allclose(given, wanted, atol=1e-5)


@pytest.mark.parametrize("name", ["siglip", "siglip2", "clip"])
def test_prompts_keep_the_promises_of_a_cross_modal_encoder(name: str, pulled: Path) -> None:
    encoder = load_hub_encoder(pulled / name)
    assert isinstance(encoder, CrossModalEncoder)
    assert encoder.card.encodes_prompts
    prompts = ["a chair", "", "   \n", "a white sofa", "\ud800", "lamp " * 2000]

    together = encoder.encode_prompts(prompts)

    assert together.dtype == np.float32
    assert together.shape == (len(prompts), encoder.card.dimension)
    lengths = np.linalg.norm(together, axis=1)
    np.testing.assert_allclose(lengths, [1, 0, 0, 1, 0, 1], atol=1e-3)
    alone = np.concatenate([encoder.encode_prompts([prompt]) for prompt in prompts])
    np.testing.assert_allclose(together, alone, atol=1e-3)
    assert encoder.encode_prompts([]).shape == (0, encoder.card.dimension)


def test_upper_and_lower_case_mean_the_same_to_siglip_2(pulled: Path) -> None:
    upper, lower = load_hub_encoder(pulled / "siglip2").encode_prompts(["CHAIR", "chair"])
    np.testing.assert_array_equal(upper, lower)


def test_one_string_in_place_of_prompts_is_refused(pulled: Path) -> None:
    with pytest.raises(TypeError, match=r"encode_prompts\(\[prompt\]\)"):
        load_hub_encoder(pulled / "siglip").encode_prompts("chair")


@pytest.mark.parametrize("name", REFERENCES)
def test_photos_keep_the_promises_of_an_encoder(
    name: str, pulled: Path, photos: list[NDArray[np.uint8]]
) -> None:
    encoder = load_hub_encoder(pulled / name)
    assert isinstance(encoder, Encoder)
    before = [photo.copy() for photo in photos]

    together = encoder.encode([*photos, np.zeros((1, 1, 3), np.uint8)])

    assert together.dtype == np.float32
    assert together.shape == (len(photos) + 1, encoder.card.dimension)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-3)
    alone = np.concatenate([encoder.encode([photo]) for photo in photos])
    np.testing.assert_allclose(together[: len(photos)], alone, atol=1e-3)
    for photo, copy in zip(photos, before, strict=True):
        np.testing.assert_array_equal(photo, copy)
    assert encoder.encode([]).shape == (0, encoder.card.dimension)


def test_more_photos_than_a_batch_holds_come_back_in_order(pulled: Path) -> None:
    encoder = load_hub_encoder(pulled / "siglip", device="cpu")
    shades = [np.full((32, 32, 3), shade, np.uint8) for shade in range(0, 250, 12)]
    together = encoder.encode(shades)
    assert len(shades) > batch_images(encoder.device)
    np.testing.assert_allclose(together[-1], encoder.encode(shades[-1:])[0], atol=1e-3)
    np.testing.assert_allclose(together[0], encoder.encode(shades[:1])[0], atol=1e-3)


def test_the_registry_loads_a_teacher(pulled: Path) -> None:
    assert isinstance(load_encoder(pulled / "siglip", threads=1), HubEncoder)


def test_a_teacher_without_a_text_tower_refuses_prompts(pulled: Path) -> None:
    encoder = load_hub_encoder(pulled / "resnet")
    assert not encoder.card.encodes_prompts
    with pytest.raises(EncoderError, match="resnet has no text tower"):
        encoder.encode_prompts(["chair"])


def test_neither_sentencepiece_nor_torchvision_nor_timm_is_needed(
    pulled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("sentencepiece", "torchvision", "timm"):
        assert name not in sys.modules
        monkeypatch.setitem(sys.modules, name, None)  # an import of it now fails
    for name in ("siglip", "siglip2", "clip"):
        encoder = load_hub_encoder(pulled / name)
        assert np.isfinite(encoder.encode_prompts(PROMPTS)).all()
        assert np.isfinite(encoder.encode([np.zeros((40, 40, 3), np.uint8)])).all()


@pytest.mark.usefixtures("no_network")
def test_a_pulled_teacher_needs_no_network(pulled: Path) -> None:
    for name in ("siglip", "resnet"):
        encoder = load_hub_encoder(pulled / name)
        assert encoder.encode([np.zeros((40, 40, 3), np.uint8)]).shape[0] == 1
        if encoder.card.encodes_prompts:
            assert encoder.encode_prompts(["chair"]).shape[0] == 1


def test_each_tower_is_read_when_it_is_first_used(
    pulled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []

    def counting(architecture: Any, tower: Any, path: Any, device: Any) -> Any:
        read.append(tower)
        return load_tower(architecture, tower, path, device)

    monkeypatch.setattr(f"{ENCODER}.load_tower", counting)
    encoder = load_hub_encoder(pulled / "siglip")
    assert read == []
    encoder.encode_prompts(["chair"])
    encoder.encode_prompts(["sofa"])
    assert read == ["text"]
    encoder.encode([np.zeros((9, 9, 3), np.uint8)])
    assert read == ["text", "vision"]


def test_an_altered_file_is_refused_by_its_hash(pulled: Path, tmp_path: Path) -> None:
    folder = _copy(pulled / "siglip", tmp_path)
    path = folder / "tokenizer.json"
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(EncoderDamagedError, match=r"tokenizer\.json is not the file its card"):
        load_hub_encoder(folder)


def test_a_card_that_contradicts_the_checkpoint_is_refused(pulled: Path, tmp_path: Path) -> None:
    folder = _copy(pulled / "siglip", tmp_path)
    card = folder / "card.json"
    card.write_text(card.read_text().replace('"dimension": 32', '"dimension": 48'))
    with pytest.raises(EncoderDamagedError, match="48 dimensions"):
        load_hub_encoder(folder)


def test_a_device_that_is_not_there_is_refused_with_the_setting_to_change(pulled: Path) -> None:
    with pytest.raises(EncoderError, match="FURNITURE_PROMPTER_ENCODER_DEVICE"):
        load_hub_encoder(pulled / "siglip", device="cuda:99")
    with pytest.raises(EncoderError, match="no device 'abacus'"):
        load_hub_encoder(pulled / "siglip", device="abacus")


def test_the_setting_chooses_the_device(pulled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FURNITURE_PROMPTER_ENCODER_DEVICE", "cuda:99")
    with pytest.raises(EncoderError, match="cuda:99"):
        load_hub_encoder(pulled / "siglip")
    monkeypatch.setenv("FURNITURE_PROMPTER_ENCODER_DEVICE", "cpu")
    assert load_hub_encoder(pulled / "siglip").device == torch.device("cpu")


def test_on_a_cpu_the_towers_stay_in_float32(pulled: Path) -> None:
    network = load_hub_encoder(pulled / "siglip", device="cpu").image_network
    assert {parameter.dtype for parameter in network.parameters()} == {torch.float32}


def test_half_precision_is_used_where_it_keeps_the_vectors(
    pulled: Path, monkeypatch: pytest.MonkeyPatch, photos: list[NDArray[np.uint8]]
) -> None:
    wanted = load_hub_encoder(pulled / "siglip", device="cpu").encode(photos)
    monkeypatch.setattr(f"{ENCODER}.half_precision", lambda _device: torch.float16)
    encoder = load_hub_encoder(pulled / "siglip", device="cpu")
    given = encoder.encode(photos)
    assert encoder.image_network.tower.dtype == torch.float16
    assert given.dtype == np.float32
    assert not np.array_equal(given, wanted)
    np.testing.assert_allclose(np.linalg.norm(given, axis=1), 1, atol=1e-3)
    assert (given * wanted).sum(axis=1).min() > 0.999
    assert encoder.encode_prompts(["a chair"]).dtype == np.float32


def test_half_precision_is_left_where_it_overflows(
    checkpoints: Path, pulled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"{ENCODER}.half_precision", lambda _device: torch.float16)

    def huge(*arguments: Any) -> Any:
        tower: Any = load_tower(*arguments)
        with torch.no_grad():
            tower.embeddings.patch_embedding.weight.mul_(1e6)
        return tower

    monkeypatch.setattr(f"{ENCODER}.load_tower", huge)
    encoder = load_hub_encoder(pulled / "siglip", device="cpu")
    assert np.isfinite(encoder.encode([np.full((32, 32, 3), 255, np.uint8)])).all()
    assert encoder.image_network.tower.dtype == torch.float32


def _copy(folder: Path, target: Path) -> Path:
    for path in folder.iterdir():
        (target / path.name).write_bytes(path.read_bytes())
    return target
