"""Text of a feed, made fit to be stored, shown and searched."""

import re

from furniture_prompter.domain import wording

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
    """As :func:`furniture_prompter.domain.wording.one_line`.

    Raises:
        UnusableValueError: it holds half a surrogate pair, or too many accents on one letter.
    """
    return wording.one_line(usable(text))


def one_line_at_least(text: str) -> str:
    """As :func:`one_line`; empty where it is not usable."""
    try:
        return one_line(text)
    except UnusableValueError:
        return ""


def prose(text: str) -> str:
    """As :func:`furniture_prompter.domain.wording.prose`, and raises as :func:`one_line` does."""
    return wording.prose(usable(text))


def has_control_characters(text: str) -> bool:
    """Whether text holds anything that a single line cannot show."""
    return wording.has_dropped_characters(text) or len(text.splitlines()) > 1 or "\t" in text


def shown(value: object, length: int = 60) -> str:
    """A value as a message quotes it, cut to a length in characters."""
    text = ascii(value) if _HALF_PAIR.search(str(value)) else repr(value)
    return text if len(text) <= length else text[: length - 1] + "…"


def has_half_pair(text: str) -> bool:
    """Whether text holds half of a surrogate pair, which no encoding can write."""
    return bool(_HALF_PAIR.search(text))


def usable(text: str) -> str:
    """The text itself.

    Raises:
        UnusableValueError: as :func:`one_line` does.
    """
    if has_half_pair(text):
        raise UnusableValueError(
            f"{shown(text)} holds bytes or \\u codes that are no characters.",
            "Save the feed as UTF-8 again from where it comes from.",
        )
    if wording.has_too_many_marks(text):
        raise UnusableValueError(
            f"{shown(text)} has more than {wording.LIMIT_MARKS} accents on one letter.",
            "Write the letter with those that are read.",
        )
    return text
