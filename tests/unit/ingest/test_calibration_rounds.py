"""Who a calibration asks for, who may not answer, and in which words."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from furniture_prompter.catalog.stored import StoredVectors
from furniture_prompter.catalog.vector_index import background_of
from furniture_prompter.ingest import calibration_rounds
from furniture_prompter.ingest.calibrating import _vocabularies
from furniture_prompter.ingest.calibration_queries import (
    known_share,
    odd_pictures,
    shop_prompts,
    unsold_prompts,
)
from furniture_prompter.ingest.calibration_rounds import ROUNDS, Rounds, Space, _related, _twins
from furniture_prompter.understanding.thesaurus import thesaurus


def stored(titles: list[str], categories: list[str], colors: list[str]) -> StoredVectors:
    count = len(titles)
    zeros = np.zeros((count, 2), np.float32)
    words = [title.lower() for title in titles]
    made: dict[str, object] = {
        "titles": titles,
        "categories": categories,
        "colors": colors,
        "words": words,
    }
    rest = {name: zeros for name in StoredVectors.__dataclass_fields__ if name not in made}
    return StoredVectors(**{**rest, **made})  # type: ignore[arg-type]


def test_kinds_are_related_by_a_word_of_three_letters() -> None:
    names = np.array(["sofa bed", "sofa", "bunk bed", "tv unit", "tv rug"])
    assert _related(names) == [(0, 1, 2), (0, 1), (0, 2), (3,), (4,)]


def test_products_that_share_a_models_name_do_not_answer_for_one_another() -> None:
    titles = ["Malm bed", "Malm chest", "Nordli bed", "Malm red", *(f"Bed {n}" for n in range(6))]
    catalog = stored(titles, [""] * 10, ["red"] * 10)
    found = _twins(catalog, np.array(["bed"]), np.array([0, 2, 3, 4]))
    assert [each.tolist() for each in found] == [[0, 1, 3], [2], [0, 1, 3], [4]]


def test_a_word_of_many_titles_names_no_model() -> None:
    for having, alone in ((3, False), (4, True)):
        titles = [*["Malm x"] * having, *(f"t{number}" for number in range(10))]
        catalog = stored(titles, [""] * len(titles), [""] * len(titles))
        (found,) = _twins(catalog, np.array(["bed"]), np.array([0]))
        assert (found.tolist() == []) is alone


def test_rounds_hold_a_fifth_out_and_take_some_kinds_away() -> None:
    kinds = np.array([f"kind{number % 20}" for number in range(200)])
    names = np.unique(kinds)
    catalog = stored([f"t{number}" for number in range(200)], [""] * 200, [""] * 200)
    rounds = Rounds.of(catalog, kinds, names, np.random.default_rng(1))
    assert rounds.left.shape == (ROUNDS, 200)
    assert (np.diff(rounds.turn) >= 0).all()
    for number in range(ROUNDS):
        own = rounds.turn == number
        held, away = rounds.asked[own & rounds.held_out], rounds.asked[own & ~rounds.held_out]
        # Three kinds of ten products are the first to reach 12 of 100.
        assert len(away) == 30
        assert len({*kinds[away]}) == 3
        assert len(held) == int(0.2 * 170)
        assert not rounds.left[number][np.concatenate([held, away])].any()
        assert rounds.left[number].sum() == 200 - 30 - len(held)
        assert not {*kinds[held]} & {*kinds[away]}


def test_no_round_takes_away_more_than_four_tenths() -> None:
    kinds = np.array(["sofa"] * 50 + ["bed"] * 40 + ["rug"] * 10)
    catalog = stored(["t"] * 100, [""] * 100, [""] * 100)
    rounds = Rounds.of(catalog, kinds, np.array(["bed", "rug", "sofa"]), np.random.default_rng(1))
    assert "sofa" not in kinds[rounds.asked[~rounds.held_out]]
    # 40 of 100 are just not too many.
    assert "bed" in kinds[rounds.asked[~rounds.held_out]]


def test_prompts_ask_in_six_ways_in_turn() -> None:
    catalog = stored(["Malm chair"] * 6, ["chair"] * 6, ["white"] * 6)
    prompts = shop_prompts(catalog, "category", np.arange(6), "english", np.random.default_rng(1))
    assert prompts[:4] == ["chair", "white chair", "Malm chair", "sandalye beyaz"]
    assert prompts[4].startswith("white ")
    assert prompts[5] == "I am looking for a white chair for my home"
    turkish = shop_prompts(catalog, "title", np.arange(6), "turkish", np.random.default_rng(1))
    assert turkish[0] == "Malm chair"
    assert turkish[5] == "evim için white Malm chair arıyorum"
    other = shop_prompts(catalog, "title", np.arange(6), "german", np.random.default_rng(1))
    assert other[5] == "white Malm chair"
    bare = stored([""] * 6, ["chair"] * 6, [""] * 6)
    prompts = shop_prompts(bare, "category", np.arange(6), "german", np.random.default_rng(1))
    assert prompts[:3] == ["chair"] * 3


def test_a_kind_is_put_otherwise_by_the_thesaurus() -> None:
    catalog = stored(["x"] * 6, ["corner sofa bed"] * 6, [""] * 6)
    asked = np.array([0, 1, 2, 3, 4, 5])
    said = {
        shop_prompts(catalog, "category", asked, "german", np.random.default_rng(seed))[4]
        for seed in range(8)
    }
    assert "corner sofa bed" not in said
    assert len(said) > 1
    assert thesaurus().concepts


@pytest.mark.parametrize(
    ("prompt", "share"),
    [
        ("oak table", 1.0),
        ("oak lamp", 0.5),
        ("oak zzzz lamp", 1 / 3),
        ("a table for two", 1.0),
        ("120 cm", 1.0),
        ("couch", 1.0),
        ("xy", 1.0),
        ("xyz", 0.0),
    ],
)
def test_a_share_is_of_words_that_say_something(prompt: str, share: float) -> None:
    vocabulary = frozenset({"oak", "table", "sofa"})
    assert known_share(prompt, vocabulary) == pytest.approx(share)


def test_a_shop_that_has_the_words_sells_what_others_do_not() -> None:
    everything = unsold_prompts(stored(["chair"], [""], [""]))
    assert "pizza" in everything
    fewer = unsold_prompts(stored(["garden pizza", "hose"], [""] * 2, [""] * 2))
    assert {*everything} - {*fewer} == {"pizza", "garden hose"}


def test_pictures_of_nothing_are_dealt_by_sorts_and_ever_coarser_grains() -> None:
    pictures = odd_pictures(np.random.default_rng(1))
    assert {picture.shape for picture in pictures} == {(256, 256, 3)}
    assert len(pictures) == 40
    for turn, grain in ((0, 1), (4, 2), (8, 8), (12, 32), (16, 64), (20, 1)):
        noise, grey, ramp, flat = pictures[turn : turn + 4]
        cells = noise[::grain, ::grain]
        assert (np.kron(cells, np.ones((grain, grain, 1), np.uint8)) == noise).all()
        assert (noise[:, grain] != noise[:, 0]).any()
        assert np.ptp(noise, axis=2).any()
        assert not np.ptp(grey, axis=2).any()
        assert np.ptp(grey)
        assert not np.ptp(flat.reshape(-1, 3), axis=0).any()
        along = 0 if turn % 8 < 4 else 1
        assert np.ptp(ramp, axis=along).any()
        assert not np.ptp(ramp, axis=1 - along).any()


class SameDraws:
    """Draws two colours that are always the same, and noise of their middle."""

    def uniform(self, low: float, high: float, shape: tuple[int, ...]) -> NDArray[np.float64]:
        assert (low, high) == (0, 255)
        if shape == (2, 3):
            return np.array([[10, 20, 30], [250, 100, 0]], np.float64)
        return np.full(shape, 127.9)


def test_a_gradient_goes_from_one_colour_all_the_way_to_the_other() -> None:
    draws: Any = SameDraws()
    pictures = odd_pictures(draws)
    first, last, middle = [10, 20, 30], [250, 100, 0], [130, 60, 15]
    for down, across in ((pictures[2], pictures[6]), (pictures[34], pictures[38])):
        for ramp in (down[:, 7], across[7]):
            assert (ramp[0].tolist(), ramp[255].tolist()) == (first, last)
            assert np.abs(ramp[[127, 128]].mean(axis=0) - middle).max() <= 1
    assert (pictures[3] == first).all()
    assert (pictures[0] == 127).all()
    assert {picture.dtype.name for picture in pictures} == {"uint8"}


@pytest.mark.parametrize("at_once", [1, 7, 1_000])
def test_a_space_is_asked_some_rows_at_a_time(
    monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(calibration_rounds, "CHUNK_ROWS", at_once)
    rng = np.random.default_rng(3)
    starts = np.array([0, 1, 5, 6, 20, 22])
    rows = rng.normal(size=(25, 4)).astype(np.float16)
    rows[5] = 0
    asking = rng.normal(size=(3, 4)).astype(np.float32)
    left = np.array([True, True, True, True, False, True])
    twins = [np.array([0, 3])]
    space = Space(rows, starts, asking, with_vectors=True)
    kinds = np.array(list("abcdef"))
    answers = space.ask(np.array([1, 2]), left, kinds, twins)
    every = asking[[1, 2]] @ rows.astype(np.float32).T
    for place, (cosines, near) in enumerate(zip(answers.cosines, answers.near, strict=True)):
        # What has no vector, is not left or is a twin does not answer.
        answering = [0, 1, 3, 5] if place else [1, 5]
        expected = np.full(6, -np.inf)
        own = [slice(*pair) for pair in pairwise([*starts.tolist(), 25])]
        for product in answering:
            expected[product] = every[place, own[product]].max()
        assert cosines == pytest.approx(expected, rel=1e-5)
        order = sorted(answering, key=lambda product: -expected[product])
        assert near.numbers.tolist() == order
        assert near.kinds.tolist() == [kinds[product] for product in order]
        assert near.vectors is not None
        assert (near.vectors @ asking[[1, 2]][place]).tolist() == pytest.approx(
            expected[order].tolist(), rel=1e-3
        )
        counted = [*range(5), *range(6, 20), *range(22, 25)]
        told = background_of(every[place, counted])
        assert near.background.mean == pytest.approx(told.mean, rel=1e-5)
        assert near.background.deviation == pytest.approx(told.deviation, rel=1e-5)


def test_words_of_a_round_are_those_of_the_products_that_are_left() -> None:
    words = ["red sofa", "", "blue sofa", "lamp lamp"]
    left = np.array([[True, True, False, False], [False, False, True, True], [False] * 4])
    assert _vocabularies(words, left) == [
        {"red", "sofa"},
        {"blue", "sofa", "lamp"},
        frozenset(),
    ]
