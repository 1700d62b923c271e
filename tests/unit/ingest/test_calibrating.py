"""What a catalog learns of itself: what is sold, what is not, and how sure a hit is."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from furniture_prompter.catalog.confidence import (
    NEIGHBOURS,
    Calibration,
    ConfidenceRecord,
    Judge,
    Neighbours,
    Vectors,
)
from furniture_prompter.catalog.stored import StoredVectors
from furniture_prompter.catalog.vector_index import background_of
from furniture_prompter.domain import RgbImage
from furniture_prompter.ingest.calibrating import calibrate
from furniture_prompter.ingest.calibration_queries import known_share, odd_pictures
from furniture_prompter.ingest.calibration_rounds import Rounds, Space
from furniture_prompter.unit_rows import unit_rows

KINDS = ("sofa", "chair", "lamp", "rug", "desk", "mirror", "bench", "bed")
EACH = 30
DIMENSION = 24
CENTRES = unit_rows(np.random.default_rng(1).normal(size=(len(KINDS) + 4, DIMENSION)))
SPREAD = 0.16


def near(centre: int, rng: np.random.Generator, count: int) -> NDArray[np.float32]:
    return unit_rows(CENTRES[centre] + SPREAD * rng.normal(size=(count, DIMENSION)))


def encode(prompts: Sequence[str]) -> NDArray[np.float32]:
    """Prompts that name a kind lie near it, all others anywhere."""
    rows = []
    for prompt in prompts:
        rng = np.random.default_rng(sum(map(ord, prompt)))
        named = [at for at, kind in enumerate(KINDS) if kind in prompt.lower()]
        rows.append(near(named[0], rng, 1)[0] if named else unit_rows(rng.normal(size=(1, 24)))[0])
    return np.array(rows, np.float32)


def pictures(images: Sequence[RgbImage]) -> NDArray[np.float32]:
    return near(len(KINDS), np.random.default_rng(2), len(images))


def stored(*, categories: bool = True, each: int = EACH) -> StoredVectors:
    rng = np.random.default_rng(0)
    kinds = [kind for kind in KINDS for _ in range(each)]
    titles = [f"{kind} {number}" for number, kind in enumerate(kinds)]
    photos = np.concatenate([near(at, rng, each) for at in range(len(KINDS))])
    texts = np.concatenate([near(at, rng, each) for at in range(len(KINDS))])
    return StoredVectors(
        titles,
        kinds if categories else [""] * len(kinds),
        [""] * len(kinds),
        titles,
        texts,
        photos,
        photos,
        np.arange(len(kinds)),
    )


def learned(told: StoredVectors) -> Calibration:
    record = calibrate(told, encode, None, pictures, "english")
    assert record.calibration is not None
    return record.calibration


def asked(told: StoredVectors, query: NDArray[np.float32], judge: Judge, like: float) -> float:
    """The margin of a photo."""
    cosines = (told.photos @ query).astype(np.float64)
    order = np.argsort(-cosines)[:NEIGHBOURS]
    kinds = np.array(told.categories)[order]
    space = Neighbours(
        order, cosines[order], kinds, background_of(cosines.astype(np.float32)), told.photos[order]
    )
    margin = judge.margin([space], [like])
    confidences = judge.confidences(
        margin, [space], [cosines[order[:3]].tolist()], kinds[:3].tolist()
    )
    assert all(0 <= each <= 1 for each in confidences)
    return margin


def test_new_photos_of_what_is_sold_are_close_and_others_are_not() -> None:
    told = stored()
    calibration = learned(told)
    rng = np.random.default_rng(5)

    def margins(centres: Sequence[int]) -> list[float]:
        photos = np.concatenate([near(centre, rng, 25) for centre in centres])
        return [
            asked(told, each, calibration.photo, calibration.likeness_to_nothing(each))
            for each in photos
        ]

    sold, unsold = margins(range(len(KINDS))), margins(range(len(KINDS) + 1, len(KINDS) + 4))
    assert np.mean(np.array(sold) >= 0) >= 0.9
    assert np.mean(np.array(unsold) >= 0) <= 0.1


def test_hits_of_the_neighbours_kind_are_surer_than_a_lone_other() -> None:
    told = stored()
    judge = learned(told).photo
    query = near(0, np.random.default_rng(7), 1)[0]
    cosines = (told.photos @ query).astype(np.float64)
    order = np.argsort(-cosines)[:NEIGHBOURS]
    kinds = np.array(told.categories)[order]
    background = background_of(cosines.astype(np.float32))
    space = Neighbours(order, cosines[order], kinds, background, told.photos[order])
    margin = judge.margin([space], [0.0])
    same, other = judge.confidences(margin, [space], [[cosines[order[0]]] * 2], ["sofa", "desk"])
    assert same > other


def test_the_kind_is_read_off_titles_where_there_are_no_categories() -> None:
    assert learned(stored(categories=False)).kinds == "title"


@pytest.mark.parametrize("told", [None, stored(each=2)])
def test_too_little_to_learn_from_is_said(told: StoredVectors | None) -> None:
    record = calibrate(told, encode, None, pictures, "english")
    assert record.calibration is None
    assert record.statement.startswith("How sure answers are cannot be told: that takes 40")


def test_the_same_catalog_teaches_the_same() -> None:
    records: list[ConfidenceRecord] = [
        calibrate(stored(), encode, encode, pictures, "english") for _ in range(2)
    ]
    assert records[0] == records[1]
    assert records[0].calibration is not None
    assert records[0].calibration.with_aligned


def test_pieces_of_one_model_do_not_answer_for_one_another() -> None:
    told = stored()
    told.titles[:3] = ["Abner sofa", "Abner sofa grey", "Abner sofa red"]
    names = np.unique(told.categories)
    rounds = Rounds.of(told, np.array(told.categories), names, np.random.default_rng(0))
    for place, twins in zip(rounds.asked.tolist(), rounds.twins, strict=True):
        assert set(range(3)) <= {*twins.tolist()} if place < 3 else not {*range(3)} & {*twins}


def test_rounds_leave_neither_what_is_held_out_nor_what_is_taken_away() -> None:
    told = stored()
    kinds = np.array(told.categories)
    rounds = Rounds.of(told, kinds, np.unique(kinds), np.random.default_rng(0))
    for turn, left in enumerate(rounds.left):
        places = rounds.asked[rounds.turn == turn]
        held_out = rounds.held_out[rounds.turn == turn]
        assert not left[places].any()
        assert not {*kinds[places[~held_out]]} & {*kinds[left]}
        assert {*kinds[places[held_out]]} <= {*kinds[left]}


def test_words_are_known_by_another_word_of_the_thesaurus() -> None:
    assert known_share("couch", frozenset({"sofa"})) == 1.0
    assert known_share("grey couch", frozenset({"sofa"})) == 0.5
    assert known_share("dishwasher", frozenset({"sofa"})) == 0.0


def test_pictures_of_nothing_differ() -> None:
    drawn = odd_pictures(np.random.default_rng(0))
    assert {each.shape for each in drawn} == {(256, 256, 3)}
    assert len({each.tobytes() for each in drawn}) == len(drawn)


def test_few_queries_meet_all_products_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    cosines = Space.cosines

    def counting(self: Space, queries: NDArray[np.int64], *rest: Any) -> tuple[Vectors, Vectors]:
        asked.append(len(queries))
        return cosines(self, queries, *rest)

    monkeypatch.setattr(Space, "cosines", counting)
    learned(stored())
    # By their own photos and by those of others, 32 each.
    assert max(asked) == 64
    assert sum(asked) > 1_000
