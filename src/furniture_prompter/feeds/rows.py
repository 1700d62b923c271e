"""Cells of rows as a catalog keeps them, and the image files that rows name."""

import math
import os
import re
import stat
import unicodedata
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Final, NoReturn, TypeVar

from furniture_prompter.domain import AttributeValue, Product, SetAside
from furniture_prompter.feeds.cells import (
    KNOWN,
    UnusableValueError,
    as_id,
    column_name,
    has_control_characters,
    one_line,
    prose,
    shown,
)
from furniture_prompter.feeds.values.money import read_price

LIMIT_PATH_CHARACTERS: Final = 4_096
LIMIT_QUOTED_CHARACTERS: Final = 200
_KNOWN_FOLDERS: Final = 10_000
_DRIVE: Final = re.compile(r"[A-Za-z]:[\\/]")

_WEB = re.compile(r"https?://", re.IGNORECASE)
_ADDRESS = re.compile(r"^([a-zA-Z][a-zA-Z0-9+.-]+:)?//|^(data|file|https?|ftps?|s3|gs):", re.A)


class ImageFolder:
    """The feed's folder, below which every image lies."""

    def __init__(self, folder: Path, address_path: Callable[[str], Path] | None = None) -> None:
        """Take the folder.

        Args:
            folder: The folder.
            address_path: Where an image is kept once it was downloaded from an address; None
                where nothing is downloaded.
        """
        self._folder = folder.resolve()
        self._address_path = address_path
        self._inside: dict[str, str] = {}

    def place(self, reference: str) -> tuple[Path, str]:
        """The file that a row means, and the address that it has to be downloaded from.

        Args:
            reference: As for :meth:`locate`, or an http or https address.

        Returns:
            The path of the image, and its address; empty for a file that is there.

        Raises:
            UnusableValueError: as :meth:`locate` does; an address where nothing is downloaded.
        """
        if not is_address(reference):
            return self.locate(reference), ""
        address = f"https:{reference}" if reference.startswith("//") else reference
        if self._address_path is None or not _WEB.match(address):
            raise address_problem(reference)
        return self._address_path(address), address

    def is_named_by(self, path: Path, reference: str) -> bool:
        """Whether a reference is the path itself, spelt and led by no link to another."""
        return f"{self._folder}/{reference.lstrip('/')}" == str(path)

    def locate(self, reference: str) -> Path:
        """The existing file that a row means.

        Containment is decided on the resolved path, after every ``..`` and every symbolic link,
        and before the file is looked for: nothing outside the folder is ever opened, or told to
        exist.

        Args:
            reference: A path relative to the folder, which may begin with a slash as those of web
                servers do, and have backslashes as those of Windows; or an absolute one inside it.

        Returns:
            The resolved path of a plain file below the folder.

        Raises:
            UnusableValueError: it is an address on the network, leads out of the folder, or is no
                file.
        """
        known = self._in_known_folder(reference)
        if known is not None:
            return known
        quoted = shown(reference, LIMIT_QUOTED_CHARACTERS)
        if is_address(reference):
            raise address_problem(reference)
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
        if _DRIVE.match(reference):
            cure = "Write the path with forward slashes, relative to the feed's folder."
        else:
            cure = "Put the file there, or correct the path; it is relative to the feed's folder."
        raise UnusableValueError(f"The image file {quoted} is missing.", cure)

    def _in_known_folder(self, reference: str) -> Path | None:
        """The plain file that a row means, where its folder was followed to its end before.

        A feed names many files of few folders. A link among the files is left to the long way.
        """
        folder, slash, name = reference.rpartition("/")
        if name in {"", ".", ".."} or "\0" in reference or (slash and not folder):
            return None
        inside = self._inside.get(folder)
        if inside is None:
            if len(self._inside) >= _KNOWN_FOLDERS or is_address(reference):
                return None
            try:
                inside = str(self.contain(Path(folder)))
            except UnusableValueError:
                return None
            self._inside[folder] = inside
        path = f"{inside}/{name}"
        try:
            return Path(path) if stat.S_ISREG(os.lstat(path).st_mode) else None
        except (OSError, ValueError):
            return None

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


def is_address(reference: str) -> bool:
    """Whether an image is given as an address on the network."""
    return _ADDRESS.match(reference) is not None


def address_problem(reference: str) -> UnusableValueError:
    """Why an image that is an address is left out."""
    quoted = shown(reference, LIMIT_QUOTED_CHARACTERS)
    if _WEB.match(reference) or reference.startswith("//"):
        return UnusableValueError(
            f"The image {quoted} is an address, and nothing is downloaded unasked.",
            "Give --download, or save the photos beside the feed and name the files.",
        )
    return UnusableValueError(
        f"The image {quoted} is an address that photos are not downloaded from.",
        "Give an http or https address, or name a file beside the feed.",
    )


