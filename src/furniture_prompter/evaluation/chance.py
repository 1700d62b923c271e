"""What a random order scores, by formula: the mean over all orders of a query's candidates."""

import math
import re
from functools import lru_cache

import numpy as np

from furniture_prompter.evaluation.metrics import success_by_chance

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
