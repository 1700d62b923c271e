"""The running mean of weights."""

import pytest
import torch
from torch import nn

from furniture_prompter.distillation.losses import RunningMean


def test_it_is_the_mean_by_hand() -> None:
    network = nn.Linear(1, 1, bias=False)
    nn.init.constant_(network.weight, 0.0)
    mean = RunningMean(network, 0.9)
    nn.init.constant_(network.weight, 11.0)
    mean.update(network, 1)
    # The decay of the first step is 2 / 11.
    assert mean.network.weight.item() == pytest.approx(9.0)
    mean.update(network, 1000)
    assert mean.network.weight.item() == pytest.approx(9.2)


def test_statistics_are_copied_and_nothing_is_trained() -> None:
    network = nn.BatchNorm1d(2)
    mean = RunningMean(network, 0.5)
    network(torch.ones(4, 2))
    mean.update(network, 1)
    assert mean.network.running_mean is not None
    assert torch.equal(mean.network.running_mean, torch.full((2,), 0.1))
    assert not any(parameter.requires_grad for parameter in mean.network.parameters())
    assert all(parameter.requires_grad for parameter in network.parameters())
    assert not mean.network.training
