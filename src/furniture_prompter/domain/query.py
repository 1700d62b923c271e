"""What a shopper asks."""

from dataclasses import dataclass

from furniture_prompter.domain.crop import Crop
from furniture_prompter.domain.images import RgbImage


@dataclass(frozen=True, slots=True, eq=False)
class Query:
    """A photo, a prompt, or both; or a product whose likes are wanted.

    Attributes:
        prompt: Words that describe what is wanted; None for a photo alone.
        photo: Decoded pixels of the whole photo that was brought; None for a prompt alone.
        photo_name: What to call the photo in answers; it is never opened.
        photo_sha256: Content hash of the photo's file, which tells queries apart when pages are
            turned; hashed from the pixels where it is None.
        crop: The part of the photo that is meant; None for all of it.
        similar_to: Id of a product of the catalog whose photos stand for a photo; it is left out
            of its own hits.
        photo_weight: Share of the photo when both are given, 0 to 1.
        without: Words for what the product must not be.
        where: Filter over the catalog's columns, such as ``price < 300``.
        limit: Products wanted at the most.
        cursor: The `cursor` of the page before, for the next one; None for the first.
        facets: Columns whose values are to be counted.
    """

    prompt: str | None = None
    photo: RgbImage | None = None
    photo_name: str | None = None
    photo_weight: float = 0.5
    without: str | None = None
    where: str | None = None
    limit: int = 10
    cursor: str | None = None
    facets: tuple[str, ...] = ()
    photo_sha256: str | None = None
    crop: Crop | None = None
    similar_to: str | None = None
