"""What exact facet counts cost: time and memory, against what was counted before."""

import argparse
import asyncio
import hashlib
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa

from benchmarks.feed_speed import make_photos, row_of, run
from benchmarks.provenance import ROOT, DataSet, add_output_option, write_result
from furniture_prompter.catalog.columns import NUMBER
from furniture_prompter.catalog.facets import FacetCounts
from furniture_prompter.catalog.reader import CatalogReader
from furniture_prompter.domain.query import FacetValue

COLUMNS: Final = ("category", "color", "brand", "price", "in_stock")
FILTERS: Final[Mapping[str, str | None]] = {
    "none": None,
    "1 % pass": "price < 29.9",
    "86 % pass": "in_stock",
}
REPEATS: Final = 30
METHOD: Final = f"""
Catalogs of made-up rows as in feed_speed.json; all {len(COLUMNS)} columns ({", ".join(COLUMNS)})
are counted in one call. "search" asks for the words "black chair" through the library, ten hits, in
a process of its own, {REPEATS} times with facets and {REPEATS} without in turn; "counting" is the
median of the step that facets are counted in less the same without facets, "filter step" the one
that finds what passes. That step reads the hits as well, which varies by more than counting takes,
so that a difference may be below 0; "ways" time counting alone. "first" is the first query with
facets less a later one: columns are read then. "before" counted what the retrievers had brought
(200 products each), so its counts are not those of the catalog; "now" counts all that pass.
"counts" is the sum over the values of category. "ways" count the same on the larger catalog, in
processor and wall time of the counting alone, medians of {REPEATS}, with what each keeps in memory:
"codes" is what is built; "Arrow" filters and counts columns kept as Arrow tables, also with texts
dictionary-encoded; "scan" reads the columns from the table each time, and keeps nothing; "DuckDB"
groups the same Arrow table in one thread, by a query a column. That all count alike is checked by
category. Diversity is 0. Other work shared the processors.
"""
PROGRAM: Final = """
import json, statistics, sys
from furniture_prompter.assembly import Catalog
folder, where, repeats, *columns = sys.argv[1:]
options = {"limit": 10, "where": where or None}
def step(name, runs):
    return statistics.median(each.timings_ms.get(name, 0.0) for each in runs)
with Catalog.open(folder) as catalog:
    for _ in range(5):
        catalog.search("black chair", **options)
    first = catalog.search("black chair", facets=columns, **options)
    plain, counted = [], []
    for _ in range(int(repeats)):
        plain.append(catalog.search("black chair", **options))
        counted.append(catalog.search("black chair", facets=columns, **options))
print(json.dumps({
    "counts": sum(each.count for each in first.facets["category"]),
    "counting": step("present", counted) - step("present", plain),
    "first": first.timings_ms["present"] - step("present", counted),
    "filter": step("filter", counted),
    "search": step("total", counted),
}))
"""


def searched(folder: Path, code: Path, where: str | None) -> dict[str, Any]:
    """What one program says of one catalog and filter, from a process of its own."""
    words = [sys.executable, "-c", PROGRAM, str(folder), where or "", str(REPEATS), *COLUMNS]
    # Programs from before know no diversity.
    environment = {**os.environ, "PYTHONPATH": str(code), "FURNITURE_PROMPTER_DIVERSITY": "0"}
    answered = subprocess.run(words, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE)
    told: dict[str, Any] = json.loads(answered.stdout)
    return told


def arrow_counts(table: pa.Table) -> dict[str, Any]:
    """Counts by Arrow compute, numbers by NumPy; texts may be dictionary-encoded."""
    found: dict[str, Any] = {}
    for name in COLUMNS:
        values = table[name]
        if pa.types.is_floating(values.type):
            numbers = values.to_numpy()
            edges = np.quantile(numbers, np.arange(6) / 5)
            found[name] = np.histogram(numbers, edges)[0].tolist()
            continue
        counted = values.value_counts()
        names = counted.field(0).to_pylist()
        found[name] = dict(zip(names, counted.field(1).to_pylist(), strict=True))
    return found


def duckdb_counts(table: pa.Table) -> Callable[[pa.Array], dict[str, Any]]:
    """The same by DuckDB over an Arrow table of which some rows count."""
    import duckdb  # type: ignore[import-not-found,unused-ignore]  # only where it is installed

    connection = duckdb.connect(config={"threads": 1})

    def count(mask: pa.Array) -> dict[str, Any]:
        connection.register("products", table.append_column("passes", mask))
        found: dict[str, Any] = {}
        for name in COLUMNS:
            if pa.types.is_floating(table[name].type):
                asked = f"quantile_cont({name}, [0, .2, .4, .6, .8, 1])"
                query = f"SELECT {asked} FROM products WHERE passes"  # noqa: S608  # own names
                (edges,) = connection.execute(query).fetchone()
                cases = ", ".join(
                    f"count(*) FILTER ({name} >= {low} AND "
                    f"{name} {'<' if place < 4 else '<='} {edges[place + 1]})"
                    for place, low in enumerate(edges[:-1])
                )
                query = f"SELECT {cases} FROM products WHERE passes"  # noqa: S608  # own names
                found[name] = list(connection.execute(query).fetchone())
            else:
                query = f"SELECT {name}, count(*) FROM products WHERE passes GROUP BY 1"  # noqa: S608  # own names
                found[name] = dict(connection.execute(query).fetchall())
        return found

    return count


