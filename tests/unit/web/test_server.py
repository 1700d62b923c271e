"""How processes of a server share its processors, and how one that is lost is replaced."""

import logging
import os
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from furniture_prompter.assembly.catalogs import Catalog
from furniture_prompter.errors import (
    CatalogNotFoundError,
    EncoderError,
    InvalidRoomsError,
    ServeError,
)
from furniture_prompter.settings import ServeSettings, Settings
from furniture_prompter.web import server, telemetry
from furniture_prompter.web.server import pinned


@pytest.mark.parametrize(
    ("workers", "threads", "expected"),
    [(1, None, None), (1, 3, 3), (2, None, 16), (3, None, 10), (64, None, 1), (2, 5, 5)],
)
def test_several_processes_share_the_processors_and_one_is_left_to_choose(
    monkeypatch: pytest.MonkeyPatch, workers: int, threads: int | None, expected: int | None
) -> None:
    monkeypatch.setattr(server, "available_cpus", lambda: 32)
    settings = ServeSettings(workers=workers, threads=threads)
    assert pinned(settings).threads == expected


def test_settings_that_do_not_fit_are_told_before_an_address_is(tmp_path: Path) -> None:
    told: list[str] = []
    settings = ServeSettings(catalog=tmp_path, port=0, cors_origins=("shop.example",))
    with pytest.raises(ServeError, match="CORS origin 'shop"):
        server.serve(settings, told.append)
    assert told == []


def test_rooms_and_a_detector_that_cannot_be_read_are_told_before_an_address_is(
    tmp_path: Path,
) -> None:
    told: list[str] = []
    (tmp_path / "rooms.jsonl").write_text("{", "utf-8")
    broken = ServeSettings(catalog=tmp_path, port=0, rooms=tmp_path / "rooms.jsonl")
    with pytest.raises(InvalidRoomsError, match="line 1: It is no JSON"):
        server.serve(broken, told.append)
    with pytest.raises(EncoderError, match="none"):
        server.serve(
            ServeSettings(catalog=tmp_path, port=0, detector=tmp_path / "none"), told.append
        )
    assert told == []


def test_a_catalog_to_compare_with_that_cannot_be_opened_is_told_before_an_address_is(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    told: list[str] = []
    opened: list[tuple[Path, Settings]] = []

    class Served:
        @staticmethod
        def open(folder: Path, *, settings: Settings, **_: object) -> Any:
            opened.append((folder, settings))
            if folder == tmp_path:
                return Served()
            if folder == tmp_path / "locked":
                raise PermissionError(13, "Permission denied")
            return Catalog.open(folder, settings=settings)

        def close(self) -> None:
            pass

    monkeypatch.setattr(server, "Catalog", Served)
    given = ServeSettings(
        catalog=tmp_path, port=0, encoder="e", prompt_encoder="p", query_encoder="q", text_tower="t"
    )
    for name, kind, said in (
        ("gone", CatalogNotFoundError, "There is no catalog at"),
        ("locked", ServeError, r"which cannot be read \(Permission denied\)\. Name the folder"),
    ):
        beside = tmp_path / name
        with pytest.raises(kind, match=said) as raised:
            server.serve(given.model_copy(update={"compare": beside}), told.append)
        assert str(raised.value).startswith(f"The setting compare names {beside}")
    assert told == []
    own = opened[1][1]
    assert own.encoder == Settings().encoder
    assert own.prompt_encoder == Settings().prompt_encoder
    assert (own.text_tower, opened[0][1].text_tower) == (None, "t")


@dataclass(eq=False)
class Worker:
    """Stands for a process: alive or not, silent or not; nobody may wait for its answer."""

    pid: int = 0
    exitcode: int | None = None
    silent: bool = False
    asked: int = 0
    owed: int = 0
    killed: bool = False
    process: Any = field(init=False)
    parent_conn: Any = field(init=False)

    def __post_init__(self) -> None:
        self.process = self.parent_conn = self

    def is_alive(self) -> bool:
        return self.exitcode is None

    def send(self, _: bytes) -> None:
        self.asked += 1
        self.owed += 1

    def poll(self, timeout: float = 0.0) -> bool:
        assert timeout == 0, "a look waits for nobody"
        return self.owed > 0 and not self.silent

    def recv(self) -> bool:
        self.owed -= 1
        return True

    def kill(self) -> None:
        self.killed = True

    def join(self) -> None:
        self.exitcode = self.exitcode or -9


@dataclass
class Supervised:
    """A supervisor of such workers, its clock, and those it started."""

    supervisor: Any
    now_s: float = 1_000.0
    started: list[Worker] = field(default_factory=list)

    def look(self, after_s: float = 0.5) -> None:
        self.now_s += after_s
        self.supervisor.keep_subprocess_alive()


@pytest.fixture
def supervised(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Supervised:
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    monkeypatch.setenv(telemetry.SHARED_FOLDER, str(tmp_path))
    telemetry.replaced_workers.cache_clear()
    config = uvicorn.Config("none:none", workers=3, log_config=None)
    held = Supervised(server._Supervisor(config, []))
    held.supervisor.processes = [Worker(pid) for pid in (11, 12, 13)]

    class Started(Worker):
        def __init__(self, *_: object) -> None:
            super().__init__(pid=100 + len(held.started))
            held.started.append(self)

        def start(self) -> None:
            pass

    monkeypatch.setattr(server, "Process", Started)
    monkeypatch.setattr(time, "monotonic", lambda: held.now_s)
    return held


def test_a_dead_worker_is_replaced_at_the_next_look_whatever_the_others_do(
    supervised: Supervised, caplog: pytest.LogCaptureFixture
) -> None:
    first, second, third = supervised.supervisor.processes
    supervised.look()
    first.silent = third.silent = True
    second.exitcode = -9
    with caplog.at_level(logging.WARNING, "furniture_prompter.web"):
        supervised.look()
    assert supervised.supervisor.processes == [first, supervised.started[0], third]
    assert "Worker 12 was killed by signal 9; 100 takes its place." in caplog.messages
    # Counted where its workers count, for whichever of them is asked.
    told = telemetry.Metrics().render()[0].decode()
    assert "furniture_prompter_workers_replaced_total 1.0" in told


def test_a_worker_that_never_answers_again_is_replaced_and_one_that_starts_is_waited_for(
    supervised: Supervised,
) -> None:
    hangs, starts, answers = supervised.supervisor.processes
    starts.silent = True
    for _ in range(4):
        supervised.look()
    hangs.silent = True
    for _ in range(60):
        supervised.look()
    assert hangs.killed
    assert supervised.supervisor.processes == [supervised.started[0], starts, answers]
    assert starts.asked == 1
    assert answers.asked > 20
    supervised.look(after_s=200)
    assert starts.killed


def test_a_worker_that_cannot_start_ends_them_all(supervised: Supervised) -> None:
    supervised.supervisor.processes[1].exitcode = 3
    supervised.look()
    assert supervised.supervisor.should_exit.is_set()
    assert supervised.started == []


def test_lance_is_left_two_threads_to_write_with(monkeypatch: pytest.MonkeyPatch) -> None:
    # With one, a write waits for itself for ever.
    monkeypatch.setattr(server, "available_cpus", lambda: 2)
    for name in ("LANCE_IO_THREADS", "LANCE_CPU_THREADS"):
        monkeypatch.delenv(name, raising=False)
    with server._environment(2):
        assert os.environ["LANCE_IO_THREADS"] == "2"
        assert os.environ["LANCE_CPU_THREADS"] == "1"
    assert "LANCE_IO_THREADS" not in os.environ
