"""Catalogs older than their grace time whose writers are killed, or find the disk full.

The full disk is a tmpfs of its own, which needs the right to mount: run as root, on Linux.
"""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx

from benchmarks.api_full_disk import small_disk
from benchmarks.api_outages import Row
from benchmarks.api_server import ServedApi
from benchmarks.datasets import BenchmarkSet, bundled, card_hashes
from benchmarks.provenance import add_output_option, write_result
from furniture_prompter import event_loop
from furniture_prompter.assembly import Catalog
from furniture_prompter.assembly.encoders import load_encoder, load_prompt_encoder
from furniture_prompter.catalog.columns import PHOTOS, PRODUCTS
from furniture_prompter.catalog.folding import LOOSE_FRAGMENTS
from furniture_prompter.catalog.lance_files import fragments_of
from furniture_prompter.catalog.manifest import read_manifest
from furniture_prompter.encoders.protocols import Encoder, PromptEncoder
from furniture_prompter.errors import CatalogWriteError, FurniturePrompterError
from furniture_prompter.feeds.opening import open_feed
from furniture_prompter.ingest.indexing import index_feed
from furniture_prompter.settings import Settings

SHOP_PRODUCTS = 60
GRACE_S = 1.0
AGED_S = 2.0
KILLS = 50
DISK_MB = 8
# Too little for a run of this catalog at first, then about what it needs, then enough.
INDEX_FREE_KB = (range(200, 1_000, 50), range(1_000, 1_401, 20))
PUT_FREE_KB = (20, 40, 60, 80, 100)
# Each PUT adds a fragment to both tables, beside that of the first run.
PUTS_BEFORE_FOLDING = LOOSE_FRAGMENTS - 1
SEED = 17

METHOD = f"""
A catalog of {SHOP_PRODUCTS} bundled products, a column of which says of which generation of the
feed they are; the grace time is {GRACE_S:g} s, and before each stop nothing is written for at least
{AGED_S:g} s, so that every version is older than its grace time. Each index run takes the next
generation: it writes every row anew, fits the alignment anew, and removes and adds products. It is
killed (kill -9) at a random moment of its work, or runs on a file system of {DISK_MB} MB with so
much room and no old version that could be deleted to make more. Each PUT stores a product with a
photo of its own; the server is killed at a random moment of it, or its disk has so little room.
PUTs that fold are each on a copy of a catalog that has gathered as many fragments as it may: of all
bundled products, whose table of products is written anew by one PUT, and whose table of photos
merges the small ones by the next. After each stop the catalog must open, be sound for `catalog
verify`, answer a search, and hold the products of just one generation, all of them, with their
uploaded photos; the next run, or PUT, must be stored. A catalog that fails in any of this is lost.
Stops that came after the commit are counted apart.
"""


class Encoders:
    """The default encoders, loaded once: what is stopped is the writing."""

    def __init__(self) -> None:
        self.photo: Encoder = load_encoder("default", threads=1)
        self.prompt: PromptEncoder = load_prompt_encoder("default-prompt")

    def index(self, feed: Path, catalog: Path) -> None:
        """Bring a catalog up to date with a feed, as ``furniture-prompter index --sync`` does."""
        event_loop.run(
            index_feed(
                open_feed(feed),
                catalog,
                self.photo,
                self.prompt,
                Settings(version_grace_s=GRACE_S),
                language=None,
                sync=True,
                on_progress=lambda _: None,
            )
        )


@dataclass
class Shop:
    """A catalog, and feeds of it that differ.

    Attributes:
        catalog: Its folder.
        feeds: Where a feed lies with its photos.
        asked: The products.
        encoders: What indexes them.
        generation: What the last run that is known to be committed wrote.
        size: Products, a tenth of which each generation lacks.
    """

    catalog: Path
    feeds: Path
    asked: BenchmarkSet
    encoders: Encoders
    generation: int = 0
    size: int = SHOP_PRODUCTS

    def feed(self, generation: int) -> Path:
        """The feed, as it is of a generation: each lacks another tenth of the products."""
        rows = []
        for number, product in enumerate(self.asked.products[: self.size]):
            images = []
            for image in product.images:
                if not (self.feeds / image.name).exists():
                    shutil.copyfile(image, self.feeds / image.name)
                images.append(image.name)
            if number % 10 != generation % 10:
                title = f"{product.title}, {generation}"
                row = {"id": product.id, "title": title, "category": product.category}
                rows.append(row | {"images": images, "generation": generation})
        path = self.feeds / "feed.jsonl"
        path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), "utf-8")
        return path

    def products_of(self, generation: int) -> int:
        """How many products a generation has."""
        return sum(number % 10 != generation % 10 for number in range(self.size))

    def index(self, generation: int) -> None:
        """Index a generation here, to its end."""
        self.encoders.index(self.feed(generation), self.catalog)
        self.generation = generation

    def copied(self, to: Path) -> "Shop":
        """The same on another disk."""
        shutil.copytree(self.catalog, to, copy_function=shutil.copy)
        return replace(self, catalog=to)

    def fault(self, generations: Iterable[int], uploads: Iterable[str] = ()) -> str | None:
        """What is wrong with the catalog; None where it is whole.

        Args:
            generations: Of which its products may be; just one.
            uploads: Products that were stored by PUT and answered.
        """
        try:
            with Catalog.open(self.catalog) as opened:
                report = opened.verify()
                if not report.sound:
                    return str(dict(report.checks))
                found = [
                    (generation, len(hits))
                    for generation in generations
                    if (hits := _hits(opened, f"generation = {generation}"))
                ]
                if len(found) != 1 or found[0][1] != self.products_of(found[0][0]):
                    return f"products by generation: {found}"
                self.generation = found[0][0]
                stored = _hits(opened, "id contains 'stop-'")
                missing = set(uploads) - {name for name, _ in stored}
                gone = [path for _, path in stored if not Path(path).is_file()]
                return f"lost: {missing} {gone}" if missing or gone else None
        except (FurniturePrompterError, OSError) as error:
            return f"{type(error).__name__}: {error}"


