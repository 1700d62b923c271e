from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from furniture_prompter.domain import IndexProgress, RgbImage
from furniture_prompter.domain.rankings import average_precision, ndcg_at_k
from furniture_prompter.errors import BenchmarkError
from furniture_prompter.evaluation.collection import Collection
from furniture_prompter.evaluation.metrics import bootstrap_interval
from furniture_prompter.evaluation.photo_rankings import Questions, ask_and_measure, rankings
from furniture_prompter.evaluation.quality import flags_of, measure_quality, unasked
from furniture_prompter.evaluation.record import (
    ANOTHER_VIEW,
    DEGRADED,
    INDEX_CHECK,
    SAME_CATEGORY,
    Task,
    TaskResults,
)
from furniture_prompter.evaluation.suite import QualitySettings
from tests.unit.evaluation.collections import (
    collection_of,
    no_images,
    picture,
    random_unit,
    unit,
)

PHOTO_TASKS: tuple[Task, ...] = (INDEX_CHECK, ANOTHER_VIEW, SAME_CATEGORY)
Vectors = NDArray[np.float32]


def ask(
    collection: Collection,
    vectors: Vectors,
    tasks: tuple[Task, ...] = PHOTO_TASKS,
    *,
    queries: int = 0,
    least_members: int = 2,
    seed: int = 0,
) -> dict[Task, TaskResults]:
    settings = QualitySettings(queries=queries, tasks=tasks, least_members=least_members)
    found = measure_quality(collection, "e", vectors, no_images, picture, settings, seed)
    return {each.task: each for each in found}


def shop(products: int = 400, views: int = 2) -> Collection:
    return collection_of([f"c{number % 8}" for number in range(products)], views)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_random_encoder_scores_chance_within_its_interval(seed: int) -> None:
    tasks: tuple[Task, ...] = (ANOTHER_VIEW, SAME_CATEGORY)
    found = ask(shop(100, 8), random_unit(800, 16, seed), tasks, seed=seed)
    assert set(found) == {ANOTHER_VIEW, SAME_CATEGORY}
    for answers in found.values():
        for measure, values in answers.values.items():
            low, high = bootstrap_interval(values, level=0.999)
            assert low <= answers.chance[measure] <= high, (answers.task, measure)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_constant_encoder_scores_chance_and_is_flagged(seed: int) -> None:
    constant = np.repeat(random_unit(1, 37, 5), 800, axis=0)
    for answers in ask(shop(100, 8), constant, seed=seed).values():
        for measure, values in answers.values.items():
            low, high = bootstrap_interval(values, level=0.999)
            # Where chance is one hit in all queries, none at all is chance as well.
            assert low - 0.004 <= answers.chance[measure] <= high + 0.004, (answers.task, measure)
    assert any("nearly one" in flag for flag in flags_of("e", constant))


def test_a_perfect_encoder_scores_one() -> None:
    collection = shop(80)
    by_category = unit(np.eye(8)[[number % 8 for number in collection.product_of]])
    found = ask(collection, by_category, (SAME_CATEGORY,))[SAME_CATEGORY].values
    # Nine others of ten share the category: nine of ten are as good as it gets at P@10.
    assert np.mean(found["AP"]) == pytest.approx(1)
    assert np.mean(found["P@10"]) == pytest.approx(0.9)
    distinct = random_unit(160, 32, 0)
    checked = ask(collection, distinct, (INDEX_CHECK,))[INDEX_CHECK].values
    assert np.mean(checked["Success@1"]) == 1


def test_swapping_two_labels_changes_the_figure_by_the_hand_computed_amount() -> None:
    # Four products on a line: a and b near each other, c and d near each other.
    vectors = unit([[1, 0], [1, 0.1], [0, 1], [0.1, 1]])
    right = ask(collection_of("AABB", 1), vectors, (SAME_CATEGORY,))[SAME_CATEGORY]
    swapped = ask(collection_of("ABAB", 1), vectors, (SAME_CATEGORY,))[SAME_CATEGORY]
    assert right.values["AP"] == pytest.approx((1, 1, 1, 1))
    # The product of the same label is now second of three for a and c's neighbours' neighbours:
    # a: b, d, c -> c third; b: a, d, c -> d second; c: d, b, a -> a third; d: c, b, a -> b second.
    assert swapped.values["AP"] == pytest.approx((1 / 3, 1 / 2, 1 / 3, 1 / 2))
    change = np.mean(swapped.values["AP"]) - np.mean(right.values["AP"])
    assert change == pytest.approx(5 / 12 - 1)
    assert swapped.values["Success@1"] == (0, 0, 0, 0)


