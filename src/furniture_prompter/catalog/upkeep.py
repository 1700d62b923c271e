"""Catalog maintenance: description, verification, compaction and index updates."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
from lancedb import AsyncTable

from furniture_prompter.catalog.columns import (
    ALIGNED,
    NUMBER,
    PHOTOS,
    PRODUCTS,
    TEXT_VECTOR,
    VARIANTS,
    VECTOR,
    WORDS,
    stored_dimension,
    variants_from,
    vectors_from,
)
from furniture_prompter.catalog.confidence import NOT_CALIBRATED
from furniture_prompter.catalog.history import VERSIONS_FILE
from furniture_prompter.catalog.integrity import damaged_files, load_checksums
from furniture_prompter.catalog.keyword_query import Match
from furniture_prompter.catalog.lance_files import (
    unreadable_references,
)
from furniture_prompter.catalog.manifest import (
    CHECKSUMS_FOLDER,
    MANIFEST_FILE,
    Manifest,
    read_manifest,
)
from furniture_prompter.catalog.reader import ALIGNMENTS_FOLDER, CatalogReader
from furniture_prompter.catalog.retention import UPLOADS_FOLDER, photo_places, upload_problem
from furniture_prompter.catalog.storage import (
    LOCK_FILE,
    connect,
    first_line,
    is_storage_error,
    writer_lock,
    writing,
)
from furniture_prompter.catalog.writer import CatalogWriter
from furniture_prompter.domain import CatalogInfo, Made, OptimizeSummary, VerifyReport
from furniture_prompter.errors import CatalogDamagedError

_TABLES: Final = "tables"
INDEXES: Final = "indexes"
UPLOADS: Final = "uploads"
PLACES: Final = "places"
_REFERENCES: Final = "references"
# What a catalog has beside its tables, if it has it, and whether that is a folder.
_IS_FOLDER: Final = {
    MANIFEST_FILE: False,
    LOCK_FILE: False,
    VERSIONS_FILE: False,
    CHECKSUMS_FOLDER: True,
    UPLOADS_FOLDER: True,
    ALIGNMENTS_FOLDER: True,
}
# Checks that say nothing of the rows.
_DERIVED_CHECKS: Final = frozenset(
    {"checksums", "files", "alignment", INDEXES, UPLOADS, PLACES, _REFERENCES}
)
# What no repair mends.
_CURES_BY_HAND: Final = {
    PLACES: "Move what lies in a wrong place out of the catalog. ",
    UPLOADS: "Send these products with their photos again, or index their feed with --download. ",
}
# Damaged files that a sentence names; the report has them all.
_NAMED_FILES: Final = 5


def bytes_on_disk(folder: Path) -> int:
    """Size of all files below `folder`."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def describe_catalog(reader: CatalogReader) -> CatalogInfo:
    """What the opened version says of itself."""
    manifest = reader.manifest
    return CatalogInfo(
        path=str(reader.folder),
        version=manifest.version,
        created=manifest.created,
        format_version=manifest.format_version,
        products=manifest.products,
        photos=manifest.photos,
        encoder=manifest.encoder.name,
        encoder_sha256=manifest.encoder.weights_sha256,
        dimension=manifest.encoder.dimension,
        metric=manifest.encoder.metric,
        prompt_encoder=manifest.prompt_encoder.name,
        language=manifest.language,
        alignment=manifest.alignment.statement,
        confidence=(
            NOT_CALIBRATED if manifest.confidence is None else manifest.confidence.statement
        ),
        vector_index=manifest.vector_index or "exact scan",
        columns=reader.filter_columns,
        bytes_on_disk=bytes_on_disk(reader.folder),
        feeds=tuple(filter(None, manifest.feeds)),
    )


async def verify_catalog(
    folder: Path, fingerprint_of: Callable[[Path], str] | None = None
) -> VerifyReport:
    """Check that the current version is what was committed and that everything of it can be read.

    Every file is held against its checksum. Where all are whole, or none were kept, every row and
    every index is read as well.

    Args:
        folder: The catalog.
        fingerprint_of: Reads an alignment's file and tells its fingerprint, or raises
            CatalogDamagedError.

    Raises:
        CatalogNotFoundError, CatalogFormatError, CatalogDamagedError: there is no catalog to
            verify, or no manifest that says what belongs to it.
    """
    while True:
        manifest = read_manifest(folder)
        report = await _verify_version(folder, manifest, fingerprint_of)
        # A version that is replaced meanwhile may lose its files.
        if report.sound or read_manifest(folder).version == manifest.version:
            return report


