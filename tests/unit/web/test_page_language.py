"""The page in a language of its own: nothing that a shopper reads is left in English."""

import ast
import re
import tomllib
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

import furniture_prompter
from furniture_prompter.health.checks import CHECKS
from furniture_prompter.query_options import OPTIONS
from furniture_prompter.understanding.lexicon import LEXICON
from furniture_prompter.web.page_words import Words
from furniture_prompter.web.routes.page import told_of

PACKAGE = Path(furniture_prompter.__file__).parent
RAISING = ("search", "encoders", "fetching", "web", "understanding", "catalog")
TEXTS: dict[str, Any] = tomllib.loads(
    files("furniture_prompter.web").joinpath("templates", "words.toml").read_text("utf-8")
)
TURKISH = Words("tr")
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


def calls(rooms: tuple[str, ...]) -> Iterator[ast.Call]:
    for room in rooms:
        for path in sorted((PACKAGE / room).rglob("*.py")):
            found = ast.walk(ast.parse(path.read_text("utf-8")))
            yield from (each for each in found if isinstance(each, ast.Call))


def messages() -> list[str]:
    """What errors may say: the texts that they are made of, with something in their places."""
    told: set[str] = set()
    for value in ("7", "prompt", "without"):
        for call in calls(RAISING):
            name = getattr(call.func, "id", getattr(call.func, "attr", ""))
            texts = [text for each in call.args if (text := sentence(each, value)) is not None]
            if name in {"_refuse", "AddressError"} and len(texts) == 2:
                reason, cure = texts
                told.add(f"The photo's web address {reason}. {cure}, or send the photo itself.")
            elif name.endswith("Error") or name in {"ApiError", "Overloaded", "_invalid_form"}:
                told.update(text for text in texts if " " in text and text[0].isupper())
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


def test_no_template_of_the_page_has_words_of_its_own() -> None:
    folder = files("furniture_prompter.web").joinpath("templates")
    names = ["base", "compare", "parts", "problem", "product", "search"]
    for name in names:
        text = folder.joinpath(f"{name}.html").read_text("utf-8")
        text = re.sub(r"\{[%{#].*?[%}#]\}", " ", text, flags=re.DOTALL)
        shown = re.findall(r'(?:aria-label|title|placeholder|alt)="([^"]*)"', text)
        shown += re.sub(r"<[^>]*>", " ", text).split()
        left = {word for each in shown for word in re.findall(r"[A-Za-z]{3,}", each)}
        assert left <= {"https", "doctype", "html"}, (name, left)
