"""Encoder cards: identity, preprocessing, provenance and figures of an encoder's weights."""

import dataclasses
import functools
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, Literal, get_args

from pydantic import ConfigDict, TypeAdapter, ValidationError

from furniture_prompter.atomic_files import sha256_of
from furniture_prompter.domain import EncoderIdentity
from furniture_prompter.errors import EncoderDamagedError, EncoderNotFoundError

CARD_FILE = "card.json"

Kind = Literal["image", "prompt"]
Fit = Literal["pad", "squash", "crop"]
Resampling = Literal["box", "bilinear", "hamming", "bicubic", "lanczos"]
Runtime = Literal["onnx", "static", "hub"]

_SHA256 = re.compile(r"[0-9a-f]{64}")
_REINSTALL = "Reinstall furniture-prompter, or build the encoder again with its build tool."


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """How an image of any size becomes the square an encoder takes.

    Attributes:
        side_px: Width and height of the square.
        fit: "pad" keeps the whole image and its shape on a background; "squash" keeps the whole
            image and not its shape; "crop" keeps the shape and the centre.
        background: The red, green and blue, 0 to 255, around a padded image.
        resampling: The filter, by Pillow's name; all of them average when they shrink.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    side_px: int
    fit: Fit = "pad"
    background: tuple[int, int, int] = (255, 255, 255)
    resampling: Resampling = "bicubic"

    def __post_init__(self) -> None:
        if not 1 <= self.side_px <= 4096:
            raise ValueError(f"side_px must lie between 1 and 4096, not {self.side_px}.")
        if self.fit not in get_args(Fit):
            raise ValueError(f"fit must be one of {', '.join(get_args(Fit))}, not {self.fit!r}.")
        if self.resampling not in get_args(Resampling):
            names = ", ".join(get_args(Resampling))
            raise ValueError(f"resampling must be one of {names}, not {self.resampling!r}.")
        if not all(0 <= value <= 255 for value in self.background):
            raise ValueError(
                f"background must be three values from 0 to 255, not {self.background}."
            )


@dataclass(frozen=True, slots=True)
class ColourPart:
    """The last components of a vector, which hold the photo's colours; those before hold its shape.

    Both parts have a fixed length in every vector, so that a query that scales one of its own
    compares by another balance, and what is stored stays as it is.

    Attributes:
        components: How many they are.
        share: What they add to the cosine of a vector with itself, between 0 and 1.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    components: int
    share: float

    def __post_init__(self) -> None:
        if self.components < 1:
            raise ValueError(f"a colour part has components, not {self.components}.")
        if not 0 < self.share < 1:
            raise ValueError(f"a colour part's share lies between 0 and 1, not at {self.share}.")


