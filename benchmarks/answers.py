"""What a reader asks of the benchmarks, answered with figures of filed results."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.api_loads import PROMPT, SMALL_PHOTO
from benchmarks.filed import Filed, prompt_to_photo
from furniture_prompter.evaluation.filing import merged, read_filed
from furniture_prompter.evaluation.record import IndexTimes
from furniture_prompter.query_options import OPTIONS

_DEFAULT = "efficientnet-lite2"
_STUDENT = "mobilenetv2, int8"
_CORES = "two cores"


@dataclass(frozen=True, slots=True)
class Answer:
    """One question with its figure.

    Attributes:
        asked: The question, in a few words.
        data: What was measured on, with what chance gives where that says something.
        figure: The answer.
        result: Name of the result whose tables stand behind it.
        main: Whether the README shows it.
    """

    asked: str
    data: str
    figure: str
    result: str
    main: bool = False


def answers(filed: Filed) -> dict[str, list[Answer]]:
    """All answers under their headings, in the order of the page."""
    return {
        "How good are the hits?": list(_quality(filed)),
        "How fast is it?": [*_speed(filed), *_feeds(filed)],
        "How large is it, and what does it cost?": list(_size(filed)),
        "Against what?": list(_peers(filed)),
        "What does a small student give up against its teacher?": list(_students(filed)),
        "Does it hold under attack, overload and damage?": list(_robustness(filed)),
    }


def _quality(filed: Filed) -> Iterator[Answer]:
    kind = filed.row("photo_to_type", encoder=_DEFAULT, measure="R@1")
    five = filed.row("photo_to_type", encoder=_DEFAULT, measure="P@5")
    yield Answer(
        "photo → a product of the same kind first (R@1), among five (P@5)",
        f"{kind['queries']} real photos, chance {kind['chance']:.3f}",
        f"{kind['value']:.3f}, {five['value']:.3f}",
        "photo_to_type",
        main=True,
    )
    view, views = (
        filed.row("other_view", candidates="all photos", right="product", measure=measure)
        for measure in ("R@1", "R@5")
    )
    yield Answer(
        "the same product from another side, first (R@1), among five (R@5)",
        f"{view['queries']} renderings, chance {view['chance']:.3f}",
        f"{view['value']:.3f}, {views['value']:.3f}",
        "other_view",
        main=True,
    )
    photos = prompt_to_photo()["held_out_half"]
    yield Answer(
        "prompt → the photo of a product whose text was never seen, in ten (R@10)",
        f"{photos['candidates']:.0f} real photos, chance {photos['recall_at_10_chance']:.3f}",
        f"{photos['recall_at_10']:.3f}",
        "prompt_to_photo",
        main=True,
    )
    ways = (
        filed.row("hybrid", family="all", way=way)["MRR"]
        for way in ("keyword only", "vectors only", "hybrid")
    )
    yield Answer(
        "prompt → product with text: keyword only, vectors only, both (MRR)",
        "five families of prompts, real catalog",
        ", ".join(f"{mrr:.3f}" for mrr in ways),
        "hybrid",
        main=True,
    )
    for family in ("misspelt", "paraphrased"):
        gain = filed.row(
            "hybrid",
            "differences",
            **{"family": family, "hybrid minus": "keyword only", "measure": "MRR"},
        )
        yield Answer(
            f"what vectors add to keywords where the prompt is {family} (MRR)",
            f"{filed.row('hybrid', family=family, way='hybrid')['prompts']} prompts, real catalog",
            f"{gain['value']:+.3f}, 95 % {gain['95 % low']:+.3f} to {gain['95 % high']:+.3f}",
            "hybrid",
        )
    asked = {"words": "Turkish", "query spelling": "as written"}
    stems, plain = (
        filed.row("keyword_stemming", **({"way": way} | asked))["recall"]
        for way in ("as shipped for Turkish: folded, stems beside", "LanceDB alone, Turkish")
    )
    yield Answer(
        "other forms of a Turkish word found by keyword: ours, LanceDB's own (recall)",
        filed.note("keyword_stemming", "furniture words").split(",")[0],
        f"{stems:.3f}, {plain:.3f}",
        "keyword_stemming",
    )
    for data in ("ikea-dev", "shop2-dev"):
        none, spread = (
            filed.row("diversity", data=data, queries="photo", diversity=diversity)
            for diversity in (0.0, OPTIONS["diversity"].default)
        )
        yield Answer(
            "distinct models among the first ten of a photo: without diversity, as shipped",
            f"{none['asked']} real photos, {data}",
            f"{none['models']:.1f}, {spread['models']:.1f}",
            "diversity",
        )


def _feeds(filed: Filed) -> Iterator[Answer]:
    """In processor time: other work shared the processors."""

    def unchanged(name: str, **wanted: str) -> tuple[int, float]:
        found = [
            row
            for row in filed.rows(name)
            if row["run"] == "unchanged" and all(row[key] == wanted[key] for key in wanted)
        ]
        most = max(row["rows"] for row in found)
        taken = [row["processor seconds"] for row in found if row["rows"] == most]
        return most, float(np.median(taken))

    rows, seconds = unchanged("feed_speed")
    yield Answer(
        "a feed of which nothing changed: rows read, mapped and compared a processor second",
        f"{rows:,} rows of CSV",
        f"{rows / seconds:,.0f}",
        "feed_speed",
    )
    rows, now = unchanged("feed_speed_before", program="now")
    _, before = unchanged("feed_speed_before", program="before")
    yield Answer(
        "the same, beside the program that knew three formats and read every row",
        f"{rows:,} rows of CSV",
        f"{before / now:.1f} times as fast",
        "feed_speed_before",
    )


def _speed(filed: Filed) -> Iterator[Answer]:
    most = max(row["photos"] for row in filed.rows("speed"))
    catalog = f"{most:,} photos, {_CORES}"

    def fast(what: str, digits: int) -> str:
        row = filed.row("speed", photos=most, what=what)
        return f"{row['p50']:,.{digits}f} {row['unit']}"

    yield Answer(
        "indexing, end to end; its peak memory",
        catalog,
        f"{fast('indexing, end to end', 0)}; {fast('indexing, peak memory', 0)}",
        "speed",
        main=True,
    )
    yield Answer(
        "search in process: prompt, photo (median)",
        catalog,
        f"{fast('prompt, in process', 1)}, {fast('photo, in process', 1)}",
        "speed",
        main=True,
    )
    yield Answer(
        "`furniture-prompter search` from a cold shell: prompt, photo",
        catalog,
        f"{fast('prompt, cold shell', 0)}, {fast('photo, cold shell', 0)}",
        "speed",
        main=True,
    )
    products = max(row["products"] for row in filed.rows("facets", "search"))
    slowest = max(
        (row for row in filed.rows("facets", "ways") if row["way"] == "codes"),
        key=lambda row: float(row["wall (ms)"]),
    )
    yield Answer(
        "five facets in one call, exact, the slowest of three filters: median, of it computing",
        f"{products:,} products, {_CORES} that much else ran on",
        f"{slowest['wall (ms)']:.1f} ms, {slowest['processor (ms)']:.1f} ms",
        "facets",
    )
    served = f"{filed.note('api_load', 'served catalog')}, {_CORES} shared with the load"
    alone = filed.row("api_load", kind=SMALL_PHOTO, connections=1)
    many = filed.row("api_load", "against the encoder alone", what=f"{SMALL_PHOTO}, 32 connections")
    yield Answer(
        "`serve`, photo of 500 px: one connection (median), 32 connections",
        served,
        f"{alone['p50, ms']:.1f} ms; {many['images a second']:.0f} a second",
        "api_load",
        main=True,
    )
    prompt, prompts = (filed.row("api_load", kind=PROMPT, connections=count) for count in (1, 32))
    yield Answer(
        "`serve`, prompt: one connection (median), 32 connections",
        served,
        f"{prompt['p50, ms']:.1f} ms; {prompts['a second']:.0f} a second",
        "api_load",
    )


def _size(filed: Filed) -> Iterator[Answer]:
    demo = {row["what"]: row["value"] for row in filed.rows("demo")}
    yield Answer(
        "`make demo` in a fresh clone: time, size of `.venv`",
        f"{_CORES}, empty home",
        f"{demo['time']:,.0f} s, {demo['installed, .venv']:,.0f} MB",
        "demo",
        main=True,
    )
    encoder = filed.row("encoder_memory", encoder=_DEFAULT)
    yield Answer(
        "the default photo encoder: on disk, in memory",
        f"{encoder['parameters']:,} parameters",
        f"{encoder['on disk, MB']:.0f} MB, {encoder['of it the encoder, MB']:.0f} MB",
        "encoder_memory",
    )
    last = filed.rows("api_load", "memory over 20,000 requests")[-1]
    yield Answer(
        f"`serve`, resident memory after {last['requests']:,} requests",
        filed.note("api_load", "served catalog"),
        f"{last['resident, MB']:,.0f} MB",
        "api_load",
    )
    size = max(row["photos"] for row in filed.rows("vector_index"))
    scan, index = (
        filed.row("vector_index", photos=size, way=way)
        for way in ("exact, float32 in memory", "IVF_RQ, refine 10")
    )
    yield Answer(
        "nearest vectors by an exact scan: time, memory",
        f"{size:,} vectors of 256 dimensions",
        f"{scan['ask p50 ms']:.1f} ms, {scan['memory MB']:.0f} MB",
        "vector_index",
    )
    yield Answer(
        "nearest vectors by the shipped index: time, recall@10, index on disk",
        f"{size:,} vectors of 256 dimensions",
        f"{index['ask p50 ms']:.1f} ms, {index['recall@10']:.3f}, "
        f"{index['index MB on disk']:.1f} MB",
        "vector_index",
    )
    yield from _million(filed)


def _million(filed: Filed) -> Iterator[Answer]:
    largest = max(_index_times(filed, "index-million"), key=lambda each: each.vectors)
    yield Answer(
        "the same index: time, recall@10, vectors and index on disk",
        f"{largest.vectors:,} vectors of {largest.dimension} dimensions",
        f"{_asked(largest)}, {largest.disk_bytes / 1e6:,.0f} MB",
        "report-index-million",
    )


def _index_times(filed: Filed, suite: str) -> list[IndexTimes]:
    """The shipped index and faiss's HNSW without a filter, as a suite measured them."""
    return [
        each
        for each in merged(read_filed(filed.folder / suite)).indexes
        if each.way.startswith(("IVF_RQ, refine 10", "HNSW, M")) and each.share_kept == 1
    ]


