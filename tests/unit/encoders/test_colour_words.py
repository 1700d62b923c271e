"""What colours are called, for the encoders that ship and no other."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from furniture_prompter.bundled import catalog_feed
from furniture_prompter.encoders.card import EncoderCard
from furniture_prompter.encoders.colour_words import ColourWords, colour_words
from furniture_prompter.encoders.decoding import decode_photo, read_photo_bytes
from furniture_prompter.encoders.onnx_encoder import OnnxEncoder
from furniture_prompter.encoders.registry import encoder_folder
from furniture_prompter.errors import EncoderDamagedError
from furniture_prompter.feeds.values.vocabulary import color_names


@pytest.fixture(scope="module")
def card() -> EncoderCard:
    return EncoderCard.load(encoder_folder("default"))


def test_they_hold_for_the_space_that_they_were_fitted_in(card: EncoderCard) -> None:
    words = colour_words(card)
    assert words is not None
    assert {"black", "white", "grey", "beige", "brown", "blue"} <= {*words.names}
    assert {*words.names} <= {*color_names()}
    assert colour_words(replace(card, weights_sha256="0" * 64)) is None


@pytest.mark.parametrize("name", ["blendswap-arbolito-0.jpg", "blendswap-arm-chair-2-0.jpg"])
def test_a_render_is_called_what_it_is(card: EncoderCard, name: str) -> None:
    words = colour_words(card)
    assert words is not None
    data = read_photo_bytes(catalog_feed().parent / "images" / name)
    photo = decode_photo(data, name=name, target_side_px=card.input_side_px)
    rows = OnnxEncoder.load(encoder_folder("default")).encode([photo])
    told = {each: float(words.log_probability(rows, [each])[0]) for each in words.names}
    assert max(told, key=lambda each: told[each]) == {"arbolito": "white"}.get(name[10:-6], "black")
    assert np.exp(list(told.values())).sum() == pytest.approx(1, abs=1e-4)
    assert words.log_probability(rows, words.names)[0] == pytest.approx(0, abs=1e-4)


@pytest.mark.parametrize("spoilt", ["missing", "cut", "other", "weights"])
def test_a_damaged_file_says_its_cure(card: EncoderCard, tmp_path: Path, spoilt: str) -> None:
    words = colour_words(card)
    assert words is not None
    file = tmp_path / "words.npz"
    words.save(file)
    assert ColourWords.load(file).names == words.names
    if spoilt == "missing":
        file.unlink()
    elif spoilt == "cut":
        file.write_bytes(file.read_bytes()[:100])
    elif spoilt == "other":
        np.savez(file, names=np.array(["grey"]))
    else:
        replace(words, weights=words.weights[:, 1:]).save(file)
    with pytest.raises(EncoderDamagedError, match="Reinstall furniture-prompter"):
        ColourWords.load(file)
