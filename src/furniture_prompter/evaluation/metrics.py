"""Standard retrieval metrics by ir-measures, over rankings that are taken as they are given.

Measures are named as ir-measures names them: ``Success@1`` (any relevant product among the first),
``R@10`` (share of the relevant products among the first ten), ``P@5``, ``RR`` (one over the rank
of the first relevant product), ``AP``, ``nDCG@10``. Products that nobody judged count as not
relevant.
"""

import math
import re
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from furniture_prompter.errors import FurniturePrompterError, install_line


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
            f"Metrics need ir-measures. {install_line('benchmark')}"
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


_MEASURE = re.compile(r"(Success|P|R|RR|AP|nDCG)(?:@(\d+))?")
_NEED_CUT_OFF = ("Success", "P", "R")


@lru_cache(maxsize=65_536)
def by_chance(measure: str, candidates: int, relevant: int) -> float:
    """Expected value of a measure over all orders of the candidates, each as likely.

    With *n* candidates, *r* of them relevant:

    * ``P@k``: r / n while there are k candidates; ``R@k``: k / n;
    * ``Success@k``: see :func:`furniture_prompter.evaluation.metrics.success_by_chance`;
    * ``RR``: the sum over ranks i of 1 / i times the probability that the first relevant candidate
      stands there, C(n - i, r - 1) / C(n, r);
    * ``AP``: a relevant candidate stands at any rank i alike, and among the i - 1 before it are on
      average (i - 1)(r - 1) / (n - 1) relevant ones; the mean of their precisions. The same as
      Bestgen, "Exact Expected Average Precision of the Random Baseline for System Evaluation"
      (Prague Bulletin of Mathematical Linguistics 103, 2015);
    * ``nDCG@k``: gains of 0 and 1; r / n of every discount, over the ideal order's.

    ``RR@k`` and ``AP@k`` leave out the ranks beyond k, as ir-measures does.

    Args:
        measure: By ir-measures' name.
        candidates: At least 1.
        relevant: Of them, at least 1.

    Raises:
        ValueError: no formula is known for the measure, or the counts make no sense.
    """
    parsed = _MEASURE.fullmatch(measure)
    if parsed is None or (parsed[2] is None and parsed[1] in _NEED_CUT_OFF):
        raise ValueError(f"What chance gives {measure!r} is not known here.")
    if not 1 <= relevant <= candidates:
        raise ValueError(f"{relevant} of {candidates} candidates cannot be relevant.")
    name, k = parsed[1], int(parsed[2]) if parsed[2] else candidates
    n, r, seen = candidates, relevant, min(k, candidates)
    ranks = np.arange(1, seen + 1, dtype=np.float64)
    if name == "Success":
        return success_by_chance(n, r, k)
    if name == "P":
        return r * seen / n / k
    if name == "R":
        return seen / n
    if name == "RR":
        return float(np.sum(_first_relevant_at(n, r)[:seen] / ranks[: n - r + 1]))
    if name == "AP":
        before = (ranks - 1) * (r - 1) / max(n - 1, 1)
        return float(np.sum((1 + before) / ranks) / n)
    discounts = 1 / np.log2(ranks + 1)
    return float(r / n * discounts.sum() / discounts[: min(r, k)].sum())


def expected_ndcg(gains: tuple[int, ...], candidates: int, k: int) -> float:
    """Expected ``nDCG@k`` of a random order where answers are worth more or less.

    Args:
        gains: Above 0, of every candidate that was judged to answer.
        candidates: At least as many.
        k: Ranks that count.
    """
    discounts = 1 / np.log2(np.arange(2, min(k, candidates) + 2))
    best = np.sort(np.array(gains, np.float64))[::-1][:k]
    return float(sum(gains) / candidates * discounts.sum() / (best @ discounts[: len(best)]))


def _first_relevant_at(n: int, r: int) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    """Probability that the first relevant candidate stands at rank 1, 2, … n - r + 1.

    C(n - i, r - 1) / C(n, r), by logarithms: the numbers themselves have thousands of digits.
    """
    whole = math.lgamma(n + 1) - math.lgamma(r + 1) - math.lgamma(n - r + 1)
    part = [
        math.lgamma(n - i + 1) - math.lgamma(r) - math.lgamma(n - i - r + 2)
        for i in range(1, n - r + 2)
    ]
    return np.exp(np.array(part, np.float64) - whole)