def _asked(times: IndexTimes) -> str:
    return f"{np.median(times.ask_ms):.2f} ms, {np.mean(times.recall_at_10):.3f}"


def _peers(filed: Filed) -> Iterator[Answer]:
    recipes = [
        filed.row("starting_report", encoder=f"recipe: {name}, PyTorch")["ms an image"]
        for name in ("ResNet50", "ResNet18")
    ]
    own = filed.row("starting_report", encoder="ours: resnet18, int8, 224 px")["ms an image"]
    yield Answer(
        "an image by the usual recipe's ResNet50, its ResNet18, our ResNet18 in int8",
        f"file to vector, one run, {_CORES}",
        f"{', '.join(f'{each:.1f} ms' for each in recipes)}, {own:.1f} ms",
        "starting_report",
        main=True,
    )
    services = [
        filed.row("api_peer", service=service, connections=8)
        for service in ("furniture-prompter serve", "FastAPI, eager PyTorch, faiss")
    ]
    yield Answer(
        "photo searches over HTTP: ours, FastAPI with eager PyTorch and faiss",
        f"8 connections, {_CORES} shared with the load",
        ", ".join(f"{each['a second']:.0f} a second" for each in services),
        "api_peer",
    )
    yield Answer(
        "the same, 95th percentile",
        f"8 connections, {_CORES} shared with the load",
        ", ".join(f"{each['p95, ms']:.0f} ms" for each in services),
        "api_peer",
    )
    largest = max(each.vectors for each in _index_times(filed, "renders"))
    ours, peer = (
        next(
            each
            for each in _index_times(filed, "renders")
            if each.vectors == largest and each.engine.startswith(engine)
        )
        for engine in ("furniture-prompter", "faiss")
    )
    yield Answer(
        "nearest vectors, time and recall@10: our index, on disk; faiss's HNSW, in memory",
        f"{largest:,} vectors of {ours.dimension} dimensions",
        f"{_asked(ours)}; {_asked(peer)}",
        "report-renders",
    )


