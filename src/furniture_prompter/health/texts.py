"""Checks of a product's words: titles, categories, broken letters, HTML, language, colours."""

import re
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from difflib import get_close_matches
from html.entities import html5
from typing import Final

from furniture_prompter.domain import Finding, Product
from furniture_prompter.health.contents import CatalogContents
from furniture_prompter.understanding.word_forms import language_of

_LEAST_LETTERS: Final = 2
# A code of a shop: no blank, and a digit in it.
_CODE: Final = re.compile(r"(?=[^\s]*\d)[\w./-]+")
_TAG: Final = re.compile(r"</?(?:[a-zA-Z][a-zA-Z0-9]{0,14})(?:\s[^<>]{0,200})?/?>")
_ENTITY: Final = re.compile(r"&(#\d{1,6}|#x[0-9a-fA-F]{1,5}|[a-zA-Z]{2,8});")
# UTF-8 that was read as a Western or Turkish single-byte encoding: a lead byte and what follows it.
_READ_AS_BYTES: Final = re.compile(
    "[\u00c2-\u00c5][\u0080-\u00bf\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u02c6\u02dc"
    "\u2013\u2014\u2018-\u201e\u2020-\u2022\u2026\u2030\u2039\u203a\u20ac\u2122\u011e\u011f\u0130\u0131"
    "\u015e\u015f]|\u00e2\u20ac"
)
# Turkish that was read as Western: ğ, ı, ş became ð, ý, þ, which stand beside other letters.
_READ_AS_WESTERN: Final = re.compile(
    "[a-zA-ZçöüÇÖÜ][\u00f0\u00fe\u00d0\u00de\u00fd\u00dd]|[\u00f0\u00fe\u00de][a-zçöü]"
)
_LOST: Final = re.compile("\ufffd|[^\\W\\d_]\\?[^\\W\\d_]")
_ADDRESS: Final = re.compile(r"https?://\S+|www\.\S+")
_WORD: Final = re.compile(r"[^\W\d_]+")
_COLOUR_PARTS: Final = re.compile(r"[,;/|&+]| and | ve | und | et ")

_LEAST_MAJORITY: Final = 0.7
_LEAST_SAMPLES: Final = 8
_COMMON_COLOUR: Final = 3
_LIKE_A_COLOUR: Final = 0.75
_FEWEST_TO_SLIP: Final = 4
_SHOWN_LETTERS: Final = 60


def missing_titles(contents: CatalogContents) -> tuple[Finding, ...]:
    """Products whose title is missing, too short, their id, or a code."""
    found = []
    for index, product in enumerate(contents.products):
        title = product.title.strip()
        if not title:
            found.append(contents.about(index, "There is no title.", 3))
        elif title.casefold() == product.id.casefold():
            found.append(contents.about(index, f"The title is the id, {_quoted(title)}.", 2))
        elif sum(letter.isalpha() for letter in title) < _LEAST_LETTERS or _CODE.fullmatch(title):
            detail = f"The title says nothing that anybody searches for: {_quoted(title)}."
            found.append(contents.about(index, detail, 1))
    return _surest_first(found)


def missing_categories(contents: CatalogContents) -> tuple[Finding, ...]:
    """Products without a category."""
    return tuple(
        contents.about(index, "There is no category.")
        for index, product in enumerate(contents.products)
        if not product.category.strip()
    )


