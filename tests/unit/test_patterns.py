"""Every regular expression of the package takes time linear in what it is given.

They are found in the source, so a new one is held to it without being named here. Each is tried, by
the methods it is used with, on what its own parts match, many times over and in pairs.
"""

import ast
import importlib
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from re import _constants, _parser  # the only way to a pattern's parts
from typing import Any, Final

import pytest

from furniture_prompter.catalog import filter_parser
from tests.linear_time import assert_linear

PACKAGE: Final = Path(filter_parser.__file__).parents[1]
METHODS: Final = ("match", "fullmatch", "search", "finditer")
# These look for a pattern's next place as finditer does, and again behind it.
_AS_FINDITER: Final = ("findall", "sub", "subn", "split")
# One of each category, and what often stands between words.
_OF_CATEGORY: Final = {
    _constants.CATEGORY_DIGIT: "0",
    _constants.CATEGORY_NOT_DIGIT: "a",
    _constants.CATEGORY_SPACE: " ",
    _constants.CATEGORY_NOT_SPACE: "a",
    _constants.CATEGORY_WORD: "a",
    _constants.CATEGORY_NOT_WORD: "-",
}
_EVERYWHERE: Final = ("a", " ", "0", '"')
_PUMPS: Final = 10
_SAMPLES: Final = 4
# Ends what a pattern would go on with.
_ENDS: Final = ("", "\x00")


@dataclass(frozen=True)
class Used:
    """A pattern as the package uses it."""

    where: str
    pattern: re.Pattern[Any]
    methods: tuple[str, ...]


def used_patterns() -> Iterator[Used]:
    for path in sorted(PACKAGE.rglob("*.py")):
        module = ".".join(("furniture_prompter", *path.relative_to(PACKAGE).with_suffix("").parts))
        tree = ast.parse(path.read_text("utf-8"))
        names = {
            target.id: node.value
            for node in tree.body
            if isinstance(node, ast.Assign | ast.AnnAssign)
            for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
            if isinstance(target, ast.Name)
        }
        for call in calls_of_re(tree):
            holders = (n for n, value in names.items() if value and call in ast.walk(value))
            name = next(holders, None)
            method = call.func.attr if isinstance(call.func, ast.Attribute) else ""
            if method == "compile":
                assert name is not None, f"{module}: compile patterns at the module's top."
                if names[name] is not call:
                    held = getattr(importlib.import_module(module), name)
                    for number, pattern in enumerate(patterns_in(held)):
                        yield Used(f"{module}.{name}[{number}]", pattern, METHODS)
                    continue
                yield Used(f"{module}.{name}", compiled(module, name, call), methods(name, tree))
            else:
                scans = "finditer" if method in _AS_FINDITER else method
                yield Used(f"{module}:{method}", re.compile(literal(call)), (scans,))
    for terminal in filter_parser._parser().terminals:
        pattern = re.compile(terminal.pattern.to_regexp())
        yield Used(f"the filter's {terminal.name}", pattern, ("match",))


def patterns_in(held: object) -> Iterator[re.Pattern[Any]]:
    if isinstance(held, re.Pattern):
        yield held
    elif isinstance(held, tuple):
        for each in held:
            yield from patterns_in(each)


def calls_of_re(tree: ast.AST) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner = node.func.value
            if isinstance(owner, ast.Name) and owner.id == "re" and node.func.attr != "escape":
                yield node


def literal(call: ast.Call) -> Any:
    return ast.literal_eval(call.args[0])


def compiled(module: str, name: str, call: ast.Call) -> re.Pattern[Any]:
    """Without importing where it can be read: some modules need large extras."""
    try:
        flags = [eval(ast.unparse(flag), {"re": re}) for flag in call.args[1:]]  # noqa: S307  # our own source
        return re.compile(literal(call), *flags)
    except ValueError:
        found: re.Pattern[Any] = getattr(importlib.import_module(module), name)
        return found


def methods(name: str, tree: ast.AST) -> tuple[str, ...]:
    used = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == name
    }
    found = {"finditer" if each in _AS_FINDITER else each for each in used} & {*METHODS}
    # Passed on to somebody else, who may do anything with it.
    return tuple(sorted(found)) or METHODS


