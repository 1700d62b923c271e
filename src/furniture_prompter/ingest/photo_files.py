"""Photo files of rows: where each image lies, those that have to be downloaded first among them."""

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from furniture_prompter.catalog.retention import UPLOADS_FOLDER, spool_folder
from furniture_prompter.domain import DownloadSummary, FeedRow, SetAside
from furniture_prompter.encoders.decoding import PhotoLimits, photo_extension
from furniture_prompter.fetching.photo_downloads import PhotoDownloads
from furniture_prompter.fetching.public_addresses import shown_address
from furniture_prompter.fetching.records import Records
from furniture_prompter.settings import Settings

DOWNLOADS_FOLDER: Final = ".downloads"
"""In the catalog's folder: records of what was fetched, and feeds by address."""


@dataclass(frozen=True, slots=True)
class PhotoFile:
    """Where an image of a row lies.

    Attributes:
        path: Its file; None where it was not got.
        problem: What a person should know of it, whether there is a file or not.
        id: The photo's id, where the file's name has it.
        before: The file to take where `path` turns out to be no photo.
        name: What to call the photo; its path unless given.
    """

    path: Path | None
    problem: SetAside | None = None
    id: str = ""
    before: Path | None = None
    name: str = ""


class PhotoFiles:
    """The photo files of one run; its photos by address lie in the catalog, named by content.

    They are kept there like photos that are sent over the API: for as long as a version shows
    them, and for the grace time.
    """

    def __init__(self, catalog: Path, settings: Settings, *, download: bool) -> None:
        """Take the catalog; nothing is opened before the first row with addresses."""
        self._catalog = catalog
        self._settings = settings
        self._download = download
        self._limits = PhotoLimits.of(settings)
        self._open = ExitStack()
        self._downloads: PhotoDownloads | None = None
        self._begun_anew = False

    def __enter__(self) -> Self:
        """Nothing to prepare."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give up downloads that are under way."""
        self._open.close()

    def expect(self, row: FeedRow) -> None:
        """Begin to download what a row needs; has to come before :meth:`of`.

        Raises:
            CatalogWriteError: the disk is full or cannot be written.
        """
        for url in row.addresses.values():
            if self._downloads is None:
                self._downloads = self._begun()
            self._downloads.request(url)

    def of(self, row: FeedRow, image: Path) -> PhotoFile:
        """The file of one of a row's images; waits until it was downloaded.

        Raises:
            CatalogWriteError: the disk is full or cannot be written.
        """
        url = row.addresses.get(image)
        if url is None or self._downloads is None:
            return PhotoFile(image)
        found = self._downloads.result(url)
        problem = None
        if found.reason:
            problem = SetAside(row.source, row.line, found.reason, found.cure, row.product.id)
        if found.path is None:
            return PhotoFile(None, problem)
        return PhotoFile(found.path, problem, found.path.stem, found.before, shown_address(url))

    def reject(self, row: FeedRow, image: Path) -> None:
        """Say that the file of an image is no photo, so that the one before it counts."""
        url = row.addresses.get(image)
        if url is not None and self._downloads is not None:
            self._downloads.reject(url)

    @property
    def waiting(self) -> tuple[int, int] | None:
        """Photos that were downloaded, of how many; None where none is waited for."""
        if self._downloads is None or not self._download:
            return None
        done, total = self._downloads.progress
        return (done, total) if done < total else None

    @property
    def summary(self) -> DownloadSummary | None:
        """What became of photos by address; None where there were none."""
        return self._downloads.summary if self._downloads is not None else None

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences a person should read."""
        notes = []
        summary = self.summary
        if summary is not None and summary.failed and not self._download:
            notes.append(
                f"{summary.failed:,} photo{'s are' if summary.failed > 1 else ' is'} given by "
                "address, and photos are downloaded only when asked: run again with --download."
            )
        if summary is not None and self._download and self._settings.allow_private_hosts:
            notes.append(
                "Warning: photos may come from hosts that are not public, as "
                "FURNITURE_PROMPTER_ALLOW_PRIVATE_HOSTS says: "
                f"{', '.join(self._settings.allow_private_hosts)}."
            )
        if self._begun_anew:
            notes.append(
                "The record of earlier downloads was damaged and begun anew, so every photo was "
                "asked for once more."
            )
        return tuple(notes)

    def finish(self) -> None:
        """End the run, once what it did is in the catalog."""
        if self._downloads is not None and self._download:
            records = Records(self._catalog / DOWNLOADS_FOLDER)
            records.end()
            records.close()

    def _begun(self) -> PhotoDownloads:
        records = Records(self._catalog / DOWNLOADS_FOLDER)
        self._open.callback(records.close)
        self._begun_anew = records.was_damaged
        return self._open.enter_context(
            PhotoDownloads(
                self._catalog / UPLOADS_FOLDER,
                self._open.enter_context(spool_folder(self._catalog)),
                records,
                self._settings,
                lambda head, name: photo_extension(head, name=name, limits=self._limits),
                download=self._download,
            )
        )
