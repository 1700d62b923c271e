"""Recipe of a catalog's health: read it, look at its photos, run every check, order by cost."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from furniture_prompter.catalog.reader import CatalogReader
from furniture_prompter.domain import CheckResult, Finding, HealthReport, IndexProgress
from furniture_prompter.encoders.decoding import PhotoLimits
from furniture_prompter.encoders.protocols import Encoder, PromptEncoder
from furniture_prompter.errors import EncoderError
from furniture_prompter.feeds.values.vocabulary import base_colors, base_materials
from furniture_prompter.health import meaning, numbers, photos, texts
from furniture_prompter.health.checks import CHECKS
from furniture_prompter.health.contents import CatalogContents, read_contents
from furniture_prompter.health.photos import PhotoLook, look_at_all

OnProgress = Callable[[IndexProgress], None]

_OF_PAIRS: Final = ("near-duplicate-photo",)
_OF_MEANING: Final = ("wrong-photo", "wrong-category")


@dataclass(frozen=True)
class Encoders:
    """The catalog's own encoders, loaded where they are needed.

    Attributes:
        load_photo: Loads the photo encoder.
        load_prompt: Loads the prompt encoder.
    """

    load_photo: Callable[[], Encoder]
    load_prompt: Callable[[], PromptEncoder]

    @cached_property
    def photo(self) -> Encoder:
        """The photo encoder."""
        return self.load_photo()

    @cached_property
    def prompt(self) -> PromptEncoder:
        """The prompt encoder."""
        return self.load_prompt()


async def examine(
    reader: CatalogReader,
    encoders: Encoders,
    limits: PhotoLimits,
    on_progress: OnProgress = lambda _: None,
) -> HealthReport:
    """What is wrong with the data of an opened version, the costliest first.

    Photos are read from their files, and judged by the vectors that the catalog has.

    Args:
        reader: The version.
        encoders: The catalog's own.
        limits: What is refused before decoding.
        on_progress: Called often while photos are looked at.

    Raises:
        CatalogDamagedError: the catalog cannot be read.
    """
    began = time.perf_counter()
    contents = await read_contents(reader)
    total = len(contents.paths)
    looks = look_at_all(
        contents.paths,
        limits,
        lambda done: on_progress(IndexProgress("looking at", done, total, "photos")),
    )
    results, skipped = run_checks(contents, looks, encoders)
    return HealthReport(
        path=str(reader.folder),
        version=reader.manifest.version,
        products=len(contents.products),
        photos=total,
        checks=results,
        skipped=skipped,
        seconds=time.perf_counter() - began,
    )


def run_checks(
    contents: CatalogContents, looks: Sequence[PhotoLook | str], encoders: Encoders
) -> tuple[tuple[CheckResult, ...], dict[str, str]]:
    """Run every check: their results, the costliest first, and those that could not, with why.

    Args:
        contents: The catalog.
        looks: Of each photo, in order.
        encoders: The catalog's own.
    """
    skipped: dict[str, str] = {}
    untitled = texts.missing_titles(contents)
    of_photos = _of_photos(contents, looks, encoders, skipped)
    signs = of_photos.get("placeholder", ())
    found = {
        **of_photos,
        **_of_meaning(contents, encoders, skipped, _files(signs), untitled),
        "missing-title": untitled,
        "missing-category": texts.missing_categories(contents),
        "broken-letters": texts.broken_letters(contents),
        "other-language": texts.other_languages(contents),
        "left-html": texts.left_html(contents),
        "unknown-colour": texts.unknown_colours(contents, _is_known_colour),
        "doubtful-price": numbers.doubtful_prices(contents),
        "missing-size": numbers.missing_sizes(contents),
    }
    results = [
        CheckResult(name, check.heading, check.severity, check.costs, check.cure, found[name])
        for name, check in CHECKS.items()
        if name not in skipped
    ]
    return tuple(sorted(results, key=lambda result: -result.cost)), skipped


def _of_photos(
    contents: CatalogContents,
    looks: Sequence[PhotoLook | str],
    encoders: Encoders,
    skipped: dict[str, str],
) -> dict[str, tuple[Finding, ...]]:
    compare_pixels = len(contents.paths) <= photos.LIMIT_PHOTOS
    if not compare_pixels:
        reason = f"Photos are compared in pairs up to {photos.LIMIT_PHOTOS:,} of them."
        skipped.update(dict.fromkeys(_OF_PAIRS, reason))
    found: dict[str, tuple[Finding, ...]] = {}
    try:
        encode = encoders.photo.encode
    except EncoderError as error:
        skipped["placeholder"] = f"The catalog's photo encoder cannot be loaded. {error}"
    else:
        found["placeholder"] = photos.placeholders(contents, looks, encode)
    twice = photos.find_duplicates(
        contents,
        looks,
        compare_pixels=compare_pixels,
        placeholders=_files(found.get("placeholder", ())),
    )
    return {
        **found,
        "unreadable-photo": photos.unreadable_photos(contents, looks),
        "tiny-photo": photos.tiny_photos(contents, looks),
        "duplicate-product": twice.products,
        "shared-photo": twice.shared,
        "near-duplicate-photo": twice.near,
    }


def _files(findings: Sequence[Finding]) -> frozenset[str]:
    return frozenset(product.photo for finding in findings for product in finding.products)


def _of_meaning(
    contents: CatalogContents,
    encoders: Encoders,
    skipped: dict[str, str],
    placeholders: frozenset[str],
    untitled: Sequence[Finding],
) -> dict[str, tuple[Finding, ...]]:
    reason = ""
    if len(contents.products) < meaning.LEAST_PRODUCTS:
        reason = (
            f"What photos of a kind look like is told from {meaning.LEAST_PRODUCTS} products or "
            f"more; there are {len(contents.products)}."
        )
    elif len(contents.paths) > meaning.LIMIT_PHOTOS:
        reason = f"Photos are compared with words up to {meaning.LIMIT_PHOTOS:,} of them."
    else:
        try:
            judged = meaning.judge(contents, encoders.prompt.encode)
        except EncoderError as error:
            reason = f"The catalog's prompt encoder cannot be loaded. {error}"
        else:
            ids = frozenset(product.id for each in untitled for product in each.products)
            misfits = meaning.find_misfits(
                contents, judged, placeholders=placeholders, untitled=ids
            )
            return {"wrong-photo": misfits.photos, "wrong-category": misfits.categories}
    skipped.update(dict.fromkeys(_OF_MEANING, reason))
    return {}


def _is_known_colour(text: str) -> bool:
    """Whether the vocabulary finds a colour in it, or a material that stands for one."""
    return bool(base_colors(text) or base_materials(text))
