"""A shop's own judged queries, asked of its catalog."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from furniture_prompter import event_loop
from furniture_prompter.assembly.catalogs import Catalog
from furniture_prompter.catalog.reader import CatalogReader
from furniture_prompter.domain import IndexProgress, SetAside
from furniture_prompter.domain.wording import one_line
from furniture_prompter.errors import BenchmarkError
from furniture_prompter.evaluation.judged import Judged, judge, match_judgements, measures_at
from furniture_prompter.evaluation.judged_files import JudgedQuery, read_judgements, read_queries
from furniture_prompter.settings import Settings


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What judged queries found in a catalog.

    Attributes:
        judged: Values of every measure for every query.
        products: In the catalog: what each query chose from.
        limit: Hits that were judged of each query.
        set_aside: Lines of both files, and queries that the catalog refused; by file and line.
    """

    judged: Judged
    products: int
    limit: int
    set_aside: tuple[SetAside, ...]


def evaluate(
    catalog: str | Path,
    queries: str | Path,
    relevance: str | Path,
    *,
    settings: Settings | None = None,
    encoder: str | None = None,
    text_tower: str | None = None,
    limit: int = 10,
    progress: Callable[[IndexProgress], None] | None = None,
) -> Evaluation:
    """Ask a shop's own queries and compare the hits with its own judgements.

    Args:
        catalog: The catalog's folder.
        queries: JSON lines; see docs/evaluate.md.
        relevance: TREC qrels.
        settings: Settings; from the environment when left out.
        encoder: Photo encoder for queries, as :meth:`Catalog.open` takes it.
        text_tower: As :meth:`Catalog.open` takes it.
        limit: Hits of each query that are judged.
        progress: Called often while it goes.

    Raises:
        BenchmarkError: a file cannot be read, `limit` is out of range, or no query can be asked
            and judged.
        CatalogError, EncoderError: see :mod:`furniture_prompter.errors`.
        FurniturePrompterError: ir-measures is not installed.
    """
    chosen = settings or Settings()
    if not 1 <= limit <= chosen.limit_hits:
        raise BenchmarkError(
            f"{limit} hits were to be judged of each query. Judge 1 to {chosen.limit_hits}."
        )
    queries_file, relevance_file = Path(queries), Path(relevance)
    asked, bad_queries = read_queries(queries_file)
    judgements, bad_judgements = read_judgements(relevance_file)
    known = event_loop.run(_product_ids(Path(catalog)))
    kept, gains, unmatched = match_judgements(
        asked, judgements, known, (queries_file, relevance_file)
    )
    tell = progress or (lambda _: None)
    set_aside = [*bad_queries, *bad_judgements, *unmatched]
    if not kept:
        first = f" The first line at fault: {set_aside[0]}" if set_aside else ""
        raise BenchmarkError(
            f"No query of {queries_file} has a judgement in {relevance_file} of a product in the "
            f"catalog.{first}"
        )
    with Catalog.open(catalog, settings=chosen, encoder=encoder, text_tower=text_tower) as opened:

        def search(query: JudgedQuery, wanted: int) -> list[str]:
            result = opened.search(
                query.prompt,
                photo=query.photo,
                without=query.without,
                where=query.where,
                limit=wanted,
            )
            return [one_line(hit.product.id) for hit in result.hits]

        judged = judge(
            search,
            kept,
            gains,
            measures_at(limit),
            limit=limit,
            source=queries_file,
            on_query=lambda done: tell(IndexProgress("asking", done, len(kept), "queries")),
        )
    order = {queries_file: 0, relevance_file: 1}
    everything = sorted(
        (*set_aside, *judged.set_aside), key=lambda item: (order[item.source], item.line)
    )
    return Evaluation(judged, len(known), limit, tuple(everything))


async def _product_ids(catalog: Path) -> frozenset[str]:
    reader = await CatalogReader.open(catalog)
    try:
        rows = await reader.all_photos()
        products = await reader.products(np.unique(rows.numbers))
    finally:
        reader.close()
    return frozenset(one_line(product.id) for product in products.values())
