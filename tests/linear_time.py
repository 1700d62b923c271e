"""Whether work grows with its input as it may.

It is measured by the thread's own processor time, so that a busy machine changes nothing.
"""

import time
from collections.abc import Callable
from typing import Final, TypeVar

Input = TypeVar("Input", str, bytes)

# What takes less cannot be told from noise. At 262,144 characters it is linear all the same.
_MEASURABLE_S: Final = 0.004
# Eight times the input: eight times the work is linear, 64 times quadratic.
_STEP: Final = 8
_MOST: Final = 24.0
_FURTHER: Final = 8
_PAUSE_S: Final = 0.02
SIZES: Final = (512, 4_096, 32_768, 262_144)
# For work that doubles with every few characters: a millisecond is a million steps.
_TINY_S: Final = 0.05
_TINY: Final = (*range(8, 32, 2), *range(32, 128, 6))


def assert_linear(
    work: Callable[[Input], object],
    made: Callable[[int], Input],
    sizes: tuple[int, ...] = SIZES,
) -> None:
    """Fail where eight times the input takes 24 times as long.

    Args:
        work: What is measured.
        made: An input of about so many characters or bytes.
        sizes: Tried in turn, until one takes measurably long; then it is compared.
    """
    for size in _TINY:
        took_s = _took_s(work, made(size))
        if took_s > _TINY_S:
            took_s = _took_s(work, made(size))
        assert took_s < _TINY_S, f"{size} characters take {took_s:.2f} s: {made(size)!r}"
    for size in sizes:
        long = made(size)
        if _took_s(work, long) > _MEASURABLE_S:
            ratio = _ratio(work, made(size // _STEP), long)
            assert ratio < _MOST, (
                f"{size} characters take {ratio:.0f} times as long as {size // _STEP}: "
                f"{made(_TINY[0])!r}"
            )
            return


def _ratio(work: Callable[[Input], object], short: Input, long: Input) -> float:
    """The least of some, for whoever shares the processor's cache only adds, for a while."""
    short_s = min(_took_s(work, short) for _ in range(3))
    ratio = _took_s(work, long) / short_s
    for _ in range(_FURTHER):
        if ratio < _MOST:
            break
        time.sleep(_PAUSE_S)
        ratio = min(ratio, _took_s(work, long) / short_s)
    return ratio


def _took_s(work: Callable[[Input], object], given: Input) -> float:
    began = time.thread_time()
    work(given)
    return time.thread_time() - began
