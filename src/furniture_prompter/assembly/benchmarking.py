"""Benchmarks for whoever has settings, a catalog and encoders' names."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from furniture_prompter import event_loop
from furniture_prompter.assembly.catalogs import Catalog
from furniture_prompter.assembly.encoders import load_encoder, load_prompt_encoder
from furniture_prompter.assembly.served_catalog import ServedCatalog, can_serve
from furniture_prompter.catalog.reader import CatalogReader
from furniture_prompter.domain import IndexProgress, SetAside
from furniture_prompter.domain.wording import as_id
from furniture_prompter.encoders.card import EncoderCard, identity_of
from furniture_prompter.encoders.decoding import PhotoLimits
from furniture_prompter.encoders.processors import threads_for_one_image
from furniture_prompter.encoders.registry import encoder_folder
from furniture_prompter.errors import BenchmarkError, install_line
from furniture_prompter.evaluation.collection import Collection, collect
from furniture_prompter.evaluation.comparisons import Allowance, Verdict, gate
from furniture_prompter.evaluation.filing import file_run, refuse_filed, save
from furniture_prompter.evaluation.latency import Rival, measure_nearest
from furniture_prompter.evaluation.machine import package
from furniture_prompter.evaluation.record import IndexTimes, Role, Run, run_as_json
from furniture_prompter.evaluation.relevance import (
    EvaluationQuery,
    JudgedResults,
    judge,
    match_relevance_judgments,
    measures_at,
    read_queries,
    read_relevance_judgments,
)
from furniture_prompter.evaluation.report import write_report
from furniture_prompter.evaluation.running import (
    Contender,
    IndexFindings,
    IndexTrials,
    OnProgress,
    Plan,
    Vectors,
    run_benchmark,
)
from furniture_prompter.evaluation.suite import STANDARD, read_suite
from furniture_prompter.settings import Settings

RESULTS = "results.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchmarkRequest:
    """What to compare on what.

    Attributes:
        catalog: The catalog's folder.
        encoders: Names or folders, in the order of the report; none: the catalog's own.
        teacher: The one that others are held against, by name or folder; None: the encoder among
            `encoders` whose space another of them was taught into, if there is one.
        suite: A suite's file.
        name: What the set of photos is called; "" takes the catalog folder's name.
        source: Where the photos come from, in words.
        licence: Of the photos, in words.
        restart: Whether what is kept of a run that stopped is measured anew.
        results: Folder in which each encoder's result is filed as well; None for none.
        allowances: What the last encoder may lose against the first; none: no gate.
        command: What was typed, for the report.
    """

    catalog: Path
    encoders: Sequence[str] = ()
    teacher: str | None = None
    suite: Path = STANDARD
    name: str = ""
    source: str = ""
    licence: str = ""
    restart: bool = False
    results: Path | None = None
    allowances: tuple[Allowance, ...] = ()
    command: str = ""


@dataclass(frozen=True, slots=True)
class BenchmarkSummary:
    """What a benchmark gave.

    Attributes:
        folder: The report's.
        run: What was measured.
        filed: Files of the encoders' results.
        verdict: The gate's; None without a gate.
    """

    folder: Path
    run: Run
    filed: tuple[Path, ...]
    verdict: Verdict | None


def benchmark(
    request: BenchmarkRequest,
    out: str | Path,
    *,
    settings: Settings | None = None,
    progress: Callable[[IndexProgress], None] | None = None,
    rivals: Callable[[int], Sequence[Rival]] | None = None,
    index_trials: IndexTrials | None = None,
) -> BenchmarkSummary:
    """Measure encoders on a catalog's photos and write the report.

    Args:
        request: What to compare on what.
        out: The report's folder: ``report.md``, ``report.html``, ``results.json``, pictures.
        settings: Settings; from the environment when left out.
        progress: Called often while it goes.
        rivals: From the threads of an encoder to what is timed beside the encoders; none if None.
        index_trials: How the nearest vectors are found; None measures the catalog's own search.

    Raises:
        BenchmarkError: it cannot be measured as asked, or not be written.
        CatalogError, EncoderError: see :mod:`furniture_prompter.errors`.
    """
    # Before an hour is measured: what the report takes as well.
    for name in ("cpuinfo", "ir_measures", "matplotlib", "psutil"):
        package(name)
    chosen, folder = settings or Settings(), Path(out)
    suite = read_suite(request.suite)
    reader = event_loop.run(CatalogReader.open(request.catalog))
    try:
        own, prompt_name = reader.manifest.encoder, reader.manifest.prompt_encoder.name
        collection = event_loop.run(
            collect(
                reader,
                request.name or request.catalog.absolute().name,
                source=request.source,
                licence=request.licence,
                limit=suite.data.photos,
            )
        )
    finally:
        reader.close()
    contenders, teacher = _contenders(request, own.name, chosen)
    if request.results is not None:
        named = [(each.key, each.encoder.card.weights_sha256) for each in contenders]
        refuse_filed(request.results, suite.name, named)
    in_space = [
        each for each in contenders if identity_of(each.encoder.card).space_id == own.space_id
    ]
    with ExitStack() as opened:
        interfaces = (
            _interfaces(request.catalog, in_space, chosen, opened)
            if suite.end_to_end.queries
            else {}
        )
        threads = chosen.threads or threads_for_one_image()
        plan = Plan(
            collection=collection,
            contenders=contenders,
            teacher=teacher,
            prompt_encoder=load_prompt_encoder(prompt_name, chosen.encoder_cache),
            suite=suite,
            limits=PhotoLimits.of(chosen),
            threads=threads,
            interfaces=interfaces,
            rivals=rivals(threads) if rivals and suite.latency.photos else (),
            index_trials=index_trials or _own_search(request.catalog, suite.index.queries),
            command=request.command,
            notes=_left_out(contenders, in_space, own.name) if interfaces else (),
        )
        run, used = run_benchmark(
            plan, folder, restart=request.restart, on_progress=progress or (lambda _: None)
        )
    keys = [each.key for each in contenders]
    # First: a gate that cannot be judged leaves the report before this one as it was.
    verdict = (
        gate(run, candidate=keys[-1], current=keys[0], allowances=request.allowances)
        if request.allowances
        else None
    )
    save(folder / RESULTS, run_as_json(run))
    write_report(run, folder, _pictures(used))
    filed = file_run(run, request.results) if request.results is not None else ()
    return BenchmarkSummary(folder, run, tuple(filed), verdict)


def _own_search(catalog: Path, queries: int) -> IndexTrials:
    """How the catalog finds the nearest of its own vectors, whatever encoders are compared."""

    async def measured() -> IndexTimes:
        reader = await CatalogReader.open(catalog)
        try:
            return await measure_nearest(reader, queries)
        finally:
            reader.close()

    def trials(_: Vectors, on_progress: OnProgress) -> IndexFindings:
        on_progress(IndexProgress("nearest vectors", 0, 1, "indexes"))
        return (event_loop.run(measured()),), ()

    return trials


def _contenders(
    request: BenchmarkRequest, own: str, settings: Settings
) -> tuple[list[Contender], str]:
    """Encoders with keys of their own, and the teacher's key."""
    names = list(request.encoders) or [own]
    if request.allowances and len(names) < 2:
        raise BenchmarkError(
            "A gate compares the last encoder with the first. Name two or more with --encoders."
        )
    if request.teacher is not None and request.teacher not in names:
        names.append(request.teacher)
    folders = [encoder_folder(name, settings.encoder_cache) for name in names]
    if len({folder.resolve() for folder in folders}) < len(folders):
        raise BenchmarkError("An encoder is named twice with --encoders. Name each once.")
    loaded = [
        load_encoder(name, settings.threads, settings.encoder_cache, settings.encoder_device)
        for name in names
    ]
    keys: list[str] = []
    for encoder in loaded:
        name = encoder.card.name
        taken = sum(key == name or key.startswith(f"{name} (") for key in keys)
        keys.append(f"{name} ({taken + 1})" if taken else name)
    if request.teacher is not None:
        teacher = keys[names.index(request.teacher)]
    else:
        place = teacher_of([each.card for each in loaded])
        teacher = "" if place is None else keys[place]
    contenders = []
    for key, folder, encoder in zip(keys, folders, loaded, strict=True):
        role: Role = "encoder"
        if key == teacher:
            role = "teacher"
        elif is_student(encoder.card):
            role = "student"
        contenders.append(Contender(key, folder, encoder, role))
    return contenders, teacher


