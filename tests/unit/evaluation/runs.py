"""Made-up runs for whatever reads one."""

from dataclasses import replace

import numpy as np

from furniture_prompter.evaluation.record import (
    AGREEMENT,
    ANOTHER_VIEW,
    ASYMMETRIC,
    DEGRADED,
    ENCODE,
    INDEX_CHECK,
    PREPROCESS,
    READ_AND_DECODE,
    SAME_CATEGORY,
    SEARCH,
    DataSet,
    EncoderFacts,
    EndToEnd,
    IndexTimes,
    Latency,
    Machine,
    Memory,
    Role,
    Run,
    Task,
    TaskResults,
)

PHOTOS = 60
QUERIES = 40
CATEGORIES = ("chair", "table", "bed")


def facts(key: str, role: Role = "encoder", *, searches: bool = True) -> EncoderFacts:
    return EncoderFacts(
        key=key,
        name=key,
        role=role,
        architecture="resnet18",
        precision="int8",
        runtime="onnx",
        side_px=224,
        dimension=512,
        parameters=11_200_000,
        multiply_adds=1_800_000_000,
        file_bytes=12_000_000,
        weights_sha256=f"{abs(hash(key)) % 10**12:012d}" + "a" * 52 if searches else "",
        licence="Apache-2.0",
        space="teacher",
        space_id="b" * 64,
        searches=searches,
        notes="" if searches else "random weights: timing only",
    )


def latency(encoder: str, ms: float, rounds: int = 3) -> Latency:
    seconds = tuple(10 * ms / 1_000 * (1 + 0.01 * number) for number in range(rounds))
    stages = {READ_AND_DECODE: 0.2, PREPROCESS: 0.1, ENCODE: 0.7, SEARCH: 0.05}
    return Latency(
        encoder=encoder,
        photos=10,
        warm_up=2,
        total_s=seconds,
        stages={name: (share * ms,) * 30 for name, share in stages.items()},
        batches={1: (ms,) * rounds, 4: (0.8 * ms,) * rounds},
    )


def answers(
    encoder: str,
    task: Task,
    values: dict[str, float],
    *,
    variant: str = "",
    seed: int = 0,
    spread: float = 0.1,
) -> TaskResults:
    draw = np.random.default_rng(seed)
    noise = draw.normal(0, spread, QUERIES)
    return TaskResults(
        encoder=encoder,
        task=task,
        variant=variant,
        queries=tuple(range(QUERIES)),
        candidates=PHOTOS - 1,
        values={
            name: tuple(np.clip(value + noise - noise.mean(), 0, 1).tolist())
            for name, value in values.items()
        },
        chance=dict.fromkeys(values, 0.05),
        top=tuple(tuple((query + step) % PHOTOS for step in range(5)) for query in range(QUERIES)),
    )


def asked(encoder: str, quality: float, seed: int) -> list[TaskResults]:
    views = {"Success@1": quality, "Success@5": quality + 0.1, "Success@10": quality + 0.2}
    return [
        answers(encoder, INDEX_CHECK, {"Success@1": 1.0, "Success@5": 1.0}, spread=0),
        answers(encoder, ANOTHER_VIEW, views | {"RR": quality}, seed=seed),
        answers(encoder, SAME_CATEGORY, {"AP": quality, "Success@1": quality}, seed=seed),
        answers(encoder, DEGRADED, {"Success@1": quality}, variant="blur", seed=seed),
        answers(encoder, DEGRADED, {"Success@1": quality}, variant="crop", seed=seed),
    ]


def a_run() -> Run:
    """A recipe, a teacher, a student a tenth worse and much faster, and one like the teacher."""
    machine = Machine(
        device="CPU",
        processor="A processor",
        instruction_sets=("avx2", "avx512_vnni"),
        cores=2,
        threads=2,
        memory_bytes=24_000_000_000,
        system="Linux 6",
        versions={"python": "3.11.7"},
        commit="c" * 40,
    )
    data = DataSet(
        name="made-up shop",
        products=PHOTOS // 2,
        photos=PHOTOS,
        categories=len(CATEGORIES),
        source="made up",
        licence="CC0-1.0",
        fingerprint="d" * 64,
        photo_names=tuple(f"p{place // 2}/{place % 2}" for place in range(PHOTOS)),
        photo_categories=tuple(CATEGORIES[place // 2 % 3] for place in range(PHOTOS)),
    )
    student = asked("student", 0.5, 2)
    student += [
        answers("student", AGREEMENT, {"overlap@10": 0.7, "Spearman": 0.8}, seed=4),
        answers("student", ASYMMETRIC, {"AP": 0.45}, variant=SAME_CATEGORY, seed=1),
    ]
    return Run(
        suite="made-up",
        suite_sha256="e" * 64,
        created="2026-01-01T00:00:00+00:00",
        command="furniture-prompter benchmark --catalog shop --out report",
        machine=machine,
        data=data,
        encoders=(
            facts("recipe", "reference recipe", searches=False),
            facts("teacher", "teacher"),
            facts("student", "student"),
            facts("twin"),
        ),
        teacher="teacher",
        latency=(
            latency("recipe", 60),
            latency("teacher", 20),
            latency("student", 5),
            latency("twin", 30),
        ),
        answers=(*asked("teacher", 0.6, 1), *student, *asked("twin", 0.6, 3)),
        memory=tuple(
            Memory(
                encoder=key,
                resident_bytes=(size, size, size),
                peak_bytes=(size, size, size),
                encoder_bytes=(size // 2,) * 3,
                index_bytes_a_product=2_048.0,
            )
            for key, size in (("teacher", 300_000_000), ("student", 100_000_000))
        ),
        indexes=tuple(
            IndexTimes(
                engine=engine,
                way=way,
                vectors=1_000,
                dimension=512,
                grown=False,
                share_kept=share,
                queries=4,
                recall_at_10=(1.0, 1.0, 0.9, 0.9),
                ask_ms=(1.0, 2.0, 3.0, 4.0),
                build_s=0.5,
                disk_bytes=0,
                memory_bytes=5_000_000,
            )
            for engine, way in (("furniture-prompter", "exact"), ("other 1.0", "graph"))
            for share in (1.0, 0.01)
        ),
        end_to_end=(EndToEnd(encoder="teacher", door="library", ms=(10.0, 11.0, 30.0)),),
        flags=("One thing to know.",),
        left_out=("One thing was missing.",),
    )


def with_values(run: Run, encoder: str, task: Task, measure: str, values: list[float]) -> Run:
    """The same run with one encoder's values in one task replaced."""
    changed = [
        replace(
            each,
            values={**each.values, measure: tuple(values)},
            queries=tuple(range(len(values))),
            top=(),
        )
        if (each.encoder, each.task, each.variant) == (encoder, task, "")
        else each
        for each in run.answers
    ]
    return replace(run, answers=tuple(changed))
