import pytest

from tools.catalog_builder.libraries import numbered_entries, parse_properties


def test_unicode_escapes_and_latin_1_bytes_both_become_letters() -> None:
    data = "name#1=K\\u00f6\\u015fe kanepe\nname#2=Küçük masa\n".encode("latin-1")
    assert parse_properties(data) == {"name#1": "Köşe kanepe", "name#2": "Küçük masa"}


def test_comments_and_blank_lines_are_skipped_and_spaces_trimmed() -> None:
    assert parse_properties(b"# title\n\n! more\n width#3 = 59.4 \n") == {"width#3": "59.4"}


def test_a_value_may_hold_an_equals_sign_and_a_key_may_stand_alone() -> None:
    assert parse_properties(b"a=b=c\nlonely\n") == {"a": "b=c", "lonely": ""}


def test_a_continued_line_is_refused_with_its_number() -> None:
    with pytest.raises(ValueError, match="line 2 continues"):
        parse_properties(b"a=1\ntags#1=Seat, \\\n  Chair\n")


def test_entries_are_grouped_by_their_number_and_leftovers_dropped() -> None:
    entries = {"id": "Lib", "name#2": "Bed", "name#10": "Sofa", "width#10": "2", "depth#-1": ""}
    assert numbered_entries(entries) == {2: {"name": "Bed"}, 10: {"name": "Sofa", "width": "2"}}
