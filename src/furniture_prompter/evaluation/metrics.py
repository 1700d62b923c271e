"""Standard retrieval metrics by ir-measures, over rankings that are taken as they are given.

Measures are named as ir-measures names them: ``Success@1`` (any relevant product among the first),
``R@10`` (share of the relevant products among the first ten), ``P@5``, ``RR`` (one over the rank
of the first relevant product), ``AP``, ``nDCG@10``. Products that nobody judged count as not
relevant.
"""

import math
from collections.abc import Collection, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from furniture_prompter.errors import FurniturePrompterError


def per_query(
    rankings: Mapping[str, Sequence[str]],
    relevant: Mapping[str, Collection[str] | Mapping[str, int]],
    measures: Sequence[str],
) -> dict[str, dict[str, float]]:
    """The value of each measure for each query.

    Args:
        rankings: Query id → product ids, best first, each at most once. The order given is the
            order judged: ties must have been broken by whoever ranked (trec_eval would break
            them by id).
        relevant: Query id → ids of the products that answer it, at least one; or product id →
            gain, at least one above 0. A gain of 0 is a product that was judged not to answer.
            Only ``nDCG`` weighs gains, as they are (trec_eval's, not 2 to their power).
        measures: Names, such as ``P@5``.

    Returns:
        Measure → query id → value; a query that found nothing has 0.

    Raises:
        FurniturePrompterError: ir-measures is not installed.
        ValueError: the queries differ, a query has no relevant product, a product is ranked
            twice, or a measure's name means nothing.
    """
    if rankings.keys() != relevant.keys():
        raise ValueError("rankings and relevant must hold the same queries.")
    for query, products in rankings.items():
        answers = relevant[query]
        if not (any(answers.values()) if isinstance(answers, Mapping) else answers):
            raise ValueError(f"Query {query!r} has no relevant product; leave it out.")
        if len(set(products)) < len(products):
            raise ValueError(f"A product is ranked twice for query {query!r}.")
    try:
        import ir_measures
    except ImportError as error:
        raise FurniturePrompterError(
            "Metrics need ir-measures. Run: pip install 'furniture-prompter[benchmark]'"
        ) from error
    try:
        parsed = {name: ir_measures.parse_measure(name) for name in measures}
    except (NameError, ValueError, SyntaxError) as error:
        raise ValueError(f"{error}. Name measures such as P@5, RR or nDCG@10.") from error
    judgements = {
        query: dict(ids) if isinstance(ids, Mapping) else dict.fromkeys(ids, 1)
        for query, ids in relevant.items()
    }
    run = {
        query: {product: float(-rank) for rank, product in enumerate(products)}
        for query, products in rankings.items()
        if products  # ir-measures divides by their number
    }
    values = {name: dict.fromkeys(rankings, 0.0) for name in measures}
    names = {measure: name for name, measure in parsed.items()}
    if not run:
        return values
    for metric in ir_measures.iter_calc(list(parsed.values()), judgements, run):
        values[names[metric.measure]][metric.query_id] = float(metric.value)
    return values


def bootstrap_interval(
    values: Sequence[float] | NDArray[np.float64],
    *,
    level: float = 0.95,
    resamples: int = 2_000,
    seed: int = 0,
) -> tuple[float, float]:
    """Percentile bootstrap interval of the mean of per-query values.

    Args:
        values: One value a query, shape (n,), n ≥ 1.
        level: Coverage, between 0 and 1.
        resamples: How often queries are drawn anew, with replacement.
        seed: Of the draws.
    """
    data = np.asarray(values, np.float64)
    rows = np.random.default_rng(seed).integers(0, len(data), (resamples, len(data)))
    low, high = np.quantile(data[rows].mean(axis=1), [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def success_by_chance(candidates: int, relevant: int, k: int) -> float:
    """Probability that a random order has a relevant product among its first `k`.

    One minus the hypergeometric probability of none: C(candidates - relevant, k) over
    C(candidates, k).
    """
    k = min(k, candidates)
    return 1 - math.comb(candidates - relevant, k) / math.comb(candidates, k)
