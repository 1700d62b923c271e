"""The page in a language of its own: nothing that a shopper reads is left in English."""

import ast
import inspect
import json
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from itertools import product
from pathlib import Path
from typing import Any

import pytest

import furniture_prompter
from furniture_prompter.errors import (
    CatalogBusyError,
    CatalogError,
    CatalogWriteError,
    EncoderError,
)
from furniture_prompter.health.checks import CHECKS
from furniture_prompter.query_options import OPTIONS
from furniture_prompter.search import homographs
from furniture_prompter.understanding.lexicon import LEXICON
from furniture_prompter.web.errors import answered
from furniture_prompter.web.page_words import Words
from furniture_prompter.web.routes.page import told_of

PACKAGE = Path(furniture_prompter.__file__).parent
RAISING = ("search", "encoders", "fetching", "web", "understanding", "catalog")
TEXTS: dict[str, Any] = tomllib.loads(
    files("furniture_prompter.web").joinpath("templates", "words.toml").read_text("utf-8")
)
TURKISH = Words("tr")
# What the server's own files may be in.
STATES = (CatalogBusyError, CatalogWriteError, CatalogError, EncoderError)
# What stands in the places of a text.
PUT_IN = ("7", "prompt", "without")
# Names of styles, and of what is called the same in both languages.
ALIKE = {"modern", "retro", "japandi", "minimalist", "art deco", "metal", "rattan"}


