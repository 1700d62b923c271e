"""Every check of a catalog's health: its name, what it costs searches and how to cure it."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Check:
    """One check as a person reads of it.

    Attributes:
        heading: What is wrong, in a few words.
        severity: Share of the ways to find a product that it is lost to, 0 to 1: by a photo of it,
            by its words, by filters. docs/health.md has what was measured and what is argued.
        costs: What it does to searches, in a sentence.
        cure: What to do about it, in a sentence.
    """

    heading: str
    severity: float
    costs: str
    cure: str


CHECKS: Final[dict[str, Check]] = {
    "placeholder": Check(
        "Placeholders instead of photos",
        0.7,
        "No photo finds the product, and prompts that search photos do not either.",
        "Give the product a photo of its own, or leave the image out of the feed until there is "
        "one.",
    ),
    "wrong-photo": Check(
        "Photos that may show something else",
        0.7,
        "Photos of the product do not find it, and photos of something else do.",
        "Look at the photo beside the title; put the right file into the feed, and index again.",
    ),
    "missing-title": Check(
        "Titles that are missing or say nothing",
        0.6,
        "Words do not find the product: titles carry most of them.",
        "Give the feed a column with the product's name, or say which one it is when indexing "
        "(--map title=COLUMN).",
    ),
    "shared-photo": Check(
        "One photo on many products",
        0.5,
        "A photo finds all of them alike, so that the right one stands among the others by chance.",
        "Give each product its own photo; make one product with variants of those that are one.",
    ),
    "duplicate-product": Check(
        "Products that are there twice",
        0.5,
        "Both stand side by side in every answer and take each other's place.",
        "Remove one of them from the feed and index with --sync, or make variants of them.",
    ),
    "near-duplicate-photo": Check(
        "Nearly the same photo on several products",
        0.4,
        "A photo finds all of them alike, so that the right one stands among the others by chance.",
        "Give each product its own photo; make one product with variants of those that are one.",
    ),
    "broken-letters": Check(
        "Broken letters in words",
        0.35,
        "Words with broken letters are found by nobody who spells them well.",
        "Export the feed as UTF-8, or say its encoding when indexing (--encoding cp1254, for one).",
    ),
    "unreadable-photo": Check(
        "Photo files that are gone or damaged",
        0.3,
        "The product is still found and shown without a picture; a next run of index without the "
        "file sets it aside.",
        "Put the file back where the feed says, or mend the path, and index again.",
    ),
    "wrong-category": Check(
        "Categories that do not fit",
        0.3,
        "Filters and facets of the right category leave the product out.",
        "Look at the category beside title and photo, mend it in the feed and index again.",
    ),
    "missing-category": Check(
        "No category",
        0.3,
        "Filters and facets by category leave the product out.",
        "Give the feed a category for it.",
    ),
    "doubtful-price": Check(
        "Doubtful prices",
        0.25,
        "Filters by price let it through or leave it out wrongly, and shoppers see a wrong price.",
        "Compare with the shop's price list: a decimal point that was read as thousands, another "
        "currency, or a number that stands for none.",
    ),
    "other-language": Check(
        "Descriptions in another language",
        0.2,
        "Words of the catalog's language do not find what is described in another.",
        "Export the texts of one language; put others into columns such as description_tr.",
    ),
    "tiny-photo": Check(
        "Tiny or enlarged photos",
        0.15,
        "Photos of few pixels find less than others, and look poor.",
        "Export the photos at 500 pixels or more on the longer side.",
    ),
    "unknown-colour": Check(
        "Colours that are not known",
        0.1,
        "Filters by colour leave the product out, and a misspelt colour is not found by words.",
        "Mend the spelling, or write the usual colour beside the shop's own name.",
    ),
    "missing-size": Check(
        "Sizes that others of the category have",
        0.1,
        "Filters by size leave the product out.",
        "Give the feed its width, depth and height, or a size.",
    ),
    "left-html": Check(
        "HTML in words",
        0.05,
        "Tags are searched as if they were words, and shown to shoppers.",
        "Export descriptions as plain text.",
    ),
}
"""By name, the costliest for one product first."""
