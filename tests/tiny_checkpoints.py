"""Tiny teachers with random weights, saved in the hub's own layout for tests to pull."""

# ruff: noqa: S106 - names of special tokens, not passwords

import json
import string
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import (
    CLIPConfig,
    CLIPModel,
    PreTrainedModel,
    ResNetConfig,
    ResNetForImageClassification,
    SiglipConfig,
    SiglipModel,
)

WORDS = ("▁white", "▁oak", "▁chair", "▁sofa", "▁table", "▁a", "▁lamp")
_SMALL = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
}
_VISION = {**_SMALL, "image_size": 32, "patch_size": 8}
_IMAGENET = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}


def save_siglip(folder: Path) -> Path:
    """SigLIP: Unigram pieces, the end token fills up, squashed to 32 px."""
    torch.manual_seed(7)
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -5.0)]
    pieces += [(word, -1.0) for word in WORDS]
    pieces += [(letter, -6.0) for letter in string.ascii_letters + string.digits + ",.!"]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=2))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.add_special_tokens(["</s>", "<unk>"])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A </s>", special_tokens=[("</s>", 1)]
    )
    config = SiglipConfig.from_dict(
        {
            "text_config": _SMALL
            | {"vocab_size": 96, "pad_token_id": 1, "bos_token_id": 1, "eos_token_id": 1},
            "vision_config": _VISION,
        }
    )
    _save(SiglipModel(config), folder)
    _write(folder, "preprocessor_config.json", _siglip_images(resample=3))
    _save_tokenizer(
        tokenizer, folder, tokenizer_class="SiglipTokenizer", pad_token="</s>", eos_token="</s>"
    )
    return folder


def save_siglip2(folder: Path) -> Path:
    """SigLIP 2 of fixed resolution: byte pairs that keep case, as the hub's tokenizers do."""
    torch.manual_seed(7)
    letters = [*string.ascii_letters, *string.digits, *",.!▁"]
    vocabulary = {"<pad>": 0, "<eos>": 1, "<bos>": 2, "<unk>": 3}
    vocabulary |= {letter: number for number, letter in enumerate(letters, start=4)}
    vocabulary |= {"ch": len(vocabulary), "ai": len(vocabulary) + 1, "CH": len(vocabulary) + 2}
    tokenizer = Tokenizer(
        models.BPE(vocabulary, [("c", "h"), ("a", "i"), ("C", "H")], unk_token="<unk>")
    )
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    tokenizer.add_special_tokens(["<pad>", "<eos>", "<bos>", "<unk>"])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A <eos>", special_tokens=[("<eos>", 1)]
    )
    config = SiglipConfig.from_dict(
        {
            "text_config": _SMALL
            | {"vocab_size": 96, "pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 1},
            "vision_config": _VISION,
        }
    )
    _save(SiglipModel(config), folder)
    _write(folder, "preprocessor_config.json", _siglip_images(resample=2))
    # As the hub's own: another class, whose fast form does not lower-case, though it says so.
    _save_tokenizer(
        tokenizer,
        folder,
        tokenizer_class="GemmaTokenizer",
        pad_token="<pad>",
        eos_token="<eos>",
        bos_token="<bos>",
        do_lower_case=True,
    )
    return folder


def save_clip(folder: Path) -> Path:
    """CLIP: 16 dimensions projected to, the short side to 32 px and its centre."""
    torch.manual_seed(7)
    letters = [*string.ascii_lowercase, *string.digits, *",.!"]
    pieces = [*letters, *(f"{letter}</w>" for letter in letters), "<unk>"]
    pieces += ["<|startoftext|>", "<|endoftext|>"]
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    tokenizer = Tokenizer(
        models.BPE(
            vocabulary,
            [],
            unk_token="<unk>",
            end_of_word_suffix="</w>",
        )
    )
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    start, end = vocabulary["<|startoftext|>"], vocabulary["<|endoftext|>"]
    tokenizer.add_special_tokens(["<|startoftext|>", "<|endoftext|>"])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<|startoftext|> $A <|endoftext|>",
        special_tokens=[("<|startoftext|>", start), ("<|endoftext|>", end)],
    )
    text = _SMALL | {"vocab_size": len(vocabulary), "max_position_embeddings": 20}
    text |= {"pad_token_id": end, "bos_token_id": start, "eos_token_id": end}
    config = CLIPConfig.from_dict(
        {"projection_dim": 16, "text_config": text, "vision_config": _VISION}
    )
    _save(CLIPModel(config), folder)
    _write(
        folder,
        "preprocessor_config.json",
        {
            "crop_size": 32,
            "do_center_crop": True,
            "do_normalize": True,
            "do_resize": True,
            "image_mean": [0.48145466, 0.4578275, 0.40821073],
            "image_std": [0.26862954, 0.26130258, 0.27577711],
            "resample": 3,
            "size": 32,
        },
    )
    _save_tokenizer(
        tokenizer,
        folder,
        tokenizer_class="CLIPTokenizer",
        bos_token={"content": "<|startoftext|>"},
        eos_token={"content": "<|endoftext|>"},
        pad_token="<|endoftext|>",
    )
    return folder


