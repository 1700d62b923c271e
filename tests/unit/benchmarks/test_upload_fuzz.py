"""Mutated uploads are repeatable and of every kind; a fuzz run tells right answers from wrong."""

import asyncio
from collections import Counter
from collections.abc import Callable

import httpx
import pytest
from fastapi import FastAPI, Request
from starlette.responses import JSONResponse, Response

from benchmarks.upload_fuzz import MUTATIONS, Outcome, fuzz, mutated, seeds
from furniture_prompter.encoders.decoding import (
    PhotoLimits,
    decode_photo,
    photo_extension,
    photo_id,
)
from furniture_prompter.errors import InvalidPhotoError
from furniture_prompter.web.errors import add_error_handlers
from furniture_prompter.web.search_bodies import read_form

LIMITS = PhotoLimits(limit_pixels=1_000_000)
WHOLE = seeds(96)[:2]


def run(files: int, spoil: Callable[[bytes, Response], Response] | None = None) -> Outcome:
    """Fuzz an API that decodes what it gets and answers its id; `spoil` may change an answer."""
    app = FastAPI()
    add_error_handlers(app)

    async def photo_of(request: Request) -> bytes:
        form = await read_form(request, 1)
        try:
            sent = form["photo"]
            assert not isinstance(sent, str)
            return await sent.read()
        finally:
            await form.close()

    def answer_of(data: bytes) -> Response:
        decode_photo(data, name="that was sent", target_side_px=64, limits=LIMITS)
        return JSONResponse({"hits": [{"product": {"id": photo_id(data)}, "score": 1.0}]})

    @app.post("/v1/search")
    async def search(request: Request) -> Response:
        data = await photo_of(request)
        answer = answer_of(data)
        return spoil(data, answer) if spoil else answer

    async def go() -> Outcome:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:
            return await fuzz(client, mutated(files, 3, seeds()), WHOLE)

    return asyncio.run(go())


def test_mutated_uploads_are_answered_or_refused_and_whole_ones_as_before() -> None:
    outcome = run(240)
    assert outcome.failures == []
    assert (outcome.checks, outcome.differing) == (2, 0)
    assert outcome.answered.total() == 240
    statuses = {status for _, status in outcome.answered}
    assert statuses == {200, 400}


def test_an_answer_without_hits_and_one_with_a_path_are_failures() -> None:
    def empty(data: bytes, answer: Response) -> Response:
        return answer if data in WHOLE else JSONResponse({"hits": []})

    assert run(48, empty).failures

    def path(data: bytes, answer: Response) -> Response:
        if data in WHOLE:
            return answer
        error = {"code": "x", "message": "in /srv/catalog/a.jpg", "request_id": ""}
        return JSONResponse({"error": error}, 400)

    assert run(48, path).failures


def test_a_whole_photo_that_is_answered_otherwise_afterwards_is_told() -> None:
    asked = 0

    def turning(data: bytes, answer: Response) -> Response:
        nonlocal asked
        asked += 1
        hits = [{"product": {"id": "x"}, "score": float(asked)}]
        return JSONResponse({"hits": hits})

    assert run(12, turning).differing == 2


def test_a_whole_photo_that_is_refused_ends_the_run() -> None:
    def refusing(data: bytes, answer: Response) -> Response:
        return JSONResponse({"error": {}}, 400)

    with pytest.raises(RuntimeError, match="whole photo"):
        run(1, refusing)


WIDE_LIMITS = PhotoLimits(limit_pixels=4_000_000)


def test_the_same_seed_makes_the_same_files_and_every_kind_comes_as_often() -> None:
    files = seeds()
    first = list(mutated(120, 7, files))
    assert first == list(mutated(120, 7, files))
    assert first != list(mutated(120, 8, files))
    assert Counter(kind for kind, _ in first) == dict.fromkeys(MUTATIONS, 10)


def test_whole_photos_decode() -> None:
    for data in seeds():
        assert decode_photo(data, name="whole", target_side_px=64).shape[2] == 3
        assert photo_extension(data, name="whole").startswith(".")


@pytest.mark.parametrize("seed", [1, 2])
def test_mutated_photos_are_decoded_or_refused_with_a_sentence(seed: int) -> None:
    outcomes: Counter[str] = Counter()
    for kind, data in mutated(360, seed, seeds()):
        try:
            extension = photo_extension(data, name="sent", limits=WIDE_LIMITS)
            image = decode_photo(data, name="sent", target_side_px=64, limits=WIDE_LIMITS)
        except InvalidPhotoError as error:
            assert str(error).startswith("The photo sent "), kind  # noqa: PT017  (either is right)
            outcomes["refused"] += 1
            continue
        assert extension
        assert image.ndim == 3
        outcomes["decoded"] += 1
    assert outcomes["refused"] > 100
    assert outcomes["decoded"] > 20
