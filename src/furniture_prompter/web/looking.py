"""Photos of requests looked at: cut to the picture in them, encoded, turned upright; all kept."""

import asyncio
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from furniture_prompter.assembly.catalogs import Catalog
from furniture_prompter.assembly.query_photos import UprightBeside, load_detector
from furniture_prompter.domain import Query, RgbImage
from furniture_prompter.domain.query import Crop, LookedAt, Piece, PieceHits
from furniture_prompter.encoders.decoding import decode_into
from furniture_prompter.encoders.preprocessing import preprocess
from furniture_prompter.search.heat import CELLS, covered_rows
from furniture_prompter.search.pieces import SIDE_PX, no_detector, pieces_in, query_of_piece
from furniture_prompter.search.query_vectors import quarter_turns, searched_part
from furniture_prompter.web.caches import Vector, content_key
from furniture_prompter.web.decoding_pool import Look
from furniture_prompter.web.search_bodies import SENT
from furniture_prompter.web.services import Services


@dataclass(frozen=True, slots=True, eq=False)
class Sight:
    """A photo, or the part of it that is meant, encoded as it lies.

    Attributes:
        key: What tells its content from any other.
        vector: Shape (d,).
        look: What was found in it.
        image: Its pixels, fitted for the encoder; None where its vector was in memory.
        data: Its file; None where only its hash was sent.
    """

    key: bytes
    vector: Vector
    look: Look
    image: RgbImage | None = None
    data: bytes | None = None


class PhotoGoneError(Exception):
    """A photo of which only the hash was sent is no longer in memory."""


async def sight(
    data: bytes | None, sha256: bytes, crop: Crop | None, services: Services, *, whole: bool = False
) -> Sight:
    """A photo's vector: kept from before, or computed together with those of other requests.

    Args:
        data: The file's bytes; None for a photo that may be in memory.
        sha256: Their hash.
        crop: The part that is meant; without one, the picture in a screenshot is.
        services: What decodes and encodes.
        whole: Whether the photo is taken as it is.

    Raises:
        InvalidPhotoError: the photo cannot be used.
        Overloaded: too many photos wait.
        PhotoGoneError: there is no `data`, and the photo is not in memory.
    """
    # With a crop there is nothing to look for, so both ways give one vector.
    searched = whole or crop is not None
    key = content_key(sha256, crop, "whole") if searched else content_key(sha256)
    vector, look = services.queue.peek(key), services.looks.get(key)
    if vector is not None and look is not None:
        return Sight(key, vector, look, None, data)
    if data is None:
        raise PhotoGoneError
    image, look = await services.decoding.look(
        data, services.side_px, crop, for_picture=not searched, name=SENT
    )
    services.looks[key] = look
    return Sight(key, await services.queue.encode(image, key), look, image, data)


async def upright(
    seen: Sight, sides: UprightBeside, services: Services, *, whole: bool = False
) -> tuple[Vector, LookedAt | None]:
    """A photo's vector, turned upright where it is not, and what of the photo that is.

    Args:
        seen: The photo as it lies.
        sides: What tells which side is up, of the catalog that is asked.
        services: What decodes and encodes.
        whole: Whether it is taken so.

    Raises:
        InvalidPhotoError, Overloaded, PhotoGoneError: see :func:`sight`.
    """
    picture, quarters, vector = seen.look.picture, 0, seen.vector
    if not whole and not seen.look.names_orientation and not await sides.convinces(vector):
        rows = [vector, *await _turned(seen, services)]
        quarters = await sides.quarters(np.stack(rows))
        vector = rows[quarters]
    found = LookedAt(picture, 90 * quarters)
    return vector, None if found == LookedAt() else found


