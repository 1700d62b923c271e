"""Command line of the catalog builder."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from tools.catalog_builder.attribution import attribution_text
from tools.catalog_builder.building import (
    SetAside,
    collected_rows,
    drop_unused_images,
    render_all,
    rows_as_jsonl,
    write_whole,
)
from tools.catalog_builder.contact_sheet import contact_sheets
from tools.catalog_builder.libraries import DEFAULT_SOURCE
from tools.catalog_builder.planning import BUNDLED, FULL, Plan, orders
from tools.catalog_builder.product import Order
from tools.catalog_builder.selection import Selection

REPOSITORY = Path(__file__).resolve().parents[2]
BUNDLED_FOLDER = REPOSITORY / "src" / "furniture_prompter" / "bundled"
SET_ASIDE = "set-aside.jsonl"

EXIT_COMPLETE = 0
EXIT_SET_ASIDE = 3


class _Rate(ProgressColumn):
    """Products a second since the start."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{speed:.2f}/s" if speed else "-/s")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns `EXIT_COMPLETE`, or `EXIT_SET_ASIDE` when products failed."""
    options = _parser().parse_args(arguments)
    console = Console(stderr=True)
    if options.command == "contact-sheet":
        return _contact_sheet(options, console)
    if options.command == "full":
        return _build(FULL, options.source, options.out, console, with_split=True)
    if options.work is not None:
        return _bundle(options.source, options.work, console)
    with tempfile.TemporaryDirectory() as work:
        return _bundle(options.source, Path(work), console)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tools.catalog_builder",
        description="Render Sweet Home 3D's furniture into product catalogs.",
        epilog="Exit codes: 0 complete; 3 some products were set aside, see set-aside.jsonl.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    bundled = commands.add_parser("bundled", help="rebuild the catalog that ships in the package")
    bundled.add_argument(
        "--work", type=Path, help="folder that keeps finished products, to resume a broken run"
    )
    full = commands.add_parser("full", help="render the large set for benchmarks; resumable")
    full.add_argument("--out", type=Path, required=True, help="folder to write to")
    for command in (bundled, full):
        command.add_argument(
            "--source",
            type=Path,
            default=DEFAULT_SOURCE,
            help="folder of the .sh3f libraries (default: %(default)s)",
        )
    sheet = commands.add_parser("contact-sheet", help="draw a catalog's pictures on large sheets")
    sheet.add_argument("folder", type=Path, help="folder that holds products.jsonl")
    sheet.add_argument(
        "--out", type=Path, default=Path("contact-sheet.png"), help="default: %(default)s"
    )
    sheet.add_argument("--columns", type=int, default=12, help="default: %(default)s")
    sheet.add_argument("--rows", type=int, default=8, help="default: %(default)s")
    return parser


def _build(plan: Plan, source: Path, out: Path, console: Console, *, with_split: bool) -> int:
    with _progress(console) as progress:
        planned = orders(
            plan,
            source,
            Selection(),
            lambda bases: iter(progress.track(bases, description="choosing variants")),
        )
        set_aside: list[SetAside] = []
        for outcome in progress.track(
            render_all(planned, source, out), total=len(planned), description="rendering products"
        ):
            if outcome is not None:
                set_aside.append(outcome)
                progress.console.print(f"set aside: {outcome.product_id}: {outcome.reason}")
    rows = collected_rows(_finished(planned, set_aside), out, with_split=with_split)
    drop_unused_images(rows, out)
    write_whole(out / "products.jsonl", rows_as_jsonl(rows))
    write_whole(out / "ATTRIBUTION.md", attribution_text(rows).encode())
    set_aside.sort(key=lambda one: one.product_id)
    write_whole(
        out / SET_ASIDE,
        "".join(
            json.dumps({"id": one.product_id, "reason": one.reason}, ensure_ascii=False) + "\n"
            for one in set_aside
        ).encode(),
    )
    pictures = sum(1 for _ in (out / "images").iterdir())
    console.print(f"{len(rows)} products, {pictures} pictures, {len(set_aside)} set aside")
    return EXIT_SET_ASIDE if set_aside else EXIT_COMPLETE


def _finished(planned: list[Order], set_aside: list[SetAside]) -> list[Order]:
    failed = {one.product_id for one in set_aside}
    return [order for order in planned if order.product_id not in failed]


def _bundle(source: Path, work: Path, console: Console) -> int:
    code = _build(BUNDLED, source, work, console, with_split=False)
    if code != EXIT_COMPLETE:
        console.print(
            "the package data stays as it was: correct what was set aside above, or leave the "
            "model out under models_left_out in selection.toml"
        )
        return code
    publish(work, BUNDLED_FOLDER)
    return code


def publish(work: Path, target: Path) -> None:
    """Put the finished set of ``work`` in the place of the one in ``target``.

    The new pictures are copied beside the old ones first and change places with them by rename.
    """
    fresh, old = target / ".images.new", target / ".images.old"
    for folder in (fresh, old):
        shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(work / "images", fresh)
    if (target / "images").exists():
        os.rename(target / "images", old)  # noqa: PTH104  # the pair of renames reads as one step
    os.rename(fresh, target / "images")  # noqa: PTH104
    for name in ("products.jsonl", "ATTRIBUTION.md"):
        write_whole(target / name, (work / name).read_bytes())
    shutil.rmtree(old, ignore_errors=True)


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeRemainingColumn(),
        console=console,
    )


def _contact_sheet(options: argparse.Namespace, console: Console) -> int:
    out: Path = options.out
    for number, sheet in enumerate(contact_sheets(options.folder, options.columns, options.rows)):
        path = out if number == 0 else out.with_name(f"{out.stem}-{number + 1}{out.suffix}")
        sheet.save(path)
        console.print(str(path))
    return EXIT_COMPLETE


def run() -> None:
    """Entry of ``python -m tools.catalog_builder``."""
    sys.exit(main())
