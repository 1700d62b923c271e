"""Answers as JSON, whatever is in them."""

import json
import math

import pytest

from furniture_prompter.web.errors import finite, json_answer


@pytest.mark.parametrize(
    "value",
    [
        {"title": "Stuhl, weiß · ahşap", "price": 89.0, "tags": ["a", "b"], "none": None},
        {"nested": [{"on": True, "count": 3, "small": 1e-9}], "empty": ""},
    ],
)
def test_what_is_answered_is_read_back_as_it_was(value: object) -> None:
    answer = json_answer(value)
    assert json.loads(bytes(answer.body)) == value
    assert answer.headers["content-type"] == "application/json"


def test_half_a_surrogate_pair_becomes_a_question_mark() -> None:
    assert json.loads(bytes(json_answer({"title": "a\ud800b"}).body)) == {"title": "a?b"}


def test_what_json_does_not_have_is_never_written() -> None:
    def refuse(name: str) -> None:
        raise AssertionError(name)

    body = bytes(json_answer({"score": math.nan, "other": math.inf}).body)
    assert json.loads(body, parse_constant=refuse) == {"score": None, "other": None}
    assert finite({"a": 1.0, "b": math.inf, "c": math.nan}) == {"a": 1.0}
