"""Rooms: the table that ships, and a shop's own rooms beside it."""

from pathlib import Path

import pytest

from furniture_prompter.errors import InvalidRoomsError
from furniture_prompter.understanding import rooms
from furniture_prompter.understanding.rooms import (
    ShopRooms,
    Tie,
    kind_in,
    kind_name,
    read_rooms,
    room_table,
)
from furniture_prompter.understanding.thesaurus import thesaurus

TABLE = room_table()


def test_every_kind_of_the_table_is_a_concept_of_the_thesaurus_and_stands_for_itself() -> None:
    listed = TABLE.kinds | TABLE.families.keys() | {TABLE.place(each) for each in TABLE.kinds}
    listed |= {other for kind in TABLE.kinds for other in TABLE.ties(kind)}
    assert listed <= thesaurus().concepts.keys()
    assert all(TABLE.place(kind) == kind for kind in listed)


def test_every_likelihood_of_the_table_lies_between_0_and_1() -> None:
    for kinds in TABLE.rooms.values():
        assert all(0 < likely < 1 for likely in kinds.values())
    for kind in TABLE.kinds:
        assert all(0 < tie.likely < 1 for tie in TABLE.ties(kind).values())


@pytest.mark.parametrize("language", ["en", "tr"])
def test_every_room_and_kind_has_a_name_in_both_languages(language: str) -> None:
    assert all(names[language] for names in TABLE.room_names.values())
    for kind in TABLE.kinds:
        assert language in dict(thesaurus().concepts[kind].names), kind


def test_kinds_are_called_by_their_usual_word() -> None:
    assert kind_name("coffee-table", "en") == "coffee table"
    assert kind_name("coffee-table", "tr") == "orta sehpa"
    assert kind_name("paper-clip", "tr") == "paper clip"


@pytest.mark.parametrize(
    ("kind", "likely", "unlikely"),
    [
        ("sofa", "coffee-table", "wash-basin"),
        ("bed", "nightstand", "dining-table"),
        ("desk", "office-chair", "bed-linen"),
        ("dining-table", "dining-chair", "shoe-cabinet"),
        ("shoe-cabinet", "coat-rack", "desk"),
    ],
)
def test_what_is_used_together_goes_before_what_is_not(
    kind: str, likely: str, unlikely: str
) -> None:
    ties = TABLE.ties(kind)
    assert ties[likely].likely > ties.get(unlikely, Tie(0.0)).likely
    assert TABLE.ties(likely)[kind].beside == ties[likely].beside


def test_a_kind_never_goes_with_itself_and_an_unknown_one_with_what_is_in_most_rooms() -> None:
    assert "sofa" not in TABLE.ties("sofa")
    unknown = TABLE.ties("paper-clip")
    assert max(unknown, key=lambda kind: unknown[kind].likely) in {"rug", "pendant-lamp"}
    assert not any(tie.beside for tie in unknown.values())


def test_kinds_that_take_one_place_are_one() -> None:
    assert TABLE.place("corner-sofa") == TABLE.place("loveseat") == "sofa"
    assert TABLE.place("office-chair") == "office-chair"


@pytest.mark.parametrize(
    ("texts", "kind"),
    [
        (("Köşe koltuk", "BOHUS"), "corner-sofa"),
        (("", "Round coffee table"), "coffee-table"),
        (("things", "Yün halı"), "rug"),
        (("things", "other things"), ""),
    ],
)
def test_the_first_text_that_names_a_kind_says_it(texts: tuple[str, ...], kind: str) -> None:
    assert kind_in(texts, thesaurus()) == kind


KINDS = {"s1": "sofa", "s2": "sofa", "r1": "rug", "p1": "plate", "x": ""}


def test_a_shops_rooms_are_counted_by_kinds_and_by_products() -> None:
    told = [["s1", "r1", "gone"], ["s1", "p1", "p1"], ["s2", "x"], ["r1"]]
    counted = ShopRooms.of(told, KINDS)
    assert (counted.rooms, counted.products, counted.missing) == (3, 5, 1)
    assert counted.mates("s1") == {"r1": 1, "p1": 1}
    assert counted.mates("p1") == {"s1": 1}
    assert counted.mates("none") == {}


