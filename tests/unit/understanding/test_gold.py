"""Prompts as shoppers write them, and what has to be understood of each."""

import re
from pathlib import Path

from furniture_prompter.understanding.prompts import Understanding, understand

GOLD = Path(__file__).parents[2] / "data" / "understood_prompts.tsv"
LEAST = 0.97

Said = tuple[str, str, str, float | str, float | None, str]

_LIMIT = re.compile(r"(\w+) (<=|>=|<|>|=|between) (.+?)(?: ([A-Z]{3}))?")
_NO_WORD = re.compile(r'[^\w"%]+')


def gold() -> list[tuple[str, str, str, frozenset[Said]]]:
    """Language, prompt, words that stay, what was said."""
    lines = [line for line in GOLD.read_text("utf-8").splitlines() if not line.startswith("#")]
    rows = (line.split("\t") for line in lines)
    return [
        (language, prompt, "" if rest == "-" else rest, frozenset(_said(text)))
        for language, prompt, rest, text in rows
    ]


def _said(text: str) -> list[Said]:
    return [] if text == "-" else [_one(part.strip()) for part in text.split(" | ")]


def _one(part: str) -> Said:
    use, _, told = part.partition(" ")
    if use in {"w", "k"}:
        return "without", "category" if use == "k" else "", "contains", told.lower(), None, ""
    found = _LIMIT.fullmatch(told)
    assert found is not None, part
    column, op, value, currency = found.groups()
    use = "filter" if use == "f" else "preference"
    low, _, high = value.partition("..")
    if low.replace(".", "").isdigit():
        between = "between" if high else op
        return use, column, between, float(low), float(high) if high else None, currency or ""
    return use, column, value if value in {"low", "high"} else "contains", value, None, ""


def _understood(understanding: Understanding) -> frozenset[Said]:
    return frozenset(
        (
            part.use,
            part.column,
            part.op,
            part.value.lower() if isinstance(part.value, str) else part.value,
            part.high,
            part.currency,
        )
        for part in understanding.parts
    )


def test_precision_and_recall_over_both_languages() -> None:
    counts = {"en": [0, 0, 0], "tr": [0, 0, 0]}
    for language, prompt, _, wanted in gold():
        found = _understood(understand(prompt))
        count = counts[language]
        count[0] += len(found & wanted)
        count[1] += len(found)
        count[2] += len(wanted)
    for right, found_parts, wanted_parts in counts.values():
        assert right >= LEAST * found_parts
        assert right >= LEAST * wanted_parts


def test_half_of_at_least_300_prompts_are_turkish() -> None:
    languages = [language for language, *_ in gold()]
    assert len(languages) >= 300
    assert 0.45 <= languages.count("tr") / len(languages) <= 0.55


def test_words_that_stay() -> None:
    def plain(text: str) -> str:
        return _NO_WORD.sub(" ", text).strip()

    stays = {prompt: understand(prompt).rest for _, prompt, _, _ in gold()}
    wrong = {
        prompt: stays[prompt]
        for _, prompt, rest, _ in gold()
        if plain(stays[prompt]) != plain(rest)
    }
    assert len(wrong) <= (1 - LEAST) * len(stays), wrong
