"""What a person can decide, checked first."""

from typing import Any

import pytest

from furniture_prompter.distillation.options import DistillationOptions
from furniture_prompter.errors import DistillationError


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epochs", -1.0),
        ("minutes", 0.0),
        ("batch_size", 1),
        ("learning_rate", -1.0),
        ("warmup", 1.0),
        ("ema_decay", 1.0),
        ("views", -1),
        ("loss_rank", -0.5),
        ("held_out", 0.9),
        ("clean_share", 1.5),
        ("precision", "fp8"),
        ("batch_norm", "thawed"),
        ("threads", 0),
        ("workers", 0),
    ],
)
def test_what_cannot_be_is_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(DistillationError, match=f"^{name} must be"):
        DistillationOptions(**{name: value})


def test_random_weights_learn_faster_and_with_statistics_of_their_own() -> None:
    pretrained = DistillationOptions(initial="imagenet")
    random = DistillationOptions(initial="random")
    assert pretrained.highest_rate < random.highest_rate
    assert pretrained.frozen_statistics
    assert not random.frozen_statistics
    assert DistillationOptions(initial="random", batch_norm="frozen").frozen_statistics
    assert DistillationOptions(learning_rate=0.5).highest_rate == 0.5


def test_views_that_the_teacher_encodes_are_the_same_for_every_seed() -> None:
    assert DistillationOptions(views=2, seed=1).view_seed == DistillationOptions(views=2).view_seed
    assert DistillationOptions(seed=1).view_seed != DistillationOptions().view_seed


def test_random_weights_and_no_pass_leave_nothing_to_learn() -> None:
    with pytest.raises(DistillationError, match="trained weights by --initial"):
        DistillationOptions(initial="random", epochs=0)
    assert DistillationOptions(initial="random", epochs=0, minutes=1).epochs == 0
