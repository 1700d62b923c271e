"""The files of a checkpoint in the hub's layout: which are taken, how large they may be."""

import json
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from transformers.utils import logging as transformers_logging

from furniture_prompter.errors import EncoderDamagedError, EncoderError

CONFIG_FILE = "config.json"
PREPROCESSOR_FILE = "preprocessor_config.json"
TOKENIZER_FILE = "tokenizer.json"
TOKENIZER_CONFIG_FILE = "tokenizer_config.json"
SPECIAL_TOKENS_FILE = "special_tokens_map.json"
WEIGHTS_FILE = "model.safetensors"
INDEX_FILE = "model.safetensors.index.json"

_SMALL_FILES = (
    CONFIG_FILE,
    PREPROCESSOR_FILE,
    TOKENIZER_FILE,
    TOKENIZER_CONFIG_FILE,
    SPECIAL_TOKENS_FILE,
)

_PICKLED = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".msgpack", ".h5")

LIMIT_JSON_BYTES = 128 * 2**20
"""SigLIP 2's tokenizer.json, with 256,000 word pieces, has 34 MB."""

LIMIT_WEIGHTS_BYTES = 32 * 2**30
"""All weights files together; the largest SigLIP 2 has 7.5 GB."""


def files_to_take(names: Iterable[str], where: str) -> tuple[str, ...]:
    """Choose from the names in a checkpoint those an encoder needs, weights last.

    An index of shards stands for its shards, which :func:`shards_of` names.

    Raises:
        EncoderError: there is no config.json, or no weights in safetensors.
    """
    present = set(names)
    if CONFIG_FILE not in present:
        raise EncoderError(
            f"{where} holds no {CONFIG_FILE}, so it is no checkpoint in the hub's layout. "
            "Name a folder or a repository that holds config.json and model.safetensors."
        )
    small = tuple(name for name in _SMALL_FILES if name in present)
    for weights in (WEIGHTS_FILE, INDEX_FILE):
        if weights in present:
            return (*small, weights)
    pickled = sorted(name for name in present if Path(name).suffix in _PICKLED)
    if pickled:
        raise EncoderError(
            f"{where} has its weights in {pickled[0]} only, a format that can run code when it "
            "is read. Only safetensors is taken: name another revision (--revision; on the hub, "
            "refs/pr/N are pull requests, often with a conversion), or convert it yourself."
        )
    raise EncoderError(
        f"{where} holds no {WEIGHTS_FILE} and no {INDEX_FILE}. Download it again, or name a "
        "revision that has them."
    )


def shards_of(index: Path) -> tuple[str, ...]:
    """The weights files that an index of shards names, in order.

    Raises:
        EncoderDamagedError: the index is no such file, or names a path instead of a file.
    """
    weight_map = read_json(index).get("weight_map")
    if not isinstance(weight_map, Mapping) or not weight_map:
        raise EncoderDamagedError(
            f"{index.name} has no weight_map, so its shards are unknown. Download it again."
        )
    shards = sorted({str(name) for name in weight_map.values()})
    for name in shards:
        if name != Path(name).name or not name.endswith(".safetensors"):
            raise EncoderDamagedError(
                f"{index.name} names {name!r}, which is no safetensors file beside it. "
                "Only safetensors is taken; download the checkpoint again."
            )
    return tuple(shards)


def check_size(name: str, size_bytes: int, where: str) -> None:
    """Refuse a file larger than its kind may be.

    Raises:
        EncoderError: it is.
    """
    limit = LIMIT_JSON_BYTES if name.endswith(".json") else LIMIT_WEIGHTS_BYTES
    if size_bytes > limit:
        raise EncoderError(
            f"{name} in {where} has {size_bytes:,} bytes, more than the {limit:,} that such a "
            "file may have. Name a smaller encoder."
        )


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        EncoderDamagedError: the file is unreadable, no JSON, or no object.
    """
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise EncoderDamagedError(
            f"{path.name} is no readable JSON: {error}. Download the checkpoint again."
        ) from error
    if not isinstance(value, dict):
        raise EncoderDamagedError(
            f"{path.name} holds a {type(value).__name__} where an object belongs. "
            "Download the checkpoint again."
        )
    return value


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """Silence its remarks and progress bars inside ``with``, and restore both afterwards.

    It remarks on defaults of configurations that nobody here relies on (special tokens of the text
    tower, which the tokenizer's own settings decide); what matters is checked and raised.
    """
    level, bars = (
        transformers_logging.get_verbosity(),
        transformers_logging.is_progress_bar_enabled(),
    )
    transformers_logging.set_verbosity(logging.ERROR)
    _show_progress(wanted=False)
    try:
        yield
    finally:
        transformers_logging.set_verbosity(level)
        _show_progress(wanted=bars)


def _show_progress(*, wanted: bool) -> None:
    switch: Callable[[], None] = (
        transformers_logging.enable_progress_bar
        if wanted
        else transformers_logging.disable_progress_bar
    )
    switch()
