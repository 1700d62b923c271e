"""Batch search: JSON-lines queries in, answers in the same order out, each as it is known."""

import sys
from pathlib import Path
from typing import Any, BinaryIO, Protocol, Unpack

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import from_json

from furniture_prompter.cli.terminal import write_json
from furniture_prompter.domain import SearchResult
from furniture_prompter.domain.query import Crop
from furniture_prompter.errors import InvalidPhotoError, InvalidQueryError
from furniture_prompter.json_lines import numbered_lines
from furniture_prompter.query_options import SearchOptions, given
from furniture_prompter.search.answer import answer, error_answer
from furniture_prompter.search.option_fields import line_fields, options_of, with_fields
from furniture_prompter.search.photo_answer import CropBox

STANDARD_INPUT = Path("-")
LIMIT_LINE_BYTES = 1_000_000


class Searchable(Protocol):
    """What answers a query: an open catalog."""

    def search(
        self,
        prompt: str | None = None,
        *,
        photo: Path | None = None,
        crop: Crop | None = None,
        **options: Unpack[SearchOptions],
    ) -> SearchResult:
        """See :meth:`furniture_prompter.assembly.Catalog.search`."""
        ...


@with_fields(line_fields())
class BatchLine(BaseModel):
    """One query, as a line of a batch gives it: these, and options as on the command line."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    id: str | int | None = None
    prompt: str | None = None
    photo: str | None = None
    crop: CropBox | str | None = None


def answer_batch_file(catalog: Searchable, path: Path, defaults: SearchOptions) -> int:
    """Answer every line of a file, or of standard input for ``-``; returns how many failed.

    Photo paths are taken from the file's folder, or from the current one for ``-``.

    Args:
        catalog: What answers.
        path: The file.
        defaults: Options of lines that do not say them.

    Raises:
        InvalidQueryError: the file cannot be opened.
    """
    if path == STANDARD_INPUT:
        return answer_batch(catalog, sys.stdin.buffer, Path.cwd(), defaults)
    try:
        file = path.open("rb")
    except OSError as error:
        raise InvalidQueryError(
            f"The batch {path} cannot be read ({error.strerror}). Check the path."
        ) from error
    with file:
        return answer_batch(catalog, file, path.absolute().parent, defaults)


def answer_batch(
    catalog: Searchable, lines: BinaryIO, folder: Path, defaults: SearchOptions
) -> int:
    """Write one JSON line for every line that is not blank; returns how many failed.

    A line that cannot be answered is answered with its error, and the rest goes on. What no line
    can help, such as a damaged catalog, is raised.
    """
    failed = 0
    for number, line in numbered_lines(lines, LIMIT_LINE_BYTES):
        answered: dict[str, Any] = {"id": number}
        try:
            fields = _parsed(line, number)
            if isinstance(fields.get("id"), str | int):
                answered["id"] = fields["id"]
            answered |= answer(_search(catalog, _checked(fields, number), folder, defaults))
        except (InvalidQueryError, InvalidPhotoError) as error:
            failed += 1
            answered["error"] = error_answer(error)
        write_json(answered)
    return failed


def _parsed(line: bytes | None, number: int) -> dict[str, Any]:
    if line is None:
        raise InvalidQueryError(
            f"Line {number} has more than {LIMIT_LINE_BYTES:,} bytes. Shorten it."
        )
    try:
        fields = from_json(line)
    except ValueError as error:
        raise InvalidQueryError(
            f"Line {number} is no JSON ({error}). Write one JSON object a line."
        ) from error
    if not isinstance(fields, dict):
        raise InvalidQueryError(
            f'Line {number} is no JSON object. Write one such as {{"prompt": "oak table"}}.'
        )
    return fields


def _checked(fields: dict[str, Any], number: int) -> BatchLine:
    try:
        return BatchLine.model_validate(fields)
    except ValidationError as error:
        wrong = "; ".join(
            f"{'.'.join(str(part) for part in item['loc'][:1])}: {item['msg'].lower()}"
            for item in error.errors(include_url=False, include_input=False)
        )
        known = ", ".join(BatchLine.model_fields)
        raise InvalidQueryError(
            f"Line {number} is no query ({wrong}). It may have: {known}."
        ) from error


def _search(
    catalog: Searchable, line: BatchLine, folder: Path, defaults: SearchOptions
) -> SearchResult:
    if line.photo is not None and "://" in line.photo[:16]:
        raise InvalidPhotoError(
            f"The photo {line.photo} is a web address, and a file is needed. Download it first."
        )
    photo = None if line.photo is None else folder / line.photo
    options = given(defaults) | given(options_of(line))
    crop = line.crop
    part = Crop.of_text(crop) if isinstance(crop, str) else crop.crop() if crop else None
    return catalog.search(line.prompt, photo=photo, crop=part, **options)