async def ways(folder: Path, where: str | None) -> list[dict[str, Any]]:
    """Each way to count, on one catalog behind one filter."""
    reader = await CatalogReader.open(folder)
    passing = None if where is None else (await reader.filter_products(where)).numbers
    products = reader._products  # other ways need the table itself
    types = {name: reader.filter_columns[name] for name in COLUMNS}
    counts = FacetCounts(products, folder)
    expected = await counts.count(passing, types)
    table = (await products.query().select([NUMBER, *COLUMNS]).to_arrow()).combine_chunks()
    encoded = table
    for place, field in enumerate(table.schema):
        if pa.types.is_string(field.type):
            column = table[field.name].dictionary_encode()
            encoded = encoded.set_column(place, field.name, column)

    def mask() -> pa.Array:
        if passing is None:
            return pa.array(np.full(table.num_rows, fill_value=True))
        return pa.array(np.isin(table[NUMBER].to_numpy(), passing))

    async def codes() -> Any:
        return await counts.count(passing, types)

    async def arrow() -> Any:
        return arrow_counts(table if passing is None else table.filter(mask()))

    async def dictionaries() -> Any:
        return arrow_counts(encoded if passing is None else encoded.filter(mask()))

    async def scan() -> Any:
        query = products.query() if where is None else products.query().where(where)
        return arrow_counts(await query.select(list(COLUMNS)).to_arrow())

    tried: dict[str, tuple[Callable[[], Any], int]] = {
        "codes": (codes, counts.nbytes),
        "Arrow": (arrow, table.nbytes),
        "Arrow, dictionaries": (dictionaries, encoded.nbytes),
        "scan": (scan, 0),
    }
    if importlib.util.find_spec("duckdb"):
        by_duckdb = duckdb_counts(table)

        async def duck() -> Any:
            return by_duckdb(mask())

        tried["DuckDB"] = (duck, table.nbytes)
    rows = []
    for name, (way, kept) in tried.items():
        walls, processor = [], []
        for _ in range(REPEATS):
            began, busy = time.perf_counter(), time.process_time()
            found = await way()
            walls.append(time.perf_counter() - began)
            processor.append(time.process_time() - busy)
        if name != "codes":
            category = expected["category"]
            wanted = {each.value: each.count for each in category if isinstance(each, FacetValue)}
            if {str(key): value for key, value in found["category"].items()} != wanted:
                raise SystemExit(f"{name} counts otherwise: {found['category']}")
        rows.append(
            {
                "way": name,
                "wall (ms)": round(1_000 * statistics.median(walls), 2),
                "processor (ms)": round(1_000 * statistics.median(processor), 2),
                "kept (MB)": round(kept / 1e6, 1),
            }
        )
    reader.close()
    return rows


def made(folder: Path, rows: int, photos: int) -> Path:
    """A catalog of made-up rows; one that is there already is taken."""
    catalog = folder / f"rows-{rows}" / "catalog"
    if not catalog.exists():
        catalog.parent.mkdir(parents=True, exist_ok=True)
        if not (catalog.parent / "photos").exists():
            make_photos(catalog.parent / "photos", photos)
        run("rows", catalog.parent / "photos", catalog, rows)
    return catalog


def compared(catalog: Path, rows: int, programs: Mapping[str, Path]) -> list[dict[str, Any]]:
    """A row for each filter and program."""
    found = []
    for label, where in FILTERS.items():
        for program, code in programs.items():
            told = searched(catalog, code, where)
            row = {
                "products": rows,
                "filter": label,
                "program": program,
                "counts": told["counts"],
                "counting (ms)": round(told["counting"], 2),
                "filter step (ms)": round(told["filter"], 1),
                "search (ms)": round(told["search"], 1),
                "first (ms)": round(told["first"], 1),
            }
            print(row, flush=True)
            found.append(row)
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[6_000, 200_000])
    parser.add_argument("--photos", type=int, default=500, help="distinct photos")
    parser.add_argument(
        "--work", type=Path, help="folder for catalogs, which stay; a temporary one if left out"
    )
    parser.add_argument(
        "--against", type=Path, help="src folder of an earlier program to measure in turn"
    )
    add_output_option(parser, "facets")
    given = parser.parse_args(arguments)
    programs = {"now": ROOT / "src"}
    if given.against is not None:
        programs["before"] = given.against.resolve()
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as temporary:
        work = given.work or Path(temporary)
        for count in given.rows:
            catalog = made(work, count, given.photos)
            rows += compared(catalog, count, programs)
        tried = [
            {"filter": label, **row}
            for label, where in FILTERS.items()
            for row in asyncio.run(ways(catalog, where))
        ]
    print(*tried, sep="\n", flush=True)
    write_result(
        given.out,
        title="Exact facet counts: time and memory",
        data=[
            DataSet(
                "made-up rows",
                hashlib.sha256(json.dumps(row_of(0)).encode()).hexdigest(),
                f"{' and '.join(f'{count:,}' for count in given.rows)} rows, made as they are "
                "asked for; the hash is of the first one.",
            )
        ],
        method=METHOD,
        figures={"search": rows, "ways": tried},
    )


if __name__ == "__main__":
    main()
