"""Digests of records: equal ones are read as the same product, in this run as in an earlier one."""

import hashlib
import marshal
import platform
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Final

import furniture_prompter
from furniture_prompter.feeds.cells import DecimalMark
from furniture_prompter.feeds.mapping import TableMapping
from furniture_prompter.feeds.records import Record, RecordSource

_DIGEST_BYTES: Final = 16
_ROOMS: Final = ("catalog", "domain", "feeds", "ingest")
"""Rooms of the package whose code and data decide what becomes of a cell."""
# The first format of marshal in which equal values have equal bytes: later ones tell whether two
# values are one object.
_FORMAT: Final = 2


class RecordDigests:
    """Digests under all that decides how the records of one feed are read.

    That is the mapping, the decimal marks, the folder of the images, and this program with what it
    reads cells by.
    """

    def __init__(
        self,
        source: RecordSource,
        mapping: TableMapping,
        marks: Mapping[str, DecimalMark | None],
    ) -> None:
        told = (
            _program(),
            str(source.folder.resolve()),
            source.has_types,
            mapping.layout.name,
            mapping.keyed_by,
            mapping.columns,
            [(name, each.role, each.number) for name, each in mapping.roles.items()],
            sorted((name, mark or "") for name, mark in marks.items()),
        )
        self._base = repr(told).encode()
        self._met = -1
        self._begun = hashlib.blake2b()

    def of(self, records: Sequence[Record], met: Mapping[str, object]) -> bytes:
        """The digest of the records of one product.

        Args:
            records: In their order.
            met: The columns that have a meaning by now, in the order in which they were met: what
                an attribute is called may depend on those before it.
        """
        if self._met != len(met):
            self._met = len(met)
            self._begun = self._begin(met)
        digest = self._begun.copy()
        for record in records:
            fields = record.fields
            plain = fields if type(fields) is dict else dict(fields)
            digest.update(marshal.dumps(plain, _FORMAT))
        return digest.digest()

    def _begin(self, met: Iterable[str]) -> "hashlib.blake2b":
        return hashlib.blake2b(self._base + repr(list(met)).encode(), digest_size=_DIGEST_BYTES)


@cache
def _program() -> str:
    """What tells this program from one that may read a cell otherwise."""
    package = Path(furniture_prompter.__file__).parent
    files = [
        (path.relative_to(package).as_posix(), path.stat().st_size, path.stat().st_mtime_ns)
        for room in _ROOMS
        for path in sorted((package / room).rglob("*"))
        if path.is_file() and path.suffix != ".pyc"
    ]
    versions = [platform.python_version(), metadata.version("price-parser")]
    return repr((versions, files))
