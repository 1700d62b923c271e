"""Our word pieces are those of the library whose file they come from, number for number."""

import json
import random
import time
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer

from furniture_prompter import bundled, encoders
from furniture_prompter.encoders.prompt_encoder import (
    LIMIT_CHARACTERS,
    LIMIT_TOKENS,
    WordPieceTokenizer,
)

SHIPPED = Path(encoders.__file__).parent / "weights" / "minilm-static-256" / "tokenizer.json"
PIECES = {"[PAD]": 0, "[UNK]": 1, "oak": 2, "##s": 3, "##en": 4, "table": 5, "!": 6, "椅": 7}

ALPHABET = (
    "abcçdefgğhıijklmnoöprsştuüvyzİIĞÜŞÖÇABC 0123456789.,-–’'\"()[]/#+×½°éñßøæåàâ"
    "\u0301\u0308\u200d\ufe0f\x00\x01\t\n\r\x1c\x85\u3000\u2028椅子ソファ한국어שלוםعربيहिन्दीไทยΣςσАБв"
    "🛋️🪑👨‍👩‍👧😀\ufffd\ue000"
)

NEWER_THAN_THE_LIBRARY = 700
"""Most code points that its tables of Unicode 8 and Python's treat differently; 503 in 3.11."""


@pytest.fixture(scope="module")
def library() -> Tokenizer:
    tokenizer = Tokenizer.from_file(str(SHIPPED))
    tokenizer.no_padding()
    tokenizer.enable_truncation(LIMIT_TOKENS)
    return tokenizer


@pytest.fixture(scope="module")
def ours() -> WordPieceTokenizer:
    return WordPieceTokenizer.load(SHIPPED)


@pytest.fixture(scope="module")
def newer(library: Tokenizer, ours: WordPieceTokenizer) -> frozenset[str]:
    """Characters that change how a word is cut, and do so otherwise here than in the library."""
    codes = (*range(0xD800), *range(0xE000, 0x32400), *range(0xE0000, 0xE1000))
    # Of letters of other scripts, CJK and Hangul above all, one in sixteen: they are all alike.
    alike = {"Lo", "Cn", "Co"}
    assigned = [
        code for code in codes if code % 16 == 0 or unicodedata.category(chr(code)) not in alike
    ]
    found = set()
    for start in range(0, len(assigned), 64):
        batch = [f"oak{chr(code)}table {chr(code)} " for code in assigned[start : start + 64]]
        if _cuts_otherwise("".join(batch), library, ours):
            found |= {text[3] for text in batch if _cuts_otherwise(text, library, ours)}
    return frozenset(found)


def _cuts_otherwise(text: str, library: Tokenizer, ours: WordPieceTokenizer) -> bool:
    expected: list[int] = library.encode(text, add_special_tokens=False).ids
    return ours.encode(text, LIMIT_TOKENS) != expected


def texts() -> list[str]:
    rows = map(json.loads, bundled.catalog_feed().read_text("utf-8").splitlines())
    said = [str(value) for row in rows for value in row.values()]
    draw = random.Random(17)  # noqa: S311 - texts, not secrets
    vocabulary = json.loads(SHIPPED.read_text("utf-8"))["model"]["vocab"]
    words = [piece.removeprefix("##") for piece in vocabulary]
    for _ in range(4_000):
        said.append("".join(draw.choices(ALPHABET, k=draw.randint(0, 60))))
        said.append(draw.choice(["", " ", ", ", "-"]).join(draw.choices(words, k=9)))
        highest = draw.choice([0x250, 0x3000, 0x10000, 0x110000])
        anything = (draw.randrange(highest) for _ in range(20))
        said.append("".join(chr(code) for code in anything if not 0xD800 <= code < 0xE000))
    said += ["x" * length for length in (99, 100, 101, LIMIT_CHARACTERS)]
    return [*said, "oak " * 600, "椅" * 600, "a-" * 400, "oak[PAD]s [UNK] [unk][[PAD]]", ""]


