"""The languages of the shopper's page: which one is meant, its sentences, numbers and prices."""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from tomllib import loads
from typing import Any, Final

from furniture_prompter.web.page_address import LANGUAGES, NUMBER

_SYMBOLS: Final = {"EUR": "€", "USD": "$", "GBP": "£", "TRY": "₺", "JPY": "¥"}
_LONGEST_HEADER: Final = 1_000
_ENGLISH_NUMBER: Final = re.compile(r"-?[0-9]{1,3}(?:,[0-9]{3}){0,4}(?:\.[0-9]{1,6})?%?")


@cache
def _texts() -> Mapping[str, Any]:
    text = files("furniture_prompter.web").joinpath("templates", "words.toml").read_text("utf-8")
    return loads(text)


def language_of(asked: str, accepted: str) -> str:
    """The page's language: the one that is asked for, else the likeliest that a browser accepts.

    Args:
        asked: A code, such as ``tr``; empty where none was asked for.
        accepted: The header ``Accept-Language``.
    """
    if asked in LANGUAGES:
        return asked
    ranked = []
    for place, part in enumerate(accepted[:_LONGEST_HEADER].split(",")):
        tag, _, further = part.partition(";")
        quality = further.strip().removeprefix("q=")
        code = tag.strip().lower().partition("-")[0]
        if code in LANGUAGES:
            share = float(quality) if NUMBER.fullmatch(quality) else 1.0
            ranked.append((-share, place, code))
    return min(ranked)[2] if ranked else LANGUAGES[0]


