"""What the multilingual export must show before it is written."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from furniture_prompter.encoders.prompt_encoder import StaticPromptEncoder
from furniture_prompter.unit_rows import unit_rows
from tools.prompt_encoder_builder.checks import (
    TRIPLET_FLOOR,
    CheckFailedError,
    Encodes,
    rank_correlation,
    read_lines,
    read_triplets,
    triplets_right,
)

ENGLISH_PARITY_FLOOR: Final = 0.999
"""Cosine of the first part with the English encoder, of prompts whose words are cut alike."""

LIKE_CUTS_FLOOR: Final = 0.9
"""Share of English prompts that are cut as the English encoder cuts them."""

RANK_CORRELATION_FLOOR: Final = 0.5
"""English is told by the other network for the most part; sound settings give 0.56."""

TURKISH_FLOOR: Final = 0.9
OTHERS_FLOOR: Final = 0.6
"""Share of phrases that lie nearest to their own English one, of twelve."""

LANGUAGES: Final = ("tr", "de", "fr", "es", "it", "nl", "pl", "pt", "ru")


@dataclass(frozen=True, slots=True)
class MultilingualCheck:
    """What was measured.

    Attributes:
        english_parity_min: Smallest cosine of the first part with the English encoder's answer, of
            prompts of check_prompts.txt that both cut alike.
        cut_alike: Share of those prompts.
        triplets_right: As in :class:`tools.prompt_encoder_builder.checks.CheckResult`.
        rank_correlation: Spearman's, between the export's and the network's likeness of all pairs
            of prompts.
        translations_right: Language → share of phrases of check_translations.tsv whose own English
            phrase is the nearest.
    """

    english_parity_min: float
    cut_alike: float
    triplets_right: float
    rank_correlation: float
    translations_right: Mapping[str, float]

    def require(self) -> None:
        """Refuse an export below any floor.

        Raises:
            CheckFailedError: naming each figure that is too low.
        """
        floors = [
            ("parity with the English encoder", self.english_parity_min, ENGLISH_PARITY_FLOOR),
            ("share of prompts cut alike", self.cut_alike, LIKE_CUTS_FLOOR),
            ("triplets in the right order", self.triplets_right, TRIPLET_FLOOR),
            ("rank correlation", self.rank_correlation, RANK_CORRELATION_FLOOR),
            *(
                (f"translations of {language}", share, _floor(language))
                for language, share in self.translations_right.items()
            ),
        ]
        low = [
            f"{what} is {value:.4f}, below {floor}"
            for what, value, floor in floors
            if value < floor
        ]
        if low:
            raise CheckFailedError(
                f"{'; '.join(low)}. Nothing was written: change the settings in multilingual.py."
            )


def _floor(language: str) -> float:
    return TURKISH_FLOOR if language == "tr" else OTHERS_FLOOR


def check_multilingual(
    export: StaticPromptEncoder, english: StaticPromptEncoder, network: Encodes
) -> MultilingualCheck:
    """Compare the export with the English encoder and the network that it comes from."""
    prompts = read_lines("check_prompts.txt")
    alike = [prompt for prompt in prompts if export.pieces(prompt) == english.pieces(prompt)]
    width = english.card.dimension
    first_parts = unit_rows(export.encode(alike)[:, :width].astype(np.float64))
    parity = np.sum(first_parts * english.encode(alike), axis=1)
    pairs = np.triu_indices(len(prompts), k=1)
    exported, taught = export.encode(prompts), network.encode(prompts)
    return MultilingualCheck(
        english_parity_min=float(parity.min()),
        cut_alike=len(alike) / len(prompts),
        triplets_right=triplets_right(export, read_triplets()),
        rank_correlation=rank_correlation(
            (exported @ exported.T)[pairs], (taught @ taught.T)[pairs]
        ),
        translations_right=translations_right(export),
    )


def translations_right(export: Encodes) -> dict[str, float]:
    """Share of phrases whose own English phrase is the nearest of all, by language."""
    columns = zip(*(line.split("\t") for line in read_lines("check_translations.tsv")), strict=True)
    english, *others = (export.encode(list(column)) for column in columns)
    own = np.arange(len(english))
    return {
        language: float(np.mean(np.argmax(vectors @ english.T, axis=1) == own))
        for language, vectors in zip(LANGUAGES, others, strict=True)
    }
