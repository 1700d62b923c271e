"""What a server tells the C library about memory, which a test's own process must not be told."""

import ctypes
import os
from types import SimpleNamespace
from typing import Any

import pytest

from furniture_prompter.web import memory

VARIABLES = (
    "ARROW_DEFAULT_MEMORY_POOL",
    "MALLOC_ARENA_MAX",
    "MALLOC_MMAP_THRESHOLD_",
    "MALLOC_TRIM_THRESHOLD_",
)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What a C library that has both functions is told."""
    calls: list[Any] = []
    library = SimpleNamespace(mallopt=lambda *given: calls.append(given), malloc_trim=calls.append)
    monkeypatch.setattr(ctypes, "CDLL", lambda _: library)
    for name in VARIABLES:
        # Set first, so that what is set here is taken away again.
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    return calls


def test_a_server_holds_little_and_so_do_its_workers(
    told: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    memory.hold_little()
    assert told == [(-8, 2), (-3, 524_288), (-1, 4_194_304)]
    environment = [os.environ[name] for name in VARIABLES]
    assert environment == ["system", "2", "524288", "4194304"]
    memory.give_back()
    assert told[3:] == [0]


def test_what_the_environment_says_stands(told: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MALLOC_ARENA_MAX", "8")
    monkeypatch.setenv("ARROW_DEFAULT_MEMORY_POOL", "mimalloc")
    memory.hold_little()
    assert told == [(-3, 524_288), (-1, 4_194_304)]
    assert [os.environ[name] for name in VARIABLES[:2]] == ["mimalloc", "8"]


@pytest.mark.parametrize("failure", [None, OSError("none"), TypeError("none")])
def test_other_c_libraries_are_left_alone(
    failure: Exception | None, told: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def library(_: object) -> Any:
        if failure is not None:
            raise failure
        return SimpleNamespace()

    monkeypatch.setattr(ctypes, "CDLL", library)
    memory.hold_little()
    memory.give_back()
    assert told == []
