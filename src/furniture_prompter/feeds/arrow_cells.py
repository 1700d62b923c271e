"""Cells of Arrow's columns as Python's values; what cannot be one costs its cell, row or column."""

import secrets
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from furniture_prompter.feeds.cells import UnusableValueError, shown

LIMIT_CELL_BYTES: Final = 1 << 20
"""Of a cell with all that is nested in it, as of a line of JSON."""
LIMIT_ROW_BYTES: Final = 4 << 20
"""Of all cells of a row together; hundreds of lists just below their own limit take gigabytes."""

Row: TypeAlias = "dict[str, Any] | UnusableValueError"
_UNREADABLE: Final = (ValueError, OverflowError, LookupError, TypeError, NotImplementedError)
"""What the library raises for a value that is none; its own errors are some of these."""
_WRITTEN_OUT_ROWS: Final = 50
_OBJECT_BYTES: Final = 64
"""Of what stands in a list or an object, beside its own: about what `sys.getsizeof` tells of an
empty text (49) or a list (56), with its place in what holds it (8)."""
_MEASURED_AT_ONCE: Final = 1 << 20
"""Elements of lists; a compressed buffer of a few bytes may hold thousands of millions."""
_Sizes: TypeAlias = NDArray[np.int64]


@dataclass(slots=True)
class Reading:
    """One reading of a file.

    Attributes:
        mark: What stands for a text that was too long to be read, its length behind it.
        has_marks: Whether such a mark may be among the texts of the rows that come next.
        binary: Columns that hold bytes which are no text, found so far.
        unread: Columns of which nothing is read, with their types.
        unusable: What is wrong with the first value that cannot be used, by column.
        number: Rows read so far.
    """

    mark: str = field(default_factory=lambda: secrets.token_hex(16))
    has_marks: bool = False
    binary: set[str] = field(default_factory=set)
    unread: dict[str, str] = field(default_factory=dict)
    unusable: dict[str, str] = field(default_factory=dict)
    number: int = 0


def rows_of(batch: Any, reading: Reading) -> Iterator[Row]:
    """The rows of a batch as Python's objects, or what is wrong with them.

    What is long is told of all of the batch at once; few rows become objects at once, and fewer
    where they are long.
    """
    # Columns that are short each may have long rows together; a buffer may be that of several.
    held = sum(column.get_total_buffer_size() for column in batch.columns)
    is_short = held <= LIMIT_CELL_BYTES
    columns = [
        _Column.of(column, name, reading, is_short=is_short)
        for column, name in zip(batch.columns, batch.schema.names, strict=True)
    ]
    sizes = np.zeros(batch.num_rows, np.int64)
    for column in columns:
        column.add_sizes(sizes)
    aside = dict.fromkeys(np.flatnonzero(sizes > LIMIT_ROW_BYTES).tolist(), _TOO_LONG_ROW)
    aside |= {number: too_long(path) for column in columns for number, path in column.long_rows()}
    sizes[list(aside)] = 0
    upto = np.cumsum(sizes)
    start = 0
    while start < batch.num_rows:
        if start in aside:
            yield aside[start]
            start += 1
            continue
        room = upto[start] - sizes[start] + LIMIT_ROW_BYTES
        end = min(start + _WRITTEN_OUT_ROWS, int(np.searchsorted(upto, room, side="right")))
        end = next((number for number in range(start, end) if number in aside), end)
        values = {column.name: column.values(start, end - start, reading) for column in columns}
        for number in range(end - start):
            yield {name: told[number] for name, told in values.items()}
        start = end


def sound(batch: Any, reading: Reading) -> Any:
    """A batch as a file has it, its damaged columns empty: what they refer to may lie elsewhere.

    Texts that are not UTF-8 are not damage here: they cost their cells.
    """
    import pyarrow as pa

    columns = []
    for column, name in zip(batch.columns, batch.schema.names, strict=True):
        checked = column
        try:
            checked.validate()
            with suppress(pa.ArrowException, ValueError):
                checked = column.view(_as_bytes(column.type))
            checked.validate(full=True)
        except (pa.ArrowException, ValueError) as error:
            reading.unusable.setdefault(name, words_of(error))
            column = pa.nulls(len(column))
        columns.append(column)
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)


