"""What an export of either prompt encoder must show before it is written."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from furniture_prompter.encoders.prompt_encoder import StaticPromptEncoder
from furniture_prompter.unit_rows import unit_rows

_HERE = Path(__file__).parent

PARITY_FLOOR = 0.999
"""Cosine with model2vec's own answer; int8 rows leave more than 0.9999."""

RANK_CORRELATION_FLOOR = 0.68
"""Sound settings give 0.68 to 0.72 on check_prompts.txt, no weights for frequent words 0.66."""

TRIPLET_FLOOR = 0.95
"""What all-MiniLM-L6-v2 itself reaches on check_triplets.tsv."""


class CheckFailedError(RuntimeError):
    """The export is not good enough to ship; nothing was written."""


def _refuse_below(floors: Iterable[tuple[str, float, float]], settings: str) -> None:
    low = [
        f"{what} is {value:.4f}, below {floor}" for what, value, floor in floors if value < floor
    ]
    if low:
        raise CheckFailedError(
            f"{'; '.join(low)}. Nothing was written: change the settings in {settings}."
        )


class Encodes(Protocol):
    """Whatever turns texts into unit rows."""

    def encode(self, prompts: list[str], /) -> NDArray[np.float32]:
        """Shape (len(prompts), dimension)."""
        ...


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What was measured on check_prompts.txt and check_triplets.tsv.

    Attributes:
        parity_min: Smallest cosine between the export and model2vec over the prompts.
        rank_correlation: Spearman's, between the export's and the network's likeness of all pairs
            of prompts.
        triplets_right: Share of triplets whose closer text is closer.
    """

    parity_min: float
    rank_correlation: float
    triplets_right: float

    def require(self) -> None:
        """Refuse an export below any floor.

        Raises:
            CheckFailedError: naming each figure that is too low.
        """
        floors = (
            ("parity with model2vec", self.parity_min, PARITY_FLOOR),
            ("rank correlation with the network", self.rank_correlation, RANK_CORRELATION_FLOOR),
            ("triplets in the right order", self.triplets_right, TRIPLET_FLOOR),
        )
        _refuse_below(floors, "distil.py")


def check(export: Encodes, reference: Any, network: Encodes) -> CheckResult:
    """Compare the export with model2vec's own answer and with the network it comes from."""
    prompts = read_lines("check_prompts.txt")
    exported = export.encode(prompts)
    parity = np.sum(exported * np.asarray(reference.encode(prompts), np.float32), axis=1)
    pairs = np.triu_indices(len(prompts), k=1)
    taught = network.encode(prompts)
    return CheckResult(
        parity_min=float(parity.min()),
        rank_correlation=rank_correlation(
            (exported @ exported.T)[pairs], (taught @ taught.T)[pairs]
        ),
        triplets_right=triplets_right(export, read_triplets()),
    )


def rank_correlation(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Spearman's rank correlation of two equally long series without ties."""
    ranks_a, ranks_b = (np.argsort(np.argsort(series)).astype(np.float64) for series in (a, b))
    ranks_a -= ranks_a.mean()
    ranks_b -= ranks_b.mean()
    return float(ranks_a @ ranks_b / np.linalg.norm(ranks_a) / np.linalg.norm(ranks_b))


def triplets_right(export: Encodes, triplets: list[tuple[str, str, str]]) -> float:
    """Share of (prompt, closer, farther) where the prompt is closer to the second."""
    prompt, closer, farther = (
        export.encode(list(column)) for column in zip(*triplets, strict=True)
    )
    return float(np.mean(np.sum(prompt * closer, axis=1) > np.sum(prompt * farther, axis=1)))


def read_triplets() -> list[tuple[str, str, str]]:
    """The triplets of check_triplets.tsv."""
    triplets = []
    for line in read_lines("check_triplets.tsv"):
        prompt, closer, farther = line.split("\t")
        triplets.append((prompt, closer, farther))
    return triplets


def read_lines(name: str) -> list[str]:
    """The lines of a file beside this one that are neither empty nor comments."""
    lines = (_HERE / name).read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


ENGLISH_PARITY_FLOOR: Final = 0.999
"""Cosine of the first part with the English encoder, of prompts whose words are cut alike."""

LIKE_CUTS_FLOOR: Final = 0.9
"""Share of English prompts that are cut as the English encoder cuts them."""

MULTILINGUAL_RANK_FLOOR: Final = 0.5
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
            ("rank correlation", self.rank_correlation, MULTILINGUAL_RANK_FLOOR),
            *(
                (f"translations of {language}", share, _floor(language))
                for language, share in self.translations_right.items()
            ),
        ]
        _refuse_below(floors, "multilingual.py")


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
