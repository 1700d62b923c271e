"""Writing a catalog: staged vectors, one batch of changes, one commit."""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import numpy as np
import pyarrow as pa
from lancedb import AsyncConnection, AsyncTable
from lancedb.index import FTS, BTree, IvfRq
from numpy.typing import NDArray

from furniture_prompter.catalog.columns import (
    ALIGNED,
    FEEDS,
    NUMBER,
    OF_PHOTOS,
    PHOTOS,
    PRODUCTS,
    TEXT_VECTOR,
    VARIANT_ID,
    VARIANTS,
    VECTOR,
    WORDS,
    ProductRow,
    attribute_type,
    empty_columns,
    photo_table,
    product_columns,
    product_from,
    product_table,
    showing_the_same,
    vector_array,
    vectors_from,
)
from furniture_prompter.catalog.folding import fold, fold_if_due
from furniture_prompter.catalog.history import kept_with, prune_checksums, record
from furniture_prompter.catalog.integrity import with_checksums
from furniture_prompter.catalog.keywords import (
    current_folding,
    keyword_index_settings,
    keyword_text,
)
from furniture_prompter.catalog.manifest import (
    AlignmentRecord,
    Manifest,
    read_manifest,
    refuse_foreign_folder,
    refuse_mismatch,
    refuse_other_language,
    write_manifest,
)
from furniture_prompter.catalog.reader import ALIGNMENTS_FOLDER
from furniture_prompter.catalog.retention import (
    Pruner,
    StagedPhotos,
    discard_table,
    replaced_with,
)
from furniture_prompter.catalog.storage import (
    CHUNK_ROWS,
    connect,
    files_below,
    flush,
    make_folder,
    rewrite_column,
    writer_lock,
    writing,
)
from furniture_prompter.catalog.vector_index import Numbers, number_filter
from furniture_prompter.domain import EncoderIdentity, Made, Product
from furniture_prompter.errors import CatalogNotFoundError
from furniture_prompter.timing import utc_now

Align = Callable[[NDArray[np.float32]], NDArray[np.float32]]
NO_COLUMNS: Mapping[str, str] = MappingProxyType({})


