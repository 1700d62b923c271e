"""What tests of training share."""

import pytest
import torch

from tests.unit.distillation import tiny_student


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """The architecture "tiny", for one test."""
    torch.set_num_threads(1)
    tiny_student.install(monkeypatch.setattr)
