"""From the libraries to the list of products to render: selection.toml read and applied."""

from __future__ import annotations

import hashlib
import io
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from PIL import Image

from tools.catalog_builder.colours import srgb_to_lab
from tools.catalog_builder.finishes import FINISHES, Finish, dressed_materials
from tools.catalog_builder.libraries import SourceModel, read_all
from tools.catalog_builder.meshes import Part, load_parts
from tools.catalog_builder.product import Order

TABLE = Path(__file__).with_name("selection.toml")


class UnclassifiedModelError(LookupError):
    """No table says what becomes of a model."""


@dataclass(frozen=True)
class Selected:
    """A model that becomes a product of this category."""

    category: str
    category_tr: str


@dataclass(frozen=True)
class LeftOut:
    """A model that becomes no product, and why."""

    reason: str


class Selection:
    """The tables of selection.toml; keys are compared in lower case.

    ``category_names_tr`` gives every category's Turkish name.

    Raises:
        ValueError: a name stands in two tables, or a category has no Turkish name.
    """

    def __init__(self, path: Path = TABLE) -> None:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        self.category_names_tr: dict[str, str] = table["category_names_tr"]
        self._included = _inverted(table["include"], path)
        self._excluded = _inverted(table["exclude"], path)
        self._excluded_categories: dict[str, str] = table["exclude_source_categories"]
        self._excluded_tags: dict[str, str] = table["exclude_tags"]
        self._models: dict[str, str] = table["models"]
        self._models_left_out: dict[str, str] = table["models_left_out"]
        self._corrections: dict[str, str] = table["title_corrections"]
        self._corrections_tr: dict[str, str] = table["title_corrections_tr"]
        both = self._included.keys() & self._excluded.keys()
        if both:
            raise ValueError(f"{path}: both included and excluded: {sorted(both)}")
        unnamed = {*self._included.values(), *self._models.values()} - self.category_names_tr.keys()
        if unnamed:
            raise ValueError(f"{path}: no Turkish name for {sorted(unnamed)}")

    def decide(self, model: SourceModel) -> Selected | LeftOut:
        """What becomes of a model.

        Asked in turn are its id, its name within its category, its name, its source category and
        its tags; the first table that knows it decides.

        Raises:
            UnclassifiedModelError: no table knows it; add it to selection.toml.
        """
        name, source_category = model.name.lower(), model.category.lower()
        if model.model_id in self._models_left_out:
            return LeftOut(self._models_left_out[model.model_id])
        if model.model_id in self._models:
            return self._selected(self._models[model.model_id])
        for key in (f"{name}@{source_category}", name):
            if key in self._included:
                return self._selected(self._included[key])
            if key in self._excluded:
                return LeftOut(self._excluded[key])
        if source_category in self._excluded_categories:
            return LeftOut(self._excluded_categories[source_category])
        for tag in model.tags:
            if tag.lower() in self._excluded_tags:
                return LeftOut(self._excluded_tags[tag.lower()])
        raise UnclassifiedModelError(
            f"{model.model_id} ({model.name!r}, {model.category!r}) is in no table of "
            f"{TABLE.name}: add it under [include] or [exclude]"
        )

    def title(self, model: SourceModel) -> str:
        """The English name, with the source's slips corrected."""
        return _corrected(self._corrections, model) or model.name

    def title_tr(self, model: SourceModel) -> str:
        """The Turkish name; the category's Turkish name where the source has none."""
        corrected = _corrected(self._corrections_tr, model)
        if corrected is not None:
            return corrected
        if model.name_tr is not None:
            return model.name_tr
        decision = self.decide(model)
        category_tr = decision.category_tr if isinstance(decision, Selected) else model.name
        return category_tr[:1].replace("i", "İ").upper() + category_tr[1:]

    def _selected(self, category: str) -> Selected:
        return Selected(category, self.category_names_tr[category])


def _corrected(corrections: dict[str, str], model: SourceModel) -> str | None:
    return corrections.get(model.model_id.lower()) or corrections.get(model.name.lower())


