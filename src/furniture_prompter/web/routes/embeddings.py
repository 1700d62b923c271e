"""Vectors of prompts and photos, in the words of OpenAI's embeddings."""

import asyncio
import base64
from typing import Final

import numpy as np
from fastapi import APIRouter, Depends, Request, Response

from furniture_prompter.errors import InvalidQueryError
from furniture_prompter.web import examples
from furniture_prompter.web.access import require
from furniture_prompter.web.bodies import LIMIT_VALUES
from furniture_prompter.web.descriptions import answers, json_body
from furniture_prompter.web.errors import ApiError, json_answer
from furniture_prompter.web.schemas import (
    EmbeddingsAnswer,
    EmbeddingsRequest,
    PhotoInput,
    TextInput,
)
from furniture_prompter.web.search_bodies import (
    Vector,
    json_value,
    photo_of_text,
    sha256_of,
    vector_of,
)
from furniture_prompter.web.services import Services, ServicesDep

# An object with its type and its photo, and one of a list.
_VALUES_OF_INPUT: Final = 4

router = APIRouter(tags=["embeddings"], dependencies=[Depends(require("read"))])


@router.post(
    "/embeddings",
    summary="Vectors of prompts and photos",
    responses=answers(EmbeddingsAnswer, examples.EMBEDDINGS_ANSWER, 400, 415),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": json_body(EmbeddingsRequest, examples.EMBEDDINGS),
        }
    },
)
async def embeddings(request: Request, services: ServicesDep) -> Response:
    """Unit vectors in the order of the inputs, all of one space, which `model` names.

    A prompt of which no word is known has a vector of zeros. `usage` counts words of prompts, and
    one for each photo.
    """
    limit = services.settings.limit_embeddings
    value = await json_value(request, services.settings, LIMIT_VALUES + _VALUES_OF_INPUT * limit)
    _refuse_many(value, limit)
    asked = EmbeddingsRequest.model_validate(value)
    given = asked.input if isinstance(asked.input, list) else [asked.input]
    inputs = [each.text if isinstance(each, TextInput) else each for each in given]
    prompts = [each for each in inputs if isinstance(each, str)]
    _refuse_long(prompts, services)
    images = [each.image for each in inputs if isinstance(each, PhotoInput)]
    photos = await _photo_vectors(images, services) if images else None
    async with services.catalog.current() as catalog:
        embedded = await catalog.embed(prompts, photos, asked.model)
    of_prompts, of_photos = iter(embedded.prompts), iter(embedded.photos)
    vectors = [next(of_prompts if isinstance(each, str) else of_photos) for each in inputs]
    tokens = sum(len(prompt.split()) for prompt in prompts) + len(images)
    return json_answer(
        {
            "object": "list",
            "data": [
                {
                    "object": "embedding",
                    "index": place,
                    "embedding": _written(vector, asked.encoding_format),
                }
                for place, vector in enumerate(vectors)
            ],
            "model": embedded.space,
            "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
        }
    )


def _refuse_many(value: object, limit: int) -> None:
    """Count before anything is checked: each input that is none is wrong in three ways."""
    given = value.get("input") if isinstance(value, dict) else None
    if isinstance(given, list) and not 1 <= len(given) <= limit:
        raise ApiError(
            422, "invalid_request", f"There are {len(given)} inputs. Send 1 to {limit} of them."
        )


def _refuse_long(prompts: list[str], services: Services) -> None:
    limit = services.settings.limit_prompt_characters
    for prompt in prompts:
        if len(prompt) > limit:
            raise InvalidQueryError(
                f"An input has {len(prompt)} characters. Use at most {limit}; a few words work "
                "best."
            )


async def _photo_vectors(images: list[str], services: Services) -> Vector:
    """Rows for photos, no more of them on their way at once than two batches."""
    places = asyncio.Semaphore(2 * services.settings.batch_photos)

    async def vector(image: str) -> Vector:
        async with places:
            data = (await photo_of_text(image, services)).data
            return await vector_of(data, await sha256_of(data, services), None, services)

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(vector(image)) for image in images]
    except ExceptionGroup as failed:
        # One answer has one error; that of the first photo that failed.
        raise failed.exceptions[0] from None
    return np.stack([task.result() for task in tasks])


def _written(vector: Vector, encoding_format: str) -> list[float] | str:
    if encoding_format == "float":
        return [float(value) for value in vector]
    return base64.b64encode(np.ascontiguousarray(vector, "<f4").tobytes()).decode("ascii")
