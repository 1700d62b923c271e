import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from furniture_prompter.encoders import registry
from furniture_prompter.encoders.card import CARD_FILE
from furniture_prompter.encoders.onnx_encoder import OnnxEncoder
from furniture_prompter.encoders.prompt_encoder import StaticPromptEncoder
from furniture_prompter.encoders.registry import (
    cached_cards,
    encoder_folder,
    load_encoder,
    load_prompt_encoder,
    text_tower_of,
)
from furniture_prompter.errors import EncoderDamagedError, EncoderError, EncoderNotFoundError
from tests.unit.encoders.test_card import card


def put(folder: Path, **changes: object) -> Path:
    folder.mkdir(parents=True)
    card(**changes).save(folder)
    return folder


def test_a_shipped_name_is_found_even_where_the_cache_has_it_too(tmp_path: Path) -> None:
    put(tmp_path / "efficientnet-lite2")
    assert encoder_folder("efficientnet-lite2", tmp_path).parent == registry.WEIGHTS_FOLDER


def test_a_pulled_encoder_is_found_by_its_name(tmp_path: Path) -> None:
    put(tmp_path / "resnet50")
    assert encoder_folder("resnet50", tmp_path) == tmp_path / "resnet50"


def test_a_pulled_encoder_comes_before_a_folder_of_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path / "here" / "resnet50")
    put(tmp_path / "cache" / "resnet50")
    monkeypatch.chdir(tmp_path / "here")
    assert encoder_folder("resnet50", tmp_path / "cache") == tmp_path / "cache" / "resnet50"
    assert encoder_folder("./resnet50", tmp_path / "cache") == Path("resnet50")


def test_the_environment_says_where_pulled_encoders_lie(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path / "resnet50")
    monkeypatch.setenv("FURNITURE_PROMPTER_ENCODER_CACHE", str(tmp_path))
    assert encoder_folder("resnet50") == tmp_path / "resnet50"


def test_a_folder_is_taken_by_its_path(tmp_path: Path) -> None:
    student = put(tmp_path / "students" / "r18")
    assert encoder_folder(str(student), tmp_path / "cache") == student


@pytest.mark.parametrize("name", ["nothing", "", ".", "..", "a/b"])
def test_an_unknown_name_is_refused_with_the_names_there_are(tmp_path: Path, name: str) -> None:
    put(tmp_path / "resnet50")
    with pytest.raises(EncoderNotFoundError, match=r"minilm-static-256.*resnet50"):
        encoder_folder(name, tmp_path)


def test_cards_of_the_cache_come_by_name_and_none_from_a_missing_cache(tmp_path: Path) -> None:
    put(tmp_path / "b", name="b")
    put(tmp_path / "a", name="a")
    (tmp_path / "half-pulled").mkdir()
    assert [found.name for found in cached_cards(tmp_path)] == ["a", "b"]
    assert cached_cards(tmp_path / "nowhere") == ()


def test_the_card_says_what_runs_an_encoder() -> None:
    assert isinstance(load_encoder(encoder_folder("default"), threads=1), OnnxEncoder)
    assert isinstance(load_prompt_encoder(encoder_folder("default-prompt")), StaticPromptEncoder)


def test_a_prompt_encoder_is_no_photo_encoder_and_the_other_way_round() -> None:
    with pytest.raises(EncoderNotFoundError, match="not a photo encoder"):
        load_encoder(encoder_folder("default-prompt"))
    with pytest.raises(EncoderNotFoundError, match="not a prompt encoder"):
        load_prompt_encoder(encoder_folder("default"))


def test_an_encoder_without_a_text_tower_is_refused_as_one() -> None:
    with pytest.raises(EncoderNotFoundError, match="no text tower"):
        text_tower_of(load_encoder(encoder_folder("default"), threads=1))


@pytest.mark.parametrize("missing", ["torch", "transformers"])
def test_a_missing_extra_is_one_sentence_with_the_pip_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    folder = put(tmp_path / "siglip", name="siglip", runtime="hub", encodes_prompts=True)
    module = tmp_path / "needs_what_is_missing.py"
    module.write_text(f"import {missing}\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(sys.modules, missing, None)
    monkeypatch.setattr(registry, "FACTORIES", {"hub": "needs_what_is_missing:load"})
    with pytest.raises(EncoderError) as caught:
        load_encoder(folder)
    assert str(caught.value) == (
        f"siglip needs {missing}, which is not installed. "
        "Run in a clone of Furniture Prompter: pip install -e '.[hub]'"
    )


def test_a_card_that_promises_a_text_tower_to_a_runtime_without_one_is_refused(
    tmp_path: Path,
) -> None:
    folder = encoder_folder("default")
    shipped = load_encoder(folder, threads=1)
    claims = replace(shipped.card, encodes_prompts=True)
    session = shipped._session  # type: ignore[attr-defined]  # the same graph under another card
    with pytest.raises(EncoderDamagedError, match="encodes prompts"):
        text_tower_of(OnnxEncoder(claims, session, folder))


def test_a_module_that_always_belongs_here_is_no_missing_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = put(tmp_path / "broken", name="broken")
    monkeypatch.setattr(registry, "FACTORIES", {"onnx": "furniture_prompter.gone:load"})
    with pytest.raises(ModuleNotFoundError):
        load_encoder(folder)


def test_a_copy_of_an_encoder_elsewhere_gives_the_same_vectors(tmp_path: Path) -> None:
    shipped = encoder_folder("default")
    copy = tmp_path / "copy"
    shutil.copytree(shipped, copy)
    assert (copy / CARD_FILE).is_file()
    image = np.full((40, 60, 3), 120, np.uint8)
    here, there = (load_encoder(folder, threads=1).encode([image]) for folder in (shipped, copy))
    np.testing.assert_array_equal(here, there)


@pytest.mark.parametrize("name", ["siglip2-base-patch16-224", "imagenet-ensemble"])
def test_a_known_teacher_that_is_not_in_the_cache_is_told_how_to_come_there(
    name: str, tmp_path: Path
) -> None:
    with pytest.raises(EncoderNotFoundError, match=f"Run: furniture-prompter encoders pull {name}"):
        encoder_folder(name, tmp_path)
