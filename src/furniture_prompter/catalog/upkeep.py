"""Looking after a catalog: what it is, whether it is sound, keeping it small and fast."""

import time
from pathlib import Path

from furniture_prompter.catalog.columns import (
    ALIGNED,
    NUMBER,
    PHOTOS,
    PRODUCTS,
    VECTOR,
    stored_dimension,
)
from furniture_prompter.catalog.database import connect
from furniture_prompter.catalog.lock import writer_lock
from furniture_prompter.catalog.manifest import Manifest, read_manifest
from furniture_prompter.catalog.reader import CatalogReader
from furniture_prompter.catalog.storage_errors import STORAGE_ERRORS, first_line
from furniture_prompter.catalog.writer import CatalogWriter
from furniture_prompter.domain import CatalogInfo, OptimizeSummary, VerifyReport
from furniture_prompter.errors import CatalogError


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
        vector_index=manifest.vector_index or "exact scan",
        columns=reader.filter_columns,
        bytes_on_disk=bytes_on_disk(reader.folder),
    )


async def verify_catalog(folder: Path) -> VerifyReport:
    """Read every row of the current version and check that its parts belong together.

    Raises:
        CatalogNotFoundError, CatalogFormatError: there is no catalog to verify.
    """
    manifest = read_manifest(folder)
    checks: dict[str, str | None] = {}
    try:
        reader = await CatalogReader.open(folder)
        checks["tables"] = None
        checks.update(await _check_rows(reader, manifest))
    except CatalogError as error:
        checks["tables"] = str(error)
    except STORAGE_ERRORS as error:
        checks["tables"] = f"The tables cannot be read ({first_line(error)})."
    return VerifyReport(manifest.version, checks)


async def _check_rows(reader: CatalogReader, manifest: Manifest) -> dict[str, str | None]:
    database = await connect(reader.folder)
    numbers: dict[str, list[int]] = {}
    for name, columns in ((PRODUCTS, [NUMBER]), (PHOTOS, [NUMBER, VECTOR, ALIGNED])):
        table = await database.open_table(name)
        await table.checkout(manifest.tables[name])
        numbers[name] = []
        async for batch in await table.query().select(columns).to_batches():
            numbers[name] += batch[NUMBER].to_pylist()
        if name == PHOTOS:
            dimension = (await table.schema()).field(VECTOR).type.list_size
    orphans = set(numbers[PHOTOS]) - set(numbers[PRODUCTS])
    bare = set(numbers[PRODUCTS]) - set(numbers[PHOTOS])
    doubles = len(numbers[PRODUCTS]) - len(set(numbers[PRODUCTS]))
    expected = (manifest.products, manifest.photos)
    found = (len(numbers[PRODUCTS]), len(numbers[PHOTOS]))
    return {
        "counts": None
        if found == expected
        else f"{found} products and photos are stored, {expected} are recorded.",
        "products are unique": f"{doubles} products are stored twice." if doubles else None,
        "photos have products": f"{len(orphans)} photos have no product." if orphans else None,
        "products have photos": f"{len(bare)} products have no photo." if bare else None,
        "dimension": None
        if dimension == stored_dimension(manifest.encoder.dimension)
        else f"Vectors have {dimension} components, {manifest.encoder.dimension} are recorded.",
    }


async def optimize_catalog(
    folder: Path, vector_index_photos: int, grace_s: float
) -> OptimizeSummary:
    """Compact the tables, bring indexes up to date and delete versions nobody reads.

    The version that it replaces stays readable too, and is deleted by a run after the grace time.

    Args:
        folder: The catalog.
        vector_index_photos: Photos from which a vector index pays.
        grace_s: Seconds that replaced versions stay readable for searches under way.

    Raises:
        CatalogError: it cannot be read or written; see :mod:`furniture_prompter.errors`.
    """
    began = time.perf_counter()
    with writer_lock(folder):
        manifest = read_manifest(folder)
        before = bytes_on_disk(folder)
        database = await connect(folder)
        writer = CatalogWriter(
            folder,
            database,
            manifest,
            manifest.encoder,
            manifest.prompt_encoder,
            manifest.language,
        )
        await writer.restore()
        await writer.pruner.before_writing(manifest, grace_s)
        vector_index = await writer.build_indexes(
            vector_index_photos, manifest.alignment.file is not None
        )
        current = await writer.commit(manifest.alignment, vector_index, grace_s)
        await writer.pruner.prune_tables(current, grace_s)
    return OptimizeSummary(
        version=current.version,
        bytes_before=before,
        bytes_after=bytes_on_disk(folder),
        vector_index=vector_index or "exact scan",
        seconds=time.perf_counter() - began,
        notes=tuple(writer.pruner.troubles),
    )
