"""Vector search engines of others, each behind the protocol of :mod:`.engine`.

faiss, usearch, hnswlib, Chroma, Qdrant's local mode and sqlite-vec. Each package is imported when
its engine is made, in the engine's own processes.
"""

import importlib
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.vector_engines.engine import Ids, Vectors

_BUCKETS = "buckets.npy"
_EF = (16, 32, 64, 128, 256, 512, 1_024)
_PROBES = (1, 2, 5, 10, 20, 50, 100, 200, 500)
_LINKS, _EF_CONSTRUCTION, _EXPANSION_ADD = 16, 200, 128
# Rows added at once: 10,000 of 1,280 float32 are 51 MB.
_BLOCK_ROWS = 10_000

_FAISS_INDEX, _FAISS_LINKS, _REFINE = "index.faiss", 32, 10
_FAISS_WAYS: Mapping[str, str] = {
    "flat": "flat (exact)",
    "HNSW": f"HNSW, M {_FAISS_LINKS}, efConstruction {_EF_CONSTRUCTION}",
    "IVF-SQ": "IVF, 8-bit scalars",
    "IVF-PQ": f"IVF-PQ, 4 bits for 4 components, fast scan, refine {_REFINE}",
    "IVF-RaBitQ": f"IVF-RaBitQ, refine {_REFINE}",
}
_REFINED = {"IVF-PQ", "IVF-RaBitQ"}

_TABLE = "photos"
_QDRANT_ROWS = 1_000
_SQLITE_FILE = "photos.sqlite"
_NEAREST = "SELECT rowid FROM photos WHERE embedding MATCH ? AND k = ?"


class _OneWay:
    """An engine that is asked in one way; see :class:`Engine`."""

    def __init__(self, way: str, efforts: Sequence[int] = (0,), effort_name: str = "") -> None:
        self.ways: Mapping[str, Sequence[int]] = {way: efforts}
        self.effort_name = effort_name
        self._effort = 0

    def prepare(self, way: str, effort: int) -> None:
        """See :class:`Engine`.

        Raises:
            ValueError: there is no such way or effort.
        """
        if effort not in self.ways.get(way, ()):
            raise ValueError(f"there is no way {way!r} with an effort of {effort}.")
        self.take(effort)

    def take(self, effort: int) -> None:
        """Take an effort for the queries that follow."""
        self._effort = effort


