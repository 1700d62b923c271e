"""Query validation, and products and photos by their ids."""

import difflib
import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from furniture_prompter.catalog.reader import CatalogReader
from furniture_prompter.catalog.retention import photo_places
from furniture_prompter.domain import Photo, Product, Query
from furniture_prompter.domain.query import Crop
from furniture_prompter.errors import InvalidQueryError, PhotoNotFoundError, ProductNotFoundError
from furniture_prompter.query_options import LISTS, OPTIONS, NamedOption
from furniture_prompter.settings import Settings

# Shares that were divided out of whole pixels may pass the edge by a rounding.
_EDGE_TOLERANCE: Final = 1e-6


def refuse_unanswerable(
    query: Query, settings: Settings, *, photo_is_encoded: bool = False
) -> None:
    """Check a query against the limits.

    Args:
        query: The query.
        settings: The limits.
        photo_is_encoded: Whether the photo comes as a vector, beside the query.

    Raises:
        InvalidQueryError: nothing is asked, words are missing or too many, or a number is out of
            range; the message names the cure.
    """
    has_photo = query.photo is not None or photo_is_encoded
    if query.prompt is None and not has_photo and query.similar_to is None:
        raise InvalidQueryError("There is nothing to search for. Give a prompt, a photo, or both.")
    if has_photo and query.similar_to is not None:
        raise InvalidQueryError(
            "There is a photo and a product to be similar to. Leave one of them out."
        )
    if query.crop is not None:
        _refuse_crop(query.crop, has_photo)
    if query.piece is not None and not has_photo:
        raise InvalidQueryError("There is a piece and no photo. Give the photo that it is part of.")
    if query.prompt is not None:
        _refuse_wordless("prompt", query.prompt, settings.limit_prompt_characters)
    for option in OPTIONS.values():
        value = getattr(query, option.name)
        if value is not None:
            _refuse_out_of_range(option, value, settings)


def _refuse_out_of_range(option: NamedOption, value: Any, settings: Settings) -> None:
    about = option.about
    if about.words:
        _refuse_wordless(option.name, value, settings.limit_prompt_characters)
    if option.name in LISTS:
        value = len(value)
    most = about.most if about.setting_of_most is None else getattr(settings, about.setting_of_most)
    # Not the other way round: NaN must be refused too.
    at_least = about.least is None or value >= about.least
    at_most = most is None or value <= most
    if not (at_least and at_most):
        raise InvalidQueryError(about.refusal.format(value=value, least=about.least, most=most))


_OF_PHOTOS: Final = ("photo_weight", "colour_weight", "whole", "heat")


def unused_options(query: Query, settings: Settings, *, has_photo: bool) -> tuple[str, ...]:
    """A sentence on options that weigh or treat a photo where there is none; empty for none.

    They are no error: a client that sends the same options with every query is answered.

    Args:
        query: The query as it was asked.
        settings: What options are by default, which nobody has to be told of.
        has_photo: Whether a photo, or a product that stands for one, is asked with.
    """
    if has_photo:
        return ()
    given = []
    for name in _OF_PHOTOS:
        option = OPTIONS[name]
        setting = option.about.setting_of_default
        default = option.default if setting is None else getattr(settings, setting)
        if getattr(query, name) not in (None, default):
            given.append(f"`{name}`")
    if not given:
        return ()
    return (f"Without a photo nothing comes of {', '.join(given)}. Give a photo, or leave it out.",)


def refuse_unknown_facets(facets: Sequence[str], columns: Collection[str]) -> None:
    """Raise :class:`InvalidQueryError` for a facet that is no column of the catalog."""
    for name in facets:
        if name not in columns:
            nearest = difflib.get_close_matches(name, columns, n=1)
            cure = f"Did you mean `{nearest[0]}`?" if nearest else "Ask for one of them."
            raise InvalidQueryError(
                f"There is no column `{name}` to count. {cure} This catalog has: "
                f"{', '.join(sorted(columns))}."
            )


def _refuse_crop(crop: Crop, has_photo: bool) -> None:
    if not has_photo:
        raise InvalidQueryError("There is a crop and no photo. Give the photo that it is cut from.")
    inside = (
        0 <= crop.x < 1
        and 0 <= crop.y < 1
        and 0 < crop.width <= 1 - crop.x + _EDGE_TOLERANCE
        and 0 < crop.height <= 1 - crop.y + _EDGE_TOLERANCE
    )
    if not inside:
        raise InvalidQueryError(
            "The crop does not lie within the photo. Give x, y, width and height as shares of the "
            "photo from 0 to 1, with x + width and y + height at most 1."
        )


def _refuse_wordless(name: str, words: str, limit_characters: int) -> None:
    if len(words) > limit_characters:
        raise InvalidQueryError(
            f"The {name} has {len(words)} characters. Use at most {limit_characters}; a few words "
            "work best."
        )
    if not any(character.isalnum() for character in words):
        cure = (
            'Describe the piece, such as "oak side table".'
            if name == "prompt"
            else 'Name what is not wanted, such as "metal legs", or leave it out.'
        )
        raise InvalidQueryError(f"The {name} has no words. {cure}")


_SHA256: Final = re.compile(r"[0-9a-f]{64}")


async def number_of_product(reader: CatalogReader, product_id: str) -> int:
    """The catalog's own number of a product.

    Raises:
        ProductNotFoundError: the catalog has none of that id.
    """
    number = await reader.number_of(product_id)
    if number is None:
        raise ProductNotFoundError(
            f"The catalog has no product {product_id[:100]!r}. Check the id; every hit has one."
        )
    return number


async def find_product(reader: CatalogReader, product_id: str) -> tuple[Product, tuple[Photo, ...]]:
    """A product and its photos, main one first.

    Raises:
        ProductNotFoundError: the catalog has none of that id.
    """
    number = await number_of_product(reader, product_id)
    numbers = np.array([number], np.int64)
    product = (await reader.products(numbers))[number]
    rows = await reader.photos(numbers, None)
    return product, tuple(rows.photo(row, product.id) for row in range(len(rows.ids)))


async def find_photo(reader: CatalogReader, photo_id: str) -> Path:
    """The file of a photo: where it was indexed or, after a move, among the catalog's own.

    Nothing of the path comes from `photo_id`: the catalog's row names it.

    Raises:
        PhotoNotFoundError: the catalog has no photo of that id, or its file is gone.
    """
    photo = await reader.photo(photo_id) if _SHA256.fullmatch(photo_id) else None
    if photo is None:
        raise PhotoNotFoundError("The catalog has no such photo. Take the address from a hit.")
    path = photo_file(reader.folder, photo)
    if path is None:
        raise PhotoNotFoundError(
            "The photo's file is gone from where it was indexed. Put it back, or index again."
        )
    return path


def photo_file(catalog: Path, photo: Photo) -> Path | None:
    """The file of a photo of a catalog's folder; None where it is gone."""
    places = photo_places(catalog, photo.id, photo.path)
    return next((path for path in places if path.is_file()), None)
