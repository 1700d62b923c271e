"""Cells of images: one file or address, or several in any of the ways in which shops write them."""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from furniture_prompter.feeds.cells import UnusableValueError
from furniture_prompter.feeds.folder import PHOTO_EXTENSIONS
from furniture_prompter.feeds.records import Value

# A comma in an address is part of it, unless another address begins behind it.
_BETWEEN_ADDRESSES: Final = re.compile(r"[|,;]\s?(?=(?:https?:)?//)|\s(?=https?://)", re.I)
_BETWEEN_FILES: Final = re.compile(r"[,;]")
_FILE: Final = re.compile(rf".*({'|'.join(map(re.escape, PHOTO_EXTENSIONS))})", re.IGNORECASE)
_MEMBERS: Final = ("src", "url", "contentUrl", "href", "link", "image")
_LIMIT_JSON_CHARACTERS: Final = 100_000
_WRONG: Final = "Write a path or a list of paths."


@dataclass(slots=True)
class ProductImages:
    """The images of one product, and of which of its variants each is.

    Attributes:
        given: How many are named.
        images: Those that can be used, in order.
        addresses: The address of each that has to be downloaded.
    """

    given: int = 0
    images: dict[Path, None] = field(default_factory=dict)
    addresses: dict[Path, str] = field(default_factory=dict)
    _first: dict[Path, set[str]] = field(default_factory=dict)
    _any: dict[Path, set[str]] = field(default_factory=dict)

    def add(self, path: Path, address: str, variant_id: str, *, is_first: bool) -> None:
        """Take one image, of a variant where one is named."""
        self.images[path] = None
        if address:
            self.addresses[path] = address
        if variant_id:
            self._any.setdefault(path, set()).add(variant_id)
            if is_first:
                self._first.setdefault(path, set()).add(variant_id)

    @property
    def variant_of(self) -> dict[Path, str]:
        """The variant of each image that is the first one of one variant only, or no other's."""
        showing = {}
        for path, variants in self._any.items():
            one = self._first.get(path) or variants
            if len(one) == 1:
                showing[path] = next(iter(one))
        return showing


def references(value: Value, name: str, *, split: bool = True) -> list[str]:
    """The files and addresses that a cell names, in their order.

    Args:
        value: Text, or a list of texts. Text may be a JSON list, or hold bars between names;
            commas, semicolons and blanks part them where another address or file name follows.
        name: What to call the column in errors.
        split: Whether a text may hold several.

    Raises:
        UnusableValueError: it is neither text nor a list of texts.
    """
    if isinstance(value, str):
        if not split:
            return [value.strip()] if value.strip() else []
        return _of_text(value.strip())
    if not isinstance(value, list):
        raise UnusableValueError(f"{name} holds no names of images.", _WRONG)
    found: list[str] = []
    for part in value:
        if isinstance(part, str):
            # Each member of a list is one name, with whatever is in it.
            found += [part.strip()] if part.strip() else []
        elif isinstance(part, list):
            found += references(part, name, split=split)
        elif part is not None:
            raise UnusableValueError(f"{name} is no list of texts, of the wrong type.", _WRONG)
    return found


def _of_text(text: str) -> list[str]:
    if text.startswith("[") and text.endswith("]"):
        listed = _of_json(text)
        if listed is not None:
            return listed
    if "//" in text:
        parts = (part.strip(" |,;\t\r\n") for part in _BETWEEN_ADDRESSES.split(text))
        return [part for part in parts if part]
    found: list[str] = []
    for part in text.split("|"):
        files = [file.strip() for file in _BETWEEN_FILES.split(part.strip(" ,;"))]
        if len(files) > 1 and all(map(_FILE.fullmatch, files)):
            found += files
        elif part.strip():
            found.append(part.strip())
    return found


def _of_json(text: str) -> list[str] | None:
    """The names in a list that is written as JSON in a cell; None where it is none."""
    if len(text) > _LIMIT_JSON_CHARACTERS:
        return None
    try:
        listed: Any = json.loads(text)
    except (ValueError, RecursionError):
        return None
    found = []
    for each in listed:
        if isinstance(each, dict):
            each = next((each[name] for name in _MEMBERS if isinstance(each.get(name), str)), None)
        if isinstance(each, str) and each.strip():
            found.append(each.strip())
    return found
