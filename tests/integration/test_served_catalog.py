"""Whole queries through HTTP: a server of its own, from the first query to the end."""

import os
from pathlib import Path

import psutil
import pytest

from furniture_prompter import index
from furniture_prompter.assembly.served_catalog import ServedCatalog
from furniture_prompter.client import SearchAnswer
from furniture_prompter.encoders.registry import encoder_folder
from furniture_prompter.errors import BenchmarkError
from tests.fakes import COLOURS, draw_product


def servers() -> list[psutil.Process]:
    return [each for each in psutil.Process().children() if "serve" in each.cmdline()]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos" / "chair"
    folder.mkdir(parents=True)
    for number, colour in enumerate(COLOURS):
        draw_product(colour, "chair", number).save(folder / f"{colour}.png")
    return folder


def test_it_starts_with_the_first_query_and_ends_when_it_is_closed(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index(photos.parent, tmp_path / "catalog")
    # A shop's own settings of its server are nothing to this one.
    monkeypatch.setenv("FURNITURE_PROMPTER_API_KEYS", os.fspath(tmp_path / "nowhere.json"))
    monkeypatch.setenv("FURNITURE_PROMPTER_RATE_LIMIT_PER_MINUTE", "1")
    served = ServedCatalog(tmp_path / "catalog", encoder_folder("default"), threads=1)
    assert servers() == []
    for photo in sorted(photos.iterdir())[:3]:
        answer = served(photo)
        assert isinstance(answer, SearchAnswer)
        assert answer.hits[0].product.title == photo.stem
    assert len(servers()) == 1
    served.close()
    assert servers() == []


def test_a_server_that_cannot_start_is_an_error_with_what_it_said(
    photos: Path, tmp_path: Path
) -> None:
    served = ServedCatalog(tmp_path / "nowhere", encoder_folder("default"))
    with pytest.raises(BenchmarkError, match=r"end_to_end.queries = 0.*nowhere"):
        served(next(photos.iterdir()))
    assert servers() == []
    served.close()


def test_a_photo_that_is_refused_is_an_error(photos: Path, tmp_path: Path) -> None:
    index(photos.parent, tmp_path / "catalog")
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no photo")
    served = ServedCatalog(tmp_path / "catalog", encoder_folder("default"))
    with pytest.raises(BenchmarkError, match="invalid_photo"):
        served(broken)
    served.close()
