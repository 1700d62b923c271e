"""Photos of products, at the size of a page."""

import logging
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from furniture_prompter.errors import InvalidPhotoError, PhotoNotFoundError
from furniture_prompter.web.access import require
from furniture_prompter.web.caches import (
    DEFAULT_SIDE_PX,
    LEAST_SIDE_PX,
    LIMIT_SIDE_PX,
    Format,
    Thumbnail,
    etag,
    resized,
)
from furniture_prompter.web.services import ServicesDep

_LOG = logging.getLogger("furniture_prompter.web")

router = APIRouter(tags=["images"], dependencies=[Depends(require("read"))])

# A photo's id is its content, so its pictures never change; a day bounds how long one is shown of a
# product that is gone.
_CACHING: Final = {"Cache-Control": "private, max-age=86400", "Vary": "Accept"}
_ETAG: Final = {"ETag": {"description": "Tells the picture.", "schema": {"type": "string"}}}
_ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "The picture: WebP where Accept has image/webp, else JPEG.",
        "headers": _ETAG,
        "content": {
            kind: {"schema": {"type": "string", "format": "binary"}}
            for kind in ("image/jpeg", "image/webp")
        },
    },
    304: {"description": "It is the one in If-None-Match.", "headers": _ETAG},
    404: {"description": "There is no such photo."},
}


@router.get(
    "/images/{photo}",
    summary="A photo of a product",
    response_class=Response,
    responses=_ANSWERS,
)
async def image(
    photo: Annotated[str, Path(description="A photo's id, as it ends the address in a hit.")],
    request: Request,
    services: ServicesDep,
    side_px: Annotated[
        int,
        Query(
            ge=LEAST_SIDE_PX,
            le=LIMIT_SIDE_PX,
            description="Longer side in pixels, at the most; photos are never enlarged.",
        ),
    ] = DEFAULT_SIDE_PX,
) -> Response:
    """A photo, resized and without metadata. Only photos of the catalog are served."""
    async with services.catalog.current() as catalog:
        path = await catalog.photo_path(photo)
    kind: Format = "webp" if "image/webp" in request.headers.get("accept", "") else "jpeg"
    tag = etag(photo, side_px, kind)
    headers = {**_CACHING, "ETag": tag}
    if _matches(request.headers.get("if-none-match", ""), tag):
        return Response(status_code=304, headers=headers)
    thumbnail = services.thumbnails.get(tag)
    if thumbnail is None:
        limits = services.decoding.limits
        try:
            thumbnail = await services.decoding.run(resized, path, side_px, kind, limits)
        except InvalidPhotoError as error:
            _LOG.error("a product's photo cannot be shown: %s", error)
            raise PhotoNotFoundError(
                "The photo's file cannot be read any more. Put it back, or index again."
            ) from error
        services.thumbnails.put(tag, thumbnail)
    return _answer(thumbnail, headers)


def _answer(thumbnail: Thumbnail, headers: dict[str, str]) -> Response:
    return Response(thumbnail.data, media_type=thumbnail.media_type, headers=headers)


def _matches(given: str, tag: str) -> bool:
    """Whether If-None-Match has the tag; a weak one matches as well (RFC 9110, 13.1.2)."""
    tags = {each.strip().removeprefix("W/") for each in given.split(",")}
    return tag in tags or "*" in tags
