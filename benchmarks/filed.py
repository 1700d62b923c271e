"""Filed results, and single figures of them picked by what they measure."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.provenance import RESULTS, ROOT

PROMPT_TO_PHOTO = ROOT / "benchmarks" / "prompt_to_photo" / "results.json"
"""The file of ``python -m benchmarks.prompt_to_photo``, which has its own layout."""


class Filed:
    """The results below one folder, read once each."""

    def __init__(self, folder: Path = RESULTS) -> None:
        self.folder = folder
        self._read: dict[str, Mapping[str, Any]] = {}

    def names(self) -> list[str]:
        """All results by name, without suffix."""
        return sorted(file.stem for file in self.folder.glob("*.json"))

    def suites(self) -> list[Path]:
        """The folders of the report's runs."""
        return sorted(each for each in self.folder.iterdir() if any(each.glob("*.json")))

    def result(self, name: str) -> Mapping[str, Any]:
        """The whole of a result: title, method, figures, provenance."""
        if name not in self._read:
            self._read[name] = json.loads((self.folder / f"{name}.json").read_text("utf-8"))
        return self._read[name]

    def rows(self, name: str, table: str = "rows") -> list[Mapping[str, Any]]:
        """One table of a result."""
        rows: list[Mapping[str, Any]] = self.result(name)["figures"][table]
        return rows

    def row(self, name: str, table: str = "rows", /, **wanted: object) -> Mapping[str, Any]:
        """The one row of a table with the wanted values.

        Raises:
            SystemExit: If no row has them, or several have.
        """
        found = [
            row
            for row in self.rows(name, table)
            if all(row.get(column) == value for column, value in wanted.items())
        ]
        if len(found) != 1:
            raise SystemExit(f"{name}: {len(found)} rows are {wanted}. Run the benchmark again.")
        return found[0]

    def note(self, name: str, data: str) -> str:
        """What a result says of a data set that it was measured on.

        Raises:
            SystemExit: If it was measured on no such set.
        """
        for each in self.result(name)["provenance"]["data"]:
            if each["name"] == data:
                return str(each["note"]).rstrip(".")
        raise SystemExit(f"{name} was not measured on {data}.")

    def all(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Names and results, by name."""
        for name in self.names():
            yield name, self.result(name)


def prompt_to_photo() -> Mapping[str, Any]:
    """The result of ``python -m benchmarks.prompt_to_photo``."""
    read: Mapping[str, Any] = json.loads(PROMPT_TO_PHOTO.read_text("utf-8"))
    return read
