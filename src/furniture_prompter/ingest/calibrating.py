"""Calibration of how sure answers are, on the catalog itself: products held out, kinds taken away.

In each round some kinds are taken away whole and some of the other products are held out. Both are
asked for among what is left, by a photo, by a prompt in the shop's own words, and by both. What was
held out is sold here as far as its kind is left; what was taken away is not. Pieces of one model do
not answer for one another: a shopper's photo has no twin in the shop. Pictures of nothing and
prompts for what no furniture shop sells are asked as well. The least evidence of a close answer is
a risk-controlled quantile of that for what is sold, each round judged by what the others taught.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from furniture_prompter.catalog.confidence import (
    Asked,
    Calibration,
    ConfidenceRecord,
    Judge,
    KindsOf,
    Logistic,
    Neighbours,
    Vectors,
    hit_evidence,
    likeness_to,
    query_evidence,
    words_evidence,
)
from furniture_prompter.catalog.stored import StoredVectors
from furniture_prompter.domain import RgbImage
from furniture_prompter.ingest.calibration_queries import (
    ODD_SORTS,
    known_share,
    odd_pictures,
    shop_prompts,
    unsold_prompts,
)
from furniture_prompter.ingest.calibration_rounds import ROUNDS, Answers, Rounds, Space
from furniture_prompter.understanding.thesaurus import thesaurus
from furniture_prompter.unit_rows import unit_rows

COVERAGE: Final = 0.95
"""Share of what is sold that must be close."""

CALIBRATED_PHOTOS: Final = 50_000
"""Photos that a calibration looks at, an even sample beyond."""

_HITS: Final = 10
LEAST_PRODUCTS: Final = 40
"""Products that a calibration takes, and an alignment as well."""
_LEAST_KINDS: Final = 3
_OF_NOTHING: Final = 1.0
"""What queries for nothing count, all together, against those for what was taken away."""
_CERTAINTY: Final = 1.645
"""Deviations of the normal distribution below which 95 % of it lie."""
_RIDGE: Final = 1.0
_STEPS: Final = 30
_DIGITS: Final = 6
_AT_ONCE: Final = 32
"""Queries whose cosines with all products are there at once."""
_UNSOLD: Final = 0.1
"""Queries for what is not sold, for each query for what is, when hits are learned from."""
Encode = Callable[[Sequence[str]], Vectors]
"""Prompts to vectors, shape (n, t) or (n, a); zeros for words that are not known."""


def calibrate(
    stored: StoredVectors | None,
    encode: Encode,
    align: Encode | None,
    pictures: Callable[[Sequence[RgbImage]], Vectors],
    language: str,
    seed: int = 0,
) -> ConfidenceRecord:
    """Learn from a catalog how sure its answers are; seconds, whatever its size.

    Args:
        stored: Its products and vectors; None for an empty catalog.
        encode: Prompts as they are compared with the texts.
        align: Prompts as they are compared with the photos; None where nothing leads there.
        pictures: Encodes photos, shape (n, d).
        language: The catalog's, of sentences that prompts are put into.
        seed: Of the sampling.
    """
    products = 0 if stored is None else len(stored.titles)
    kinds, kinds_of = _kinds(stored)
    names, counts = np.unique(kinds[kinds != ""], return_counts=True)
    if stored is None or counts.sum() < LEAST_PRODUCTS or (counts > 1).sum() < _LEAST_KINDS:
        return ConfidenceRecord(
            None,
            products,
            0,
            f"How sure answers are cannot be told: that takes {LEAST_PRODUCTS} products with a "
            "category, or with a title that names the piece of furniture, and two each of "
            f"{_LEAST_KINDS} kinds; this catalog has {int(counts.sum())}, and "
            f"{int((counts > 1).sum())} such kinds.",
        )
    rng = np.random.default_rng(seed)
    rounds = Rounds.of(stored, kinds, names, rng)
    prompts = [
        *shop_prompts(stored, kinds_of, rounds.asked, language, rng),
        *unsold_prompts(stored),
    ]
    odd = pictures(odd_pictures(rng))
    # Each sort of them is known by its mean; as float32, three decimals are written as nineteen.
    sorts = unit_rows(odd.reshape(-1, ODD_SORTS, odd.shape[1]).mean(axis=0))
    nothing = np.round(sorts.astype(np.float64), 3)
    queries = _Queries(
        prompts,
        encode(prompts),
        None if align is None else align(prompts),
        odd,
        nothing,
    )
    questions = _questions(stored, kinds, rounds, queries, rng)
    judges = {way: _judge(asked, kinds) for way, asked in questions.items()}
    photo = judges["photo"]
    if photo is None:
        return ConfidenceRecord(
            None,
            products,
            0,
            "How sure answers are cannot be told: no product that was held out has another of its "
            "kind beside it. Give products categories that several share.",
        )
    calibration = Calibration(
        kinds_of,
        align is not None,
        tuple(tuple(row) for row in nothing.tolist()),
        photo,
        judges["prompt"],
        judges["both"],
    )
    told = "category" if kinds_of == "category" else "piece of furniture in their title"
    return ConfidenceRecord(
        calibration,
        products,
        0,
        f"How sure answers are was learned from {len(np.unique(rounds.asked))} products, each "
        f"asked for among others; right are hits of the same {told}. {COVERAGE:.0%} of what is "
        "sold counts as close.",
    )


def _kinds(stored: StoredVectors | None) -> tuple[NDArray[np.str_], KindsOf]:
    if stored is None:
        return np.zeros(0, np.str_), "category"
    if any(stored.categories):
        return np.array(stored.categories, np.str_), "category"
    return np.array([thesaurus().kind(title) for title in stored.titles], np.str_), "title"


@dataclass(frozen=True, slots=True, eq=False)
class _Question:
    """One query of a round: its neighbours in each space, who was asked for, and hits.

    Attributes:
        spaces: The neighbours.
        further: See :meth:`Judge.judged`.
        kind: What is right; empty where nothing is.
        turn: The round.
        sold: Whether the kind is left in it.
        held_out: Whether the product was held out; mixed queries and what was taken away were not.
        of_nothing: Whether it asks for what no furniture shop sells.
        hits: Places of the first hits.
        cosines: Of the hits in each space.
    """

    spaces: tuple[Neighbours, ...]
    further: tuple[float, ...]
    kind: str
    turn: int
    sold: bool
    held_out: bool
    of_nothing: bool
    hits: NDArray[np.int64]
    cosines: tuple[tuple[float, ...], ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Queries:
    """What is asked in words, and what in pictures of nothing.

    Attributes:
        prompts: Of the rounds' products, then those of other shops.
        texts: Their vectors among the texts, shape (n, t).
        aligned: Their vectors among the photos, shape (n, a); None where nothing leads there.
        odd: Vectors of pictures of nothing, shape (m, d).
        nothing: What stands for them, shape (k, d).
    """

    prompts: list[str]
    texts: Vectors
    aligned: Vectors | None
    odd: Vectors
    nothing: NDArray[np.floating]


def _questions(
    stored: StoredVectors,
    kinds: NDArray[np.str_],
    rounds: Rounds,
    queries: _Queries,
    rng: np.random.Generator,
) -> dict[Asked, list[_Question]]:
    """All queries of all rounds, by the way of asking."""
    count = len(stored.titles)
    starts = np.searchsorted(stored.shown, np.arange(count))
    # A product's own photo asks for it; which of several, the round decides.
    spread = np.diff(np.append(starts, len(stored.shown)))[rounds.asked]
    own = stored.photos[starts[rounds.asked] + rounds.turn % spread].astype(np.float32)
    odd = np.pad(queries.odd, [(0, 0), (0, own.shape[1] - queries.odd.shape[1])])
    pictures = np.concatenate([own, odd])
    photo = Space(stored.photos, starts, pictures, with_vectors=True)
    words = [Space(stored.texts, np.arange(count), queries.texts)]
    if queries.aligned is not None:
        words.append(Space(stored.aligned, starts, queries.aligned))
    vocabularies = _vocabularies(stored.words, rounds.left)
    asked_for = len(rounds.asked)
    of_nothing = np.arange(asked_for, asked_for + len(odd))
    of_others = np.arange(asked_for, len(queries.prompts))
    questions: dict[Asked, list[_Question]] = {"photo": [], "prompt": [], "both": []}
    for turn, left in enumerate(rounds.left):
        products = np.flatnonzero(rounds.turn == turn)
        if not products.size:
            continue
        # What is of nothing is dealt to the rounds, and comes behind the products.
        pictured = np.concatenate([products, of_nothing[turn::ROUNDS]])
        worded = np.concatenate([products, of_others[turn::ROUNDS]])
        twins = [rounds.twins[at] for at in products.tolist()]
        known = [
            words_evidence(known_share(queries.prompts[at], vocabularies[turn]))
            for at in worded.tolist()
        ]
        like = [[likeness_to(queries.nothing, pictures[at])] for at in pictured.tolist()]
        asked = _Round(turn, kinds, left, rounds, products)
        near: list[Neighbours] = []
        for block in _blocks(np.arange(len(pictured))):
            answer = photo.ask(pictured[block], left, kinds, twins[block[0] :])
            near += answer.near
            questions["photo"] += [
                asked.question([(answer, at)], like[place], "photo", place)
                for at, place in enumerate(block.tolist())
            ]
        held_out = np.pad(rounds.held_out[products], (0, len(of_others)))
        for block in _blocks(np.flatnonzero(queries.texts[worded].any(axis=1))):
            own_twins = [twins[place] for place in block.tolist() if place < len(products)]
            by_words = [space.ask(worded[block], left, kinds, own_twins) for space in words]
            others = np.array([rng.integers(len(products)) for _ in block])
            beside = np.concatenate([np.minimum(block, len(products) - 1), others])
            cosines, _ = photo.cosines(pictured[beside], left, [twins[at] for at in beside])
            by_photo = Answers([near[at] for at in beside.tolist()], cosines)
            for at, (place, other) in enumerate(zip(block.tolist(), others.tolist(), strict=True)):
                in_words = [(space, at) for space in by_words]
                told = known[place]
                questions["prompt"].append(asked.question(in_words, told, "prompt", place))
                if place < len(products):
                    both = [(by_photo, at), *in_words]
                    told = [*like[place], *known[place]]
                    questions["both"].append(asked.question(both, told, "both", place))
                # The photo of one thing with words for another is close to nothing.
                if place >= len(products) or held_out[other] != held_out[place]:
                    both = [(by_photo, len(block) + at), *in_words]
                    told = [*like[other], *known[place]]
                    which = None if place < len(products) else place
                    questions["both"].append(asked.question(both, told, "both", which))
    return questions


def _blocks(places: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Queries that are asked at once, so that their cosines with all products stay few."""
    return [places[start : start + _AT_ONCE] for start in range(0, len(places), _AT_ONCE)]