def teacher_of(cards: Sequence[EncoderCard]) -> int | None:
    """Place of the first encoder whose own space another was trained into; None without one."""
    taught_into = {card.space.id for card in cards if is_student(card) and card.space is not None}
    for place, card in enumerate(cards):
        own_space = card.space is None or card.space.name == card.name
        if own_space and identity_of(card).space_id in taught_into:
            return place
    return None


def is_student(card: EncoderCard) -> bool:
    """Whether ``distill`` made the encoder: its card tells the first weights of a training."""
    return card.space is not None and card.space.name != card.name and "initial" in card.training


def _interfaces(
    catalog: Path, contenders: Sequence[Contender], settings: Settings, opened: ExitStack
) -> Mapping[tuple[str, str], Callable[[Path], object]]:
    """Whole photo queries as a program makes them, and as a web page does."""
    interfaces: dict[tuple[str, str], Callable[[Path], object]] = {}
    over_http = can_serve()
    for each in contenders:
        library = opened.enter_context(
            Catalog.open(catalog, settings=settings, encoder=str(each.folder))
        )

        def answer(photo: Path, library: Catalog = library) -> object:
            return library.search(photo=photo)

        interfaces[each.key, "library"] = answer
        if over_http:
            served = ServedCatalog(catalog, each.folder, settings.threads)
            opened.callback(served.close)
            interfaces[each.key, "HTTP"] = served
    return interfaces


