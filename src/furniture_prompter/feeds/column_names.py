"""Names of columns: as a shop writes them, to identifiers that a filter can use."""

import re
import unicodedata

from furniture_prompter.feeds.wording import UnusableValueError, shown, usable

KNOWN = (
    "id",
    "title",
    "image",
    "images",
    "category",
    "color",
    "colors",
    "description",
    "tags",
)
"""Columns with a meaning of their own; every other one becomes an attribute."""

LIMIT_NAME_CHARACTERS = 64

_SPELLINGS = {"colour": "color", "colours": "colors"}
_OTHER = re.compile(r"[^a-z0-9]+")
# Letters that Unicode does not take apart into a base letter and an accent.
_LETTERS = str.maketrans({"ı": "i", "ß": "ss", "ø": "o", "æ": "ae", "œ": "oe", "đ": "d", "ł": "l"})


def column_name(name: str) -> str:
    """The identifier of a column: ``Genişlik (cm)`` becomes ``genislik_cm``.

    Lower case, accents dropped, everything but ``a-z`` and ``0-9`` to one underscore. The British
    spellings of `color` and `colors` are those columns.

    Raises:
        UnusableValueError: nothing is left, it does not begin with a letter, it is longer than 64
            characters, or it is no usable text.
    """
    plain = unicodedata.normalize("NFKD", usable(name)).lower().translate(_LETTERS)
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter))
    plain = _OTHER.sub("_", plain).strip("_")
    if not plain[:1].isalpha():
        raise UnusableValueError(
            f"The column name {shown(name)} does not begin with a letter of the Latin alphabet.",
            "Rename it, for example to begin with a letter.",
        )
    if len(plain) > LIMIT_NAME_CHARACTERS:
        raise UnusableValueError(
            f"The column name {shown(name)} is longer than {LIMIT_NAME_CHARACTERS} characters.",
            "Rename it.",
        )
    return _SPELLINGS.get(plain, plain)