def sentence(node: ast.expr, value: str) -> str | None:
    """A text of the source with `value` in its places; None for what is no text."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if not isinstance(node, ast.JoinedStr):
        return None
    parts = [each.value if isinstance(each, ast.Constant) else value for each in node.values]
    return "".join(map(str, parts))


def written(node: ast.expr, names: dict[str, list[ast.expr]], value: str) -> list[str]:
    """Texts that an expression of the source may be, names resolved, `value` in their places."""
    if isinstance(node, ast.BinOp):
        behind = written(node.right, names, value)
        return [first + end for first in written(node.left, names, value) for end in behind]
    if isinstance(node, ast.IfExp):
        return [*written(node.body, names, value), *written(node.orelse, names, value)]
    if isinstance(node, ast.Name):
        return [text for each in names.get(node.id, []) for text in written(each, {}, value)]
    if isinstance(node, ast.JoinedStr):
        parts = [
            [str(each.value)]
            if isinstance(each, ast.Constant)
            else (written(each.value, names, value) if isinstance(each, ast.FormattedValue) else [])
            or [value]
            for each in node.values
        ]
        return ["".join(each) for each in product(*parts)]
    text = sentence(node, value)
    return [] if text is None else [text]


def assigned(part: ast.AST) -> dict[str, list[ast.expr]]:
    """What names are given in a part of the source."""
    names: dict[str, list[ast.expr]] = {}
    for each in ast.walk(part):
        target = each.targets[0] if isinstance(each, ast.Assign) else getattr(each, "target", None)
        value = getattr(each, "value", None)
        if isinstance(target, ast.Name) and isinstance(value, ast.expr):
            names.setdefault(target.id, []).append(value)
    return names


def calls(*rooms: str) -> Iterator[tuple[str, list[list[str]]]]:
    """What is called, and the texts that each of its arguments may be."""
    for path in (each for room in rooms for each in sorted((PACKAGE / room).rglob("*.py"))):
        tree = ast.parse(path.read_text("utf-8"))
        everywhere = assigned(
            ast.Module(
                [each for each in tree.body if isinstance(each, ast.Assign | ast.AnnAssign)], []
            )
        )
        kinds = ast.FunctionDef | ast.AsyncFunctionDef
        for part in (each for each in ast.walk(tree) if isinstance(each, kinds)):
            names = everywhere | assigned(part)
            for call in (each for each in ast.walk(part) if isinstance(each, ast.Call)):
                given = [*call.args, *(each.value for each in call.keywords)]
                texts = [
                    [text for value in PUT_IN for text in written(each, names, value)]
                    for each in given
                ]
                yield getattr(call.func, "id", getattr(call.func, "attr", "")), texts


def messages() -> list[str]:
    """What errors may say: the texts that they are made of, with something in their places."""
    told: set[str] = set()
    for name, given in calls(*RAISING):
        texts = [each for each in given if each]
        if name in {"_refuse", "AddressError"} and len(texts) == 2:
            told.update(
                f"The photo's web address {reason}. {cure}, or send the photo itself."
                for reason, cure in product(*texts)
            )
        elif name.endswith("Error") or name in {"ApiError", "Overloaded", "_invalid_form"}:
            told.update(t for each in texts for t in each if " " in t and t[0].isupper())
    told.update(answered(kind("7")).message for kind in STATES)
    told.update(re.sub(r"\{\w+\}", "7", each.about.refusal) for each in OPTIONS.values())
    return sorted(told)


MESSAGES = messages()


def test_there_are_messages_to_be_told() -> None:
    assert len(MESSAGES) > 150
    assert "The photo 7 is empty. Export or download it again." in MESSAGES


@pytest.mark.parametrize("code", ["invalid_photo", "invalid_query", "overloaded", "never_heard_of"])
def test_no_error_is_told_in_english_on_the_turkish_page(code: str) -> None:
    texts = {**TEXTS["tr"]["codes"], **TEXTS["tr"]["told"]}
    starts = {text.partition("{")[0] for text in texts.values()}
    for message in MESSAGES:
        told, detail = told_of(code, message, TURKISH)
        assert detail == ""
        assert any(told.startswith(start) for start in starts), message
        assert not re.search(r"\b(?:the|is|of|has|give|send|try)\b", told, re.IGNORECASE), told


def test_the_english_page_tells_what_helps_as_the_api_does() -> None:
    message = "The photo that was sent is empty. Export or download it again."
    first, detail = told_of("invalid_photo", message, Words("en"))
    assert "cannot be read" in first
    assert detail == message
    assert told_of("invalid_query", "The prompt has no words.", Words("en")) == (
        "The prompt has no words.",
        "",
    )


@pytest.mark.parametrize(
    ("message", "told"),
    [
        (
            (
                "The photo that was sent has 12 × 9 pixels, too few to show anything. Give one of "
                "at least 16 pixels on each side."
            ),
            "Fotoğraf 12 × 9 piksel; bir şey göstermek için çok küçük. Her kenarı en az 16 piksel",
        ),
        (
            "The photo that was sent has more than 40,000,000 bytes. Save it smaller.",
            "Fotoğraf 40,000,000 bayttan büyük.",
        ),
        (
            "The photo's web address answered 404. Check that it opens, or send the photo itself.",
            "Bu adres fotoğraf vermedi (404).",
        ),
        (
            "The prompt has 3000 characters. Use at most 2000; a few words work best.",
            "Aramanız 3000 karakter. En çok 2000 karakter yazın",
        ),
    ],
)
def test_an_error_keeps_its_numbers(message: str, told: str) -> None:
    found, detail = told_of("invalid_query", message, TURKISH)
    assert found.startswith(told)
    assert detail == ""


@pytest.mark.parametrize("template", TEXTS["tr"]["told"])
def test_every_error_that_has_words_is_one_that_is_still_raised(template: str) -> None:
    parts = template.split("{}")
    assert any(each.startswith(parts[0]) and each.endswith(parts[-1]) for each in MESSAGES)


@pytest.mark.parametrize("language", ["en", "tr"])
def test_notes_of_a_shoppers_affair_are_told_and_others_are_not(language: str) -> None:
    words = Words(language)
    source = "".join(path.read_text("utf-8") for path in (PACKAGE / "search").glob("*.py"))
    plain = re.sub(r'"\n\s*f?"', "", source)
    for template in TEXTS[language]["notes"]:
        for part in template.split("{}"):
            assert part in plain, part
        assert words.note(template.replace("{}", "7")) is not None
    assert words.note("Photos were embedded by another encoder.") is None
    assert words.note("The catalog went from version 3 to 4 since yesterday.") is None


def test_both_languages_tell_the_same_notes() -> None:
    assert TEXTS["en"]["notes"].keys() == TEXTS["tr"]["notes"].keys()


@pytest.mark.parametrize(
    ("language", "told"),
    [
        ("en", "No product says “çam”. “cam” is another word, and does not count."),
        ("tr", "Hiçbir üründe “çam” geçmiyor. “cam” başka bir sözcüktür, hesaba katılmaz."),
    ],
)
def test_a_note_of_a_word_that_folds_to_another_keeps_both_words(language: str, told: str) -> None:
    note = homographs._NOTE.format(said="çam", other="cam")
    assert Words(language).note(note) == told


# Of a finding what changes in it: a name of a text, a language, or something else.
CHANGING = ("title", "category", "colour", "description", "English", "7")
FAR_OFF = "The price, 1,299.5, is {} times {} the median {}, 12,000."
ENGLISH_WORDS = re.compile(r"\b(?:the|is|of|has|have|there|with|while|give|photo|title)\b", re.I)


def findings() -> set[str]:
    """Sentences that the report on a catalog's data is made of, each with what may change in it."""
    told: set[str] = set()
    for path in sorted((PACKAGE / "health").glob("*.py")):
        tree = ast.parse(path.read_text("utf-8"))
        of_documents = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)} | {
            id(part)
            for node in ast.walk(tree)
            if isinstance(node, ast.JoinedStr)
            for part in node.values
        }
        for node in ast.walk(tree):
            if not isinstance(node, ast.Constant | ast.JoinedStr) or id(node) in of_documents:
                continue
            for value in CHANGING:
                text = sentence(node, value) or ""
                # A text in it stands in quotes.
                for part in getattr(node, "values", ()):
                    if "_quoted" in ast.unparse(part):
                        text = re.sub(rf"{value}(?=[.;]|$| is)", f"“{value}”", text)
                if text[:1].isupper() and " " in text and text.endswith("."):
                    told.add(text)
    return told


