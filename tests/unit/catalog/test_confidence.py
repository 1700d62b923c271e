"""Evidence of how sure an answer is, worked out by hand."""

import math
from dataclasses import replace

import numpy as np
import pytest

from furniture_prompter.catalog.confidence import (
    NEIGHBOURS,
    Calibration,
    ConfidenceRecord,
    Judge,
    Logistic,
    Neighbours,
    hit_evidence,
    likeness_to,
    query_evidence,
    words_evidence,
)
from furniture_prompter.catalog.vector_index import Background


def neighbours(
    cosines: list[float], kinds: list[str], vectors: list[list[float]] | None = None
) -> Neighbours:
    return Neighbours(
        np.arange(len(cosines)),
        np.array(cosines),
        np.array(kinds, np.str_),
        Background(0.1, 0.2),
        None if vectors is None else np.array(vectors, np.float32),
    )


SIX = neighbours([0.9, 0.7, 0.5, 0.5, 0.4, 0.1], ["sofa", "bed", "sofa", "", "bed", "rug"])


def test_a_kinds_share_is_its_nearness_in_the_querys_own_deviations() -> None:
    say = [math.exp((cosine - 0.9) / 0.2 / 0.4) for cosine in (0.9, 0.7, 0.5, 0.5, 0.4, 0.1)]
    whole = sum(say)
    assert dict(SIX.shares) == pytest.approx(
        {
            "sofa": (say[0] + say[2]) / whole,
            "bed": (say[1] + say[4]) / whole,
            "rug": say[5] / whole,
        }
    )
    assert neighbours([], []).shares == {}
    assert neighbours([0.5, 0.4], ["", ""]).shares == {}


def test_evidence_is_how_near_the_first_and_the_first_five_are() -> None:
    assert SIX.evidence.tolist() == pytest.approx([0.9, 4.0, 0.6, max(SIX.shares.values())])
    assert neighbours([0.5, 0.3], ["", ""]).evidence.tolist() == pytest.approx([0.5, 2.0, 0.4, 0.0])


@pytest.mark.parametrize("cosines", [[], [0.9]])
def test_of_fewer_than_two_neighbours_nothing_is_told(cosines: list[float]) -> None:
    kinds = ["sofa"] * len(cosines)
    assert neighbours(cosines, kinds).evidence.tolist() == [0.0] * 4
    vectors = [[1.0, 0.0]] * len(cosines)
    assert neighbours(cosines, kinds, vectors).evidence.tolist() == [0.0] * 7


def test_vectors_tell_whether_the_query_lies_among_its_neighbours() -> None:
    # The first two are 0.96 alike; the third is 0.6 and 0.8 like them.
    found = neighbours([0.9, 0.7, 0.5], ["", "", ""], [[1, 0], [0.96, 0.28], [0.6, 0.8]]).evidence
    nearest = [0.96, 0.96, 0.6 * 0.96 + 0.8 * 0.28]
    told = [0.9, 4.0, 0.7, 0.0, 0.9 - 0.96]
    told.append(sum(a - b for a, b in zip((0.9, 0.7, 0.5), nearest, strict=True)) / 3)
    # To the first one is nearer than the query, to the second two, to the third both others.
    told.append((math.log1p(1) + math.log1p(2) + math.log1p(2)) / 3)
    assert found.tolist() == pytest.approx(told, abs=1e-6)


def test_only_the_first_five_are_held_against_the_query() -> None:
    cosines, apart = [0.9, 0.8, 0.7, 0.6, 0.5, 0.4], np.eye(6).tolist()
    found = neighbours(cosines, [""] * 6, apart).evidence
    assert found[4:].tolist() == pytest.approx([0.9, 0.7, 0.0])


def test_a_hit_is_as_far_behind_as_it_is_and_one_of_no_cosine_is_as_the_last() -> None:
    found = SIX.of_hits([0.9, 0.5, math.nan], ["sofa", "", "lamp"])
    assert found.tolist() == [
        pytest.approx([0.0, SIX.shares["sofa"]]),
        pytest.approx([-2.0, 0.0]),
        pytest.approx([-4.0, 0.0]),
    ]
    assert neighbours([], []).of_hits([math.nan], ["sofa"]).tolist() == [[0.0, 0.0]]


def test_a_logistic_model_is_a_weighted_sum_within_bounds() -> None:
    model = Logistic((1.0, 2.0), (3.0, -1.0), 0.5)
    rows = np.array([[1.0, 2.0], [2.0, 0.0], [100.0, 0.0], [-100.0, 0.0]])
    assert model.logits(rows).tolist() == [0.5, 5.5, 30.0, -30.0]


@pytest.mark.parametrize(
    ("model", "fits"),
    [
        (Logistic((0.0, 0.0), (1.0, 1.0), 0.0), True),
        (Logistic((0.0, 1e100), (1.0, -1e100), 1e100), True),
        (Logistic((0.0,), (1.0, 1.0), 0.0), False),
        (Logistic((0.0, 0.0), (1.0,), 0.0), False),
        (Logistic((0.0,), (1.0,), 0.0), False),
        (Logistic((0.0, 0.0), (1.0, math.nan), 0.0), False),
        (Logistic((0.0, math.inf), (1.0, 1.0), 0.0), False),
        (Logistic((0.0, 0.0), (1.0, 1.0), 1.1e100), False),
    ],
)
def test_a_model_has_a_finite_mean_and_weight_for_each_feature(model: Logistic, fits: bool) -> None:
    assert model.fits(2) is fits


