"""The furniture libraries of Debian's sweethome3d-furniture package, and their properties files."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")


def parse_properties(data: bytes) -> dict[str, str]:
    r"""Read one properties file.

    Properties files are ISO-8859-1 with ``\\uXXXX`` for everything else (the documentation of
    ``java.util.Properties.load``). Continuation lines do not occur in these catalogs and are
    refused, so that a value is never cut in two unnoticed. A key alone has an empty value.

    Raises:
        ValueError: a line that continues on the next.
    """
    entries: dict[str, str] = {}
    for number, raw in enumerate(data.decode("latin-1").splitlines(), start=1):
        line = raw.strip()
        if not line or line[0] in "#!":
            continue
        key, _, value = line.partition("=")
        if value.endswith("\\"):
            raise ValueError(f"line {number} continues on the next, which is not supported")
        entries[key.strip()] = _ESCAPE.sub(lambda m: chr(int(m[1], 16)), value.strip())
    return entries


def numbered_entries(entries: dict[str, str]) -> dict[int, dict[str, str]]:
    """Group ``name#7`` style keys by their number; keys without a number are left out.

    Numbers below 1 are leftovers of the catalog's editor (``dropOnTopElevation#-1``), not models.
    """
    grouped: dict[int, dict[str, str]] = {}
    for key, value in entries.items():
        field, hash_mark, number = key.rpartition("#")
        if hash_mark and number.isdigit() and int(number) > 0:
            grouped.setdefault(int(number), {})[field] = value
    return grouped


DEFAULT_SOURCE = Path("/usr/share/sweethome3d/furniture")
CC_BY = "CC-BY-3.0"
CC_BY_US = "CC-BY-3.0-US"
CC0 = "CC0-1.0"
LICENCE_URLS = {
    CC_BY: "https://creativecommons.org/licenses/by/3.0/",
    CC_BY_US: "https://creativecommons.org/licenses/by/3.0/us/",
    CC0: "https://creativecommons.org/publicdomain/zero/1.0/",
}


@dataclass(frozen=True)
class Library:
    """One ``.sh3f`` file with the licence that its LICENSE.TXT and Debian's copyright file give."""

    file_name: str
    slug: str
    title: str
    licence: str
    attribution: str
    credited_as: str | None = None  # in place of the creator that single models name


LIBRARIES = (
    Library("BlendSwap-CC-0.sh3f", "blendswap-cc0", "Blend Swap CC-0 models", CC0,
            "Various authors of blendswap.com, cleaned and converted by Emmanuel Puybaret / eTeks"),
    Library("BlendSwap-CC-BY.sh3f", "blendswap", "Blend Swap CC-BY models", CC_BY,
            "Various authors of blendswap.com (named with each product), cleaned and converted by "
            "Emmanuel Puybaret / eTeks"),
    Library("KatorLegaz.sh3f", "kator-legaz", "Kator Legaz models", CC_BY_US,
            "Andrew Kator & Jennifer Legaz", "Andrew Kator & Jennifer Legaz"),
    Library("Reallusion.sh3f", "reallusion", "Reallusion models", CC_BY_US,
            "Reallusion (http://www.reallusion.com/)"),
    Library("Scopia.sh3f", "scopia", "Scopia models", CC_BY,
            "Emmanuel Puybaret / eTeks <info@eteks.com> and Scopia Visual Interfaces Systems, s.l. "
            "(http://www.scopia.es)", "Emmanuel Puybaret / eTeks and Scopia"),
)  # fmt: skip


@dataclass(frozen=True)
class SourceModel:
    """One model of a library; sizes in cm, rotation row-major 3 × 3 applied before measuring."""

    library: Library
    model_id: str
    name: str
    name_tr: str | None
    category: str
    tags: tuple[str, ...]
    model_path: PurePosixPath
    width_cm: float
    depth_cm: float
    height_cm: float
    rotation: tuple[float, ...] | None
    creator: str

    @property
    def stem(self) -> str:
        """The model's own part of its id: ``armchair1`` of ``Scopia#armchair1``."""
        return self.model_id.partition("#")[2]


def read_library(library: Library, source: Path) -> Iterator[SourceModel]:
    """Yield the models of one library in the order of its properties file.

    Raises:
        FileNotFoundError: ``source`` lacks the library; install sweethome3d-furniture.
        ValueError: the properties are broken.
        KeyError: a model lacks an entry that every model has.
    """
    path = source / library.file_name
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} is missing: install Debian's sweethome3d-furniture or name its folder with "
            "--source"
        )
    with zipfile.ZipFile(path) as archive:
        english = numbered_entries(
            parse_properties(archive.read("PluginFurnitureCatalog.properties"))
        )
        turkish = numbered_entries(
            parse_properties(archive.read("PluginFurnitureCatalog_tr.properties"))
        )
    for number, entry in sorted(english.items()):
        yield _model(library, entry, turkish.get(number, {}))


def _model(library: Library, entry: dict[str, str], turkish: dict[str, str]) -> SourceModel:
    rotation = entry.get("modelRotation")
    tags = tuple(t.strip() for t in entry["tags"].split(",") if t.strip())
    return SourceModel(
        library=library,
        model_id=entry["id"],
        name=entry["name"],
        name_tr=turkish.get("name") or None,
        category=entry["category"],
        tags=tags,
        model_path=PurePosixPath(entry["model"].lstrip("/")),
        width_cm=float(entry["width"]),
        depth_cm=float(entry["depth"]),
        height_cm=float(entry["height"]),
        rotation=tuple(float(v) for v in rotation.split()) if rotation else None,
        creator=entry["creator"],
    )


def read_all(source: Path) -> list[SourceModel]:
    """Every model of every library; raises what `read_library` raises."""
    return [model for library in LIBRARIES for model in read_library(library, source)]
