"""What a shopper asks."""

from dataclasses import dataclass

from furniture_prompter.domain.images import RgbImage


@dataclass(frozen=True, slots=True, eq=False)
class Query:
    """A photo, a prompt, or both.

    Attributes:
        prompt: Words that describe what is wanted; None for a photo alone.
        photo: Decoded pixels of the photo that was brought; None for a prompt alone.
        photo_name: What to call the photo in answers; it is never opened.
        photo_weight: Share of the photo when both are given, 0 to 1.
        without: Words for what the product must not be.
        where: Filter over the catalog's columns, such as ``price < 300``.
        limit: Products wanted at the most.
    """

    prompt: str | None = None
    photo: RgbImage | None = None
    photo_name: str | None = None
    photo_weight: float = 0.5
    without: str | None = None
    where: str | None = None
    limit: int = 10
