"""From how many photos does a vector index pay? Exact scans against LanceDB's indexes."""

import argparse
import asyncio
import shutil
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import lancedb
import numpy as np
import pyarrow as pa
from lancedb import AsyncTable
from lancedb.index import HnswSq, IvfRq
from numpy.typing import NDArray

from benchmarks.datasets import IKEA_DEV, encode_files, ikea_dev
from benchmarks.provenance import add_output_option, write_result
from benchmarks.vector_engines.grown_vectors import grown
from furniture_prompter.catalog.columns import NUMBER, VECTOR, vector_array, vectors_from
from furniture_prompter.encoders.onnx_encoder import OnnxEncoder
from furniture_prompter.encoders.registry import encoder_folder

Vectors = NDArray[np.float32]
SIZES = (5_000, 20_000, 50_000, 100_000)
QUERIES = 100
TOP = 10
REFINE_FACTORS = (1, 10)

METHOD = f"""
Real photo vectors of the measuring set are split: {QUERIES} are queries, the others are grown to
n by x + (y - z) / 2 for three random ones, scaled to length 1, which keeps their mean and the
shape of their spread; real catalogs have tighter clusters of near-equal products. Ten nearest by
cosine; recall@10 is against the exact float32 scan. "open" is from opening the table to the first
answer, with the files in the page cache: the in-memory scans must read all vectors first. "ask"
is the median of {QUERIES} single queries after ten to warm up, one at a time. "memory" is what
the vectors of an in-memory scan hold; an index stays on disk. Vectors are stored as float16, with
zeros to a multiple of eight components, which IVF_RQ asks for.
"""


def padded(vectors: Vectors) -> Vectors:
    """The same vectors with zeros to a multiple of eight components, which IVF_RQ asks for."""
    return np.pad(vectors, ((0, 0), (0, -vectors.shape[1] % 8)))


def nearest(scores: NDArray[Any]) -> NDArray[np.intp]:
    """Positions of the `TOP` highest scores, highest first."""
    best = np.argpartition(scores, len(scores) - TOP)[-TOP:]
    return best[np.argsort(-scores[best], kind="stable")]


Ask = Callable[[Vectors], Awaitable[NDArray[Any]]]


async def timed(ask: Ask, queries: Vectors) -> tuple[float, list[NDArray[Any]]]:
    """Median milliseconds of one question, and the answers."""
    for query in queries[:10]:
        await ask(query)
    times, answers = [], []
    for query in queries:
        began = time.perf_counter()
        answers.append(await ask(query))
        times.append(time.perf_counter() - began)
    return 1_000 * statistics.median(times), answers


async def read_vectors(folder: str) -> Vectors:
    table = await (await lancedb.connect_async(folder)).open_table("photos")
    vectors: Vectors = vectors_from((await table.query().select([VECTOR]).to_arrow())[VECTOR])
    return vectors


def table_asker(table: AsyncTable, refine_factor: int | None) -> Ask:
    """Asks LanceDB, by its index when `refine_factor` is given, else by scanning."""

    async def ask(query: Vectors) -> NDArray[Any]:
        request = table.query().nearest_to(query).column(VECTOR).distance_type("cosine")
        request = (
            request.bypass_vector_index()
            if refine_factor is None
            else request.refine_factor(refine_factor)
        )
        rows = await request.select([NUMBER, "_distance"]).limit(TOP).to_arrow()
        return np.asarray(rows[NUMBER].to_numpy())

    return ask


def in_memory_asker(vectors: NDArray[Any]) -> Ask:
    async def ask(query: Vectors) -> NDArray[Any]:
        return nearest(vectors @ query.astype(vectors.dtype))

    return ask


def folder_bytes(folder: str) -> int:
    return sum(file.stat().st_size for file in Path(folder).rglob("*") if file.is_file())


