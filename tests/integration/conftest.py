"""Indexing with fakes, in one line a test."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from furniture_prompter import Catalog, index
from furniture_prompter.catalog.reader import CatalogReader
from furniture_prompter.domain import (
    FeedItem,
    IndexProgress,
    IndexSummary,
    Query,
    SearchResult,
)
from furniture_prompter.encoders.alignment import Alignment
from furniture_prompter.encoders.prompt_encoder import StaticPromptEncoder
from furniture_prompter.encoders.protocols import PromptEncoder
from furniture_prompter.encoders.registry import encoder_folder
from furniture_prompter.ingest.indexing import index_feed
from furniture_prompter.search.query_vectors import AlignmentRoute, NoRoute
from furniture_prompter.search.searching import Searcher
from furniture_prompter.settings import Settings
from tests.fakes import ColourGridEncoder, ListFeed, table_with_photos


@pytest.fixture(scope="session")
def prompt_encoder() -> PromptEncoder:
    return StaticPromptEncoder.load(encoder_folder("default-prompt"))


@dataclass
class Shop:
    """A catalog under test with the encoders that belong to it."""

    folder: Path
    prompt_encoder: PromptEncoder
    encoder: ColourGridEncoder = field(default_factory=ColourGridEncoder)
    settings: Settings = field(default_factory=lambda: Settings(stage_photos=8))

    def index(
        self,
        rows: Sequence[FeedItem],
        *,
        sync: bool = False,
        language: str | None = None,
        on_progress: Callable[[IndexProgress], None] = lambda _: None,
        remove_many: bool = True,
        name: str | None = None,
        was: Sequence[str] = (),
        source: str = "list",
    ) -> IndexSummary:
        return asyncio.run(
            index_feed(
                ListFeed(tuple(rows), source),
                self.folder,
                self.encoder,
                self.prompt_encoder,
                self.settings,
                language=language,
                sync=sync,
                on_progress=on_progress,
                remove_many=remove_many,
                name=name,
                was=was,
            )
        )

    def search(self, query: Query) -> SearchResult:
        return asyncio.run(self._search(query))

    async def _search(self, query: Query) -> SearchResult:
        return await (await self.open()).search(query)

    async def open(self) -> Searcher:
        reader = await CatalogReader.open(self.folder)
        path = reader.alignment_path
        statement = reader.manifest.alignment.statement
        return Searcher(
            reader,
            lambda: self.encoder,
            lambda: self.prompt_encoder,
            AlignmentRoute(Alignment.load(path)) if path else NoRoute(statement),
            self.settings,
        )

    def ids(self, query: Query) -> list[str]:
        return [hit.product.id for hit in self.search(query).hits]


@pytest.fixture
def shop(tmp_path: Path, prompt_encoder: PromptEncoder) -> Shop:
    return Shop(tmp_path / "catalog", prompt_encoder)


@contextmanager
def searchable(folder: Path, header: str, lines: Sequence[str]) -> Iterator[Catalog]:
    """A catalog of a table of products, as :func:`tests.fakes.table_with_photos` makes it."""
    index(table_with_photos(folder, header, lines), folder / "catalog")
    with Catalog.open(folder / "catalog") as opened:
        yield opened


def ids(result: SearchResult) -> list[str]:
    """The products of an answer, the best first."""
    return [hit.product.id for hit in result.hits]
