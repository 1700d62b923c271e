"""What an engine is to whoever measures it, and which there are."""

import importlib
import importlib.metadata
import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
Ids = NDArray[np.integer[Any]]

OWN: Final = "furniture-prompter"
LIMIT_SLOW_VECTORS: Final = 200_000
"""What takes long to build is left out above so many vectors: a graph over 100,000 vectors of 1,280
components takes minutes on two cores, LanceDB's product codes of as many of 415 components 256 s,
and a million more than ten times that."""

LIMIT_PQ_GRAPH_VECTORS: Final = 20_000
"""LanceDB's graph over product codes: at 4,750 vectors of 1,280 components its whole trial took six
times as long as that of the graph over scalars, on two busy cores."""

LIMIT_QDRANT_LOCAL_VECTORS: Final = 20_000
"""Above so many its own client warns, and storing takes milliseconds a vector."""


class Engine(Protocol):
    """A way to store vectors and find the nearest.

    Row numbers are the ids. A filter keeps the rows whose bucket is below a bound; an engine
    applies it itself, and what that takes is part of asking.
    """

    @property
    def ways(self) -> Mapping[str, Sequence[int]]:
        """Way to ask → efforts to try, rising.

        Efforts are values of the one parameter that trades time for recall when searching; a
        single one where there is none.
        """
        ...

    @property
    def effort_name(self) -> str:
        """What the engine calls that parameter; "" where there is none."""
        ...

    def build(self, vectors: Vectors, buckets: NDArray[np.int64], folder: Path) -> None:
        """Index unit vectors of shape (n, d) with the bucket of each, and store all of it.

        Args:
            vectors: May be a read-only memory map.
            buckets: Shape (n,).
            folder: Empty.
        """
        ...

    def load(self, folder: Path) -> None:
        """Open what :meth:`build` stored, ready to be asked."""
        ...

    def prepare(self, way: str, effort: int) -> None:
        """Take one of the ways and efforts; not timed."""
        ...

    def ask(self, query: Vectors, count: int, below: int | None) -> Ids:
        """Up to `count` rows nearest to a unit vector of shape (d,), nearest first.

        Args:
            query: The vector.
            count: Rows wanted.
            below: Only rows whose bucket is below it; None for all rows.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSpec:
    """How an engine is reached.

    Attributes:
        name: What reports call it.
        factory: ``module:Class``; imported in the engine's own processes only.
        argument: For the class; "" for none.
        needs: (module, distribution) that must be installed.
        limit_vectors: It is left out above so many; None for no limit.
        note: What a reader must know.
    """

    name: str
    factory: str
    argument: str = ""
    needs: Sequence[tuple[str, str]] = ()
    limit_vectors: int | None = None
    note: str = ""

    @property
    def missing(self) -> tuple[str, ...]:
        """Distributions that are not installed."""
        return tuple(name for module, name in self.needs if not importlib.util.find_spec(module))

    @property
    def engine(self) -> str:
        """Its name with the version of what it needs first."""
        if self.name == OWN:
            return OWN
        versions = [importlib.metadata.version(name) for _, name in self.needs[:1]]
        return " ".join((self.name, *versions))


def make(factory: str, argument: str) -> Engine:
    """The engine that a spec names."""
    module, name = factory.split(":")
    made: Engine = getattr(importlib.import_module(module), name)(*([argument] if argument else []))
    return made


_OWN: Final = "benchmarks.vector_engines.lancedb_engines:"
_PEERS: Final = "benchmarks.vector_engines.peer_engines:"

OWN_ENGINES: Final[tuple[EngineSpec, ...]] = (
    EngineSpec(name=OWN, factory=f"{_OWN}ExactTrial"),
    EngineSpec(name=OWN, factory=f"{_OWN}TableTrial", argument="scan"),
    *(
        EngineSpec(
            name=OWN,
            factory=f"{_OWN}TableTrial",
            argument=kind,
            limit_vectors=limit,
        )
        for kind, limit in (
            ("IVF_RQ", None),
            ("IVF_SQ", None),
            ("IVF_PQ", LIMIT_SLOW_VECTORS),
            ("IVF_HNSW_SQ", LIMIT_SLOW_VECTORS),
            ("IVF_HNSW_PQ", LIMIT_PQ_GRAPH_VECTORS),
        )
    ),
)
"""What this project does, and every quantised index of LanceDB that it could."""

PEERS: Final[tuple[EngineSpec, ...]] = (
    *(
        EngineSpec(
            name="faiss",
            factory=f"{_PEERS}FaissEngine",
            argument=kind,
            needs=(("faiss", "faiss-cpu"),),
            limit_vectors=LIMIT_SLOW_VECTORS if kind == "HNSW" else None,
        )
        for kind in ("flat", "HNSW", "IVF-SQ", "IVF-PQ", "IVF-RaBitQ")
    ),
    EngineSpec(
        name="usearch",
        factory=f"{_PEERS}UsearchEngine",
        needs=(("usearch", "usearch"),),
        limit_vectors=LIMIT_SLOW_VECTORS,
        note="Its Python package has no filter: more are fetched, others dropped.",
    ),
    EngineSpec(
        name="hnswlib",
        factory=f"{_PEERS}HnswlibEngine",
        needs=(("hnswlib", "hnswlib"),),
        limit_vectors=LIMIT_SLOW_VECTORS,
        note="Its filter is a Python function called for each vector it meets.",
    ),
    EngineSpec(
        name="Chroma",
        factory=f"{_PEERS}ChromaEngine",
        needs=(("chromadb", "chromadb"),),
        limit_vectors=LIMIT_SLOW_VECTORS,
    ),
    EngineSpec(
        name="Qdrant, local mode",
        factory=f"{_PEERS}QdrantEngine",
        needs=(("qdrant_client", "qdrant-client"),),
        limit_vectors=LIMIT_QDRANT_LOCAL_VECTORS,
        note="Local mode compares all vectors in Python, without the server's index; it warns "
        "above 20,000 vectors, and is left out there.",
    ),
    EngineSpec(
        name="sqlite-vec",
        factory=f"{_PEERS}SqliteVecEngine",
        needs=(("sqlite_vec", "sqlite-vec"), ("apsw", "apsw")),
    ),
)
"""Other engines, by the extra ``peers``."""
