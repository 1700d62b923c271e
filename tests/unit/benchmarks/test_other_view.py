import numpy as np

from benchmarks.other_view import among_all_photos, among_first_views


def test_a_query_finds_its_products_other_photo_and_never_itself() -> None:
    # a's two photos differ; b has one photo, at a's first angle and nearer to it than a's second.
    vectors = np.array([[1, 0], [0.6, 0.8], [0.8, 0.6], [0, 1]], np.float32)
    rankings = among_all_photos(vectors, ["a", "a", "b", "c"], {"a", "b", "c"})
    assert rankings == {"a 0": ["b", "a", "c"], "a 1": ["b", "c", "a"]}


def test_a_product_is_ranked_once_by_its_nearest_photo() -> None:
    vectors = np.array([[1, 0], [0, 1], [0.8, 0.6], [0.6, 0.8]], np.float32)
    assert among_all_photos(vectors, ["a", "a", "b", "b"], {"a"})["a 0"] == ["b", "a"]


def test_products_that_do_not_ask_are_candidates_all_the_same() -> None:
    vectors = np.array([[1, 0], [0, 1], [1, 0], [0, 1]], np.float32)
    rankings = among_all_photos(vectors, ["a", "a", "b", "b"], {"b"})
    assert rankings.keys() == {"b 2", "b 3"}
    assert rankings["b 2"][0] == "a"


def test_second_views_are_asked_among_first_views() -> None:
    first = np.array([[1, 0], [0, 1]], np.float32)
    second = np.array([[0.6, 0.8]], np.float32)
    assert among_first_views(first, second, ["a", "b"], ["a"]) == {"a 1": ["b", "a"]}
