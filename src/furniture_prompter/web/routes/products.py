"""GET /v1/products/{id} and /similar: one product, and products that look like it."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from furniture_prompter import domain
from furniture_prompter.search.answer import ProductAnswer, SearchAnswer, product_page_answer
from furniture_prompter.search.option_fields import options_of
from furniture_prompter.timing import StepTimes
from furniture_prompter.web import examples
from furniture_prompter.web.access import require
from furniture_prompter.web.descriptions import answers
from furniture_prompter.web.errors import json_answer, photo_address, search_answer
from furniture_prompter.web.product_bodies import PRODUCT, ends_in_id
from furniture_prompter.web.schemas import SimilarParameters
from furniture_prompter.web.services import ServicesDep

router = APIRouter(tags=["products"], dependencies=[Depends(require("read"))])


# An id may hold slashes; so the longer address comes first.
@router.get(
    f"{PRODUCT}/similar",
    summary="Find products that look like one",
    responses=answers(SearchAnswer, examples.SIMILAR_ANSWER, 404),
)
async def similar(
    product_id: str,
    parameters: Annotated[SimilarParameters, Query()],
    request: Request,
    services: ServicesDep,
) -> Response:
    """Products whose photos look like those of a product, that one left out."""
    if ends_in_id(request):
        return await product(f"{product_id}/similar", services)
    clock = StepTimes()
    query = domain.Query(similar_to=product_id)
    query = query.with_options(options_of(parameters), services.settings)
    async with services.catalog.current() as catalog:
        result = await catalog.search_async(query)
    return search_answer(result, services.folder_name, clock)


@router.get(
    PRODUCT,
    summary="One product",
    responses=answers(ProductAnswer, examples.PRODUCT_ANSWER, 404),
)
async def product(product_id: str, services: ServicesDep) -> Response:
    """A product's fields, and the addresses of its photos, the main one first."""
    async with services.catalog.current() as catalog:
        found, photos = await catalog.product(product_id)
    return json_answer(product_page_answer(found, photos, photo_address))