async def _verify_version(
    folder: Path, manifest: Manifest, fingerprint_of: Callable[[Path], str] | None
) -> VerifyReport:
    checks = _what_would_stop_a_run(folder, manifest)
    damaged: dict[str, str] = {}
    notes: list[str] = []
    if manifest.checksums is None:
        notes.append(
            "The release that wrote this version kept no checksums, so that files which can be "
            "read but were altered may go unnoticed. `furniture-prompter catalog optimize "
            f"--catalog {folder}` writes a version that has them, which that release refuses, as "
            "it does all that this one writes."
        )
    else:
        try:
            recorded = load_checksums(folder, manifest.checksums)
            checks["checksums"] = None
            damaged = damaged_files(folder, recorded)
            checks["files"] = _told(damaged)
        except CatalogDamagedError as error:
            checks["checksums"] = str(error)
            damaged = {f"{CHECKSUMS_FOLDER}/{manifest.checksums}": "cannot be used"}
    if checks.get("files") is None:
        deep = await _read_everything(folder, manifest)
        checks |= deep.checks
        notes += deep.notes
        alignment = manifest.alignment
        if fingerprint_of is not None and alignment.file is not None:
            checks["alignment"] = _alignment_problem(
                folder / ALIGNMENTS_FOLDER / alignment.file, alignment.fingerprint, fingerprint_of
            )
    cure = None
    if any(checks.values()):
        cure = _cure(folder, damaged, checks)
    return VerifyReport(manifest.version, checks, damaged, cure, tuple(notes))


def _what_would_stop_a_run(folder: Path, manifest: Manifest) -> dict[str, str | None]:
    """Checks of what no search reads, but whoever writes the catalog or clears up."""
    places = {
        name: f"is a {'file' if is_folder else 'folder'}, and a "
        f"{'folder' if is_folder else 'file'} belongs there"
        for name, is_folder in _IS_FOLDER.items()
        if (folder / name).exists() and (folder / name).is_dir() != is_folder
    }
    references = {
        path.relative_to(folder).as_posix(): "is no reference that Lance can read"
        for table in manifest.tables
        for path in unreadable_references(folder, table)
    }
    return {PLACES: _told(places), _REFERENCES: _told(references)}


def _told(damaged: Mapping[str, str]) -> str | None:
    if not damaged:
        return None
    named = [f"{name} {problem}" for name, problem in list(damaged.items())[:_NAMED_FILES]]
    rest = len(damaged) - len(named)
    return "; ".join(named) + (f"; and {rest:,} more" if rest else "") + "."


def _cure(folder: Path, damaged: Mapping[str, str], checks: Mapping[str, str | None]) -> str:
    by_hand = "".join(cure for name, cure in _CURES_BY_HAND.items() if checks.get(name) is not None)
    if all(problem is None or name in _CURES_BY_HAND for name, problem in checks.items()):
        return by_hand + "Everything else is sound."
    repair = by_hand + f"Run `furniture-prompter catalog repair --catalog {folder}`: "
    if not _rows_are_damaged(damaged, checks):
        if checks.get("checksums") is not None:
            return repair + (
                "every row can be read, and it makes everything else anew from the rows. Whether "
                "one was altered cannot be told without the checksums; `furniture-prompter index` "
                "with the feed and a new folder makes sure."
            )
        return repair + "no row is damaged, and it makes everything else anew from the rows."
    return repair + (
        "it keeps every product that can be read and names what only `furniture-prompter index` "
        "with the feed brings back."
    )


def rows_are_damaged(report: VerifyReport) -> bool:
    """Whether a catalog is damaged in what cannot be computed from anything else."""
    return _rows_are_damaged(report.damaged, report.checks)


def _rows_are_damaged(damaged: Mapping[str, str], checks: Mapping[str, str | None]) -> bool:
    if any(Path(name).parts[1:2] in (("data",), ("_deletions",)) for name in damaged):
        return True
    return any(problem and name not in _DERIVED_CHECKS for name, problem in checks.items())


def _alignment_problem(
    path: Path, expected: str | None, fingerprint_of: Callable[[Path], str]
) -> str | None:
    try:
        found = fingerprint_of(path)
    except CatalogDamagedError as error:
        return str(error)
    return None if found == expected else f"{path} is another alignment than was recorded."


