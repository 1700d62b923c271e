"""Suggestions and descriptions over HTTP say what the library says."""

import base64
from pathlib import Path

import pytest

from furniture_prompter import Catalog
from furniture_prompter.search.answer import description_answer, suggestions_answer
from tests.integration.web.conftest import Api, call


def test_suggestions_are_those_of_the_library_and_the_client(api: Api) -> None:
    answered = api("GET", "/v1/suggest", params={"q": "red ch", "limit": 3}).json()
    with Catalog.open(api.catalog) as opened:
        assert answered == suggestions_answer(opened.suggest("red ch", limit=3))
    assert answered["completions"][0]["text"] == "red chair"
    told = call(api, lambda client: client.suggest("red ch", limit=3))
    assert told.raw == answered
    assert told.completions[0].count == answered["completions"][0]["count"]


@pytest.mark.parametrize("as_form", [True, False])
def test_a_description_is_that_of_the_library_and_the_client(api: Api, as_form: bool) -> None:
    photo = api.photos / "0.png"
    if as_form:
        answer = api("POST", "/v1/describe", files={"photo": ("0.png", photo.read_bytes())})
    else:
        text = base64.b64encode(photo.read_bytes()).decode("ascii")
        answer = api("POST", "/v1/describe", json={"photo": text})
    assert answer.status_code == 200, answer.text
    answered = answer.json()
    with Catalog.open(api.catalog) as opened:
        told = description_answer(opened.describe(photo))
    assert [each["text"] for each in answered["categories"]] == [
        each["text"] for each in told["categories"]
    ]
    assert answered["prompt"] == told["prompt"]
    assert call(api, lambda client: client.describe(Path(photo))).prompt == told["prompt"]


def test_a_prompt_with_a_slip_is_told_over_http(api: Api) -> None:
    assert api.search(prompt="chiar")["did_you_mean"] == {
        "prompt": "chair",
        "words": [{"written": "chiar", "meant": "chair"}],
    }
    assert call(api, lambda client: client.search("chiar")).did_you_mean == "chair"
    assert api.search(prompt="chiar", understand=False)["did_you_mean"] is None


@pytest.mark.parametrize(
    ("method", "path", "options", "status"),
    [
        ("GET", "/v1/suggest?limit=0", {}, 422),
        ("POST", "/v1/describe", {"json": {}}, 422),
        ("POST", "/v1/describe", {"json": {"photo": "!"}}, 400),
        ("POST", "/v1/describe", {"content": b"x", "headers": {"content-type": "text/x"}}, 415),
    ],
)
def test_what_cannot_be_answered_is_refused_in_the_usual_shape(
    api: Api, method: str, path: str, options: dict[str, object], status: int
) -> None:
    told, code, message = api.error(method, path, **options)
    assert told in {status, 422}
    assert code
    assert message.endswith(".")
