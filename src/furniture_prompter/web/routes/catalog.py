"""What is searched, and what its vectors come from."""

import asyncio
from dataclasses import asdict

from fastapi import APIRouter, Depends, Response

from furniture_prompter.web import examples
from furniture_prompter.web.access import require
from furniture_prompter.web.descriptions import answers
from furniture_prompter.web.errors import finite, json_answer
from furniture_prompter.web.schemas import CatalogAnswer, EncodersAnswer
from furniture_prompter.web.services import ServicesDep

router = APIRouter(tags=["catalog"], dependencies=[Depends(require("read"))])


@router.get(
    "/catalog",
    summary="The catalog",
    responses=answers(CatalogAnswer, examples.CATALOG_ANSWER),
)
async def catalog(services: ServicesDep) -> Response:
    """The version that answers now, its size, its columns and what its vectors come from."""
    async with services.catalog.current() as current:
        # It adds up the sizes of the catalog's files.
        info = await asyncio.to_thread(current.info)
    # Where the shop's feeds lie is nobody's business.
    told = {name: value for name, value in asdict(info).items() if name != "feeds"}
    return json_answer(told | {"path": services.folder_name})


@router.get(
    "/encoders",
    summary="The encoders of the catalog",
    responses=answers(EncodersAnswer, examples.ENCODERS_ANSWER),
)
async def encoders(services: ServicesDep) -> Response:
    """What encodes photos and prompts here, and the spaces in which embeddings can be had."""
    async with services.catalog.current() as current:
        cards, spaces = current.cards, current.spaces
    return json_answer(
        {
            "encoders": [
                {
                    "name": card.name,
                    "kind": card.kind,
                    "dimension": card.dimension,
                    "metric": card.metric,
                    "licence": card.licence,
                    "description": card.description,
                    "parameters": card.parameters,
                    "weights_sha256": card.weights_sha256,
                    "encodes_prompts": card.encodes_prompts,
                    "figures": finite(card.figures),
                }
                for card in cards
            ],
            "spaces": [
                {
                    "name": space.name,
                    "takes_photos": space.takes_photos,
                    "takes_prompts": space.takes_prompts,
                }
                for space in spaces
            ],
        }
    )