def _inverted(groups: dict[str, list[str]], path: Path) -> dict[str, str]:
    inverted: dict[str, str] = {}
    for group, names in groups.items():
        for name in names:
            if name in inverted:
                raise ValueError(f"{path}: {name!r} is both {inverted[name]!r} and {group!r}")
            inverted[name] = group
    return inverted


# A finish closer than this (CIE76) to what the product wears already is no variant of it.
LEAST_DIFFERENCE = 18.0


@dataclass(frozen=True)
class Plan:
    """How large a set is: views and variants of each product, size and quality of its pictures.

    ``variant_share`` of the models that can change their finish get ``variants_each`` variants.
    """

    view_count: int
    variant_view_count: int
    variant_share: float
    variants_each: int
    longest_side_pixels: int
    jpeg_quality: int
    supersampling: float


BUNDLED = Plan(2, 2, 0.3, 1, 352, 80, 1.75)
# Drawn only a little larger than kept: encoders see these pictures at half their size or less.
FULL = Plan(10, 6, 1.0, 2, 512, 88, 1.25)


def orders(
    plan: Plan,
    source: Path,
    selection: Selection,
    progress: Callable[[list[Order]], Iterator[Order]] = iter,
) -> list[Order]:
    """The products of a plan in the order of their ids; the same every time.

    Models that cannot be read get no variants here; rendering them as they come then says why.

    Raises:
        UnclassifiedModelError: a model that selection.toml does not know.
        ValueError: two models make the same id.
    """
    bases = []
    for model in read_all(source):
        decision = selection.decide(model)
        if isinstance(decision, Selected):
            bases.append(_order(plan, model, decision, selection))
    everything = list(bases)
    for base in progress(bases):
        everything += [_variant(plan, base, finish) for finish in _finishes(plan, base, source)]
    everything.sort(key=lambda order: order.product_id)
    for one, other in pairwise(everything):
        if one.product_id == other.product_id:
            raise ValueError(f"two products have the id {one.product_id}")
    return everything


def _order(plan: Plan, model: SourceModel, decision: Selected, selection: Selection) -> Order:
    return Order(
        model=model,
        category=decision.category,
        category_tr=decision.category_tr,
        title=selection.title(model),
        title_tr=selection.title_tr(model),
        finish=None,
        view_count=plan.view_count,
        longest_side_pixels=plan.longest_side_pixels,
        jpeg_quality=plan.jpeg_quality,
        supersampling=plan.supersampling,
    )


def _variant(plan: Plan, base: Order, finish: Finish) -> Order:
    return replace(
        base,
        finish=finish,
        title=f"{base.title}, {finish.title}",
        title_tr=f"{base.title_tr}, {finish.title_tr}",
        view_count=plan.variant_view_count,
    )


def _finishes(plan: Plan, base: Order, source: Path) -> list[Finish]:
    if _hash_share(base.family) >= plan.variant_share:
        return []
    try:
        parts = load_parts(base.model, source)
    except (ValueError, OSError):
        return []
    change = dressed_materials(base.category, parts)
    if change is None:
        return []
    substance, names = change
    worn = _mean_lab([part for part in parts if part.material.name in names])
    candidates = [
        finish
        for finish in FINISHES
        if finish.substance == substance
        and float(np.linalg.norm(_picture_lab(finish.picture()) - worn)) >= LEAST_DIFFERENCE
    ]
    candidates.sort(key=lambda finish: _hash_share(f"{base.family} {finish.key}"))
    return candidates[: plan.variants_each]


def _hash_share(text: str) -> float:
    """A number in 0…1 that depends on ``text`` alone."""
    return int(hashlib.sha256(text.encode()).hexdigest()[:8], 16) / 0x1_0000_0000


def _picture_lab(picture: bytes) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    return np.asarray(srgb_to_lab(np.asarray(image.resize((1, 1), Image.Resampling.BOX)))[0, 0])


def _mean_lab(parts: list[Part]) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    areas = np.array([part.area for part in parts])
    colours = []
    for part in parts:
        if part.texture is not None:
            colours.append(_picture_lab(part.texture))
        else:
            rgb = np.rint(np.array(part.material.diffuse) * 255).astype(np.uint8)
            colours.append(srgb_to_lab(rgb))
    return np.asarray(np.average(np.array(colours), axis=0, weights=np.maximum(areas, 1e-9)))
