"""How long encoders take, all in turns: stage by stage, and batch by batch.

In every round each contender has one turn: all photos from file to vector, then images encoded in
batches alone. Another contender begins each round, so that none always follows the same one.
"""

import importlib.util
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from furniture_prompter.domain import IndexProgress
from furniture_prompter.encoders.decoding import PhotoLimits
from furniture_prompter.encoders.processors import available_cpus
from furniture_prompter.encoders.protocols import Encoder
from furniture_prompter.errors import BenchmarkError
from furniture_prompter.evaluation.encoder_facts import facts_of_recipe
from furniture_prompter.evaluation.energy import EnergyMeter
from furniture_prompter.evaluation.latency_turns import EncoderTurns, RecipeTurns, Search, Turns
from furniture_prompter.evaluation.record import EncoderFacts, Latency
from furniture_prompter.evaluation.suite import LatencySettings

if TYPE_CHECKING:
    from furniture_prompter.distillation.reference_recipe import ReferenceRecipe

OnProgress = Callable[[IndexProgress], None]

_STEP: Final = "latency"
_RECIPE_NEEDS: Final = ("torch", "onnx")


def measure_latency(
    contenders: Sequence[tuple[str, Encoder]],
    paths: Sequence[Path],
    settings: LatencySettings,
    limits: PhotoLimits,
    *,
    search: Mapping[str, Search],
    on_progress: OnProgress,
    threads: int | None = None,
    recipes: "Sequence[ReferenceRecipe] | None" = None,
    meter: EnergyMeter | None = None,
) -> tuple[tuple[EncoderFacts, ...], tuple[Latency, ...]]:
    """Time encoders, and the reference recipe where PyTorch is installed.

    "Preprocess" of an encoder fits the decoded image into its square. Encoding then resizes nothing
    more, but its time is the encoder's whole call, copies of the square included. The recipe's
    photos are resized while they are read; its preprocessing normalises and stacks. What it does
    for a batch is divided by the batch's photos.

    Args:
        contenders: Keys and encoders.
        paths: Photos of a round; more than the settings say are left out.
        settings: Rounds, warm-up and batches.
        limits: Of photos.
        search: Key → finds hits for one vector of shape (d,); encoders without one have no such
            stage. It is timed after each photo and is in no total.
        on_progress: Told after each turn.
        threads: Of the recipe; None takes the processors this process may use.
        recipes: None for both where PyTorch is installed, else none.
        meter: None for the machine's own, if it has one.

    Returns:
        The recipe's rows of "models compared"; and the times, the recipe's first.

    Raises:
        BenchmarkError: no photos, or nobody to time.
        InvalidPhotoError: a photo cannot be used.
        EncoderError: an encoder cannot be run.
    """
    photos = tuple(paths)[: settings.photos]
    if recipes is None:
        recipes = _installed_recipes(threads or available_cpus())
    turns: list[Turns] = [RecipeTurns(each) for each in recipes]
    turns += [EncoderTurns(key, encoder, limits, search.get(key)) for key, encoder in contenders]
    if not photos or not turns:
        raise BenchmarkError(
            "Timing needs a photo and an encoder. Name a catalog with photos, or set "
            "latency.photos = 0 in the suite."
        )
    meter = meter or EnergyMeter.open()
    total = len(turns) * (1 + settings.rounds)
    for number, each in enumerate(turns):
        on_progress(IndexProgress(_STEP, number, total, "turns"))
        each.warm_up(photos, settings)
    for round_number in range(settings.rounds):
        first = round_number % len(turns)
        for place, each in enumerate(turns[first:] + turns[:first]):
            done = len(turns) * (1 + round_number) + place
            on_progress(IndexProgress(_STEP, done, total, "turns"))
            each.turn(photos, settings, meter)
    on_progress(IndexProgress(_STEP, total, total, "turns"))
    facts = tuple(facts_of_recipe(each) for each in recipes)
    return facts, tuple(each.result() for each in turns)


def recipe_left_out() -> tuple[str, ...]:
    """A sentence where the reference recipe's rows must be missing; else none."""
    missing = [name for name in _RECIPE_NEEDS if importlib.util.find_spec(name) is None]
    if not missing:
        return ()
    sentence = (
        f"The reference recipe was left out, for {' and '.join(missing)} cannot be imported; "
        "ratios are against the first encoder. Run: pip install 'furniture-prompter[train]'"
    )
    return (sentence,)


def _installed_recipes(threads: int) -> "tuple[ReferenceRecipe, ...]":
    if recipe_left_out():
        return ()
    from furniture_prompter.distillation.reference_recipe import reference_recipes

    return reference_recipes(threads)
