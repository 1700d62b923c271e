"""How sure an answer is: evidence of a query's nearest products, and what a catalog learned of it.

A flat cut on cosines fails: one query's 0.4 is another's 0.8. Evidence is how a query's nearest
products lie to it, to one another and to the rest of the catalog; small logistic models turn it
into probabilities. They are fitted when a catalog is indexed, on products that were held out of
it and on whole categories that were taken away, and stand in its manifest.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from furniture_prompter.catalog.vector_index import Background, Numbers

Vectors = NDArray[np.float32]
Evidence = NDArray[np.float64]
"""A number for each feature, shape (f,)."""

Asked: TypeAlias = Literal["photo", "prompt", "both"]
KindsOf: TypeAlias = Literal["category", "title"]
"""What tells a product's kind: its category, or in a catalog without any the piece of furniture
that its title names."""

NEIGHBOURS: Final = 30
"""Products that evidence is taken from, the nearest of each vector space."""

_FIRST: Final = 5
# Deviations by which a neighbour's say on the kind falls to a third.
_REACH: Final = 0.4
_LEAST_NEIGHBOURS: Final = 2
# Margin at most where what is asked for is known not to be here: lamps look like mirrors.
_MISSING: Final = -1.0
_LARGEST_LOGIT: Final = 30.0
# Numbers of evidence that neighbours give: without their vectors, and with.
_FEATURES: Final = 4
_VECTOR_FEATURES: Final = 7
_WORD_FEATURES: Final = 2
# No fit comes near; two of them multiplied are still finite.
_LARGEST_LEARNED: Final = 1e100


@dataclass(frozen=True, eq=False)
class Neighbours:
    """The products nearest to a query in one vector space, nearest first.

    Attributes:
        numbers: Their numbers, shape (k,).
        cosines: Theirs with the query, shape (k,).
        kinds: What each is, shape (k,); empty where that is not known.
        background: How the query's cosines spread over the catalog.
        vectors: Their vectors, shape (k, d), where how they lie to one another is told; else None.
    """

    numbers: Numbers
    cosines: NDArray[np.float64]
    kinds: NDArray[np.str_]
    background: Background
    vectors: Vectors | None = None

    def deviations(self, cosines: NDArray[np.float64]) -> NDArray[np.float64]:
        """Cosines as deviations from the query's usual ones."""
        return (cosines - self.background.mean) / self.background.deviation

    @cached_property
    def shares(self) -> Mapping[str, float]:
        """How much of the nearness each kind has; all kinds and the unknown add up to 1."""
        if not len(self.cosines):
            return {}
        far = self.deviations(self.cosines)
        say = np.exp((far - far[0]) / _REACH)
        say /= say.sum()
        told: dict[str, float] = {}
        for kind, share in zip(self.kinds.tolist(), say.tolist(), strict=True):
            told[kind] = told.get(kind, 0.0) + share
        told.pop("", None)
        return told

    @cached_property
    def evidence(self) -> Evidence:
        """What these say of whether the query's kind is here; zeros where there are too few.

        How near the first and the first five are, as cosines and in deviations of the query's own;
        the largest share of a kind. With vectors also whether the query lies among them: how much
        nearer they are to it than to one another, and to how many they are nearer.
        """
        with_vectors = self.vectors is not None
        if len(self.cosines) < _LEAST_NEIGHBOURS:
            return np.zeros(_VECTOR_FEATURES if with_vectors else _FEATURES)
        first = self.cosines[:_FIRST]
        far = self.deviations(self.cosines[:1])
        told = [first[0], far[0], first.mean(), max(self.shares.values(), default=0.0)]
        if self.vectors is not None:
            between = (self.vectors @ self.vectors.T).astype(np.float64)
            np.fill_diagonal(between, -1)
            nearest = between.max(axis=1)[:_FIRST]
            nearer = (between[:_FIRST] > first[:, np.newaxis]).sum(axis=1)
            told += [first[0] - nearest[0], (first - nearest).mean(), np.log1p(nearer).mean()]
        return np.asarray(told, np.float64)

    def of_hits(self, cosines: Sequence[float], kinds: Sequence[str]) -> NDArray[np.float64]:
        """How far each hit is behind the first, and its kind's share; shape (hits, 2).

        Args:
            cosines: The hits'; NaN where one has none in this space.
            kinds: What each hit is; empty where that is not known.
        """
        if not len(self.cosines):
            return np.zeros((len(kinds), 2))
        told = np.array(cosines, np.float64)
        told[np.isnan(told)] = self.cosines[-1]
        behind = (told - self.cosines[0]) / self.background.deviation
        return np.column_stack([behind, [self.shares.get(kind, 0.0) for kind in kinds]])


