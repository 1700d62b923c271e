"""Text that may not be stored."""

import pytest

from furniture_prompter.domain.wording import LIMIT_MARKS, has_too_many_marks


@pytest.mark.parametrize("mark", ["\u0301", "\u0f73", "\uff9e"])
def test_accents_on_one_letter_are_counted_also_those_that_are_made_of_others(mark: str) -> None:
    assert not has_too_many_marks("e" + mark * LIMIT_MARKS + "e" + mark)
    assert has_too_many_marks("e" + mark * (LIMIT_MARKS + 1))


@pytest.mark.parametrize("text", ["Ghế gỗ sồi", "เก้าอี้ไม้โอ๊ค", "כִּסֵּא עֵץ", "e\u0301", "iş"])
def test_scripts_of_many_marks_have_few_on_a_letter(text: str) -> None:
    assert not has_too_many_marks(text * 60)
