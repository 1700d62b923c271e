"""JSON as this API takes it: shallow, without doubled names, and of numbers that are numbers.

Python's own decoder takes NaN and Infinity, the last of two equal names, ``1e999`` as infinity and
half of a surrogate pair. Each of them reads differently elsewhere (RFC 8259, sections 4, 6 and 8),
or fails much later.
"""

import json
import math
import re
from typing import Any, Final, NoReturn

from furniture_prompter.errors import InvalidQueryError

# Strings are stepped over whole, in C; a base64 photo is one of them.
_TOKENS: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"|[\[{]|[\]}]', re.DOTALL)
_HALF_PAIR: Final = re.compile(rb"\\u[dD][89a-fA-F]")


def parse_json(data: bytes, limit_depth: int) -> Any:
    """The value of a JSON text.

    Args:
        data: UTF-8.
        limit_depth: Deepest nesting of objects and lists; told before anything is built.

    Raises:
        InvalidQueryError: it is no JSON, nests deeper, gives a name twice, or holds a number or a
            text that cannot be kept.
    """
    _refuse_depth(data, limit_depth)
    try:
        value = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_object,
            parse_constant=_constant,
            parse_float=_number,
        )
        if _HALF_PAIR.search(data):
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except json.JSONDecodeError as error:
        _refuse(f"cannot be read ({error.msg}, at character {error.pos + 1})", "Mend it there.")
    except UnicodeDecodeError as error:
        _refuse(f"is not UTF-8 at byte {error.start + 1}", "Send it as UTF-8.")
    except UnicodeEncodeError:
        _refuse(r"holds \u codes that are no characters", "Write the characters themselves.")
    except RecursionError:
        _refuse("nests too deeply", "Write it flatter.")
    except ValueError:
        # Python reads no whole number of more than 4,300 digits.
        _refuse("holds a number of thousands of digits", "Write it in quotes, as text.")
    return value


def _refuse_depth(data: bytes, limit_depth: int) -> None:
    if data.count(b"[") + data.count(b"{") <= limit_depth:
        return
    depth = 0
    for token in _TOKENS.finditer(data):
        first = data[token.start()]
        if first in b"[{":
            depth += 1
            if depth > limit_depth:
                _refuse(f"nests more than {limit_depth} levels", "Write it flatter.")
        elif first in b"]}":
            depth -= 1


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for name, item in pairs:
        if name in value:
            _refuse(f"gives {ascii(name)[:60]} twice in one object", "Leave one of the two out.")
        value[name] = item
    return value


def _constant(name: str) -> NoReturn:
    _refuse(f"holds {name}, which JSON does not have", "Write null, or leave it out.")


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        _refuse(f"holds a number too large to be kept ({text[:20]})", "Write a smaller one.")
    return value


def _refuse(reason: str, cure: str) -> NoReturn:
    raise InvalidQueryError(f"The JSON {reason}. {cure}")
