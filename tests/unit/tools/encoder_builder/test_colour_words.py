"""Renders dyed in colours whose name is known, and names fitted to them."""

import numpy as np
import pytest

from tools.encoder_builder.colour_words import dyed, dyes, fit_colour_words


def test_dyes_are_called_what_they_look_like() -> None:
    found = dyes(np.random.default_rng(0))
    assert {"black", "white", "grey", "beige", "brown", "red", "green", "blue"} <= {*found}
    red, green, blue = found["red"].mean(axis=0)
    assert red > 2 * max(green, blue)
    assert found["black"].mean() < found["grey"].mean() < found["white"].mean()


def test_a_render_takes_the_dye_and_its_ground_stays_white() -> None:
    image = np.full((64, 64, 3), 255, np.uint8)
    image[20:40, 20:40] = (120, 120, 120)
    dye = np.array([0.6, 0.02, 0.02])
    for seed in range(5):
        found = dyed(image, dye, np.random.default_rng(seed))
        assert found is not None
        picture, beside = found
        assert (picture[:20] == 255).all()
        red, green, _ = picture[20:40, 20:40].mean(axis=(0, 1))
        assert red > 2 * green
        assert beside == frozenset()
    assert dyed(np.full((64, 64, 3), 255, np.uint8), dye, np.random.default_rng(0)) is None


def test_what_is_not_dyed_is_named_beside_it() -> None:
    image = np.full((64, 64, 3), 255, np.uint8)
    image[10:30, 20:40], image[30:50, 20:40] = (10, 10, 10), (200, 30, 30)
    told = [dyed(image, np.array([0.02, 0.4, 0.02]), np.random.default_rng(at)) for at in range(20)]
    beside = {each[1] for each in told if each is not None}
    assert {frozenset({"black"}), frozenset()} <= beside


def test_names_are_fitted_and_what_is_unsure_teaches_nothing() -> None:
    parts = np.repeat(np.eye(3), 20, axis=0)
    shown = np.repeat([0, 1, 0], 20)
    unsure = np.zeros((60, 2), np.bool_)
    weights = fit_colour_words(parts, ["grey", "red"], shown, unsure)
    logits = parts @ weights[:-1] + weights[-1]
    assert (logits.argmax(axis=1) == shown).all()
    unsure[40:, 1] = True
    spared = fit_colour_words(parts, ["grey", "red"], shown, unsure)
    assert abs(spared[2]).max() == pytest.approx(0, abs=0.1) != abs(weights[2]).max()
