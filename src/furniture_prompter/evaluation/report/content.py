"""A run as the blocks of a report: conclusion, products found, results, origin, what is missing."""

from collections.abc import Iterator, Mapping, Sequence
from typing import get_args

import numpy as np

from furniture_prompter.evaluation.comparisons import (
    conclusion,
    image_ms,
    latency_of,
    photo_ms,
    ratio,
)
from furniture_prompter.evaluation.record import (
    AGREEMENT,
    ASYMMETRIC,
    ENCODE,
    JUDGED,
    PREPROCESS,
    READ_AND_DECODE,
    SEARCH,
    IndexTimes,
    Run,
    Task,
)
from furniture_prompter.evaluation.report.figures import (
    latency_stages,
    quality,
    speed_against_quality,
)
from furniture_prompter.evaluation.report.rendering import (
    Block,
    Heading,
    Paragraph,
    Sentences,
    Table,
    Warnings,
)

_STAGES = (READ_AND_DECODE, PREPROCESS, ENCODE, SEARCH)
_MISSING = "not measured"


def blocks_of(run: Run, galleries: Sequence[Block] = ()) -> list[Block]:
    """Everything a report shows.

    Args:
        run: What was measured.
        galleries: Single queries with what was found, if there are photos to show.
    """
    picture = speed_against_quality(run)
    sections = [
        *_latency(run),
        *quality(run),
        *_memory(run),
        *_indexes(run),
        *_end_to_end(run),
    ]
    parts: list[tuple[str, Sequence[Block]]] = [
        (
            "Conclusion",
            [
                Sentences(conclusion(run) or ("Too little was measured to conclude anything.",)),
                *([picture] if picture else []),
            ],
        ),
        ("Products found", galleries),
        ("Results", sections),
        ("Models compared", list(_models(run))),
        ("System and data", list(_system(run))),
        ("What was left out", [Sentences([*run.left_out, *_unmeasured(run)])]),
    ]
    shown = [(name, blocks) for name, blocks in parts if blocks]
    return [
        Heading(1, f"Benchmark: {run.data.name}"),
        Warnings(run.flags),
        *(
            block
            for number, (name, blocks) in enumerate(shown, start=1)
            for block in (Heading(2, f"{number}. {name}"), *blocks)
        ),
    ]


def _unmeasured(run: Run) -> Iterator[str]:
    """A sentence for each section and task that the run has nothing of."""
    sections = {
        "Latency": (run.latency, "latency.photos"),
        "Memory": (run.memory, "memory.photos"),
        "Finding the nearest vectors": (run.indexes, "index.queries"),
        "Whole queries": (run.end_to_end, "end_to_end.queries"),
    }
    for name, (found, setting) in sections.items():
        if not found:
            yield f"{name}: the suite leaves it out; {setting} above 0 measures it."
    asked = {each.task for each in run.answers}
    against = {AGREEMENT, ASYMMETRIC} if not run.teacher else set()
    tasks = [task for task in get_args(Task) if task not in {*asked, *against, JUDGED}]
    if tasks:
        yield f"Not asked of any encoder: {', '.join(tasks)}."
    if against:
        yield (
            "Nobody was held against a teacher: no encoder compared was taught by another. "
            "--teacher names one."
        )
    if JUDGED not in asked:
        yield (
            "Whether your customers would be content: that takes queries of theirs and what is "
            "relevant to each, which the command furniture-prompter evaluate measures."
        )


def _system(run: Run) -> Iterator[Block]:
    machine, data = run.machine, run.data
    rows = [
        ("device", machine.device),
        ("processor", machine.processor),
        ("instruction sets", ", ".join(machine.instruction_sets) or "not told"),
        ("cores this process may use", f"{machine.cores}"),
        ("threads for one image", f"{machine.threads}"),
        ("memory", f"{machine.memory_bytes / 1e9:,.1f} GB"),
        ("system", machine.system),
        ("versions", ", ".join(f"{name} {text}" for name, text in machine.versions.items())),
        ("commit", machine.commit or "an installed package"),
        ("measured", run.created),
        ("command", run.command or "not told"),
        ("suite", f"{run.suite}, {run.suite_sha256[:12]}"),
    ]
    yield Table("What it was measured on", ("what", "value"), rows)
    shown = [
        ("photos", f"{data.photos:,}"),
        ("products", f"{data.products:,}"),
        ("categories", f"{data.categories:,}"),
        ("source", data.source or "not told"),
        ("licence", data.licence or "not told"),
        ("fingerprint", data.fingerprint[:16]),
    ]
    yield Table(f"Data: {data.name}", ("what", "value"), shown)


