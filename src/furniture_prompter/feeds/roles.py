"""Roles: what a column of a table may mean, and what a person who names one may have meant."""

import difflib
import re
from collections.abc import Sequence
from typing import Final

from furniture_prompter.errors import InvalidFeedError
from furniture_prompter.feeds.cells import shown

ROLES: Final = {
    "id": "identifier of the product, or of the variant where rows are variants",
    "group": "what rows of one product share: item_group_id, Handle, model code",
    "parent": "id of the product that a row is a variant of",
    "title": "what the shop calls it",
    "description": "free text or HTML",
    "category": "kind of furniture; several columns are the levels of one path",
    "category_path": "path of categories, with > between levels",
    "color": "colours in the shop's words",
    "material": "materials in the shop's words",
    "tags": "further words",
    "image": "image files or addresses; several columns, or several in one cell",
    "variant_image": "image of this variant alone",
    "option_name": "name of an option, such as Color",
    "option_value": "value of that option, such as Grey",
    "options": "options in one cell, such as Color:Grey;Size:L",
    "price": "regular price",
    "sale_price": "reduced price",
    "list_price": "price before a reduction, where price is the reduced one",
    "currency": "currency of the prices",
    "availability": "whether it can be had",
    "stock": "pieces in stock",
    "brand": "brand or vendor",
    "url": "address of the product's page",
    "gtin": "GTIN, EAN or UPC",
    "width": "width",
    "depth": "depth",
    "height": "height",
    "length": "length",
    "diameter": "diameter",
    "seat_height": "height of the seat",
    "dimensions": "several sizes in one text",
    "weight": "weight",
    "seats": "for how many people",
    "drawers": "how many drawers",
    "attribute_name": "names of attributes in a list, whose values attribute_value has",
    "attribute_value": "values of attributes in a list, whose names attribute_name has",
    "status": "whether it is shown: active, draft, archived",
    "published": "whether it is shown: true or false",
    "attribute": "a column of its own, called as the file calls it",
    "ignore": "nothing that is wanted",
}
"""The roles that ``--map`` takes, with what each means."""

# What layouts need besides: several ids, ways of their own to name options and to hide rows.
INNER_ROLES: Final = frozenset(
    {
        "alt_id", "slug", "parent_number", "children", "pairs", "short_description",
        "google_category", "colors", "current_price", "in_stock", "visibility",
        "option_names", "option_values", "group_title", "attribute_unit", "row_kind", "details",
        "on_sale", "discount_mode", "discount_value", "surcharge",
    }
)  # fmt: skip

SEVERAL: Final = frozenset(
    {
        "image", "category", "option_name", "option_value", "variant_image", "attribute_name",
        "attribute_value", "attribute", "ignore",
    }
)  # fmt: skip
"""Roles that several columns may have."""

SIZES: Final = ("width", "depth", "height", "length", "diameter", "seat_height", "dimensions")
VARIANT: Final = "variant."
"""In front of the role of a column that holds a list, one value a variant."""
OPTION: Final = "option."
"""In front of the name of an option that a column holds the value of."""

_TRANSLATED: Final = re.compile(r"(title|category|color|tags|description)_[a-z]{2}")


def is_translation(role: str) -> bool:
    """Whether a role is a field in another language, such as ``title_tr``."""
    return _TRANSLATED.fullmatch(role) is not None


def is_role(role: str) -> bool:
    """Whether ``--map`` takes it."""
    if role.startswith(VARIANT):
        role = role.removeprefix(VARIANT)
    if role.startswith(OPTION):
        return len(role) > len(OPTION)
    return role in ROLES or is_translation(role)


def near(wanted: str, names: Sequence[str]) -> str:
    """``Did you mean …?`` for a misspelt name, with a blank in front; empty where none is near."""
    by_small = {name.lower(): name for name in names}
    found = difflib.get_close_matches(wanted.lower(), by_small, n=3, cutoff=0.6)
    if not found:
        return ""
    return f" Did you mean {' or '.join(shown(by_small[name]) for name in found)}?"


def parsed(given: str) -> tuple[str, str]:
    """Role and column of one ``ROLE=COLUMN``.

    Raises:
        InvalidFeedError: it is none, or there is no such role.
    """
    role, equals, column = given.partition("=")
    role, column = role.strip().lower(), column.strip()
    if not equals or not role or not column:
        raise InvalidFeedError(
            f"--map {shown(given)} is not ROLE=COLUMN. Write for example --map title=Name."
        )
    if not is_role(role):
        raise InvalidFeedError(
            f"--map {shown(given)}: there is no role {shown(role)}.{near(role, list(ROLES))} "
            f"The roles are {', '.join(ROLES)}, title_tr and the like, and option.NAME."
        )
    return role, column
