"""JSON objects out of text, with everything that may be wrong with them put into a sentence."""

import json
from dataclasses import dataclass
from typing import Any, Final

from furniture_prompter.feeds.wording import UnusableValueError, shown

JsonObject = dict[str, Any]

MEND: Final = "Mend the row, or leave it out."


@dataclass(frozen=True, slots=True)
class _Doubled:
    """Stands for an object that gives a name twice."""

    name: str


def _object(pairs: list[tuple[str, Any]]) -> JsonObject | _Doubled:
    value: JsonObject = {}
    for name, item in pairs:
        if name in value:
            return _Doubled(name)
        value[name] = item
    return value


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_object)


def object_at(text: str, start: int) -> tuple[JsonObject | UnusableValueError, int]:
    """The JSON object that begins at a position, or what is wrong with the value there.

    Returns:
        It, and the position behind it.

    Raises:
        UnusableValueError: there is no JSON value, so nobody can tell where it ends.
    """
    try:
        value, end = _DECODER.raw_decode(text, start)
    except json.JSONDecodeError as error:
        column = error.pos - text.rfind("\n", 0, error.pos)
        # Python's words end where it would write the place: "Unterminated string starting at".
        what = error.msg.rstrip(": ").removesuffix(" at").removesuffix(" starting")
        raise UnusableValueError(f"Broken JSON at column {column}: {what}.", MEND) from error
    except RecursionError as error:
        raise UnusableValueError("The JSON is nested too deeply.", MEND) from error
    except ValueError as error:
        # Python reads no whole number of more than 4,300 digits.
        raise UnusableValueError("A number has thousands of digits.", MEND) from error
    if isinstance(value, _Doubled):
        problem = f"The row gives {shown(value.name)} twice."
        return UnusableValueError(problem, "Leave one of the two out."), end
    if not isinstance(value, dict):
        problem = "The row is JSON, but no object."
        return UnusableValueError(problem, 'Write {"id": …, "title": …, "image": …}.'), end
    return value, end
