"""The questions and figures of what goes with a piece."""

from benchmarks.goes_with import in_turn, measured, questions


def test_every_product_of_a_room_asks_for_its_room_mates() -> None:
    asked = questions([["a", "b", "c"], ["a"], ["a", "d"]])
    assert asked == [
        ("a", frozenset("bc"), 0),
        ("b", frozenset("ac"), 0),
        ("c", frozenset("ab"), 0),
        ("a", frozenset("d"), 2),
        ("d", frozenset("a"), 2),
    ]


def test_recall_counts_fifty_places_and_a_hit_ten() -> None:
    filler = [f"x{number}" for number in range(60)]

    def rank(product_id: str, room: int) -> list[str]:
        del product_id, room
        return [*filler[:9], "b", *filler[9:48], "c", "d"]

    figures = measured([("a", frozenset("bc"), 0), ("a", frozenset("d"), 1)], rank)
    assert figures == {"recall@50": 0.5, "hit@10": 0.5}


def test_a_second_piece_of_a_kind_comes_behind_a_kind_that_is_less_likely() -> None:
    likely = {"rug": 0.8, "lamp": 0.4, "clock": 0.1}
    order = in_turn(likely, ["r1", "r2", "l1", "c1", "x"], ["rug", "rug", "lamp", "clock", ""])
    assert order == ["r1", "l1", "r2", "c1"]
