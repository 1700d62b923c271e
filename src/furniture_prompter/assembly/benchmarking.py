"""Benchmarks for whoever has settings, a catalog and encoders' names."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from furniture_prompter import event_loop
from furniture_prompter.assembly.catalogs import Catalog
from furniture_prompter.assembly.encoders import load_encoder, load_prompt_encoder
from furniture_prompter.assembly.served_catalog import ServedCatalog, can_serve
from furniture_prompter.catalog.reader import CatalogReader
from furniture_prompter.domain import IndexProgress
from furniture_prompter.encoders.card import EncoderCard
from furniture_prompter.encoders.decoding import PhotoLimits
from furniture_prompter.encoders.identity import identity_of
from furniture_prompter.encoders.processors import threads_for_one_image
from furniture_prompter.encoders.registry import encoder_folder
from furniture_prompter.errors import BenchmarkError
from furniture_prompter.evaluation.collection import Collection, collect
from furniture_prompter.evaluation.filing import file_run, refuse_filed
from furniture_prompter.evaluation.gate import Allowance, Verdict, gate
from furniture_prompter.evaluation.kept_parts import save
from furniture_prompter.evaluation.record import Role, Run, run_as_json
from furniture_prompter.evaluation.report import write_report
from furniture_prompter.evaluation.running import Contender, Plan, run_benchmark
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
) -> BenchmarkSummary:
    """Measure encoders on a catalog's photos and write the report.

    Args:
        request: What to compare on what.
        out: The report's folder: ``report.md``, ``report.html``, ``results.json``, pictures.
        settings: Settings; from the environment when left out.
        progress: Called often while it goes.

    Raises:
        BenchmarkError: it cannot be measured as asked, or not be written.
        CatalogError, EncoderError: see :mod:`furniture_prompter.errors`.
    """
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
        doors = (
            _doors(request.catalog, in_space, chosen, opened) if suite.end_to_end.queries else {}
        )
        plan = Plan(
            collection=collection,
            contenders=contenders,
            teacher=teacher,
            prompt_encoder=load_prompt_encoder(prompt_name, chosen.encoder_cache),
            suite=suite,
            limits=PhotoLimits.of(chosen),
            threads=chosen.threads or threads_for_one_image(),
            doors=doors,
            command=request.command,
            notes=_left_out(contenders, in_space, own.name) if doors else (),
        )
        run, used = run_benchmark(
            plan, folder, restart=request.restart, on_progress=progress or (lambda _: None)
        )
    save(folder / RESULTS, run_as_json(run))
    write_report(run, folder, _pictures(used))
    filed = file_run(run, request.results) if request.results is not None else ()
    keys = [each.key for each in contenders]
    verdict = (
        gate(run, candidate=keys[-1], current=keys[0], allowances=request.allowances)
        if request.allowances
        else None
    )
    return BenchmarkSummary(folder, run, tuple(filed), verdict)


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


def _doors(
    catalog: Path, contenders: Sequence[Contender], settings: Settings, opened: ExitStack
) -> Mapping[tuple[str, str], Callable[[Path], object]]:
    """Whole photo queries as a program makes them, and as a web page does."""
    doors: dict[tuple[str, str], Callable[[Path], object]] = {}
    over_http = can_serve()
    for each in contenders:
        library = opened.enter_context(
            Catalog.open(catalog, settings=settings, encoder=str(each.folder))
        )

        def answer(photo: Path, library: Catalog = library) -> object:
            return library.search(photo=photo)

        doors[each.key, "library"] = answer
        if over_http:
            served = ServedCatalog(catalog, each.folder, settings.threads)
            opened.callback(served.close)
            doors[each.key, "HTTP"] = served
    return doors


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
        sentences.append(
            "Whole queries through HTTP were left out: pip install 'furniture-prompter[serve]'."
        )
    return tuple(sentences)


def _pictures(collection: Collection) -> Callable[[int], Path]:
    return lambda place: collection.paths[place]
