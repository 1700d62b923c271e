"""The loop on a tiny student: it learns, stops, resumes, and says what went wrong."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import load_file

from furniture_prompter.distillation import distilling
from furniture_prompter.distillation.augmentation import CLEAN, Batches, ViewMaker
from furniture_prompter.distillation.networks.student import Student
from furniture_prompter.distillation.optimisation import ValidationMetrics, Validator
from furniture_prompter.distillation.options import DistillationOptions
from furniture_prompter.distillation.photos import PhotoSet
from furniture_prompter.distillation.run_folder import Checkpoints, Progress
from furniture_prompter.distillation.training import (
    DataSplits,
    Training,
    encode_images,
    open_accelerator,
)
from furniture_prompter.distillation.training_data import ask_teacher, prepare_photos
from furniture_prompter.encoders.card import Preprocessing
from furniture_prompter.encoders.decoding import DEFAULT_LIMITS
from furniture_prompter.encoders.preprocessing import preprocess
from furniture_prompter.errors import DistillationError
from tests.fakes import ColourEncoder, colour_card
from tests.unit.distillation.tiny_student import SIDE_PX, options, photos

pytestmark = pytest.mark.usefixtures("tiny")


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> PhotoSet:
    return photos(tmp_path_factory.mktemp("photos"), 48)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


class Stop(Exception):  # noqa: N818  # not an error
    """A test has seen enough."""


class Run:
    """One training, with its records."""

    def __init__(self, found: PhotoSet, cache: Path, folder: Path, **changes: Any) -> None:
        chosen: DistillationOptions = options(**changes)
        spec = Preprocessing(side_px=SIDE_PX)
        prepared = prepare_photos(found, spec, 64, cache, DEFAULT_LIMITS, 1)
        some = prepared.found
        maker = ViewMaker(chosen.view_seed)
        vectors = ask_teacher(
            ColourEncoder(colour_card()),
            *(prepared, maker, "", chosen.views, cache, DEFAULT_LIMITS, 1),
        )
        held, train = np.arange(8), np.arange(8, len(some.photos))
        size = min(chosen.batch_size, len(train))
        batches = Batches(
            some.photos,
            *(
                train,
                prepared.squares,
                prepared.places,
                maker,
                chosen.seed,
                chosen.views,
                chosen.clean_share,
                size,
            ),
            side_px=SIDE_PX,
        )
        clean = vectors.clean()
        torch.manual_seed(chosen.seed)
        self.student = Student("tiny", 33)
        self.records: list[dict[str, Any]] = []
        self.stop_at = -1
        self.training = Training(
            self.student,
            DataSplits(
                batches,
                prepared.images,
                vectors,
                Validator(clean[held], clean, held),
                prepared.images(held),
            ),
            chosen,
            open_accelerator(chosen),
            Checkpoints(folder / "checkpoints"),
            self.records.append,
            {},
            self._on_step,
        )

    def _on_step(self, done: int, _planned: int) -> None:
        if done == self.stop_at:
            raise Stop

    def losses(self) -> list[tuple[int, float]]:
        return [(item["step"], item["loss"]) for item in self.records if "loss" in item]

    def run(self) -> Progress:
        return self.training.run()


def test_a_student_learns_its_teacher(found: PhotoSet, cache: Path, tmp_path: Path) -> None:
    run = Run(found, cache, tmp_path, epochs=16.0, learning_rate=5e-3, ema_decay=0.9)
    progress = run.run()
    judged = [item for item in run.records if "held_out_overlap" in item]
    assert judged[-1]["held_out_cosine"] > judged[0]["held_out_cosine"] + 0.3
    assert progress.best_overlap > judged[0]["held_out_overlap"] + 0.1
    losses = [loss for _, loss in run.losses()]
    assert np.mean(losses[-5:]) < 0.6 * losses[0]
    assert progress.step == 80


@pytest.mark.parametrize("views", [0, 2])
def test_a_resumed_training_is_the_uninterrupted_one(
    found: PhotoSet, cache: Path, tmp_path: Path, views: int
) -> None:
    given = {"views": views, "loss_rank": 0.1, "loss_relational": 0.2, "evaluations": 4}
    whole = Run(found, cache, tmp_path / "whole", **given)
    whole.run()
    cut = Run(found, cache, tmp_path / "cut", **given)
    cut.stop_at = 8
    with pytest.raises(Stop):
        cut.run()
    again = Run(found, cache, tmp_path / "cut", resume=True, **given)
    progress = again.run()
    # Judged, and kept, after every third step: steps 7 and 8 are taken again.
    assert again.losses()[0][0] == 7
    assert again.losses() == whole.losses()[6:]
    final, expected = again.student.state_dict(), whole.student.state_dict()
    assert all(torch.equal(final[name], expected[name]) for name in expected)
    assert [item["step"] for item in progress.records if "loss" in item] == list(range(1, 11))


def test_the_same_seed_trains_the_same_student(
    found: PhotoSet, cache: Path, tmp_path: Path
) -> None:
    runs = [Run(found, cache, tmp_path / str(n), seed=n // 2) for n in range(3)]
    for run in runs:
        run.run()
    assert runs[0].losses() == runs[1].losses()
    assert runs[0].losses() != runs[2].losses()


def test_it_stops_when_retrieval_gets_no_better(
    found: PhotoSet, cache: Path, tmp_path: Path
) -> None:
    # A rate of next to nothing changes no ranking.
    quiet = {"learning_rate": 1e-12, "batch_norm": "frozen", "evaluations": 20, "patience": 3}
    run = Run(found, cache, tmp_path, epochs=20.0, **quiet)
    progress = run.run()
    assert progress.steps == 100
    assert progress.step == 15
    assert progress.best_step == 0


class ScriptedJudge:
    """Gives judgements as written, and keeps the vectors that it was shown."""

    def __init__(self, *overlaps: float) -> None:
        self._left = iter(overlaps)
        self.shown: list[NDArray[np.float32]] = []

    def asymmetric(self, rows: NDArray[np.float32]) -> ValidationMetrics:
        self.shown.append(rows.copy())
        return ValidationMetrics(next(self._left), 0.5, 0.0, 0.0)


def test_a_student_ends_with_the_running_mean_that_was_judged_best(
    found: PhotoSet, cache: Path, tmp_path: Path
) -> None:
    run = Run(found, cache, tmp_path, evaluations=4, learning_rate=5e-3, ema_decay=0.9)
    # Judged before the first step and after steps 3, 6, 9 and 10, the last.
    validator: Any = ScriptedJudge(0.1, 0.2, 0.3, 0.9, 0.4)
    run.training.splits = replace(run.training.splits, validator=validator)
    progress = run.run()
    assert (progress.step, progress.best_step) == (10, 9)
    final = run.student.state_dict()
    kept = run.training.checkpoints.folder
    best = load_file(kept / "step-00000009" / "mean.safetensors")
    assert all(torch.equal(final[name], best[name]) for name in best)
    # Neither the last running mean, nor the weights that it is a mean of.
    for other in ("step-00000010/mean", "step-00000009/student", "step-00000010/student"):
        weights = load_file(kept / f"{other}.safetensors")
        assert not torch.equal(final["head.weight"], weights["head.weight"]), other
    # And what was judged is what was kept.
    run.student.eval()
    with torch.inference_mode():
        rows = run.student(torch.from_numpy(run.training.splits.held)).numpy()
    np.testing.assert_allclose(validator.shown[3], rows, atol=1e-5)
    assert not np.allclose(validator.shown[4], rows, atol=1e-4)


def test_minutes_decide_the_number_of_steps(found: PhotoSet, cache: Path, tmp_path: Path) -> None:
    run = Run(found, cache, tmp_path, minutes=0.01, patience=0)
    progress = run.run()
    assert progress.step == progress.steps > 3
    assert progress.trained_s < 3
    # The plan went by a real time of a step.
    assert 1e-4 < run.training.step_s < 0.6


def test_measuring_a_step_changes_nothing(found: PhotoSet, cache: Path, tmp_path: Path) -> None:
    run = Run(found, cache, tmp_path)
    before = {name: value.clone() for name, value in run.student.state_dict().items()}
    run.training._measured_step_s(run.student)
    assert all(torch.equal(value, before[name]) for name, value in run.student.state_dict().items())


def test_frozen_statistics_stay_and_others_follow(
    found: PhotoSet, cache: Path, tmp_path: Path
) -> None:
    name = "backbone.first.1.running_mean"
    for batch_norm, stays in (("frozen", True), ("trained", False)):
        run = Run(found, cache, tmp_path / batch_norm, batch_norm=batch_norm)
        before = run.student.state_dict()[name].clone()
        run.run()
        latest = run.training.checkpoints.latest()
        assert latest is not None
        last = load_file(latest / "student.safetensors")[name]
        assert torch.equal(last, before) == stays


def test_a_loss_that_is_not_finite_stops_it_and_the_last_checkpoint_stands(
    found: PhotoSet, cache: Path, tmp_path: Path
) -> None:
    run = Run(found, cache, tmp_path, evaluations=5)

    def spoil(done: int, _planned: int) -> None:
        if done == 5:
            with torch.no_grad():
                run.student.head.weight.fill_(float("nan"))

    run.training.on_step = spoil
    with pytest.raises(DistillationError, match=r"not finite.*step 6.*--resume"):
        run.run()
    latest = run.training.checkpoints.latest()
    assert latest is not None
    assert latest.name == "step-00000004"
    again = Run(found, cache, tmp_path, resume=True)
    assert again.run().step == 10


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate"),
        MemoryError(),
    ],
)
def test_too_little_memory_says_which_batch_size_to_halve(
    found: PhotoSet, cache: Path, tmp_path: Path, error: Exception
) -> None:
    run = Run(found, cache, tmp_path)

    def too_much(*_: object) -> None:
        raise error

    run.student.head.register_forward_hook(too_much)
    with pytest.raises(DistillationError, match=r"8 photos a step.*--batch-size 4"):
        run.run()


def test_other_errors_of_torch_pass_through(found: PhotoSet, cache: Path, tmp_path: Path) -> None:
    run = Run(found, cache, tmp_path)

    def wrong(*_: object) -> None:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    run.student.head.register_forward_hook(wrong)
    with pytest.raises(RuntimeError, match="mat1"):
        run.run()


def test_biases_and_norms_are_not_punished(found: PhotoSet, cache: Path, tmp_path: Path) -> None:
    run = Run(found, cache, tmp_path, weight_decay=0.1, backbone_rate=0.25)
    for group in run.training._groups():
        for parameter in group["params"]:
            assert (group["weight_decay"] > 0) == (parameter.ndim > 1)
    shares = {
        id(parameter): group["share"]
        for group in run.training._groups()
        for parameter in group["params"]
    }
    assert shares[id(run.student.head.bias)] == 1
    assert {shares[id(item)] for item in run.student.backbone.parameters()} == {0.25}
    assert len(shares) == len(list(run.student.parameters()))


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"device": "cuda:7"}, "no device"), ({"precision": "fp16"}, "needs a CUDA device")],
)
def test_a_device_that_is_not_there_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(DistillationError, match=words):
        open_accelerator(options(**changes))


def test_bf16_trains_too(found: PhotoSet, cache: Path, tmp_path: Path) -> None:
    run = Run(found, cache, tmp_path, precision="bf16")
    run.run()
    exact = Run(found, cache, tmp_path / "exact")
    exact.run()
    low, high = [dict(item.losses())[10] for item in (run, exact)]
    assert low == pytest.approx(high, abs=0.05)
    assert low != high
    # What is exported computes in float32 again.
    image = torch.zeros(1, SIDE_PX, SIDE_PX, 3, dtype=torch.uint8)
    seen: list[torch.dtype] = []
    run.student.backbone.get_submodule("second").register_forward_hook(
        lambda *given: seen.append(given[-1].dtype)
    )
    run.student(image)
    assert seen == [torch.float32]


def test_a_heads_features_are_float32_whatever_precision_the_training_has(
    found: PhotoSet, cache: Path, tmp_path: Path
) -> None:
    run = Run(found, cache, tmp_path, precision="bf16")
    batches, accelerator = run.training.splits.batches, run.training.accelerator
    seen: list[torch.dtype] = []
    run.student.backbone.get_submodule("second.0").register_forward_hook(
        lambda *given: seen.append(given[-1].dtype)
    )
    for features in (True, False):
        encode_images(
            run.student,
            lambda photos: batches.views_of(photos, CLEAN),
            np.arange(8),
            accelerator,
            batch_size=8,
            features=features,
        )
    assert seen == [torch.float32, torch.bfloat16]


def test_a_head_is_fitted_to_photos_as_indexing_shows_them_and_to_their_mirror_images(
    found: PhotoSet, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(found, cache, tmp_path)
    splits, spec = run.training.splits, Preprocessing(side_px=SIDE_PX)
    given: list[NDArray[np.float32]] = []
    monkeypatch.setattr(distilling, "fit_head", lambda *each: given.extend(each[1:4]))
    distilling.fit_on_views(run.student, splits, run.training.accelerator)
    read, wanted, held = given

    def features(places: NDArray[np.intp], step: int) -> NDArray[np.float32]:
        files = [splits.batches.photos[place].path for place in places]
        images = [np.array(Image.open(file).convert("RGB")) for file in files]
        squares = np.stack([preprocess(image, spec)[:, ::step] for image in images])
        with torch.inference_mode():
            rows: NDArray[np.float32] = run.student.features(torch.from_numpy(squares)).numpy()
        return rows

    train = np.sort(splits.batches.train)
    expected = np.concatenate([features(train, 1), features(train, -1)])
    np.testing.assert_allclose(read, expected, atol=1e-4)
    assert not np.allclose(features(train, 1), features(train, -1), atol=1e-3)
    np.testing.assert_allclose(held, features(np.arange(8), 1), atol=1e-4)
    clean = splits.vectors.clean()[train]
    np.testing.assert_allclose(wanted, np.concatenate([clean, clean]), atol=1e-6)