def _as_bytes(kind: Any) -> Any:
    import pyarrow as pa

    types = pa.types
    if types.is_string(kind):
        return pa.binary()
    if types.is_large_string(kind):
        return pa.large_binary()
    if types.is_list(kind):
        return pa.list_(kind.value_field.with_type(_as_bytes(kind.value_type)))
    if types.is_struct(kind):
        return pa.struct([each.with_type(_as_bytes(each.type)) for each in kind])
    return kind


def too_long(path: str) -> UnusableValueError:
    """What is wrong with the row of a cell that is too long."""
    return UnusableValueError(
        f"The cell of {shown(path)} has more than {LIMIT_CELL_BYTES:,} bytes.",
        "Keep images and long texts in files.",
    )


_TOO_LONG_ROW: Final = UnusableValueError(
    f"The cells of the row have more than {LIMIT_ROW_BYTES:,} bytes together.",
    "Leave out columns that nobody searches or filters by, and keep long texts in files.",
)


def words_of(error: Exception) -> str:
    """An error of a library in one line."""
    return " ".join(str(error).split())[:200]


def is_read(kind: Any) -> bool:
    """Whether cells of a type become values; no library reads the others into Python's."""
    import pyarrow as pa

    types = pa.types
    if types.is_dictionary(kind) or types.is_run_end_encoded(kind):
        return is_read(kind.value_type)
    if isinstance(kind, pa.BaseExtensionType):
        return is_read(kind.storage_type)
    return "interval" not in str(kind) and all(map(is_read, _members(kind)))


def _members(kind: Any) -> list[Any]:
    return [kind.field(place).type for place in range(kind.num_fields)]


@dataclass(frozen=True, slots=True, eq=False)
class _Column:
    """A column of a batch, or a member of one.

    Attributes:
        name: Its own.
        path: As messages have it.
        array: Its cells; None where nothing is read of them.
        are_long: Which cells are too long; None where none is, and of objects, whose members tell.
        members: Of objects in which something is too long.
        sizes: Bytes of each cell that becomes objects, shape (n,); None where all are few, or no
            more than the file itself has of them.
    """

    name: str
    path: str
    array: Any
    are_long: NDArray[np.bool_] | None = None
    members: "tuple[_Column, ...]" = ()
    sizes: _Sizes | None = None

    @classmethod
    def of(
        cls,
        array: Any,
        path: str,
        reading: Reading,
        name: str | None = None,
        *,
        is_short: bool = False,
    ) -> "_Column":
        import pyarrow as pa

        own = path if name is None else name
        if not is_read(array.type):
            reading.unread.setdefault(path, str(array.type))
            return cls(own, path, None)
        if is_short and _is_flat(array.type):
            return cls(own, path, array)
        found = _sizes(array)
        are_long = found > LIMIT_CELL_BYTES
        # Pictures in a file are no longer than it is.
        is_counted = _has_lists(array.type) or not _holds_bytes(array.type)
        sizes = np.where(are_long, 0, found) if is_counted else None
        if not are_long.any():
            return cls(own, path, array, sizes=sizes)
        if not pa.types.is_struct(array.type):
            if _holds_bytes(array.type):
                reading.binary.add(path)
            return cls(own, path, array, are_long, sizes=sizes)
        members = tuple(
            cls.of(array.field(place), f"{path}.{member.name}", reading, member.name)
            for place, member in enumerate(array.type)
        )
        # Of objects that are too long the members count which are not left out themselves.
        rest = np.full(len(array), _OBJECT_BYTES * len(members), np.int64)
        for member in members:
            member.add_sizes(rest)
        kept = np.where(are_long, rest, 0 if sizes is None else sizes)
        return cls(own, path, array, None, members, kept)

    def add_sizes(self, rows: _Sizes) -> None:
        """Add the bytes of its cells to those of their rows, shape (n,)."""
        if self.sizes is not None:
            rows += self.sizes

    def long_rows(self) -> Iterator[tuple[int, str]]:
        """Rows that are set aside for a cell, and its path; of bytes the cell alone is left out."""
        for member in self.members:
            yield from member.long_rows()
        if self.are_long is not None and not _holds_bytes(self.array.type):
            for number in np.flatnonzero(self.are_long).tolist():
                yield number, self.path

    def values(self, start: int, count: int, reading: Reading) -> list[Any]:
        """Some cells' values; None without one, and where it cannot be used."""
        if self.array is None:
            return [None] * count
        cells = self.array.slice(start, count)
        if self.members:
            told = [member.values(start, count, reading) for member in self.members]
            names = [member.name for member in self.members]
            return [
                dict(zip(names, values, strict=True)) if is_there else None
                for is_there, *values in zip(cells.is_valid().to_pylist(), *told, strict=True)
            ]
        if self.are_long is None or not self.are_long[start : start + count].any():
            try:
                return list(_readable(cells).to_pylist())
            except _UNREADABLE:
                return [self._value(cells.slice(at, 1), reading) for at in range(count)]
        return [
            None if is_long else self._value(cells.slice(at, 1), reading)
            for at, is_long in enumerate(self.are_long[start : start + count].tolist())
        ]

    def _value(self, cell: Any, reading: Reading) -> Any:
        """One value; None, which is noted, for a date beyond Python's or text that is not UTF-8."""
        try:
            return _readable(cell)[0].as_py()
        except _UNREADABLE as error:
            reading.unusable.setdefault(self.path, words_of(error))
            return None


