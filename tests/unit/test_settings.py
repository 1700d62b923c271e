from pathlib import Path

import pytest

from furniture_prompter.settings import SHIPPED_DETECTOR, Settings


def test_pulled_encoders_lie_in_the_users_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Settings().encoder_cache == tmp_path / ".cache/furniture-prompter/encoders"


def test_pulled_encoders_follow_the_cache_that_the_desktop_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert Settings().encoder_cache == tmp_path / "furniture-prompter/encoders"


def test_a_relative_cache_of_the_desktop_counts_as_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "cache")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Settings().encoder_cache == tmp_path / ".cache/furniture-prompter/encoders"


def test_a_tilde_in_the_environment_is_the_users_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("FURNITURE_PROMPTER_ENCODER_CACHE", "~/encoders")
    assert Settings().encoder_cache == tmp_path / "encoders"


def test_a_detector_ships_and_can_be_another_or_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FURNITURE_PROMPTER_DETECTOR", raising=False)
    assert Settings().detector == SHIPPED_DETECTOR
    assert (SHIPPED_DETECTOR / "card.json").is_file()
    assert Settings(detector=None).detector is None
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("FURNITURE_PROMPTER_DETECTOR", "~/own")
    assert Settings().detector == tmp_path / "own"
    monkeypatch.setenv("FURNITURE_PROMPTER_DETECTOR", "none")
    assert Settings().detector is None
    assert Settings(detector=Path("none")).detector is None
    assert Settings(detector=tmp_path / "none").detector == tmp_path / "none"


def test_the_environment_names_cache_and_text_tower(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FURNITURE_PROMPTER_ENCODER_CACHE", str(tmp_path))
    monkeypatch.setenv("FURNITURE_PROMPTER_TEXT_TOWER", "siglip2")
    assert Settings().encoder_cache == tmp_path
    assert Settings().text_tower == "siglip2"
