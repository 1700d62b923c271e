"""POST /v1/pieces: where the pieces of furniture are in a photo of a room."""

from fastapi import APIRouter, Depends, Request, Response

from furniture_prompter.search.photo_answer import PiecesAnswer, piece_answer
from furniture_prompter.web import examples
from furniture_prompter.web.access import require
from furniture_prompter.web.descriptions import PHOTO_FIELD, answers, form_body, json_body
from furniture_prompter.web.errors import ApiError, json_answer
from furniture_prompter.web.looking import pieces_of
from furniture_prompter.web.schemas import PiecesRequest
from furniture_prompter.web.search_bodies import photo_of_text, read_photo
from furniture_prompter.web.services import ServicesDep

router = APIRouter(tags=["search"], dependencies=[Depends(require("read"))])


@router.post(
    "/pieces",
    summary="Find the pieces of furniture in a photo of a room",
    responses=answers(PiecesAnswer, examples.PIECES_ANSWER, 415),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": json_body(PiecesRequest, examples.PIECES)
            | form_body({"photo": PHOTO_FIELD}),
        }
    },
)
async def pieces(request: Request, services: ServicesDep) -> Response:
    """Boxes of pieces, the surest first, in shares of the photo.

    JSON with the photo as base64 or as a public web address; or a form with the photo as a file.
    """
    asked, photo = await read_photo(request, services.settings, PiecesRequest)
    if photo is None and asked.photo is not None:
        photo = await photo_of_text(asked.photo, services)
    if photo is None:
        raise ApiError(422, "invalid_request", "There is no photo. Send one in `photo`.")
    found, _ = await pieces_of(photo.data, services)
    return json_answer({"pieces": [piece_answer(each) for each in found]})