def test_tiny_rankings_have_the_measures_that_a_hand_computes() -> None:
    # The first photo asks; the others lie ever farther from it, numbers 2 and 4 answer.
    angles = np.radians([0, 10, 20, 30, 40])
    vectors = unit(np.column_stack([np.cos(angles), np.sin(angles)]))
    questions = Questions(
        photos=np.array([0]),
        labels=np.array([1]),
        candidates=np.arange(5),
        candidate_labels=np.array([1, 0, 1, 0, 1]),
        leave_out_self=True,
    )
    found = ask_and_measure(
        questions,
        vectors[:1],
        vectors,
        ("AP", "RR", "nDCG@3", "P@2", "R@2"),
        encoder="e",
        task=SAME_CATEGORY,
    )
    dcg, ideal = 1 / np.log2(3), 1 + 1 / np.log2(3)
    assert {name: value[0] for name, value in found.values.items()} == pytest.approx(
        {"AP": (1 / 2 + 2 / 4) / 2, "RR": 1 / 2, "nDCG@3": dcg / ideal, "P@2": 0.5, "R@2": 0.5}
    )
    assert found.top == ((1, 2, 3, 4),)
    assert found.candidates == 4


def test_rankings_cut_short_give_what_whole_rankings_give() -> None:
    vectors = random_unit(120, 6, 4)
    labels = np.random.default_rng(0).integers(0, 6, 120)
    places = np.arange(120)
    questions = Questions(places, labels, places, labels, leave_out_self=True)
    found = ask_and_measure(
        questions, vectors, vectors, ("AP", "nDCG@10"), encoder="e", task=SAME_CATEGORY
    )
    whole = np.stack(list(rankings(vectors, vectors, questions, 0)))
    relevant = np.stack([questions.relevant(query) for query in range(120)])
    assert found.values["AP"] == pytest.approx(average_precision(whole, relevant), abs=1e-6)
    assert found.values["nDCG@10"] == pytest.approx(ndcg_at_k(whole, relevant, 10), abs=1e-6)


def test_ties_are_broken_without_regard_to_the_catalogs_order() -> None:
    places = np.arange(40)
    questions = Questions(places, places, places, places, leave_out_self=False)
    constant = np.repeat(random_unit(1, 29, 0), 40, axis=0)
    orders = np.stack(list(rankings(constant, constant, questions, 0)))
    assert (np.sort(orders, axis=1) == places).all()
    # Every rank holds early and late candidates alike; the standard error of a mean is 1.8.
    assert np.abs(orders.mean(axis=0) - 19.5).max() < 8
    again = np.stack(list(rankings(constant, constant, questions, 0)))
    assert np.array_equal(orders, again)
    assert not np.array_equal(orders[0], orders[1])


def test_the_order_of_ties_does_not_depend_on_which_queries_are_asked() -> None:
    places = np.arange(40)
    constant = np.repeat(random_unit(1, 29, 0), 40, axis=0)
    everything = Questions(places, places, places, places, leave_out_self=False)
    some = Questions(places[7:9], places[7:9], places, places, leave_out_self=False)
    of_all = list(rankings(constant, constant, everything, 0))
    of_some = list(rankings(constant[7:9], constant, some, 0))
    assert np.array_equal(of_all[8], of_some[1])


def test_a_photo_does_not_find_itself_as_another_view() -> None:
    answers = ask(shop(20), random_unit(40, 8, 0), (ANOTHER_VIEW,))[ANOTHER_VIEW]
    assert all(query not in top for query, top in zip(answers.queries, answers.top, strict=True))
    assert answers.candidates == 39


def test_only_products_with_another_view_ask_for_one() -> None:
    collection = collection_of("ABCDEF", [1, 2, 1, 3, 1, 1])
    answers = ask(collection, random_unit(9, 8, 0), (ANOTHER_VIEW,))[ANOTHER_VIEW]
    assert answers.queries == (1, 2, 4, 5, 6)


def test_only_categories_with_enough_products_are_asked_for() -> None:
    collection = collection_of(["a", "a", "a", "b", "b", "", "", ""], 2)
    vectors = random_unit(16, 8, 0)
    answers = ask(collection, vectors, (SAME_CATEGORY,), least_members=3)[SAME_CATEGORY]
    assert list(answers.queries) == [0, 2, 4]
    assert answers.candidates == 7
    assert {place % 2 for top in answers.top for place in top} == {0}, "only main photos"


