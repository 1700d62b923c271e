"""The ``where`` filter language: a checked expression becomes a predicate for LanceDB.

Nothing of the input is copied into the predicate. The expression is parsed into a typed tree
(:mod:`~furniture_prompter.catalog.filter_parser`), every column in it is looked up, every literal
is checked against the column's type, and the predicate is written anew from that tree.
The language is described for users in docs/filters.md.

A column without a value is NULL in the predicate, whichever way it is stored: the columns that
every catalog has hold an empty text or an empty list instead.
"""

import difflib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal, NoReturn, TypeAlias

import numpy as np
from numpy.typing import NDArray

from furniture_prompter.domain.wording import as_id, as_kept, one_line, part_as_kept, readable
from furniture_prompter.errors import InvalidFilterError

LIMIT_CHARACTERS: Final = 2_000
# LanceDB's own parser gives up at 24 levels, as the test of this limit shows.
LIMIT_DEPTH: Final = 16
LIMIT_LIST: Final = 200

Operator = Literal["=", "!=", "<", "<=", ">", ">="]


@dataclass(frozen=True, slots=True, eq=False)
class Filter:
    """A compiled `where`: its SQL and the sorted numbers of the products it lets through."""

    sql: str
    numbers: NDArray[np.int64]


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


class ColumnType(StrEnum):
    """What a column holds, in the filter language's words."""

    TEXT = "text"
    NUMBER = "number"
    BOOLEAN = "boolean"
    TEXTS = "texts"


_NEGATED: Final[dict[Operator, Operator]] = {
    "=": "!=",
    "!=": "=",
    "<": ">=",
    "<=": ">",
    ">": "<=",
    ">=": "<",
}

_HOLDS: Final = {
    ColumnType.TEXT: ("text", "a text in quotes", "'oak'"),
    ColumnType.NUMBER: ("numbers", "a number without quotes", "300"),
    ColumnType.BOOLEAN: ("true or false", "true or false without quotes", "true"),
    ColumnType.TEXTS: ("a list of texts", "a text in quotes", "'oak'"),
}

# The dotted and dotless i meet before case is ignored: Unicode keeps İ apart from i and ı from I,
# so ILIKE alone would not find İSKEMLE by iskemle.
_SAME_I: Final = str.maketrans("İIı", "iii")


def compile_filter(expression: str, columns: Mapping[str, str]) -> str:
    """Turn a ``where`` expression into a SQL predicate for LanceDB.

    Args:
        expression: Such as ``category = 'chair' and price < 300``.
        columns: Columns that may be named, and the :class:`ColumnType` of each.

    Raises:
        InvalidFilterError: the expression does not parse, names an unknown column, compares a
            column with a value of another type, or is beyond a limit. The message says what to
            write instead and has a caret under the place.
    """
    types = {name: ColumnType(column_type) for name, column_type in columns.items()}
    from furniture_prompter.catalog.filter_parser import parse  # loads lark

    return _Compiler(expression, types).predicate(parse(expression), negated=False)