def samples(part: Any) -> list[str]:
    """A few texts that a parsed pattern matches."""
    found = [""]
    for kind, value in part:
        options = _options(kind, value)
        found = [left + right for left in found for right in options][:_SAMPLES]
    return found


def _options(kind: Any, value: Any) -> list[str]:
    if kind is _constants.LITERAL:
        return [chr(value)]
    if kind is _constants.NOT_LITERAL:
        return [_other_than({value})]
    if kind is _constants.ANY:
        return ['"', "a"]
    if kind is _constants.IN:
        return _members(value)
    if kind is _constants.BRANCH:
        return [text for each in value[1] for text in samples(each)]
    if kind is _constants.SUBPATTERN:
        return samples(value[3])
    if kind is _constants.ATOMIC_GROUP:
        return samples(value)
    if kind in _REPEATS:
        return [text * max(1, value[0]) for text in samples(value[2])]
    return [""]


_REPEATS: Final = (_constants.MAX_REPEAT, _constants.MIN_REPEAT, _constants.POSSESSIVE_REPEAT)


def _members(value: Any) -> list[str]:
    if value[0][0] is _constants.NEGATE:
        return [_other_than({member for kind, member in value if kind is _constants.LITERAL})]
    found = []
    for kind, member in value:
        if kind is _constants.LITERAL:
            found.append(chr(member))
        elif kind is _constants.RANGE:
            found.append(chr(member[0]))
        elif kind is _constants.CATEGORY:
            found.append(_OF_CATEGORY[member])
    return found


def _other_than(codes: set[int]) -> str:
    return next(each for each in "a-" if ord(each) not in codes)


def repeated(part: Any) -> Iterator[str]:
    """What a parsed pattern's repeats repeat."""
    for kind, value in part:
        if kind in _REPEATS:
            yield from samples(value[2])
            yield from repeated(value[2])
        elif kind is _constants.SUBPATTERN:
            yield from repeated(value[3])
        elif kind is _constants.ATOMIC_GROUP:
            yield from repeated(value)
        elif kind is _constants.BRANCH:
            for each in value[1]:
                yield from repeated(each)


def assert_pattern_is_linear(used: Used) -> None:
    source = used.pattern.pattern
    is_bytes = isinstance(source, bytes)
    tree = _parser.parse(source, used.pattern.flags)
    whole = samples(tree)[0]
    letters = dict.fromkeys([*repeated(tree), *whole[:4], *_EVERYWHERE])
    single = [each for each in letters if each][:_PUMPS]
    pumps = [*single, *(left + right for left, right in itertools.permutations(single, 2))]
    for method in used.methods:
        work = worker(used.pattern, method)
        for head, pump, end in itertools.product(dict.fromkeys(("", whole)), pumps, _ENDS):

            def made(size: int, head: str = head, pump: str = pump, end: str = end) -> Any:
                text = head + pump * (size // len(pump)) + end
                return text.encode("latin-1") if is_bytes else text

            assert_linear(work, made, (512, 4_096, 32_768))


def worker(pattern: re.Pattern[Any], method: str) -> Any:
    if method == "finditer":
        return lambda text: sum(1 for _ in pattern.finditer(text))
    return getattr(pattern, method)


@pytest.mark.parametrize("used", list(used_patterns()), ids=lambda used: used.where)
def test_a_pattern_takes_time_linear_in_what_it_is_given(used: Used) -> None:
    assert_pattern_is_linear(used)


@pytest.mark.parametrize(
    ("pattern", "method"),
    [
        (rb'"(?:[^"\\]++|\\.)*+"|[\[{]|[\]}]', "finditer"),
        (r"(a+)+$", "match"),
        (r"(\w+\s?)*$", "fullmatch"),
        (r"\s+$", "search"),
        (r"[+-]?(\d+(,\d*)*)+x", "fullmatch"),
        (r"<[^>]*>", "search"),
    ],
)
def test_a_pattern_that_is_not_is_found_out(pattern: Any, method: str) -> None:
    used = Used("here", re.compile(pattern), (method,))
    with pytest.raises(AssertionError, match="characters take"):
        assert_pattern_is_linear(used)
