"""Text that may not be stored."""

import unicodedata

import pytest

from furniture_prompter.domain.wording import (
    LIMIT_MARKS,
    as_id,
    as_kept,
    has_control_characters,
    has_too_many_marks,
    has_unseen_characters,
    one_line,
    part_as_kept,
    prose,
    readable,
)


@pytest.mark.parametrize("mark", ["\u0301", "\u0f73", "\uff9e"])
def test_accents_on_one_letter_are_counted_also_those_that_are_made_of_others(mark: str) -> None:
    assert not has_too_many_marks("e" + mark * LIMIT_MARKS + "e" + mark)
    assert has_too_many_marks("e" + mark * (LIMIT_MARKS + 1))


@pytest.mark.parametrize("text", ["Ghế gỗ sồi", "เก้าอี้ไม้โอ๊ค", "כִּסֵּא עֵץ", "e\u0301", "iş"])
def test_scripts_of_many_marks_have_few_on_a_letter(text: str) -> None:
    assert not has_too_many_marks(text * 60)


@pytest.mark.parametrize("text", ["a" * 100, "ışğ" * 100, "e\u0301" * (LIMIT_MARKS // 2)])
def test_a_text_that_cannot_have_too_many_is_not_gone_through(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unicodedata, "combining", None)
    assert not has_too_many_marks(text)


def test_control_characters_are_told_and_dropped() -> None:
    for mark in "\x00\x08\x0e\x1b\x7f\x84\x86\x9f\u202a\u202e\u2066\u2069":
        assert has_control_characters(f"a{mark}b")
        assert readable(f"a{mark}b") == "ab"
    for kept in "\t\n\r\x0b\x0c\x1c\x1f\x85\u2028 \u2029ı\u202f\u206a":
        assert not has_control_characters(f"a{kept}b")


def test_what_a_feed_and_a_filter_say_is_kept_alike() -> None:
    text = "  e\u0301 \t b\n\n c \u2028d "
    assert one_line(text) == "é b c d"
    assert prose(text) == "é b\nc\nd"
    for column in ("id", "title", "category", "color", "tags"):
        assert as_kept(column, text) == "é b c d"
        assert part_as_kept(column, text) == " é b c d "
    assert as_kept("description", text) == "é b\nc\nd"
    assert part_as_kept("material", text) == " é b\nc\nd "


def test_characters_that_nobody_sees_are_dropped() -> None:
    for unseen in "\u00ad\u115f\u1160\u180e\u200b\u200e\u200f\u2060\u3164\ufeff":
        assert has_unseen_characters(f"a{unseen}b")
        assert not has_control_characters(f"a{unseen}b")
        assert one_line(f"a{unseen}b") == "ab"
    # Joiners part letters of Persian, and make one picture of several emoji.
    # What chooses how an emoji looks stays in a title.
    for selector in "\ufe0f\U000e0041\U000e007f":
        assert has_unseen_characters(f"a{selector}")
        assert one_line(f"a{selector}") == f"a{selector}"
        assert as_id(f" a{selector}") == as_kept("id", f"a{selector}") == "a"
    assert not has_unseen_characters("a\u200cb\u200d \u00a0ı")