class CatalogWriter:
    """The one writer of a catalog; nothing it does is visible before :meth:`commit`."""

    def __init__(
        self,
        folder: Path,
        database: AsyncConnection,
        manifest: Manifest | None,
        encoder: EncoderIdentity,
        prompt_encoder: EncoderIdentity,
        language: str,
    ) -> None:
        """Use :func:`open_writer`."""
        self.folder = folder
        self.manifest = manifest
        self.columns: dict[str, str] = dict(manifest.columns) if manifest else {}
        self.variants = manifest is not None and manifest.variants
        self.confidence = manifest.confidence if manifest else None
        self.feeds = manifest.feeds if manifest else ()
        self.next_number = manifest.next_number if manifest else 1
        self._database = database
        self._encoder = encoder
        self._prompt_encoder = prompt_encoder
        self.language = language
        self.folding = manifest.folding if manifest else current_folding(language)
        self._tables: dict[str, AsyncTable] = {}
        # Photos as they were before this run: a photo may move away from a row that it deletes.
        self._committed_photos: AsyncTable | None = None
        self._begin: Literal["create", "overwrite"] = "create"
        self._staged = StagedPhotos(folder, database, encoder.weights_sha256)
        self.pruner = Pruner(folder, self._tables)
        self._on_disk = files_below(folder)

    async def restore(self) -> None:
        """Bring the tables back to the committed version, whatever a killed run left."""
        with writing(self.folder):
            for name in (PRODUCTS, PHOTOS):
                if self.manifest is None:
                    discard_table(self.folder, name)
                    continue
                table = await self._database.open_table(name)
                if await table.version() != self.manifest.tables[name]:
                    await table.checkout(self.manifest.tables[name])
                    await table.restore()
                self._tables[name] = table
            if self.manifest is not None:
                self._committed_photos = await self._database.open_table(PHOTOS)
                await self._committed_photos.checkout(self.manifest.tables[PHOTOS])
        await self._staged.restore()

    async def drop_indexes(self) -> None:
        """Forget every index, so that :meth:`build_indexes` makes them anew from the rows."""
        with writing(self.folder):
            for table in self._tables.values():
                for index in await table.list_indices():
                    await table.drop_index(index.name)

    def start_over(self) -> None:
        """Let the next :meth:`apply` write new tables instead of changing what is there."""
        self._tables.clear()
        self._committed_photos = None
        self._begin = "overwrite"

    def table(self, name: str) -> AsyncTable | None:
        """Products or photos as they are now; None before there are any."""
        return self._tables.get(name)

    @property
    def encoded_tables(self) -> list[AsyncTable]:
        """Tables of photos that have a vector: what a killed run saved, the current version."""
        tables = (self._staged.table, self._committed_photos)
        return [table for table in tables if table is not None]

    async def stage(self, ids: Sequence[str], vectors: NDArray[np.float32]) -> None:
        """Save vectors of photos so that a killed run need not encode them again.

        Args:
            ids: Of the photos.
            vectors: Theirs, shape (n, dimension).

        Raises:
            CatalogWriteError: the disk is full or cannot be written.
        """
        await self._staged.add(ids, vectors)

    async def photo_vectors(self, ids: Iterable[str]) -> dict[str, NDArray[np.float32]]:
        """Vectors of photos by id, staged or of the committed version, whatever changed since.

        Returns:
            Of each that has one, shape (dimension,).

        Raises:
            CatalogWriteError: a table cannot be read.
        """
        wanted = sorted(set(ids))
        found: dict[str, NDArray[np.float32]] = {}
        for table in self.encoded_tables:
            missing = [photo_id for photo_id in wanted if photo_id not in found]
            for start in range(0, len(missing), 1_000):
                quoted = ", ".join(f"'{photo_id}'" for photo_id in missing[start : start + 1_000])
                with writing(self.folder):
                    rows = await (
                        table.query().where(f"id IN ({quoted})").select(["id", VECTOR]).to_arrow()
                    )
                vectors = vectors_from(rows[VECTOR], self._encoder.dimension)
                found.update(zip(rows["id"].to_pylist(), vectors, strict=True))
        return found

    async def apply(
        self,
        rows: Sequence[ProductRow],
        removed: Sequence[int],
        align: Align | None,
        retyped: Mapping[str, str] = NO_COLUMNS,
    ) -> None:
        """Insert or replace products with their photos, and delete others.

        Args:
            rows: New and changed products; their photos are encoded already.
            removed: Numbers of products to delete.
            align: Maps photo vectors to aligned ones; None without an alignment.
            retyped: New types of columns whose every value is in `rows`, or of a removed product.

        Raises:
            CatalogWriteError: the disk is full or cannot be written.
        """
        if retyped:
            self.columns.update(retyped)
            with writing(self.folder):
                await self._tables[PRODUCTS].drop_columns(list(retyped))
        self._learn_columns(rows)
        for start in range(0, len(removed), CHUNK_ROWS):
            numbers = np.asarray(removed[start : start + CHUNK_ROWS], np.int64)
            with writing(self.folder):
                await self._tables[PRODUCTS].delete(number_filter(numbers))
                await self._tables[PHOTOS].delete(number_filter(numbers))
        for start in range(0, len(rows), CHUNK_ROWS):
            await self._apply_chunk(rows[start : start + CHUNK_ROWS], align)

    def _learn_columns(self, rows: Sequence[ProductRow]) -> None:
        for row in rows:
            for name, value in row.product.attributes.items():
                self.columns.setdefault(name, attribute_type(value))
            self.variants = self.variants or bool(row.product.variants)
        if rows:
            self.next_number = max(self.next_number, 1 + max(row.number for row in rows))

    async def _apply_chunk(self, rows: Sequence[ProductRow], align: Align | None) -> None:
        same = await self._showing_the_same(rows)
        flat = [
            (row.number, photo, position)
            for row in rows
            if row.number not in same
            for position, photo in enumerate(row.photos)
        ]
        known = await self.photo_vectors(photo.id for _, photo, _ in flat)
        photos: pa.Table | None = None
        if flat:
            vectors = np.stack([known[photo.id] for _, photo, _ in flat])
            photos = photo_table(
                [number for number, _, _ in flat],
                [photo for _, photo, _ in flat],
                [position for _, _, position in flat],
                vectors,
                _aligned(vectors, align),
                variants=self.variants,
            )
        products = product_table(rows, self.columns, variants=self.variants, feeds=bool(self.feeds))
        with writing(self.folder):
            if PRODUCTS not in self._tables:
                for name, rows_of in ((PRODUCTS, products), (PHOTOS, photos)):
                    table = await self._database.create_table(name, rows_of, mode=self._begin)
                    self._tables[name] = table
                return
            table = self._tables[PRODUCTS]
            of_variants = {VARIANTS: "text"} if self.variants else {}
            of_feeds = {FEEDS: "integer"} if self.feeds else {}
            await _add_columns(table, self.columns | of_variants | of_feeds)
            await _add_columns(self._tables[PHOTOS], {VARIANT_ID: "text"} if of_variants else {})
            names = (await table.schema()).names
            upsert = table.merge_insert(NUMBER)
            upsert = upsert.when_matched_update_all().when_not_matched_insert_all()
            await upsert.execute(products.select(names))
            if photos is None:
                return
            schema = await self._tables[PHOTOS].schema()
            # Older builds kept the old width in a catalog that had lost its last product.
            if schema.field(ALIGNED).type.list_size != photos[ALIGNED].type.list_size:
                await self.realign(align)
            numbers = np.asarray([row.number for row in rows if row.number not in same], np.int64)
            await self._tables[PHOTOS].delete(number_filter(numbers))
            await self._tables[PHOTOS].add(photos.select(schema.names))

    async def _showing_the_same(self, rows: Sequence[ProductRow]) -> set[int]:
        """Numbers of those whose photos lie in the table already, as a price's change leaves them.

        They are half of what a write costs.
        """
        table = self._tables.get(PHOTOS)
        if table is None:
            return set()
        with writing(self.folder):
            names = [name for name in OF_PHOTOS if name in (await table.schema()).names]
            numbers = number_filter(np.asarray([row.number for row in rows], np.int64))
            return showing_the_same(
                await table.query().where(numbers).select(names).to_arrow(), rows
            )

    async def mark_feeds(self, numbers_by_bits: Mapping[int, Numbers]) -> None:
        """Say which feeds have products that are otherwise as they were.

        Raises:
            CatalogWriteError: the disk is full or cannot be written.
        """
        table = self._tables[PRODUCTS]
        with writing(self.folder):
            await _add_columns(table, {FEEDS: "integer"})
            for bits, numbers in numbers_by_bits.items():
                for start in range(0, len(numbers), CHUNK_ROWS):
                    where = number_filter(numbers[start : start + CHUNK_ROWS])
                    await table.update({FEEDS: bits}, where=where)

    async def realign(self, align: Align | None) -> None:
        """Compute every photo's aligned vector anew, after the alignment changed."""

        def aligned(rows: pa.Table) -> pa.FixedSizeListArray:
            return vector_array(
                _aligned(vectors_from(rows[VECTOR], self._encoder.dimension), align)
            )

        with writing(self.folder):
            photos = await rewrite_column(self._database, self._tables[PHOTOS], ALIGNED, aligned)
            self._tables[PHOTOS] = photos

    @property
    def words_are_outdated(self) -> bool:
        """Whether the catalog's words are folded in an older way than those of new catalogs."""
        return self.folding != current_folding(self.language)

    def words(self, product: Product) -> str:
        """What the keyword index holds of a product, folded as the catalog's other words are."""
        return keyword_text(product.words, self.language, self.folding)

    async def refold(self) -> None:
        """Fold every product's words anew, as new catalogs do."""
        self.folding = current_folding(self.language)

        def folded(rows: pa.Table) -> pa.StringArray:
            names = product_columns(self.columns, variants=self.variants)
            stored = rows.select(names).to_pylist()
            products = (product_from(row, self.columns) for row in stored)
            return pa.array([self.words(product) for product in products], pa.string())

        with writing(self.folder):
            products = await rewrite_column(self._database, self._tables[PRODUCTS], WORDS, folded)
            self._tables[PRODUCTS] = products

    async def build_indexes(self, vector_index_photos: int, has_alignment: bool) -> str | None:
        """Bring keyword, number and vector indexes up to date.

        Args:
            vector_index_photos: Photos from which a vector index pays.
            has_alignment: Whether there are aligned vectors to index.

        Returns:
            The kind of the vector index, or None for an exact scan.
        """
        products, photos = self._tables[PRODUCTS], self._tables[PHOTOS]
        wanted: list[tuple[AsyncTable, str, FTS | BTree | IvfRq]] = [
            (products, WORDS, FTS(**keyword_index_settings(self.language, self.folding))),
            (products, NUMBER, BTree()),
            (photos, NUMBER, BTree()),
        ]
        with writing(self.folder):
            indexed = await photos.count_rows() >= vector_index_photos
            if indexed:
                vectors = [(photos, VECTOR), (products, TEXT_VECTOR)]
                vectors += [(photos, ALIGNED)] if has_alignment else []
                wanted += [(table, name, IvfRq(distance_type="cosine")) for table, name in vectors]
            for table, column, config in wanted:
                present = {index.columns[0] for index in await table.list_indices()}
                if column not in present:
                    await table.create_index(column, config=config)
        return "IVF_RQ" if indexed else None

    async def fold(self) -> None:
        """Fold all rows into files and indexes, however few are beside them."""
        with writing(self.folder):
            for table in self._tables.values():
                await fold(table)

    async def commit(
        self,
        alignment: AlignmentRecord,
        vector_index: str | None,
        grace_s: float,
        keep_versions: int,
        made: Made,
    ) -> Manifest:
        """Fold new rows into the indexes where they are many, make all current, then clear up.

        Until the manifest is replaced nothing goes that the one before it names; from then on a
        failure is one of the pruner's troubles.

        Args:
            alignment: What to record of the alignment.
            vector_index: As :meth:`build_indexes` returned it.
            grace_s: Seconds that replaced versions stay readable for searches under way.
            keep_versions: Replaced versions that can be returned to.
            made: What made the version.

        Raises:
            CatalogWriteError: nothing was committed; the version before stands.
        """
        versions: dict[str, int] = {}
        counts: dict[str, int] = {}
        with writing(self.folder):
            for name in (PRODUCTS, PHOTOS):
                table = self._tables[name]
                await fold_if_due(self.folder, table)
                versions[name] = await table.version()
                counts[name] = await table.count_rows()
            if self.manifest is not None:
                await self.pruner.mark_uploads(self._database, self.manifest)
        before = self.manifest
        manifest = Manifest(
            version=before.version + 1 if before else 1,
            created=utc_now(),
            encoder=self._encoder,
            prompt_encoder=self._prompt_encoder,
            language=self.language,
            tables=versions,
            columns=self.columns,
            products=counts[PRODUCTS],
            photos=counts[PHOTOS],
            next_number=self.next_number,
            alignment=alignment,
            vector_index=vector_index,
            replaced=replaced_with(before, grace_s),
            folding=self.folding,
            kept=kept_with(self.folder, before, keep_versions, made),
            made=made,
            variants=self.variants,
            confidence=self.confidence,
            feeds=self.feeds,
        )
        manifest = with_checksums(self.folder, manifest, before)
        with writing(self.folder):
            flush(self.folder, self._on_disk)
        record(self.folder, before)
        write_manifest(self.folder, manifest)
        self.manifest = manifest
        prune_checksums(self.folder, manifest)
        await self.pruner.after_commit(before, manifest, self._staged, grace_s)
        return manifest

    @property
    def alignments_folder(self) -> Path:
        """Where alignments of this catalog lie; made on first use."""
        folder = self.folder / ALIGNMENTS_FOLDER
        make_folder(folder)
        return folder