async def measure(vectors: Vectors, queries: Vectors, folder: str) -> list[dict[str, Any]]:
    """One row for each way to search these vectors."""
    count = len(vectors)
    database = await lancedb.connect_async(folder)
    rows = {NUMBER: np.arange(count), VECTOR: vector_array(vectors)}
    table = await database.create_table("photos", pa.table(rows))
    stored = folder_bytes(folder)

    began = time.perf_counter()
    held = await read_vectors(folder)
    await in_memory_asker(held)(queries[0])
    open_exact_ms = 1_000 * (time.perf_counter() - began)

    exact_ms, truth = await timed(in_memory_asker(held), queries)
    results: list[dict[str, Any]] = []

    def add(
        way: str, ask_ms: float, answers: list[NDArray[Any]], **more: float | None
    ) -> dict[str, Any]:
        overlap = [len(set(a) & set(b)) for a, b in zip(answers, truth, strict=True)]
        row = {
            "photos": count,
            "way": way,
            "ask p50 ms": round(ask_ms, 2),
            "recall@10": round(float(np.mean(overlap)) / TOP, 4),
            "open ms": more.get("open_ms"),
            "build s": more.get("build_s"),
            "memory MB": more.get("memory_mb"),
            "index MB on disk": more.get("disk_mb"),
        }
        results.append(row)
        print(row)
        return row

    memory_mb = round(held.nbytes / 1e6, 1)
    add(
        "exact, float32 in memory",
        exact_ms,
        truth,
        open_ms=round(open_exact_ms, 1),
        memory_mb=memory_mb,
    )
    # numpy has no float16 matrix product of its own: it goes component by component.
    if count <= 20_000:
        half = held.astype(np.float16)
        ask_ms, answers = await timed(in_memory_asker(half), queries)
        add("exact, float16 in memory", ask_ms, answers, memory_mb=round(half.nbytes / 1e6, 1))
        del half
    del held

    ask_ms, answers = await timed(table_asker(table, None), queries)
    add("exact, LanceDB scan from disk", ask_ms, answers)

    configs: dict[str, IvfRq | HnswSq] = {
        "IVF_RQ": IvfRq(distance_type="cosine"),
        "HNSW_SQ": HnswSq(distance_type="cosine"),
    }
    for name, config in configs.items():
        began = time.perf_counter()
        await table.create_index(VECTOR, config=config, replace=True)
        build_s = round(time.perf_counter() - began, 2)
        disk_mb = round((folder_bytes(folder) - stored) / 1e6, 1)
        for refine_factor in REFINE_FACTORS:
            began = time.perf_counter()
            fresh = await (await lancedb.connect_async(folder)).open_table("photos")
            ask = table_asker(fresh, refine_factor)
            await ask(queries[0])
            open_ms = round(1_000 * (time.perf_counter() - began), 1)
            ask_ms, answers = await timed(ask, queries)
            add(
                f"{name}, refine {refine_factor}",
                ask_ms,
                answers,
                open_ms=open_ms,
                build_s=build_s,
                disk_mb=disk_mb,
            )
        await table.drop_index(f"{VECTOR}_idx")
        await table.optimize(delete_unverified=False)
        stored = folder_bytes(folder)
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=IKEA_DEV, help="folder of the measuring set")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--encoder", default="default", help="name or folder")
    add_output_option(parser, "vector_index")
    arguments = parser.parse_args()
    data = ikea_dev(arguments.data)
    encoder = OnnxEncoder.load(encoder_folder(arguments.encoder))
    real = padded(encode_files(encoder, [product.images[0] for product in data.products]))
    order = np.random.default_rng(0).permutation(len(real))
    queries, rest = real[order[:QUERIES]], real[order[QUERIES:]]
    rows = []
    for size in arguments.sizes:
        folder = tempfile.mkdtemp()
        try:
            rows += asyncio.run(measure(grown(rest, size, seed=size), queries, folder))
        finally:
            shutil.rmtree(folder)
    write_result(
        arguments.out,
        title="When a vector index pays",
        data=[data.source],
        method=METHOD,
        figures={"rows": rows},
        encoders={encoder.card.name: encoder.card.weights_sha256},
    )


if __name__ == "__main__":
    main()
