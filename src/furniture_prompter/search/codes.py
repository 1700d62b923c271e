"""Codes of products in a prompt: ids, model numbers and barcodes, as a shopper pastes them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Final

import numpy as np

from furniture_prompter.catalog.columns import VARIANTS
from furniture_prompter.catalog.filters import id_literals, text_literal
from furniture_prompter.catalog.reader import CatalogReader
from furniture_prompter.catalog.vector_index import Numbers, rising
from furniture_prompter.domain import Query
from furniture_prompter.domain.product import is_translated
from furniture_prompter.domain.query import Understood
from furniture_prompter.search.understood import Heard, hear
from furniture_prompter.understanding.lexicon import LEXICON, fold_letters
from furniture_prompter.understanding.prompts import understand
from furniture_prompter.understanding.reading import Reading

_COLUMNS: Final = ("gtin", "sku", "mpn", "ean", "barcode", "model", "model_no", "model_number")
"""Columns, beside `id`, of which the whole text is a code."""
_WRITTEN: Final = re.compile(r"[^\s,;!?()\[\]{}\"“”'’]+")
_SPACED: Final = re.compile(r"(?<![\w-])[^\W\d_]{2,5} \d{3,8}(?![\w-])")
"""A code with a space in it, which ids, and columns of codes, are looked through for."""
_DASHED: Final = re.compile(r"([1-9][0-9.,]{0,11})[-–]([1-9][0-9.,]{0,11})")
_INNER: Final = re.compile(r"\w[-_./]\w")
_WITH: Final = frozenset({"ve", "veya", "yada", "ile", ","})
_NOR: Final = frozenset({"or", "nor"})
_EDGES: Final = ".:#+-_/*="
_RUN: Final = re.compile(r"[a-z]+|[0-9]+")
_LETTERS: Final = {"i": "[iıİ]", "s": "[sş]", "c": "[cç]", "g": "[gğ]", "o": "[oö]", "u": "[uü]"}
_APART: Final = r"[^\p{L}\p{N}]{0,2}"
"""What may stand between letters and digits: KLT-2040, KLT 2040 and klt2040 are one code."""
_MARK: Final = "[-./ ]?"
_LEAST_CHARACTERS: Final = 4
_LEAST_CHARACTERS_OF_ID: Final = 2
_MOST_CHARACTERS: Final = 40
_MEASURED: Final = ("_cm", "_kg", "price")
_LEAST_DIGITS: Final = 2
_LEAST_DIGITS_ALONE: Final = 6
_MOST_CODES: Final = 8
"""Codes of a prompt that are looked up, each in all titles; the others are words like others."""
_MOST_TRIED: Final = 32
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

    def unknown(self, prompt: str) -> tuple[str, ...]:
        """A sentence on codes that no product has; empty where products have all of them."""
        written = [prompt[each.start : each.end] for each in self.codes if not each.title]
        told = ", ".join(f"“{code}”" for code in written if _is_told(code))
        return (_OF_NO_PRODUCT.format(said=told),) if told else ()


_OF_NO_PRODUCT: Final = "No product has the code {said}: what the other words find is shown."


def _is_told(code: str) -> bool:
    """Whether something is a code and nothing else, as "2700K" and "1000W" need not be."""
    if ends := _DASHED.fullmatch(code):
        # "12.000-15.000" are prices, or sizes.
        low, high = (int(re.sub("[.,]", "", end)) for end in ends.groups())
        if low < high:
            return False
    digits, letters = (sum(map(test, code)) for test in (str.isdigit, str.isalpha))
    return digits >= _LEAST_DIGITS_ALONE or (letters > 1 and digits > 1)


def holds_a_code(prompt: str) -> bool:
    """Whether a prompt names something by what looks like a code."""
    return any(each.in_titles and _is_told(each.text) for each in _written(prompt))


NOTHING_NAMED: Final = Named()
"""Of a text without codes."""


@dataclass(frozen=True, slots=True)
class _Written:
    """What looks like a code, where it stands, and where it is looked up: the more, the surer."""

    start: int
    end: int
    text: str
    in_columns: bool
    in_titles: bool


async def named_by_codes(reader: CatalogReader, text: str | None) -> Named:
    """The products that codes in a prompt name: by id, variant, barcode, or model in the title.

    Raises:
        CatalogDamagedError: the catalog cannot be read.
    """
    written = list(islice(_written(Reading.of(text or "").prompt), _MOST_CODES))
    if not written:
        return NOTHING_NAMED
    codes, numbers = [], [NOTHING_NAMED.numbers]
    for code in written:
        found = (await reader.passing(_condition(reader, code))).numbers
        title = ""
        if 0 < found.size <= _MOST_NAMED:
            numbers.append(found)
            title = (await reader.columns(found[:1], ["title"]))["title"][0] or code.text
        if title or code.in_titles:
            codes.append(Code(code.start, code.end, title))
    return Named(tuple(codes), rising(np.concatenate(numbers)))


async def hear_with_codes(reader: CatalogReader, query: Query, *, with_photo: bool) -> Heard:
    """A query's prompt taken apart, and products left out whose codes it says are not wanted.

    Args:
        reader: The catalog.
        query: The query; of "masa, MDL-1014 olmayan" the words that stay are "masa".
        with_photo: Whether there is a photo, or a product that stands for one.

    Raises:
        CatalogDamagedError: the catalog cannot be read.
    """
    columns = reader.filter_columns
    prompt = Reading.of(query.prompt or "").prompt
    parts, limits = [], []
    left = prompt
    for code, start, end in reversed(list(_unwanted(prompt))):
        said = prompt[start:end]
        found = (await reader.passing(_condition(reader, code))).numbers
        if said in query.lift or not 0 < found.size <= _MOST_NAMED:
            continue
        ids = (await reader.columns(found, ["id"]))["id"]
        part = Understood(said, "", "contains", code.text, "without")
        limits.append((part, f"not `id` in ({', '.join(map(text_literal, ids))})"))
        parts.append(part)
        left = left[:start] + left[end:]
    left = " ".join(left.split()).strip(" ,;")
    # Where nothing else is said, its words are what is compared.
    heard = hear(replace(query, prompt=left) if left else query, columns, with_photo=with_photo)
    return replace(heard, parts=(*parts, *heard.parts), limits=(*limits, *heard.limits))


def _unwanted(prompt: str) -> Iterator[tuple[_Written, int, int]]:
    """Codes that a negation stands before or behind, and where that and the code begin and end."""
    reading = Reading.of(prompt)
    negated = -1
    joined: list[tuple[_Written, int]] = []
    for code in islice(_written(prompt), _MOST_CODES):
        places = [
            at
            for at, token in enumerate(reading.tokens)
            if code.start <= token.start and token.end <= code.end
        ]
        if not places:
            # Such as within a longer word of other letters.
            continue
        before, length = LEXICON.negations.longest_before(reading, places[0])
        # "Model no KLT-2040" is Turkish for the number of a model.
        if before is not None and before.op in {"known", "any"}:
            negated = places[-1]
            yield code, reading.tokens[places[0] - length].start, code.end
            continue
        # "Not KLT-2040 or MDL-1014": the second is not wanted either.
        if 0 <= negated == places[0] - 2 and reading.key(negated + 1) in _NOR:
            yield code, reading.tokens[negated + 1].start, code.end
            negated = places[-1]
            continue
        _, length = LEXICON.negations_behind.longest(reading, places[-1] + 1)
        if length:
            # "KLT-2040 ve MDL-1014 olmayan": the first is not wanted either.
            begins = [*(begin for _, begin in joined[1:]), code.start]
            for (before_it, begin), end in zip(joined, begins, strict=False):
                yield before_it, begin, end
            yield code, code.start, reading.tokens[places[-1] + length].end
        is_joined = not length and reading.key(places[-1] + 1) in _WITH
        joined = [*joined, (code, code.start)] if is_joined else []


def _written(prompt: str) -> Iterator[_Written]:
    """What looks like a code: letters with digits, or many digits, and is no size or price."""
    if not any(map(str.isdigit, prompt)):
        return
    found = [(each.start(), each[0], True) for each in _WRITTEN.finditer(prompt)]
    found += [(each.start(), each[0], False) for each in _SPACED.finditer(prompt)]
    measured: list[str] | None = None
    for place, text, in_titles in sorted(found)[:_MOST_TRIED]:
        code = text.strip(_EDGES)
        start = place + text.find(code)
        digits = sum(letter.isdigit() for letter in code)
        letters = sum(letter.isalpha() for letter in code)
        if digits < (1 if letters else _LEAST_DIGITS_ALONE) or len(code) > _MOST_CHARACTERS:
            continue
        is_long = digits + letters >= _LEAST_CHARACTERS
        is_id = digits + letters >= _LEAST_CHARACTERS_OF_ID and (
            code == prompt.strip() or _INNER.search(code) is not None
        )
        if not (is_long or is_id) or understand(code).parts:
            continue
        if measured is None:
            parts = understand(prompt).parts
            measured = [part.text for part in parts if part.column.endswith(_MEASURED)]
        if not any(code in each for each in measured):
            yield _Written(start, start + len(code), code, is_long, is_long and in_titles)


def _condition(reader: CatalogReader, written: _Written) -> str:
    """A condition in SQL for the products that have a code, in small letters or capitals."""
    code = written.text
    columns = reader.filter_columns
    spelled = dict.fromkeys((code, code.upper(), code.lower()))
    literals = dict.fromkeys(literal for each in spelled for literal in id_literals(each))
    told = [f"`id` IN ({', '.join(literals)})"]
    if reader.manifest.vector_index or not written.in_columns:
        # So many texts take longer to look through than a prompt may.
        return told[0]
    folded = fold_letters(code)
    runs = _RUN.findall(folded)
    if sum(map(len, runs)) == sum(map(str.isalnum, folded)):
        pattern = _APART.join("".join(_LETTERS.get(each, each) for each in run) for run in runs)
        if folded.isdigit():
            # 60112896 is 601.128.96; titles hold other numbers that could run together so.
            told.append(f"regexp_like(`id`, '^{_MARK.join(folded)}$')")
        whole = ("id", *(name for name in _COLUMNS if columns.get(name) == "text"))
        told += [f"regexp_like(`{name}`, '(?i)^{pattern}$')" for name in whole]
        if reader.manifest.variants:
            told.append(f'regexp_like(`{VARIANTS}`, \'(?i)"id":"{pattern}"\')')
        if written.in_titles and sum(map(str.isdigit, folded)) >= _LEAST_DIGITS:
            word = rf"(?i)(^|[^\p{{L}}\p{{N}}]){pattern}([^\p{{L}}\p{{N}}]|$)"
            titles = (name for name in columns if is_translated(name) and name.startswith("title"))
            told += [f"regexp_like(`{name}`, '{word}')" for name in ("title", *titles)]
    return " OR ".join(f"coalesce({each}, false)" for each in told)
