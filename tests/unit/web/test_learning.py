"""When a server learns from what was written; its clock is the test's."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from furniture_prompter.errors import CatalogBusyError
from furniture_prompter.web.learning import LONGEST_S, QUIET_S, REST_SHARE, Learning

REAL_SLEEP = asyncio.sleep


class Shop:
    """A server's time, what it learned by when, and what it took up.

    Attributes:
        now_s: The time.
        takes_s: How long learning takes.
        began: When learning began.
        taken_up: How often searches were given what was learned.
        fails: Whether learning fails.
        waits_s: How long others write while it would.
    """

    def __init__(self) -> None:
        self.now_s = 1_000.0
        self.takes_s = 1.0
        self.began: list[float] = []
        self.taken_up = 0
        self.fails = False
        self.waits_s = 0.0

    def learn(self, *, wait_s: float, still_wanted: Callable[[], None]) -> tuple[bool, float]:
        still_wanted()
        self.began.append(self.now_s)
        self.now_s += self.takes_s + self.waits_s
        if self.fails:
            raise CatalogBusyError("Another process writes.")
        return True, self.takes_s

    async def refresh(self) -> None:
        self.taken_up += 1

    async def pass_s(self, seconds: float) -> None:
        """Let time pass in tenths of a second, and whatever waits for it go on."""
        end_s = self.now_s + seconds
        while self.now_s < end_s - 1e-6:
            self.now_s = round(self.now_s + 0.1, 3)
            await settle()


async def settle() -> None:
    """Until every task that need not wait has done what it can."""
    for _ in range(5):
        await REAL_SLEEP(0)


def at(
    shop: Shop,
    monkeypatch: pytest.MonkeyPatch,
    act: Callable[[Learning], Awaitable[None]],
    folder: Path | None = None,
) -> Shop:
    """Act while the server runs, by the shop's clock."""

    async def sleep(seconds: float) -> None:
        until_s = shop.now_s + seconds
        while shop.now_s < until_s - 1e-6:
            await REAL_SLEEP(0)

    async def in_turn(call: Callable[[], Any]) -> Any:
        return call()

    async def run() -> None:
        with monkeypatch.context() as patch:
            patch.setattr(asyncio, "sleep", sleep)
            patch.setattr(asyncio, "to_thread", in_turn)
            patch.setattr(asyncio.get_running_loop(), "time", lambda: shop.now_s)
            made = Learning(shop, shop.refresh, folder)  # type: ignore[arg-type]  # its fake
            await act(made)
            await made.close()

    asyncio.run(run())
    return shop


def test_forty_writes_one_after_another_are_learned_from_once_after_the_last(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shop = Shop()

    async def act(made: Learning) -> None:
        for number in range(40):
            made.written(due=number >= 4)
            await shop.pass_s(0.3)
        assert shop.began == []
        await shop.pass_s(60)

    at(shop, monkeypatch, act)
    last_s = 1_000 + 39 * 0.3
    assert shop.began == [pytest.approx(last_s + QUIET_S, abs=0.11)]
    assert shop.taken_up == 1


def test_writes_without_an_end_are_learned_from_all_the_same_but_not_all_the_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shop = Shop()
    shop.takes_s = 5.0

    async def act(made: Learning) -> None:
        while shop.now_s < 1_150:
            made.written(due=True)
            await shop.pass_s(1)

    at(shop, monkeypatch, act)
    first, second = shop.began[:2]
    assert first == pytest.approx(1_000 + LONGEST_S, abs=0.11)
    # The rest after the first is longer than the wait for the last write.
    assert second == pytest.approx(first + 5 + REST_SHARE * 5, abs=1.2)
    assert len(shop.began) <= 4


@pytest.mark.parametrize("due", [True, False])
def test_what_is_not_due_is_not_learned(due: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = Shop()

    async def act(made: Learning) -> None:
        made.written(due=due)
        await shop.pass_s(10)
        made.written(due=False)
        await shop.pass_s(60)

    assert len(at(shop, monkeypatch, act).began) == due


def test_what_fails_is_told_and_tried_again_after_the_next_write(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    shop = Shop()
    shop.fails = True

    async def act(made: Learning) -> None:
        made.written(due=True)
        await shop.pass_s(100)
        assert len(shop.began) == 1
        shop.fails = False
        made.written(due=True)
        await shop.pass_s(100)

    at(shop, monkeypatch, act)
    assert (len(shop.began), shop.taken_up) == (2, 1)
    assert "Another process writes." in caplog.text


def test_what_others_took_to_write_is_no_learning_that_must_be_rested_from(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shop = Shop()
    shop.waits_s = 22.0

    async def act(made: Learning) -> None:
        made.written(due=True)
        await shop.pass_s(5)
        made.written(due=True)
        await shop.pass_s(5 + REST_SHARE)

    first, second = at(shop, monkeypatch, act).began
    assert second <= first + 1 + 22 + REST_SHARE + 0.2


def test_a_server_that_ends_learns_nothing_more(monkeypatch: pytest.MonkeyPatch) -> None:
    shop = Shop()

    async def act(made: Learning) -> None:
        made.written(due=True)
        await shop.pass_s(1)
        await made.close()
        made.written(due=True)
        await shop.pass_s(60)

    assert at(shop, monkeypatch, act).began == []


@pytest.mark.parametrize("held", [True, False])
def test_of_several_workers_one_learns(
    tmp_path: Path, held: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = Shop()
    other = FileLock(tmp_path / "learning.lock")

    async def act(made: Learning) -> None:
        with other if held else nullcontext():
            made.written(due=True)
            await shop.pass_s(20)
            assert len(shop.began) == (not held)
        # Then it is looked again whether there is something left to learn.
        await shop.pass_s(20)

    assert len(at(shop, monkeypatch, act, tmp_path).began) == 1
