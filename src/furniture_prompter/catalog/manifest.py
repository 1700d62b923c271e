"""The manifest: the one file that makes a catalog version whole.

A catalog folder holds Lance tables, alignments and ``manifest.json``. The manifest names the exact
version of each table and the alignment that belong together; replacing it is the commit. Whatever
a killed run leaves beside it is invisible. It also remembers which versions were replaced when:
:mod:`furniture_prompter.catalog.retention` deletes by that time.
"""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar, Final

from pydantic import ConfigDict, TypeAdapter, ValidationError

from furniture_prompter.atomic_files import replacing
from furniture_prompter.catalog.addresses import refuse_address
from furniture_prompter.catalog.columns import ATTRIBUTE_TYPES, PHOTOS, PRODUCTS, STAGED
from furniture_prompter.catalog.confidence import ConfidenceRecord
from furniture_prompter.catalog.keywords import PREFIX_FOLDING, STEM_FOLDING, SUPPORTED_LANGUAGES
from furniture_prompter.catalog.storage import LOCK_FILE, misplaced
from furniture_prompter.domain import EncoderIdentity, Made
from furniture_prompter.errors import (
    CatalogDamagedError,
    CatalogError,
    CatalogFormatError,
    CatalogMismatchError,
    CatalogNotFoundError,
    CatalogWriteError,
)

FORMAT_VERSION: Final = 3
"""The latest that this release reads; it writes the earliest that has all that a catalog says."""
MANIFEST_FILE = "manifest.json"
CHECKSUMS_FOLDER = "checksums"
# Key of the hash over all other keys: one altered letter could name another encoder or language.
SEAL = "sha256"
# Part and name of what format version 1 did not have at first; each may be left out.
_LATER_KEYS = (("encoder", "space"), ("prompt_encoder", "space"), ("alignment", "text_tower"))
# What format version 2 added: releases of version 1 take a manifest with it for damaged.
_SECOND_KEYS = ("kept", "made", "variants", "confidence")
_THIRD_KEYS = ("feeds",)
_KNOWN_FOLDINGS = (PREFIX_FOLDING, STEM_FOLDING)
# What a run writes from its first moment on. Alignments and uploads come later, and never alone.
_TRACES: Final = (
    MANIFEST_FILE,
    *(f"{table}.lance" for table in (PRODUCTS, PHOTOS, STAGED)),
    LOCK_FILE,
    CHECKSUMS_FOLDER,
)
# What systems put into a folder that is new to people, in small letters; the rest is hidden.
_OF_THE_SYSTEM: Final = frozenset(
    {"lost+found", "system volume information", "$recycle.bin", "@eadir", "desktop.ini"}
)
_NAMED_ENTRIES: Final = 3
# As pydantic names a key that a dataclass has no field for.
_UNKNOWN_KEYS: Final = frozenset({"unexpected_keyword_argument", "extra_forbidden"})


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
class Replaced:
    """What a version that is not current any more names, for those who still read it.

    Attributes:
        at: When another version took its place, ISO 8601, UTC.
        tables: Lance version of each table by name; no version from there on may go.
        alignments: File names under ``alignments/``.
    """

    at: str
    tables: dict[str, int]
    alignments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Kept:
    """A replaced version whose data stays, to be compared with and returned to.

    Attributes:
        version: Its number.
        tables: Lance version of each table by name.
        alignment: File name under ``alignments/``; None without one.
        checksums: Name of its file of checksums, in which its whole manifest stands.
    """

    version: int
    tables: dict[str, int]
    alignment: str | None
    checksums: str


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
        columns: Type of each attribute column: ``text``, ``number``, ``boolean`` or ``texts``.
        products: Rows in the products table.
        photos: Rows in the photos table.
        next_number: The next product number to give.
        alignment: The alignment, or why there is none.
        vector_index: Kind of the vector index, or None for an exact scan.
        folding: How words of the keyword index are folded.
        format_version: Version of this layout: the earliest that has all that the manifest says, so
            that a release before it says that a newer one wrote the catalog.
        replaced: Versions replaced within the grace time of the last commit, earliest first.
        checksums: File under ``checksums/`` that has the sizes and hashes of all that this version
            reads; None where the release that wrote it kept none.
        kept: Versions before this one that can be returned to, earliest first.
        made: What made it; None where the release that wrote it kept no summary.
        variants: Whether the tables have columns of variants, as those have in which a product ever
            had some.
        confidence: How sure answers are; None where the release that wrote it did not know.
        feeds: Names of the feeds that brought products, each at the place of its bit; empty at a
            place that is free.
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
    format_version: int = field(init=False)
    replaced: tuple[Replaced, ...] = ()
    checksums: str | None = None
    kept: tuple[Kept, ...] = ()
    made: Made | None = None
    variants: bool = False
    confidence: ConfidenceRecord | None = None
    feeds: tuple[str, ...] = ()

    # What a later release adds is refused, not dropped at the next commit.
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    def __post_init__(self) -> None:
        """Find out which format version has all of it."""
        later = ((3, _THIRD_KEYS), (2, _SECOND_KEYS))
        needed = (number for number, names in later if any(getattr(self, name) for name in names))
        object.__setattr__(self, "format_version", next(needed, 1))

    def to_json(self) -> str:
        """The manifest as JSON of one line, sealed with its own hash where it names checksums."""
        # As ``asdict``, which takes fifty times as long for the numbers of `confidence`.
        raw: dict[str, Any] = _MANIFEST.dump_python(self)
        raw["format_version"] = self.format_version
        # Releases before these keys refuse them; a catalog that does not use them stays theirs.
        for part, name in _LATER_KEYS:
            if not raw[part][name]:
                del raw[part][name]
        if self.folding == PREFIX_FOLDING:
            del raw["folding"]
        for name in ("replaced", *_SECOND_KEYS, *_THIRD_KEYS):
            if not raw[name]:
                del raw[name]
        if self.checksums is None:
            del raw["checksums"]
        else:
            raw[SEAL] = _seal(raw)
        # Indented, most of it would be blanks before the numbers of `confidence`.
        return json.dumps(raw, ensure_ascii=False, separators=(",", ":")) + "\n"


