"""From a checkpoint's preprocessor settings to ours: the square, and the scale of its values.

The hub's image processors do two things. Resizing and cropping become a
:class:`~furniture_prompter.encoders.card.Preprocessing` on the card, done by Pillow in
``preprocess()`` as everywhere. Rescaling and normalising become :class:`Normalisation`, done by the
network's first step.
"""

import re
import string
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, models

from furniture_prompter.encoders.card import Preprocessing, Resampling
from furniture_prompter.encoders.hub.architecture import Architecture
from furniture_prompter.encoders.hub.checkpoint import (
    CONFIG_FILE,
    PREPROCESSOR_FILE,
    SPECIAL_TOKENS_FILE,
    TOKENIZER_CONFIG_FILE,
    TOKENIZER_FILE,
    read_json,
)
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


LIMIT_CHARACTERS = 4_096
"""A prompt is cut here first, as by the static prompt encoder; the towers take 16 to 77 pieces."""

_PUNCTUATION = str.maketrans("", "", string.punctuation)
_BLANKS = re.compile(r"\s+")


class PromptTokenizer:
    """Turns prompts into the rows of word piece numbers that a text tower takes."""

    def __init__(
        self,
        tokenizer: Tokenizer,
        canonical: Callable[[str], str],
        *,
        tokens: int,
        before: Sequence[int],
        after: Sequence[int],
        filling: int,
    ) -> None:
        tokenizer.no_padding()
        tokenizer.no_truncation()
        self._tokenizer = tokenizer
        self._canonical = canonical
        self._tokens = tokens
        self._before = list(before)
        self._after = list(after)
        self._filling = filling

    @classmethod
    def load(cls, folder: Path, architecture: Architecture) -> "PromptTokenizer":
        """Read the tokenizer of the checkpoint in ``folder``.

        Raises:
            EncoderDamagedError: it is missing or damaged, lacks a token that the family needs, or
                has more word pieces than the text tower.
        """
        tokenizer = _open(folder / TOKENIZER_FILE)
        config = architecture.towers["text"][1]
        if tokenizer.get_vocab_size() > config.vocab_size:
            raise EncoderDamagedError(
                f"{TOKENIZER_FILE} has {tokenizer.get_vocab_size()} word pieces and the text tower "
                f"{config.vocab_size}. Download both again, from the same revision."
            )
        named = _special_tokens(folder)
        end = _number(tokenizer, named, "eos_token")
        padding = _number(tokenizer, named, "pad_token")
        if architecture.family == "clip":
            start = [_number(tokenizer, named, "bos_token")]
            canonical: Callable[[str], str] = _as_it_is
        else:
            start = []
            # Both SigLIPs have model_type siglip; the first has a Unigram vocabulary, the second
            # Gemma's byte pairs.
            first = isinstance(tokenizer.model, models.Unigram)
            canonical = _siglip if first else str.lower
        return cls(
            tokenizer,
            canonical,
            tokens=architecture.text_tokens,
            before=start,
            after=[end],
            filling=padding,
        )

    def rows(self, prompts: Sequence[str]) -> tuple[torch.Tensor, list[int]]:
        """Word pieces of the prompts that have any.

        Returns:
            int64 (rows, tokens), and the prompt that each row belongs to.
        """
        words = [self._canonical(_readable(prompt)) for prompt in prompts]
        given = [row for row, text in enumerate(words) if text.strip()]
        encodings = self._tokenizer.encode_batch(
            [words[row] for row in given], add_special_tokens=False
        )
        rows = torch.full((len(given), self._tokens), self._filling, dtype=torch.int64)
        room = self._tokens - len(self._before) - len(self._after)
        for row, encoding in enumerate(encodings):
            pieces = [*self._before, *encoding.ids[:room], *self._after]
            rows[row, : len(pieces)] = torch.tensor(pieces)
        return rows, given


def _siglip(prompt: str) -> str:
    """Lower case, without ASCII punctuation, single blanks: big_vision's canonical text."""
    return _BLANKS.sub(" ", prompt.lower().translate(_PUNCTUATION)).strip()


def _as_it_is(prompt: str) -> str:
    return prompt


def _readable(prompt: str) -> str:
    # A lone surrogate, as a shell gives for bytes that are no UTF-8, has no place in a tokenizer.
    return prompt[:LIMIT_CHARACTERS].encode("utf-8", "ignore").decode("utf-8")


def _open(path: Path) -> Tokenizer:
    try:
        return Tokenizer.from_buffer(path.read_bytes())
    except FileNotFoundError as error:
        raise EncoderDamagedError(
            f"The checkpoint has a text tower and no {path.name}, the one form of a tokenizer that "
            "is read (no sentencepiece file is). Name a revision that has it (--revision; on the "
            "hub, refs/pr/N are pull requests), or convert the tokenizer and add the file."
        ) from error
    except (OSError, ValueError) as error:
        raise EncoderDamagedError(
            f"{path.name} is no tokenizer: {error}. Download it again."
        ) from error


def _special_tokens(folder: Path) -> Mapping[str, Any]:
    """Special tokens by their role; tokenizer_config.json wins over the older file."""
    named: dict[str, Any] = {}
    for name in (SPECIAL_TOKENS_FILE, TOKENIZER_CONFIG_FILE):
        if (folder / name).is_file():
            named |= {
                role: value for role, value in read_json(folder / name).items() if value is not None
            }
    return named


def _number(tokenizer: Tokenizer, named: Mapping[str, Any], role: str) -> int:
    token = named.get(role)
    text = token.get("content") if isinstance(token, Mapping) else token
    number = tokenizer.token_to_id(text) if isinstance(text, str) else None
    if number is None:
        raise EncoderDamagedError(
            f"{TOKENIZER_CONFIG_FILE} names {text!r} as {role}, which {TOKENIZER_FILE} does not "
            "have. Download both again, from the same revision."
        )
    return int(number)
