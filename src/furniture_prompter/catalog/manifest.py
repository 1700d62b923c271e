"""The manifest: the one file that makes a catalog version whole.

A catalog folder holds Lance tables, alignments and ``manifest.json``. The manifest names the exact
version of each table and the alignment that belong together; replacing it is the commit. Whatever
a killed run leaves beside it is invisible.
"""

import json
import os
import tempfile
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from furniture_prompter.catalog.keywords import PREFIX_FOLDING, STEM_FOLDING
from furniture_prompter.domain import EncoderIdentity
from furniture_prompter.errors import (
    CatalogDamagedError,
    CatalogFormatError,
    CatalogNotFoundError,
    CatalogWriteError,
)

FORMAT_VERSION = 1
MANIFEST_FILE = "manifest.json"
# Part and name of what format version 1 did not have at first; each may be left out.
_LATER_KEYS = (("encoder", "space"), ("prompt_encoder", "space"), ("alignment", "text_tower"))
_KNOWN_FOLDINGS = (PREFIX_FOLDING, STEM_FOLDING)


@dataclass(frozen=True, slots=True)
class AlignmentRecord:
    """The alignment of a version, or why it has none.

    Attributes:
        file: File name under ``alignments/``; None without an alignment.
        fingerprint: Content hash of that file's arrays; None without an alignment.
        fitted_on: Products with text that it was fitted on.
        changed_since: Products added, removed or changed since.
        statement: What it achieves, or why there is none, in one sentence.
        text_tower: Whether none is needed, because the photo encoder's own text tower takes
            prompts into the photos' space.
    """

    file: str | None
    fingerprint: str | None
    fitted_on: int
    changed_since: int
    statement: str
    text_tower: bool = False


@dataclass(frozen=True, slots=True)
class Manifest:
    """One whole version of a catalog.

    Attributes:
        version: 1 for the first; grows by one with each commit.
        created: ISO 8601, UTC.
        encoder: Identity of the photo encoder.
        prompt_encoder: Identity of the prompt encoder.
        language: Language of the keyword index.
        tables: Lance version of each table by name.
        columns: Type of each attribute column: ``text``, ``number`` or ``boolean``.
        products: Rows in the products table.
        photos: Rows in the photos table.
        next_number: The next product number to give.
        alignment: The alignment, or why there is none.
        vector_index: Kind of the vector index, or None for an exact scan.
        folding: How words of the keyword index are folded.
        format_version: Version of this layout.
    """

    version: int
    created: str
    encoder: EncoderIdentity
    prompt_encoder: EncoderIdentity
    language: str
    tables: dict[str, int]
    columns: dict[str, str]
    products: int
    photos: int
    next_number: int
    alignment: AlignmentRecord
    vector_index: str | None
    folding: int = PREFIX_FOLDING
    format_version: int = FORMAT_VERSION

    def to_json(self) -> str:
        """The manifest as indented JSON."""
        raw = asdict(self)
        # Releases before these keys refuse them; a catalog that does not use them stays theirs.
        for part, name in _LATER_KEYS:
            if not raw[part][name]:
                del raw[part][name]
        if self.folding == PREFIX_FOLDING:
            del raw["folding"]
        return json.dumps(raw, ensure_ascii=False, indent=2) + "\n"


def utc_now() -> str:
    """The time now, ISO 8601 in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def read_manifest(folder: Path) -> Manifest:
    """The manifest of the current version.

    Raises:
        CatalogNotFoundError: nothing is at `folder`, or nothing was ever committed there.
        CatalogFormatError: `folder` is a file, holds something else or another format version.
        CatalogDamagedError: the manifest is not what this project writes.
    """
    if not folder.exists():
        raise CatalogNotFoundError(
            f"There is no catalog at {folder}. Make one with: "
            f"furniture-prompter index PHOTOS --catalog {folder}"
        )
    if not folder.is_dir():
        raise CatalogFormatError(
            f"{folder} is a file, and a catalog is a folder. Name another path."
        )
    try:
        raw = json.loads((folder / MANIFEST_FILE).read_text("utf-8"))
    except FileNotFoundError:
        raise CatalogNotFoundError(
            f"{folder} holds no finished catalog. Run `furniture-prompter index` with "
            f"--catalog {folder}; work that an interrupted run saved is picked up."
        ) from None
    except OSError as error:
        raise CatalogDamagedError(
            f"The catalog's manifest cannot be read ({error.strerror}). Check that "
            f"{folder / MANIFEST_FILE} is a readable file."
        ) from error
    except ValueError as error:
        raise _damaged(folder, str(error)) from error
    return parse_manifest(raw, folder)


def parse_manifest(raw: object, folder: Path) -> Manifest:
    """Validate decoded JSON; errors as :func:`read_manifest`."""
    if not isinstance(raw, dict):
        raise _damaged(folder, "it is not an object")
    found = raw.get("format_version")
    if found != FORMAT_VERSION:
        raise CatalogFormatError(
            f"The catalog at {folder} has format version {found!r}; this release reads "
            f"{FORMAT_VERSION}. Index the feed again into a new folder, or use the release that "
            "wrote it."
        )
    folding = raw.get("folding", PREFIX_FOLDING)
    if isinstance(folding, bool) or folding not in _KNOWN_FOLDINGS:
        raise CatalogFormatError(
            f"The keyword index of the catalog at {folder} is folded in a way ({folding!r}) that "
            "this release does not know. Use the release that wrote it, or index the feed again "
            "into a new folder."
        )
    try:
        return Manifest(
            **{
                **raw,
                "encoder": EncoderIdentity(**raw["encoder"]),
                "prompt_encoder": EncoderIdentity(**raw["prompt_encoder"]),
                "alignment": AlignmentRecord(**raw["alignment"]),
            }
        )
    except (KeyError, TypeError) as error:
        raise _damaged(folder, str(error)) from error


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Make `manifest` current in one step that either happens or does not.

    Raises:
        CatalogWriteError: the disk is full or the folder cannot be written.
    """
    replace_file(folder / MANIFEST_FILE, manifest.to_json().encode("utf-8"))


def replace_file(path: Path, content: bytes) -> None:
    """Write `content` beside `path`, flush it to the disk, then rename it into place.

    Raises:
        CatalogWriteError: the disk is full or the folder cannot be written.
    """
    temporary: str | None = None
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except OSError as error:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
        raise CatalogWriteError(
            f"{path} could not be written ({error.strerror}). Free space or mend the permissions "
            "and run the command again; the previous version is untouched."
        ) from error


def _damaged(folder: Path, detail: str) -> CatalogDamagedError:
    return CatalogDamagedError(
        f"The manifest of the catalog at {folder} is damaged ({detail}). Restore it from a back-up "
        "or index the feed again into a new folder."
    )