@dataclass(slots=True)
class _Found:
    """What reading everything found: checks by name, and notes."""

    checks: dict[str, str | None] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


async def _read_everything(folder: Path, manifest: Manifest) -> _Found:
    found = _Found()
    step = _TABLES
    try:
        database = await connect(folder)
        tables: dict[str, AsyncTable] = {}
        for name, version in manifest.tables.items():
            tables[name] = await database.open_table(name)
            await tables[name].checkout(version)
        await _check_rows(folder, manifest, tables, found)
        found.checks[_TABLES] = None
        step = INDEXES
        found.checks[INDEXES] = await _index_problem(tables, manifest)
    except BaseException as error:
        if not is_storage_error(error):
            raise
        found.checks[step] = f"The {step} cannot be read ({first_line(error)})."
    return found


async def _check_rows(
    folder: Path, manifest: Manifest, tables: Mapping[str, AsyncTable], found: _Found
) -> None:
    numbers: dict[str, list[int]] = {}
    photos = _PhotoFiles(folder)
    endless = 0
    dimension = 0
    spoilt_variants = 0
    for name, table in tables.items():
        numbers[name] = []
        async for batch in await table.query().to_batches():
            batch.validate(full=True)
            numbers[name] += batch[NUMBER].to_pylist()
            # A feed's own column may be called as one of photos is.
            for column in (TEXT_VECTOR,) if name == PRODUCTS else (VECTOR, ALIGNED):
                if column in batch.schema.names:
                    values = batch[column].flatten().to_numpy(zero_copy_only=False)
                    endless += int((~np.isfinite(values)).sum())
            if VARIANTS in batch.schema.names:
                spoilt_variants += sum(map(_are_no_variants, batch[VARIANTS].to_pylist()))
            if name == PHOTOS:
                photos.check(batch["id"].to_pylist(), batch["path"].to_pylist())
        if name == PHOTOS:
            dimension = (await table.schema()).field(VECTOR).type.list_size
    orphans = set(numbers[PHOTOS]) - set(numbers[PRODUCTS])
    bare = set(numbers[PRODUCTS]) - set(numbers[PHOTOS])
    doubles = len(numbers[PRODUCTS]) - len(set(numbers[PRODUCTS]))
    expected = (manifest.products, manifest.photos)
    counted = (len(numbers[PRODUCTS]), len(numbers[PHOTOS]))
    found.checks |= {
        "counts": None
        if counted == expected
        else f"{counted} products and photos are stored, {expected} are recorded.",
        "products are unique": f"{doubles} products are stored twice." if doubles else None,
        "photos have products": f"{len(orphans)} photos have no product." if orphans else None,
        "products have photos": f"{len(bare)} products have no photo." if bare else None,
        "dimension": None
        if dimension == stored_dimension(manifest.encoder.dimension)
        else f"Vectors have {dimension} components, {manifest.encoder.dimension} are recorded.",
        "variants": f"{spoilt_variants} products have variants that cannot be read."
        if spoilt_variants
        else None,
        "numbers": f"{endless} components of vectors are no numbers." if endless else None,
    }
    photos.tell(found)


def _are_no_variants(text: str | None) -> bool:
    try:
        variants_from(text)
    except ValueError:
        return True
    return False


