"""What pages ask of programs: ``noindex``, ``nofollow``, ``noai`` of metas and of X-Robots-Tag."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from furniture_prompter.feeds.html_page import HtmlPage

ROBOT: Final = "furniture-prompter"
"""The name by which robots.txt, metas and headers may speak to this crawler alone."""

_AGAINST_AI: Final = frozenset({"noai", "noimageai"})
# Directives of X-Robots-Tag whose values follow a colon; every other word before one names a robot.
_WITH_VALUES: Final = frozenset(
    {"unavailable_after", "max-snippet", "max-image-preview", "max-video-preview"}
)


@dataclass(frozen=True, slots=True)
class Directives:
    """What a page asks for.

    Attributes:
        words: The directives, in small letters.
    """

    words: frozenset[str]

    @property
    def forbids_taking(self) -> str:
        """The directive for which the page is not taken; empty where it may be.

        What is noindex shall not be found; what is noai or noimageai shall not feed a model, and a
        photo that is encoded does.
        """
        against = sorted(self.words & _AGAINST_AI)
        if against:
            return against[0]
        return "noindex" if self.words & {"noindex", "none"} else ""

    @property
    def forbids_following(self) -> bool:
        """Whether links of the page are to be left alone."""
        return bool(self.words & {"nofollow", "none"})


def directives_of(page: HtmlPage | None, headers: Iterable[str]) -> Directives:
    """What a page and its answer ask for, of all robots or of this one.

    Args:
        page: The page, where it is one.
        headers: Values of X-Robots-Tag.
    """
    words: set[str] = set()
    if page is not None:
        for name, content in page.metas:
            if name in {"robots", ROBOT}:
                words |= _words(content)
    for header in headers:
        words |= _of_header(header)
    return Directives(frozenset(words))


def _of_header(header: str) -> set[str]:
    """Words of one header: ``googlebot: noindex`` is meant for another robot."""
    robot, colon, rest = header.partition(":")
    robot = robot.strip().lower()
    if colon and "," not in robot and robot not in _WITH_VALUES:
        return _words(rest) if robot in {ROBOT, "*"} else set()
    return _words(header)


def _words(text: str) -> set[str]:
    return {word.partition(":")[0].strip() for word in text.lower().split(",") if word.strip()}