def set_aside_texts() -> set[str]:
    """What is said of what a feed run could not use, and of what helps."""
    told: set[str] = set()
    for name, texts in calls("feeds", "ingest", "fetching"):
        if name == "AddressError":
            told.update(f"The photo at https://shop.example/7.jpg {t}." for t in texts[0])
            told.update(f"{text}." for each in texts[1:] for text in each)
        elif name in {"UnusableValueError", "SetAside", "Download", "_unread"}:
            told.update(t for each in texts for t in each if " " in t and t.endswith("."))
    return told


def test_nothing_that_a_run_set_aside_is_told_in_english_on_the_turkish_page() -> None:
    found = set_aside_texts()
    assert len(found) > 180
    for text in found:
        told = TURKISH.set_aside(text)
        assert told is not None, text
        # Names of a feed's fields stay as they are.
        assert not ENGLISH_WORDS.search(re.sub(r"\{.*\}|without|photos", "", told)), told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", ""),
        (
            "Variant 2: '1.299' is no price.",
            "2. seçenek: '1.299' bir fiyat değil.",
        ),
        (
            "0 is no price. The file ends in this row without a line break, as if it were cut off.",
            "0 bir fiyat değil. Dosya bu satırda, satır sonu olmadan bitiyor; yarım kalmış gibi.",
        ),
        ("price is a list, of the wrong type.", "price yanlış türde: bir liste."),
        (
            "title has 20,100 characters, more than 20,000.",
            "title alanında 20.100 karakter var; en çok 20.000 olabilir.",
        ),
        (
            "The photo a/chair 4.png is damaged or cut short (end). Export or download it again.",
            "a/chair 4.png: Fotoğraf bozuk ya da yarım. Yeniden kaydedin ya da indirin.",
        ),
        (
            "The photo is damaged or cut short (end of file).",
            "Fotoğraf bozuk ya da yarım. Yeniden kaydedin ya da indirin.",
        ),
        (
            "The photo at https://a.example/1 answered 404 Not Found, asked 3 times.",
            "https://a.example/1 adresindeki fotoğraf: 404 Not Found yanıtı geldi (3 kez denendi).",
        ),
        (
            "The photo at https://a.example sent nothing. Its earlier picture of 2026-03-01 stays.",
            (
                "https://a.example adresindeki fotoğraf: boş yanıt geldi. Daha önceki resmi "
                "(2026-03-01) kalıyor."
            ),
        ),
        ("Something never heard of.", None),
    ],
)
def test_what_was_set_aside_keeps_its_values(text: str, told: str | None) -> None:
    assert TURKISH.set_aside(text) == told
    assert Words("en").set_aside(text) == text


