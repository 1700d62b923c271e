"""The loop beside the caller's own."""

import asyncio
import threading

import pytest

from furniture_prompter import event_loop


async def _where() -> str:
    return threading.current_thread().name


def test_a_coroutine_runs_on_the_one_loop_whoever_asks() -> None:
    async def ask() -> str:
        return await event_loop.run_beside(_where())

    assert event_loop.run(_where()) == "furniture-prompter"
    assert asyncio.run(ask()) == "furniture-prompter"
    assert asyncio.run(ask()) == "furniture-prompter"


def test_an_error_comes_to_whoever_asked() -> None:
    async def fail() -> None:
        raise ValueError("here")

    async def ask() -> None:
        await event_loop.run_beside(fail())

    with pytest.raises(ValueError, match="here"):
        asyncio.run(ask())


def test_being_cancelled_cancels_what_was_asked() -> None:
    began, ended = threading.Event(), threading.Event()

    async def endless() -> None:
        began.set()
        try:
            await asyncio.sleep(3_600)
        finally:
            ended.set()

    async def ask() -> None:
        task = asyncio.create_task(event_loop.run_beside(endless()))
        await asyncio.to_thread(began.wait, 10)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(ask())
    assert ended.wait(10)
