"""What a page forbids is not taken, whether it says so in a meta or in a header."""

import pytest

from furniture_prompter.crawl.directives import directives_of
from furniture_prompter.feeds.html_page import read_page


@pytest.mark.parametrize(
    ("html", "headers", "taking", "following"),
    [
        ("", [], "", False),
        ("<meta name=robots content='index, follow'>", [], "", False),
        ("<meta name=ROBOTS content='NOINDEX'>", [], "noindex", False),
        ("<meta name=robots content=none>", [], "noindex", True),
        ("<meta name=robots content='noai, nofollow'>", [], "noai", True),
        ("<meta name=googlebot content=noindex>", [], "", False),
        ("<meta name=furniture-prompter content=noindex>", [], "noindex", False),
        ("", ["noimageai"], "noimageai", False),
        ("", ["noindex, nofollow"], "noindex", True),
        ("", ["googlebot: noindex", "max-snippet: 20"], "", False),
        ("", ["furniture-prompter: noindex"], "noindex", False),
        ("", ["unavailable_after: 25 Jun 2030 15:00:00 GMT"], "", False),
    ],
)
def test_directives(html: str, headers: list[str], taking: str, following: bool) -> None:
    found = directives_of(read_page(html), headers)
    assert (found.forbids_taking, found.forbids_following) == (taking, following)
