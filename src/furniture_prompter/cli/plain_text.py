"""Words of a feed, made safe for a terminal.

A title can hold escape sequences that recolour, retitle or rewrite a terminal. Here they lose the
character that makes them work; Rich's markup is never interpreted, since texts are built as
``rich.text.Text``.
"""

import re

# C0 and C1 controls (C1 holds a one-character CSI), line and paragraph separators, the
# bidirectional overrides and isolates that reorder a line, and lone surrogates.
_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_UNSAFE_BUT_NEWLINE = re.compile(_UNSAFE.pattern.replace(r"\x00-\x1f", r"\x00-\x09\x0b-\x1f"))
# What JSON leaves as it is inside a string but a terminal may act upon.
_UNSAFE_IN_JSON = re.compile(r"[\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def plain(text: str) -> str:
    """One line: blanks for white space, U+FFFD for what else a terminal would act upon."""
    return _UNSAFE.sub(_replacement, text)


def plain_lines(text: str) -> str:
    """As :func:`plain`, keeping line breaks, for messages of several lines."""
    return _UNSAFE_BUT_NEWLINE.sub(_replacement, text)


def escape_json(text: str) -> str:
    """JSON text with unsafe characters of its strings written as their escapes; the same value."""
    return _UNSAFE_IN_JSON.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def _replacement(match: re.Match[str]) -> str:
    return " " if match[0].isspace() else "\N{REPLACEMENT CHARACTER}"