def _is_flat(kind: Any) -> bool:
    """Whether a cell has no more bytes than its column; lists share some, objects add theirs."""
    import pyarrow as pa

    types = pa.types
    if types.is_dictionary(kind) or types.is_run_end_encoded(kind):
        return _is_flat(kind.value_type)
    if isinstance(kind, pa.BaseExtensionType):
        return _is_flat(kind.storage_type)
    return not types.is_nested(kind)


def _has_lists(kind: Any) -> bool:
    import pyarrow as pa

    types = pa.types
    return bool(
        (types.is_nested(kind) and not types.is_struct(kind))
        or any(map(_has_lists, _members(kind)))
    )


def _readable(array: Any) -> Any:
    """Times as Python has them: to the microsecond, and in UTC where nobody knows their zone."""
    import pyarrow as pa

    wanted = _readable_type(array.type)
    if wanted == array.type:
        return array
    try:
        return array.cast(wanted, safe=False)
    except pa.ArrowException:
        return array


def _readable_type(kind: Any) -> Any:
    import pyarrow as pa

    types = pa.types
    if types.is_timestamp(kind):
        unit = "us" if kind.unit == "ns" else kind.unit
        return pa.timestamp(unit, kind.tz and (kind.tz if _is_zone(kind.tz) else "UTC"))
    if types.is_time64(kind):
        return pa.time64("us")
    if types.is_duration(kind):
        return pa.duration("us" if kind.unit == "ns" else kind.unit)
    if types.is_dictionary(kind):
        wanted = _readable_type(kind.value_type)
        return kind if wanted == kind.value_type else wanted
    if types.is_list(kind):
        return pa.list_(kind.value_field.with_type(_readable_type(kind.value_type)))
    if types.is_large_list(kind):
        return pa.large_list(kind.value_field.with_type(_readable_type(kind.value_type)))
    if types.is_struct(kind):
        return pa.struct([each.with_type(_readable_type(each.type)) for each in kind])
    return kind


@cache
def _is_zone(name: str) -> bool:
    import pyarrow as pa

    try:
        pa.scalar(0, pa.timestamp("s", name)).as_py()
    except (ValueError, KeyError, OSError, pa.ArrowException):
        return False
    return True