def broken_letters(contents: CatalogContents) -> tuple[Finding, ...]:
    """Products with text that was read in another encoding than it was written in."""
    found = []
    for index, product in enumerate(contents.products):
        for name, text in _texts(product):
            spot = _broken_spot(text)
            if spot is not None:
                begin = max(0, spot - _SHOWN_LETTERS // 3)
                shown = text[begin : begin + _SHOWN_LETTERS]
                detail = f"The {name} has broken letters: {_quoted(shown)}."
                found.append(contents.about(index, detail, 1 + (name == "title")))
                break
    return _surest_first(found)


def _broken_spot(text: str) -> int | None:
    if text.isascii() and "?" not in text:
        return None
    plain = _ADDRESS.sub("", text)
    for pattern in (_READ_AS_BYTES, _READ_AS_WESTERN, _LOST):
        if match := pattern.search(plain):
            return match.start()
    return None


def left_html(contents: CatalogContents) -> tuple[Finding, ...]:
    """Products with tags or entities of HTML in their words."""
    found = []
    for index, product in enumerate(contents.products):
        for name, text in _texts(product):
            match = _TAG.search(text) or next(
                (m for m in _ENTITY.finditer(text) if m[1][0] == "#" or f"{m[1]};" in html5), None
            )
            if match:
                detail = f"The {name} holds HTML: {_quoted(match[0])}."
                found.append(contents.about(index, detail, 1 + (name == "title")))
                break
    return _surest_first(found)


def other_languages(contents: CatalogContents) -> tuple[Finding, ...]:
    """Products described in another language than most, where one language is most's."""
    languages = [language_of(product.description) for product in contents.products]
    counts = Counter(language for language in languages if language is not None)
    if sum(counts.values()) < _LEAST_SAMPLES:
        return ()
    usual, count = counts.most_common(1)[0]
    if count < _LEAST_MAJORITY * sum(counts.values()):
        return ()
    return tuple(
        contents.about(
            index, f"Described in {language.title()}, while most are in {usual.title()}."
        )
        for index, language in enumerate(languages)
        if language is not None and language != usual
    )


def unknown_colours(
    contents: CatalogContents, is_known: Callable[[str], bool]
) -> tuple[Finding, ...]:
    """Products with a colour that neither the vocabulary nor the rest of the catalog knows.

    Args:
        contents: The catalog.
        is_known: Whether the vocabulary finds a colour in a text.
    """
    parts = [_colour_parts(product) for product in contents.products]
    counts = Counter(part for each in parts for part in set(each))
    common = [part for part, count in counts.items() if count >= _COMMON_COLOUR]
    words = Counter(word for part in common for word in _WORD.findall(part))
    found = []
    for index, each in enumerate(parts):
        for part in each:
            if counts[part] >= _COMMON_COLOUR:
                continue
            meant: str | None
            if is_known(part):
                slip = _slip(part, words, is_known)
                if slip is None:
                    continue
                part, meant = slip
            else:
                meant = _meant(part, common, list(words))
            detail = f"The colour {_quoted(part)} is not known."
            if meant:
                detail = f"{detail[:-1]}; {_quoted(meant)} may be meant."
            found.append(contents.about(index, detail, 1 + bool(meant)))
            break
    return _surest_first(found)


def _meant(part: str, common: Sequence[str], words: Sequence[str]) -> str | None:
    near = get_close_matches(part, common, n=1, cutoff=_LIKE_A_COLOUR)
    near = near or get_close_matches(part, words, n=1, cutoff=_LIKE_A_COLOUR)
    return near[0] if near else None


def _slip(
    part: str, words: Collection[str], is_known: Callable[[str], bool]
) -> tuple[str, str] | None:
    """A word that is spelt like a common one and is none, and the one that may be meant.

    The rest of the part may well be known, as in "wihte glass".
    """
    for word in _WORD.findall(part):
        if len(word) < _FEWEST_TO_SLIP or word in words or is_known(word):
            continue
        for near in get_close_matches(word, words, n=1, cutoff=_LIKE_A_COLOUR):
            # Others are words of their own: "round" beside "rounded", "sizes" beside "sides".
            if is_known(near) or sorted(near) == sorted(word):
                return word, near
    return None


def _colour_parts(product: Product) -> list[str]:
    parts = (part.strip() for part in _COLOUR_PARTS.split(product.color.lower()))
    return [part for part in parts if part]


def _texts(product: Product) -> list[tuple[str, str]]:
    fields = [
        ("title", product.title),
        ("category", product.category),
        ("colour", product.color),
        ("description", product.description),
    ]
    return [(name, text) for name, text in fields if text]


def _quoted(text: str) -> str:
    short = text if len(text) <= _SHOWN_LETTERS else f"{text[:_SHOWN_LETTERS]}…"
    return f"“{short}”"


def _surest_first(found: Sequence[Finding]) -> tuple[Finding, ...]:
    return tuple(sorted(found, key=lambda each: -each.score))
