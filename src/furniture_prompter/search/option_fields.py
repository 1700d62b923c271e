"""Query options as fields of pydantic models: request bodies, query parameters, batch lines."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, Field, create_model

from furniture_prompter.query_options import LISTS, OPTIONS, NamedOption

Model = TypeVar("Model", bound=BaseModel)
Fields = Mapping[str, Any]
"""Name to type and field, as pydantic's ``create_model`` takes them."""


def with_fields(further: Fields) -> Callable[[type[Model]], type[Model]]:
    """Add fields behind those of a model; it keeps its name."""

    def extend(model: type[Model]) -> type[Model]:
        return create_model(
            model.__name__,
            __base__=model,
            __doc__=model.__doc__,
            __module__=model.__module__,
            **further,
        )

    return extend


def request_fields(*, similar: bool = False) -> Fields:
    """Options as a request has them: with range, default and description.

    Args:
        similar: Whether only those are wanted that what is like a product may be asked for with.
    """
    return {
        name: _request_field(option)
        for name, option in OPTIONS.items()
        if option.about.of_similar or not similar
    }


def line_fields() -> Fields:
    """Options of the command line as a batch line has them: None is as if left out."""
    return {
        name: (_json_type(option) | None, None)
        for name, option in OPTIONS.items()
        if option.about.flag is not None
    }


def answered_fields() -> Fields:
    """Options as an answer repeats them."""
    return {
        name: (_json_type(option), ...) for name, option in OPTIONS.items() if option.about.answered
    }


def options_of(model: BaseModel) -> dict[str, Any]:
    """The options among a model's values."""
    return {name: getattr(model, name) for name in OPTIONS if name in type(model).model_fields}


def _json_type(option: NamedOption) -> Any:
    return list[str] if option.name in LISTS else option.type


def _request_field(option: NamedOption) -> tuple[Any, Any]:
    about, kind = option.about, _json_type(option)
    if option.name in LISTS:
        most = None if about.most is None else int(about.most)
        return kind, Field(default_factory=list, max_length=most, description=about.help)
    left_out = None if about.setting_of_default is not None else option.default
    if left_out is None:
        kind |= None
    return kind, Field(left_out, ge=about.least, le=about.most, description=about.help)
