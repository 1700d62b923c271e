"""What the routes of one process share."""

from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request

from furniture_prompter.assembly.upserts import CatalogUpserts
from furniture_prompter.settings import ServeSettings
from furniture_prompter.web.bodies import HeldBytes
from furniture_prompter.web.decoding_pool import DecodePool
from furniture_prompter.web.encoding import EncodeQueue
from furniture_prompter.web.fetching import PhotoFetcher
from furniture_prompter.web.keys import Keys
from furniture_prompter.web.metrics import Metrics
from furniture_prompter.web.pictures import PictureCache
from furniture_prompter.web.readiness import Readiness
from furniture_prompter.web.versions import VersionedCatalog


@dataclass(slots=True)
class Services:
    """What answers requests; one for each process.

    Attributes:
        settings: The settings.
        metrics: What is counted.
        held: Bytes of bodies in memory.
        catalog: The catalog, in its newest version.
        decoding: Threads that decode photos and resize pictures.
        pictures: Resized pictures of products.
        upserts: What writes products.
        keys: The API keys; None where everybody may ask.
        fetcher: What fetches photos by web address; None where that is off.
        encoding: The queue of photos for the encoder; None until the catalog is open.
        readiness: Whether searches can be answered, as it was tried last.
    """

    settings: ServeSettings
    metrics: Metrics
    held: HeldBytes
    catalog: VersionedCatalog
    decoding: DecodePool
    pictures: PictureCache
    upserts: CatalogUpserts
    keys: Keys | None
    fetcher: PhotoFetcher | None
    encoding: EncodeQueue | None = None
    readiness: Readiness = field(default_factory=Readiness)

    @property
    def queue(self) -> EncodeQueue:
        """The queue of photos; there once the application has started."""
        if self.encoding is None:
            raise RuntimeError("The application has not started: its lifespan was not entered.")
        return self.encoding

    @property
    def folder_name(self) -> str:
        """Name of the catalog's folder: what answers may say of where it lies."""
        return self.settings.catalog.absolute().name if self.settings.catalog is not None else ""

    @property
    def side_px(self) -> int:
        """Side of the square that photos are fitted into; as :attr:`queue`."""
        if self.decoding.fit is None:
            raise RuntimeError("The application has not started: its lifespan was not entered.")
        return self.decoding.fit.side_px


async def services_of(request: Request) -> Services:
    """The services of the application that answers.

    A coroutine, for FastAPI takes plain functions to another thread, which costs more than they do.
    """
    services: Services = request.app.state.services
    return services


ServicesDep = Annotated[Services, Depends(services_of)]
