"""What is remembered of ids while a feed is read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from furniture_prompter.feeds.grouping import FirstLines, children_of


@given(st.lists(st.tuples(st.text(max_size=2), st.integers(0, 9))))
def test_an_id_belongs_to_the_first_line_that_has_it(rows: list[tuple[str, int]]) -> None:
    lines, first = FirstLines(), dict[str, int]()
    for product_id, line in rows:
        assert lines.claim(product_id, line) == first.get(product_id)
        first.setdefault(product_id, line)


def test_many_ids_are_told_apart() -> None:
    lines = FirstLines()
    for _ in range(2):
        told = [lines.claim(f"SKU-{number}", number) for number in range(5_000)]
    assert told == list(range(5_000))


def test_room_for_ids_is_doubled_once_two_thirds_are_taken() -> None:
    lines = FirstLines()
    room = []
    for number in range(1_365):
        lines.claim(f"SKU-{number}", number)
        room.append((len(lines._hashes), len(lines._lines), lines._mask))
    assert room[0] == room[681] == (1_024, 1_024, 1_023)
    assert room[682] == room[1_363] == (2_048, 2_048, 2_047)
    assert room[1_364] == (4_096, 4_096, 4_095)
    assert lines._count == 1_365


@pytest.mark.parametrize(
    ("listed", "ids"),
    [
        ("sku=A,color=Gri|sku=B,color=Bej", ["A", "B"]),
        (" SKU = A1 , color=Gri", ["A1"]),
        ("color=Gri,sku=A=1", ["A=1"]),
        ("sku=", [""]),
        ("sku|color=Gri", []),
        ("", []),
        (None, []),
    ],
)
def test_ids_of_a_list_of_variants_are_what_stands_behind_sku(
    listed: str | None, ids: list[str]
) -> None:
    assert children_of(listed) == ids
