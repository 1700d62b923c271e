"""Nested objects as one row: names parted by dots, lists of objects as lists of each member."""

from collections.abc import Mapping
from typing import Any, Final

from furniture_prompter.feeds.cells import UnusableValueError, shown
from furniture_prompter.feeds.records import Value

LIMIT_DEPTH: Final = 16
LIMIT_FIELDS: Final = 2_000
LIMIT_CELLS: Final = 1_000_000
"""Objects of a list, times the members that any of them has: each is kept, absent or not."""
_PLAIN: Final = frozenset((str, int, float, bool, type(None)))
OWN_TEXT: Final = ""
"""Name of the member that holds what an object is itself: the text of an XML element."""


def flattened(value: Mapping[str, Any]) -> dict[str, Value]:
    """The members of an object and of all objects in it.

    ``{"price": {"amount": 5}}`` is ``price.amount``. A list that holds objects becomes a list for
    each of their members, all as long as the list itself, so that they stay in step:
    ``{"variants": [{"sku": "a"}, {"price": 5}]}`` is ``variants.sku`` ``["a", None]`` and
    ``variants.price`` ``[None, 5]``. Members of a list that are no objects come under its name; an
    empty list is left out.
    Names that come out twice are told apart as ``name.2``.

    Args:
        value: What JSON, or Arrow, makes of an object: mappings, lists, texts, numbers, truth
            values, None.

    Raises:
        UnusableValueError: it is nested deeper than 16 objects, has more than 2,000 members, or a
            list of so many objects that a million cells would come of it.
    """
    if len(value) > LIMIT_FIELDS:
        raise _too_many_fields()
    if all(type(member) in _PLAIN for member in value.values()):
        return dict(value)
    fields: dict[str, Value] = {}
    _fill(fields, "", value, LIMIT_DEPTH)
    return fields


def _too_many_fields() -> UnusableValueError:
    return UnusableValueError(
        f"The row has more than {LIMIT_FIELDS:,} values with those of the objects in it.",
        "Leave out those that nobody will search or filter by.",
    )


def _fill(fields: dict[str, Value], prefix: str, value: Mapping[str, Any], depth: int) -> None:
    """Put the members of an object, and of all objects in it, under names that begin with it."""
    if not depth:
        raise UnusableValueError(
            f"{shown(prefix)} is nested deeper than {LIMIT_DEPTH} objects.", "Leave it out."
        )
    for name, member in value.items():
        path = f"{prefix}.{name}" if prefix and name else prefix or name
        if type(member) in _PLAIN:
            fields[_unique(path, fields)] = member
        elif isinstance(member, dict):
            _fill(fields, path, member, depth - 1)
        elif isinstance(member, list):
            _fill_lists(fields, path, member, depth - 1)
        else:
            fields[_unique(path, fields)] = _plain(path, member, depth)
    if len(fields) > LIMIT_FIELDS:
        raise _too_many_fields()


def _fill_lists(fields: dict[str, Value], path: str, members: list[Any], depth: int) -> None:
    """Put a list, or a list for each member of the objects in it."""
    if not members:
        return
    if not any(isinstance(member, dict) for member in members):
        fields[_unique(path, fields)] = [_plain(path, member, depth) for member in members]
        return
    lists: dict[str, list[Value]] = {}
    for place, member in enumerate(members):
        own: dict[str, Value] = {}
        if isinstance(member, dict):
            _fill(own, path, member, depth)
        else:
            own[path] = _plain(path, member, depth)
        for name, value in own.items():
            if name not in lists:
                lists[name] = [None] * len(members)
            lists[name][place] = value
        if len(lists) > LIMIT_FIELDS or len(lists) * len(members) > LIMIT_CELLS:
            raise UnusableValueError(
                f"The objects in {shown(path)} are too many, or have more than {LIMIT_FIELDS:,} "
                "members.",
                "Leave it out, or give all objects the same members.",
            )
    for name, values in lists.items():
        fields[_unique(name, fields)] = values


def _unique(name: str, fields: Mapping[str, Value]) -> str:
    unique, count = name, 1
    while unique in fields:
        count += 1
        unique = f"{name}.{count}"
    return unique


def _plain(path: str, value: Any, depth: int) -> Value:
    """A value that is no object: lists in lists keep their shape, objects in them are left out."""
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if not isinstance(value, list):
        raise UnusableValueError(
            f"{shown(path)} gives a name twice, or is of a kind that has no text.",
            "Leave one of the two out, or the column.",
        )
    if not depth:
        raise UnusableValueError(
            f"{shown(path)} is nested deeper than {LIMIT_DEPTH} lists.", "Leave it out."
        )
    return [
        None if isinstance(member, dict) else _plain(path, member, depth - 1) for member in value
    ]