@dataclass(frozen=True, slots=True)
class Logistic:
    """A logistic model: ``1 / (1 + exp(-(weights · (evidence - means) + intercept)))``.

    Attributes:
        means: Of the evidence that it was fitted on.
        weights: One a feature, in units of the feature.
        intercept: For average evidence.
    """

    means: tuple[float, ...]
    weights: tuple[float, ...]
    intercept: float

    def logits(self, evidence: NDArray[np.float64]) -> NDArray[np.float64]:
        """Logits of rows of evidence, shape (n, f) to (n,)."""
        told = (evidence - np.array(self.means)) @ np.array(self.weights) + self.intercept
        return np.asarray(np.minimum(np.maximum(told, -_LARGEST_LOGIT), _LARGEST_LOGIT))

    def fits(self, features: int) -> bool:
        """Whether it has a finite mean and weight for each of so many features."""
        lengths_fit = len(self.means) == len(self.weights) == features
        return lengths_fit and _are_finite(*self.means, *self.weights, self.intercept)


@dataclass(frozen=True, slots=True)
class Judge:
    """What was learned for one way of asking.

    Attributes:
        close: Tells what is sold here from what is not.
        least_logit: Of `close`; what is sold reaches it with the stated coverage.
        hit: Tells hits of the right kind, by the margin of `close` and each space's say.
    """

    close: Logistic
    least_logit: float
    hit: Logistic

    def fits(self, spaces: int, features: int) -> bool:
        """Whether its models take that many spaces, and features of a query in all."""
        of_hits = 2 + 2 * spaces
        models_fit = self.close.fits(features) and self.hit.fits(of_hits)
        return models_fit and _are_finite(self.least_logit)

    def margin(
        self, spaces: Sequence[Neighbours], further: Sequence[float], *, is_missing: bool = False
    ) -> float:
        """By how much an answer is close, in logits.

        Args:
            spaces: The query's neighbours in each vector space that was learned from, in the order
                of learning.
            further: With a photo how like it is to pictures of nothing; with a prompt what
                :func:`words_evidence` says of its words.
            is_missing: Whether it is known that what is asked for is not here.
        """
        logit = float(self.close.logits(query_evidence(spaces, further)[np.newaxis])[0])
        margin = logit - self.least_logit
        return min(margin, _MISSING) if is_missing else margin

    def confidences(
        self,
        margin: float,
        spaces: Sequence[Neighbours],
        hits: Sequence[Sequence[float]],
        kinds: Sequence[str],
    ) -> list[float]:
        """The confidence of each hit, 0 to 1.

        Args:
            margin: As :meth:`margin` tells it.
            spaces: What the hits are held against, as there; of the kind that the prompt names
                where it names one.
            hits: For each space the cosine of each hit, NaN where it has none.
            kinds: What each hit is.
        """
        if not kinds:
            return []
        told = 1 / (1 + np.exp(-self.hit.logits(hit_evidence(margin, spaces, hits, kinds))))
        return [float(each) for each in told]


def _are_finite(*numbers: float) -> bool:
    return bool((np.abs(numbers) <= _LARGEST_LEARNED).all())  # NaN is not


def likeness_to(nothing: NDArray[np.floating], photo: Vectors) -> float:
    """The greatest cosine of a photo, shape (d,), with rows of `nothing`, shape (n, d)."""
    return float((nothing @ photo[: nothing.shape[1]]).max())


