"""Catalog reader: one version's rows, indexes, filters and facets, for searching."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
from cachetools import LRUCache
from lancedb import AsyncConnection, AsyncTable

from furniture_prompter.catalog.columns import (
    KNOWN_COLUMNS,
    NUMBER,
    PHOTOS,
    PRODUCTS,
    TEXT_VECTOR,
    VARIANT_ID,
    VECTOR,
    WORDS,
    product_columns,
    product_from,
    vectors_from,
)
from furniture_prompter.catalog.facets import FacetCounts
from furniture_prompter.catalog.filters import Filter, compile_filter, id_literals, text_literal
from furniture_prompter.catalog.keyword_index import KeywordIndex
from furniture_prompter.catalog.keyword_query import KeywordQuery, parts_of
from furniture_prompter.catalog.keywords import stemmer
from furniture_prompter.catalog.manifest import Manifest, read_manifest
from furniture_prompter.catalog.rows import MemoryRows, StoredRows
from furniture_prompter.catalog.storage import connect, reading, unreadable
from furniture_prompter.catalog.vector_index import (
    ExactIndex,
    IvfIndex,
    Numbers,
    Scores,
    VectorIndex,
    number_filter,
    places_of,
    rising,
)
from furniture_prompter.catalog.vocabulary import (
    LIMIT_PRODUCTS,
    Vocabulary,
    own_columns,
    vocabulary_of,
)
from furniture_prompter.domain import Photo, Product
from furniture_prompter.domain.query import Facet
from furniture_prompter.errors import CatalogDamagedError

ALIGNMENTS_FOLDER = "alignments"
# Reading ten products takes a fifth of a photo query's time behind the encoder.
KEPT_PRODUCTS: Final = 4_096
# Products that may have changed since all was read for that to be carried over to the next version;
# with more of them all is read anew: what they were is held as well, and scored by every query.
MOST_CARRIED: Final = 1_000
# Memory for what passed filters; shoppers click on the same few. Bytes beside an entry's numbers
# are a guess at its text and bookkeeping.
_PASSING_BYTES: Final = 32 * 2**20
_ENTRY_BYTES: Final = 1_000
_NOTHING: Final = np.zeros(0, np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class PhotoRows:
    """Photos of some products, by product and position; all run in step.

    Attributes:
        numbers: Product number of each photo.
        ids: Content hash of each photo.
        paths: File of each photo.
        variants: Id of the variant that each photo shows; empty where it shows all, or none is.
        vectors: What was asked for, shape (n, d); None when nothing was.
    """

    numbers: Numbers
    ids: list[str]
    paths: list[str]
    variants: list[str]
    vectors: Scores | None

    def photo(self, row: int, product_id: str) -> Photo:
        """The photo of a row, with the id of the product that it shows."""
        return Photo(self.ids[row], product_id, self.paths[row], self.variants[row])


class CatalogReader:
    """A catalog pinned to one version; later index runs do not show through.

    Vector indexes are read on first use: a prompt alone never reads the photo vectors.
    """

    def __init__(
        self,
        folder: Path,
        manifest: Manifest,
        database: AsyncConnection,
        products: AsyncTable,
        photos: AsyncTable,
    ) -> None:
        """Use :meth:`open`."""
        self.folder = folder
        self.manifest = manifest
        self.carried_from: int | None = None
        self._changed = 0
        self._database = database
        self._products = products
        self._photos = photos
        kind = StoredRows if manifest.vector_index else MemoryRows
        self._product_rows: StoredRows = kind(products, [NUMBER], folder)
        self._photo_rows: StoredRows = kind(photos, [NUMBER, "position"], folder)
        self._indexes: dict[str, VectorIndex] = {}
        self._index_lock = asyncio.Lock()
        self._kept_products: LRUCache[int, Product] = LRUCache(KEPT_PRODUCTS)
        self._passing: LRUCache[str, tuple[Numbers, Numbers]] = LRUCache(
            _PASSING_BYTES, getsizeof=lambda kept: _ENTRY_BYTES + kept[0].nbytes
        )
        self._keywords = self._keyword_index()
        self._vocabulary: Vocabulary | None = None
        self._vocabulary_lock = asyncio.Lock()
        self._facets = FacetCounts(products, folder)

    @classmethod
    async def open(cls, folder: Path, before: "CatalogReader | None" = None) -> "CatalogReader":
        """Open the current version.

        Args:
            folder: The catalog.
            before: An open version of the same catalog: what was read of it is carried over, so
                that a version with one other product costs no more than that to read.

        Raises:
            CatalogNotFoundError, CatalogFormatError, CatalogDamagedError: see those.
        """
        manifest = read_manifest(folder)
        if before is not None and not _are_alike(before, folder, manifest):
            before = None
        with reading(folder):
            # Lance keeps what it read of indexes with the connection.
            database = await connect(folder) if before is None else before._database
            tables = []
            for name in (PRODUCTS, PHOTOS):
                table = await database.open_table(name)
                await table.checkout(manifest.tables[name])
                tables.append(table)
        opened = cls(folder, manifest, database, *tables)
        try:
            if before is None or await opened._carry(before):
                return opened
        except CatalogDamagedError:
            # Files of an earlier version go some time after it was replaced.
            pass
        opened.close()
        return await cls.open(folder)

    async def _carry(self, before: "CatalogReader") -> bool:
        """Take over what was read of an earlier version, but for products that changed since.

        Returns:
            Whether few did. Of more, all is to be read anew, by a connection of its own: Lance
            keeps with the old one what it read of indexes that are gone.
        """
        products = await before._product_rows.changed(self._product_rows)
        photos = await before._photo_rows.changed(self._photo_rows)
        self._changed = before._changed + max(products.size, photos.size)
        if self._changed > MOST_CARRIED:
            return False
        if isinstance(before._product_rows, MemoryRows):
            self._product_rows = await before._product_rows.carried(self._product_rows, products)
            self._keywords = self._keyword_index()
        if isinstance(before._photo_rows, MemoryRows):
            self._photo_rows = await before._photo_rows.carried(self._photo_rows, photos)
        for column, index in list(before._indexes.items()):
            of_texts = column == TEXT_VECTOR
            self._indexes[column] = await index.carried(
                self._product_rows if of_texts else self._photo_rows,
                column,
                products if of_texts else photos,
            )
        gone = {*products.tolist()}
        self._kept_products.update(
            (number, product)
            for number, product in list(before._kept_products.items())
            if number not in gone
        )
        self._passing.update(
            (sql, (numbers, rising(np.concatenate([changed, products]))))
            for sql, (numbers, changed) in list(before._passing.items())
        )
        if before._vocabulary is not None:
            names = [WORDS, *own_columns(self.filter_columns)]
            told = [
                await each.read(products, names)
                for each in (before._product_rows, self._product_rows)
            ]
            self._vocabulary = before._vocabulary.carried(*told)
        self.carried_from = before.manifest.version
        return True

    def close(self) -> None:
        """Let go of tables, rows and vectors, whoever still holds this."""
        self._indexes.clear()
        self._kept_products.clear()
        self._passing.clear()
        self._keywords.close()
        self._vocabulary = None
        for rows in (self._product_rows, self._photo_rows):
            rows.close()

    def _keyword_index(self) -> KeywordIndex:
        return KeywordIndex(self._product_rows, keeps=not self.manifest.vector_index)

    @property
    def alignment_path(self) -> Path | None:
        """The file of this version's alignment; None where it has none."""
        name = self.manifest.alignment.file
        return self.folder / ALIGNMENTS_FOLDER / name if name else None

    @property
    def filter_columns(self) -> Mapping[str, str]:
        """Columns that `where` may name, with their types in the filter language."""
        return {**KNOWN_COLUMNS, **self.manifest.columns}

    async def filter_products(self, expression: str) -> Filter:
        """Compile and run a `where`.

        Raises:
            InvalidFilterError: it does not parse, or does not fit the columns.
        """
        return await self.passing(compile_filter(expression, self.filter_columns))

    async def passing(self, sql: str) -> Filter:
        """The products that pass a condition in LanceDB's SQL, which no user wrote."""
        # What passed, and products that changed since that was found out.
        numbers, changed = self._passing.get(sql, (None, _NOTHING))
        if numbers is None:
            numbers = await self._asked(sql)
        elif changed.size:
            now = await self._asked(f"{number_filter(changed)} AND ({sql})")
            others = numbers[~places_of(numbers, changed)[1]]
            numbers = np.sort(np.concatenate([others, now]))
        if numbers.nbytes < _PASSING_BYTES // 2:
            self._passing[sql] = numbers, _NOTHING
        return Filter(sql, numbers)

    async def _asked(self, sql: str) -> Numbers:
        with reading(self.folder):
            rows = await self._products.query().where(sql).select([NUMBER]).to_arrow()
        return np.sort(rows[NUMBER].to_numpy())

    async def keyword_matches(
        self, asked: KeywordQuery, count: int, product_filter: Filter | None
    ) -> tuple[Numbers, Scores]:
        """Numbers and BM25 scores of products whose words match, best first.

        Args:
            asked: Words, in any form of the catalog's language.
            count: Products wanted at the most.
            product_filter: What they must pass; None for all.

        Returns:
            Both of shape (up to `count`,).

        Raises:
            CatalogDamagedError: the index cannot be read, or is another table's.
        """
        parts = parts_of(asked, self.manifest.language, self.manifest.folding)
        if parts is None:
            return np.zeros(0, np.int64), np.zeros(0, np.float32)
        return await self._keywords.matches(parts, count, product_filter, asked.barred, self._lacks)

    def _lacks(self, word: str) -> bool:
        """Whether it is known that no product has a word as the keyword index holds it."""
        stem = stemmer(self.manifest.language, self.manifest.folding)
        vocabulary = self._vocabulary
        # The index parts words of other scripts at their marks.
        if stem is None or vocabulary is None or not word.isascii():
            return False
        return vocabulary.is_whole and stem(word) not in vocabulary.stems(stem)

    async def vocabulary(self) -> Vocabulary:
        """The words of this version, read on first use.

        Raises:
            CatalogDamagedError: the table cannot be read.
        """
        async with self._vocabulary_lock:
            if self._vocabulary is None:
                names = [NUMBER, WORDS, *own_columns(self.filter_columns)]
                rows = await self._some_products(names, LIMIT_PRODUCTS)
                self._vocabulary = await asyncio.to_thread(self._read_vocabulary, rows)
            return self._vocabulary

    def _read_vocabulary(self, rows: pa.Table) -> Vocabulary:
        vocabulary = vocabulary_of(rows)
        stem = stemmer(self.manifest.language, self.manifest.folding)
        if stem is not None and vocabulary.is_whole:
            # Which takes as long as a few prompts: not while others wait.
            vocabulary.stems(stem)
        return vocabulary

    async def some_products(self, names: Sequence[str], count: int) -> dict[str, list[Any]]:
        """Values of columns of up to `count` products by name, in the table's order.

        Raises:
            CatalogDamagedError: the table cannot be read.
        """
        rows = await self._some_products(names, count)
        return {name: rows[name].to_pylist() for name in names}

    async def _some_products(self, columns: Sequence[str], count: int) -> pa.Table:
        with reading(self.folder):
            return await self._products.query().select(list(columns)).limit(count).to_arrow()

    async def photo_index(self, column: str = VECTOR) -> VectorIndex:
        """Index of the photos' vectors.

        Args:
            column: ``vector``, by the photo encoder; or ``aligned``, in which the prompt encoder's
                prompts meet them, only with an alignment.
        """
        return await self._index(self._photo_rows, column)

    async def text_index(self) -> VectorIndex:
        """Index of the prompt encoder's vectors of the products' texts."""
        return await self._index(self._product_rows, TEXT_VECTOR)

    async def _index(self, rows: StoredRows, column: str) -> VectorIndex:
        async with self._index_lock:
            if column not in self._indexes:
                self._indexes[column] = (
                    await IvfIndex.load(rows, column)
                    if self.manifest.vector_index
                    else await ExactIndex.load(rows.table, column, rows.folder)
                )
            return self._indexes[column]

    async def products(self, numbers: Numbers) -> dict[int, Product]:
        """Products by number.

        Args:
            numbers: Shape (n,).

        Raises:
            CatalogDamagedError: one is not there, or the table cannot be read.
        """
        wanted = numbers.tolist()
        found = {
            number: product
            for number in wanted
            if (product := self._kept_products.get(number)) is not None
        }
        missing = [number for number in wanted if number not in found]
        if missing:
            columns = self.manifest.columns
            names = product_columns(columns, variants=self.manifest.variants)
            rows = await self._product_rows.fetch(np.array(missing, np.int64), names)
            with reading(self.folder):
                read = {row[NUMBER]: product_from(row, columns) for row in rows.to_pylist()}
            if len(read) < len(set(missing)):
                raise unreadable(self.folder, "photos name products that are not there")
            found |= read
            self._kept_products.update(read)
        return found

    async def photos(self, numbers: Numbers, vector_column: str | None) -> PhotoRows:
        """All photos of some products, main ones first, with one kind of their vectors.

        Args:
            numbers: At least one product number, shape (n,).
            vector_column: ``vector`` or ``aligned``; None for no vectors.

        Raises:
            CatalogDamagedError: a product has none, or the table cannot be read.
        """
        found, told, vectors = await self._photo_rows.listed(
            numbers, self._photo_columns, vector_column
        )
        if not places_of(numbers, found)[1].all():
            raise unreadable(self.folder, "products have no photos")
        shown = [variant_id or "" for variant_id in told.get(VARIANT_ID, [""] * found.size)]
        exact = None if vectors is None else vectors.astype(np.float32)
        return PhotoRows(found, told["id"], told["path"], shown, exact)

    async def main_vectors(self, numbers: Numbers) -> Scores:
        """The vector of each product's main photo, shape (n, d); see :meth:`photos`."""
        rows, _, vectors = await self._photo_rows.listed(numbers, [], VECTOR)
        # Asking for vectors gives them.
        assert vectors is not None  # noqa: S101
        # A product's first row is its main photo's.
        places, known = places_of(numbers, rows)
        if not known.all():
            raise unreadable(self.folder, "products have no photos")
        return vectors[places].astype(np.float32)

    @property
    def _photo_columns(self) -> list[str]:
        return ["id", "path", *([VARIANT_ID] if self.manifest.variants else [])]

    async def number_of(self, product_id: str) -> int | None:
        """The number of a product; None where the catalog has none of that id.

        The id may be written as a filter may write it.
        """
        spellings = ", ".join(id_literals(product_id))
        with reading(self.folder):
            query = self._products.query().where(f"`id` IN ({spellings})")
            rows = await query.select([NUMBER]).limit(1).to_arrow()
        return int(rows[NUMBER][0].as_py()) if rows.num_rows else None

    async def photo(self, photo_id: str) -> Photo | None:
        """A photo by the hash of its bytes; None where the catalog has none of that id.

        Where products share it, it is any one's.
        """
        with reading(self.folder):
            query = self._photos.query().where(f"`id` = {text_literal(photo_id)}")
            rows = await query.select([NUMBER, "path"]).limit(1).to_arrow()
        if not rows.num_rows:
            return None
        number = int(rows[NUMBER][0].as_py())
        product = (await self.products(np.array([number], np.int64)))[number]
        return Photo(photo_id, product.id, rows["path"][0].as_py())

    async def columns(self, numbers: Numbers, names: Sequence[str]) -> dict[str, list[Any]]:
        """Values of columns of some products by name, None where there is none, by rising number.

        Args:
            numbers: At least one, each once, rising, shape (n,).
            names: Of :attr:`filter_columns`.

        Raises:
            CatalogDamagedError: the table cannot be read, or lacks one of them.
        """
        told = await self._product_rows.values(numbers, names)
        if any(len(values) != numbers.size for values in told.values()):
            raise unreadable(self.folder, "photos name products that are not there")
        return told

    async def facets(
        self, numbers: Numbers | None, columns: Sequence[str], leave_out: int | None = None
    ) -> dict[str, Facet]:
        """Count the values of columns over some products, exactly.

        Args:
            numbers: Product numbers, shape (n,); None for all products.
            columns: Of :attr:`filter_columns`; read on first use and kept.
            leave_out: Number of a product that does not count.

        Raises:
            CatalogDamagedError: the table cannot be read.
        """
        types = self.filter_columns
        return await self._facets.count(numbers, {name: types[name] for name in columns}, leave_out)

    async def all_photos(self) -> PhotoRows:
        """Every photo of the version with its stored vector, by product and position."""
        with reading(self.folder):
            names = [NUMBER, "position", *self._photo_columns, VECTOR]
            query = self._photos.query().select(names)
            rows = await query.to_arrow()
        rows = rows.sort_by([(NUMBER, "ascending"), ("position", "ascending")])
        return PhotoRows(
            rows[NUMBER].to_numpy(),
            rows["id"].to_pylist(),
            rows["path"].to_pylist(),
            _variants_of(rows),
            vectors_from(rows[VECTOR], self.manifest.encoder.dimension),
        )


def _are_alike(before: CatalogReader, folder: Path, manifest: Manifest) -> bool:
    """Whether two versions are of one catalog and have the same columns, vectors and indexes."""
    told = (
        (each.encoder, each.prompt_encoder, each.columns, each.variants, each.vector_index)
        for each in (before.manifest, manifest)
    )
    return before.folder == folder and next(told) == next(told)


def _variants_of(photos: pa.Table) -> list[str]:
    if VARIANT_ID not in photos.column_names:
        return [""] * photos.num_rows
    return [variant_id or "" for variant_id in photos[VARIANT_ID].to_pylist()]
