"""Links, anchors, names of modules and commands in the documents lead somewhere."""

import ast
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from furniture_prompter.cli.main import app

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "furniture_prompter"
FOLDERS = ("docs", "src", "tools", "benchmarks", "deploy", "tests")
DOCUMENTS = sorted(
    [*ROOT.glob("*.md"), *(f for name in FOLDERS for f in (ROOT / name).rglob("*.md"))]
)
# Commands of results and releases are told as they were when they were run.
HISTORY = (ROOT / "CHANGELOG.md", *(ROOT / "docs").glob("benchmarks/*.md"))
CURRENT = [document for document in DOCUMENTS if document not in HISTORY]

FENCED = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
CODE = re.compile(r"`[^`\n]+`")
LINK = re.compile(r"\]\(([^()\s]+)\)|^\[[^\]\n]+\]:[ \t]*(\S+)", re.MULTILINE)
HEADING = re.compile(r"^#{1,6} +(.+)$", re.MULTILINE)
LINK_TEXT = re.compile(r"\[([^\[\]]*)\]\([^()]*\)")
NOT_IN_ANCHORS = re.compile(r"[^\w\- ]")
ELSEWHERE = re.compile(r"[a-z]+:")
MODULE_FILE = re.compile(r"(?<![\w./-])(?:\w+/)+\w+\.py\b")
DOTTED = re.compile(r"\b(?:furniture_prompter|benchmarks|tools)(?:\.(?!md\b)\w+)+")
IMPORTED = re.compile(r"^ *from (furniture_prompter[.\w]*) import (\w+(?:, \w+)*)", re.MULTILINE)
NAMED_DOCUMENT = re.compile(r"(?<![\w/.])docs/[\w/-]+\.md(?:#([\w-]+))?")

COMMAND = re.compile(
    r"^(?: {4}|accelerate launch )?furniture-prompter ((?:.*\\\n)*.*)$", re.MULTILINE
)
EXTRAS = re.compile(r"pip install [^\n]*?\.\[([a-z,]+)\]")
MAKE = re.compile(r"(?:^ {4}|`)make ([a-z-]+)", re.MULTILINE)


def _named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _anchors(document: Path) -> set[str]:
    """The anchors of a document's headings, as GitHub makes them."""
    found: dict[str, int] = {}
    anchors = set()
    for heading in HEADING.findall(FENCED.sub("", document.read_text("utf-8"))):
        words = LINK_TEXT.sub(r"\1", heading).strip().lower()
        anchor = NOT_IN_ANCHORS.sub("", words).replace(" ", "-")
        count = found.get(anchor, 0)
        found[anchor] = count + 1
        anchors.add(f"{anchor}-{count}" if count else anchor)
    return anchors


def _dead_links(document: Path) -> Iterator[str]:
    """Links of ``document`` that lead to no file, or to no heading of it."""
    text = CODE.sub("", FENCED.sub("", document.read_text("utf-8")))
    for target in (inline or below for inline, below in LINK.findall(text)):
        if ELSEWHERE.match(target):
            continue
        path, _, anchor = target.partition("#")
        file = document.parent / path if path else document
        if not file.exists() or (anchor and anchor not in _anchors(file)):
            yield target


def _defined(module: Path) -> set[str]:
    """Names that a module's top level defines or imports."""
    names = set()
    for node in ast.walk(ast.parse(module.read_text("utf-8"))):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.ImportFrom):
            names.update(alias.asname or alias.name for alias in node.names)
    return names


def _exists(dotted: str) -> bool:
    """Whether a dotted name is a package, a module, or a name that one of them defines."""
    first, *rest = dotted.split(".")
    place = PACKAGE if first == "furniture_prompter" else ROOT / first
    for part in rest:
        if (place / part).is_dir():
            place = place / part
        elif (place / f"{part}.py").is_file():
            place = place / f"{part}.py"
        else:
            module = place / "__init__.py" if place.is_dir() else place
            return module.is_file() and part in _defined(module)
    return True


