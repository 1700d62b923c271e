"""Every setting once: name, unit, default, range. Read at the doors and passed down."""

import os
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_settings import BaseSettings, SettingsConfigDict


def _user_cache() -> Path:
    # The XDG base directory specification: unset, empty or relative means ~/.cache.
    given = Path(os.environ.get("XDG_CACHE_HOME", ""))
    base = given if given.is_absolute() else Path("~/.cache").expanduser()
    return base / "furniture-prompter" / "encoders"


class Settings(BaseSettings):
    """Settings of one process; each can be given in the environment as FURNITURE_PROMPTER_<NAME>.

    Defaults of what decides speed or quality were chosen by the measurements under
    ``benchmarks/results``; the decision records under ``docs/decisions`` say which.
    """

    model_config = SettingsConfigDict(
        env_prefix="FURNITURE_PROMPTER_", extra="forbid", frozen=True, validate_default=True
    )

    encoder: str = Field(
        default="default", description="Photo encoder: a name, or an encoder's folder."
    )
    prompt_encoder: str = Field(
        default="default-prompt", description="Prompt encoder: a name, or an encoder's folder."
    )
    encoder_device: str = Field(
        default="auto",
        pattern=r"^(auto|cpu|mps|cuda(:[0-9]+)?)$",
        description="Where teachers run: auto (CUDA, else Apple MPS, else the CPU), cpu, cuda, "
        "cuda:1, mps.",
    )
    # Nobody expands a tilde that comes from a file of environment variables.
    encoder_cache: Annotated[Path, AfterValidator(Path.expanduser)] = Field(
        default_factory=_user_cache,
        description="Folder of pulled and built encoders; below XDG_CACHE_HOME, or ~/.cache, "
        "unless given.",
    )
    text_tower: str | None = Field(
        default=None,
        description="Encoder whose text tower takes prompts into the photos' space: a name, or an "
        "encoder's folder. Where it is not given, a catalog's own tower or alignment does.",
    )
    language: str = Field(
        default="english", description="Language of the keyword index of new catalogs."
    )
    threads: int | None = Field(
        default=None, ge=1, le=256, description="Threads for encoding; all cores unless given."
    )
    encode_batch_photos: int = Field(
        default=16, ge=1, le=1024, description="Photos encoded at once while indexing."
    )
    stage_photos: int = Field(
        default=512, ge=1, le=100_000, description="Photos encoded between two savings of progress."
    )
    decode_workers: int = Field(
        default=2, ge=1, le=64, description="Threads that decode while indexing."
    )
    limit_photo_bytes: int = Field(
        default=30_000_000, ge=1024, description="Largest photo file, in bytes."
    )
    limit_photo_pixels: int = Field(
        default=80_000_000, ge=1024, description="Largest photo, in pixels, before decoding."
    )
    limit_prompt_characters: int = Field(
        default=2_000, ge=1, description="Longest prompt or `without`, in characters."
    )
    limit_hits: int = Field(
        default=1_000, ge=1, description="Most hits that one query may ask for."
    )
    photo_weight: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="Share of the photo where a query has photo and prompt.",
    )
    weight_keyword: float = Field(
        default=2.0, ge=0, description="Weight of keyword matches within the prompt's share."
    )
    weight_prompt_text: float = Field(
        default=0.25, ge=0, description="Weight of prompt against product text, by vectors."
    )
    weight_prompt_photo: float = Field(
        default=1.0, ge=0, description="Weight of prompt against photos, by the alignment."
    )
    weight_without: float = Field(
        default=1.0, ge=0, description="How strongly `without` pushes a product down."
    )
    candidates: int = Field(
        default=200, ge=10, le=10_000, description="Products each part brings to the fusion."
    )
    vector_index_photos: int = Field(
        default=50_000,
        ge=256,
        description="Photos from which a vector index is built instead of an exact scan.",
    )
    version_grace_s: float = Field(
        default=600.0, ge=0, description="Seconds that a replaced catalog version stays readable."
    )