def _vocabularies(words: Sequence[str], left: NDArray[np.bool_]) -> list[frozenset[str]]:
    """The words of the products that are left, round by round; `left` as in :class:`Rounds`."""
    # A bit a round for each word, instead of the words of each product.
    rounds: dict[str, int] = {}
    bits = np.left_shift(1, np.arange(len(left))) @ left
    for text, bit in zip(words, bits.tolist(), strict=True):
        for word in text.split():
            rounds[word] = rounds.get(word, 0) | bit
    return [
        frozenset(word for word, having in rounds.items() if having >> turn & 1)
        for turn in range(len(left))
    ]


@dataclass(frozen=True, slots=True, eq=False)
class _Round:
    """One round, as its questions need it.

    Attributes:
        turn: Its number.
        kinds: Of all products.
        left: Which products are left.
        rounds: All rounds.
        products: Places of those that it asks for, among all that are asked for.
    """

    turn: int
    kinds: NDArray[np.str_]
    left: NDArray[np.bool_]
    rounds: Rounds
    products: NDArray[np.int64]

    def question(
        self,
        asked: Sequence[tuple[Answers, int]],
        further: Sequence[float],
        way: Asked,
        place: int | None,
    ) -> _Question:
        """One question: what each space answered, with the place of the query there.

        Args:
            asked: Those.
            further: See :class:`_Question`.
            way: How it is asked.
            place: Of whom it asks for in the round, behind its products for what is of nothing;
                None for a photo of one with words for another.
        """
        near = tuple(answer.near[at] for answer, at in asked)
        cosines = [answer.cosines[at] for answer, at in asked]
        hits = _ranked(near, cosines, way)
        of_nothing = place is not None and place >= len(self.products)
        kind, held_out, sold = "", False, False
        if place is not None and not of_nothing:
            product = int(self.products[place])
            kind = str(self.kinds[self.rounds.asked[product]])
            held_out = bool(self.rounds.held_out[product])
            others = self.left.copy()
            others[self.rounds.twins[product]] = False
            sold = bool((self.kinds[others] == kind).any())
        told = tuple(tuple(row[hits].tolist()) for row in cosines)
        return _Question(
            near, tuple(further), kind, self.turn, sold, held_out, of_nothing, hits, told
        )


