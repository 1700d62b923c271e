import socket
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from furniture_prompter.encoders.hub.pulling import pull
from tests.tiny_checkpoints import save_clip, save_resnet, save_siglip, save_siglip2

SAVERS: dict[str, Callable[[Path], Path]] = {
    "siglip": save_siglip,
    "siglip2": save_siglip2,
    "clip": save_clip,
    "resnet": save_resnet,
}


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder in the hub's layout for each family; for reading only."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("checkpoints")
    for name, save in SAVERS.items():
        save(folder / name)
    return folder


@pytest.fixture(scope="session")
def pulled(checkpoints: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache into which each of them was pulled; for reading only."""
    cache = tmp_path_factory.mktemp("cache")
    for name in SAVERS:
        pull(name, cache=cache, source=checkpoints / name)
    return cache


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: object, **_kwargs: object) -> None:
        raise AssertionError("a connection was asked for")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
