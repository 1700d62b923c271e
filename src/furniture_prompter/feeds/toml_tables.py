"""A TOML file of products: one ``[[product]]`` table for each."""

import tomllib
from collections.abc import Iterator
from pathlib import Path

from furniture_prompter.domain import FeedItem
from furniture_prompter.errors import InvalidFeedError
from furniture_prompter.feeds.rows import RowReader, open_unchanged


class TomlFeed:
    """A feed of TOML tables."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def name(self) -> str:
        """See :class:`furniture_prompter.domain.Feed`."""
        return str(self._path)

    def items(self) -> Iterator[FeedItem]:
        """See :class:`furniture_prompter.domain.Feed`.

        Raises:
            InvalidFeedError: the file cannot be read, or is no TOML of products.
        """
        with open_unchanged(self._path) as file:
            try:
                rows = tomllib.load(file).get("product", [])
            except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
                raise InvalidFeedError(f"The feed {self._path} is no TOML ({error}).") from error
        if not rows:
            raise InvalidFeedError(f"The feed {self._path} has no [[product]] table.")
        reader = RowReader(self._path)
        for number, fields in enumerate(rows, start=1):
            yield from reader.read(fields, number)
