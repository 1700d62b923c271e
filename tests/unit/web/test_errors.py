"""What is answered for which error, and what is not."""

import asyncio
import logging
from http import HTTPStatus
from typing import Annotated, Any

import httpx
import pytest
from fastapi import FastAPI, Query
from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.middleware import Middleware
from starlette.types import Receive, Scope, Send

from furniture_prompter import errors
from furniture_prompter.errors import FurniturePrompterError
from furniture_prompter.web.errors import (
    AnswerUnexpected,
    ApiError,
    Overloaded,
    add_error_handlers,
    answered,
    invalid_request,
)

PRIVATE = "/srv/private-folder/catalog"


def every_error() -> list[type[FurniturePrompterError]]:
    def tree(kind: type[FurniturePrompterError]) -> list[type[FurniturePrompterError]]:
        return [kind, *(deeper for child in kind.__subclasses__() for deeper in tree(child))]

    return [kind for kind in tree(FurniturePrompterError) if kind.__module__ == errors.__name__]


def answer_to(error: BaseException, path: str = "/fail") -> httpx.Response:
    app = FastAPI(middleware=[Middleware(AnswerUnexpected)])

    @app.get("/fail")
    async def fail() -> None:
        raise error

    class Wanted(BaseModel):
        count: int

    @app.get("/count")
    async def count(wanted: Annotated[Wanted, Query()]) -> None:
        assert wanted.count

    add_error_handlers(app)
    transport = httpx.ASGITransport(app)

    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:
            return await client.get(path)

    return asyncio.run(ask())


def test_of_the_schemas_errors_a_few_are_told_and_none_is_written_out() -> None:
    class Strict(BaseModel):
        model_config = ConfigDict(extra="forbid")

    with pytest.raises(ValidationError) as caught:
        Strict.model_validate({"n" * 1_000_000: "v" * 1_000_000, **{f"k{n}": n for n in range(8)}})
    error = invalid_request(caught.value)
    assert "and 4 more" in error.message
    assert len(error.message) < 600
    assert "vvv" not in error.message


@pytest.mark.parametrize("kind", every_error(), ids=lambda kind: kind.__name__)
def test_what_the_servers_own_files_caused_is_answered_without_a_path(
    kind: type[FurniturePrompterError], caplog: pytest.LogCaptureFixture
) -> None:
    message = f"{PRIVATE} is wrong."
    answer = answer_to(kind(message))
    told = answer.json()["error"]
    caused = issubclass(kind, errors.InvalidQueryError | errors.InvalidPhotoError)
    assert (answer.status_code < 500) == caused
    assert (PRIVATE in told["message"]) == caused
    assert (PRIVATE in caplog.text) != caused


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (errors.InvalidQueryError("x"), 400, "invalid_query"),
        (errors.InvalidFilterError("x"), 400, "invalid_filter"),
        (errors.InvalidPhotoError("x"), 400, "invalid_photo"),
        (errors.ProductNotFoundError("x"), 404, "not_found"),
        (errors.PhotoNotFoundError("x"), 404, "not_found"),
        (errors.CatalogBusyError("x"), 503, "catalog_busy"),
        (errors.CatalogWriteError("x"), 507, "catalog_write"),
        (errors.CatalogDamagedError("x"), 503, "catalog_damaged"),
        (errors.EncoderDamagedError("x"), 503, "encoder_damaged"),
        (errors.DistillationError("x"), 500, "internal"),
    ],
)
def test_an_error_has_its_status_and_code(
    error: FurniturePrompterError, status: int, code: str
) -> None:
    found = answered(error)
    assert (found.status, found.code) == (status, code)
    assert ("Retry-After" in found.headers) == (code == "catalog_busy")


def test_an_unexpected_error_says_nothing_and_is_logged_whole(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.ERROR):
        answer = answer_to(ZeroDivisionError(PRIVATE))
    assert answer.status_code == 500
    assert answer.json()["error"]["code"] == "internal"
    assert PRIVATE not in answer.text
    assert PRIVATE in caplog.text
    assert "Traceback" in caplog.text


def test_time_that_is_over_is_a_gateway_timeout() -> None:
    answer = answer_to(TimeoutError())
    assert (answer.status_code, answer.json()["error"]["code"]) == (504, "timeout")


@pytest.mark.parametrize(("given_s", "said"), [(0.01, "1"), (1.2, "1"), (7.0, "7")])
def test_overload_says_when_to_come_again_in_whole_seconds(given_s: float, said: str) -> None:
    answer = answer_to(Overloaded(given_s))
    assert (answer.status_code, answer.headers["retry-after"]) == (429, said)
    assert answer.json()["error"]["code"] == "overloaded"


def test_values_that_do_not_fit_are_told_by_their_place() -> None:
    answer = answer_to(ValueError(), "/count?count=many")
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    told: dict[str, Any] = answer.json()["error"]
    assert told["code"] == "invalid_request"
    assert "query.count" in told["message"]


def test_half_a_surrogate_pair_in_a_message_is_still_answered() -> None:
    answer = answer_to(ApiError(404, "not_found", "no \ud800 here"))
    assert answer.json()["error"]["message"] == "no ? here"


def test_a_middleware_that_fails_is_answered_in_the_same_shape() -> None:
    class Broken:
        def __init__(self, app: object) -> None:
            pass

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            raise ZeroDivisionError(PRIVATE)

    app = FastAPI(middleware=[Middleware(Broken), Middleware(AnswerUnexpected)])
    add_error_handlers(app)

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:
            return await client.get("/")

    answer = asyncio.run(ask())
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "internal")
    assert PRIVATE not in answer.text
