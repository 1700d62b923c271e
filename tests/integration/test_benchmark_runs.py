"""A whole benchmark on a small catalog: what it measures, keeps and refuses."""

import asyncio
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from furniture_prompter.assembly import benchmarking
from furniture_prompter.assembly.benchmarking import BenchmarkRequest, benchmark
from furniture_prompter.catalog.reader import CatalogReader
from furniture_prompter.domain import IndexProgress
from furniture_prompter.encoders.card import EncoderCard, identity_of
from furniture_prompter.encoders.decoding import PhotoLimits
from furniture_prompter.encoders.registry import encoder_folder, load_encoder
from furniture_prompter.errors import BenchmarkError
from furniture_prompter.evaluation import running
from furniture_prompter.evaluation.collection import Collection, collect
from furniture_prompter.evaluation.record import (
    ANOTHER_VIEW,
    INDEX_CHECK,
    SAME_CATEGORY,
    IndexTimes,
    Run,
    read_run,
    run_as_json,
)
from furniture_prompter.evaluation.running import Contender, Plan, run_benchmark
from furniture_prompter.evaluation.suite import (
    EndToEndSettings,
    IndexSettings,
    LatencySettings,
    MemorySettings,
    QualitySettings,
    Suite,
)
from tests.fakes import ColourGridEncoder, make_rows
from tests.integration.conftest import Shop

SUITE = Suite(
    name="small",
    quality=QualitySettings(queries=20, degradations=("crop",)),
    latency=LatencySettings(photos=3, rounds=3, warm_up=1, batches=(1, 2)),
    memory=MemorySettings(photos=0),
    index=IndexSettings(queries=0),
    end_to_end=EndToEndSettings(queries=3),
)


class Teacher(ColourGridEncoder):
    """The same under another name: a student's teacher."""


@pytest.fixture
def collection(shop: Shop, tmp_path: Path) -> Collection:
    shop.index(make_rows(tmp_path / "feed", 48))

    async def collected() -> Collection:
        reader = await CatalogReader.open(shop.folder)
        try:
            return await collect(reader, "shop")
        finally:
            reader.close()

    return asyncio.run(collected())


def plan_of(collection: Collection, shop: Shop, **changes: object) -> Plan:
    folder = encoder_folder("default")
    fields: dict[str, object] = {
        "collection": collection,
        "contenders": [Contender("default", folder, load_encoder(folder))],
        "teacher": "",
        "prompt_encoder": shop.prompt_encoder,
        "suite": SUITE,
        "limits": PhotoLimits(),
        "threads": 1,
        "interfaces": {("default", "library"): lambda photo: photo},
        **changes,
    }
    return Plan(**fields)  # type: ignore[arg-type]  # fields of the plan, by name


def ran(plan: Plan, out: Path, *, restart: bool = False) -> tuple[Run, list[str]]:
    steps: list[str] = []

    def tell(progress: IndexProgress) -> None:
        steps.append(progress.step)

    run, _ = run_benchmark(plan, out, restart=restart, on_progress=tell)
    return run, steps


def test_every_section_of_the_suite_is_measured_and_reads_back_as_written(
    collection: Collection, shop: Shop, tmp_path: Path
) -> None:
    suite = replace(SUITE, index=IndexSettings(queries=4))
    found = IndexTimes(
        engine="furniture-prompter",
        way="exact",
        vectors=48,
        dimension=8,
        grown=False,
        share_kept=1.0,
        queries=4,
        recall_at_10=(1.0,) * 4,
        ask_ms=(0.1,) * 4,
        build_s=0.0,
        disk_bytes=0,
        memory_bytes=0,
    )
    plan = plan_of(collection, shop, suite=suite, index_trials=lambda *_: ((found,), ("told",)))
    run, _ = ran(plan, tmp_path / "report")
    assert [each.role for each in run.encoders] == ["encoder"]
    assert {each.encoder for each in run.latency} == {each.key for each in run.encoders}
    check = run.task_results("default", INDEX_CHECK)
    assert check is not None
    assert set(check.values["Success@1"]) == {1.0}
    assert run.task_results("default", SAME_CATEGORY) is not None
    assert run.task_results("default", ANOTHER_VIEW) is None
    assert any("no product has two photos" in flag for flag in run.left_out)
    assert run.memory == ()
    assert len(run.end_to_end[0].ms) == 3
    assert (run.indexes, run.left_out[-1]) == ((found,), "told")
    path = tmp_path / "results.json"
    path.write_bytes(run_as_json(run))
    assert read_run(path) == run