def _models(run: Run) -> Iterator[Block]:
    columns = (
        "encoder",
        "role",
        "architecture",
        "input, px",
        "output, dimensions",
        "parameters, millions",
        "multiply-adds, billions",
        "file, MB",
        "precision",
        "weights, sha256",
        "licence",
        "space",
    )
    rows = [
        (
            each.key,
            each.role,
            each.architecture or "not told",
            f"{each.side_px}",
            f"{each.dimension:,}",
            f"{each.parameters / 1e6:.2f}",
            "not counted" if each.multiply_adds is None else f"{each.multiply_adds / 1e9:.2f}",
            f"{each.file_bytes / 1e6:,.1f}" if each.file_bytes else "no file",
            f"{each.precision}, {each.runtime}",
            each.weights_sha256[:12] or "random",
            each.licence,
            each.space or "none",
        )
        for each in run.encoders
    ]
    yield Table("Encoders, for one image", columns, rows)
    notes = [f"{each.key}: {each.notes}" for each in run.encoders if each.notes]
    if notes:
        yield Sentences(notes)


def _latency(run: Run) -> Iterator[Block]:
    if not run.latency:
        return
    yield Heading(3, "Latency")
    baseline, first = run.latency[0], run.latency[0].encoder
    yield Paragraph(
        f"All encoders took turns, {len(baseline.total_s)} rounds of {baseline.photos} photos from "
        f"file to vector, one by one (the reference recipe in its batches), after "
        f"{baseline.warm_up} to warm up. Ratios are medians of the rounds' own, with the least and "
        "the most; search is timed apart and in no total."
    )
    rows = []
    for each in run.latency:
        times, ms = ratio(baseline.total_s, each.total_s), image_ms(each)
        joules = f"{np.median(each.joules) / each.photos:.2f}" if each.joules else "not told"
        spread = [1_000 * seconds / each.photos for seconds in each.total_s]
        rows.append(
            (
                each.encoder,
                f"{np.median(each.total_s):.2f}",
                f"{ms:.2f}",
                " / ".join(f"{value:.2f}" for value in np.percentile(photo_ms(each), (50, 95, 99))),
                f"{min(spread):.2f} to {max(spread):.2f}",
                f"{times.median:.2f} ({times.least:.2f} to {times.most:.2f})",
                f"{1_000 / ms:,.0f}",
                joules,
            )
        )
    columns = (
        "encoder",
        "all photos, s",
        "an image, ms",
        "single images, ms: median / 95th / 99th",
        "rounds, ms",
        f"times as fast as {first}",
        "images a second",
        "joules an image",
    )
    yield Table(f"From file to vector, {run.data.name}", columns, rows)
    stages = [
        (
            each.encoder,
            *(
                " / ".join(
                    f"{value:.2f}" for value in np.percentile(each.stages[stage], (50, 95, 99))
                )
                if stage in each.stages
                else _MISSING
                for stage in _STAGES
            ),
        )
        for each in run.latency
    ]
    yield Table(
        f"Stages, ms an image: median / 95th / 99th percentile, {run.data.name}",
        ("encoder", *_STAGES),
        stages,
    )
    batches = [_batch_row(each.encoder, each.batches) for each in run.latency if each.batches]
    if batches:
        yield Table(
            f"Encoding alone, ms an image by images at once (medians of rounds), {run.data.name}",
            ("encoder", "one image, ms", "best batch", "in it, ms an image", "all"),
            batches,
        )
    picture = latency_stages(run)
    if picture:
        yield picture


