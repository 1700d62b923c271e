"""Codes of products in a prompt: ids, model numbers and barcodes, as a shopper pastes them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from furniture_prompter.catalog.columns import VARIANTS
from furniture_prompter.catalog.filters import id_literals
from furniture_prompter.catalog.reader import CatalogReader
from furniture_prompter.catalog.vector_index import Numbers, rising
from furniture_prompter.domain.product import is_translated
from furniture_prompter.understanding.lexicon import fold_letters
from furniture_prompter.understanding.prompts import understand
from furniture_prompter.understanding.quantities import Reading

_COLUMNS: Final = ("gtin", "sku", "mpn", "ean", "barcode", "model", "model_no", "model_number")
"""Columns, beside `id`, of which the whole text is a code."""
_WRITTEN: Final = re.compile(r"[^\s,;!?()\[\]{}\"“”'’]+")
_EDGES: Final = ".:#+-_/*="
_RUN: Final = re.compile(r"[a-z]+|[0-9]+")
_LETTERS: Final = {"i": "[iıİ]", "s": "[sş]", "c": "[cç]", "g": "[gğ]", "o": "[oö]", "u": "[uü]"}
_APART: Final = r"[^\p{L}\p{N}]{0,2}"
"""What may stand between letters and digits: KLT-2040, KLT 2040 and klt2040 are one code."""
_LEAST_CHARACTERS: Final = 4
_MOST_CHARACTERS: Final = 40
_LEAST_DIGITS: Final = 2
_LEAST_DIGITS_ALONE: Final = 6
_MOST_NAMED: Final = 24
"""Products that one code names, as a model in its colours; of more it is a word like others."""


@dataclass(frozen=True, slots=True)
class Code:
    """What looks like a code.

    Attributes:
        start: Where it begins in the prompt, in Unicode's composed form.
        end: Where it ends.
        title: Of a product that it names; empty where it names none.
    """

    start: int
    end: int
    title: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Named:
    """What the codes of a prompt name.

    Attributes:
        codes: In the prompt's order.
        numbers: Of the products that they name, rising.
    """

    codes: tuple[Code, ...] = ()
    numbers: Numbers = field(default_factory=lambda: np.zeros(0, np.int64))


NOTHING_NAMED: Final = Named()
"""Of a text without codes."""


async def named_by_codes(reader: CatalogReader, text: str | None) -> Named:
    """The products that codes in a prompt name: by id, variant, barcode, or model in the title.

    Raises:
        CatalogDamagedError: the catalog cannot be read.
    """
    written = list(_written(Reading.of(text).prompt)) if text is not None else []
    if not written:
        return NOTHING_NAMED
    codes, numbers = [], [NOTHING_NAMED.numbers]
    for start, end, code in written:
        found = (await reader.passing(_condition(reader, code))).numbers
        title = ""
        if 0 < found.size <= _MOST_NAMED:
            numbers.append(found)
            title = (await reader.columns(found[:1], ["title"]))["title"][0] or code
        codes.append(Code(start, end, title))
    return Named(tuple(codes), rising(np.concatenate(numbers)))


def _written(prompt: str) -> Iterator[tuple[int, int, str]]:
    """Places and texts of what looks like a code: letters with digits, or many digits."""
    for found in _WRITTEN.finditer(prompt):
        code = found[0].strip(_EDGES)
        start = found.start() + found[0].find(code)
        digits = sum(letter.isdigit() for letter in code)
        letters = sum(letter.isalpha() for letter in code)
        if not _LEAST_CHARACTERS <= digits + letters <= len(code) <= _MOST_CHARACTERS:
            continue
        if digits < (1 if letters else _LEAST_DIGITS_ALONE) or understand(code).parts:
            continue
        yield start, start + len(code), code


def _condition(reader: CatalogReader, code: str) -> str:
    """A condition in SQL for the products that have a code, in small letters or capitals."""
    columns = reader.filter_columns
    spelled = dict.fromkeys((code, code.upper(), code.lower()))
    literals = dict.fromkeys(literal for each in spelled for literal in id_literals(each))
    told = [f"`id` IN ({', '.join(literals)})"]
    if reader.manifest.vector_index:
        # So many texts take longer to look through than a prompt may.
        return told[0]
    folded = fold_letters(code)
    runs = _RUN.findall(folded)
    if sum(map(len, runs)) == sum(map(str.isalnum, folded)):
        pattern = _APART.join("".join(_LETTERS.get(each, each) for each in run) for run in runs)
        whole = ("id", *(name for name in _COLUMNS if columns.get(name) == "text"))
        told += [f"regexp_like(`{name}`, '(?i)^{pattern}$')" for name in whole]
        if reader.manifest.variants:
            told.append(f'regexp_like(`{VARIANTS}`, \'(?i)"id":"{pattern}"\')')
        if sum(map(str.isdigit, folded)) >= _LEAST_DIGITS:
            word = rf"(?i)(^|[^\p{{L}}\p{{N}}]){pattern}([^\p{{L}}\p{{N}}]|$)"
            titles = (name for name in columns if is_translated(name) and name.startswith("title"))
            told += [f"regexp_like(`{name}`, '{word}')" for name in ("title", *titles)]
    return " OR ".join(f"coalesce({each}, false)" for each in told)