async def _turned(seen: Sight, services: Services) -> list[Vector]:
    """Vectors of a photo turned clockwise by 90, 180 and 270 degrees."""
    keys = [content_key(seen.key, "turned", quarters) for quarters in (1, 2, 3)]
    kept = [services.queue.peek(key) for key in keys]
    known = [vector for vector in kept if vector is not None]
    if len(known) == len(keys):
        return known
    image = seen.image
    if image is None:
        if seen.data is None:
            raise PhotoGoneError
        image, _ = await services.decoding.look(
            seen.data, services.side_px, seen.look.cut, for_picture=False, name=SENT
        )
    turns = zip(quarter_turns(image), keys, strict=True)
    return await asyncio.gather(*(services.queue.encode(turn, key) for turn, key in turns))


async def covered(
    data: bytes, crop: Crop | None, turned: int, services: Services
) -> NDArray[np.float32]:
    """Vectors of a photo under each cover of its heat map, shape (n, d).

    Args:
        data: The photo's file.
        crop: The part of it that is searched.
        turned: Degrees clockwise by which that is turned upright.
        services: What decodes and encodes.

    Raises:
        InvalidPhotoError, Overloaded: see :func:`sight`.
    """
    rows = []
    async with services.queue.series(CELLS * CELLS):
        # Not all at once: a queue that they fill has no place for anybody else's photo.
        for images in await services.decoding.run(_covered, data, crop, turned, services):
            rows += await asyncio.gather(*(services.queue.encode(image) for image in images))
    return np.stack(rows)


def _covered(
    data: bytes, crop: Crop | None, turned: int, services: Services
) -> list[list[RgbImage]]:
    fit, side_px = services.decoding.fit, services.side_px

    def fitted(image: RgbImage) -> list[list[RgbImage]]:
        query = Query(crop=crop, looked_at=LookedAt(None, turned))
        rows = covered_rows(searched_part(query, image))
        return [row if fit is None else [preprocess(each, fit) for each in row] for row in rows]

    if crop is not None:
        side_px = crop.whole_side_px(side_px)
    limits = services.decoding.limits
    return decode_into(data, fitted, name=SENT, target_side_px=side_px, limits=limits)


async def pieces_of(
    data: bytes, services: Services, *, asked: bool = True
) -> tuple[tuple[Piece, ...], list[RgbImage]]:
    """The pieces in a photo, the surest first, and the pixels of each, fitted for the encoder.

    Args:
        data: The photo's file.
        services: The server's.
        asked: See :func:`pieces_in`.

    Raises:
        InvalidPhotoError: the photo cannot be used.
        InvalidQueryError: no detector is set up.
        Overloaded: too many photos wait.
    """
    return await services.decoding.run(_pieces, data, services, asked)


def _pieces(
    data: bytes, services: Services, asked: bool
) -> tuple[tuple[Piece, ...], list[RgbImage]]:
    folder, fit = services.settings.detector, services.decoding.fit
    if folder is None:
        raise no_detector()
    detector = load_detector(folder)

    def found(image: RgbImage) -> tuple[tuple[Piece, ...], list[RgbImage]]:
        pieces = pieces_in(detector, image, asked=asked)
        cut = [piece.box.cut(image) for piece in pieces]
        return pieces, cut if fit is None else [preprocess(each, fit) for each in cut]

    limits = services.decoding.limits
    return decode_into(data, found, name=SENT, target_side_px=SIDE_PX, limits=limits)


async def room(
    data: bytes, query: Query, catalog: Catalog, services: Services
) -> tuple[PieceHits, ...]:
    """The pieces of a room, each with its hits; none for a photo of one piece.

    Args:
        data: The photo's file.
        query: The query that it was sent with.
        catalog: What is asked.
        services: What decodes and encodes.

    Raises:
        InvalidPhotoError, Overloaded: see :func:`pieces_of`.
    """
    pieces, images = await pieces_of(data, services, asked=False)
    rows = await asyncio.gather(*(services.queue.encode(image) for image in images))
    found = []
    for piece, row in zip(pieces, rows, strict=True):
        asked = query_of_piece(query, piece)
        answered = await catalog.search_async(asked, photo_vector=row)
        found.append(PieceHits(piece, answered.hits, answered.close))
    return tuple(found)
