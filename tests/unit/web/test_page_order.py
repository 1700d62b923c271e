"""What a page sorts: what is of the kind that was named, and where nothing tells, what is sure."""

from typing import Any

from furniture_prompter.web.page_address import Asked
from furniture_prompter.web.page_order import page_of


def test_what_is_of_the_kind_is_sorted_however_sure_others_are() -> None:
    rows = [(1, 40, 0.9), (2, 30, 0.2), (3, 10, 0.35), (4, 20, 0.5)]
    told: Any = {
        "hits": [
            {"rank": rank, "confidence": sure, "product": {"price": price}}
            for rank, price, sure in rows
        ]
    }
    asked = Asked(words="tv stand", sort="price")

    def order(named: dict[int, bool | None]) -> tuple[list[int], int]:
        hits, _, sorted_apart = page_of(asked, told, named)
        return [hit["rank"] for hit in hits], sorted_apart

    assert order({1: True, 2: True, 3: False, 4: None}) == ([4, 2, 1, 3], 3)
    # A shop that has none of the kind sorts what is sure.
    assert order({1: False, 2: False, 3: False, 4: None}) == ([3, 4, 1, 2], 3)
    assert order({}) == ([3, 4, 1, 2], 3)
