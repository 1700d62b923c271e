"""Files replaced, flushed and hashed whole: who reads one sees old content or new, never a part."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO


@contextmanager
def replacing(
    path: Path, *, private: bool = False, flush_folder: bool = True
) -> Iterator[BinaryIO]:
    """A new file, open for writing, that takes the place of `path` at the end.

    It lies beside `path` under a hidden name, is flushed to the disk and then renamed; the rename
    itself is on the disk once the folder is flushed too. Where the block or the disk fails, nothing
    is left of it.

    Args:
        path: The file; a link there is replaced, not followed.
        private: Whether its owner alone may read it; otherwise whoever the umask allows.
        flush_folder: Whether to flush the folder as well. Without, the caller does, or can do
            without knowing which of the two contents outlives a loss of power.

    Raises:
        OSError: the disk is full, read-only or gone; only a failure to flush the folder comes after
            the replacement.
    """
    temporary = path.with_name(f".{path.name}.{os.urandom(4).hex()}.new")
    mode = 0o600 if private else 0o666
    try:
        with open(temporary, "x+b", opener=partial(os.open, mode=mode)) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    if flush_folder:
        flush_one(path.parent)


def replace_bytes(path: Path, content: bytes, *, private: bool = False) -> None:
    """Make `content` the whole content of a file.

    Args:
        path: As of :func:`replacing`.
        content: All of it.
        private: As of :func:`replacing`.

    Raises:
        OSError: as of :func:`replacing`.
    """
    with replacing(path, private=private) as file:
        file.write(content)


def flush_one(path: Path) -> None:
    """Bring a file, or the names in a folder, to the disk.

    Raises:
        OSError: the disk did not take it.
    """
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's content, in hex, read in parts.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