class FaissEngine(_OneWay):
    """One kind of faiss index over inner products of unit vectors.

    HNSW has 32 links and efConstruction 200. Lists are as many as the root of the number of
    vectors. Product codes have 4 bits for each four components, laid out for the fast scan; they
    and RaBitQ's bits are refined with the vectors themselves, ten for each wanted.
    """

    def __init__(self, kind: str) -> None:
        efforts = {"flat": (0,), "HNSW": _EF}.get(kind, _PROBES)
        name = {"flat": "", "HNSW": "efSearch"}.get(kind, "nprobe")
        super().__init__(_FAISS_WAYS[kind], efforts, name)
        self._faiss: Any = importlib.import_module("faiss")
        self._kind = kind
        self._index: Any = None
        self._buckets = np.zeros(0, np.int64)

    def build(self, vectors: Vectors, buckets: NDArray[np.int64], folder: Path) -> None:
        """See :class:`Engine`."""
        faiss = self._faiss
        count, dimension = vectors.shape
        lists = max(1, round(math.sqrt(count)))
        codes = dimension // 4 if dimension % 4 == 0 else dimension
        recipe = {
            "flat": "Flat",
            "HNSW": f"HNSW{_FAISS_LINKS},Flat",
            "IVF-SQ": f"IVF{lists},SQ8",
            "IVF-PQ": f"IVF{lists},PQ{codes}x4fs,RFlat",
            "IVF-RaBitQ": f"IVF{lists},RaBitQ,RFlat",
        }[self._kind]
        index = faiss.index_factory(dimension, recipe, faiss.METRIC_INNER_PRODUCT)
        if self._kind == "HNSW":
            index.hnsw.efConstruction = _EF_CONSTRUCTION
        if not index.is_trained:
            # k-means takes 256 vectors a list at most; a fixed draw of so many is all it needs.
            wanted = min(count, max(256 * lists, 65_536))
            rows = np.sort(np.random.default_rng(0).permutation(count)[:wanted])
            index.train(np.ascontiguousarray(vectors[rows]))
        for start in range(0, count, _BLOCK_ROWS):
            index.add(np.ascontiguousarray(vectors[start : start + _BLOCK_ROWS]))
        faiss.write_index(index, str(folder / _FAISS_INDEX))
        np.save(folder / _BUCKETS, buckets)

    def load(self, folder: Path) -> None:
        """See :class:`Engine`."""
        self._index = self._faiss.read_index(str(folder / _FAISS_INDEX))
        self._buckets = np.load(folder / _BUCKETS)

    def ask(self, query: Vectors, count: int, below: int | None) -> Ids:
        """See :class:`Engine`."""
        faiss = self._faiss
        more: dict[str, Any] = {}
        if below is not None:
            # The bits must outlive the search; faiss keeps only their address.
            bits = np.packbits(self._buckets < below, bitorder="little")
            more["sel"] = faiss.IDSelectorBitmap(bits)
        if self._kind == "flat":
            parameters = faiss.SearchParameters(**more)
        elif self._kind == "HNSW":
            parameters = faiss.SearchParametersHNSW(efSearch=self._effort, **more)
        else:
            parameters = faiss.SearchParametersIVF(nprobe=self._effort, **more)
        if self._kind in _REFINED:
            parameters = faiss.IndexRefineSearchParameters(
                k_factor=_REFINE, base_index_params=parameters
            )
        _, ids = self._index.search(query[np.newaxis], count, params=parameters)
        found: Ids = ids[0][ids[0] >= 0]
        return found


class HnswlibEngine(_OneWay):
    """An hnswlib index over inner products of unit vectors."""

    def __init__(self) -> None:
        super().__init__(f"HNSW, M {_LINKS}, ef_construction {_EF_CONSTRUCTION}", _EF, "ef")
        self._module: Any = importlib.import_module("hnswlib")
        self._index: Any = None
        self._buckets = np.zeros(0, np.int64)

    def build(self, vectors: Vectors, buckets: NDArray[np.int64], folder: Path) -> None:
        """See :class:`Engine`."""
        count, dimension = vectors.shape
        index = self._module.Index(space="ip", dim=dimension)
        index.init_index(
            max_elements=count, ef_construction=_EF_CONSTRUCTION, M=_LINKS, random_seed=100
        )
        for start in range(0, count, _BLOCK_ROWS):
            end = min(start + _BLOCK_ROWS, count)
            index.add_items(np.ascontiguousarray(vectors[start:end]), np.arange(start, end))
        index.save_index(str(folder / "index.hnswlib"))
        np.save(folder / _BUCKETS, buckets)
        (folder / "dimension").write_text(str(dimension))

    def load(self, folder: Path) -> None:
        """See :class:`Engine`."""
        dimension = int((folder / "dimension").read_text())
        self._index = self._module.Index(space="ip", dim=dimension)
        self._index.load_index(str(folder / "index.hnswlib"))
        self._buckets = np.load(folder / _BUCKETS)

    def take(self, effort: int) -> None:
        """See :class:`_OneWay`."""
        self._index.set_ef(effort)

    def ask(self, query: Vectors, count: int, below: int | None) -> Ids:
        """See :class:`Engine`; nothing where fewer than `count` were found, which it refuses."""
        keep = None if below is None else (self._buckets < below).item
        try:
            ids, _ = self._index.knn_query(query, k=count, num_threads=1, filter=keep)
        except RuntimeError:
            return np.zeros(0, np.int64)
        found: Ids = ids[0].astype(np.int64)
        return found