class _Compiler:
    def __init__(self, expression: str, types: Mapping[str, ColumnType]) -> None:
        self._expression = expression
        self._types = types

    def predicate(self, node: Node, *, negated: bool) -> str:
        """A predicate in brackets.

        NOT is pushed down to the leaves, which keeps SQL's meaning of NULL (De Morgan's laws hold
        in three-valued logic): LanceDB's parser refuses a few dozen nested NOTs.
        """
        match node:
            case Negation():
                return self.predicate(node.node, negated=not negated)
            case Junction():
                word = {"AND": "OR", "OR": "AND"}[node.word] if negated else node.word
                parts = (self.predicate(part, negated=negated) for part in node.nodes)
                return f"({f' {word} '.join(parts)})"
            case Comparison():
                return self._comparison(node, negated)
            case Truth():
                return self._truth(node.column, negated)
            case Membership():
                return self._membership(node, negated)
            case Between():
                return self._between(node, negated)
            case Like():
                return self._like(node, negated)
            case Contains():
                return self._contains(node, negated)
            case Empty():
                return self._empty(node.column, negated=negated)

    def _comparison(self, node: Comparison, negated: bool) -> str:
        left, right = node.left, node.right
        operator = _NEGATED[node.operator] if negated else node.operator
        if isinstance(left, Column):
            column, other = left, right
        elif isinstance(right, Column):
            column, other = right, left
        else:
            self._refuse(left, "Two values are compared. Name a column on one side.")
        column_type = self._type(column)
        if column_type is ColumnType.TEXTS:
            self._refuse(
                column,
                f"`{column.name}` holds a list of texts, which {node.operator} does not compare. "
                f"Write: {column.name} contains 'oak'",
            )
        if column_type is ColumnType.BOOLEAN and node.operator not in ("=", "!="):
            self._refuse(
                column,
                f"`{column.name}` holds true or false, which has no order. "
                f"Write: {column.name} = true",
            )
        sides = [self._operand(side, column, column_type, other) for side in (left, right)]
        if node.operator == "=" and "''" in sides:
            self._refuse(
                other,
                "An empty text is no value, which nothing is equal to. "
                f"Write: {column.name} is null",
            )
        if column.name == "id" and isinstance(other, Value) and operator in ("=", "!="):
            return self._membership(Membership(column, (other,)), operator == "!=")
        return f"({sides[0]} {operator} {sides[1]})"

    def _operand(
        self, side: Operand, column: Column, column_type: ColumnType, other: Operand
    ) -> str:
        if isinstance(side, Value):
            return self._literal(side, column, column_type)
        if side is other:
            # A bare word where a value belongs is far more often a text without its quotes.
            other_type = self._type(side, may_be_text=column_type is ColumnType.TEXT)
            if other_type is not column_type:
                self._refuse(
                    side,
                    f"`{column.name}` holds {_HOLDS[column_type][0]} and `{side.name}` holds "
                    f"{_HOLDS[other_type][0]}. Compare columns of one kind.",
                )
        return self._value_of(side)

    def _truth(self, column: Column, negated: bool) -> str:
        if self._type(column) is not ColumnType.BOOLEAN:
            holds, _, example = _HOLDS[self._type(column)]
            word = "contains" if self._type(column) is ColumnType.TEXTS else "="
            self._refuse(
                column,
                f"`{column.name}` holds {holds} and cannot stand alone. Compare it: "
                f"{column.name} {word} {example}",
            )
        return f"({_quoted(column.name)} = {'FALSE' if negated else 'TRUE'})"

    def _membership(self, node: Membership, negated: bool) -> str:
        column_type = self._type(node.column)
        if len(node.values) > LIMIT_LIST:
            self._refuse(
                node.values[LIMIT_LIST],
                f"IN has {len(node.values)} values, and {LIMIT_LIST} are allowed. "
                "Ask in several queries.",
            )
        if column_type is ColumnType.TEXTS:
            self._refuse(
                node.column,
                f"`{node.column.name}` holds a list of texts. Write: "
                f"{node.column.name} contains 'oak' or {node.column.name} contains 'ash'",
            )
        values = [self._literal(value, node.column, column_type) for value in node.values]
        if node.column.name == "id":
            values = [text for value in node.values for text in id_literals(str(value.value))]
        value, listed = self._value_of(node.column), ", ".join(values)
        if not negated:
            return f"({value} IN ({listed}))"
        # DataFusion makes "NOT IN (a) OR NOT IN (b)" true whatever stands there, also of NULL.
        return f"({value} IS NOT NULL AND {value} NOT IN ({listed}))"

    def _between(self, node: Between, negated: bool) -> str:
        low = Comparison(node.column, ">=", node.low)
        high = Comparison(node.column, "<=", node.high)
        word = "OR" if negated else "AND"
        return f"({self._comparison(low, negated)} {word} {self._comparison(high, negated)})"

    def _like(self, node: Like, negated: bool) -> str:
        self._require_text(node.column, "LIKE")
        # No text begins or ends with a space.
        pattern = self._part(node.pattern, node.column).strip()
        pieces = re.findall(r"\\[%_\\]|[%_]|[^%_]", pattern, re.DOTALL)
        rendered = "".join(p if p in ("%", "_") else _plain(p[-1]) for p in pieces)
        return self._ilike(node.column, rendered, negated)

    def _contains(self, node: Contains, negated: bool) -> str:
        if self._type(node.column) is ColumnType.TEXTS:
            entry = self._literal(node.part, node.column, ColumnType.TEXTS)
            has = f"array_has({_quoted(node.column.name)}, {entry})"
            given = self._empty(node.column, negated=True)
            return f"({given} AND NOT {has})" if negated else f"({has})"
        part = self._part(node.part, node.column)
        self._require_text(node.column, "CONTAINS")
        return self._ilike(node.column, f"%{''.join(_plain(c) for c in part)}%", negated)

    def _ilike(self, column: Column, pattern: str, negated: bool) -> str:
        subject = f"translate({self._value_of(column)}, 'İIı', 'iii')"
        word = "NOT ILIKE" if negated else "ILIKE"
        return f"({subject} {word} {text_literal(pattern.translate(_SAME_I))})"

    def _empty(self, column: Column, *, negated: bool) -> str:
        if self._type(column) is ColumnType.TEXTS:
            # NULL and an empty list both come to 0 entries; cardinality(NULL) alone would be NULL.
            compare = "> 0" if negated else "= 0"
            return f"(coalesce(cardinality({_quoted(column.name)}), 0) {compare})"
        return f"({self._value_of(column)} IS {'NOT NULL' if negated else 'NULL'})"

    def _value_of(self, column: Column) -> str:
        """A column's value, NULL for a product that has none; not for lists."""
        name = _quoted(column.name)
        return f"nullif({name}, '')" if self._type(column) is ColumnType.TEXT else name

    def _require_text(self, column: Column, word: str) -> None:
        column_type = self._type(column)
        if column_type is ColumnType.TEXTS:
            self._refuse(
                column,
                f"`{column.name}` holds a list of texts, which {word} does not search. "
                f"Write: {column.name} contains 'oak'",
            )
        if column_type is not ColumnType.TEXT:
            self._refuse(
                column,
                f"`{column.name}` holds {_HOLDS[column_type][0]}, and {word} searches text. "
                f"Write: {column.name} = {_HOLDS[column_type][2]}",
            )

    def _part(self, value: Value, column: Column) -> str:
        self._literal(value, column, ColumnType.TEXT)
        return part_as_kept(column.name, str(value.value))

    def _literal(self, value: Value, column: Column, column_type: ColumnType) -> str:
        content = value.value
        if isinstance(content, bool):
            fits, rendered = column_type is ColumnType.BOOLEAN, str(content).upper()
        elif isinstance(content, str):
            fits = column_type in (ColumnType.TEXT, ColumnType.TEXTS)
            is_entry = column_type is ColumnType.TEXTS
            rendered = text_literal(
                one_line(content) if is_entry else as_kept(column.name, content)
            )
        else:
            fits, rendered = column_type is ColumnType.NUMBER, repr(content)
        if not fits:
            holds, wanted, example = _HOLDS[column_type]
            if isinstance(content, float) and example.startswith("'"):
                example = f"'{content:.15g}'"
            self._refuse(
                value, f"`{column.name}` holds {holds}. Compare it with {wanted}, such as {example}"
            )
        if isinstance(content, float) and not math.isfinite(content):
            self._refuse(value, "This number is beyond the range of numbers. Write a smaller one.")
        if any("\ud800" <= character <= "\udfff" for character in rendered):
            self._refuse(
                value, "This text holds half of a surrogate pair, which is no character. Retype it."
            )
        return rendered

    def _type(self, column: Column, *, may_be_text: bool = False) -> ColumnType:
        found = self._types.get(column.name)
        if found is None:
            self._refuse(column, self._unknown(column.name, may_be_text))
        return found

    def _unknown(self, name: str, may_be_text: bool) -> str:
        known = sorted(self._types)
        by_lower = {each.lower(): each for each in known}
        nearest = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.6)
        cure = f" Did you mean `{by_lower[nearest[0]]}`?" if nearest else ""
        if may_be_text:
            cure = f" If it is meant as text, quote it: '{name}'.{cure}"
        return f"There is no column `{name}`.{cure} This catalog has: {', '.join(known)}."

    def _refuse(self, at: Operand, reason: str) -> NoReturn:
        refuse(self._expression, at.position, reason)


def _quoted(name: str) -> str:
    # Only names that the catalog has come here, and none of them holds a backtick.
    return f"`{name}`"


def text_literal(text: str) -> str:
    """A text as a literal of SQL and of the filter language, which write it alike."""
    escaped = text.replace("'", "''")
    return f"'{escaped}'"


def id_literals(product_id: str) -> tuple[str, ...]:
    """The SQL literals of an id, one of which its product has: as it is kept, and as it once was.

    Catalogs of photo folders kept the runs of spaces in a file's name.
    """
    kept = dict.fromkeys((as_id(product_id), readable(product_id)))
    # No catalog has half of a surrogate pair, and no encoding; U+FFFD takes its place.
    whole = (text.encode("utf-16", "surrogatepass").decode("utf-16", "replace") for text in kept)
    return tuple(text_literal(text) for text in whole)


def _plain(character: str) -> str:
    """A character of a LIKE pattern that stands for itself; LanceDB's escape is the backslash."""
    return f"\\{character}" if character in "%_\\" else character


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