_MANIFEST: Final = TypeAdapter(Manifest)


def read_manifest(folder: Path) -> Manifest:
    """The manifest of the current version.

    Raises:
        CatalogNotFoundError: nothing is at `folder`, or nothing was ever committed there.
        CatalogFormatError: `folder` is a file, holds something else or another format version.
        CatalogDamagedError: the manifest is not what this project writes.
    """
    if not folder.exists():
        refuse_address(folder)
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
        return parse_manifest(raw, folder)
    except FileNotFoundError:
        raise _missing(folder) from None
    except OSError as error:
        raise CatalogDamagedError(
            f"The catalog's manifest cannot be read ({error.strerror}). Check that "
            f"{folder / MANIFEST_FILE} is a readable file."
        ) from error
    except (ValueError, RecursionError) as error:
        raise _damaged(folder, str(error)) from error


def refuse_foreign_folder(folder: Path) -> None:
    """Refuse to begin a catalog among other things; one that was begun, or is there, passes.

    Its files would lie between them, and a folder of photos would be no feed any more.

    Raises:
        CatalogFormatError: the folder holds something, and nothing of a catalog.
    """
    if _is_begun(folder) or not (there := _entries(folder)):
        return
    raise CatalogFormatError(
        f"{folder} holds other things ({_listed(there)}) and no catalog, whose files would lie "
        "between them. Name a new or an empty folder with --catalog, such as "
        f"{folder / 'catalog'}."
    )


def _is_begun(folder: Path) -> bool:
    return any(os.path.lexists(folder / trace) for trace in _TRACES)


def _entries(folder: Path) -> list[str]:
    """What a person put into a folder; nothing where it is none or cannot be read."""
    try:
        names = [path.name for path in folder.iterdir()]
    except OSError:
        return []
    return sorted(
        name for name in names if not name.startswith(".") and name.casefold() not in _OF_THE_SYSTEM
    )


def _listed(names: Sequence[str]) -> str:
    shown = [ascii(name)[1:-1] if not name.isprintable() else name for name in names]
    further = len(shown) - _NAMED_ENTRIES
    return ", ".join(shown[:_NAMED_ENTRIES]) + (f" and {further:,} more" if further > 0 else "")