def test_every_text_is_cut_as_the_library_cuts_it(
    library: Tokenizer, ours: WordPieceTokenizer, newer: frozenset[str]
) -> None:
    said = [text for text in texts() if newer.isdisjoint(text)]
    assert len(said) > 19_000
    wanted = library.encode_batch_fast(said, add_special_tokens=False)
    for text, expected in zip(said, wanted, strict=True):
        assert ours.encode(text, LIMIT_TOKENS) == expected.ids, ascii(text)


def test_only_characters_newer_than_the_librarys_tables_are_cut_otherwise(
    newer: frozenset[str],
) -> None:
    assert len(newer) <= NEWER_THAN_THE_LIBRARY
    assert newer.isdisjoint("".join(text for text in texts()[:9_000] if text.isascii()))
    for character in newer:
        # No letter, digit or symbol that a shop writes; none of what scripts had before.
        assert ord(character) > 0x600
        kind = unicodedata.category(character)
        assert kind in {"Mn", "Mc", "Cf", "Po", "Ps", "Pe", "Pd", "So", "Cn"}, hex(ord(character))


def test_the_shipped_vocabulary_takes_the_time_of_its_text_however_words_are_made(
    ours: WordPieceTokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = 0

    class Counting(dict[str, int]):
        def get(self, *key: Any) -> Any:
            nonlocal asked
            asked += 1
            return super().get(*key)

    monkeypatch.setattr(ours, "_pieces", Counting(ours._pieces))
    letters = random.Random(3).choices("aeiou", k=LIMIT_CHARACTERS)  # noqa: S311
    for word in (1, 10, 99, LIMIT_CHARACTERS):
        asked, began_s = 0, time.monotonic()
        cut = ["".join(letters[at : at + word]) for at in range(0, len(letters), word)]
        ours.encode(" ".join(cut), LIMIT_CHARACTERS)
        assert asked <= LIMIT_CHARACTERS * ours._longest_piece
        assert time.monotonic() - began_s < 1


def write(folder: Path, **changes: Any) -> Path:
    told = json.loads(SHIPPED.read_text("utf-8"))
    told["model"]["vocab"] = PIECES
    for path, value in changes.items():
        part = told
        *outer, last = path.split("__")
        for name in outer:
            part = part[name]
        part[last] = value
    (folder / "tokenizer.json").write_text(json.dumps(told), "utf-8")
    return folder / "tokenizer.json"


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("oaks table", [2, 3, 5]),
        ("OAKEN\ttáble!!", [2, 4, 5, 6, 6]),
        ("oakx", [1]),
        ("oak" + "s" * 97, [2, *[3] * 97]),
        ("oak" + "s" * 98, [1]),
        ("oak椅table", [2, 7, 5]),
        ("oak[PAD]table [UNK]", [2, 0, 5, 1]),
        ("o\u200dak t\x00able", [2, 5]),
    ],
)
def test_words_are_cut_into_the_longest_pieces_there_are(
    tmp_path: Path, text: str, pieces: list[int]
) -> None:
    tokenizer = WordPieceTokenizer.load(write(tmp_path))
    assert tokenizer.encode(text, 512) == pieces
    assert tokenizer.encode(text, 1) == pieces[:1]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model__type": "WordLevel"}, "model is WordLevel, and only WordPiece is read"),
        ({"model__continuing_subword_prefix": "@@"}, "continuing_subword_prefix is @@"),
        ({"normalizer": None}, "normalizer is None"),
        ({"pre_tokenizer": {"type": "Whitespace"}}, "pre_tokenizer is"),
        ({"model__vocab": {"[PAD]": 0, "[UNK]": 1, "oak": 3}}, "from 0 without a gap"),
        ({"model__unk_token": "[WHAT]"}, "KeyError: '\\[WHAT\\]'"),
        ({"model__vocab": None}, "TypeError"),
        ({"model": 7}, "TypeError"),
    ],
)
def test_a_file_whose_text_is_treated_otherwise_is_refused(
    tmp_path: Path, changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        WordPieceTokenizer.load(write(tmp_path, **changes))
