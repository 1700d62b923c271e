"""How the processors are shared among the processes of a server."""

import pytest

from furniture_prompter.settings import ServeSettings
from furniture_prompter.web import server
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
