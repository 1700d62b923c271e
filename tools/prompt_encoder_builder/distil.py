"""Distilling: the network's answer to each word piece alone, reduced and weighted."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer, normalizers

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
