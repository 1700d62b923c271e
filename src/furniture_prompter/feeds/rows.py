"""Rows of feeds of any format: validated, then products with their image files."""

import math
import os
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Final, NoReturn, TypeVar

from furniture_prompter.domain import AttributeValue, FeedItem, FeedRow, Product, SetAside
from furniture_prompter.domain.feed import NO_CELLS
from furniture_prompter.feeds.cells import (
    KNOWN,
    UnusableValueError,
    column_name,
    has_control_characters,
    one_line,
    prose,
    shown,
)

LIMIT_PATH_CHARACTERS: Final = 4_096
LIMIT_QUOTED_CHARACTERS: Final = 200

_ADDRESS = re.compile(r"^([a-zA-Z][a-zA-Z0-9+.-]+:)?//|^(data|file|https?|ftps?|s3|gs):", re.A)


class ImageFolder:
    """The feed's folder, below which every image lies."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()

    def locate(self, reference: str) -> Path:
        """The existing file that a row means.

        Containment is decided on the resolved path, after every ``..`` and every symbolic link,
        and before the file is looked for: nothing outside the folder is ever opened, or told to
        exist.

        Args:
            reference: A path relative to the folder, or an absolute one inside it.

        Returns:
            The resolved path of a plain file below the folder.

        Raises:
            UnusableValueError: it is an address on the network, leads out of the folder, or is no
                file.
        """
        quoted = shown(reference, LIMIT_QUOTED_CHARACTERS)
        if _ADDRESS.match(reference):
            raise UnusableValueError(
                f"The image {quoted} is an address, and `index` does not download.",
                "Save the photos beside the feed and name the files.",
            )
        if len(reference) > LIMIT_PATH_CHARACTERS or "\0" in reference:
            raise UnusableValueError(
                f"The image {quoted} is no path of a file.", "Name a file beside the feed."
            )
        for spelling in _spellings(reference):
            path = self.contain(Path(spelling))
            if is_plain_file(path):
                return path
        if _is_folder(self.contain(Path(reference))):
            raise UnusableValueError(
                f"The image {quoted} is a folder.", "Name the image files in it."
            )
        if "\\" in reference:
            cure = "Write the path with forward slashes, relative to the feed's folder."
        else:
            cure = "Put the file there, or correct the path; it is relative to the feed's folder."
        raise UnusableValueError(f"The image file {quoted} is missing.", cure)

    def contain(self, path: Path) -> Path:
        """`path` with every ``..`` and link followed, whether something is there or not.

        Args:
            path: Relative to the folder, or absolute.

        Raises:
            UnusableValueError: it leads out of the folder, or is no path that the system takes.
        """
        quoted = shown(str(path), LIMIT_QUOTED_CHARACTERS)
        try:
            resolved = Path(os.path.realpath(self._folder / path))
        except (OSError, ValueError) as error:
            raise UnusableValueError(
                f"The image {quoted} is no path of a file.", "Name a file beside the feed."
            ) from error
        if not resolved.is_relative_to(self._folder):
            raise UnusableValueError(
                f"The image {quoted} lies outside the feed's folder.",
                "Copy the photo into the feed's folder and name it by its path there.",
            )
        return resolved


def _spellings(reference: str) -> list[str]:
    """Spellings of one path: archives made on a Mac hold decomposed accents."""
    spellings = [reference]
    if not reference.isascii():
        spellings += [unicodedata.normalize(form, reference) for form in ("NFC", "NFD")]
    return list(dict.fromkeys(spellings))


def is_plain_file(path: Path) -> bool:
    """Whether there is a plain file that can be reached."""
    try:
        return path.is_file()
    except OSError:  # a name longer than the file system takes, or a folder without permission
        return False


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        return False


LIMIT_ID: Final = 200
LIMIT_TITLE: Final = 1_000
LIMIT_WORDS: Final = 500
"""Characters of a category, a colour or one tag."""
LIMIT_DESCRIPTION: Final = 20_000
LIMIT_ATTRIBUTE: Final = 4_000
LIMIT_TAGS: Final = 100
LIMIT_IMAGES: Final = 64
LIMIT_ATTRIBUTES: Final = 200

_EXACT: Final = 2**53
"""Whole numbers beyond are not all floats."""

_T = TypeVar("_T")


class RowReader:
    """Turns the rows of one file into feed items; an id belongs to the first row that gives it."""

    def __init__(self, source: Path) -> None:
        self._source = source
        self._images = ImageFolder(source.parent)
        self._line_of_id: dict[str, int] = {}

    def read(
        self, fields: Mapping[str, object], line: int, cells: Mapping[str, str] = NO_CELLS
    ) -> Iterator[FeedItem]:
        """The items of one row: a row, or what is wrong with it, or with some of its cells.

        Args:
            fields: Values by the names that the feed gives; strings, numbers, truth values,
                None, or lists of those.
            line: 1-based line where the row begins.
            cells: Text that numbers and truth values were read from, by column.
        """
        product_id = ""
        try:
            columns = _by_column(fields)
            product_id = _identifier(columns)
            self._claim(product_id, line)
            product, problems = _product(product_id, columns)
            references = _references(columns)
        except UnusableValueError as problem:
            yield self.set_aside(problem, line, product_id or _identifier_at_least(fields))
            return
        images: dict[Path, None] = {}
        for reference in references:
            try:
                images[self._images.locate(reference)] = None
            except UnusableValueError as problem:
                yield self.set_aside(problem, line, product_id)
        if images:
            for column, unusable in problems.items():
                yield self.set_aside(unusable, line, product_id, column)
            own = {name: prose(text) for name, text in cells.items() if name in product.attributes}
            yield FeedRow(product, tuple(images), self._source, line, own or NO_CELLS)

    def set_aside(
        self, problem: UnusableValueError, line: int, product_id: str = "", column: str = ""
    ) -> SetAside:
        """What is wrong with a row or one of its cells, as the feed yields it."""
        return SetAside(
            self._source,
            line,
            problem.reason,
            problem.cure,
            product_id or problem.product_id,
            column,
            problem.hides_ids,
        )

    def _claim(self, product_id: str, line: int) -> None:
        first = self._line_of_id.get(product_id)
        if first is not None:
            raise UnusableValueError(
                f"The id {shown(product_id)} is already in line {first}.",
                "Give each product an id of its own; several images of one go into one row.",
            )
        self._line_of_id[product_id] = line


def read_product(fields: Mapping[str, object], source: Path, line: int) -> Product | SetAside:
    """The product of a row whose photos come another way, or what is wrong with it.

    A cell that cannot be used refuses the row: whoever sends it is there to mend it.

    Args:
        fields: As for :meth:`RowReader.read`; images among them are refused.
        source: What to call the row's origin in a set-aside.
        line: 1-based line where the row begins.

    Returns:
        The product, or what is wrong with the row; nothing is raised.
    """
    product_id = ""
    try:
        columns = _by_column(fields)
        product_id = _identifier(columns)
        if columns.keys() & {"image", "images"}:
            raise UnusableValueError(
                "The product names image files, which are not read here.",
                "Give the photos themselves in photos.",
                product_id,
            )
        product, problems = _product(product_id, columns)
        if problems:
            raise next(iter(problems.values()))
        return product
    except UnusableValueError as problem:
        identity = product_id or _identifier_at_least(fields)
        return SetAside(source, line, problem.reason, problem.cure, identity)


def _by_column(fields: Mapping[str, object]) -> dict[str, object]:
    columns: dict[str, object] = {}
    written: dict[str, str] = {}
    for name, value in fields.items():
        column = column_name(name)
        if column in columns:
            raise UnusableValueError(
                f"The columns {shown(written[column])} and {shown(name)} are the same here: "
                f"{column}.",
                "Rename one of them.",
            )
        columns[column] = value
        written[column] = name
    return columns


def _identifier(columns: Mapping[str, object]) -> str:
    value = columns.get("id")
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if value is None or value == "":
        raise UnusableValueError("The row has no id.", "Give every product an id of its own.")
    if not isinstance(value, str):
        _refuse_type("id", value, "text or a whole number")
    if has_control_characters(value.strip()):
        raise UnusableValueError(
            f"The id {shown(value)} holds control characters or line breaks.",
            "Give the product an id of letters and digits.",
        )
    identifier = one_line(value)
    if not identifier:
        raise UnusableValueError("The row's id is blank.", "Give every product an id of its own.")
    _refuse_longer("id", identifier, LIMIT_ID)
    return identifier


def _identifier_at_least(fields: Mapping[str, object]) -> str:
    """The id of a row whose columns are in disorder; empty where it cannot be told."""
    try:
        return _identifier(fields)
    except UnusableValueError:
        return ""


def _product(
    product_id: str, columns: Mapping[str, object]
) -> tuple[Product, dict[str, UnusableValueError]]:
    """The product of a row's usable cells, and what is wrong with the others, by column."""
    problems: dict[str, UnusableValueError] = {}

    def cell(name: str, read: Callable[[], _T], otherwise: _T) -> _T:
        try:
            return read()
        except UnusableValueError as problem:
            problems[name] = problem
            return otherwise

    attributes = {
        name: attribute
        for name, value in columns.items()
        if name not in KNOWN
        and (attribute := cell(name, partial(_attribute, name, value), None)) is not None
    }
    if len(attributes) > LIMIT_ATTRIBUTES:
        raise UnusableValueError(
            f"The row has {len(attributes)} columns of its own, more than {LIMIT_ATTRIBUTES}.",
            "Leave out those that nobody will search or filter by.",
        )
    product = Product(
        id=product_id,
        title=cell("title", lambda: _words(columns, "title", LIMIT_TITLE), "") or product_id,
        category=cell("category", lambda: _words(columns, "category", LIMIT_WORDS), ""),
        color=cell("color", lambda: _color(columns), ""),
        description=cell("description", lambda: _description(columns), ""),
        tags=cell("tags", lambda: _tags(columns.get("tags")), ()),
        attributes=attributes,
    )
    return product, problems


