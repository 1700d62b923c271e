from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from furniture_prompter.encoders.prompt_encoder import StaticPromptEncoder
from furniture_prompter.encoders.protocols import Encoder, PromptEncoder
from furniture_prompter.encoders.registry import encoder_folder
from furniture_prompter.evaluation.collection import Collection
from furniture_prompter.evaluation.metrics import bootstrap_interval
from furniture_prompter.evaluation.prompt_quality import measure_prompts
from furniture_prompter.evaluation.record import PROMPT_TO_PHOTO, TaskResults
from furniture_prompter.evaluation.suite import QualitySettings
from tests.fakes import COLOURS, ColourEncoder, ColourTeacher, colour_card
from tests.unit.evaluation.collections import collection_of, random_unit

KINDS = ("chair", "table", "lamp", "sofa", "shelf", "bed")


@pytest.fixture(scope="module")
def words() -> PromptEncoder:
    return StaticPromptEncoder.load(encoder_folder("default-prompt"))


def shop(products: int = 360) -> Collection:
    """Every colour with every kind, ten times: 36 texts."""
    names = list(COLOURS)
    return collection_of(
        [KINDS[number % 6] for number in range(products)],
        1,
        colors=[names[number // 6 % 6] for number in range(products)],
    )


def seen(collection: Collection, seed: int = 0) -> NDArray[np.float32]:
    """Vectors that show a product's colour and kind, with a little noise."""
    rng = np.random.default_rng(seed)
    rows = np.zeros((len(collection.products), len(COLOURS) + 27))
    for row, product in enumerate(collection.products):
        rows[row, list(COLOURS).index(product.color)] = 1
        rows[row, len(COLOURS) + KINDS.index(product.category)] = 1
    rows += rng.normal(0, 0.05, rows.shape)
    unit: NDArray[np.float32] = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype("f4")
    return unit


def asked(
    collection: Collection, vectors: NDArray[np.float32], encoder: Encoder, words: PromptEncoder
) -> TaskResults:
    found = measure_prompts(collection, "e", vectors, encoder, words, QualitySettings())
    assert isinstance(found, TaskResults), found
    return found


def test_prompts_find_products_of_the_half_that_the_alignment_never_saw(
    words: PromptEncoder,
) -> None:
    collection = shop()
    found = asked(collection, seen(collection), ColourEncoder(colour_card()), words)
    assert found.task == PROMPT_TO_PHOTO
    assert found.candidates == pytest.approx(180)
    # Both halves ask for (nearly) every one of 36 texts, each borne by about five products.
    assert 66 <= len(found.queries) <= 72
    assert np.mean(found.values["Success@10"]) > 0.9
    assert np.mean(found.values["R@10"]) > 3 * found.chance["R@10"]
    assert "alignment" in found.note


def test_prompts_of_random_photos_are_refused_for_that_or_score_chance(
    words: PromptEncoder,
) -> None:
    found = measure_prompts(
        shop(),
        "e",
        random_unit(360, 33, 5),
        ColourEncoder(colour_card()),
        words,
        QualitySettings(),
    )
    assert isinstance(found, str)
    assert "percentile" in found


def test_a_text_tower_is_asked_itself_and_needs_no_alignment(words: PromptEncoder) -> None:
    collection = shop()
    teacher = ColourTeacher(colour_card(encodes_prompts=True))
    found = asked(collection, seen(collection), teacher, words)
    assert len(teacher.asked) == 36
    assert "text tower" in found.note
    # The fake tower tells colours, not kinds: half a dozen kinds share the first places.
    assert np.mean(found.values["RR"]) > 2 * found.chance["RR"]


def test_a_text_tower_on_random_photos_scores_chance(words: PromptEncoder) -> None:
    teacher = ColourTeacher(colour_card(encodes_prompts=True))
    found = asked(shop(), random_unit(360, 33, 1), teacher, words)
    for measure, values in found.values.items():
        low, high = bootstrap_interval(values, level=0.999)
        assert low <= found.chance[measure] <= high, measure


class _ConstantWords:
    """Knows one thing to say."""

    def __init__(self, inner: PromptEncoder) -> None:
        self.card = inner.card

    def encode(self, prompts: Sequence[str]) -> NDArray[np.float32]:
        rows = np.zeros((len(prompts), self.card.dimension), np.float32)
        rows[:, 0] = 1
        return rows

    def knows_word(self, _word: str) -> bool:
        return False


def test_words_that_all_mean_the_same_leave_nothing_to_ask(words: PromptEncoder) -> None:
    collection = shop()
    told = measure_prompts(
        collection,
        "e",
        seen(collection),
        ColourEncoder(colour_card()),
        _ConstantWords(words),
        QualitySettings(),
    )
    assert isinstance(told, str)
    assert "Words cannot search the pictures" in told


@pytest.mark.parametrize(("products", "what"), [(36, "36 products"), (0, "")])
def test_too_few_products_or_texts_are_a_sentence(
    products: int, what: str, words: PromptEncoder
) -> None:
    collection = (
        shop(products) if products else collection_of(["chair"] * 60, 1, colors=["red"] * 60)
    )
    told = measure_prompts(
        collection,
        "e",
        random_unit(len(collection.paths), 33, 0),
        ColourEncoder(colour_card()),
        words,
        QualitySettings(),
    )
    assert isinstance(told, str)
    assert what in told
    assert "Give more products" in told
