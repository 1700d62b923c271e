"""What shoppers ask and click, as User Behavior Insights has it, and what a shop learns of it.

The shapes are those of UBI 1.3 (https://www.ubisearch.dev), so that its tools read the files.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

APPLICATION: Final = "furniture-prompter"
QUERIES_FILE: Final = "ubi_queries.jsonl"
EVENTS_FILE: Final = "ubi_events.jsonl"
PHOTOS_FOLDER: Final = "photos"
"""Of photos that found nothing, where a shop keeps them: ``HASH.jpg``, a small picture, and
``HASH.f16``, its vector, little-endian 16-bit floats."""
OLDER: Final = ".1"
"""What a full file is renamed with; the one before it goes."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One thing that people ask for.

    Attributes:
        text: The words; of photos what they show, in the catalog's words.
        count: How often it was asked.
        clicked: Answers to it, pages and narrowings among them, of which a hit was clicked.
    """

    text: str
    count: int
    clicked: int


@dataclass(frozen=True, slots=True)
class UnmetPhotos:
    """Photos that look alike, of which none found anything close.

    Attributes:
        count: How often they were asked with.
        pictures: Files of small pictures, the most asked first.
        text: What most of them show, in the catalog's words; empty where nothing tells.
    """

    count: int
    pictures: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True)
class Demand:
    """What people ask for, and what of it a shop does not sell.

    Attributes:
        first: When the earliest query was asked, ISO 8601, UTC; empty without any.
        last: When the latest one was.
        queries: Queries with an answer; its pages, orders and narrowings are no further ones.
        with_photo: Those with a photo.
        rooms: Those with a photo of a room of several pieces, which is described as no one product.
        clicked: Answers, pages and narrowings among them, of which a hit was clicked.
        missing: Words that nothing here matches well, or that nothing passes, most asked first.
        unclicked: Words that were answered, and whose hits nobody clicked, most asked first.
        words: All words, most asked first.
        photos: What photos show that people brought, most asked first.
        unmet: Photos that found nothing close, where the server keeps them, those that look alike
            together, most asked first.
        ranks: Clicks by the place of the hit, from 1.
        unread: Lines that could not be read.
    """

    first: str
    last: str
    queries: int
    with_photo: int
    rooms: int
    clicked: int
    missing: tuple[Asked, ...]
    unclicked: tuple[Asked, ...]
    words: tuple[Asked, ...]
    photos: tuple[Asked, ...]
    unmet: tuple[UnmetPhotos, ...]
    ranks: Mapping[int, int]
    unread: int