def _spellings(reference: str) -> list[str]:
    """Spellings of one path, those below the folder first.

    Tables made on Windows part names by backslashes, shop systems begin with a slash where their
    media begin, and archives made on a Mac hold decomposed accents.
    """
    slashed = reference.replace("\\", "/")
    spellings = [slashed.lstrip("/"), reference] if slashed[:1] == "/" else [reference, slashed]
    if not reference.isascii():
        spellings += [
            unicodedata.normalize(form, each) for each in spellings for form in ("NFC", "NFD")
        ]
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

_PRICES: Final = frozenset({"price", "sale_price"})
_EXACT: Final = 2**53
"""Whole numbers beyond are not all floats."""

_T = TypeVar("_T")


def read_product(fields: Mapping[str, object], source: Path, line: int) -> Product | SetAside:
    """The product of a row whose photos come another way, or what is wrong with it.

    A cell that cannot be used refuses the row: whoever sends it is there to mend it.

    Args:
        fields: Values by name: texts, numbers, truth values, None, or lists of those; images among
            them are refused.
        source: What to call the row's origin in a set-aside.
        line: 1-based line where the row begins.

    Returns:
        The product, or what is wrong with the row; nothing is raised.
    """
    product_id = ""
    try:
        columns = _by_column(fields)
        product_id = identifier(columns.get("id"))
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


def identifier(value: object) -> str:
    """The id of a product or variant.

    Raises:
        UnusableValueError: it is none: blank, too long, of several lines, or of another type.
    """
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
    kept = as_id(value)
    if not kept:
        raise UnusableValueError("The row's id is blank.", "Give every product an id of its own.")
    _refuse_longer("id", kept, LIMIT_ID)
    return kept


def _identifier_at_least(fields: Mapping[str, object]) -> str:
    """The id of a row whose columns are in disorder; empty where it cannot be told."""
    try:
        return identifier(fields.get("id"))
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
        name: found
        for name, value in columns.items()
        if name not in KNOWN
        and (found := cell(name, partial(_of_the_shop, name, value), None)) is not None
    }
    if len(attributes) > LIMIT_ATTRIBUTES:
        raise UnusableValueError(
            f"The row has {len(attributes)} columns of its own, more than {LIMIT_ATTRIBUTES}.",
            "Leave out those that nobody will search or filter by.",
        )

    def words(name: str) -> str:
        return cell(name, lambda: plain_words(columns.get(name), name, name), "")

    product = Product(
        id=product_id,
        title=words("title") or product_id,
        category=words("category"),
        color=cell("color", lambda: _color(columns), ""),
        description=cell(
            "description", lambda: plain_text(columns.get("description"), "description"), ""
        ),
        tags=cell("tags", lambda: tags_of(columns.get("tags")), ()),
        attributes=attributes,
    )
    return product, problems


def _of_the_shop(name: str, value: object) -> AttributeValue | None:
    """As :func:`attribute`; a number that is called a price must be one, as in every feed."""
    found = attribute(name, value)
    if name in _PRICES and isinstance(found, float):
        return read_price(found).amount
    return found


def plain_words(value: object, role: str, name: str) -> str:
    """A title, a category or colours as one line.

    Args:
        value: Text; for colours a list of texts too.
        role: ``title``, ``category``, ``color`` or ``colors``.
        name: What errors call the column.

    Raises:
        UnusableValueError: it is of another type, or too long.
    """
    if value is None:
        return ""
    if isinstance(value, list) and role in {"color", "colors"}:
        value = ", ".join(text.strip() for text in _texts(name, value) if text.strip())
    if not isinstance(value, str):
        _refuse_type(name, value, "text")
    words = one_line(value)
    _refuse_longer(name, words, LIMIT_TITLE if role == "title" else LIMIT_WORDS)
    return words


def _color(columns: Mapping[str, object]) -> str:
    """The colour names; a list in `colors` says the same as `color` and counts without it."""
    found = ""
    for name in ("colors", "color"):
        found = plain_words(columns.get(name), name, name) or found
    return found


def plain_text(value: object, name: str) -> str:
    """A description.

    Raises:
        UnusableValueError: it is no text, or too long.
    """
    if value is None:
        return ""
    if not isinstance(value, str):
        _refuse_type(name, value, "text")
    description = prose(value)
    _refuse_longer(name, description, LIMIT_DESCRIPTION)
    return description


def tags_of(value: object) -> tuple[str, ...]:
    """Further words, of a list or of text with commas or bars between, without doubles.

    Raises:
        UnusableValueError: they are of another type, too many or too long.
    """
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


def _texts(name: str, values: list[object]) -> list[str]:
    texts = []
    for value in values:
        if not isinstance(value, str):
            _refuse_type(name, value, "a list of texts")
        texts.append(value)
    return texts


def attribute(name: str, value: object) -> AttributeValue | None:
    """The value of a column of the shop's own: text, a number, or true or false; None for nothing.

    Raises:
        UnusableValueError: it is of another type, a number that cannot be kept, or too long.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return _number(name, value)
    if isinstance(value, list):
        parts = (one_line(_scalar_text(name, part)) for part in value if part is not None)
        texts = tuple(dict.fromkeys(part for part in parts if part))
        _refuse_longer(name, ", ".join(texts), LIMIT_ATTRIBUTE)
        return texts or None
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
