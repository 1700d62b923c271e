"""Compressed feeds and archives of a feed with its photos, unpacked within limits."""

import gzip
import re
import shutil
import stat
import tempfile
import unicodedata
import weakref
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Final, cast

from furniture_prompter.atomic_files import sha256_of
from furniture_prompter.errors import InvalidFeedError
from furniture_prompter.feeds.folder import PHOTO_EXTENSIONS

LIMIT_ENTRIES: Final = 500_000
LIMIT_UNPACKED_BYTES: Final = 32 << 30
"""Of all files of an archive, or of a compressed feed."""
LIMIT_RATIO: Final = 250
"""Bytes that come of one: repetitive tables reach 50, attacks 1,000."""
_ANY_RATIO_BYTES: Final = 32 << 20
_CHUNK_BYTES: Final = 1 << 20
_LIMIT_NAME_CHARACTERS: Final = 1_000
_DONE: Final = "unpacked.txt"
"""Written last: an archive without it was left half unpacked."""

FEED_EXTENSIONS: Final = (
    *(".csv", ".tsv", ".txt", ".json", ".jsonl", ".ndjson", ".xml", ".rss", ".atom"),
    *(".xlsx", ".xlsm", ".xls", ".ods", ".parquet", ".arrow", ".feather", ".ipc"),
)
_DRIVE: Final = re.compile(r"^[a-zA-Z]:")


class TemporaryFolder:
    """A folder that is removed when this object is dropped, or the process ends.

    Attributes:
        path: The folder, resolved.
    """

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="furniture-prompter-")).resolve()
        weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class Unpacked:
    """What came out of an archive.

    Attributes:
        feed: The feed's file.
        keeper: Removes what was unpacked when it is dropped; None where it stays.
        name: What it is called in an archive of several files; None where it is the only one.
    """

    feed: Path
    keeper: TemporaryFolder | None
    name: PurePosixPath | None = None


def unpack_gzip(path: Path, into: Path | None) -> Unpacked:
    """The one file that a gzip file holds.

    Args:
        path: The gzip file.
        into: Folder in which to keep it for later runs; None for a temporary one.

    Raises:
        InvalidFeedError: it is damaged, or unpacks to more than is read.
    """
    with _folder(path, into) as (folder, keeper, is_done):
        name = path.name[: -len(path.suffix)] if path.suffix.lower() == ".gz" else path.name
        feed = folder / _safe_name(name or "feed")
        if not is_done:
            packed = path.stat().st_size
            with _sentences(path), gzip.open(path) as source, feed.open("wb") as target:
                _copy(cast("IO[bytes]", source), target, path, packed, 0)
    return Unpacked(feed, keeper)


def unpack_zip(path: Path, into: Path | None) -> Unpacked:
    """The feed of a zip, with the photos beside it.

    Only the feed and photos are unpacked, under the names that they have in the archive; what
    systems add (``__MACOSX``, names that begin with a dot) is passed over.

    Args:
        path: The archive.
        into: Folder in which a folder of this archive, named by its content, is kept: photos that a
            catalog refers to have to stay. None for a temporary one.

    Raises:
        InvalidFeedError: it holds no feed or several, is damaged or protected by a password, names
            files outside of itself, or unpacks to more than is read.
    """
    with _sentences(path), zipfile.ZipFile(path) as archive:
        wanted = _wanted(archive, path)
        feed = _only_feed(list(wanted), path)
        with _folder(path, into) as (folder, keeper, is_done):
            if not is_done:
                taken = 0
                for name, entry in wanted.items():
                    target = folder / name
                    target.parent.mkdir(parents=True, exist_ok=True)
                    with archive.open(entry) as source, target.open("wb") as file:
                        taken = _copy(source, file, path, entry.compress_size, taken)
        return Unpacked(folder / feed, keeper, feed)