@pytest.mark.parametrize("document", DOCUMENTS, ids=_named)
def test_every_link_leads_to_a_file_and_a_heading(document: Path) -> None:
    assert not list(_dead_links(document))


def test_a_dead_link_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    (tmp_path / "other.md").write_text("# A `b` [c](page.md), d\n\n## Twice\n\n## Twice\n", "utf-8")
    good = "[a](other.md) [b](other.md#a-b-c-d) [c](#here) [d](other.md#twice-1) `[e](gone.md)`"
    page.write_text(
        f"# Here\n\n{good}\n\n```\n[f](gone.md)\n```\n[g](https://example.org)\n", "utf-8"
    )
    assert not list(_dead_links(page))
    page.write_text("[a](gone.md) [b](other.md#gone) [c](#gone)\n\n[d]: gone.md\n", "utf-8")
    assert list(_dead_links(page)) == ["gone.md", "other.md#gone", "#gone", "gone.md"]


@pytest.mark.parametrize("document", CURRENT, ids=_named)
def test_every_module_that_a_document_names_exists(document: Path) -> None:
    text = document.read_text("utf-8")
    places = (ROOT, PACKAGE, PACKAGE.parent, document.parent)
    gone = [
        name
        for name in MODULE_FILE.findall(text)
        if not any((place / name).is_file() for place in places)
    ]
    dotted = DOTTED.findall(text) + [
        f"{module}.{name}" for module, names in IMPORTED.findall(text) for name in names.split(", ")
    ]
    assert not gone + [name for name in dotted if not _exists(name)]


def test_a_module_that_is_gone_is_found() -> None:
    assert _exists("furniture_prompter.catalog")
    assert _exists("furniture_prompter.Catalog.open")
    assert _exists("benchmarks.render.rendered_page")
    assert not _exists("furniture_prompter.catalogue")
    assert not _exists("benchmarks.render.gone")


@pytest.mark.parametrize("folder", ["src", "tools", "benchmarks", "deploy"])
def test_every_document_that_code_names_exists(folder: str) -> None:
    files = (
        file
        for suffix in ("*.py", "*.service", "*.yaml", "Dockerfile*")
        for file in (ROOT / folder).rglob(suffix)
    )
    gone = [
        f"{_named(file)}: {found[0]}"
        for file in files
        for found in NAMED_DOCUMENT.finditer(file.read_text("utf-8"))
        if not (ROOT / found[0].partition("#")[0]).is_file()
        or (found[1] and found[1] not in _anchors(ROOT / found[0].partition("#")[0]))
    ]
    assert not gone


def _unknown_words(line: str) -> Iterator[str]:
    """The commands and options of a ``furniture-prompter`` line that the terminal does not know."""
    command: Any = typer.main.get_command(app)
    for word in shlex.split(line.replace("\\\n", " "), comments=True):
        if not word.startswith("-") and (inner := getattr(command, "commands", {})):
            if word not in inner:
                yield word
                return
            command = inner[word]
        elif word.startswith("--") or (len(word) == 2 and word[0] == "-" and word[1].isalpha()):
            known = {"--help", "-h"}
            known |= {
                name for each in command.params for name in (*each.opts, *each.secondary_opts)
            }
            if word.partition("=")[0] not in known:
                yield word


@pytest.mark.parametrize("document", CURRENT, ids=_named)
def test_every_command_that_a_document_shows_is_there(document: Path) -> None:
    text = document.read_text("utf-8")
    unknown = [word for line in COMMAND.findall(text) for word in _unknown_words(line)]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    named = {extra for extras in EXTRAS.findall(text) for extra in extras.split(",")}
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    assert not unknown
    assert named <= set(project["optional-dependencies"])
    assert set(MAKE.findall(text)) <= targets


def test_a_command_that_is_not_there_is_found() -> None:
    assert not list(_unknown_words("search 'oak' -k 3 --catalog c   # --gone"))
    assert list(_unknown_words("search oak --gone \\\n --photo-weigth 1")) == [
        "--gone",
        "--photo-weigth",
    ]
    assert list(_unknown_words("serach oak")) == ["serach"]
