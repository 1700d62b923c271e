"""From the text of a ``where`` expression to a typed tree; knows nothing of any catalog.

Imported at the first filter, so that a search without one does not pay for lark.
"""

import re
from functools import cache
from typing import Final, Literal, cast

from lark import Lark, Transformer, v_args
from lark.exceptions import UnexpectedCharacters, UnexpectedToken
from lark.lexer import Token

from furniture_prompter.catalog.filters import (
    LIMIT_CHARACTERS,
    LIMIT_DEPTH,
    Between,
    Column,
    Comparison,
    Contains,
    Empty,
    Junction,
    Like,
    Membership,
    Negation,
    Node,
    Operand,
    Operator,
    Truth,
    Value,
    refuse,
)
from furniture_prompter.errors import InvalidFilterError

_SPELLINGS: Final[dict[str, Operator]] = {
    "=": "=",
    "==": "=",
    "!=": "!=",
    "<>": "!=",
    "<": "<",
    "<=": "<=",
    ">": ">",
    ">=": ">=",
}

# Keywords carry their own word boundary: without it `or` would match the head of `order`.
_GRAMMAR: Final = r"""
?start: any_of
?any_of: all_of (_OR all_of)*
?all_of: negatable (_AND negatable)*
?negatable: _NOT negatable -> negation
          | "(" any_of ")"
          | predicate
?predicate: operand COMPARE operand                     -> comparison
          | column                                      -> truth
          | column _IN "(" literal ("," literal)* ")"   -> membership
          | column _NOT _IN "(" literal ("," literal)* ")" -> no_membership
          | column _BETWEEN literal _AND literal        -> between
          | column _NOT _BETWEEN literal _AND literal   -> not_between
          | column _LIKE literal                        -> like
          | column _NOT _LIKE literal                   -> not_like
          | column _CONTAINS literal                    -> contains
          | column _NOT _CONTAINS literal               -> not_contains
          | literal _IN column                          -> contained
          | literal _NOT _IN column                     -> not_contained
          | column _IS _NULL                            -> empty
          | column _IS _NOT _NULL                       -> not_empty
?operand: column | literal
?literal: NUMBER -> number | STRING -> text | BOOLEAN -> boolean
column: COLUMN

COMPARE: "==" | "!=" | "<>" | "<=" | ">=" | "=" | "<" | ">"
_OR.2: /or(?!\w)/i
_AND.2: /and(?!\w)/i
_NOT.2: /not(?!\w)/i
_IN.2: /in(?!\w)/i
_IS.2: /is(?!\w)/i
_NULL.2: /null(?!\w)/i
_LIKE.2: /like(?!\w)/i
_BETWEEN.2: /between(?!\w)/i
_CONTAINS.2: /contains(?!\w)/i
BOOLEAN.2: /(true|false)(?!\w)/i
NUMBER: /[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)(e[+-]?[0-9]+)?(?![\w.])/i
STRING: /'(?:[^']|'')*'/ | /"(?:[^"]|"")*"/
COLUMN: /[^\W\d]\w*/ | /`[^`]+`/
%ignore /\s+/
"""

_PEOPLES_NUMBER: Final = re.compile(
    r"(?<![\w.,'\"])[%€$£₺]?(?P<number>\d+(?:[.,’ ]\d+)*)"
    r"(?:\s?(?:[%€$£₺]|(?:tl|try|eur|usd|gbp)\b))?(?!\w)",
    re.IGNORECASE,
)

_FRACTION: Final = re.compile(r"(?P<whole>.+)(?P<mark>[.,])(?P<rest>\d{1,2})")
_THOUSANDS: Final = re.compile(r"\d{1,3}(?P<mark>[.,’ ])\d{3}(?:(?P=mark)\d{3})*")
_MORE_OF_IT: Final = re.compile(r"[.,’ ]\d")
_ROUND_THOUSANDS: Final = re.compile(r"[+-]?[1-9]\d{0,2}\.000")

_WORDS: Final = {
    "COLUMN": "a column",
    "NUMBER": "a number",
    "STRING": "a text in quotes",
    "BOOLEAN": "true or false",
    "COMPARE": "a comparison such as = or <",
    "LPAR": "(",
    "RPAR": ")",
    "COMMA": "a comma",
    "$END": "the end",
}


def parse(expression: str) -> Node:
    """Parse a ``where`` expression.

    Raises:
        InvalidFilterError: it is empty, too long, too deeply nested, or not in the language; the
            message has a caret under the place.
    """
    if not expression.strip():
        raise InvalidFilterError("The filter is empty. Leave it out, or write one: price < 300")
    if len(expression) > LIMIT_CHARACTERS:
        raise InvalidFilterError(
            f"The filter has {len(expression):,} characters, and {LIMIT_CHARACTERS:,} are allowed. "
            "Shorten it; IN (…) takes the place of many comparisons."
        )
    try:
        return cast("Node", _parser().parse(expression))
    except _TooDeepError:
        raise InvalidFilterError(
            f"The filter nests more than {LIMIT_DEPTH} levels of AND, OR and NOT. Write it flatter."
        ) from None
    except _NotThisNumberError as problem:
        if _MORE_OF_IT.match(expression, problem.end):
            _refuse_peoples_number(expression, problem.position)
        refuse(expression, problem.position, problem.reason)
    except UnexpectedCharacters as error:
        position = cast("int", error.pos_in_stream)  # lark's stub knows only the class's None
        _refuse_peoples_number(expression, position)
        refuse(expression, position, _unreadable(expression[position]))
    except UnexpectedToken as error:
        ended = error.token.type == "$END"
        position = len(expression.rstrip()) if ended else error.token.start_pos or 0
        _refuse_peoples_number(expression, position)
        found = "the filter ends" if ended else f"`{error.token}` stands"
        refuse(expression, position, f"Here {found} where {_expected(error.accepts)} is expected.")


