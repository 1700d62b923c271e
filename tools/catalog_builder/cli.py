"""Command line of the catalog builder: sets, contact sheets, ATTRIBUTION.md of what ships."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from PIL import Image, ImageDraw
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

from tools.catalog_builder.building import (
    SetAside,
    collected_rows,
    drop_unused_images,
    render_all,
    rows_as_jsonl,
    write_whole,
)
from tools.catalog_builder.libraries import DEFAULT_SOURCE, LIBRARIES, LICENCE_URLS
from tools.catalog_builder.planning import BUNDLED, FULL, Plan, Selection, orders
from tools.catalog_builder.product import Order

_HEAD = """\
# Attribution

The pictures in this folder are renderings of 3D furniture models from the libraries of
[Sweet Home 3D](http://www.sweethome3d.com/), as packaged by Debian in `sweethome3d-furniture`.
**Changes made:** every model was rendered to still pictures, lit, cropped and compressed;
products marked *variant* were given another wood or fabric. The authors do not endorse this use.

Wood and fabric of variants: pictures of [ambientCG](https://ambientcg.com/), CC0 1.0
(<https://creativecommons.org/publicdomain/zero/1.0/>).

This file is written by `python -m tools.catalog_builder bundled`.
"""


def attribution_text(rows: Sequence[Mapping[str, object]]) -> str:
    """The whole file for the given rows of products.jsonl.

    Raises:
        KeyError: a row lacks an entry that every row has.
        ValueError: a row comes from a library that is not listed.
    """
    sections = [_HEAD]
    placed = 0
    for library in LIBRARIES:
        own = [row for row in rows if str(row["id"]).startswith(f"{library.slug}-")]
        own = [row for row in own if row["licence"] == library.licence]
        if not own:
            continue
        placed += len(own)
        sections.append(
            f"## {library.title}\n\n"
            f"Authors: {library.attribution}.  \n"
            f"Licence: {library.licence}, <{LICENCE_URLS[library.licence]}>.\n\n"
            "| product | work | author |\n|---|---|---|\n" + "\n".join(map(attribution_line, own))
        )
    if placed != len(rows):
        raise ValueError(f"{len(rows) - placed} products belong to no library of LIBRARIES")
    return "\n".join(f"{section}\n" if i else section for i, section in enumerate(sections))


def attribution_line(row: Mapping[str, object]) -> str:
    """One table line: the product, the work it was rendered from, its author."""
    variant = " *(variant)*" if row.get("variant") else ""
    return f"| {row['id']}{variant} | {row['source']} | {row['creator']} |"


CELL_PIXELS = 168
_LABEL_PIXELS = 26
_GROUND = (214, 214, 214)


def contact_sheets(folder: Path, columns: int, rows: int) -> Iterator[Image.Image]:
    """Sheets of ``columns`` × ``rows`` pictures, each with its id and colours below.

    The ground is grey so that a picture's own white can be told from the sheet.

    Raises:
        FileNotFoundError: ``folder`` holds no products.jsonl.
    """
    lines = (folder / "products.jsonl").read_text(encoding="utf-8").splitlines()
    products = [json.loads(line) for line in lines]
    pictures = [(product, name) for product in products for name in product["images"]]
    per_sheet = columns * rows
    for start in range(0, len(pictures), per_sheet):
        yield _sheet(folder, pictures[start : start + per_sheet], columns)


def _sheet(folder: Path, pictures: list[tuple[dict[str, str], str]], columns: int) -> Image.Image:
    height = CELL_PIXELS + _LABEL_PIXELS
    rows = -(-len(pictures) // columns)
    sheet = Image.new("RGB", (columns * CELL_PIXELS, rows * height), _GROUND)
    draw = ImageDraw.Draw(sheet)
    for number, (product, name) in enumerate(pictures):
        left, top = number % columns * CELL_PIXELS, number // columns * height
        with Image.open(folder / name) as image:
            small = image.convert("RGB")
        small.thumbnail((CELL_PIXELS - 6, CELL_PIXELS - 4))
        sheet.paste(small, (left, top))
        draw.text((left, top + CELL_PIXELS - 2), Path(name).stem[-27:], fill="black")
        draw.text((left, top + CELL_PIXELS + 10), product["color"][:27], fill="navy")
    return sheet


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