def _ranked(
    near: Sequence[Neighbours], cosines: Sequence[NDArray[np.float32]], way: Asked
) -> NDArray[np.int64]:
    """Places of the first hits: photo and words count the same, and so do the words' spaces."""
    far = [
        space.deviations(row.astype(np.float64)) for space, row in zip(near, cosines, strict=True)
    ]
    score = np.mean(far if way != "both" else [far[0], np.mean(far[1:], axis=0)], axis=0)
    hits = np.argsort(-score, kind="stable")[:_HITS]
    return np.asarray(hits[np.isfinite(score[hits])])


def _judge(questions: Sequence[_Question], kinds: NDArray[np.str_]) -> Judge | None:
    """What some queries teach; None where one of the sorts is missing."""
    evidence = np.array([query_evidence(each.spaces, each.further) for each in questions])
    sold = np.array([each.sold for each in questions])
    turns = np.array([each.turn for each in questions])
    of_nothing = np.array([each.of_nothing for each in questions])
    counts = np.ones(len(questions))
    if of_nothing.any():
        among = (~sold & ~of_nothing).sum() / of_nothing.sum()
        counts[of_nothing] = max(1.0, _OF_NOTHING * among)
    if not sold.any() or sold.all():
        return None
    # Each round is judged by what the others taught, as new queries will be.
    logits = np.zeros(len(questions))
    for turn in np.unique(turns).tolist():
        others = turns != turn
        if len({*sold[others].tolist()}) > 1:
            logits[~others] = _fitted(evidence[others], sold[others], counts[others]).logits(
                evidence[~others]
            )
    of_sold = np.sort(logits[sold])
    least = of_sold[_allowed(len(of_sold))]
    rows, right, weights = [], [], []
    held_out = np.array([each.held_out for each in questions])
    unsold = _UNSOLD * held_out.sum() / max((~held_out).sum(), 1)
    for question, logit in zip(questions, logits.tolist(), strict=True):
        if not question.hits.size:
            continue
        found = kinds[question.hits].tolist()
        rows.append(hit_evidence(logit - least, question.spaces, question.cosines, found))
        # What was taken away has no right hit; of what was held out, hits of its kind are.
        right += [question.held_out and kind == question.kind for kind in found]
        weights += [(1.0 if question.held_out else unsold) / len(found)] * len(found)
    if len({*right}) < 2:
        return None
    hit = _fitted(np.concatenate(rows), np.array(right), np.array(weights) * _HITS)
    return Judge(_fitted(evidence, sold, counts), round(float(least), _DIGITS), hit)


