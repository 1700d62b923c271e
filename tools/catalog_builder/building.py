"""Rendering a whole set in worker processes: resumable, and whole or not at all."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from tools.catalog_builder.colours import NAMES_TR
from tools.catalog_builder.product import (
    Order,
    Rendered,
    distinct_titles,
    joined,
    render_product,
    split_of,
)

WORKERS = 2
# VTK keeps some memory of every plotter; fresh processes after so many products give it back.
BATCH = 120
# Modules whose change makes pictures that were rendered before it stale.
_RENDERING_MODULES = (
    "colours", "finishes", "framing", "libraries", "materials", "meshes", "product", "rendering",
)  # fmt: skip


@dataclass(frozen=True)
class SetAside:
    """A product that could not be rendered, and why."""

    product_id: str
    reason: str


def fingerprint(order: Order) -> str:
    """Changes whenever the order or the code that renders it does."""
    digest = hashlib.sha256(repr(order).encode())
    for name in _RENDERING_MODULES:
        digest.update(Path(__file__).with_name(f"{name}.py").read_bytes())
    return digest.hexdigest()


def render_all(orders: Sequence[Order], source: Path, work: Path) -> Iterator[SetAside | None]:
    """Render what ``work`` does not hold yet; yields once for each order as it is done.

    ``work/rows/<id>.json`` is written last and marks a product as complete, so that a broken run
    goes on where it stopped.

    Raises:
        concurrent.futures.process.BrokenProcessPool: a worker died; run again to go on.
    """
    (work / "rows").mkdir(parents=True, exist_ok=True)
    (work / "images").mkdir(exist_ok=True)
    # Each worker draws with one thread; two of Mesa's own would only get in each other's way.
    os.environ["LP_NUM_THREADS"] = "1"
    # Otherwise VTK asks for an X display first and warns that there is none.
    os.environ.setdefault("VTK_DEFAULT_OPENGL_WINDOW", "vtkEGLRenderWindow")
    todo = []
    for order in orders:
        if _is_complete(order, work):
            yield None
        else:
            todo.append(order)
    # A new pool for every batch, not max_tasks_per_child: an executor can stop for good when it
    # replaces a worker that has reached its number of tasks (CPython issue 115634).
    for start in range(0, len(todo), BATCH):
        with ProcessPoolExecutor(WORKERS, mp_context=multiprocessing.get_context("spawn")) as pool:
            batch = todo[start : start + BATCH]
            for future in as_completed(pool.submit(_render_into, o, source, work) for o in batch):
                yield future.result()


def _is_complete(order: Order, work: Path) -> bool:
    path = work / "rows" / f"{order.product_id}.json"
    if not path.is_file():
        return False
    found: str = json.loads(path.read_text(encoding="utf-8"))["fingerprint"]
    return found == fingerprint(order)


def _render_into(order: Order, source: Path, work: Path) -> SetAside | None:
    try:
        rendered = render_product(order, source)
    except (ValueError, OSError, KeyError) as error:
        return SetAside(order.product_id, f"{type(error).__name__}: {error}")
    images = []
    for number, picture in enumerate(rendered.pictures):
        name = f"images/{order.product_id}-{number}.jpg"
        write_whole(work / name, picture)
        images.append(name)
    entry = {"fingerprint": fingerprint(order), "row": _with_images(rendered, images)}
    write_whole(
        work / "rows" / f"{order.product_id}.json",
        json.dumps(entry, ensure_ascii=False).encode(),
    )
    return None


def _with_images(rendered: Rendered, images: list[str]) -> dict[str, object]:
    return {**rendered.row, "images": images}


def write_whole(path: Path, data: bytes) -> None:
    """Write a file so that a reader finds the old content or the new, never half of it."""
    partial = path.with_name(f".{path.name}.partial")
    partial.write_bytes(data)
    partial.replace(path)


def collected_rows(
    orders: Sequence[Order], work: Path, *, with_split: bool
) -> list[dict[str, object]]:
    """The finished rows of a set, with titles that differ; products set aside are not in it."""
    rows: list[dict[str, object]] = []
    for order in orders:
        path = work / "rows" / f"{order.product_id}.json"
        if path.is_file():
            rows.append(json.loads(path.read_text(encoding="utf-8"))["row"])
    english = distinct_titles([str(r["title"]) for r in rows], [_qualifiers(r, "en") for r in rows])
    turkish = distinct_titles(
        [str(r["title_tr"]) for r in rows], [_qualifiers(r, "tr") for r in rows]
    )
    for row, title, title_tr in zip(rows, english, turkish, strict=True):
        row["title"], row["title_tr"] = title, title_tr
        if with_split:
            row["split"] = split_of(str(row["family"]))
        if row["variant"] is None:
            del row["variant"]
    return rows


def _qualifiers(row: dict[str, object], language: str) -> list[str]:
    colours = row["colors"]
    assert isinstance(colours, list)  # noqa: S101  # written by product._row
    size = f"{row['width_cm']:.0f} × {row['depth_cm']:.0f} × {row['height_cm']:.0f} cm"
    if row["variant"] is not None:
        return [size]
    if language == "tr":
        return [joined([NAMES_TR[name] for name in colours], "ve"), size]
    return [joined(colours, "and"), size]


def rows_as_jsonl(rows: Sequence[dict[str, object]]) -> bytes:
    """One JSON object a line, UTF-8."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def drop_unused_images(rows: Sequence[dict[str, object]], folder: Path) -> int:
    """Delete pictures in ``folder/images`` that no row names; returns how many."""
    used = {name for row in rows for name in _names(row)}
    unused = [p for p in (folder / "images").iterdir() if f"images/{p.name}" not in used]
    for path in unused:
        path.unlink()
    return len(unused)


def _names(row: dict[str, object]) -> list[str]:
    names = row["images"]
    assert isinstance(names, list)  # noqa: S101  # written by _render_into
    return names
