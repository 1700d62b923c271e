"""From a checkpoint's preprocessor settings to ours: the square, and the scale of its values.

The hub's image processors do two things. Resizing and cropping become a
:class:`~furniture_prompter.encoders.card.Preprocessing` on the card, done by Pillow in
``preprocess()`` as everywhere. Rescaling and normalising become :class:`Normalisation`, done by the
network's first step.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from furniture_prompter.encoders.card import Preprocessing, Resampling
from furniture_prompter.encoders.hub.checkpoint import CONFIG_FILE, PREPROCESSOR_FILE, read_json
from furniture_prompter.errors import EncoderDamagedError

_RESAMPLING: Mapping[int, Resampling] = {
    1: "lanczos",
    2: "bilinear",
    3: "bicubic",
    4: "box",
    5: "hamming",
}
"""Pillow's numbers, as the hub writes them. 0 is the nearest pixel, which no encoder here takes."""

_WHOLE_FROM_PX = 384
"""From this side on, the ResNet processor takes the whole image instead of cropping its centre
(transformers, models/convnext/image_processing_convnext.py)."""


@dataclass(frozen=True, slots=True)
class Normalisation:
    """What happens to the square's values before the network.

    Attributes:
        crop_px: Side of the centre that the network sees of the square.
        rescale: Factor on values from 0 to 255.
        mean: Of red, green and blue, subtracted after rescaling.
        deviation: Of red, green and blue, divided by after that.
    """

    crop_px: int
    rescale: float
    mean: tuple[float, float, float]
    deviation: tuple[float, float, float]


def read_preprocessor(folder: Path) -> tuple[Preprocessing, Normalisation]:
    """Read how the checkpoint in ``folder`` wants its images.

    Raises:
        EncoderDamagedError: the settings are missing, contradict each other, or ask for something
            that :func:`~furniture_prompter.encoders.preprocessing.preprocess` does not do.
    """
    config = read_json(folder / CONFIG_FILE)
    timm = config.get("pretrained_cfg")
    path = folder / PREPROCESSOR_FILE
    name = CONFIG_FILE if isinstance(timm, dict) else PREPROCESSOR_FILE
    if not isinstance(timm, dict) and not path.is_file():
        raise EncoderDamagedError(
            f"The checkpoint has no {PREPROCESSOR_FILE}, so nobody knows how it wants its images. "
            "Download it again with that file."
        )
    try:
        return _from_timm(timm) if isinstance(timm, dict) else _from_hub(read_json(path))
    except (ArithmeticError, KeyError, TypeError, ValueError) as error:
        raise EncoderDamagedError(
            f"{name} says nothing usable about images ({error!r}). Download the checkpoint again, "
            "or name another."
        ) from error


def _from_hub(settings: Mapping[str, Any]) -> tuple[Preprocessing, Normalisation]:
    if settings.get("do_resize", True) is False:
        raise ValueError("do_resize is false, but photos come in every size")
    resampling = _RESAMPLING[int(settings.get("resample", 3))]
    size, crop_pct = settings["size"], settings.get("crop_pct")
    if isinstance(size, Mapping) and "height" in size:
        side_px = crop_px = _square(size)
        fit: Any = "squash"
    else:
        shortest_px = int(size["shortest_edge"] if isinstance(size, Mapping) else size)
        if crop_pct is not None and shortest_px >= _WHOLE_FROM_PX:
            side_px, crop_px, fit = shortest_px, shortest_px, "squash"
        elif crop_pct is not None:
            side_px, crop_px, fit = int(shortest_px / float(crop_pct)), shortest_px, "crop"
        else:
            side_px, fit = shortest_px, "crop"
            crop_px = _square(settings.get("crop_size", shortest_px))
    rescale = float(settings.get("rescale_factor", 1 / 255))
    return _checked(
        Preprocessing(side_px=side_px, fit=fit, resampling=resampling),
        Normalisation(
            crop_px=crop_px,
            rescale=rescale if settings.get("do_rescale", True) else 1.0,
            mean=_three(settings["image_mean"] if _normalises(settings) else (0, 0, 0)),
            deviation=_three(settings["image_std"] if _normalises(settings) else (1, 1, 1)),
        ),
    )


def _from_timm(settings: Mapping[str, Any]) -> tuple[Preprocessing, Normalisation]:
    channels, height_px, width_px = (int(value) for value in settings["input_size"])
    if channels != 3 or height_px != width_px:
        raise ValueError(f"input_size is {settings['input_size']}, not a square of three colours")
    # timm, data/transforms_factory.py: the short side becomes floor(size / crop_pct).
    side_px = int(height_px / float(settings.get("crop_pct") or 1.0))
    names = {name: name for name in _RESAMPLING.values()}
    return _checked(
        Preprocessing(
            side_px=side_px, fit="crop", resampling=names[settings.get("interpolation", "bicubic")]
        ),
        Normalisation(
            crop_px=height_px,
            rescale=1 / 255,
            mean=_three(settings["mean"]),
            deviation=_three(settings["std"]),
        ),
    )


def _checked(
    preprocessing: Preprocessing, normalisation: Normalisation
) -> tuple[Preprocessing, Normalisation]:
    if not 1 <= normalisation.crop_px <= preprocessing.side_px:
        raise ValueError(
            f"a crop of {normalisation.crop_px} px does not fit {preprocessing.side_px} px"
        )
    if not all(value > 0 for value in (*normalisation.deviation, normalisation.rescale)):
        raise ValueError("image_std and rescale_factor must be above zero")
    return preprocessing, normalisation


def _normalises(settings: Mapping[str, Any]) -> bool:
    return bool(settings.get("do_normalize", True))


def _square(size: Mapping[str, Any] | int) -> int:
    if not isinstance(size, Mapping):
        return int(size)
    if size["height"] != size["width"]:
        raise ValueError(f"{size['height']} x {size['width']} is no square")
    return int(size["height"])


def _three(values: Any) -> tuple[float, float, float]:
    red, green, blue = (float(value) for value in values)
    return red, green, blue
