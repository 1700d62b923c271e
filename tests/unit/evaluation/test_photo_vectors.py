from pathlib import Path

import numpy as np
from PIL import Image

from furniture_prompter.encoders.decoding import PhotoLimits
from furniture_prompter.evaluation.photo_rankings import photo_vectors
from tests.fakes import ColourGridEncoder


def test_rows_belong_to_their_photos_and_what_cannot_be_used_is_zeros(tmp_path: Path) -> None:
    paths = []
    for number in range(50):
        paths.append(tmp_path / f"{number}.png")
        colour = tuple(np.random.default_rng(number).integers(0, 256, 3).tolist())
        Image.new("RGB", (40, 30), colour).save(paths[-1])
    paths[7].write_bytes(b"no photo")
    paths[20].unlink()
    encoder = ColourGridEncoder()
    told: list[int] = []
    rows = photo_vectors(encoder, tuple(paths), PhotoLimits(), told.append)
    assert np.flatnonzero(~rows.any(axis=1)).tolist() == [7, 20]
    for place in (0, 19, 49):
        with Image.open(paths[place]) as photo:
            alone = encoder.encode([np.asarray(photo.convert("RGB"))])[0]
        assert np.allclose(rows[place], alone, atol=1e-3)
    assert told[-1] == 50
    assert told == sorted(told)