@cache
def read_source() -> str:
    """The source of what reads feeds and photos, each text in one piece."""
    rooms = ("feeds", "ingest", "fetching", "encoders")
    paths = (path for room in rooms for path in (PACKAGE / room).rglob("*.py"))
    source = "".join(path.read_text("utf-8") for path in paths)
    plain = re.sub(r'"\s*f?"', "", source) + inspect.getsource(json.decoder)
    return plain.replace('\\"', '"').replace("\\\\", "\\")


@pytest.mark.parametrize("template", TEXTS["tr"]["set_aside"])
def test_all_that_has_words_for_what_was_set_aside_is_still_said(template: str) -> None:
    # Some are put together from parts.
    for part in re.split(r"\{\}|(?<=[.:,;]) |(?<=holds) |(?<=^a) | (?=of |stays)", template):
        assert part.strip(" .,") in read_source(), part


def test_all_that_is_said_of_encoders_has_words() -> None:
    for card in (PACKAGE / "encoders" / "weights").glob("*/card.json"):
        told = TURKISH.encoder(json.loads(card.read_text("utf-8"))["description"])
        assert told is not None, card
        assert not ENGLISH_WORDS.search(told), told
    source = (PACKAGE / "ingest" / "writing.py").read_text("utf-8")
    source += (PACKAGE / "encoders" / "alignment.py").read_text("utf-8")
    for part in re.findall(r'f?"(?:Prompts|Words cannot)[^"]*"(?:\s*f?"[^"]*")*', source):
        text = re.sub(r"\{[^}]*\}", "7", re.sub(r'"\s*f?"', "", part).strip('f"'))
        told = TURKISH.encoder(text)
        assert told is not None, text
        assert not ENGLISH_WORDS.search(told), told
    assert TURKISH.encoder("exact scan") == "tam tarama"
    assert TURKISH.encoder("An encoder of the shop's own.") is None


@pytest.mark.parametrize("template", TEXTS["tr"]["outfits"])
def test_every_note_of_outfits_that_has_words_is_one_that_is_still_told(template: str) -> None:
    sources = (PACKAGE / "search" / f"{name}.py" for name in ("outfit", "goes_with"))
    source = "".join(path.read_text("utf-8") for path in sources)
    plain = re.sub(r'"\s*(?:\n\s*)?(?:return \[told \+ )?f?"', "", source)
    for part in template.split("{}"):
        assert part.strip() in plain, part
    told = TURKISH.outfit_note(template.replace("{}", "7"))
    assert not re.search(r"\b(?:the|of|has|left|have)\b", told, re.IGNORECASE), told


def test_nothing_of_the_report_on_the_data_is_told_in_english_on_the_turkish_page() -> None:
    found = findings()
    assert len(found) > 100
    left: dict[str, int] = {}
    for text in found:
        if "times" not in text and ENGLISH_WORDS.search(TURKISH.finding(text)):
            without = re.sub("|".join(CHANGING), "", text)
            left[without] = left.get(without, 0) + 1
    # Of what a text is called, "7" is none.
    assert not {text for text, count in left.items() if count == len(CHANGING)}
    for check in CHECKS.values():
        for text in (check.heading, check.costs, check.cure):
            assert TURKISH.finding(text) != text
    for text in (
        *(FAR_OFF.format(9, way, "of the category chair") for way in ("above", "below")),
        *(FAR_OFF.format(9, way, "of the catalog") for way in ("above", "below")),
        "The photo /srv/shop/a.jpg is damaged or cut short (unexpected end).",
        "The photo /srv/shop/a.jpg is something never heard of.",
    ):
        told = TURKISH.finding(text)
        assert not ENGLISH_WORDS.search(told), told
        assert "/srv" not in told


