"""Rows of numbers that are computed once, in a memory-mapped file that survives ``kill -9``."""

import errno
import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from furniture_prompter.errors import DistillationError


class KeptRows:
    """A ``.npy`` file of rows, and beside it one byte for each row that says it is done.

    A row's byte is set after the row is written, so a process that dies between the two computes
    that row again. Open with :meth:`open`.

    Attributes:
        rows: Memory-mapped, shape (rows, ...); only what ``done`` marks means anything.
        done: Memory-mapped, shape (rows,), 0 or 1.
        path: The file of the rows.
    """

    def __init__(self, path: Path, rows: NDArray[Any], done: NDArray[np.uint8]) -> None:
        self.path = path
        self.rows = rows
        self.done = done

    @classmethod
    def open(
        cls, folder: Path, name: str, recipe: object, shape: Sequence[int], dtype: DTypeLike
    ) -> "KeptRows":
        """Open the rows of `recipe`, or begin them.

        Args:
            folder: Where the files lie; made if it is not there.
            name: Start of the files' names.
            recipe: JSON value of everything that decides what the rows hold; another recipe is
                another file.
            shape: Of the rows, their number first.
            dtype: Of the numbers.

        Raises:
            DistillationError: the disk is full, or the folder cannot be written.
        """
        text = json.dumps([recipe, list(shape), np.dtype(dtype).str], sort_keys=True)
        path = folder / f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:16]}.npy"
        done = path.with_suffix(".done.npy")
        with writing(folder, f"the {name} of {shape[0]:,} photos"):
            folder.mkdir(parents=True, exist_ok=True)
            if not path.exists():
                # Marks of rows that are gone must not outlive them.
                done.unlink(missing_ok=True)
                _begin(path, shape, dtype)
            if not done.exists():
                _begin(done, shape[:1], np.uint8)
            rows = np.lib.format.open_memmap(path, mode="r+")
            marks = np.lib.format.open_memmap(done, mode="r+")
        return cls(path, rows, marks)

    def missing(self) -> NDArray[np.intp]:
        """Places of rows that are not done, rising."""
        return np.flatnonzero(np.asarray(self.done) == 0)

    def put(self, places: NDArray[np.intp], values: NDArray[Any]) -> None:
        """Write rows and mark them as done."""
        self.rows[places] = values
        self.done[places] = 1


@contextmanager
def writing(folder: Path, what: str) -> Iterator[None]:
    """Turn what the system says about a disk into a sentence with a cure.

    Raises:
        DistillationError: `what` could not be written to `folder`.
    """
    try:
        yield
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise DistillationError(
                f"The disk is full: {what} cannot be written to {folder}. Free some "
                "space or name another place; --resume goes on from the last checkpoint."
            ) from error
        raise DistillationError(
            f"Cannot write {what} to {folder} ({error.strerror or error}). Check its "
            "permissions, or name another place."
        ) from error


def _begin(path: Path, shape: Sequence[int], dtype: DTypeLike) -> None:
    """An array file of zeros that has its whole size on the disk, or none.

    Space is taken at once: a memory map into a hole of a full disk would kill the process.
    """
    temporary = path.with_suffix(f".{os.getpid()}.new")
    try:
        rows = np.lib.format.open_memmap(temporary, "w+", dtype, tuple(shape))
        del rows
        size = temporary.stat().st_size
        if size and hasattr(os, "posix_fallocate"):
            with temporary.open("r+b") as file:
                os.posix_fallocate(file.fileno(), 0, size)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
