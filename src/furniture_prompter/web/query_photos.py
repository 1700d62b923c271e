"""A photo that came with a request, from what was sent to its vector."""

import hashlib
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from furniture_prompter.domain.crop import Crop
from furniture_prompter.errors import InvalidPhotoError
from furniture_prompter.web.product_bodies import from_base64
from furniture_prompter.web.services import Services
from furniture_prompter.web.vector_cache import content_key

Vector = NDArray[np.float32]

SENT: Final = "that was sent"
"""What errors call a photo, after "The photo"."""

_WEB: Final = ("http://", "https://")
# Hashing or decoding more than this takes a millisecond that the event loop has not got.
_LONG_BYTES: Final = 500_000


@dataclass(frozen=True, slots=True)
class SentPhoto:
    """A photo's file as it was sent.

    Attributes:
        data: Its bytes.
        name: What to call it in the answer.
    """

    data: bytes
    name: str


async def photo_of_text(text: str, services: Services) -> SentPhoto:
    """The photo that a text gives: base64, or its public web address.

    Raises:
        InvalidPhotoError: it is neither, or cannot be fetched.
    """
    if text.startswith(_WEB):
        if services.fetcher is None:
            raise InvalidPhotoError(
                "The photo is given as a web address, and this server fetches none. Send the photo "
                "itself, as a file or as base64."
            )
        with services.metrics.stage("fetch_photo"):
            return SentPhoto(await services.fetcher.fetch(text), text)
    limit_bytes = services.settings.limit_photo_bytes
    if len(text) > _LONG_BYTES:
        data = await services.decoding.run(from_base64, text, SENT, limit_bytes)
    else:
        data = from_base64(text, SENT, limit_bytes)
    return SentPhoto(data, "photo")


async def sha256_of(data: bytes, services: Services) -> bytes:
    """The content hash of a photo's file."""
    if len(data) > _LONG_BYTES:
        return await services.decoding.run(_sha256, data)
    return _sha256(data)


async def vector_of(data: bytes, sha256: bytes, crop: Crop | None, services: Services) -> Vector:
    """A photo's vector: kept from before, or computed together with those of other requests.

    Args:
        data: The file's bytes.
        sha256: Their hash.
        crop: The part that is meant.
        services: What decodes and encodes.

    Raises:
        InvalidPhotoError: the photo cannot be used.
        Overloaded: too many photos wait.
    """
    key = content_key(sha256, crop)
    kept = services.queue.peek(key)
    if kept is not None:
        return kept
    image = await services.decoding.decode(data, services.side_px, crop, name=SENT)
    return await services.queue.encode(image, key)


def _sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()