def _hits(opened: Catalog, where: str) -> list[tuple[str, str]]:
    """Ids and photos of the products that a filter lets through."""
    hits = opened.search("furniture chair", where=where, limit=1_000).hits
    return [(hit.product.id, hit.photo.path) for hit in hits]


@dataclass
class Tally:
    """What became of one kind of stop."""

    what: str
    stops: int = 0
    committed: int = 0
    lost: list[str] = field(default_factory=list)

    def add(self, fault: str | None, *, committed: bool) -> None:
        """Count one more."""
        self.stops += 1
        self.committed += committed
        if fault is not None:
            self.lost.append(fault)
        print(self.what, self.stops, "committed" if committed else "", fault or "", file=sys.stderr)

    def row(self) -> Row:
        """For the table."""
        return {
            "what": self.what,
            "runs": self.stops,
            "stopped before the commit": self.stops - self.committed,
            "after it, or in time": self.committed,
            "catalogs lost": len(self.lost),
            "what was wrong": "; ".join(sorted({each[:200] for each in self.lost})),
            "target": "none lost",
            "met": not self.lost,
        }


def aged() -> None:
    """Wait until every version is older than its grace time."""
    time.sleep(AGED_S)


class Runs:
    """Index runs in processes of their own, which are forked from one that has loaded."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.stops", "--fork"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, feed: Path, catalog: Path, kill_after_s: float | None) -> float:
        """Index, and be killed so long after the start; how long it took, seconds."""
        began = time.perf_counter()
        print(feed, catalog, sep="\t", file=self._process.stdin, flush=True)
        run = int(self._said())
        if kill_after_s is not None:
            time.sleep(max(0.0, kill_after_s - (time.perf_counter() - began)))
            # Until its parent has asked after it, the process is there, if only as a zombie.
            os.kill(run, signal.SIGKILL)
        print(file=self._process.stdin, flush=True)
        if self._said() not in {"0", str(-signal.SIGKILL)}:
            raise SystemExit("An index run failed.")
        return time.perf_counter() - began

    def close(self) -> None:
        """End the process that forks."""
        self._process.communicate()

    def _said(self) -> str:
        if self._process.stdout is None or not (line := self._process.stdout.readline()):
            raise SystemExit("The process that forks index runs ended.")
        return line.strip()


def fork_runs() -> None:
    """Fork an index run for each line of a feed and a catalog, and wait for it at the next line."""
    encoders = Encoders()
    for line in sys.stdin:
        feed, catalog = map(Path, line.rstrip("\n").split("\t"))
        run = os.fork()
        if not run:
            encoders.index(feed, catalog)
            os._exit(0)
        print(run, flush=True)
        sys.stdin.readline()
        print(os.waitstatus_to_exitcode(os.waitpid(run, 0)[1]), flush=True)


def killed_index_runs(shop: Shop, chance: random.Random, kills: int) -> Row:
    """Index runs killed at random moments of their work."""
    tally = Tally("index runs, kill -9")
    runs = Runs()
    # The first loads what the others find loaded.
    for _ in range(2):
        aged()
        lasts_s = runs.run(shop.feed(shop.generation + 1), shop.catalog, None)
        shop.generation += 1
    for _ in range(kills):
        aged()
        before = shop.generation
        runs.run(shop.feed(before + 1), shop.catalog, chance.uniform(0, lasts_s))
        fault = shop.fault((before, before + 1))
        tally.add(fault, committed=shop.generation != before)
        if fault is not None:
            break
    runs.close()
    if not tally.lost:
        shop.index(shop.generation + 1)
        fault = shop.fault((shop.generation,))
        tally.lost += [] if fault is None else [f"afterwards: {fault}"]
    return tally.row()


def full_disk_index_runs(shop: Shop, sizes_kb: Iterable[int]) -> Row:
    """Index runs with so much room."""
    sizes = list(sizes_kb)
    tally = Tally(f"index runs, {sizes[0]:,} to {sizes[-1]:,} kB free")
    for size_kb in sizes:
        with small_disk(DISK_MB) as disk:
            here = shop.copied(disk / "catalog")
            fill(disk, size_kb)
            before = here.generation
            try:
                here.index(before + 1)
                committed = True
            except CatalogWriteError:
                committed = False
            fault = here.fault((before, before + 1))
            (disk / "ballast").unlink()
            if fault is None:
                here.index(before + 2)
                fault = here.fault((before + 2,))
            tally.add(fault, committed=committed)
    return tally.row()


def fill(disk: Path, free_kb: int) -> None:
    """Leave so much room, and no more than a page less."""
    room = shutil.disk_usage(disk).free - free_kb * 1_000
    if room < 0:
        raise SystemExit(f"The disk has less than {free_kb} kB free: {room:,} bytes short.")
    (disk / "ballast").write_bytes(bytes(room))


def put(api: ServedApi, number: int, photo: bytes) -> httpx.Response:
    """Store a product with a photo of its own."""
    return httpx.put(
        f"{api.url}/v1/products/stop-{number}",
        data={"product": json.dumps({"title": f"Stopped chair {number}", "category": "chair"})},
        # A comment at the end makes each a photo of its own, which is written.
        files={"photos": ("photo.jpg", photo + number.to_bytes(8, "big"))},
        timeout=60,
    )


# Waits from the moment it has started, as the PUT does.
KILL = """import os, sys, time
time.sleep(float(sys.argv[1]))
for each in sys.argv[2:]: os.kill(int(each), 9)
"""


def killed_put(api: ServedApi, number: int, photo: bytes, after_s: float) -> bool:
    """Whether a PUT was answered by a server that is killed so long after its start."""
    killer = subprocess.Popen(
        [*(sys.executable, "-S", "-c"), KILL, str(after_s), *map(str, api.processes())]
    )
    try:
        return put(api, number, photo).is_success
    except httpx.TransportError:
        return False
    finally:
        killer.wait()


def killed_puts(shop: Shop, chance: random.Random, kills: int, work: Path) -> Row:
    """Servers killed at random moments of a PUT."""
    tally = Tally("PUTs, kill -9 of the server")
    photo = shop.asked.products[0].images[0].read_bytes()
    stored: list[str] = []
    lasts_s = 0.0
    for number in range(kills + 1):
        with ServedApi.of_catalog(
            shop.catalog, work / "server.log", version_grace_s=GRACE_S
        ) as api:
            # The first of a server loads its encoders.
            warm = put(api, 2 * number, photo)
            if not warm.is_success:
                fault = f"a PUT after a kill answers {warm.status_code}: {warm.text}"
                tally.add(fault, committed=False)
                return tally.row()
            stored.append(f"stop-{2 * number}")
            aged()
            began = time.perf_counter()
            if number == 0:
                put(api, 2 * number + 1, photo)
                lasts_s = time.perf_counter() - began
                stored.append(f"stop-{2 * number + 1}")
                continue
            answered = killed_put(api, 2 * number + 1, photo, chance.uniform(0, lasts_s))
            if answered:
                stored.append(f"stop-{2 * number + 1}")
        tally.add(shop.fault((shop.generation,), stored), committed=answered)
        if tally.lost:
            break
    return tally.row()


def killed_folding_puts(
    template: Shop, stored: Sequence[str], table: str, chance: random.Random, kills: int, work: Path
) -> Row:
    """Servers killed at random moments of a PUT that folds a table.

    Args:
        template: A catalog whose next PUT does so; each kill is of a copy.
        stored: What PUT stored in it.
        table: The table.
        chance: Draws the moments.
        kills: How many.
        work: Where the copies go.
    """
    tally = Tally(f"PUTs that fold {table}, kill -9")
    photo = template.asked.products[0].images[0].read_bytes()
    number = len(stored)
    lasts_s = 0.0
    for kill in range(kills + 1):
        here = template.copied(work / "folding")
        before = fragments(here.catalog)[table]
        with ServedApi.of_catalog(
            here.catalog, work / "server.log", version_grace_s=GRACE_S
        ) as api:
            # Loads both encoders, and writes nothing.
            asked = {"prompt": "chair"}
            httpx.post(
                f"{api.url}/v1/search", data=asked, files={"photo": photo}, timeout=60
            ).raise_for_status()
            aged()
            if kill == 0:
                began = time.perf_counter()
                put(api, number, photo).raise_for_status()
                lasts_s = time.perf_counter() - began
                answered = True
            else:
                answered = killed_put(api, number, photo, chance.uniform(0, lasts_s))
        uploads = [*stored, *([f"stop-{number}"] if answered else [])]
        fault = here.fault((here.generation,), uploads)
        if answered and fragments(here.catalog)[table] >= before:
            raise SystemExit(f"This PUT did not fold {table}: nothing is measured.")
        if fault is None:
            with ServedApi.of_catalog(
                here.catalog, work / "server.log", version_grace_s=GRACE_S
            ) as api:
                again = put(api, number + 1, photo)
            if not again.is_success:
                fault = f"the next PUT: {again.status_code}"
            else:
                fault = here.fault((here.generation,), [*uploads, f"stop-{number + 1}"])
        if kill or fault:
            tally.add(fault, committed=answered)
        shutil.rmtree(here.catalog)
    return tally.row()


def fragments(catalog: Path) -> dict[str, int]:
    """Fragments of each table of a catalog's current version."""
    tables = read_manifest(catalog).tables
    return {name: len(fragments_of(catalog, name, tables[name])) for name in tables}