def _left_out(
    contenders: Sequence[Contender], in_space: Sequence[Contender], own: str
) -> tuple[str, ...]:
    """Why some encoders have no whole queries, or none over HTTP."""
    sentences = []
    others = [each.key for each in contenders if each not in in_space]
    if others:
        sentences.append(
            f"The catalog was embedded by {own}, so whole queries were timed in its space alone; "
            f"{', '.join(others)} would each need a catalog of their own."
        )
    if not can_serve():
        sentences.append(f"Whole queries through HTTP were left out. {install_line('serve')}")
    return tuple(sentences)


def _pictures(collection: Collection) -> Callable[[int], Path]:
    return lambda place: collection.paths[place]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What judged queries found in a catalog.

    Attributes:
        judged: Values of every measure for every query.
        products: In the catalog: what each query chose from.
        limit: Hits that were judged of each query.
        set_aside: Lines of both files, and queries that the catalog refused; by file and line.
    """

    judged: JudgedResults
    products: int
    limit: int
    set_aside: tuple[SetAside, ...]


def evaluate(
    catalog: str | Path,
    queries: str | Path,
    relevance: str | Path,
    *,
    settings: Settings | None = None,
    encoder: str | None = None,
    text_tower: str | None = None,
    limit: int = 10,
    progress: Callable[[IndexProgress], None] | None = None,
) -> Evaluation:
    """Ask a shop's own queries and compare the hits with its own judgements.

    Args:
        catalog: The catalog's folder.
        queries: JSON lines; see docs/evaluate.md.
        relevance: TREC qrels.
        settings: Settings; from the environment when left out.
        encoder: Photo encoder for queries, as :meth:`Catalog.open` takes it.
        text_tower: As :meth:`Catalog.open` takes it.
        limit: Hits of each query that are judged.
        progress: Called often while it goes.

    Raises:
        BenchmarkError: a file cannot be read, `limit` is out of range, or no query can be asked
            and judged.
        CatalogError, EncoderError: see :mod:`furniture_prompter.errors`.
        FurniturePrompterError: ir-measures is not installed.
    """
    chosen = settings or Settings()
    if not 1 <= limit <= chosen.limit_hits:
        raise BenchmarkError(
            f"{limit} hits were to be judged of each query. Judge 1 to {chosen.limit_hits}."
        )
    queries_file, relevance_file = Path(queries), Path(relevance)
    asked, bad_queries = read_queries(queries_file)
    judgements, bad_judgements = read_relevance_judgments(relevance_file)
    known = event_loop.run(_product_ids(Path(catalog)))
    kept, gains, unmatched = match_relevance_judgments(
        asked, judgements, known, (queries_file, relevance_file)
    )
    tell = progress or (lambda _: None)
    set_aside = [*bad_queries, *bad_judgements, *unmatched]
    if not kept:
        first = f" The first line at fault: {set_aside[0]}" if set_aside else ""
        raise BenchmarkError(
            f"No query of {queries_file} has a judgement in {relevance_file} of a product in the "
            f"catalog.{first}"
        )
    with Catalog.open(catalog, settings=chosen, encoder=encoder, text_tower=text_tower) as opened:

        def search(query: EvaluationQuery, wanted: int) -> list[str]:
            result = opened.search(
                query.prompt,
                photo=query.photo,
                without=query.without,
                where=query.where,
                limit=wanted,
            )
            return [as_id(hit.product.id) for hit in result.hits]

        judged = judge(
            search,
            kept,
            gains,
            measures_at(limit),
            limit=limit,
            source=queries_file,
            on_query=lambda done: tell(IndexProgress("asking", done, len(kept), "queries")),
        )
    order = {queries_file: 0, relevance_file: 1}
    everything = sorted(
        (*set_aside, *judged.set_aside), key=lambda item: (order[item.source], item.line)
    )
    return Evaluation(judged, len(known), limit, tuple(everything))


async def _product_ids(catalog: Path) -> frozenset[str]:
    reader = await CatalogReader.open(catalog)
    try:
        rows = await reader.all_photos()
        products = await reader.products(np.unique(rows.numbers))
    finally:
        reader.close()
    return frozenset(as_id(product.id) for product in products.values())
