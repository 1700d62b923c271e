"""Which encoder a catalog takes, and that one put in another's place is noticed."""

import dataclasses
from pathlib import Path
from types import SimpleNamespace

import pytest

from furniture_prompter.assembly.encoders import (
    LoadedEncoders,
    photo_encoder_folder,
    prompt_encoder_folder,
)
from furniture_prompter.encoders import registry
from furniture_prompter.encoders.card import EncoderCard, Preprocessing
from furniture_prompter.errors import EncoderNotFoundError
from furniture_prompter.settings import Settings
from tests.fakes import colour_card


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    for name in ("own", "other"):
        put(tmp_path / "cache" / name, colour_card(name))
    return Settings(encoder_cache=tmp_path / "cache")


def put(folder: Path, card: EncoderCard) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    card.save(folder)


@pytest.mark.parametrize(
    ("in_catalog", "given", "in_settings", "chosen"),
    [
        (None, None, "default", registry.DEFAULTS["default"]),
        (None, None, "other", "other"),
        (None, "own", "other", "own"),
        ("own", None, "default", "own"),
        ("own", None, "other", "other"),
        ("own", "other", "default", "other"),
        ("own", "default", "other", registry.DEFAULTS["default"]),
    ],
)
def test_an_encoder_is_the_one_given_then_the_settings_then_the_catalogs_own(
    settings: Settings, in_catalog: str | None, given: str | None, in_settings: str, chosen: str
) -> None:
    named = settings.model_copy(update={"encoder": in_settings})
    assert photo_encoder_folder(in_catalog, given, named).name == chosen


@pytest.mark.parametrize("name", ["default-r18-nowhere", "default-prompts", "defaults", ""])
def test_a_name_in_the_settings_that_is_nowhere_is_refused_with_what_there_is(
    settings: Settings, name: str
) -> None:
    named = settings.model_copy(update={"encoder": name, "prompt_encoder": name})
    for in_catalog in (None, "own"):
        with pytest.raises(EncoderNotFoundError, match="There is no encoder") as refused:
            photo_encoder_folder(in_catalog, None, named)
        named_ones = str(refused.value).partition("Name one of ")[2].split(", ")
        assert {"default", "efficientnet-lite2", "own", "other"} <= set(named_ones)
        assert not {"default-prompt", "minilm-static-256"} & set(named_ones)
        with pytest.raises(EncoderNotFoundError, match="There is no encoder") as refused:
            prompt_encoder_folder(in_catalog, named)
        named_ones = str(refused.value).partition("Name one of ")[2].split(", ")
        assert named_ones[:3] == [
            "default-prompt",
            "minilm-static-256",
            "multilingual-static-384",
        ]
        assert "own" not in named_ones


def test_a_catalogs_own_encoder_that_is_not_here_is_named_with_the_cure(settings: Settings) -> None:
    with pytest.raises(EncoderNotFoundError, match=r"embedded by gone.* with --encoder"):
        photo_encoder_folder("gone", None, settings)
    with pytest.raises(EncoderNotFoundError, match=r"embedded by gone.*PROMPT_ENCODER to its"):
        prompt_encoder_folder("gone", settings)


def test_an_encoder_is_loaded_once_and_again_when_another_lies_in_its_folder(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    factories = {**registry.FACTORIES, "hub": "tests.fakes:load_colour_encoder"}
    monkeypatch.setattr(registry, "FACTORIES", factories)
    folder, loaded = tmp_path / "cache" / "own", LoadedEncoders(settings)
    first = loaded.photo(folder)
    assert loaded.photo(folder) is first

    put(folder, colour_card("own", weights="2"))
    second = loaded.photo(folder)
    assert second.card.weights_sha256 == "2" * 64

    larger = dataclasses.replace(second.card, preprocessing=Preprocessing(side_px=96))
    put(folder, larger)
    assert loaded.photo(folder).card == larger


def test_a_prompt_encoder_is_loaded_again_when_another_lies_in_its_folder(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        registry,
        "load_prompt_encoder",
        lambda folder: SimpleNamespace(card=EncoderCard.load(folder)),
    )
    folder, loaded = tmp_path / "cache" / "own", LoadedEncoders(settings)
    assert loaded.prompt(folder) is loaded.prompt(folder)
    put(folder, colour_card("own", weights="2"))
    assert loaded.prompt(folder).card == colour_card("own", weights="2")
