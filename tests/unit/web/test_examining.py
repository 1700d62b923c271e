"""The report on the data, which several workers share."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from furniture_prompter.domain import HealthReport, IndexProgress
from furniture_prompter.domain.catalog import CheckResult, Finding, FindingProduct
from furniture_prompter.errors import CatalogDamagedError
from furniture_prompter.web.examining import Examination, Examined

FOUND = Finding("both look alike", (FindingProduct("p1", "Koltuk “kırmızı”", "a.jpg"),), 0.5)
REPORT = HealthReport(
    "shop",
    3,
    2,
    2,
    (CheckResult("twin", "Twins", 0.5, "Costs.", "Cure.", (FOUND,)),),
    {"x": "y"},
    1.5,
)

OTHER = """
import asyncio, sys, time
from contextlib import asynccontextmanager
from pathlib import Path
from furniture_prompter.domain import HealthReport, IndexProgress
from furniture_prompter.web.examining import Examination

folder = Path(sys.argv[1])

class Slow:
    def health(self, tell):
        tell(IndexProgress("looking", 1, 4, "photos"))
        (folder / "began").touch()
        while not (folder / "go").exists():
            time.sleep(0.01)
        return HealthReport("shop", 7, 1, 1, (), {}, 0.5)

@asynccontextmanager
async def catalog():
    yield Slow()

async def main():
    made = Examination(folder)
    await made.begin(catalog())
    while made.is_running:
        await asyncio.sleep(0.01)
    await made.close()

asyncio.run(main())
"""


class Fake:
    """A catalog whose health is known, or why it is not."""

    def __init__(self, answer: HealthReport | Exception = REPORT) -> None:
        self.asked = 0
        self._answer = answer

    def health(self, tell: Callable[[IndexProgress], None]) -> HealthReport:
        self.asked += 1
        tell(IndexProgress("looking", 1, 2, "photos"))
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Any]:
        yield self


async def made_by(examination: Examination, catalog: Fake) -> Examined:
    await examination.begin(catalog.opened())
    while examination.is_running:
        await asyncio.sleep(0.01)
    return examination.state()


@pytest.fixture
def other(tmp_path: Path) -> "Any":
    """Another worker that makes a report, and ends it once a file ``go`` is there."""
    process = subprocess.Popen([sys.executable, "-c", OTHER, str(tmp_path)])
    end = time.monotonic() + 60
    while not (tmp_path / "began").exists():
        assert process.poll() is None
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.01)
    yield process
    process.kill()
    process.wait()


@pytest.mark.parametrize("is_shared", [False, True])
def test_a_report_is_made_and_known(tmp_path: Path, is_shared: bool) -> None:
    folder = tmp_path if is_shared else None
    told = asyncio.run(made_by(Examination(folder), Fake()))
    assert told == Examined(report=REPORT)
    assert Examination(folder).state() == (told if is_shared else Examined())


@pytest.mark.parametrize("is_shared", [False, True])
def test_a_report_that_fails_leaves_the_last_one_and_says_so(
    tmp_path: Path, is_shared: bool
) -> None:
    async def twice() -> Examined:
        examination = Examination(tmp_path if is_shared else None)
        await made_by(examination, Fake())
        return await made_by(examination, Fake(CatalogDamagedError("gone")))

    told = asyncio.run(twice())
    assert told.report == REPORT
    assert "server's log" in told.failure
    assert not told.is_running


def test_all_workers_see_the_one_report_and_none_makes_a_second(
    tmp_path: Path, other: "subprocess.Popen[bytes]"
) -> None:
    here, catalog = Examination(tmp_path), Fake()
    running = here.state()
    assert running.is_running
    assert running.progress == IndexProgress("looking", 1, 4, "photos")
    asyncio.run(made_by(here, catalog))
    assert catalog.asked == 0
    (tmp_path / "go").touch()
    assert other.wait(60) == 0
    done = here.state()
    assert not done.is_running
    assert done.progress is None
    assert done.report is not None
    assert done.report.version == 7
    assert Examination(tmp_path).state() == done


def test_a_worker_that_is_killed_leaves_the_turn_to_another(
    tmp_path: Path, other: "subprocess.Popen[bytes]"
) -> None:
    os.kill(other.pid, signal.SIGKILL)
    other.wait(60)
    here, catalog = Examination(tmp_path), Fake()
    assert here.state() == Examined()
    assert asyncio.run(made_by(here, catalog)).report == REPORT
    assert catalog.asked == 1


def test_a_file_that_cannot_be_read_is_as_if_there_were_none(tmp_path: Path) -> None:
    (tmp_path / "examination.json").write_text('{"report": 1}')
    assert Examination(tmp_path).state() == Examined()
