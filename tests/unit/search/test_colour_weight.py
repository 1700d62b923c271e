"""The dial between a photo's shape and its colours."""

import numpy as np
import pytest

from furniture_prompter.domain import Query
from furniture_prompter.encoders.card import ColourPart
from furniture_prompter.search.query_vectors import with_colour_weight
from furniture_prompter.search.understood import PHOTOS_COLOUR, Heard, hear

COLUMNS = {"base_colors": "texts", "price": "number", "width_cm": "number"}
PART = ColourPart(3, 0.2)


def stored(count: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    shape, colour = rng.normal(size=(count, 8)), rng.normal(size=(count, 3))
    shape *= np.sqrt(1 - PART.share) / np.linalg.norm(shape, axis=1, keepdims=True)
    colour *= np.sqrt(PART.share) / np.linalg.norm(colour, axis=1, keepdims=True)
    return np.hstack([shape, colour]).astype(np.float32)


@pytest.mark.parametrize("weight", [0.0, 0.3, 1.0])
def test_a_likeness_is_what_the_dial_says_of_both_parts(weight: float) -> None:
    rows, (query,) = stored(50, 0), stored(1, 1)
    scores = rows @ with_colour_weight(query, PART, weight)
    shapes = rows[:, :8] @ query[:8] / (1 - PART.share)
    colours = rows[:, 8:] @ query[8:] / PART.share
    wanted = (1 - weight) * shapes + weight * colours
    np.testing.assert_allclose(np.corrcoef(scores, wanted)[0, 1], 1, atol=1e-6)
    assert (np.argsort(scores) == np.argsort(wanted)).all()


def test_the_encoders_own_share_changes_nothing() -> None:
    (query,) = stored(1, 2)
    np.testing.assert_allclose(with_colour_weight(query, PART, PART.share), query, atol=1e-6)


def heard(prompt: str, *, with_photo: bool = True, **more: object) -> Heard:
    return hear(Query(prompt=prompt, **more), COLUMNS, with_photo=with_photo)  # type: ignore[arg-type]  # options by name


@pytest.mark.parametrize(
    "prompt", ["in grey", "the same in oak green", "gri", "beyaz olmayan", "not white", "but red"]
)
def test_a_colour_in_words_leaves_the_photo_its_shape(prompt: str) -> None:
    assert heard(prompt).colour_weight == 0.0


@pytest.mark.parametrize("prompt", ["under 100 cm", "three seats", "cheaper", "without arms"])
def test_words_without_a_colour_leave_the_balance_alone(prompt: str) -> None:
    assert heard(prompt).colour_weight is None


@pytest.mark.parametrize(
    ("prompt", "rest"),
    [
        ("sofa in the same colour", "sofa"),
        ("side table in this color under 300", "side table"),
        ("aynı renkte sehpa", "sehpa"),
        ("bu renk halı", "halı"),
        ("same colour as this", None),
    ],
)
def test_the_photos_colour_can_be_asked_for(prompt: str, rest: str | None) -> None:
    found = heard(prompt)
    assert found.colour_weight == 1.0
    assert found.query.prompt == rest
    assert (found.parts[0].column, found.parts[0].value) == ("base_colors", PHOTOS_COLOUR)
    assert found.query.lift == ()


def test_without_a_photo_the_same_colour_is_words() -> None:
    found = heard("sofa in the same colour", with_photo=False)
    assert found.colour_weight is None
    assert not found.parts


def test_the_photos_colour_can_be_lifted() -> None:
    found = heard("sofa in the same colour", lift=("in the same colour",))
    assert found.colour_weight is None
    assert found.query.prompt == "sofa in the same colour"


def test_words_taken_as_they_stand_turn_no_dial() -> None:
    assert heard("in grey", understand=False).colour_weight is None


@pytest.mark.parametrize(
    ("prompt", "said", "rest"),
    [
        ("in a different colour", "in a different colour", None),
        ("Sofa In A Different Color", "In A Different Color", "Sofa"),
        ("the same but in another colour", "but in another colour", "the same"),
        ("other colours", "other colours", None),
        ("a different colour than this, with arms", "a different colour than this", "with arms"),
        ("chair, not in this colour", "not in this colour", "chair"),
        ("not the same color", "not the same color", None),
        ("başka renkte", "başka renkte", None),
        ("FARKLI RENKTE koltuk", "FARKLI RENKTE", "koltuk"),
        ("farklı bir renk, kollu", "farklı bir renk", "kollu"),
        ("baska rengi 300 liradan ucuz", "baska rengi", None),
        ("değişik renklerde masa", "değişik renklerde", "masa"),
        ("aynı renk olmasın", "aynı renk olmasın", None),
        ("bu renk olmayan sehpa", "bu renk olmayan", "sehpa"),
    ],
)
def test_any_colour_but_the_photos_can_be_asked_for(
    prompt: str, said: str, rest: str | None
) -> None:
    found = heard(prompt)
    assert found.away_from_colour
    assert found.colour_weight == 0.0
    first = found.parts[0]
    assert (first.text, first.value, first.use) == (said, PHOTOS_COLOUR, "without")
    assert found.query.without is None
    assert rest is None or found.query.prompt == rest
    assert found.query.lift == ()


def test_another_colour_with_one_named_is_both() -> None:
    found = heard("in a different colour, blue")
    assert found.away_from_colour
    assert [(part.use, part.value) for part in found.parts] == [
        ("without", PHOTOS_COLOUR),
        ("preference", "blue"),
    ]


@pytest.mark.parametrize("prompt", ["different colours of oak chair", "başka renkte masa"])
def test_another_colour_is_words_without_a_photo_and_where_it_is_lifted(prompt: str) -> None:
    plain = heard(prompt, with_photo=False)
    assert (plain.away_from_colour, plain.query.prompt) == (False, prompt)
    (said,) = [part.text for part in heard(prompt).parts if part.value == PHOTOS_COLOUR]
    lifted = heard(prompt, lift=(said,))
    assert (lifted.away_from_colour, lifted.query.prompt) == (False, prompt)


@pytest.mark.parametrize("prompt", ["in the same colour", "başka bir masa", "another table"])
def test_nothing_else_turns_away_from_the_photos_colour(prompt: str) -> None:
    assert not heard(prompt).away_from_colour


@pytest.mark.parametrize("prompt", ["sofa in a different colour", "aynı renkte koltuk"])
def test_a_photos_colour_without_a_photo_is_told(prompt: str) -> None:
    (note,) = heard(prompt, with_photo=False).notes
    assert "there is no photo" in note
    assert heard(prompt).notes == ()


@pytest.mark.parametrize(
    ("prompt", "quiet"),
    [
        ("gri renkte koltuk", "renkte"),
        ("kiremit rengi", "rengi"),
        ("grey coloured sofa", "coloured"),
    ],
)
def test_words_of_colour_are_no_reason_by_themselves(prompt: str, quiet: str) -> None:
    assert heard(prompt, with_photo=False).quiet.split() == [quiet]
