"""Judging of answers: which prompts name a kind, and what the least confidence drops."""

import pytest

from furniture_prompter.domain import Hit, Photo, Product
from furniture_prompter.search.judging import Judgement, kept, names_a_kind, notes_of


@pytest.mark.parametrize(
    ("prompt", "understood", "names"),
    [
        ("white", ["white"], False),
        ("in white, under 50 cm", ["white", "under 50 cm"], False),
        ("white sofa", ["white"], True),
        ("hello", [], True),
        (None, [], False),
    ],
)
def test_a_prompt_names_a_kind_by_what_is_left_of_it(
    prompt: str | None, understood: list[str], names: bool
) -> None:
    assert names_a_kind(prompt, understood) == names


def hit(rank: int) -> Hit:
    product = Product(f"p{rank}", "Sofa")
    return Hit(rank, 1.0, product, Photo("ab", product.id, "/p.jpg"), ("photo",))


def test_hits_below_the_least_confidence_are_dropped_and_unknown_ones_stay() -> None:
    hits = [hit(1), hit(2), hit(3)]
    judgement = Judgement(close=True, confidences=(0.9, 0.4, None))
    assert [each.confidence for each in kept(hits, judgement, None)] == [0.9, 0.4, None]
    assert [each.rank for each in kept(hits, judgement, 0.5)] == [1, 3]


def test_an_answer_that_is_empty_by_the_least_confidence_says_so() -> None:
    judgement = Judgement(close=True, confidences=(0.3, 0.2))
    left = kept([hit(1), hit(2)], judgement, 0.5)
    assert left == ()
    (note,) = notes_of(judgement, left, 0.5)
    assert "least_confidence" in note
    assert "0.30" in note
    assert notes_of(judgement, left, None) == ()
