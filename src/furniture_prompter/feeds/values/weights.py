"""Weights: what a shop's text says of kilograms."""

import math
import re
from functools import lru_cache
from typing import Final

from furniture_prompter.feeds.cells import DecimalMark, UnusableValueError, shown
from furniture_prompter.feeds.values.measures import plain_number
from furniture_prompter.feeds.values.sizes import KILOGRAMS, folded, size_column

LARGEST_KG: Final = 5_000.0
LIMIT_WEIGHT_CHARACTERS: Final = 200

_WEIGHT: Final = re.compile(r"(?P<number>\d{1,9}(?:[.,]\d{1,6})*)\s{0,3}(?P<unit>[a-z]{0,12})")


@lru_cache(maxsize=16_384)
def read_weight(
    text: str | float, *, column: str = "", mark: DecimalMark | None = None
) -> float | None:
    """Kilograms.

    Args:
        text: Such as ``12,5 kg``, ``900 g``, ``25 lbs``; a bare number has the unit of the
            column's name, else it is kilograms.
        column: The name of its column, such as ``Variant Grams``.
        mark: The decimal mark of the column.

    Returns:
        None for blank text, for 0, which shop systems write where no weight is known, and in
        columns about the parcel.

    Raises:
        UnusableValueError: it is no weight, or none of furniture.
    """
    about = size_column(column)
    if about.is_packed:
        return None
    if not isinstance(text, str):
        if isinstance(text, bool) or not math.isfinite(text):
            raise _no_weight(str(text))
        text = f"{text:.6f}".rstrip("0").rstrip(".")
    plain = folded(text[:LIMIT_WEIGHT_CHARACTERS]).strip()
    if not plain:
        return None
    found = [each for each in _WEIGHT.finditer(plain) if _is_weight(each["unit"])]
    in_kilograms = [each for each in found if each["unit"] in KILOGRAMS]
    if in_kilograms:
        found = in_kilograms[:1] if _is_told_twice(in_kilograms) else in_kilograms
    if len(found) != 1 or plain.startswith("-"):
        raise _no_weight(text)
    unit = found[0]["unit"] or about.weight_unit or "kg"
    number = found[0]["number"]
    value = plain_number(number)
    last = max(number.rfind("."), number.rfind(","))
    is_thousand = last > 0 and len(number) - last == 4 and not number.startswith("0")
    if is_thousand and (number[last] != mark if mark else unit in ("g", "gr", "gram", "grams")):
        value = float(number.replace(".", "").replace(",", ""))
    kilograms = value * KILOGRAMS[unit]
    if kilograms > LARGEST_KG:
        raise UnusableValueError(
            f"{shown(text)} is {kilograms:g} kg, which is no weight of furniture.",
            "Correct the number or its unit.",
        )
    return round(kilograms, 6) or None


def _is_weight(unit: str) -> bool:
    return not unit or unit in KILOGRAMS


def _is_told_twice(found: list[re.Match[str]]) -> bool:
    """Whether a weight stands there in two units: ``12 kg (26.5 lbs)``."""
    if len(found) != 2 or found[0]["unit"] == found[1]["unit"]:
        return False
    first, second = (plain_number(each["number"]) * KILOGRAMS[each["unit"]] for each in found)
    return math.isclose(first, second, rel_tol=0.05)


def _no_weight(text: str) -> UnusableValueError:
    return UnusableValueError(
        f"{shown(text)} is no weight.", "Give a number with its unit, such as 12 kg."
    )
