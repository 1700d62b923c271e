"""POST /v1/embeddings in the words of OpenAI's."""

import base64
from typing import Any

import numpy as np
import pytest

from furniture_prompter import Catalog
from furniture_prompter.assembly import load_encoder
from furniture_prompter.encoders.decoding import decode_photo
from furniture_prompter.web.schemas import EmbeddingsRequest
from tests.integration.web.conftest import Api

SHARED = "efficientnet-lite2+multilingual-static-384"


def photo(api: Api, number: int) -> str:
    return base64.b64encode((api.photos / f"{number}.png").read_bytes()).decode("ascii")


def embed(api: Api, given: Any, **options: Any) -> Any:
    answer = api("POST", "/v1/embeddings", json={"input": given, **options})
    assert answer.status_code == 200, answer.text
    return answer.json()


def vectors(answer: Any) -> np.ndarray[Any, Any]:
    return np.array([each["embedding"] for each in answer["data"]])


def test_an_answer_has_the_shape_that_openai_clients_read(api: Api) -> None:
    answer = embed(api, "white wooden chair", user="someone")
    assert list(answer) == ["object", "data", "model", "usage"]
    assert answer["object"] == "list"
    (row,) = answer["data"]
    assert list(row) == ["object", "index", "embedding"]
    assert (row["object"], row["index"]) == ("embedding", 0)
    assert answer["usage"] == {"prompt_tokens": 3, "total_tokens": 3}
    assert answer["model"] == SHARED
    assert np.linalg.norm(row["embedding"]) == pytest.approx(1, abs=1e-3)


def test_base64_is_little_endian_float32_of_the_same_numbers(api: Api) -> None:
    plain = vectors(embed(api, ["oak", "red sofa"]))
    packed = embed(api, ["oak", "red sofa"], encoding_format="base64")
    for row, each in zip(plain, packed["data"], strict=True):
        unpacked = np.frombuffer(base64.b64decode(each["embedding"]), "<f4")
        assert np.array_equal(unpacked, row.astype(np.float32))


def test_a_photo_has_the_vector_that_the_catalogs_encoder_gives(api: Api) -> None:
    answer = embed(api, [{"type": "image", "image": photo(api, 3)}, {"image": photo(api, 4)}])
    assert answer["model"] == "efficientnet-lite2"
    encoder = load_encoder("default", 2)
    images = [
        decode_photo((api.photos / f"{number}.png").read_bytes(), name="photo") for number in (3, 4)
    ]
    assert vectors(answer) == pytest.approx(encoder.encode(images), abs=2e-3)
    assert answer["usage"]["total_tokens"] == 2


def test_prompts_and_photos_together_lie_in_one_space_in_the_order_they_came(api: Api) -> None:
    answer = embed(api, ["red sofa", {"image": photo(api, 18)}, {"type": "text", "text": "blue"}])
    assert answer["model"] == SHARED
    together = vectors(answer)
    assert together[0] == pytest.approx(vectors(embed(api, "red sofa"))[0])
    alone = vectors(embed(api, {"image": photo(api, 18)}, model=SHARED))
    assert together[1] == pytest.approx(alone[0])
    with Catalog.open(api.catalog) as catalog:
        sofa = catalog.search("red sofa", limit=48).hits
    assert {hit.product.id for hit in sofa} >= {"p18"}


def test_a_model_chooses_the_space(api: Api) -> None:
    meaning = embed(api, ["red sofa"], model="multilingual-static-384")
    assert meaning["model"] == "multilingual-static-384"
    assert vectors(meaning).shape == (1, 384)
    for given in (["red"], [{"image": photo(api, 1)}]):
        body = {"input": given, "model": "text-embedding-3-small"}
        status, code, message = api.error("POST", "/v1/embeddings", json=body)
        assert (status, code) == (400, "invalid_query")
        assert SHARED in message
    body = {"input": [{"image": photo(api, 1)}], "model": "multilingual-static-384"}
    assert api.error("POST", "/v1/embeddings", json=body)[:2] == (400, "invalid_query")


def test_a_prompt_of_unknown_words_has_zeros(api: Api) -> None:
    assert not vectors(embed(api, ["🛋️ 🪑"], model="multilingual-static-384")).any()


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 422, "invalid_request"),
        ({"input": []}, 422, "invalid_request"),
        ({"input": ["a"] * 65}, 422, "invalid_request"),
        ({"input": [1, 2]}, 422, "invalid_request"),
        ({"input": [[1, 2]]}, 422, "invalid_request"),
        ({"input": "a", "encoding_format": "hex"}, 422, "invalid_request"),
        ({"input": "a", "dimensions": 3}, 422, "invalid_request"),
        ({"input": "a" * 2_001}, 400, "invalid_query"),
        ({"input": [{"image": "aGFsbG8="}, "a"]}, 400, "invalid_photo"),
        ({"input": {"image": "http://shop.example/a.jpg"}}, 400, "invalid_photo"),
    ],
)
def test_inputs_that_cannot_be_embedded_are_refused(
    api: Api, body: Any, status: int, code: str
) -> None:
    assert api.error("POST", "/v1/embeddings", json=body)[:2] == (status, code)


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        pytest.param(b'{"input": [' + b"1," * 64 + b"1]}", 422, "There are 65 inputs", id="65"),
        pytest.param(
            b'{"input": [' + b"1," * 400_000 + b"1]}", 400, "values", id="most of a megabyte"
        ),
        pytest.param(b'{"input": [' + b"[]," * 3_000_000 + b"1]}", 400, "bytes", id="nine"),
        pytest.param(
            b"{" + b",".join(b'"k%d":1' % n for n in range(50_000)) + b"}",
            400,
            "values",
            id="names",
        ),
        pytest.param(b'[[],[],"' + b'\\"' * 100_000, 400, "cannot be read", id="unclosed"),
    ],
)
def test_inputs_are_counted_before_they_are_checked(
    api: Api, monkeypatch: pytest.MonkeyPatch, body: bytes, status: int, reason: str
) -> None:
    def check(*_: Any, **__: Any) -> None:
        raise AssertionError("They were checked.")

    monkeypatch.setattr(EmbeddingsRequest, "model_validate", check)
    headers = {"content-type": "application/json"}
    for path in ("/v1/embeddings", "/v1/search"):
        found = api.error("POST", path, content=body, headers=headers)
        if path == "/v1/embeddings":
            assert found[0] == status
            assert reason in found[2]
        else:
            assert found[0] in (400, 422)


def test_of_many_things_that_are_wrong_the_first_few_are_told(api: Api) -> None:
    status, code, message = api.error("POST", "/v1/embeddings", json={"input": [1] * 64})
    assert (status, code) == (422, "invalid_request")
    assert "and 190 more" in message
    assert len(message) < 1_000


def test_a_form_is_no_embeddings_request(api: Api) -> None:
    found = api.error("POST", "/v1/embeddings", data={"input": "a"})
    assert found[:2] == (415, "unsupported_media_type")