def parse_manifest(raw: object, folder: Path) -> Manifest:
    """Validate decoded JSON.

    Raises:
        CatalogFormatError: a newer release wrote it, or it folds words in an unknown way.
        CatalogDamagedError: it is not what this project writes.
    """
    if not isinstance(raw, dict):
        raise _damaged(folder, "it is not an object")
    found = raw.get("format_version")
    # In Python 1.0 and true equal 1.
    if type(found) is not int or not 1 <= found <= FORMAT_VERSION:
        raise _of_another_format(folder, found)
    values: dict[str, Any] = {name: value for name, value in raw.items() if name != SEAL}
    # An older release wrote no seal, so that every value is checked.
    is_sealed = SEAL in raw
    if is_sealed and raw[SEAL] != _seal(values):
        raise _damaged(folder, "it is not what was written")
    del values["format_version"]
    folding = raw.get("folding", PREFIX_FOLDING)
    if isinstance(folding, bool) or folding not in _KNOWN_FOLDINGS:
        raise CatalogFormatError(
            f"The keyword index of the catalog at {folder} is folded in a way ({folding!r}) that "
            "this release does not know. Use the release that wrote it, or index the feed again "
            "into a new folder."
        )
    try:
        manifest = _MANIFEST.validate_json(json.dumps(values), strict=True)
        problem = _problem(manifest)
    except ValidationError as error:
        # The seal vouches for what this release does not know: a newer one wrote it.
        if is_sealed and all(each["type"] in _UNKNOWN_KEYS for each in error.errors()):
            raise _of_another_format(folder, found) from error
        first = error.errors()[0]
        problem = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    except (ValueError, RecursionError) as error:
        problem = str(error)
    if problem is not None:
        raise _damaged(folder, problem)
    return manifest


def _of_another_format(folder: Path, found: object) -> CatalogFormatError:
    wrote = "It was written by a newer release: use that one"
    if type(found) is not int or found < 1:
        wrote = "No release wrote it so: use the one that made the catalog"
    return CatalogFormatError(
        f"The catalog at {folder} has format version {found!r}, and this release does not read all "
        f"of it; it knows versions 1 to {FORMAT_VERSION}. {wrote}, or index the feed again into a "
        "new folder."
    )


