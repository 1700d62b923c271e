"""Build the alignment that ships, from the bundled catalog's text and photos."""

import hashlib
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

from furniture_prompter.assembly import index
from furniture_prompter.bundled import catalog_feed
from furniture_prompter.catalog.manifest import read_manifest
from furniture_prompter.catalog.reader import ALIGNMENTS_FOLDER
from furniture_prompter.domain import EncoderIdentity
from furniture_prompter.encoders.shipped import ALIGNMENT_FILE, CARD_FILE


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
