"""Benchmark suites: settings in TOML."""

import hashlib
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, get_args

from pydantic import ConfigDict, TypeAdapter, ValidationError

from furniture_prompter.errors import BenchmarkError
from furniture_prompter.evaluation.record import Task

SUITES = Path(__file__).parent / "suites"
STANDARD = SUITES / "standard.toml"

ALL_TASKS: tuple[Task, ...] = get_args(Task)


class _Strict:
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSettings(_Strict):
    """Which photos of the catalog are used.

    Attributes:
        photos: At most, whole products drawn at random; 0 takes all.
    """

    photos: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class QualitySettings(_Strict):
    """What is asked of each encoder.

    Attributes:
        queries: At most, for each task; 0 takes all.
        tasks: By their names.
        degradations: By the names of :mod:`furniture_prompter.evaluation.collection`.
        least_members: Products that must share a category for them to ask for it.
    """

    queries: int = 1_000
    tasks: tuple[Task, ...] = ALL_TASKS
    degradations: tuple[str, ...] = ("phone light", "crop", "blur", "JPEG", "clutter", "rotation")
    least_members: int = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencySettings(_Strict):
    """How long encoders are timed.

    Attributes:
        photos: In a round; 0 leaves latency out.
        rounds: Over all encoders.
        warm_up: Photos before the first.
        batches: Images encoded at once.
    """

    photos: int = 64
    rounds: int = 5
    warm_up: int = 8
    batches: tuple[int, ...] = (1, 2, 4, 8, 16, 32)


@dataclass(frozen=True, slots=True, kw_only=True)
class MemorySettings(_Strict):
    """How memory is measured: photos encoded in each of so many processes; 0 leaves it out."""

    photos: int = 24
    processes: int = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexSettings(_Strict):
    """How many of the catalog's own vectors ask for the nearest; 0 leaves that out."""

    queries: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class EndToEndSettings(_Strict):
    """How many whole queries are timed; 0 leaves them out."""

    queries: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite(_Strict):
    """A suite; see the attributes' own classes.

    Attributes:
        name: Letters, digits and dashes: results are filed in a folder of that name.
    """

    name: str
    data: DataSettings = field(default_factory=DataSettings)
    quality: QualitySettings = field(default_factory=QualitySettings)
    latency: LatencySettings = field(default_factory=LatencySettings)
    memory: MemorySettings = field(default_factory=MemorySettings)
    index: IndexSettings = field(default_factory=IndexSettings)
    end_to_end: EndToEndSettings = field(default_factory=EndToEndSettings)

    def __post_init__(self) -> None:
        if not self.name or not self.name.replace("-", "").isalnum():
            raise ValueError(f"name must be letters, digits and dashes, not {self.name!r}.")
        counts = {
            "data.photos": self.data.photos,
            "quality.queries": self.quality.queries,
            "latency.photos": self.latency.photos,
            "latency.warm_up": self.latency.warm_up,
            "memory.photos": self.memory.photos,
            "index.queries": self.index.queries,
            "end_to_end.queries": self.end_to_end.queries,
        }
        for name, value in counts.items():
            if value < 0:
                raise ValueError(f"{name} must be 0 or more, not {value}.")
        if self.latency.rounds < 3:
            raise ValueError(f"latency.rounds must be 3 or more, not {self.latency.rounds}.")
        if self.memory.processes < 1:
            raise ValueError(f"memory.processes must be 1 or more, not {self.memory.processes}.")
        if not all(size > 0 for size in self.latency.batches):
            raise ValueError("latency.batches must be above 0.")

    @property
    def sha256(self) -> str:
        """Of the settings: what is filed under another is never mixed in."""
        return hashlib.sha256(_ADAPTER.dump_json(self)).hexdigest()


_ADAPTER: TypeAdapter[Suite] = TypeAdapter(Suite)

_MOVED = ("sizes", "shares_kept", "peers")


def read_suite(path: Path = STANDARD) -> Suite:
    """Read a suite.

    Raises:
        BenchmarkError: it is missing, no TOML, or names what there is not.
    """
    try:
        written = tomllib.loads(path.read_text("utf-8"))
        index = written.get("index")
        moved = [name for name in _MOVED if isinstance(index, dict) and name in index]
        if moved:
            raise BenchmarkError(
                f"{path}: index.{moved[0]}: a catalog's search is measured at its own size; "
                "more vectors and other engines are what the project's `python -m "
                f"benchmarks.report` compares. Delete {' and '.join(moved)} from [index]."
            )
        return _ADAPTER.validate_python(written, strict=False)
    except OSError as error:
        raise BenchmarkError(
            f"Cannot read the suite {path}: {error.strerror}. Give the path of a TOML file, or "
            "leave it out for the standard suite; docs/benchmarking.md shows every setting."
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BenchmarkError(f"{path} is no TOML file: {error}. Mend that line.") from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the suite"
        raise BenchmarkError(
            f"{path}: {where}: {first['msg']}. {STANDARD.name} in the package shows every setting."
        ) from error