def _students(filed: Filed) -> Iterator[Answer]:
    renders = filed.row("distillation", "target", student=_STUDENT)
    yield Answer(
        f"share of the teacher's mAP ({renders['target, share']}); "
        f"times its speed ({renders['target, speed']})",
        f"{_STUDENT}, trained on renderings, asked with 515 real photos",
        _given_up(renders),
        "distillation",
    )
    for way, catalog in (("symmetric", "student's"), ("asymmetric", "teacher's")):
        own = filed.row("own_photos", "target", student=f"{_STUDENT}, {way}")
        yield Answer(
            f"the same where a shop trains on its own photos; the {catalog} catalog",
            f"{_STUDENT}, asked with photos that it never saw",
            _given_up(own),
            "own_photos",
        )
    distilled = filed.row("distill_bundled", step="distill")
    yield Answer(
        "`distill` on the bundled catalog, `--minutes 2`",
        f"{filed.note('distill_bundled', 'bundled catalog')}, {_CORES}",
        f"{distilled['seconds']:.0f} s in all",
        "distill_bundled",
    )


def _given_up(row: Mapping[str, Any]) -> str:
    share, speed = row["share of the teacher's mAP"], row["times the teacher's speed"]
    return f"{share:.1%}; {speed:.1f} times"


def _robustness(filed: Filed) -> Iterator[Answer]:
    attacks = filed.rows("api_attacks")
    yield Answer(
        "attacks on the API met; longest wait for `/healthz` meanwhile",
        f"{len(attacks)} kinds of attack, one worker",
        f"{sum(row['met'] for row in attacks)} of {len(attacks)}; "
        f"{max(row.get('longest wait for /healthz, ms', 0) for row in attacks):.0f} ms",
        "api_attacks",
    )
    flood = filed.row("api_load", "staying up", what="4 times what can be answered")
    yield Answer(
        "four times the load that can be answered: answered, refused with 429, lost",
        f"{flood['sent']:,} requests",
        f"{flood['answered (200)']:,}; {flood['refused (429)']:,}; {flood['lost']}",
        "api_load",
    )
    disk = filed.rows("api_full_disk")[0]
    yield Answer(
        "the disk fills while products are stored: stored and missing afterwards, searches failed",
        f"{disk['sent']:,} searches meanwhile",
        f"{disk['stored and missing afterwards']}, {disk['failed']}",
        "api_full_disk",
    )
    fetched = filed.rows("downloads")
    yield Answer(
        "photos by address, 2 % failing, a run killed at half: requests beyond one each, encoded "
        "where 1 % changed",
        f"{fetched[1]['products'] + fetched[1]['failed']:,} photos, 50 ms an answer",
        f"{fetched[0]['asked'] + fetched[1]['asked'] - fetched[2]['asked']}, "
        f"{fetched[2]['encoded']}",
        "downloads",
    )
    found = filed.rows("health")
    for data in dict.fromkeys(row["data"] for row in found):
        rows = [row for row in found if row["data"] == data]
        yield Answer(
            "defects planted in a catalog that `catalog health` tells; warnings that are right, in "
            "the worst check",
            f"{len(rows)} kinds in {data}",
            f"{sum(row['found'] for row in rows) / sum(row['planted'] for row in rows):.2f}; "
            f"{min(row['precision'] for row in rows):.2f}",
            "health",
        )
    stops = filed.rows("stops")
    yield Answer(
        "runs killed, or stopped by a full disk: catalogs lost",
        f"{sum(row['runs'] for row in stops)} stops",
        f"{sum(row['catalogs lost'] for row in stops)}",
        "stops",
    )
    damage = filed.row("catalog_mutations", file="all")
    yield Answer(
        "files of a catalog damaged: wrong answers that `verify` did not tell, losses untold",
        f"{damage['mutations']} damages",
        f"{damage['blind']}, {damage['lost untold']}",
        "catalog_mutations",
    )
    uploads = {row["what"]: row["count"] for row in filed.rows("upload_fuzz")}
    yield Answer(
        "damaged photos uploaded: neither hits nor a refusal, processes that ended",
        f"{uploads['files']:,} files",
        f"{uploads['neither hits nor a refusal']}, {uploads['processes that ended']}",
        "upload_fuzz",
    )