def test_photos_of_the_same_bytes_answer_the_index_check_for_each_other() -> None:
    vectors = unit([[1, 0], [1, 0], [0, 1]])
    collection = collection_of("ABC", 1, ids=["same", "same", "other"])
    answers = ask(collection, vectors, (INDEX_CHECK,))[INDEX_CHECK]
    assert list(answers.values["Success@1"]) == [1, 1, 1]
    assert answers.chance["Success@1"] == pytest.approx((2 / 3 + 2 / 3 + 1 / 3) / 3)


def test_queries_are_drawn_by_the_seed_and_no_more_than_wanted() -> None:
    vectors = random_unit(800, 8, 0)
    first, second, other = (ask(shop(), vectors, queries=30, seed=seed) for seed in (1, 1, 2))
    for task in PHOTO_TASKS:
        assert len(first[task].queries) == 30
        assert first[task] == second[task]
        assert first[task].queries != other[task].queries


def colours(images: Sequence[RgbImage]) -> Vectors:
    return unit([image.reshape(-1, 3).mean(axis=0) for image in images])


def flat(place: int) -> RgbImage:
    """A photo of one colour, of which each product of six photos has its own."""
    hues = [(220, 20, 20), (20, 220, 20), (20, 20, 220), (220, 220, 20)]
    return np.full((48, 64, 3), hues[place // 3], np.uint8)


def test_spoilt_photos_search_for_their_product_with_a_row_for_each_way() -> None:
    collection = collection_of("ABCD", 3)
    vectors = colours([flat(place) for place in range(12)])
    told: list[IndexProgress] = []
    found = measure_quality(
        collection,
        "e",
        vectors,
        colours,
        flat,
        QualitySettings(tasks=(DEGRADED,)),
        on_progress=told.append,
    )
    by_way = {each.variant: each for each in found}
    assert list(by_way) == ["phone light", "crop", "blur", "JPEG", "clutter", "rotation"]
    for way in ("crop", "blur", "JPEG", "rotation"):
        assert by_way[way].values["Success@1"] == (1,) * 12, way
    assert np.mean(by_way["clutter"].values["RR"]) < 1, "clutter changes a mean colour"
    assert by_way["blur"].chance["Success@1"] == pytest.approx(3 / 12)
    assert told[-1] == IndexProgress("e: degraded photo", 12, 12, "photos")


def test_an_unknown_way_to_spoil_is_refused() -> None:
    settings = QualitySettings(tasks=(DEGRADED,), degradations=("coffee",))
    with pytest.raises(BenchmarkError, match="coffee"):
        measure_quality(shop(8), "e", random_unit(16, 4, 0), colours, picture, settings)


def test_a_task_that_cannot_be_asked_is_left_out_with_a_sentence() -> None:
    collection = collection_of([""] * 20, 1)
    settings = QualitySettings(tasks=PHOTO_TASKS)
    found = measure_quality(collection, "e", random_unit(20, 4, 0), no_images, picture, settings)
    assert [each.task for each in found] == [INDEX_CHECK]
    sentences = unasked(collection, settings)
    assert [ANOTHER_VIEW in sentences[0], SAME_CATEGORY in sentences[1]] == [True, True]
    assert unasked(shop(), QualitySettings()) == []


def test_vectors_that_are_no_numbers_are_flagged_and_find_nothing() -> None:
    broken = random_unit(20, 4, 0)
    broken[3] = np.nan
    assert any("1 of 20 photos" in flag for flag in flags_of("e", broken))
    answers = ask(collection_of("A" * 20, 1), broken, (INDEX_CHECK,))[INDEX_CHECK]
    assert answers.values["Success@1"][4] == 1
    assert answers.top[4][0] == 4


def test_zeros_and_shared_vectors_are_flagged_and_sound_ones_are_not() -> None:
    sound = random_unit(200, 8, 0)
    assert flags_of("e", sound) == []
    with_zeros = sound.copy()
    with_zeros[:2] = 0
    assert any("2 photos have a vector of zeros" in flag for flag in flags_of("e", with_zeros))
    doubled = sound.copy()
    doubled[:10] = sound[0]
    assert any("10 of 200" in flag for flag in flags_of("e", doubled))
    same_bytes = ["same"] * 10 + [str(number) for number in range(190)]
    assert flags_of("e", doubled, same_bytes) == []
