import json
from pathlib import Path
from typing import Any

import pytest

from furniture_prompter.encoders.card import Preprocessing
from furniture_prompter.encoders.hub.preprocessing import Normalisation, read_preprocessor
from furniture_prompter.errors import EncoderDamagedError

HALF = (0.5, 0.5, 0.5)
BASE: dict[str, Any] = {"image_mean": HALF, "image_std": HALF, "resample": 2}


def _read(
    folder: Path, settings: dict[str, Any], config: dict[str, Any] | None = None
) -> tuple[Preprocessing, Normalisation]:
    (folder / "config.json").write_text(json.dumps(config or {}))
    (folder / "preprocessor_config.json").write_text(json.dumps(settings))
    return read_preprocessor(folder)


@pytest.mark.parametrize(
    ("settings", "side_px", "fit", "crop_px"),
    [
        ({"size": {"height": 224, "width": 224}}, 224, "squash", 224),
        ({"size": 224, "crop_size": 224, "do_center_crop": True}, 224, "crop", 224),
        (
            {"size": {"shortest_edge": 256}, "crop_size": {"height": 224, "width": 224}},
            256,
            "crop",
            224,
        ),
        ({"size": 224, "crop_pct": 0.875}, 256, "crop", 224),
        ({"size": {"shortest_edge": 224}, "crop_pct": 0.875}, 256, "crop", 224),
        ({"size": {"shortest_edge": 384}, "crop_pct": 0.875}, 384, "squash", 384),
    ],
)
def test_sizes_become_a_square_and_what_is_seen_of_it(
    settings: dict[str, Any], side_px: int, fit: str, crop_px: int, tmp_path: Path
) -> None:
    preprocessing, normalisation = _read(tmp_path, BASE | settings)
    assert (preprocessing.side_px, preprocessing.fit) == (side_px, fit)
    assert preprocessing.resampling == "bilinear"
    assert normalisation.crop_px == crop_px
    assert normalisation.rescale == pytest.approx(1 / 255)
    assert normalisation.mean == normalisation.deviation == HALF


def test_timms_settings_come_from_config_json(tmp_path: Path) -> None:
    images = {
        "input_size": [3, 224, 224],
        "interpolation": "bilinear",
        "crop_pct": 0.95,
        "mean": [0.1, 0.2, 0.3],
        "std": [0.4, 0.5, 0.6],
    }
    preprocessing, normalisation = _read(tmp_path, {}, {"pretrained_cfg": images})
    assert preprocessing == Preprocessing(side_px=235, fit="crop", resampling="bilinear")
    assert normalisation == Normalisation(
        crop_px=224, rescale=1 / 255, mean=(0.1, 0.2, 0.3), deviation=(0.4, 0.5, 0.6)
    )


def test_values_that_are_not_rescaled_or_normalised_stay_as_they_are(tmp_path: Path) -> None:
    settings = {"size": 8, "resample": 3, "do_rescale": False, "do_normalize": False}
    _, normalisation = _read(tmp_path, settings)
    assert normalisation == Normalisation(8, 1.0, (0, 0, 0), (1, 1, 1))


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"size": {"height": 224, "width": 192}},
        {"size": {"longest_edge": 224}},
        {"size": 224, "resample": 0},
        {"size": 224, "do_resize": False},
        {"size": 224, "image_mean": [0.5]},
        {"size": 224, "image_std": [0.5, 0, 0.5]},
        {"size": 224, "crop_size": 512},
        {"size": 0},
        {"size": -5},
        {"size": "large"},
        {"size": 224, "crop_pct": 0},
        {"size": 224, "crop_pct": "all"},
    ],
)
def test_settings_that_cannot_be_followed_are_refused(
    settings: dict[str, Any], tmp_path: Path
) -> None:
    with pytest.raises(EncoderDamagedError, match=r"preprocessor_config\.json"):
        _read(tmp_path, BASE | settings)