class UsearchEngine(_OneWay):
    """A usearch index with the library's own connectivity and expansion.

    Its Python package takes no filter. With one, as many are fetched as should hold twice what is
    wanted, by the share that the filter keeps, and the others dropped.
    """

    def __init__(self) -> None:
        super().__init__(
            f"HNSW, float16, connectivity {_LINKS}, expansion_add {_EXPANSION_ADD}",
            _EF,
            "expansion_search",
        )
        self._module: Any = importlib.import_module("usearch.index")
        self._index: Any = None
        self._buckets = np.zeros(0, np.int64)

    def build(self, vectors: Vectors, buckets: NDArray[np.int64], folder: Path) -> None:
        """See :class:`Engine`."""
        index = self._module.Index(
            ndim=vectors.shape[1],
            metric="cos",
            dtype="f16",
            connectivity=_LINKS,
            expansion_add=_EXPANSION_ADD,
        )
        index.add(np.arange(len(vectors)), np.ascontiguousarray(vectors))
        index.save(str(folder / "index.usearch"))
        np.save(folder / _BUCKETS, buckets)

    def load(self, folder: Path) -> None:
        """See :class:`Engine`."""
        self._index = self._module.Index.restore(str(folder / "index.usearch"))
        self._buckets = np.load(folder / _BUCKETS)

    def take(self, effort: int) -> None:
        """See :class:`_OneWay`."""
        self._index.expansion_search = effort

    def ask(self, query: Vectors, count: int, below: int | None) -> Ids:
        """See :class:`Engine`."""
        if below is None:
            found: Ids = np.asarray(self._index.search(query, count).keys).astype(np.int64)
            return found
        share = float(np.mean(self._buckets < below))
        fetched = min(len(self._buckets), int(2 * count / max(share, 1e-6)))
        keys = np.asarray(self._index.search(query, fetched).keys).astype(np.int64)
        kept: Ids = keys[self._buckets[keys] < below][:count]
        return kept


class ChromaEngine(_OneWay):
    """A persistent client's collection, ids as text and the bucket as metadata."""

    def __init__(self) -> None:
        super().__init__(
            f"HNSW, max_neighbors {_LINKS}, ef_construction {_EF_CONSTRUCTION}", _EF, "ef_search"
        )
        self._module: Any = importlib.import_module("chromadb")
        self._collection: Any = None

    def _client(self, folder: Path) -> Any:
        settings = self._module.Settings(anonymized_telemetry=False)
        return self._module.PersistentClient(path=str(folder), settings=settings)

    def build(self, vectors: Vectors, buckets: NDArray[np.int64], folder: Path) -> None:
        """See :class:`Engine`."""
        client = self._client(folder)
        hnsw = {
            "space": "cosine",
            "ef_construction": _EF_CONSTRUCTION,
            "max_neighbors": _LINKS,
        }
        collection = client.create_collection(
            _TABLE, configuration={"hnsw": hnsw}, embedding_function=None
        )
        step = client.get_max_batch_size()
        for start in range(0, len(vectors), step):
            end = min(start + step, len(vectors))
            collection.add(
                ids=[str(row) for row in range(start, end)],
                embeddings=np.ascontiguousarray(vectors[start:end]),
                metadatas=[{"bucket": bucket} for bucket in buckets[start:end].tolist()],
            )

    def load(self, folder: Path) -> None:
        """See :class:`Engine`."""
        self._collection = self._client(folder).get_collection(_TABLE, embedding_function=None)

    def take(self, effort: int) -> None:
        """See :class:`_OneWay`."""
        self._collection.modify(configuration={"hnsw": {"ef_search": effort}})

    def ask(self, query: Vectors, count: int, below: int | None) -> Ids:
        """See :class:`Engine`."""
        where = None if below is None else {"bucket": {"$lt": below}}
        answer = self._collection.query(
            query_embeddings=query[np.newaxis], n_results=count, where=where, include=[]
        )
        return np.array([int(row) for row in answer["ids"][0]], np.int64)


