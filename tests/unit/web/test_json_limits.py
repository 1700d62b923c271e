"""JSON that is taken, and JSON that is refused before it can do harm."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from furniture_prompter.errors import InvalidQueryError
from furniture_prompter.web.json_limits import parse_json

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**15), 10**15) | st.floats(-1e9, 1e9) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(VALUES, st.booleans())
def test_what_python_writes_is_read_back(value: object, ascii_only: bool) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only)
    try:
        data = text.encode("utf-8")
    except UnicodeEncodeError:
        return
    if isinstance(value, str) and any("\ud800" <= letter <= "\udfff" for letter in value):
        return
    assert parse_json(data, 200) == value


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        parse_json(data, 8)
    except InvalidQueryError as error:
        assert str(error).startswith("The JSON ")  # noqa: PT017  (either outcome is right)


@pytest.mark.parametrize(
    "bomb",
    [
        b"[" * 33,
        b"[" * 1_000_000,
        b'{"a":' * 1_000_000,
        b'[{"a":' * 500_000,
        b"[" * 1_000_000 + b"]" * 1_000_000,
    ],
    ids=["33", "lists", "objects", "mixed", "closed"],
)
def test_a_depth_bomb_is_refused_at_once(bomb: bytes) -> None:
    began = time.perf_counter()
    with pytest.raises(InvalidQueryError, match="more than 32 levels"):
        parse_json(bomb, 32)
    assert time.perf_counter() - began < 0.5


def test_brackets_in_texts_and_lists_beside_each_other_are_not_depth() -> None:
    value = [["[" * 500, '\\"[{', {"a": "]]}"}]] * 50
    assert parse_json(json.dumps(value).encode(), 3) == value
    with pytest.raises(InvalidQueryError, match="more than 2 levels"):
        parse_json(json.dumps(value).encode(), 2)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("NaN", "NaN"),
        ('{"limit": Infinity}', "Infinity"),
        ("[-Infinity]", "-Infinity"),
        ("1e999", "too large"),
        ("-1e999", "too large"),
        ('{"prompt": "a", "prompt": "b"}', "'prompt' twice"),
        ('{"a": {"b": 1, "\\u0062": 2}}', "'b' twice"),
        ('"\\ud800"', "no characters"),
        ('{"\\uDFFF": 1}', "no characters"),
        ("9" * 5_000, "thousands of digits"),
        ("", "cannot be read"),
        ("{", "cannot be read"),
        ('{"a": 1} x', "cannot be read"),
        ("'a'", "cannot be read"),
    ],
)
def test_what_others_would_read_differently_is_refused(text: str, reason: str) -> None:
    with pytest.raises(InvalidQueryError, match=reason):
        parse_json(text.encode(), 32)


def test_a_whole_surrogate_pair_is_a_character() -> None:
    assert parse_json(b'"\\ud83e\\ude91"', 4) == "🪑"


def test_other_encodings_are_refused() -> None:
    for encoding in ("utf-16", "utf-32", "iso-8859-9"):
        with pytest.raises(InvalidQueryError):
            parse_json('{"prompt": "köşe"}'.encode(encoding), 4)


def test_a_photo_of_30_megabytes_in_base64_is_stepped_over_fast() -> None:
    data = b'{"photo": "' + b"A" * 40_000_000 + b'"}'
    began = time.perf_counter()
    assert len(parse_json(data, 32)["photo"]) == 40_000_000
    assert time.perf_counter() - began < 2
