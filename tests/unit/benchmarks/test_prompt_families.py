from pathlib import Path

import pytest

from benchmarks.datasets import BenchmarkProduct
from benchmarks.prompt_families import (
    AskedPrompt,
    by_first_sentence,
    by_kind_and_color,
    inflected,
    misspelt,
    other_number,
    paraphrased,
)


def product(number: int, category: str, color: str, description: str = "") -> BenchmarkProduct:
    name = f"p{number}"
    return BenchmarkProduct(name, "Title", category, color, description, name, (Path("a.jpg"),))


PRODUCTS = [
    product(1, "sofa", "grey", "It is soft and deep. Second sentence."),
    product(2, "sofa", "grey", "It is soft and deep. Another one."),
    product(3, "couch", "grey", "Too short."),
    product(4, "stool", "", "A stool without colour is here!"),
    product(5, "", "red"),
]


def test_every_product_of_a_kind_and_colour_answers() -> None:
    assert by_kind_and_color(PRODUCTS) == [
        AskedPrompt("couch, grey", frozenset({"p3"})),
        AskedPrompt("sofa, grey", frozenset({"p1", "p2"})),
    ]


def test_pairs_that_are_worded_alike_are_one_prompt() -> None:
    worded = by_kind_and_color(PRODUCTS, lambda category, color: f"something {color}")
    assert worded == [AskedPrompt("something grey", frozenset({"p1", "p2", "p3"}))]


def test_a_pair_without_wording_is_left_out() -> None:
    assert by_kind_and_color(PRODUCTS, paraphrased) == [
        AskedPrompt("grey couch", frozenset({"p1", "p2"}))
    ]


def test_products_that_share_a_first_sentence_all_answer_it() -> None:
    assert by_first_sentence(PRODUCTS) == [
        AskedPrompt("A stool without colour is here!", frozenset({"p4"})),
        AskedPrompt("It is soft and deep.", frozenset({"p1", "p2"})),
    ]


def edits(one: str, other: str) -> int:
    """Damerau-Levenshtein distance, restricted: no part is edited twice."""
    rows = [list(range(len(other) + 1))]
    for i, a in enumerate(one, 1):
        row = [i]
        for j, b in enumerate(other, 1):
            best = min(rows[-1][j] + 1, row[-1] + 1, rows[-1][j - 1] + (a != b))
            if i > 1 and j > 1 and (a, one[i - 2]) == (other[j - 2], b):
                best = min(best, rows[-2][j - 2] + 1)
            row.append(best)
        rows.append(row)
    return rows[-1][-1]


@pytest.mark.parametrize("category", ["wall shelf", "sofa", "rug", "footstool", "bookcase"])
@pytest.mark.parametrize("color", ["white", "red", "dark grey", "mm", "aaaa"])
def test_a_misspelt_prompt_has_one_wrong_letter_and_is_the_same_each_time(
    category: str, color: str
) -> None:
    prompt = misspelt(category, color)
    if prompt is None:
        assert (category, color) in {("rug", "red"), ("rug", "mm")}
        return
    assert edits(prompt, f"{color} {category}") == 1
    assert [word[0] for word in prompt.split()] == [w[0] for w in f"{color} {category}".split()]
    assert prompt == misspelt(category, color)


@pytest.mark.parametrize(
    ("category", "prompt"),
    [
        ("wall shelf", "wall shelves that are white"),
        ("box with lid", "boxes with lid that are white"),
        ("chest of 3 drawers", "chests of 3 drawers that are white"),
        ("curtains", "curtain that are white"),
        ("shelving unit, outdoor", "shelving units, outdoor that are white"),
    ],
)
def test_an_inflected_prompt_changes_the_number_of_the_thing(category: str, prompt: str) -> None:
    assert inflected(category, "white") == prompt


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("chair", "chairs"),
        ("bench", "benches"),
        ("glass", "glasses"),
        ("shelf", "shelves"),
        ("tray", "trays"),
        ("party", "parties"),
        ("blinds", "blind"),
        ("cactus", "cactuses"),
    ],
)
def test_the_other_number_of_a_noun(one: str, other: str) -> None:
    assert other_number(one) == other


@pytest.mark.parametrize(
    ("category", "prompt"),
    [
        ("chest of 5 drawers", "white dresser"),
        ("three-seat sofa", "white three-seater couch"),
        ("wall lamp", "white wall light"),
        ("box", None),
        ("tableware", None),
        ("sofa-bed", None),
    ],
)
def test_a_paraphrase_replaces_whole_words_by_the_longest_entry(
    category: str, prompt: str | None
) -> None:
    assert paraphrased(category, "white") == prompt
