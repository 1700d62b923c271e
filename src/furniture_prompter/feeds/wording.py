"""Text of a feed, made fit to be stored, shown and searched."""

import re
import unicodedata

# Control characters, and the marks that turn the direction of text around (Unicode UAX #9), which
# could make a title show as something else than it is. Tabs and line breaks are white space here.
_DROPPED = re.compile("[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u202a-\u202e\u2066-\u2069\ufeff]")
_HALF_PAIR = re.compile("[\ud800-\udfff]")


class UnusableValueError(ValueError):
    """A value of one row that cannot be used; it never leaves the feeds.

    Attributes:
        reason: What is wrong, in one sentence.
        cure: What to do about it, in one sentence.
        product_id: The product it belongs to, where that could be told; otherwise empty.
        hides_ids: Whether rows of further products may stand in what cannot be used.
    """

    def __init__(
        self, reason: str, cure: str, product_id: str = "", *, hides_ids: bool = False
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.cure = cure
        self.product_id = product_id
        self.hides_ids = hides_ids


def one_line(text: str) -> str:
    """Text in Unicode's composed form, without control characters, spaces run together."""
    return " ".join(_readable(text).split())


def prose(text: str) -> str:
    """As :func:`one_line`, line by line; empty lines are left out."""
    lines = (" ".join(line.split()) for line in _readable(text).splitlines())
    return "\n".join(line for line in lines if line)


def has_control_characters(text: str) -> bool:
    """Whether text holds anything that a single line cannot show."""
    return bool(_DROPPED.search(text)) or len(text.splitlines()) > 1 or "\t" in text


def shown(value: object, length: int = 60) -> str:
    """A value as a message quotes it, cut to a length in characters."""
    text = ascii(value) if _HALF_PAIR.search(str(value)) else repr(value)
    return text if len(text) <= length else text[: length - 1] + "…"


def has_half_pair(text: str) -> bool:
    """Whether text holds half of a surrogate pair, which no encoding can write."""
    return bool(_HALF_PAIR.search(text))


def _readable(text: str) -> str:
    if has_half_pair(text):
        raise UnusableValueError(
            f"{shown(text)} holds bytes or \\u codes that are no characters.",
            "Save the feed as UTF-8 again from where it comes from.",
        )
    return unicodedata.normalize("NFC", _DROPPED.sub("", text))