async def _add_columns(table: AsyncTable, columns: Mapping[str, str]) -> None:
    """Give a table those columns, by name and type, that it does not have."""
    present = set((await table.schema()).names)
    missing = {name: kind for name, kind in columns.items() if name not in present}
    if missing:
        await table.add_columns(empty_columns(missing))


def _aligned(vectors: NDArray[np.float32], align: Align | None) -> NDArray[np.float32]:
    return align(vectors) if align else np.zeros((len(vectors), 1), np.float32)


@asynccontextmanager
async def open_writer(
    folder: Path,
    encoder: EncoderIdentity,
    prompt_encoder: EncoderIdentity,
    language: str | None,
    default_language: str | None,
) -> AsyncIterator[CatalogWriter]:
    """Open the catalog at `folder` for writing, or begin one.

    Args:
        folder: The catalog.
        encoder: Identity of the photo encoder in use.
        prompt_encoder: Identity of the prompt encoder in use.
        language: Language asked for; None for the catalog's own.
        default_language: Language of a new catalog when none is asked for; None for English.

    Raises:
        CatalogBusyError: another process writes it.
        CatalogMismatchError: it was made with another encoder, prompt encoder or language.
        CatalogFormatError: it is another format's, or a folder of other things.
        CatalogDamagedError, CatalogWriteError: see those.
        InvalidFeedError: the language is not supported.
    """
    default_language = default_language or "english"
    keyword_index_settings(language or default_language)  # an unknown language, before any work
    refuse_foreign_folder(folder)  # before the lock, which leaves a trace of its own
    with writer_lock(folder):
        try:
            manifest: Manifest | None = read_manifest(folder)
        except CatalogNotFoundError:
            manifest = None
        if manifest is not None:
            refuse_mismatch(manifest, encoder, prompt_encoder)
            refuse_other_language(manifest, language)
            default_language = manifest.language
        with writing(folder):
            database = await connect(folder)
        writer = CatalogWriter(
            folder, database, manifest, encoder, prompt_encoder, language or default_language
        )
        await writer.restore()
        yield writer