def test_a_shops_rooms_override_the_table_the_more_the_more_there_are() -> None:
    table = {"rug": Tie(0.8, room="living-room"), "lamp": Tie(0.5)}
    few = ShopRooms.of([["s1", "p1"]], KINDS).ties("sofa", table)
    many = ShopRooms.of([["s1", "p1"]] * 98, KINDS).ties("sofa", table)
    assert few["rug"].likely == pytest.approx(2 * 0.8 / 3)
    assert many["rug"].likely == pytest.approx(2 * 0.8 / 100)
    assert many["plate"].likely == pytest.approx(98 / 100)
    assert (many["plate"].counted, many["rug"].counted) == (98, 0)
    assert many["rug"].room == "living-room"


def test_a_kind_that_no_room_has_keeps_the_tables_word() -> None:
    table = {"rug": Tie(0.8)}
    assert ShopRooms.of([["s1", "p1"]], KINDS).ties("bed", table)["rug"].likely == 0.8


def test_rooms_are_read_line_by_line_and_what_else_they_have_is_left_aside(tmp_path: Path) -> None:
    file = tmp_path / "rooms.jsonl"
    file.write_text('{"id": 1, "product_ids": ["a", "b"]}\n\n{"product_ids": []}\n', "utf-8")
    assert read_rooms(file) == (("a", "b"), ())


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "line 1: It is no JSON"),
        ('{"product_ids": []}\n[1]', "line 2: It has no list of texts `product_ids`"),
        ('{"product_ids": [1]}', "no list of texts"),
        ('{"product_ids": "a"}', "no list of texts"),
        ("[" * 20_000, "line 1: It is no JSON"),
        ('{"product_ids": ["' + "a" * rooms.LIMIT_LINE_BYTES + '"]}', "Shorten it"),
        (
            '{"product_ids": [' + ", ".join(['"a"'] * (rooms.LIMIT_PIECES + 1)) + "]}",
            "Part it into rooms",
        ),
    ],
)
def test_a_line_that_is_no_room_is_refused_with_its_number(
    tmp_path: Path, text: str, told: str
) -> None:
    file = tmp_path / "rooms.jsonl"
    file.write_text(text, "utf-8")
    with pytest.raises(InvalidRoomsError, match=told):
        read_rooms(file)


def test_rooms_that_are_not_there_or_too_many_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InvalidRoomsError, match="Check the path"):
        read_rooms(tmp_path / "none.jsonl")
    file = tmp_path / "rooms.jsonl"
    file.write_text('{"product_ids": []}\n' * 4, "utf-8")
    monkeypatch.setattr(rooms, "LIMIT_ROOMS", 3)
    with pytest.raises(InvalidRoomsError, match="over 3 rooms"):
        read_rooms(file)
    monkeypatch.setattr(rooms, "LIMIT_BYTES", 10)
    with pytest.raises(InvalidRoomsError, match="larger than 10 bytes"):
        read_rooms(file)


@pytest.mark.parametrize(
    ("kind", "texts", "expected"),
    [
        ("rug", ["Rug for outdoors"], True),
        ("rug", ["", "Bahçe halısı"], True),
        ("dining-table", ["Dış mekan masası"], True),
        ("dining-table", ["Dış masa, mekan için"], False),
        ("dining-chair", ["Balkon sandalyesi", "Chair"], True),
        ("parasol", ["Parasol"], True),
        ("rug", ["Gardenia rug", "dış"], False),
        ("rug", [], False),
        ("", ["Oturma odası"], False),
    ],
)
def test_a_piece_for_outside_is_told_by_its_words_or_its_kind(
    kind: str, texts: list[str], expected: bool
) -> None:
    assert TABLE.is_outdoors(kind, texts) is expected
