"""Lines of files with one JSON value a line."""

import io

from furniture_prompter.json_lines import numbered_lines


def test_blank_lines_count_and_lines_that_are_too_long_come_as_none() -> None:
    data = b"\xef\xbb\xbfa\n\n \r\n" + b"x" * 30 + b"\nb\n" + b"y" * 30
    found = list(numbered_lines(io.BytesIO(data), limit_bytes=8))
    assert found == [(1, b"a\n"), (4, None), (5, b"b\n"), (6, None)]


def test_a_line_of_the_most_bytes_is_read_and_one_more_byte_is_not() -> None:
    lines = list(numbered_lines(io.BytesIO(b"1234567\n12345678\n1"), limit_bytes=8))
    assert lines == [(1, b"1234567\n"), (2, None), (3, b"1")]


def test_a_long_line_after_a_byte_order_mark_is_one_line() -> None:
    data = b"\xef\xbb\xbf" + b"1" * 7 + b"22\nb"
    assert list(numbered_lines(io.BytesIO(data), limit_bytes=8)) == [(1, None), (2, b"b")]