def test_an_answer_is_as_close_as_its_logit_passes_the_least() -> None:
    close = Logistic((0.0,) * 5, (1.0, 0.0, 0.0, 0.0, 10.0), 0.25)
    hit = Logistic((0.0,) * 4, (1.0, 2.0, 0.5, 0.0), -1.0)
    judge = Judge(close, 1.0, hit)
    margin = judge.margin([SIX], [0.1])
    confidences = judge.confidences(margin, [SIX], [[0.9, 0.5]], ["sofa", ""])
    assert margin == pytest.approx(0.9 + 1.0 + 0.25 - 1.0)
    logits = [margin - 1.0, margin - 2.0 * 0.5 - 1.0]
    assert confidences == pytest.approx([1 / (1 + math.exp(-each)) for each in logits])
    assert judge.confidences(margin, [SIX], [[]], []) == []
    assert judge.margin([SIX], [0.1], is_missing=True) == -1.0
    assert judge.margin([SIX], [-1.0], is_missing=True) < -1.0


def test_neighbours_are_told_apart_by_who_they_are() -> None:
    # By value, their arrays could not be compared.
    assert replace(SIX) != SIX
    assert SIX in [SIX]


def test_what_stored_models_were_fitted_on_stays_as_it_is() -> None:
    # A catalog's models weigh evidence of this many products; another count is another evidence.
    assert NEIGHBOURS == 30


def test_what_passes_and_what_falls_short_count_apart() -> None:
    for margin, first in ((0.5, [0.5, 0.0]), (-0.5, [0.0, -0.5])):
        found = hit_evidence(margin, [SIX, SIX], [[0.9], [0.5]], ["rug"])
        share = SIX.shares["rug"]
        assert found.tolist() == [pytest.approx([*first, 0.0, share, -2.0, share])]


def test_evidence_of_a_query_is_that_of_each_space_and_what_is_further_known() -> None:
    found = query_evidence([SIX, SIX], [0.25])
    assert found.tolist() == [*SIX.evidence, *SIX.evidence, 0.25]
    assert words_evidence(0.5) == [0.5, 0.0]
    assert words_evidence(0.0) == [0.0, 1.0]


def test_a_photo_is_as_like_nothing_as_the_nearest_picture_of_it() -> None:
    nothing = np.array([[1.0, 0.0], [0.6, 0.8]])
    # A stored vector may be padded.
    assert likeness_to(nothing, np.array([0.0, 1.0, 0.0], np.float32)) == pytest.approx(0.8)


def flat(features: int) -> Logistic:
    return Logistic((0.0,) * features, (0.0,) * features, 0.0)


SOUND = Calibration(
    "category",
    with_aligned=True,
    nothing=((1.0, 0.0), (0.0, 1.0)),
    photo=Judge(flat(8), 0.0, flat(4)),
    prompt=Judge(flat(10), 0.0, flat(6)),
    both=Judge(flat(18), 0.0, flat(8)),
)


def test_what_was_learned_is_found_by_the_way_of_asking() -> None:
    assert SOUND.judge("photo") is SOUND.photo
    assert SOUND.judge("prompt") is SOUND.prompt
    assert SOUND.judge("both") is SOUND.both
    assert SOUND.likeness_to_nothing(np.array([0.6, 0.8], np.float32)) == pytest.approx(0.8)


def test_a_calibration_fits_the_spaces_that_prompts_were_compared_in() -> None:
    assert SOUND.problem(2) is None
    assert replace(SOUND, prompt=None, both=None).problem(2) is None
    texts_alone = replace(
        SOUND,
        with_aligned=False,
        prompt=Judge(flat(6), 0.0, flat(4)),
        both=Judge(flat(14), 0.0, flat(6)),
    )
    assert texts_alone.problem(2) is None


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (replace(SOUND, photo=Judge(flat(7), 0.0, flat(4))), "of photo does"),
        (replace(SOUND, photo=Judge(flat(8), 0.0, flat(5))), "of photo does"),
        (replace(SOUND, photo=Judge(flat(8), math.nan, flat(4))), "of photo does"),
        (replace(SOUND, with_aligned=False), "of prompt does"),
        (replace(SOUND, prompt=Judge(flat(10), 0.0, flat(5))), "of prompt does"),
        (replace(SOUND, both=Judge(flat(17), 0.0, flat(8))), "of both does"),
        (replace(SOUND, both=Judge(flat(18), 0.0, flat(6))), "of both does"),
        (replace(SOUND, nothing=()), "no pictures of nothing"),
        (replace(SOUND, nothing=((1.0, 0.0), (1.0,))), "no photo's vector"),
        (replace(SOUND, nothing=((1.0, math.inf),)), "no photo's vector"),
    ],
)
def test_what_no_release_writes_is_told(wrong: Calibration, told: str) -> None:
    problem = wrong.problem(2)
    assert problem is not None
    assert told in problem


def test_a_record_counts_from_none_on() -> None:
    assert ConfidenceRecord(SOUND, 0, 0, "").problem(2) is None
    assert ConfidenceRecord(None, 5, 1, "too few").problem(2) is None
    assert ConfidenceRecord(None, -1, 0, "").problem(2) == "a count is negative"
    assert ConfidenceRecord(None, 0, -1, "").problem(2) == "a count is negative"
    assert ConfidenceRecord(replace(SOUND, nothing=()), 5, 0, "").problem(2) is not None