def _allowed(count: int) -> int:
    """How many of `count` queries for what is sold may fall below the least evidence.

    So many that the coverage holds for new ones with the certainty of _CERTAINTY deviations, by the
    normal approximation of the binomial bound of risk control (arXiv 2101.02703, 2307.07336).
    """
    missed = (1 - COVERAGE) * count
    return max(int(missed - _CERTAINTY * np.sqrt(missed * COVERAGE)), 0)


def _fitted(
    evidence: NDArray[np.float64],
    right: NDArray[np.bool_],
    counts: NDArray[np.float64],
) -> Logistic:
    """A logistic model by Newton's steps, with a ridge on weights of standardised features."""
    means = evidence.mean(axis=0)
    scale = np.maximum(evidence.std(axis=0), 1e-9)
    rows = np.column_stack([(evidence - means) / scale, np.ones(len(evidence))])
    ridge = np.diag([_RIDGE] * len(means) + [1e-6])
    beta = np.zeros(rows.shape[1])
    for _ in range(_STEPS):
        told = 1 / (1 + np.exp(-np.clip(rows @ beta, -30, 30)))
        slope = rows.T @ (counts * (told - right)) + ridge @ beta
        curve = (rows * (counts * told * (1 - told))[:, np.newaxis]).T @ rows + ridge
        step = np.linalg.solve(curve, slope)
        beta -= step
        if np.abs(step).max() < 1e-6:
            break
    return Logistic(
        tuple(np.round(means, _DIGITS).tolist()),
        tuple(np.round(beta[:-1] / scale, _DIGITS).tolist()),
        round(float(beta[-1]), _DIGITS),
    )