def folding_puts(shop: Shop, chance: random.Random, kills: int, work: Path) -> list[Row]:
    """PUTs that fold the table of products, and the next, which merges fragments of photos."""
    whole = replace(shop, catalog=work / "whole", generation=0, size=len(shop.asked.products))
    whole.index(0)
    photo = shop.asked.products[0].images[0].read_bytes()
    stored: list[str] = []
    rows = []
    for table in (PRODUCTS, PHOTOS):
        with ServedApi.of_catalog(
            whole.catalog, work / "server.log", version_grace_s=GRACE_S
        ) as api:
            while len(stored) < PUTS_BEFORE_FOLDING + (table == PHOTOS):
                put(api, len(stored), photo).raise_for_status()
                stored.append(f"stop-{len(stored)}")
        aged()
        rows.append(killed_folding_puts(whole, stored, table, chance, kills, work))
    return rows


def full_disk_puts(shop: Shop, sizes_kb: Sequence[int], work: Path) -> Row:
    """PUTs with so little room."""
    tally = Tally(f"PUTs, {sizes_kb[0]} to {sizes_kb[-1]} kB free")
    photo = shop.asked.products[0].images[0].read_bytes()
    for size_kb in sizes_kb:
        with small_disk(DISK_MB) as disk:
            here = shop.copied(disk / "catalog")
            with ServedApi.of_catalog(
                here.catalog, work / "server.log", version_grace_s=GRACE_S
            ) as api:
                aged()
                fill(disk, size_kb)
                refused = put(api, 0, photo)
                fault = here.fault((here.generation,))
                (disk / "ballast").unlink()
                again = put(api, 1, photo)
            if fault is None:
                fault = here.fault((here.generation,), ["stop-1"])
            if not again.is_success:
                fault = f"with room again: {again.status_code}"
            tally.add(fault, committed=refused.is_success)
    return tally.row()


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=KILLS, help="kills of index runs")
    parser.add_argument("--put-kills", type=int, default=KILLS, help="kills of servers")
    parser.add_argument(
        "--fold-kills", type=int, default=KILLS // 2, help="kills of servers as they fold a table"
    )
    parser.add_argument("--fork", action="store_true", help=argparse.SUPPRESS)
    add_output_option(parser, "stops")
    arguments = parser.parse_args(words)
    if arguments.fork:
        fork_runs()
        return
    asked = bundled()
    chance = random.Random(SEED)  # noqa: S311  # moments, not secrets
    work = Path(tempfile.mkdtemp())
    os.environ["FURNITURE_PROMPTER_VERSION_GRACE_S"] = str(GRACE_S)
    try:
        (work / "feeds").mkdir()
        shop = Shop(work / "catalog", work / "feeds", asked, Encoders())
        for generation in (0, 1, 2, 2):
            # The last changes nothing, and deletes what could make room on a full disk.
            shop.index(generation)
            aged()
        rows = [
            *(full_disk_index_runs(shop, sizes) for sizes in INDEX_FREE_KB),
            full_disk_puts(shop, PUT_FREE_KB, work),
            killed_index_runs(shop, chance, arguments.kills),
            killed_puts(shop, chance, arguments.put_kills, work),
            *folding_puts(shop, chance, arguments.fold_kills, work),
        ]
    finally:
        shutil.rmtree(work)
    print(*rows, sep="\n", file=sys.stderr)
    write_result(
        arguments.out,
        title="Stops on aged catalogs",
        data=[asked.source],
        method=METHOD,
        figures={"rows": rows},
        encoders=card_hashes("default", "default-prompt"),
    )


if __name__ == "__main__":
    main()