class QdrantEngine(_OneWay):
    """A local collection on disk, the bucket as payload."""

    def __init__(self) -> None:
        super().__init__("local mode (exact)")
        self._module: Any = importlib.import_module("qdrant_client")
        self._client: Any = None

    def build(self, vectors: Vectors, buckets: NDArray[np.int64], folder: Path) -> None:
        """See :class:`Engine`."""
        models = self._module.models
        client = self._module.QdrantClient(path=str(folder))
        client.create_collection(
            _TABLE,
            vectors_config=models.VectorParams(
                size=vectors.shape[1], distance=models.Distance.COSINE
            ),
        )
        for start in range(0, len(vectors), _QDRANT_ROWS):
            end = min(start + _QDRANT_ROWS, len(vectors))
            batch = models.Batch(
                ids=list(range(start, end)),
                vectors=vectors[start:end].tolist(),
                payloads=[{"bucket": bucket} for bucket in buckets[start:end].tolist()],
            )
            client.upsert(_TABLE, points=batch)
        client.close()

    def load(self, folder: Path) -> None:
        """See :class:`Engine`."""
        self._client = self._module.QdrantClient(path=str(folder))

    def ask(self, query: Vectors, count: int, below: int | None) -> Ids:
        """See :class:`Engine`."""
        models = self._module.models
        kept = None
        if below is not None:
            kept = models.Filter(
                must=[models.FieldCondition(key="bucket", range=models.Range(lt=below))]
            )
        answer = self._client.query_points(
            _TABLE,
            query=query,
            query_filter=kept,
            limit=count,
            with_payload=False,
        )
        return np.array([point.id for point in answer.points], np.int64)


class SqliteVecEngine(_OneWay):
    """A ``vec0`` table with the bucket as a metadata column, which filters while it scans.

    SQLite is apsw's: Python's own is often built without extensions.
    """

    def __init__(self) -> None:
        super().__init__("vec0, float32 (exact)")
        self._apsw: Any = importlib.import_module("apsw")
        self._extension: Any = importlib.import_module("sqlite_vec")
        self._database: Any = None

    def build(self, vectors: Vectors, buckets: NDArray[np.int64], folder: Path) -> None:
        """See :class:`Engine`."""
        self.load(folder)
        self._database.execute(
            f"CREATE VIRTUAL TABLE photos USING vec0(embedding float[{vectors.shape[1]}] "
            "distance_metric=cosine, bucket integer)"
        )
        rows = (
            (row, np.ascontiguousarray(vector).tobytes(), bucket)
            for row, (vector, bucket) in enumerate(zip(vectors, buckets.tolist(), strict=True))
        )
        with self._database:
            self._database.executemany(
                "INSERT INTO photos(rowid, embedding, bucket) VALUES (?, ?, ?)", rows
            )
        self._database.close()

    def load(self, folder: Path) -> None:
        """See :class:`Engine`."""
        self._database = self._apsw.Connection(str(folder / _SQLITE_FILE))
        self._database.enable_load_extension(True)  # noqa: FBT003 (apsw takes it by position)
        self._database.load_extension(self._extension.loadable_path())
        self._database.enable_load_extension(False)  # noqa: FBT003 (apsw takes it by position)

    def ask(self, query: Vectors, count: int, below: int | None) -> Ids:
        """See :class:`Engine`."""
        vector = np.ascontiguousarray(query).tobytes()
        if below is None:
            rows = self._database.execute(_NEAREST, (vector, count))
        else:
            rows = self._database.execute(f"{_NEAREST} AND bucket < ?", (vector, count, below))
        return np.array([row for (row,) in rows], np.int64)
