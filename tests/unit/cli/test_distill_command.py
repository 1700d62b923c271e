"""The command behind ``distill``: what it asks for and how it tells what came of it."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from furniture_prompter import assembly
from furniture_prompter.distillation.distilling import DistillationSummary
from furniture_prompter.distillation.options import DistillationOptions
from furniture_prompter.domain import SetAside
from furniture_prompter.encoders.card import EmbeddingSpace
from furniture_prompter.errors import DistillationError
from tests.fakes import colour_card


class Distiller:
    """Notes what it was asked and answers with a card, or raises."""

    def __init__(self) -> None:
        self.asked: dict[str, Any] = {}
        self.error: BaseException | None = None
        self.set_aside: tuple[SetAside, ...] = ()

    def __call__(
        self, source: Path, out: Path, options: DistillationOptions, **given: Any
    ) -> DistillationSummary:
        self.asked = {"source": source, "out": out, "options": options, **given}
        if self.error is not None:
            raise self.error
        figures = {"asymmetric_overlap_at_10": 0.75}
        card = colour_card("s", space=EmbeddingSpace("teacher", "ab" * 32), figures=figures)
        card = replace(card, training={"initial": "random"})
        return DistillationSummary(out, card, card, out / "run", 9, 6, 40, self.set_aside, 1.5)


@pytest.fixture
def distiller(monkeypatch: pytest.MonkeyPatch) -> Distiller:
    fake = Distiller()
    monkeypatch.setattr(assembly, "distill", fake)
    return fake


def test_every_option_reaches_the_training(shop: Callable[..., Any], distiller: Distiller) -> None:
    done = shop(
        *("distill", "photos", "--out", "s", "--student", "mobilenetv2", "--teacher", "t"),
        *("--initial", "random", "--side", "96", "--name", "n", "--minutes", "2", "--epochs", "3"),
        *("--batch-size", "4", "--lr", "0.01", "--backbone-rate", "0.5", "--batch-norm", "frozen"),
        *("--views", "2", "--backgrounds", "tiles", "--patience", "1", "--seed", "5"),
        *("--loss-relational", "0.1", "--loss-contrastive", "0.2", "--loss-rank", "0.3"),
        *("--precision", "fp32", "--device", "cpu", "--threads", "1", "--workers", "2"),
        *("--cache", "c", "--resume"),
    )
    assert done.status == 0, done.err
    assert distiller.asked["options"] == DistillationOptions(
        student="mobilenetv2",
        name="n",
        side_px=96,
        initial="random",
        minutes=2,
        epochs=3,
        batch_size=4,
        learning_rate=0.01,
        backbone_rate=0.5,
        batch_norm="frozen",
        views=2,
        backgrounds=Path("tiles"),
        patience=1,
        seed=5,
        loss_relational=0.1,
        loss_contrastive=0.2,
        loss_rank=0.3,
        precision="fp32",
        device="cpu",
        threads=1,
        workers=2,
        resume=True,
    )
    assert distiller.asked["teacher"] == "t"
    assert distiller.asked["cache"] == Path("c")


def test_the_command_decides_as_the_library_does(
    shop: Callable[..., Any], distiller: Distiller
) -> None:
    assert shop("distill", "shop", "--out", "s").status == 0
    assert distiller.asked["options"] == DistillationOptions()


def test_it_tells_the_students_figures(shop: Callable[..., Any], distiller: Distiller) -> None:
    done = shop("distill", "shop", "--out", "s")
    assert "in the space of teacher" in done.out
    assert "asymmetric_overlap_at_10 0.75" in done.out
    assert "9, the best after 6" in done.out


def test_json_is_what_the_document_promises(shop: Callable[..., Any], distiller: Distiller) -> None:
    answer = json.loads(shop("distill", "shop", "--out", "s", "--json").out)
    assert list(answer) == [
        *("student", "run", "card", "fp32_card", "steps", "best_step", "photos"),
        *("seconds", "set_aside"),
    ]
    document = (Path(__file__).parents[3] / "docs" / "json.md").read_text("utf-8")
    section = document[document.index("## distill --json") :]
    assert all(f"`{name}`" in section for name in answer)


def test_what_was_set_aside_is_told_by_the_exit_code(
    shop: Callable[..., Any], distiller: Distiller
) -> None:
    distiller.set_aside = (SetAside(Path("a.jpg"), 0, "It is empty.", ""),)
    done = shop("distill", "shop", "--out", "s")
    assert done.status == 3
    assert "a.jpg: It is empty." in done.err


def test_an_error_is_one_sentence(shop: Callable[..., Any], distiller: Distiller) -> None:
    distiller.error = DistillationError("Too few photos. Give more.")
    done = shop("distill", "shop", "--out", "s")
    assert done.status == 7
    assert done.err.strip() == "error: Too few photos. Give more."


def test_an_interruption_says_how_to_go_on(shop: Callable[..., Any], distiller: Distiller) -> None:
    distiller.error = KeyboardInterrupt()
    done = shop("distill", "shop", "--out", "s")
    assert done.status == 130
    assert "--resume" in done.err


def test_an_option_that_cannot_be_is_refused(
    shop: Callable[..., Any], distiller: Distiller
) -> None:
    done = shop("distill", "shop", "--out", "s", "--precision", "fp8")
    assert done.status == 7
    assert "precision must be one of" in done.err
    assert not distiller.asked