def words_evidence(known: float) -> list[float]:
    """What the share of a prompt's words that the catalog knows tells; none is more than few."""
    return [known, float(not known)]


def query_evidence(spaces: Sequence[Neighbours], further: Sequence[float]) -> Evidence:
    """Evidence of a query; arguments as of :meth:`Judge.margin`."""
    return np.concatenate([*(each.evidence for each in spaces), further])


def hit_evidence(
    margin: float,
    spaces: Sequence[Neighbours],
    hits: Sequence[Sequence[float]],
    kinds: Sequence[str],
) -> NDArray[np.float64]:
    """Evidence of each hit, shape (hits, 2 + 2 * spaces), as of :meth:`Judge.confidences`.

    The margin is by how much the query's logit passes the least of a close answer; what it falls
    short of it counts apart, for that is all that tells what no catalog sells.
    """
    passed = np.full(len(kinds), margin)
    return np.column_stack(
        [
            passed.clip(min=0),
            passed.clip(max=0),
            *(space.of_hits(cosines, kinds) for space, cosines in zip(spaces, hits, strict=True)),
        ]
    )


@dataclass(frozen=True, slots=True)
class Calibration:
    """What a catalog learned of how sure its answers are.

    Attributes:
        kinds: What tells a product's kind.
        with_aligned: Whether prompts were compared with photos as well as with texts.
        nothing: Vectors of pictures of nothing: noise, gradients, flat colours.
        photo: For photos.
        prompt: For prompts.
        both: For a photo with a prompt.
    """

    kinds: KindsOf
    with_aligned: bool
    nothing: tuple[tuple[float, ...], ...]
    photo: Judge
    prompt: Judge | None = None
    both: Judge | None = None

    def likeness_to_nothing(self, photo: Vectors) -> float:
        """The greatest cosine of a photo, shape (d,), with a picture of nothing."""
        return likeness_to(np.array(self.nothing), photo)

    def judge(self, asked: Asked) -> Judge | None:
        """What was learned for a way of asking; None where nothing was."""
        found: Judge | None = getattr(self, asked)
        return found

    def problem(self, dimension: int) -> str | None:
        """What no release writes for photo vectors of `dimension`; None where all is well."""
        words = 1 + self.with_aligned
        of_photo = _VECTOR_FEATURES + 1
        of_words = words * _FEATURES + _WORD_FEATURES
        # Of each way of asking the vector spaces, and the features of a query.
        wanted: dict[Asked, tuple[int, int]] = {
            "photo": (1, of_photo),
            "prompt": (words, of_words),
            "both": (1 + words, of_photo + of_words),
        }
        for asked, (spaces, features) in wanted.items():
            judge = self.judge(asked)
            if judge is not None and not judge.fits(spaces, features):
                return f"a model of {asked} does not fit its evidence"
        if not self.nothing:
            return "there are no pictures of nothing"
        if not all(len(row) == dimension and _are_finite(*row) for row in self.nothing):
            return "a picture of nothing is no photo's vector"
        return None


@dataclass(frozen=True, slots=True)
class ConfidenceRecord:
    """The calibration of a version, or why it has none.

    Attributes:
        calibration: None where there is too little to learn from.
        products: Products of the catalog when it was fitted.
        changed_since: Products added, removed or changed since.
        statement: What it rests on, or why there is none, in one sentence.
    """

    calibration: Calibration | None
    products: int
    changed_since: int
    statement: str

    def problem(self, dimension: int) -> str | None:
        """What no release writes for photo vectors of `dimension`; None where all is well."""
        if min(self.products, self.changed_since) < 0:
            return "a count is negative"
        return None if self.calibration is None else self.calibration.problem(dimension)


NOT_CALIBRATED: Final = (
    "How sure this answer is cannot be told: the release that made the catalog did not calibrate "
    "it. Run `furniture-prompter index` with the shop's feed once more; no photo is encoded anew."
)
"""Said of catalogs from before there was a record."""
