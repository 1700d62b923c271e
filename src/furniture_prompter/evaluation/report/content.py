"""A run as the blocks of a report, in the order of the report that this project started from."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from furniture_prompter.evaluation.comparisons import (
    conclusion,
    image_ms,
    latency_of,
    photo_ms,
    ratio,
)
from furniture_prompter.evaluation.record import (
    ENCODE,
    PREPROCESS,
    READ_AND_DECODE,
    SEARCH,
    IndexTimes,
    Run,
)
from furniture_prompter.evaluation.report.figures import latency_stages, quality
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
        galleries: What is shown of single queries, if there are pictures to show.
    """
    return [
        Heading(1, f"Benchmark: {run.data.name}"),
        Warnings(run.flags),
        *_system(run),
        *_models(run),
        Heading(2, "3. Results"),
        *_latency(run),
        *quality(run),
        *galleries,
        *_memory(run),
        *_indexes(run),
        *_end_to_end(run),
        Heading(2, "4. Conclusion"),
        Paragraph("Computed from the figures above."),
        Sentences(conclusion(run) or ("Too little was measured to conclude anything.",)),
    ]


def _system(run: Run) -> Iterator[Block]:
    machine, data = run.machine, run.data
    yield Heading(2, "1. System and data")
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
    yield Heading(2, "2. Models compared")
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
    yield Heading(3, "3.1 Latency")
    if not run.latency:
        yield Paragraph("The suite leaves latency out.")
        return
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
    yield Heading(3, "3.3 Memory")
    if not run.memory:
        yield Paragraph("The suite leaves memory out.")
        return
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
    yield Heading(3, "3.4 Index")
    if not run.indexes:
        yield Paragraph("The suite leaves indexes out.")
        return
    yield Paragraph(
        "Ten nearest of each query by cosine, one query at a time; recall@10 is the share of the "
        "exact scan's ten. Vectors beyond the catalog's own number were grown from them: "
        "x + (y - z) / 2 of three at random, to unit length; real catalogs have tighter clusters. "
        "Each way has the best setting that a small search found, named beside it."
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
        yield Table(
            f"{vectors:,} vectors of {rows[0].dimension:,} dimensions{made}, {kept}, "
            f"{rows[0].queries:,} queries; {run.data.name}",
            columns,
            [
                (
                    each.engine,
                    each.way,
                    f"{np.mean(each.recall_at_10):.3f}",
                    " / ".join(f"{value:.2f}" for value in np.percentile(each.ask_ms, (50, 95))),
                    f"{each.build_s:,.1f}",
                    f"{each.disk_bytes / 1e6:,.0f}" if each.disk_bytes else "in memory",
                    f"{each.memory_bytes / 1e6:,.0f}" if each.memory_bytes else _MISSING,
                    each.note,
                )
                for each in rows
            ],
        )


def _end_to_end(run: Run) -> Iterator[Block]:
    yield Heading(3, "3.5 End to end")
    if not run.end_to_end:
        yield Paragraph("The suite leaves whole queries out.")
        return
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
        "of it to the vector, ms",
    )
    yield Table(f"Photo in, hits out, one query at a time; {run.data.name}", columns, rows)