def _sizes(array: Any) -> _Sizes:
    """Bytes of each cell with all that is nested in it, as often as it is there; shape (n,)."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind, types = array.type, pa.types
    if not len(array):
        return np.zeros(0, np.int64)
    if isinstance(kind, pa.BaseExtensionType):
        return _sizes(array.storage)
    if types.is_null(kind):
        return np.zeros(len(array), np.int64)
    if types.is_string_view(kind) or types.is_binary_view(kind):
        # A view is of 16 bytes, the first four its length.
        views = np.frombuffer(array.buffers()[1], "<i4").reshape(-1, 4)
        found = views[array.offset : array.offset + len(array), 0].astype(np.int64)
        return np.where(array.is_valid().to_numpy(zero_copy_only=False), found, 0)
    if _is_text(kind) or _is_bytes(kind):
        found = pc.fill_null(pc.binary_length(array), 0).to_numpy(zero_copy_only=False)
        return np.asarray(found, np.int64)
    if types.is_run_end_encoded(kind):
        ends = array.run_ends.to_numpy()
        places = np.arange(array.offset, array.offset + len(array))
        return _sizes(array.values)[np.searchsorted(ends, places, side="right")]
    if types.is_union(kind):
        return _union_sizes(array)
    there = array.is_valid().to_numpy(zero_copy_only=False)
    if types.is_dictionary(kind):
        entries = pc.fill_null(array.indices, 0).to_numpy(zero_copy_only=False)
        sizes = np.append(_sizes(array.dictionary), 0)
        return np.where(there, sizes[np.minimum(entries.astype(np.int64), len(sizes) - 1)], 0)
    if types.is_struct(kind):
        members = [_sizes(array.field(place)) for place in range(kind.num_fields)]
        objects = _OBJECT_BYTES * len(members)
        return np.where(there, np.sum(members, axis=0, dtype=np.int64) + objects, 0)
    if types.is_fixed_size_list(kind):
        size = kind.list_size
        begin = (array.offset + np.arange(len(array), dtype=np.int64)) * size
        return _list_sizes(array.values, begin, np.where(there, begin + size, begin))
    if types.is_nested(kind):
        begin = array.offsets.to_numpy().astype(np.int64)
        if types.is_list_view(kind) or types.is_large_list_view(kind):
            end = begin + array.sizes.to_numpy()
        else:
            begin, end = begin[:-1], begin[1:]
        begin, end = np.where(there, begin, 0), np.where(there, end, 0)
        most = len(array.values)
        return _list_sizes(array.values, begin.clip(0, most), end.clip(0, most))
    return np.where(there, kind.bit_width // 8, 0)


def _list_sizes(values: Any, begin: _Sizes, end: _Sizes) -> _Sizes:
    """Bytes of lists, each with an object for every element.

    Of those whose objects alone are too many the elements are not looked at.

    Args:
        values: Elements of all lists.
        begin: Where each list begins among them, shape (n,).
        end: Where each ends.
    """
    import pyarrow as pa

    counts: _Sizes = np.maximum(end - begin, 0)
    sizes: _Sizes = counts * _OBJECT_BYTES
    if pa.types.is_null(values.type):
        return sizes
    if pa.types.is_primitive(values.type):
        return np.asarray(sizes + counts * values.type.bit_width // 8)
    rows = np.flatnonzero((counts > 0) & (sizes <= LIMIT_CELL_BYTES))
    parts = np.cumsum(counts[rows]) // _MEASURED_AT_ONCE
    for group in np.split(rows, np.flatnonzero(np.diff(parts)) + 1):
        first, last = (int(begin[group].min()), int(end[group].max())) if len(group) else (0, 0)
        # Too long ones, or what no list has, may lie between.
        apart = last - first > 2 * _MEASURED_AT_ONCE
        for some in np.split(group, len(group)) if apart else [group]:
            if len(some):
                sizes[some] += _sums(values, begin[some], end[some])
    return sizes


def _sums(values: Any, begin: _Sizes, end: _Sizes) -> _Sizes:
    first, last = int(begin.min()), int(end.max())
    upto = np.append(0, np.cumsum(_sizes(values.slice(first, last - first))))
    return np.asarray(upto[end - first] - upto[begin - first])


def _union_sizes(array: Any) -> _Sizes:
    codes = array.type_codes.to_numpy()
    numbers = np.arange(len(array))
    places = array.offsets.to_numpy() if array.type.mode == "dense" else numbers
    sizes = np.zeros(len(array), np.int64)
    for member, code in enumerate(array.type.type_codes):
        own = codes == code
        if own.any():
            sizes[own] = _sizes(array.field(member))[places[own]]
    return sizes


def _is_text(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _is_bytes(kind: Any) -> bool:
    import pyarrow as pa

    types = pa.types
    return bool(
        types.is_binary(kind)
        or types.is_large_binary(kind)
        or types.is_fixed_size_binary(kind)
        or types.is_binary_view(kind)
    )


def _holds_bytes(kind: Any) -> bool:
    """Whether values of a type are bytes, or have some in them."""
    import pyarrow as pa

    if pa.types.is_dictionary(kind) or pa.types.is_run_end_encoded(kind):
        return _holds_bytes(kind.value_type)
    return _is_bytes(kind) or any(map(_holds_bytes, _members(kind)))
