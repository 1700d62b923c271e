"""A shop's own judged queries: what is asked, and which products answer how well.

Queries are JSON lines, judgements are TREC's qrels (query, iteration, product, gain) or the same
without the iteration. A bad line is set aside with its reason, and the rest goes on.
"""

import codecs
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from furniture_prompter.domain import SetAside
from furniture_prompter.domain.wording import one_line
from furniture_prompter.errors import BenchmarkError

LIMIT_LINE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedQuery:
    """One query.

    Attributes:
        id: What judgements call it.
        prompt: Words; None for a photo alone.
        photo: File, absolute; None for a prompt alone.
        where: Filter over the catalog's columns.
        without: Words for what must not come.
        line: Where it stands in its file, from 1.
    """

    id: str
    prompt: str | None = None
    photo: Path | None = None
    where: str | None = None
    without: str | None = None
    line: int = 0


@dataclass(frozen=True, slots=True)
class Judgement:
    """How well a product answers a query: 0 is not at all, more is better."""

    query: str
    product: str
    gain: int
    line: int


class _QueryLine(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    id: str | int
    prompt: str | None = None
    photo: str | None = None
    where: str | None = None
    without: str | None = None

    @field_validator("id")
    @classmethod
    def _worth_a_name(cls, value: str | int) -> str | int:
        if not one_line(str(value)):
            raise ValueError("must not be empty")
        return value


def read_queries(path: Path) -> tuple[list[JudgedQuery], list[SetAside]]:
    """Queries of a JSON-lines file: ``id``, ``prompt``, ``photo``, ``where``, ``without``.

    A photo's path is taken from the file's folder.

    Raises:
        BenchmarkError: the file cannot be read.
    """
    folder = path.absolute().parent
    queries: dict[str, JudgedQuery] = {}
    set_aside = []
    for line, data in _lines(path):
        found = _query(data, line, folder)
        if isinstance(found, JudgedQuery) and found.id in queries:
            first = queries[found.id].line
            reason = f"The query {found.id!r} stands in line {first} already."
            found = reason, "Give each query an id of its own."
        if isinstance(found, JudgedQuery):
            queries[found.id] = found
        else:
            set_aside.append(SetAside(path, line, *found))
    return list(queries.values()), set_aside


def read_judgements(path: Path) -> tuple[list[Judgement], list[SetAside]]:
    """Judgements of a qrels file; columns are parted by tabs, or by blanks where no tab is.

    Raises:
        BenchmarkError: the file cannot be read.
    """
    judgements: dict[tuple[str, str], Judgement] = {}
    set_aside = []
    for line, data in _lines(path):
        found = _judgement(data, line)
        if isinstance(found, Judgement):
            pair = found.query, found.product
            if pair not in judgements:
                judgements[pair] = found
                continue
            found = (
                (
                    f"The product {found.product!r} was judged for the query {found.query!r} "
                    f"in line {judgements[pair].line} already."
                ),
                "Leave one of the two out.",
            )
        set_aside.append(SetAside(path, line, *found))
    return list(judgements.values()), set_aside


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Lines that are not blank, with their numbers, without a byte order mark."""
    try:
        with path.open("rb") as file:
            line = 0
            while data := file.readline(LIMIT_LINE_BYTES + 1):
                line += 1
                rest = data
                while len(rest) > LIMIT_LINE_BYTES and not rest.endswith(b"\n"):
                    rest = file.readline(LIMIT_LINE_BYTES + 1)
                if line == 1:
                    data = data.removeprefix(codecs.BOM_UTF8)
                if data.strip():
                    yield line, data
    except OSError as error:
        raise BenchmarkError(
            f"Cannot read {path}: {error.strerror}. Check the path and its permissions."
        ) from error


def _query(data: bytes, line: int, folder: Path) -> JudgedQuery | tuple[str, str]:
    if len(data) > LIMIT_LINE_BYTES:
        return f"The line has more than {LIMIT_LINE_BYTES:,} bytes.", "Shorten it."
    try:
        fields = _QueryLine.model_validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"][:1])
        return (
            f"The line is no query ({where + ': ' if where else ''}{first['msg']}).",
            (
                'Write one object a line, such as {"id": "1", "prompt": "oak table"}; it may have '
                f"{', '.join(_QueryLine.model_fields)}."
            ),
        )
    if not (fields.prompt and fields.prompt.strip()) and not fields.photo:
        return "The query has neither a prompt nor a photo.", "Give it one, or both."
    photo = None
    if fields.photo:
        if "\0" in fields.photo:
            return "The photo's path holds a zero byte.", "Name a file."
        photo = folder / fields.photo
        try:
            there = photo.is_file()
        except OSError:  # a name longer than the file system takes
            there = False
        if not there:
            return (
                f"There is no photo {fields.photo!r}.",
                "Put it there, or correct the path; it is relative to the file of queries.",
            )
    return JudgedQuery(
        id=one_line(str(fields.id)),
        prompt=fields.prompt or None,
        photo=photo,
        where=fields.where,
        without=fields.without,
        line=line,
    )


def _judgement(data: bytes, line: int) -> Judgement | tuple[str, str]:
    if len(data) > LIMIT_LINE_BYTES:
        return f"The line has more than {LIMIT_LINE_BYTES:,} bytes.", "Shorten it."
    try:
        text = data.decode("utf-8").strip()
    except UnicodeDecodeError as error:
        return f"The line is not UTF-8 at byte {error.start + 1}.", "Save the file as UTF-8."
    columns = [each.strip() for each in text.split("\t")] if "\t" in text else text.split()
    if len(columns) not in {3, 4} or not all(columns):
        return (
            f"The line has {len([each for each in columns if each])} columns.",
            "Write query, iteration (0), product and gain; or query, product and gain.",
        )
    query, product, gain = columns[0], columns[-2], columns[-1]
    try:
        value = int(gain)
    except ValueError:
        return f"The gain {gain[:40]!r} is no whole number.", "Write 0, 1, 2, …"
    if not 0 <= value <= 1_000:
        return f"The gain {gain[:40]} is not between 0 and 1,000.", "Write 0, 1, 2, …"
    return Judgement(one_line(query), one_line(product), value, line)