def _batch_row(encoder: str, batches: Mapping[int, Sequence[float]]) -> tuple[str, ...]:
    medians = {size: float(np.median(each)) for size, each in sorted(batches.items())}
    best = min(medians, key=medians.__getitem__)
    one = f"{medians[1]:.2f}" if 1 in medians else _MISSING
    every = ", ".join(f"{size}: {ms:.2f}" for size, ms in medians.items())
    return encoder, one, f"{best}", f"{medians[best]:.2f}", every


def _memory(run: Run) -> Iterator[Block]:
    if not run.memory:
        return
    yield Heading(3, "Memory")
    rows = []
    for each in run.memory:
        facts = run.facts(each.encoder)
        rows.append(
            (
                each.encoder,
                *(
                    f"{np.median(values) / 1e6:,.0f}"
                    for values in (each.resident_bytes, each.peak_bytes, each.encoder_bytes)
                ),
                f"{facts.file_bytes / 1e6:,.1f}",
                f"{facts.parameters / 1e6:.2f}",
                f"{each.index_bytes_a_product / 1e3:,.1f}",
            )
        )
    columns = (
        "encoder",
        "resident, MB",
        "peak, MB",
        "of it the encoder, MB",
        "file, MB",
        "parameters, millions",
        "vectors of a product, kB",
    )
    caption = f"Each encoder in {len(run.memory[0].resident_bytes)} fresh processes, medians"
    yield Table(f"{caption}; {run.data.name}", columns, rows)


def _indexes(run: Run) -> Iterator[Block]:
    if not run.indexes:
        return
    yield Heading(3, "Finding the nearest vectors")
    yield Paragraph(
        "Ten nearest of each query by cosine, one query at a time; recall@10 is the share of the "
        "exact scan's ten."
    )
    if any(each.grown for each in run.indexes):
        yield Paragraph(
            "Vectors beyond the catalog's own number were grown from them: x + (y - z) / 2 of "
            "three at random, to unit length; real catalogs have tighter clusters. Each way has "
            "the best setting that a small search found, named beside it."
        )
    columns = (
        "engine",
        "way",
        "recall@10",
        "a query, ms: median / 95th",
        "build, s",
        "disk, MB",
        "memory, MB",
        "note",
    )
    groups: dict[tuple[int, float], list[IndexTimes]] = {}
    for each in run.indexes:
        groups.setdefault((each.vectors, each.share_kept), []).append(each)
    for (vectors, share), rows in sorted(groups.items()):
        made = ", grown" if rows[0].grown else ""
        kept = "no filter" if share == 1 else f"a filter keeps {share:.0%}"
        table = Table(
            f"{vectors:,} vectors of {rows[0].dimension:,} dimensions{made}, {kept}, "
            f"{rows[0].queries:,} queries; {run.data.name}",
            columns,
            [_index_row(each) for each in rows],
        )
        # A catalog's own search is measured without building anything.
        yield table if any(each.build_s for each in rows) else table.only((0, 1, 2, 3, 7))


def _index_row(times: IndexTimes) -> tuple[str, ...]:
    return (
        times.engine,
        times.way,
        f"{np.mean(times.recall_at_10):.3f}",
        " / ".join(f"{value:.2f}" for value in np.percentile(times.ask_ms, (50, 95))),
        f"{times.build_s:,.1f}",
        f"{times.disk_bytes / 1e6:,.0f}" if times.disk_bytes else "in memory",
        f"{times.memory_bytes / 1e6:,.0f}" if times.memory_bytes else _MISSING,
        times.note,
    )


def _end_to_end(run: Run) -> Iterator[Block]:
    if not run.end_to_end:
        return
    yield Heading(3, "Whole queries")
    rows = []
    for each in run.end_to_end:
        latency = latency_of(run, each.encoder)
        alone = f"{image_ms(latency):.2f}" if latency else _MISSING
        middle, late, last = np.percentile(each.ms, (50, 95, 99))
        rows.append(
            (
                each.encoder,
                each.door,
                f"{len(each.ms):,}",
                f"{middle:.2f}",
                f"{late:.2f}",
                f"{last:.2f}",
                alone,
            )
        )
    columns = (
        "encoder",
        "door",
        "queries",
        "median, ms",
        "95th, ms",
        "99th, ms",
        "to the vector alone, measured apart, ms",
    )
    yield Table(f"Photo in, hits out, one query at a time; {run.data.name}", columns, rows)
