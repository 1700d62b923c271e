"""The ``where`` language as a typed tree, and how a place in an expression is refused."""

import re
from dataclasses import dataclass
from typing import Final, Literal, NoReturn, TypeAlias

from furniture_prompter.errors import InvalidFilterError

LIMIT_CHARACTERS: Final = 2_000
# LanceDB's own parser gives up at 24 levels, as the test of this limit shows.
LIMIT_DEPTH: Final = 16
LIMIT_LIST: Final = 200

Operator = Literal["=", "!=", "<", "<=", ">", ">="]


@dataclass(frozen=True, slots=True)
class Column:
    """A column's name and where it begins in the expression."""

    name: str
    position: int


@dataclass(frozen=True, slots=True)
class Value:
    """A literal and where it begins in the expression."""

    value: str | float | bool
    position: int


Operand: TypeAlias = Column | Value


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two operands and how they are compared."""

    left: Operand
    operator: Operator
    right: Operand


@dataclass(frozen=True, slots=True)
class Truth:
    """A column that is itself true or false."""

    column: Column


@dataclass(frozen=True, slots=True)
class Membership:
    """A column whose value is one of several."""

    column: Column
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Between:
    """A column whose value lies between two others, both included."""

    column: Column
    low: Value
    high: Value


@dataclass(frozen=True, slots=True)
class Like:
    """A text column that fits a pattern: ``%`` any characters, ``_`` one, backslash escapes."""

    column: Column
    pattern: Value


@dataclass(frozen=True, slots=True)
class Contains:
    """A text column that has a part, or a list column that has an entry."""

    column: Column
    part: Value


@dataclass(frozen=True, slots=True)
class Empty:
    """A column without a value."""

    column: Column


@dataclass(frozen=True, slots=True)
class Negation:
    """What must not hold."""

    node: "Node"
    depth: int


@dataclass(frozen=True, slots=True)
class Junction:
    """Several conditions of which all, or at least one, must hold."""

    word: Literal["AND", "OR"]
    nodes: tuple["Node", ...]
    depth: int


Node: TypeAlias = (
    Comparison | Truth | Membership | Between | Like | Contains | Empty | Negation | Junction
)


def refuse(expression: str, position: int, reason: str) -> NoReturn:
    """Raise :class:`InvalidFilterError` with the expression and a caret under `position`."""
    window = 60
    start = max(0, position - window)
    end = position + window
    before = "…" if start else ""
    after = "…" if end < len(expression) else ""
    shown = re.sub(r"\s", " ", expression[start:end])
    caret = " " * (len(before) + position - start) + "^"
    raise InvalidFilterError(f"{reason}\n  {before}{shown}{after}\n  {caret}")