def _refuse_peoples_number(expression: str, position: int) -> None:
    """Refuse a number as people write it, where one stands at the place that was not understood."""
    for found in _PEOPLES_NUMBER.finditer(expression):
        if found.start() <= position < found.end():
            meant = _meant(found["number"])
            if meant is None or meant == found[0]:
                return
            refuse(
                expression,
                found.start(),
                f"Write {meant} for {found[0].strip()}: filters have numbers with a point, and "
                "without marks between thousands, currencies and percent signs.",
            )


def _meant(number: str) -> str | None:
    """A number of people's as filters have it; None of a date, a version, or several numbers.

    Behind the last mark one or two digits are a fraction, three are thousands.
    """
    fraction = _FRACTION.fullmatch(number)
    whole, rest = (fraction["whole"], fraction["rest"]) if fraction else (number, "")
    marks = set(re.sub(r"\d", "", whole))
    if marks and not (
        _THOUSANDS.fullmatch(whole) and (fraction is None or fraction["mark"] not in marks)
    ):
        return None
    digits = re.sub(r"\D", "", whole)
    return f"{digits}.{rest}" if rest else digits


def _unreadable(character: str) -> str:
    if character in "'\"":
        return "The text that begins here has no closing quote. Close it; '' is a quote inside."
    if character in "‘’“”„«»":
        return f"The quote {character} is not understood. Use straight quotes: ' or \"."
    if character.isdigit() or character in "+-.":
        return "This is not a number as filters write them. Write it like -1, 2.5 or 1e3."
    return f"The character {character!r} means nothing in a filter. Take it out, or quote the text."


def _expected(terminals: set[str]) -> str:
    words = [word for terminal, word in _WORDS.items() if terminal in terminals]
    words += sorted(name.lstrip("_") for name in terminals if name not in _WORDS)
    return " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


class _TooDeepError(Exception):
    """More nested than LIMIT_DEPTH; the parser is iterative, but what follows recurses."""


class _NotThisNumberError(Exception):
    """A number that says something else than it seems to."""

    def __init__(self, position: int, end: int, reason: str) -> None:
        super().__init__(reason)
        self.position = position
        self.end = end
        self.reason = reason


def _deeper(nodes: tuple[Node, ...]) -> int:
    depths = (node.depth for node in nodes if isinstance(node, Negation | Junction))
    depth = 1 + max(depths, default=0)
    if depth > LIMIT_DEPTH:
        raise _TooDeepError
    return depth


def _junction(word: Literal["AND", "OR"], nodes: tuple[Node, ...]) -> Junction:
    return Junction(word, nodes, _deeper(nodes))


def _negation(node: Node) -> Negation:
    return Negation(node, _deeper((node,)))


@v_args(inline=True)
class _Builder(Transformer[Token, Node]):
    """Makes nodes while parsing, so that no tree of rules is ever walked."""

    def any_of(self, *nodes: Node) -> Node:
        return _junction("OR", nodes)

    def all_of(self, *nodes: Node) -> Node:
        return _junction("AND", nodes)

    def negation(self, node: Node) -> Node:
        return _negation(node)

    def comparison(self, left: Operand, operator: Token, right: Operand) -> Node:
        return Comparison(left, _SPELLINGS[str(operator)], right)

    def truth(self, column: Column) -> Node:
        return Truth(column)

    def membership(self, column: Column, *values: Value) -> Node:
        return Membership(column, values)

    def no_membership(self, column: Column, *values: Value) -> Node:
        return _negation(Membership(column, values))

    def between(self, column: Column, low: Value, high: Value) -> Node:
        return Between(column, low, high)

    def not_between(self, column: Column, low: Value, high: Value) -> Node:
        return _negation(Between(column, low, high))

    def like(self, column: Column, pattern: Value) -> Node:
        return Like(column, pattern)

    def not_like(self, column: Column, pattern: Value) -> Node:
        return _negation(Like(column, pattern))

    def contains(self, column: Column, part: Value) -> Node:
        return Contains(column, part)

    def not_contains(self, column: Column, part: Value) -> Node:
        return _negation(Contains(column, part))

    def contained(self, part: Value, column: Column) -> Node:
        return Contains(column, part)

    def not_contained(self, part: Value, column: Column) -> Node:
        return _negation(Contains(column, part))

    def empty(self, column: Column) -> Node:
        return Empty(column)

    def not_empty(self, column: Column) -> Node:
        return _negation(Empty(column))

    def column(self, token: Token) -> Column:
        return Column(str(token).strip("`"), token.start_pos or 0)

    def number(self, token: Token) -> Value:
        number, position = float(token), token.start_pos or 0
        if _ROUND_THOUSANDS.fullmatch(token):
            thousands, plain = token.replace(".", ""), token.partition(".")[0]
            raise _NotThisNumberError(
                position,
                position + len(token),
                f"{token} may be {thousands} or {plain}. Write {thousands}, or {plain}: filters "
                "have a point before decimals, and no marks between thousands.",
            )
        return Value(number, position)

    def text(self, token: Token) -> Value:
        quote = token[0]
        return Value(token[1:-1].replace(quote * 2, quote), token.start_pos or 0)

    def boolean(self, token: Token) -> Value:
        return Value(token.lower() == "true", token.start_pos or 0)


@cache
def _parser() -> Lark:
    return Lark(_GRAMMAR, parser="lalr", lexer="contextual", transformer=_Builder())
