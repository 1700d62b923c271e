"""Single mutations of a catalog's files: ``python -m benchmarks.catalog_mutations``.

What ``catalog verify`` says of each, whether searches still answer as before, and what ``catalog
repair`` brings back.
"""

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

from benchmarks.provenance import DataSet, add_output_option, write_result
from furniture_prompter.assembly import Catalog, index, optimize, repair, verify
from furniture_prompter.assembly.upkeep import CatalogUpserts
from furniture_prompter.atomic_files import sha256_of
from furniture_prompter.bundled import catalog_feed
from furniture_prompter.catalog.integrity import version_files
from furniture_prompter.catalog.manifest import CHECKSUMS_FOLDER, MANIFEST_FILE, read_manifest
from furniture_prompter.catalog.retention import UPLOADS_FOLDER
from furniture_prompter.domain import Product, Upsert
from furniture_prompter.encoders.decoding import photo_id
from furniture_prompter.errors import FurniturePrompterError
from furniture_prompter.settings import Settings

PRODUCTS: Final = 132
# Two photos a product: more than the least number that gets a vector index.
SETTINGS: Final = Settings(vector_index_photos=256)
UPLOADED: Final = "uploaded-chair"
# Places of the answers that no words are part of.
BY_PHOTO: Final = (1, 3)
LIMIT_S: Final = 300.0

SWAP: Final = "swapped with another"


def _flipped(content: bytes, share: float) -> bytes:
    place = min(int(len(content) * share), len(content) - 1)
    return content[:place] + bytes([content[place] ^ 0x10]) + content[place + 1 :]


