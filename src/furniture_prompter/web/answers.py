"""Answers as JSON, and where their time went."""

import json
import math
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from pydantic_core import PydanticSerializationError, to_json
from starlette.responses import Response

from furniture_prompter.domain import Photo, SearchResult
from furniture_prompter.search.answer import TIMING_DIGITS, answer

IMAGES_PATH = "/v1/images"


def json_answer(value: object, headers: Mapping[str, str] | None = None) -> Response:
    """A value as JSON.

    Half of a surrogate pair, which no UTF-8 has and an old feed may hold, becomes a question mark.
    """
    try:
        # Written in Rust: an answer of ten products takes it a fifth of the time.
        data = to_json(value, inf_nan_mode="null")
    except PydanticSerializationError:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        data = text.encode("utf-8", "replace")
    return Response(data, headers=headers, media_type="application/json")


def photo_address(photo: Photo) -> str:
    """Where this server has a photo."""
    return f"{IMAGES_PATH}/{photo.id}"


class Clock:
    """Wall time of the steps of one answer, from its making."""

    def __init__(self) -> None:
        """Begin."""
        self._began = time.perf_counter()
        self._steps_ms: dict[str, float] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time a step."""
        began = time.perf_counter()
        yield
        self.add({name: 1_000 * (time.perf_counter() - began)})

    def add(self, steps_ms: Mapping[str, float]) -> None:
        """Add the times of steps."""
        for name, elapsed_ms in steps_ms.items():
            self._steps_ms[name] = self._steps_ms.get(name, 0.0) + elapsed_ms

    def timings_ms(self) -> dict[str, float]:
        """Every step's time so far, and ``total``."""
        total_ms = 1_000 * (time.perf_counter() - self._began)
        return {**self._steps_ms, "total": total_ms}


def server_timing(timings_ms: Mapping[str, float]) -> str:
    """Times as the header Server-Timing has them (W3C Server Timing)."""
    return ", ".join(f"{name};dur={elapsed_ms:.2f}" for name, elapsed_ms in timings_ms.items())


def search_answer(result: SearchResult, folder: str, clock: Clock) -> Response:
    """A search's answer: the shape of ``search --json``, without a path of the server.

    Args:
        result: The hits.
        folder: Name of the catalog's folder.
        clock: What was timed before the search.
    """
    clock.add({name: ms for name, ms in result.timings_ms.items() if name != "total"})
    value: dict[str, Any] = answer(result, photo_of=photo_address)
    value["catalog"]["path"] = folder
    timings_ms = clock.timings_ms()
    value["timings_ms"] = {name: round(ms, TIMING_DIGITS) for name, ms in timings_ms.items()}
    return json_answer(value, {"Server-Timing": server_timing(timings_ms)})


def finite(figures: Mapping[str, float]) -> dict[str, float]:
    """Figures without those that JSON does not have."""
    return {name: value for name, value in figures.items() if math.isfinite(value)}