def _wanted(archive: zipfile.ZipFile, path: Path) -> dict[PurePosixPath, zipfile.ZipInfo]:
    entries = archive.infolist()
    if len(entries) > LIMIT_ENTRIES:
        raise InvalidFeedError(
            f"The archive {path} holds {len(entries):,} files, more than {LIMIT_ENTRIES:,}. Unpack "
            "it and give the folder's feed."
        )
    wanted: dict[PurePosixPath, zipfile.ZipInfo] = {}
    for entry in entries:
        name = _inner_path(entry.filename, path)
        kind = stat.S_IFMT(entry.external_attr >> 16)
        if entry.is_dir() or any(part.startswith((".", "__MACOSX")) for part in name.parts):
            continue
        if name.suffix.lower() not in (*FEED_EXTENSIONS, *PHOTO_EXTENSIONS):
            continue
        if kind not in (0, stat.S_IFREG):
            raise InvalidFeedError(
                f"The archive {path} holds a link or a device, {name.as_posix()!a}. Pack the files "
                "themselves."
            )
        if name in wanted:
            raise InvalidFeedError(
                f"The archive {path} holds {name.as_posix()!a} twice. Pack it again."
            )
        wanted[name] = entry
    return wanted


def _inner_path(name: str, path: Path) -> PurePosixPath:
    """An entry's path below the archive's folder.

    Raises:
        InvalidFeedError: it leads out of it, or is none.
    """
    plain = PurePosixPath(unicodedata.normalize("NFC", name.replace("\\", "/")))
    if (
        plain.is_absolute()
        or _DRIVE.match(name)
        or ".." in plain.parts
        or "\0" in name
        or len(name) > _LIMIT_NAME_CHARACTERS
        or any(len(part.encode("utf-8", "replace")) > 255 for part in plain.parts)
    ):
        raise InvalidFeedError(
            f"The archive {path} names a file outside of itself, or one that no system takes, "
            f"{name[:200]!a}. Pack the feed's folder again."
        )
    return plain


def _only_feed(names: list[PurePosixPath], path: Path) -> PurePosixPath:
    feeds = sorted(
        (name for name in names if name.suffix.lower() not in PHOTO_EXTENSIONS),
        key=lambda name: (len(name.parts), str(name)),
    )
    # A text beside the feed is a note to whoever reads it.
    tables = [name for name in feeds if name.suffix.lower() != ".txt"] or feeds
    if not tables:
        raise InvalidFeedError(
            f"The archive {path} holds no feed. Put one file beside the photos that ends in "
            f"{', '.join(FEED_EXTENSIONS)}."
        )
    if len(tables) > 1:
        found = ", ".join(ascii(str(name)) for name in tables[:10])
        raise InvalidFeedError(
            f"The archive {path} holds {len(tables)} feeds: {found}. Unpack it and give the one to "
            "be read."
        )
    return tables[0]


@contextmanager
def _folder(path: Path, into: Path | None) -> Iterator[tuple[Path, TemporaryFolder | None, bool]]:
    """The folder to unpack into, what keeps it, and whether all is in it already."""
    if into is None:
        keeper = TemporaryFolder()
        yield keeper.path, keeper, False
        return
    folder = into.resolve() / sha256_of(path)[:16]
    is_done = (folder / _DONE).is_file()
    if not is_done:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    yield folder, None, is_done
    if not is_done:
        (folder / _DONE).write_text(f"{path.name}\n", "utf-8")


def _copy(source: IO[bytes], target: IO[bytes], path: Path, packed: int, taken: int) -> int:
    """Copy within the limits, and tell how many bytes have been taken of all files."""
    written = 0
    while data := source.read(_CHUNK_BYTES):
        written += len(data)
        if taken + written > LIMIT_UNPACKED_BYTES or (
            written > _ANY_RATIO_BYTES and written > LIMIT_RATIO * max(packed, 1)
        ):
            raise InvalidFeedError(
                f"The archive {path} unpacks to more than is read: {LIMIT_UNPACKED_BYTES >> 30} "
                f"GiB, or {LIMIT_RATIO} times its size. Unpack it yourself and give what is in it."
            )
        target.write(data)
    return taken + written


@contextmanager
def _sentences(path: Path) -> Iterator[None]:
    try:
        yield
    except (zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise InvalidFeedError(
            f"The archive {path} is damaged or not whole ({error}). Fetch or pack it again."
        ) from error
    except (NotImplementedError, RuntimeError) as error:
        # What zipfile says of passwords and of compressions that it does not know.
        raise InvalidFeedError(
            f"The archive {path} cannot be unpacked ({error}). Pack it again as a plain zip, "
            "without a password."
        ) from error
    except (OSError, ValueError) as error:
        raise InvalidFeedError(
            f"The archive {path} cannot be unpacked ({error}). Check its permissions and the space "
            "on the disk, or unpack it yourself."
        ) from error


def _safe_name(name: str) -> str:
    return name.lstrip(".") or "feed"
