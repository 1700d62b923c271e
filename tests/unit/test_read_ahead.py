"""Items that are prepared ahead of their use: in order, so many and no more."""

import itertools
import threading

import pytest

from furniture_prompter.read_ahead import read_ahead


def test_results_come_in_the_order_of_the_items_and_no_more_are_read_than_said() -> None:
    read: list[int] = []

    def noted(number: int) -> int:
        read.append(number)
        return number * number

    results = read_ahead(noted, itertools.count(), workers=2, ahead=3, thread_name="t")
    assert [next(results) for _ in range(5)] == [0, 1, 4, 9, 16]
    results.close()
    assert max(read) <= 4 + 3
    assert all(not thread.name.startswith("t_") for thread in threading.enumerate())


def test_what_fails_fails_where_its_result_is_due() -> None:
    results = read_ahead(lambda n: 6 // n, [3, 2, 0, 1], workers=1, ahead=4, thread_name="t")
    assert [next(results), next(results)] == [2, 3]
    with pytest.raises(ZeroDivisionError):
        next(results)
