"""Heat maps: what is covered, and what it tells of a hit."""

import numpy as np
import pytest

from furniture_prompter.search.heat import CELLS, LEAST_MOVED, covered_rows, heat_maps


@pytest.mark.parametrize("size", [(70, 140), (7, 7), (1, 3), (100, 64)])
def test_every_pixel_is_covered_and_the_photo_stays_as_it_is(size: tuple[int, int]) -> None:
    photo = np.random.default_rng(1).integers(0, 256, (*size, 3), np.uint8)
    before = photo.copy()
    covers = [cover for row in covered_rows(photo) for cover in row]
    assert len(covers) == CELLS**2
    changed = np.stack([(cover != photo).any(axis=2) for cover in covers])
    if min(size) >= CELLS:
        assert changed.any(axis=0).mean() > 0.99
        # Each cell is hidden once, and nothing but it.
        assert changed.sum(axis=0).max() == 1
    assert (photo == before).all()


def test_a_cover_is_not_seen_on_a_wall_that_light_falls_on() -> None:
    y, x = np.mgrid[0:1:90j, 0:1:120j]
    light = 1 - 0.2 * ((x - 0.3) ** 2 + (y - 0.6) ** 2)
    wall = (light[..., np.newaxis] * [210, 190, 170]).round().astype(np.uint8)
    for row in covered_rows(wall):
        for cover in row:
            assert np.abs(cover.astype(int) - wall).max() <= 1


def test_of_a_photo_that_no_cover_changes_nothing_stands_out() -> None:
    photo = np.array([1, 0, 0], np.float32)
    covered = np.tile(photo, (CELLS**2, 1))
    angle = np.arccos(1 - 0.9 * LEAST_MOVED)
    covered[8] = [np.cos(angle), np.sin(angle), 0]
    assert not np.any(heat_maps(photo, covered, photo[np.newaxis]))
    angle = np.arccos(1 - 1.1 * LEAST_MOVED)
    covered[8] = [np.cos(angle), np.sin(angle), 0]
    assert np.array(heat_maps(photo, covered, photo[np.newaxis]))[0, 1, 1] == 1


def test_a_cover_lies_over_its_cell() -> None:
    photo = np.arange(70 * 140 * 3, dtype=np.uint32).reshape(70, 140, 3).astype(np.uint8)
    changed = (list(covered_rows(photo))[3][2] != photo).any(axis=2)
    rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
    assert (rows[0], rows[-1] + 1, columns[0], columns[-1] + 1) == (30, 40, 40, 60)


def test_a_cell_is_hot_without_which_the_hit_is_less_like_the_photo() -> None:
    photo = np.array([1, 0, 0], np.float32)
    covered = np.tile(photo, (CELLS**2, 1))
    covered[8] = [0.6, 0.8, 0]
    covered[9] = [0.8, 0.6, 0]
    hits = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1]], np.float32)
    first, other, nothing = (np.array(each) for each in heat_maps(photo, covered, hits))
    assert first.shape == (CELLS, CELLS)
    assert first[1, 1] == 1
    assert first[1, 2] == pytest.approx(0.5)
    assert first.sum() == pytest.approx(1.5)
    # Whatever only becomes more like it is not what made it match.
    assert other.max() == nothing.max() == 0
