import numpy as np
import pytest

from furniture_prompter.web.caches import VectorCache, content_key


def vector(value: float) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    return np.full(3, value, np.float32)


def test_equal_content_has_an_equal_key_and_another_crop_another() -> None:
    assert content_key(b"photo", (0, 1)) == content_key(b"photo", (0, 1))
    keys = {content_key(b"photo"), content_key(b"photo", (0, 1)), content_key(b"other", (0, 1))}
    assert len(keys) == 3


def test_what_was_not_asked_for_longest_makes_room() -> None:
    cache = VectorCache(2)
    cache.put(b"a", vector(1))
    cache.put(b"b", vector(2))
    assert cache.get(b"a") is not None
    cache.put(b"c", vector(3))
    assert len(cache) == 2
    assert cache.get(b"b") is None
    assert [cache.get(key) is not None for key in (b"a", b"c")] == [True, True]


def test_a_kept_vector_cannot_be_altered_and_keeps_no_batch_alive() -> None:
    batch = np.ones((4, 3), np.float32)
    cache = VectorCache(2)
    cache.put(b"a", batch[0])
    batch[:] = 9
    kept = cache.get(b"a")
    assert kept is not None
    assert kept.tolist() == [1, 1, 1]
    assert kept.base is None
    with pytest.raises(ValueError, match="read-only"):
        kept[0] = 5


def test_a_cache_of_none_keeps_none() -> None:
    cache = VectorCache(0)
    cache.put(b"a", vector(1))
    assert cache.get(b"a") is None
