"""JSON that is taken, and JSON that is refused before it can do harm."""

import asyncio
import json
import threading

import jiter
import pytest
from hypothesis import given
from hypothesis import strategies as st

from furniture_prompter.errors import InvalidQueryError
from furniture_prompter.web.bodies import parse_json, read_value
from tests.linear_time import assert_linear

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


@pytest.fixture
def unbuilt(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing may be built of a text."""

    def build(*_: object, **__: object) -> None:
        raise AssertionError("It was built.")

    monkeypatch.setattr(jiter, "from_json", build)


@pytest.mark.usefixtures("unbuilt")
@pytest.mark.parametrize(
    ("bomb", "reason"),
    [
        (b"[" * 33, "nests more than 32 levels"),
        (b'{"a":' * 33, "nests more than 32 levels"),
        (b"[" * 900 + b"]" * 900, "nests more than 32 levels"),
        (b"[" * 500_000, "more than 1,000 values"),
        (b"[" + b"[]," * 1_000 + b"1]", "more than 1,000 values"),
        (b"[" + b"1," * 1_001 + b"1]", "more than 1,000 values"),
        (b'{"input": [' + b'"",' * 400_000 + b'""]}', "more than 1,000 values"),
        (b"{" + b",".join(b'"k%d":1' % n for n in range(1_500)) + b"}", "more than 1,000 values"),
        (b"[" * 1_000_001, "bytes beside its texts"),
        (b" " * 1_000_001 + b"1", "bytes beside its texts"),
        (b"0." + b"1" * 1_000_001, "bytes beside its texts"),
        (b'"' + b"\\n" * 4_000_001 + b'"', "Shorten them"),
        (b'"' + "ş".encode() + b"a" * 4_000_000 + b'"', "Shorten them"),
    ],
)
def test_what_costs_more_than_a_request_needs_is_refused_before_anything_is_built(
    bomb: bytes, reason: str
) -> None:
    with pytest.raises(InvalidQueryError, match=reason):
        parse_json(bomb, 32, limit_values=1_000)


def test_values_are_counted_as_they_are_and_marks_in_texts_are_none() -> None:
    text = '\\",[{]}' * 500
    value = [{"a": [text, text + "\\"], text + "\\\\": [{}, []]}] * 100
    written = json.dumps(value).encode()
    assert parse_json(written, 4, limit_values=901) == value
    with pytest.raises(InvalidQueryError, match="more than 500 values"):
        parse_json(written, 4, limit_values=500)


@pytest.mark.parametrize(
    "pump",
    [b'\\"', b"[],", b'"",', b"\\\\", b"[", b'{"a":', b",", b" ", b"1", b'"', b'"\\', b"\\u0061"],
)
@pytest.mark.parametrize("head", [b"", b'"', b'[[],"', b'{"photo":"'])
def test_reading_takes_time_linear_in_the_text(head: bytes, pump: bytes) -> None:
    def read(text: bytes) -> None:
        try:
            parse_json(text, 32, 10**9)
        except InvalidQueryError:
            return

    assert_linear(read, lambda size: head + pump * (size // len(pump)))


def test_a_long_text_is_read_beside_the_event_loop() -> None:
    threads: list[threading.Thread] = []

    def build(data: bytes, **_: object) -> dict[str, str]:
        threads.append(threading.current_thread())
        return {}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jiter, "from_json", build)
        asyncio.run(read_value(b'{"photo": "' + b"A" * 60_000 + b'"}', 4))
        asyncio.run(read_value(b'{"prompt": "oak"}', 4))
    assert [thread is threading.main_thread() for thread in threads] == [False, True]


def test_a_byte_order_mark_before_the_text_is_skipped() -> None:
    assert parse_json(b'\xef\xbb\xbf{"a": 1}', 4) == {"a": 1}


def test_brackets_in_texts_and_lists_beside_each_other_are_not_depth() -> None:
    value = [["[" * 500, '\\"[{', {"a": "]]}"}]] * 50
    assert parse_json(json.dumps(value).encode(), 3, 1_000) == value
    with pytest.raises(InvalidQueryError, match="more than 2 levels"):
        parse_json(json.dumps(value).encode(), 2, 1_000)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("NaN", "NaN"),
        ('{"limit": Infinity}', "Infinity"),
        ("[-Infinity]", "-Infinity"),
        ("1e999", "too large"),
        ("-1e999", "too large"),
        ('{"prompt": "a", "prompt": "b"}', 'twice in one object .*"prompt"'),
        ('{"a": {"b": 1, "\\u0062": 2}}', 'twice in one object .*"b"'),
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


def test_a_photo_of_30_megabytes_in_base64_is_read_also_with_escaped_slashes() -> None:
    letters = b"A" * 63
    for slash in (b"/", b"\\/"):
        data = b'{"photo": "' + (letters + slash) * 625_000 + b'"}'
        assert len(parse_json(data, 32)["photo"]) == 40_000_000