MUTATIONS: Final[dict[str, Callable[[bytes], bytes | None]]] = {
    "deleted": lambda _: None,
    "emptied": lambda _: b"",
    "cut in half": lambda content: content[: len(content) // 2],
    "last byte cut": lambda content: content[:-1],
    "first byte flipped": lambda content: _flipped(content, 0.0),
    "byte at a third flipped": lambda content: _flipped(content, 1 / 3),
    "byte near the end flipped": lambda content: _flipped(content, 0.98),
}
"""What is done to a file, by its content; None deletes it."""


@dataclass(frozen=True, slots=True)
class Mutation:
    """One change of one file.

    Attributes:
        kind: What the file is for.
        file: Its path in the catalog.
        change: A key of MUTATIONS, or SWAP.
        other: A file of the same kind, or of the next.
    """

    kind: str
    file: str
    change: str
    other: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one mutation led to.

    Attributes:
        verify: ``sound``, ``damaged`` or ``traceback``.
        search: ``same``, ``differs``, ``error`` or ``traceback``.
        repair: ``same`` answers afterwards; ``fitted`` where another fit of the alignment ranks
            them; ``told`` where something is lost and said so; ``differs`` without a word; or
            ``traceback``.
        detail: The first traceback's last line, or what was lost.
    """

    verify: str
    search: str
    repair: str
    detail: str


def kind_of(file: str) -> str:
    """What a file of a catalog is for."""
    parts = file.split("/")
    if len(parts) < 3:
        return {
            MANIFEST_FILE: "manifest",
            CHECKSUMS_FOLDER: "checksums",
            UPLOADS_FOLDER: "uploaded photo",
        }.get(parts[0], "alignment")
    return {
        "data": f"rows of {parts[0].removesuffix('.lance')}",
        "_deletions": "deleted rows",
        "_indices": "indexes",
        "_transactions": "transactions",
    }.get(parts[1], "versions")


def mutations(catalog: Path) -> Iterator[Mutation]:
    """Every change of every file that the current version reads, in a fixed order."""
    manifest = read_manifest(catalog)
    files = [MANIFEST_FILE, f"{CHECKSUMS_FOLDER}/{manifest.checksums}"]
    files += [f"{table}.lance/_versions/latest_version_hint.json" for table in manifest.tables]
    files += [file.relative_to(catalog).as_posix() for file in _uploads(catalog)]
    files += version_files(catalog, manifest)
    files.sort(key=lambda file: (kind_of(file), file))
    for place, file in enumerate(files):
        other = files[(place + 1) % len(files)]
        for change in (*MUTATIONS, SWAP):
            yield Mutation(kind_of(file), file, change, other)


def _uploads(catalog: Path) -> list[Path]:
    return [path for path in (catalog / UPLOADS_FOLDER).iterdir() if path.is_file()]


def made_catalog(work: Path) -> Path:
    """A catalog of renders that was written three times: by a feed, by a changed one, by an API."""
    source = catalog_feed()
    rows = [json.loads(line) for line in source.read_text("utf-8").splitlines()][:PRODUCTS]
    (work / "images").mkdir()
    for row in rows:
        for image in row["images"]:
            shutil.copy(source.parent / image, work / image)
    catalog, feed = work / "catalog", work / "feed.jsonl"
    for changed in (0, 3):
        for row in rows[:changed]:
            row["title"] += ", new"
        feed.write_text("\n".join(map(json.dumps, rows[: len(rows) - changed])), "utf-8")
        index(feed, catalog, settings=SETTINGS, sync=True)
    photo = (work / rows[-1]["images"][0]).read_bytes()
    upserts = CatalogUpserts(catalog, SETTINGS)
    with upserts.spool() as spool:
        path = spool.add(f"{photo_id(photo)}.jpg", photo)
        product = Product(UPLOADED, "Uploaded chair", category="chair")
        upserts.write([Upsert(1, product, (path,))], wait_s=10)
    return catalog


def answers(catalog: Path, photo: Path, sharing: Catalog | None) -> list[Any]:
    """What the catalog answers to words, a photo, both with a filter, and a product."""
    with Catalog.open(catalog, settings=SETTINGS, sharing=sharing) as opened:
        results = [
            opened.search("white wooden chair", limit=10, facets=("category",)),
            opened.search(photo=photo, limit=10),
            opened.search("in wood", photo=photo, where="width_cm > 40", limit=10),
            opened.similar(UPLOADED, limit=10),
        ]
    return [
        [
            (hit.product, hit.photo, round(hit.score, 4), _rounded(hit.contributions))
            for hit in result.hits
        ]
        for result in results
    ]


def _rounded(contributions: Mapping[str, float]) -> dict[str, float]:
    # Lance adds up what words bring in whatever order its threads end.
    return {name: round(value, 4) for name, value in contributions.items()}


def ids(answered: list[Any]) -> list[list[str]]:
    """Products of answers, in their order."""
    return [[hit[0].id for hit in hits] for hits in answered]


def judged(whole: Path, catalog: Path, photo: Path, mutation: Mutation) -> Verdict:
    """Make one mutation in a copy of a whole catalog, and see what verify, search, repair do."""
    sharing = _sharing(whole, photo)
    shutil.rmtree(catalog, ignore_errors=True)
    shutil.copytree(whole, catalog)
    content: bytes | None
    if mutation.change == SWAP:
        content = (whole / mutation.other).read_bytes()
    else:
        content = MUTATIONS[mutation.change]((whole / mutation.file).read_bytes())
    if content is None:
        (catalog / mutation.file).unlink()
    else:
        (catalog / mutation.file).write_bytes(content)
    details: list[str] = []

    def attempted(what: Callable[[], str]) -> str:
        try:
            return what()
        except FurniturePrompterError as error:
            details.append(str(error))
            return "error"
        # A panic of the storage engine is no Exception.
        except BaseException as error:  # noqa: BLE001
            details.insert(0, f"{type(error).__name__}: {error}")
            return "traceback"

    before, folded = _before

    def by_photo(answered: list[Any]) -> bool:
        return all(ids(answered)[place] == ids(folded)[place] for place in BY_PHOTO)

    def searched() -> str:
        return "same" if answers(catalog, photo, sharing) == before else "differs"

    def verified() -> str:
        return "sound" if verify(catalog).sound else "error"

    verdict = attempted(verified)
    found = attempted(searched)
    lost: list[str] = []

    def mended() -> str:
        summary = repair(catalog, settings=SETTINGS)
        lost.extend(summary.lost)
        # Repair verifies at its end, and tells as lost whatever is not sound.
        if lost:
            return "told"
        if any("alignment" in done for done in summary.done):
            # Words meet photos by other maps, but photos meet photos as before.
            return "fitted" if by_photo(answers(catalog, photo, sharing)) else "differs"
        return "same" if ids(answers(catalog, photo, sharing)) in map(ids, _before) else "differs"

    repaired = attempted(mended)
    return Verdict(
        "damaged" if verdict == "error" else verdict,
        found,
        "told" if repaired == "error" else repaired,
        " | ".join((details + lost)[-2:] if repaired != "traceback" else details),
    )


# As the catalog was written, and with the rows of the last writes in its indexes: repair makes
# those anew, and BM25 counts words by what an index has.
_before: list[list[Any]] = []
_opened: list[Catalog] = []


def _sharing(whole: Path, photo: Path) -> Catalog:
    if not _opened:
        _opened.append(Catalog.open(whole, settings=SETTINGS))
        _before.append(answers(whole, photo, _opened[0]))
        with tempfile.TemporaryDirectory() as name:
            folded = Path(name) / "catalog"
            shutil.copytree(whole, folded)
            optimize(folded, settings=SETTINGS)
            _before.append(answers(folded, photo, _opened[0]))
    return _opened[0]


def all_judged(whole: Path, catalog: Path, photo: Path, asked: Sequence[Mutation]) -> list[Verdict]:
    """Judge every mutation in another process, so that one that is killed costs one verdict."""
    verdicts: list[Verdict] = []
    pool = _pool()
    for place, mutation in enumerate(asked):
        try:
            verdict = pool.submit(judged, whole, catalog, photo, mutation).result(LIMIT_S)
        except (BrokenProcessPool, TimeoutError) as error:
            pool.shutdown(wait=False, cancel_futures=True)
            pool = _pool()
            verdict = Verdict("traceback", "traceback", "traceback", type(error).__name__)
        verdicts.append(verdict)
        print(f"{place + 1}/{len(asked)} {mutation} {verdict}", file=sys.stderr)
    pool.shutdown()
    return verdicts


def _pool() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(1, mp_context=get_context("spawn"))


def is_blind(verdict: Verdict) -> bool:
    """Whether verify says ``sound`` of a catalog that searches fail on or answer differently."""
    return verdict.verify == "sound" and verdict.search != "same"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mutations", type=int, default=244, help="how many at the most")
    parser.add_argument("--only", help="mutate files of this kind alone")
    add_output_option(parser, "catalog_mutations")
    arguments = parser.parse_args()
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        catalog = made_catalog(work)
        whole = work / "whole"
        shutil.copytree(catalog, whole)
        asked = [each for each in mutations(whole) if arguments.only in (None, each.kind)]
        count = min(arguments.mutations, len(asked))
        asked = [asked[place * len(asked) // count] for place in range(count)]
        photo = work / "images" / "query.jpg"
        shutil.copy(next((work / "images").glob("*.jpg")), photo)
        verdicts = all_judged(whole, catalog, photo, asked)
    rows: dict[str, list[Verdict]] = {}
    for mutation, verdict in zip(asked, verdicts, strict=True):
        rows.setdefault(mutation.kind, []).append(verdict)
    write_result(
        arguments.out,
        title="Mutated catalogs",
        data=[DataSet("bundled", sha256_of(catalog_feed()), f"its first {PRODUCTS} products")],
        method=f"""A catalog of {PRODUCTS} products with vector indexes, written by a feed, by the
            same with changed and removed rows, and by an upload; then one change of one file that
            its version reads, an even sample of {len(MUTATIONS) + 1} changes of each file:
            {", ".join(MUTATIONS)}, {SWAP} (of its kind, or the next).
            Of each: what `catalog verify` says; whether four searches (words with facets, a
            photo, both with a filter, a product's like) answer as before to the fourth digit,
            differ, or end in an error that names the cure; and whether after `catalog repair`
            verify says sound and they name the same products in the same order as before, or as
            of the whole catalog after `catalog optimize` has taken its last rows into its
            indexes, too (where the alignment had to be fitted anew: by those without words).
            Blind is verify saying sound where a search fails or differs. A traceback is anything
            else than an error of this project. Lost and told are products or photos that only the
            feed brings back, and that repair named.""",
        figures={
            "rows": [_row(kind, verdicts) for kind, verdicts in (*rows.items(), ("all", verdicts))]
        },
    )
    print(f"{time.perf_counter() - began:.0f} s", file=sys.stderr)


def _row(kind: str, verdicts: Sequence[Verdict]) -> dict[str, Any]:
    search = Counter(each.search for each in verdicts)
    repaired = Counter(each.repair for each in verdicts)
    return {
        "file": kind,
        "mutations": len(verdicts),
        "called damaged": sum(each.verify == "damaged" for each in verdicts),
        "searches fail": search["error"],
        "searches differ": search["differs"],
        "blind": sum(map(is_blind, verdicts)),
        "tracebacks": sum(
            "traceback" in (each.verify, each.search, each.repair) for each in verdicts
        ),
        "repaired": repaired["same"],
        "repaired by a new fit": repaired["fitted"],
        "lost and told": repaired["told"],
        "lost untold": repaired["differs"],
    }


if __name__ == "__main__":
    main()