def test_a_finding_keeps_its_numbers_as_its_language_writes_them() -> None:
    text = FAR_OFF.format(9, "above", "of the category chair")
    assert TURKISH.finding(text) == (
        "Fiyat (1.299,5), chair kategorisinin ortanca fiyatının (12.000) 9 katı."
    )
    assert "%85 kadarında" in TURKISH.finding("No size, while 85% of the category bed have one.")
    assert Words("en").finding(text) == text
    told = TURKISH.finding("Described in German, while most are in Turkish.")
    assert told == "Açıklaması Almanca, çoğununki Türkçe."


@pytest.mark.parametrize("template", TEXTS["tr"]["findings"])
def test_every_finding_that_has_words_is_one_that_is_still_made(template: str) -> None:
    source = "".join(path.read_text("utf-8") for path in (PACKAGE / "health").glob("*.py"))
    source += (PACKAGE / "understanding" / "word_forms.py").read_text("utf-8").title()
    source += (PACKAGE / "web" / "examining.py").read_text("utf-8")
    plain = re.sub(r'"\s*f?"', "", source)
    plain = re.sub(r"\{_quoted\([^}]*\}", "“{}”", plain)
    for part in re.split(r"\{\}|The (?:title|category|colour|description)(?= h)", template):
        for each in re.split("above|below|of the cat\\w+", part):
            assert each.strip(" .;“”") in plain, each


def test_all_that_prompts_name_has_a_word() -> None:
    for says in LEXICON.named:
        value, _, column = says.rpartition(" ")
        assert TURKISH.value(value) != value or value in ALIKE, value
        assert TURKISH.column(column) != column.replace("_", " "), column


@pytest.mark.parametrize("name", ["colors", "materials"])
def test_all_values_that_feeds_are_read_into_have_a_word(name: str) -> None:
    text = files("furniture_prompter.feeds.values").joinpath(f"{name}.toml").read_text("utf-8")
    for value in tomllib.loads(text).keys() - {"none"}:
        assert value in TURKISH.values, value


def test_no_sentence_is_left_that_nothing_says() -> None:
    paths = [*PACKAGE.rglob("*.py"), *PACKAGE.rglob("*.html"), *PACKAGE.rglob("*.js")]
    source = "".join(path.read_text("utf-8") for path in paths)
    names = set(re.findall(r"""['"]([\w-]+)['"]""", source))
    # Some are put together: t('sort_' ~ name), f"goes_{reason}".
    begun = tuple(set(re.findall(r"""['"]([a-z]+_(?:[a-z]+_)?)(?:['"] ~|\{)""", source)))
    said = {name for name, text in TEXTS["en"].items() if isinstance(text, str)}
    left = {name for name in said - names if not name.startswith(begun)}
    assert not left


def test_no_template_of_the_page_has_words_of_its_own() -> None:
    folder = files("furniture_prompter.web").joinpath("templates")
    for path in (each for each in folder.iterdir() if each.name.endswith(".html")):
        name, text = path.name, path.read_text("utf-8")
        # What is typed into a terminal is in no language.
        text = re.sub(r"<pre\b.*?</pre>", " ", text, flags=re.DOTALL)
        text = re.sub(r"\{[%{#].*?[%}#]\}", " ", text, flags=re.DOTALL)
        shown = re.findall(r'(?:aria-label|title|placeholder|alt)="([^"]*)"', text)
        shown += re.sub(r"<[^>]*>", " ", text).split()
        left = {word for each in shown for word in re.findall(r"[A-Za-z]{3,}", each)}
        assert left <= {"https", "doctype", "html"}, (name, left)
