"""Which models become products: the table in selection.toml, read and applied."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from tools.catalog_builder.libraries import SourceModel

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
