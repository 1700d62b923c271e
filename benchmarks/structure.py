"""Size of the source tree, and how many of its modules one request passes through.

    python -m benchmarks.structure            # the table
    python -m benchmarks.structure --files    # and the modules of each path
    python -m benchmarks.structure --size     # the size alone, without running anything
    PYTHONPATH=/elsewhere/src python -m benchmarks.structure    # another version of the product

A module is on a path when one of its functions is called between the request and its answer, in
any thread of the process. What runs because a module is imported does not count, nor do child
processes. The benchmark takes some minutes: every call is looked at.

A short module, or one that a single other one imports, may be no thought of its own: the table
counts both, so that splinters show. An ``__init__.py`` is not counted as either.

Each path runs once, cold, in a process of its own:

- prompt: ``furniture-prompter search "oak chair"`` in a catalog of the photos that ship
- photo: ``POST /v1/search`` with a photo, the server being up
- row: ``furniture-prompter index`` of a CSV file with one row and one photo into a new catalog
- benchmark: ``furniture-prompter benchmark`` on that catalog, every section at its smallest
"""

import argparse
import ast
import asyncio
import io
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import furniture_prompter

SOURCE = Path(furniture_prompter.__file__).parent
SHORT_LINES = 60
PHOTO = SOURCE / "bundled" / "images" / "blendswap-cc0-armchair-0.jpg"

SUITE = """
name = "smallest"
[data]
photos = 24
[quality]
queries = 4
least_members = 2
[latency]
photos = 2
rounds = 3
warm_up = 1
batches = [1]
[memory]
photos = 2
processes = 1
[index]
queries = 2
[end_to_end]
queries = 2
"""


class Trace:
    """Which code objects are called while it records, imports aside."""

    def __init__(self) -> None:
        """Hook into this thread and into all that start from now on."""
        self._seen: set[CodeType] = set()
        self._recording = False
        self._importing = threading.local()
        threading.setprofile(self._on_event)
        sys.setprofile(self._on_event)

    def _on_event(self, frame: FrameType, event: str, _: Any) -> None:
        code = frame.f_code
        if code.co_name == "<module>" and event in {"call", "return"}:
            depth: int = getattr(self._importing, "depth", 0)
            self._importing.depth = max(0, depth + (1 if event == "call" else -1))
        elif event == "call" and self._recording and not getattr(self._importing, "depth", 0):
            self._seen.add(code)

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Record what is called inside."""
        self._recording = True
        try:
            yield
        finally:
            self._recording = False

    def modules(self) -> list[str]:
        """The product's modules among them, as paths below the package."""
        files = {Path(code.co_filename) for code in self._seen}
        return sorted(str(path.relative_to(SOURCE)) for path in files if SOURCE in path.parents)


def _command(trace: Trace, *words: str) -> None:
    from furniture_prompter.cli.main import app

    out = io.StringIO()
    with redirect_stdout(out), redirect_stderr(out), trace.recording():
        status = app(list(words), standalone_mode=False)
    if status:
        raise RuntimeError(out.getvalue())


def _prompt(trace: Trace, catalog: Path, _: Path) -> None:
    _command(trace, "search", "oak chair", "--catalog", str(catalog))


def _row(trace: Trace, _: Path, folder: Path) -> None:
    feed = folder / "feed.csv"
    feed.write_text("id,title,image,price\n1,Armchair,a.jpg,120\n", "utf-8")
    shutil.copy(PHOTO, folder / "a.jpg")
    _command(trace, "index", str(feed), "--catalog", str(folder / "catalog"))


def _benchmark(trace: Trace, catalog: Path, folder: Path) -> None:
    suite = folder / "suite.toml"
    suite.write_text(SUITE, "utf-8")
    words = ["--catalog", str(catalog), "--out", str(folder / "report"), "--suite", str(suite)]
    _command(trace, "benchmark", *words)


def _photo(trace: Trace, catalog: Path, _: Path) -> None:
    import httpx

    from furniture_prompter.settings import ServeSettings
    from furniture_prompter.web.app import create_app

    async def ask() -> None:
        app = create_app(ServeSettings(catalog=catalog))
        async with app.router.lifespan_context(app):
            door = httpx.ASGITransport(app)
            async with httpx.AsyncClient(transport=door, base_url="http://127.0.0.1") as client:
                data = PHOTO.read_bytes()
                with trace.recording():
                    answer = await client.post("/v1/search", files={"photo": ("a.jpg", data)})
        answer.raise_for_status()

    asyncio.run(ask())


PATHS: dict[str, Callable[[Trace, Path, Path], None]] = {
    "prompt": _prompt,
    "photo": _photo,
    "row": _row,
    "benchmark": _benchmark,
}


def traced(path: str, catalog: Path) -> list[str]:
    """Modules on a path, as it runs here and now."""
    trace = Trace()
    with tempfile.TemporaryDirectory() as folder:
        PATHS[path](trace, catalog, Path(folder))
    return trace.modules()


def _imported(module: Path, names: dict[str, Path]) -> set[Path]:
    """Modules of the product that one imports anywhere in it, in functions as well."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(module.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            found.update(inner & names.keys() or {node.module})
    return {names[name] for name in found & names.keys()} - {module}


def size() -> str:
    """Count, length and splinters of the product's modules, as a sentence."""
    files = sorted(SOURCE.rglob("*.py"))
    names = {
        ".".join(path.relative_to(SOURCE.parent).with_suffix("").parts).removesuffix(
            ".__init__"
        ): path
        for path in files
    }
    importers = Counter(found for path in files for found in _imported(path, names))
    lines = {path: len(path.read_text("utf-8").splitlines()) for path in files}
    whole = [path for path in files if path.name != "__init__.py"]
    short = sum(lines[path] < SHORT_LINES for path in whole)
    single = sum(importers[path] == 1 for path in whole)
    return (
        f"{len(files)} modules, {sum(lines.values()):,} lines, "
        f"median {statistics.median(lines.values()):g}, longest {max(lines.values())}; "
        f"{short} under {SHORT_LINES} lines, {single} imported by exactly one other"
    )


def _index_what_ships(catalog: Path) -> None:
    feed = str(SOURCE / "bundled" / "products.jsonl")
    command = [sys.executable, "-m", "furniture_prompter.cli.main", "index", feed]
    subprocess.run([*command, "--catalog", str(catalog)], capture_output=True, check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="Size of the source tree and length of its paths.")
    parser.add_argument("--files", action="store_true", help="name the modules of each path")
    parser.add_argument("--size", action="store_true", help="only the size of the source tree")
    parser.add_argument("--only", choices=PATHS, help="one path, its modules as JSON")
    parser.add_argument("--catalog", type=Path, help="a catalog; indexed anew when left out")
    arguments = parser.parse_args()
    if arguments.only and arguments.catalog:
        print(json.dumps(traced(arguments.only, arguments.catalog)))
        return
    print(size())
    if arguments.size:
        return
    with tempfile.TemporaryDirectory() as folder:
        catalog = arguments.catalog or Path(folder) / "catalog"
        if arguments.catalog is None:
            _index_what_ships(catalog)
        for path in [arguments.only] if arguments.only else PATHS:
            words = ["--only", path, "--catalog", str(catalog)]
            command = [sys.executable, "-m", "benchmarks.structure", *words]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
            modules = json.loads(done.stdout.splitlines()[-1])
            print(f"{path}: {len(modules)} modules")
            if arguments.files:
                print(*(f"    {module}" for module in modules), sep="\n")


if __name__ == "__main__":
    main()