def _problem(manifest: Manifest) -> str | None:
    """What no release writes, though each value is of its type; None where all is well."""
    times = [manifest.created, *(each.at for each in manifest.replaced)]
    files = [manifest.checksums, manifest.alignment.file]
    files += [name for each in manifest.replaced for name in each.alignments]
    files += [name for each in manifest.kept for name in (each.alignment, each.checksums)]
    dimensions = (manifest.encoder.dimension, manifest.prompt_encoder.dimension)
    confidence = manifest.confidence
    unfit = None if confidence is None else confidence.problem(manifest.encoder.dimension)
    checks = {
        "a time names no time zone": all(datetime.fromisoformat(each).tzinfo for each in times),
        "a file lies outside": all(name is None or Path(name).name == name for name in files),
        "a count is negative": min(manifest.products, manifest.photos, *dimensions) >= 0,
        "numbers of products would be given twice": manifest.next_number > manifest.products,
        "it names other tables": manifest.tables.keys() == {PRODUCTS, PHOTOS},
        "a column has no type": set(manifest.columns.values()) <= set(ATTRIBUTE_TYPES),
        f"confidence: {unfit}": unfit is None,
        f"there is no language {manifest.language}": manifest.language in SUPPORTED_LANGUAGES,
    }
    return next((problem for problem, is_fine in checks.items() if not is_fine), None)


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Make `manifest` current in one step that either happens or does not.

    Raises:
        CatalogWriteError: the disk is full or the folder cannot be written.
    """
    replace_file(folder / MANIFEST_FILE, manifest.to_json().encode("utf-8"))


def replace_file(path: Path, content: bytes) -> None:
    """Write a file for its owner alone, flush it to the disk, then rename it into place.

    The folder is not flushed: a commit does that for all of its files, and an error then must not
    pass for one that left the old content.

    Raises:
        CatalogWriteError: the disk is full or the folder cannot be written.
    """
    if path.is_dir():
        raise misplaced(path)
    try:
        with replacing(path, private=True, flush_folder=False) as file:
            file.write(content)
    except OSError as error:
        raise CatalogWriteError(
            f"{path} could not be written ({error.strerror}). Free space or mend the permissions "
            "and run the command again; the previous version is untouched."
        ) from error


def _seal(values: Mapping[str, Any]) -> str:
    canonical = json.dumps(values, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode("ascii")).hexdigest()


def _missing(folder: Path) -> CatalogError:
    # A first run that was killed just before its commit leaves checksums of version 1 too.
    committed = [
        path for path in (folder / CHECKSUMS_FOLDER).glob("*.json") if not path.match("1-*")
    ]
    if committed:
        return _damaged(folder, f"{MANIFEST_FILE} is missing")
    if not _is_begun(folder):
        there = _entries(folder)
        what = f"it holds other things ({_listed(there)})" if there else "it is empty"
        return CatalogNotFoundError(
            f"{folder} is no catalog: {what}. Name a catalog's folder with --catalog; "
            "`furniture-prompter index PHOTOS --catalog NEW-FOLDER` makes one."
        )
    return CatalogNotFoundError(
        f"{folder} holds no finished catalog. If a run makes it just now, wait for its end; else "
        f"run `furniture-prompter index` with --catalog {folder}, which picks up what an "
        f"interrupted run saved. Where there was one, `furniture-prompter catalog repair --catalog "
        f"{folder}` brings it back if it can."
    )


def _damaged(folder: Path, detail: str) -> CatalogDamagedError:
    return CatalogDamagedError(
        f"The manifest of the catalog at {folder} is damaged ({detail}). Run `furniture-prompter "
        f"catalog repair --catalog {folder}`, which restores it where a copy is kept; else restore "
        "it from a back-up or index the feed again into a new folder."
    )


IN_A_NEW_FOLDER: Final = "`furniture-prompter index FEED --catalog NEW-FOLDER`"


def refuse_mismatch(
    manifest: Manifest, encoder: EncoderIdentity, prompt_encoder: EncoderIdentity
) -> None:
    """Raise :class:`CatalogMismatchError` where new vectors could not stand beside the stored.

    A student in its teacher's space is refused too: one catalog, one encoder.
    """
    refuse_other_encoder(manifest, encoder)
    refuse_other_prompt_encoder(manifest, prompt_encoder)


def refuse_other_space(manifest: Manifest, encoder: EncoderIdentity, space_name: str) -> None:
    """Raise :class:`CatalogMismatchError` where queries could not be compared with the stored.

    The photo encoder may be another than the catalog's if its vectors lie in the same space, as a
    student's lie in its teacher's.

    Args:
        manifest: The catalog's.
        encoder: What encodes the query's photos, or its prompts by a text tower.
        space_name: The encoder that gave `encoder` its space, by name; its own without one.
    """
    stored = manifest.encoder
    if not stored.shares_space_with(encoder):
        # A manifest keeps the id of a space that its encoder was given, not the giver's name.
        if stored.name == encoder.name:
            raise CatalogMismatchError(
                f"The catalog's photos were embedded by another build of {stored.name} "
                f"({stored.dimension} components) than the one in use ({encoder.dimension}): they "
                "cannot be compared. Index the feed into a new folder and use that one; what is "
                "here stays as it is, for the release that wrote it."
            )
        given = f"space {stored.space_id[:12]}"
        space = given if stored.space else f"the space of {stored.name}"
        raise CatalogMismatchError(
            f"The catalog's photo vectors come from {describe(stored)} and lie in {space}; "
            f"{describe(encoder)} lies in the space of {space_name}: they cannot be compared. "
            "Name the catalog's encoder, or one taught into its space, or index the feed into a "
            "new folder."
        )


def refuse_other_prompt_encoder(manifest: Manifest, prompt_encoder: EncoderIdentity) -> None:
    """Raise :class:`CatalogMismatchError` where prompts could not be compared with text vectors."""
    _refuse_unequal("prompt", manifest.prompt_encoder, prompt_encoder)


def refuse_other_encoder(manifest: Manifest, encoder: EncoderIdentity) -> None:
    """Raise :class:`CatalogMismatchError` where new photo vectors could not join the stored."""
    _refuse_unequal("photo", manifest.encoder, encoder)


def _refuse_unequal(kind: str, stored: EncoderIdentity, given: EncoderIdentity) -> None:
    if stored != given:
        raise CatalogMismatchError(
            f"The catalog's {kind} vectors come from {describe(stored)}, and the {kind} "
            f"encoder in use is {describe(given)}: {_cure(kind, stored, given)}"
        )


def _cure(kind: str, stored: EncoderIdentity, given: EncoderIdentity) -> str:
    problem = "they cannot be compared."
    if stored.name == given.name:
        problem = "it is another build of the same name, and one catalog has one build."
    elif kind == "photo":
        problem += f" Name the catalog's encoder with `--encoder {stored.name}`, or index"
        return f"{problem} the feed into a new folder: {IN_A_NEW_FOLDER}."
    return f"{problem} Index the feed into a new folder: {IN_A_NEW_FOLDER}."


def describe(identity: EncoderIdentity) -> str:
    """An encoder in few words: name, dimension, start of its weights' hash."""
    return f"{identity.name} ({identity.dimension}-d, {identity.weights_sha256[:12]})"


def refuse_other_language(manifest: Manifest, language: str | None) -> None:
    """Raise :class:`CatalogMismatchError` where another language is asked for than was used."""
    if language is not None and language != manifest.language:
        raise CatalogMismatchError(
            f"The catalog's keyword index is in {manifest.language}, not {language}. Leave "
            "--language out, or index the feed into a new folder."
        )