def test_a_run_that_was_stopped_goes_on_and_gives_the_same(
    collection: Collection, shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_of(collection, shop)

    def stopped(*_: object, **__: object) -> object:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(running, "measure_latency", stopped)
        with pytest.raises(KeyboardInterrupt):
            ran(plan, tmp_path / "report")
    first, steps = ran(plan, tmp_path / "report")
    assert not any("encoding" in step or SAME_CATEGORY in step for step in steps)
    again, steps = ran(plan, tmp_path / "report")
    assert "latency" not in steps
    assert (again.latency, again.answers, again.indexes) == (
        first.latency,
        first.answers,
        first.indexes,
    )


def test_what_another_suite_measured_is_refused(
    collection: Collection, shop: Shop, tmp_path: Path
) -> None:
    ran(plan_of(collection, shop), tmp_path / "report")
    other = Suite(name="other", latency=LatencySettings(photos=0))
    with pytest.raises(BenchmarkError, match="its suite differs"):
        ran(plan_of(collection, shop, suite=other), tmp_path / "report")


def test_photos_that_are_gone_are_left_out_and_said_so(
    collection: Collection, shop: Shop, tmp_path: Path
) -> None:
    collection.paths[4].unlink()
    collection.paths[9].write_bytes(b"damaged")
    run, _ = ran(plan_of(collection, shop), tmp_path / "report")
    assert run.data.photos == 46
    (sentence,) = (flag for flag in run.flags if "left out" in flag and "photos are gone" in flag)
    assert sentence.startswith("2 of the catalog's 48 photos")
    assert collection.data.photo_names[4] in sentence


def test_a_student_is_held_against_its_teacher_in_the_teachers_space(
    collection: Collection, shop: Shop, tmp_path: Path
) -> None:
    folder = encoder_folder("default")
    contenders = [
        Contender("teacher", folder, ColourGridEncoder(), "teacher"),
        Contender("student", folder, Teacher(), "student"),
        Contender("stranger", folder, load_encoder(folder)),
    ]
    plain = Suite(
        name="plain",
        quality=QualitySettings(queries=10, degradations=()),
        latency=LatencySettings(photos=0),
        memory=MemorySettings(photos=0),
        index=IndexSettings(queries=0),
        end_to_end=EndToEndSettings(queries=0),
    )
    plan = plan_of(
        collection, shop, contenders=contenders, teacher="teacher", suite=plain, interfaces={}
    )
    run, _ = ran(plan, tmp_path / "report")
    assert identity_of(contenders[0].encoder.card).space_id == run.facts("student").space_id
    told = {(each.encoder, each.task) for each in run.answers}
    assert ("student", "agreement with the teacher") in told
    assert ("student", "teacher's catalog, student's query") in told
    assert ("stranger", "agreement with the teacher") in told
    assert ("stranger", "teacher's catalog, student's query") not in told
    agreement = run.task_results("student", "agreement with the teacher")
    assert agreement is not None
    assert np.mean(agreement.values["overlap@10"]) == 1


def test_what_is_filed_is_refused_before_anything_is_measured(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def measured(*_: object, **__: object) -> object:
        raise AssertionError("it was measured")

    shop.index(make_rows(tmp_path / "feed", 24))
    monkeypatch.setattr(benchmarking, "run_benchmark", measured)
    monkeypatch.setattr(benchmarking, "load_prompt_encoder", lambda *_: None)
    card = EncoderCard.load(encoder_folder("default"))
    filed = tmp_path / "results" / "standard" / f"{card.name}-{card.weights_sha256[:12]}.json"
    request = BenchmarkRequest(
        catalog=shop.folder, encoders=["default"], results=tmp_path / "results"
    )
    with pytest.raises(AssertionError, match="it was measured"):
        benchmark(request, tmp_path / "report")
    filed.parent.mkdir(parents=True)
    filed.write_text("{}", encoding="utf-8")
    with pytest.raises(BenchmarkError, match="never changed"):
        benchmark(request, tmp_path / "report")
