"""``encoders``: pulling, showing and exporting, from the words to the call and back."""

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from furniture_prompter import assembly
from furniture_prompter.cli.options import ExitCode
from furniture_prompter.domain import IndexProgress
from furniture_prompter.encoders.card import EmbeddingSpace, EncoderCard, Preprocessing
from furniture_prompter.errors import EncoderNotFoundError

Run = Callable[..., Any]

CARD = EncoderCard(
    name="tiny",
    kind="image",
    runtime="hub",
    architecture="siglip",
    encodes_prompts=True,
    dimension=32,
    preprocessing=Preprocessing(side_px=32, fit="squash"),
    licence="Apache-2.0",
    source="Pulled from shop/tiny@c0ffee",
    source_sha256={"config.json": "1" * 64},
    weights_file="model.safetensors",
    weights_sha256="2" * 64,
    weights_bytes=1_500_000,
    other_files={"config.json": "1" * 64},
    parameters=375_000,
    description="A small one.",
    figures={"mean_average_precision": 0.5},
    training={"data": {"photos": 992, "licence": "CC0"}, "seeds": [1, 2], "loss": "regression"},
)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the commands asked of the assembly, which answers with the card above."""
    calls: list[dict[str, Any]] = []

    def answer(kind: str) -> Callable[..., EncoderCard]:
        def called(
            *words: Any, settings: Any = None, progress: Any = None, **options: Any
        ) -> EncoderCard:
            calls.append({"call": kind, "words": words, **options})
            return CARD

        return called

    for kind in ("pull", "describe", "export"):
        monkeypatch.setattr(assembly, f"{kind}_encoder", answer(kind))
    monkeypatch.setenv("FURNITURE_PROMPTER_ENCODER_CACHE", "some-cache")
    return calls


def test_pull_passes_on_name_folder_and_revision(shop: Run, asked: list[dict[str, Any]]) -> None:
    done = shop("encoders", "pull", "tiny", "--from", "downloads", "--revision", "refs/pr/3")
    assert done.status == 0
    assert asked == [
        {
            "call": "pull",
            "words": ("tiny",),
            "source": Path("downloads"),
            "revision": "refs/pr/3",
        }
    ]
    assert "photos, 32 × 32 px, and prompts" in done.out
    assert "PyTorch (extra hub)" in done.out
    assert "--encoder tiny" in done.err
    assert str(Path("some-cache") / "tiny") in done.err.replace("\n", "")


def test_show_tells_every_field_of_the_card(shop: Run, asked: list[dict[str, Any]]) -> None:
    out = shop("encoders", "show", "students/r18").out
    assert asked == [{"call": "describe", "words": ("students/r18",)}]
    for told in ("tiny", "Apache-2.0", "model.safetensors 222", "config.json 111", "siglip"):
        assert told in out
    for told in ("mean_average_precision 0.5", "photos 992", "seeds [1, 2]", "loss regression"):
        assert told in out


def test_show_tells_whose_space_a_student_lies_in(
    shop: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    student = dataclasses.replace(CARD, space=EmbeddingSpace("teacher", "ab" * 32))
    monkeypatch.setattr(assembly, "describe_encoder", lambda *_a, **_k: student)
    assert "that of teacher (abababababab…)" in shop("encoders", "show", "x").out


def test_export_passes_on_what_is_wanted_and_says_where_prompts_go(
    shop: Run, asked: list[dict[str, Any]]
) -> None:
    words = ("--out", "small", "--precision", "int8", "--calibrate", "photos")
    done = shop("encoders", "export", "tiny", *words)
    assert done.status == 0
    assert asked[-1] == {
        "call": "export",
        "words": ("tiny", Path("small")),
        "precision": "int8",
        "calibrate": Path("photos"),
    }
    assert "--text-tower tiny" in done.err


def test_export_knows_two_precisions(shop: Run, asked: list[dict[str, Any]]) -> None:
    done = shop("encoders", "export", "tiny", "--out", "x", "--precision", "int4")
    assert done.status == ExitCode.USAGE
    assert asked == []


@pytest.mark.parametrize(
    "words", [("pull", "tiny"), ("show", "tiny"), ("export", "tiny", "--out", "x")]
)
def test_in_json_the_answer_is_the_card(
    words: tuple[str, ...], shop: Run, asked: list[dict[str, Any]]
) -> None:
    assert json.loads(shop("encoders", *words, "--json").out) == json.loads(
        json.dumps(CARD.as_json())
    )


def test_json_before_a_sub_command_is_refused(shop: Run, asked: list[dict[str, Any]]) -> None:
    done = shop("encoders", "--json", "show", "tiny")
    assert done.status == ExitCode.USAGE
    assert asked == []


def test_a_build_that_is_piped_tells_where_it_stands(
    shop: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def build(*_args: Any, progress: Callable[[IndexProgress], None], **_: Any) -> EncoderCard:
        progress(IndexProgress("fitting", 0, 788, "photos"))
        return CARD

    monkeypatch.setattr(assembly, "pull_encoder", build)
    done = shop("encoders", "pull", "imagenet-ensemble", "--json")
    assert "About a minute on two processors" in done.err
    assert "fitting 788 photos" in done.err
    assert json.loads(done.out)["name"] == "tiny"


def test_an_encoder_that_is_not_there_ends_with_its_own_status(
    shop: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_args: Any, **_options: Any) -> EncoderCard:
        raise EncoderNotFoundError("There is no teacher 'x'. Name another.")

    monkeypatch.setattr(assembly, "pull_encoder", refuse)
    done = shop("encoders", "pull", "x")
    assert done.status == ExitCode.ENCODER
    assert "error: There is no teacher 'x'." in done.err


@pytest.mark.parametrize(
    ("words", "extra"),
    [
        (("pull", "resnet50"), "hub"),
        (("pull", "imagenet-ensemble"), "train"),
        (("export", "efficientnet-lite2", "--out", "x"), "hub,train"),
    ],
)
def test_without_the_extra_the_line_that_installs_it_is_told(
    words: tuple[str, ...], extra: str, tmp_path: Path
) -> None:
    # In a process of its own: here, what was imported before would be there.
    code = (
        "import sys\n"
        "sys.modules['torch'] = sys.modules['huggingface_hub'] = None\n"
        "from furniture_prompter.cli.main import run\n"
        f"sys.argv = ['furniture-prompter', 'encoders', *{words!r}]\n"
        "run()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        encoding="utf-8",
        cwd=tmp_path,
        env={**os.environ, "FURNITURE_PROMPTER_ENCODER_CACHE": str(tmp_path)},
        timeout=120,
    )
    assert done.returncode == ExitCode.ENCODER
    assert f"pip install -e '.[{extra}]'" in done.stderr
