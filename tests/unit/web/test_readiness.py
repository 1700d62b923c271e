import asyncio

import pytest

from furniture_prompter.web import services
from furniture_prompter.web.services import Readiness


def test_however_many_ask_at_once_it_is_tried_once() -> None:
    tried: list[int] = []

    async def probe() -> int:
        tried.append(1)
        await asyncio.sleep(0.01)
        return 7

    async def ask() -> list[int | None]:
        ready = Readiness()
        return await asyncio.gather(*(ready.version(probe) for _ in range(128)))

    assert asyncio.run(ask()) == [7] * 128
    assert tried == [1]


@pytest.mark.parametrize("found", [7, None])
def test_what_was_found_is_told_on_for_a_while_and_then_tried_anew(
    monkeypatch: pytest.MonkeyPatch, found: int | None
) -> None:
    tried: list[float] = []

    async def ask() -> None:
        now_s = [100.0]
        loop = asyncio.get_running_loop()
        monkeypatch.setattr(loop, "time", lambda: now_s[0])
        ready = Readiness()

        async def probe() -> int | None:
            tried.append(now_s[0])
            return found

        for _ in range(40):
            assert await ready.version(probe) == found
            now_s[0] += services.FRESH_S / 4
        monkeypatch.undo()

    asyncio.run(ask())
    assert len(tried) == 10


def test_who_goes_away_does_not_end_the_trial_of_the_others() -> None:
    async def ask() -> int | None:
        ready = Readiness()
        go_on = asyncio.Event()

        async def probe() -> int:
            await go_on.wait()
            return 3

        first, second = (asyncio.create_task(ready.version(probe)) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.sleep(0)
        go_on.set()
        return await second

    assert asyncio.run(ask()) == 3