def _words(columns: Mapping[str, object], name: str, limit: int) -> str:
    value = columns.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        _refuse_type(name, value, "text")
    words = one_line(value)
    _refuse_longer(name, words, limit)
    return words


def _color(columns: Mapping[str, object]) -> str:
    """The colour names; a list in `colors` says the same as `color` and counts without it."""
    found = ""
    for name in ("colors", "color"):
        value = columns.get(name)
        if isinstance(value, list):
            value = ", ".join(text.strip() for text in _texts(name, value) if text.strip())
        found = _words({name: value}, name, LIMIT_WORDS) or found
    return found


def _description(columns: Mapping[str, object]) -> str:
    value = columns.get("description")
    if value is None:
        return ""
    if not isinstance(value, str):
        _refuse_type("description", value, "text")
    description = prose(value)
    _refuse_longer("description", description, LIMIT_DESCRIPTION)
    return description


def _tags(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        value = value.split("|" if "|" in value else ",")
    if value is None:
        return ()
    if not isinstance(value, list):
        _refuse_type("tags", value, "text or a list of texts")
    tags = dict.fromkeys(tag for text in _texts("tags", value) if (tag := one_line(text)))
    if len(tags) > LIMIT_TAGS:
        raise UnusableValueError(
            f"The row has {len(tags)} tags, more than {LIMIT_TAGS}.", "Keep those that matter."
        )
    for tag in tags:
        _refuse_longer("tags", tag, LIMIT_WORDS)
    return tuple(tags)


def _references(columns: Mapping[str, object]) -> list[str]:
    references: list[str] = []
    for name in ("image", "images"):
        value = columns.get(name)
        if isinstance(value, str):
            value = [value]
        if value is None:
            continue
        if not isinstance(value, list):
            _refuse_type(name, value, "a path or a list of paths")
        references += [path for text in _texts(name, value) if (path := text.strip())]
    if not references:
        raise UnusableValueError(
            "The row names no image.", "Name at least one image file in image or images."
        )
    if len(references) > LIMIT_IMAGES:
        raise UnusableValueError(
            f"The row names {len(references)} images, more than {LIMIT_IMAGES}.",
            "Keep the best ones.",
        )
    return references


def _texts(name: str, values: list[object]) -> list[str]:
    texts = []
    for value in values:
        if not isinstance(value, str):
            _refuse_type(name, value, "a list of texts")
        texts.append(value)
    return texts


def _attribute(name: str, value: object) -> AttributeValue | None:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return _number(name, value)
    if isinstance(value, list):
        value = ", ".join(_scalar_text(name, part) for part in value if part is not None)
    if not isinstance(value, str):
        _refuse_type(name, value, "text, a number, true or false, or a list of those")
    text = prose(value)
    _refuse_longer(name, text, LIMIT_ATTRIBUTE)
    return text or None


def _number(name: str, value: float) -> float:
    if isinstance(value, int) and abs(value) > _EXACT:
        raise UnusableValueError(
            f"{name} is a number too long to be kept exactly ({_digits(value)}).",
            "Write it in quotes, as text.",
        )
    if not math.isfinite(value):
        raise UnusableValueError(
            f"{name} is {value}, which is no number to compare with.", "Leave it out."
        )
    return float(value)


def _digits(value: int) -> str:
    # Python refuses to write out more than 4,300 digits.
    return shown(value) if abs(value) < 10**50 else "more than 50 digits"


def _scalar_text(name: str, value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return f"{_number(name, value):.15g}"
    if not isinstance(value, str):
        _refuse_type(name, value, "a list of texts or numbers")
    return value


def _refuse_longer(name: str, text: str, limit: int) -> None:
    if len(text) > limit:
        raise UnusableValueError(
            f"{name} has {len(text):,} characters, more than {limit:,}.", "Shorten it."
        )


def _refuse_type(name: str, value: object, wanted: str) -> NoReturn:
    kinds = {int: "a number", float: "a number", list: "a list", bool: "true or false", str: "text"}
    kind = "null" if value is None else kinds.get(type(value), "an object")
    raise UnusableValueError(f"{name} is {kind}, of the wrong type.", f"Write it as {wanted}.")
