"""What is remembered of ids while a feed is read."""

from hypothesis import given
from hypothesis import strategies as st

from furniture_prompter.feeds.grouping import FirstLines


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