def save_resnet(folder: Path) -> Path:
    """ResNet with bottlenecks: 64 dimensions, 7/8 of the short side at 32 px, and a classifier."""
    torch.manual_seed(7)
    config = ResNetConfig.from_dict(
        {
            "embedding_size": 8,
            "hidden_sizes": [16, 24, 32, 64],
            "depths": [1, 2, 1, 1],
            "num_labels": 5,
        }
    )
    network = ResNetForImageClassification(config)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            # Statistics as after training; at their first values nothing would be normalised.
            torch.nn.init.uniform_(module.running_mean, -0.2, 0.2)  # type: ignore[arg-type]  # a buffer, never None here
            torch.nn.init.uniform_(module.running_var, 0.5, 1.5)  # type: ignore[arg-type]  # likewise
    _save(network, folder)
    _write(
        folder,
        "preprocessor_config.json",
        {
            "crop_pct": 0.875,
            "do_normalize": True,
            "do_resize": True,
            "feature_extractor_type": "ConvNextFeatureExtractor",
            "image_mean": _IMAGENET["mean"],
            "image_std": _IMAGENET["std"],
            "resample": 3,
            "size": 32,
        },
    )
    return folder


def split_weights(folder: Path) -> None:
    """Turn model.safetensors into two shards and an index, as large checkpoints come."""
    whole = folder / "model.safetensors"
    tensors = load_file(whole)
    names = sorted(tensors)
    weight_map: dict[str, str] = {}
    for number, part in enumerate((names[::2], names[1::2]), start=1):
        shard = f"model-{number:05d}-of-00002.safetensors"
        save_file({name: tensors[name].clone() for name in part}, folder / shard, {"format": "pt"})
        weight_map |= dict.fromkeys(part, shard)
    whole.unlink()
    _write(folder, "model.safetensors.index.json", {"metadata": {}, "weight_map": weight_map})


def edit_json(path: Path, **changes: Any) -> None:
    """Change fields of a JSON object; a field set to None goes."""
    value = json.loads(path.read_text(encoding="utf-8"))
    value |= changes
    kept = {name: field for name, field in value.items() if field is not None}
    path.write_text(json.dumps(kept), encoding="utf-8")


def _siglip_images(resample: int) -> dict[str, Any]:
    return {
        "do_convert_rgb": None,
        "do_normalize": True,
        "do_rescale": True,
        "do_resize": True,
        "image_mean": [0.5, 0.5, 0.5],
        "image_processor_type": "SiglipImageProcessor",
        "image_std": [0.5, 0.5, 0.5],
        "resample": resample,
        "rescale_factor": 0.00392156862745098,
        "size": {"height": 32, "width": 32},
    }


def _save(network: PreTrainedModel, folder: Path) -> None:
    generator = torch.Generator().manual_seed(11)
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.dim() > 1:
                # Wider than the networks' own first values, so that photos and prompts differ.
                parameter.normal_(0, 0.2, generator=generator)
    folder.mkdir(parents=True, exist_ok=True)
    network.save_pretrained(folder)


def _save_tokenizer(tokenizer: Tokenizer, folder: Path, **settings: Any) -> None:
    tokenizer.save(str(folder / "tokenizer.json"))
    _write(folder, "tokenizer_config.json", settings | {"model_max_length": 64})
    _write(folder, "special_tokens_map.json", {"unk_token": "<unk>"})


def _write(folder: Path, name: str, value: dict[str, Any]) -> None:
    (folder / name).write_text(json.dumps(value, indent=2), encoding="utf-8")