class Words:
    """The page's sentences in one language."""

    def __init__(self, language: str) -> None:
        """Take one of :data:`LANGUAGES`."""
        self.language = language
        self._texts = _texts()[language]

    def __call__(self, name: str, **values: object) -> str:
        """A sentence, with values in its places."""
        text: str = self._texts[name]
        return text.format(**values) if values else text

    def problem(self, code: str) -> str:
        """What is said of an error by its code."""
        codes = self._texts["codes"]
        told: str = codes.get(code) or codes["other"]
        return told

    @property
    def problems(self) -> Mapping[str, str]:
        """The same by code; ``other`` for all that have none of their own."""
        codes: Mapping[str, str] = self._texts["codes"]
        return codes

    def error(self, message: str) -> str | None:
        """An error's English message in this language; None where it has no words for it."""
        return message if self.language == LANGUAGES[0] else _put(message, self._texts["told"])

    def note(self, note: str) -> str | None:
        """A note of the engine in a shopper's words; None where it is no affair of theirs."""
        return _put(note, self._texts["notes"])

    def finding(self, text: str) -> str:
        """What the report on a catalog's data says, in this language, its numbers too."""
        if self.language == LANGUAGES[0]:
            return text
        found = self._texts["findings"]
        told = _put(text, found, lambda value: found.get(value) or self._as_written(value))
        # Of a photo's file that cannot be read it says what searches with that photo would say.
        return (
            told or self.error(text) or (self.problem("invalid_photo") if "photo" in text else text)
        )

    def set_aside(self, text: str) -> str | None:
        """Why something was set aside, or what helps, in this language; None without words."""
        if self.language == LANGUAGES[0] or not text:
            return text
        told = self._texts["set_aside"]

        # A sentence may stand in another, such as what is wrong with a variant.
        def write(value: str) -> str:
            return _put(value, told, write) or self._as_written(value)

        return _put(text, told, write) or self._of_photo(text) or self.error(text)

    def _of_photo(self, text: str) -> str | None:
        """What is wrong with a photo's file, which is named: of several of a product it is one."""
        templates = self._texts["told"]
        # What is to be done may be told apart from it, and a file without a row is named elsewhere.
        for written in (text, f"{text} ", text.replace("The photo ", "The photo  ", 1)):
            for template, told in templates.items():
                places = _places(written, template.split("{}"))
                if places and template.startswith("The photo {} "):
                    said: str = told.format(*places)
                    return f"{places[0]}: {said}" if places[0] else said
        return None

    def encoder(self, text: str) -> str | None:
        """What a card or a catalog says of encoders, in this language; None without words."""
        if self.language == LANGUAGES[0]:
            return text
        return _put(text, self._texts["encoders"], self._as_written)

    def outfit_note(self, text: str) -> str:
        """A note about what goes with a piece or about an outfit, in this language."""
        notes = self._texts["outfits"]
        return _put(text, notes, self._as_written) or text

    def step(self, text: str) -> str:
        """What a run is doing, or what it counts, in this language."""
        steps = self._texts["steps"]
        return _put(text, steps, lambda value: steps.get(value, value)) or text

    def _as_written(self, value: str) -> str:
        """A number that was written in English, as this language writes it; all else as it is."""
        if self("decimal") == "." or not _ENGLISH_NUMBER.fullmatch(value):
            return value
        number = value.removesuffix("%").translate(str.maketrans(",.", ".,"))
        return f"%{number}" if value.endswith("%") else number

    def kind(self, name: str) -> str:
        """What a detector of pieces calls one."""
        told: str = self._texts["kinds"].get(name, name)
        return told

    @property
    def values(self) -> Mapping[str, str]:
        """Values that feeds write in English, in this language; none in English."""
        values: Mapping[str, str] = self._texts["values"]
        return values

    def column(self, name: str) -> str:
        """What a shopper calls a column."""
        plain = name.removesuffix(f"_{self.language}")
        told: str = self._texts["columns"].get(plain) or plain.removesuffix("_cm").replace("_", " ")
        return told

    def value(self, text: object) -> str:
        """A value of a column: base colours and materials in the page's language."""
        if isinstance(text, bool):
            return self("yes" if text else "no")
        if isinstance(text, float | int):
            return self.number(text)
        told: str = self._texts["values"].get(text, text)
        return told

    def says(self, value: str) -> bool:
        """Whether a colour or material is written in the page's language."""
        own = self._texts["values"]
        english = (name for each in _texts().values() for name in each["values"])
        return value.casefold() in (own.values() if own else english)

    def number(self, value: float) -> str:
        """A number, with the language's decimal mark."""
        text = f"{value:,.2f}".rstrip("0").rstrip(".") if value % 1 else f"{value:,.0f}"
        swap = str.maketrans(",.", ".,") if self("decimal") == "," else {}
        return text.translate(swap)

    def money(self, value: object, currency: object) -> str:
        """A price with its currency, where one is known."""
        if not isinstance(value, float | int):
            return ""
        # Whole amounts are written without cents, others with both digits.
        text = f"{value:,.0f}" if value == round(value) else f"{value:,.2f}"
        text = text.translate(str.maketrans(",.", ".,") if self("decimal") == "," else {})
        if not isinstance(currency, str) or not currency:
            return text
        symbol = _SYMBOLS.get(currency)
        return f"{symbol}{text}" if symbol else f"{text} {currency}"


def _put(
    sentence: str, templates: Mapping[str, str], write: Callable[[str], str] = str
) -> str | None:
    """A sentence by the first template that it is of: what stands for each ``{}`` goes on.

    Args:
        sentence: The sentence.
        templates: What stands for it, by its template.
        write: What is written for what goes on.
    """
    for template, text in templates.items():
        found = _places(sentence, template.split("{}"))
        if found is not None:
            return text.format(*map(write, found))
    return None


def _places(sentence: str, parts: Sequence[str]) -> list[str] | None:
    """What stands between fixed parts of a sentence, each as short as it can be; None without."""
    first, *further = parts
    if not further:
        return [] if sentence == first else None
    last = further.pop()
    end = len(sentence) - len(last)
    if not (sentence.startswith(first) and sentence.endswith(last)):
        return None
    at, found = len(first), []
    for part in further:
        stop = sentence.find(part, at, end)
        if stop < 0:
            return None
        found.append(sentence[at:stop])
        at = stop + len(part)
    return [*found, sentence[at:end]] if at <= end else None