@dataclass(frozen=True, slots=True)
class EmbeddingSpace:
    """The vector space of another encoder, which this one was taught or exported into.

    Attributes:
        name: That encoder's name, for people.
        id: Its :attr:`furniture_prompter.domain.EncoderIdentity.space_id`, which decides.
        colour: Which part of its vectors holds colours; None where shape and colour are one.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    name: str
    id: str
    colour: ColourPart | None = None

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError("a space must name the encoder that it belongs to.")
        if not _SHA256.fullmatch(self.id):
            raise ValueError(f"a space's id must be a sha256, not {self.id!r}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderCard:
    """What an encoder is. Vectors are comparable only between encoders of one space.

    Attributes:
        name: Also the name of its folder.
        kind: What it encodes.
        dimension: Components of a vector.
        metric: How vectors are compared; rows are unit length, so cosine is the dot product.
        preprocessing: What happens to an image first; None for a prompt encoder.
        licence: SPDX expression for the weights.
        source: Where the weights come from, in words.
        source_sha256: File name → sha256 of every weights file that went into the build.
        weights_file: The weights, beside the card.
        weights_sha256: Of the weights file.
        weights_bytes: Size of the weights file.
        other_files: File name → sha256 of whatever else the encoder needs beside its card.
        parameters: Trained numbers in the weights.
        description: One or two sentences for a person choosing an encoder.
        figures: What was measured when it was built; names carry unit and data set.
        runtime: What runs the weights; see :mod:`furniture_prompter.encoders.registry`.
        space: The space of another encoder that its vectors lie in; None for a space of its own.
        architecture: The network, such as ``resnet18``; empty where nobody needs to know.
        training: What it was trained with, as JSON values: data, settings, environment.
        encodes_prompts: Whether it also turns prompts into vectors of the photos' space.
        languages: ISO 639-1 codes of what a prompt encoder was made to understand; empty where its
            card does not say, as of the English one.
        colour: Which part of its vectors holds colours, unless its space says it; None where shape
            and colour are one.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    name: str
    kind: Kind
    dimension: int
    metric: Literal["cosine"] = "cosine"
    preprocessing: Preprocessing | None = None
    licence: str
    source: str
    source_sha256: Mapping[str, str] = field(default_factory=dict)
    weights_file: str
    weights_sha256: str
    weights_bytes: int
    other_files: Mapping[str, str] = field(default_factory=dict)
    parameters: int
    description: str
    figures: Mapping[str, float] = field(default_factory=dict)
    runtime: Runtime = "onnx"
    space: EmbeddingSpace | None = None
    architecture: str = ""
    training: Mapping[str, Any] = field(default_factory=dict)
    encodes_prompts: bool = False
    languages: tuple[str, ...] = ()
    colour: ColourPart | None = None

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise ValueError(f"kind must be image or prompt, not {self.kind!r}.")
        if self.kind == "prompt" and self.runtime == "onnx":
            # Cards from before runtimes were named: prompt encoders have always been static.
            object.__setattr__(self, "runtime", "static")
        if self.runtime not in get_args(Runtime):
            names = ", ".join(get_args(Runtime))
            raise ValueError(f"runtime must be one of {names}, not {self.runtime!r}.")
        if self.kind == "prompt" and (self.encodes_prompts or self.space is not None):
            raise ValueError("space and encodes_prompts are for image encoders.")
        if (self.kind == "image") != (self.preprocessing is not None):
            raise ValueError("an image encoder has preprocessing and a prompt encoder has none.")
        if self.metric != "cosine":
            raise ValueError(f"metric must be cosine, not {self.metric!r}.")
        for name in ("dimension", "weights_bytes"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}.")
        if self.colour is not None and self.colour.components >= self.dimension:
            raise ValueError("a colour part leaves components for the shape.")
        for name in (self.weights_file, *self.other_files):
            if not name or name != Path(name).name or name in {".", ".."}:
                raise ValueError(f"{name!r} must be the plain name of a file beside the card.")
        hashes = (self.weights_sha256, *self.other_files.values(), *self.source_sha256.values())
        for value in hashes:
            if not _SHA256.fullmatch(value):
                raise ValueError(f"{value!r} is no sha256 (64 hexadecimal digits).")
        for name in ("source_sha256", "other_files", "figures", "training"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))

    @property
    def colour_part(self) -> ColourPart | None:
        """Which part of its vectors holds colours."""
        return self.space.colour if self.space is not None else self.colour

    @property
    def input_side_px(self) -> int | None:
        """Side of the square image the weights take; None for a prompt encoder."""
        return self.preprocessing.side_px if self.preprocessing else None

    @classmethod
    def load(cls, folder: Path) -> "EncoderCard":
        """Read the card of the encoder in ``folder``.

        Raises:
            EncoderNotFoundError: there is no such folder, or no card in it.
            EncoderDamagedError: the card is no JSON, lacks a field, or has a wrong or unknown one.
        """
        path = folder / CARD_FILE
        try:
            text = path.read_bytes()
        except (FileNotFoundError, NotADirectoryError) as error:
            raise EncoderNotFoundError(
                f"No encoder at {folder}: it holds no {CARD_FILE}. "
                "Give the folder of an encoder; `furniture-prompter encoders` lists them."
            ) from error
        except OSError as error:
            raise EncoderDamagedError(f"Cannot read {path}: {error}. {_REINSTALL}") from error
        try:
            return _adapter().validate_json(text, strict=True)
        except ValidationError as error:
            wrong = "; ".join(
                f"{'.'.join(str(part) for part in item['loc']) or 'card'}: {item['msg']}"
                for item in error.errors(include_url=False)
            )
            raise EncoderDamagedError(f"{path} is no valid card ({wrong}). {_REINSTALL}") from error

    def save(self, folder: Path) -> Path:
        """Write the card into ``folder`` and return its path; equal cards give equal bytes."""
        path = folder / CARD_FILE
        text = json.dumps(self.as_json(), indent=2, ensure_ascii=False)
        path.write_text(text + "\n", encoding="utf-8")
        return path

    def as_json(self) -> dict[str, Any]:
        """The card as JSON-ready values, in the order of the fields."""
        out: dict[str, Any] = {}
        for entry in dataclasses.fields(self):
            value = getattr(self, entry.name)
            if isinstance(value, Preprocessing):
                value = dataclasses.asdict(value)
                value["background"] = list(value["background"])
            elif isinstance(value, EmbeddingSpace | ColourPart):
                value = dataclasses.asdict(value)
            elif isinstance(value, tuple):
                value = list(value)
            out[entry.name] = dict(value) if isinstance(value, Mapping) else value
        return out

    def verify_files(self, folder: Path) -> None:
        """Compare every file beside the card with its sha256.

        Raises:
            EncoderDamagedError: a file is missing or is not the one the card describes.
        """
        for name, expected in {self.weights_file: self.weights_sha256, **self.other_files}.items():
            path = folder / name
            try:
                actual = sha256_of(path)
            except OSError as error:
                raise EncoderDamagedError(f"Cannot read {path}: {error}. {_REINSTALL}") from error
            if actual != expected:
                raise EncoderDamagedError(
                    f"{path} is not the file its card describes (sha256 {actual[:12]}…, "
                    f"expected {expected[:12]}…). {_REINSTALL}"
                )


@functools.cache
def _adapter() -> TypeAdapter[EncoderCard]:
    return TypeAdapter(EncoderCard)


def own_space(card: EncoderCard) -> EmbeddingSpace:
    """The space that an encoder's vectors lie in, its own where it was taught none."""
    return card.space or EmbeddingSpace(card.name, identity_of(card).space_id, card.colour)


def identity_of(card: EncoderCard) -> EncoderIdentity:
    """What decides whether vectors of this encoder and another's are comparable."""
    preprocessing = asdict(card.preprocessing) if card.preprocessing else {}
    # JSON has no tuples: the manifest must read back equal.
    plain = {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in preprocessing.items()
    }
    return EncoderIdentity(
        name=card.name,
        weights_sha256=card.weights_sha256,
        dimension=card.dimension,
        metric=card.metric,
        preprocessing=plain,
        space=card.space.id if card.space else "",
    )