class _PhotoFiles:
    """Files of photos: uploaded ones lie in the catalog by their hash, others are the shop's."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()
        self._uploads = self._folder / UPLOADS_FOLDER
        self._problems: dict[str, str | None] = {}
        self._gone: set[str] = set()

    def check(self, ids: Sequence[str], paths: Sequence[str]) -> None:
        """Look at the files of some photos; ids and paths run in step."""
        for photo_id, path in zip(ids, paths, strict=True):
            file = Path(path)
            if file.parent != self._uploads:
                places = photo_places(self._folder, photo_id, path)
                there = next((each for each in places if each.exists()), None)
                if there is None:
                    self._gone.add(path)
                    continue
                if there.parent != self._uploads:
                    continue
                file = there
            if file.name not in self._problems:
                self._problems[file.name] = upload_problem(file, photo_id)

    def tell(self, found: _Found) -> None:
        """Say what was found."""
        found.checks[UPLOADS] = _told(
            {
                f"{UPLOADS_FOLDER}/{name}": problem
                for name, problem in self._problems.items()
                if problem is not None
            }
        )
        if self._gone:
            found.notes.append(
                f"{len(self._gone):,} photos are no longer where they were indexed from. Searches "
                "find their products, but cannot show these pictures."
            )


async def _index_problem(tables: Mapping[str, AsyncTable], manifest: Manifest) -> str | None:
    """Load every index whole, and ask it for all that it should have."""
    missing: list[str] = []
    for (name, column), kind in expected_indexes(manifest).items():
        table = tables[name]
        rows = await table.count_rows()
        index = next((each for each in await table.list_indices() if column in each.columns), None)
        if index is None:
            missing.append(f"{name} has no {kind} index on {column}")
            continue
        await table.prewarm_index(index.name)
        if kind == "number":
            answered = await table.count_rows(f"`{column}` >= 0")
        elif kind == "vector":
            answered = rows if await _nearest(table, column) or not rows else 0
        else:
            answered = rows if await _words_are_found(table) else 0
        if answered != rows:
            missing.append(f"the {kind} index on {column} of {name} does not find its rows")
    return f"{'; '.join(missing)}." if missing else None


def expected_indexes(manifest: Manifest) -> dict[tuple[str, str], str]:
    """Indexes that a version has: table and column, with the kind of each."""
    wanted = {
        (PRODUCTS, WORDS): "keyword",
        (PRODUCTS, NUMBER): "number",
        (PHOTOS, NUMBER): "number",
    }
    if manifest.vector_index is not None:
        wanted |= {(PHOTOS, VECTOR): "vector", (PRODUCTS, TEXT_VECTOR): "vector"}
        if manifest.alignment.file is not None:
            wanted[PHOTOS, ALIGNED] = "vector"
    return wanted


async def _nearest(table: AsyncTable, column: str) -> int:
    rows = await table.query().select([column]).limit(1).to_arrow()
    if not rows.num_rows:
        return 0
    query = table.query().nearest_to(vectors_from(rows[column])[0]).column(column)
    found = await query.distance_type("cosine").refine_factor(10).limit(10).to_arrow()
    return int(found.num_rows)


async def _words_are_found(table: AsyncTable) -> bool:
    rows = await table.query().select([WORDS]).limit(1_000).to_arrow()
    words = " ".join(sorted({word for text in rows[WORDS].to_pylist() for word in text.split()}))
    if not words:
        return True
    found = await table.query().nearest_to_text(Match(words).query()).select(["_score"]).to_arrow()
    return bool(found.num_rows)


async def writer_of(folder: Path, manifest: Manifest) -> CatalogWriter:
    """A writer of a catalog as it is, for whoever holds its lock and looks after it."""
    with writing(folder):
        database = await connect(folder)
    writer = CatalogWriter(
        folder, database, manifest, manifest.encoder, manifest.prompt_encoder, manifest.language
    )
    await writer.restore()
    return writer


async def optimize_catalog(
    folder: Path, vector_index_photos: int, grace_s: float, keep_versions: int
) -> OptimizeSummary:
    """Compact the tables, bring indexes up to date and delete versions nobody reads.

    The version that it replaces stays readable too, and is deleted by a run after the grace time
    unless it is kept.

    Args:
        folder: The catalog.
        vector_index_photos: Photos from which a vector index pays.
        grace_s: Seconds that replaced versions stay readable for searches under way.
        keep_versions: Replaced versions that can be returned to.

    Raises:
        CatalogError: it cannot be read or written; see :mod:`furniture_prompter.errors`.
    """
    began = time.perf_counter()
    read_manifest(folder)  # where there is none, the lock must not make a folder
    with writer_lock(folder):
        manifest = read_manifest(folder)
        before = bytes_on_disk(folder)
        writer = await writer_of(folder, manifest)
        await writer.pruner.before_writing(manifest, grace_s)
        vector_index = await writer.build_indexes(
            vector_index_photos, manifest.alignment.file is not None
        )
        await writer.fold()
        seconds = round(time.perf_counter() - began, 3)
        made = Made(by="optimize", unchanged=manifest.products, seconds=seconds)
        current = await writer.commit(
            manifest.alignment, vector_index, grace_s, keep_versions, made
        )
        await writer.pruner.prune_tables(current, grace_s)
    return OptimizeSummary(
        version=current.version,
        bytes_before=before,
        bytes_after=bytes_on_disk(folder),
        vector_index=vector_index or "exact scan",
        seconds=time.perf_counter() - began,
        notes=tuple(writer.pruner.troubles),
    )
