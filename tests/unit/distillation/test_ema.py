"""The running mean of weights."""

import pytest
import torch
from torch import nn

from furniture_prompter.distillation.optimisation import averaged


def test_it_is_the_mean_by_hand() -> None:
    network = nn.Linear(1, 1, bias=False)
    nn.init.constant_(network.weight, 0.0)
    mean = averaged(network, 0.9)
    nn.init.constant_(network.weight, 11.0)
    mean.update_parameters(network)
    # The decay of the first step is 2 / 11, of the second 3 / 12.
    assert mean.module.state_dict()["weight"].item() == pytest.approx(9.0)
    mean.update_parameters(network)
    assert mean.module.state_dict()["weight"].item() == pytest.approx(10.5)


def test_a_training_that_goes_on_averages_as_if_it_had_not_stopped() -> None:
    network = nn.Linear(1, 1, bias=False)
    nn.init.constant_(network.weight, 9.0)
    mean = averaged(network, 0.9, 999)
    nn.init.constant_(network.weight, 11.0)
    mean.update_parameters(network)
    assert mean.module.state_dict()["weight"].item() == pytest.approx(9.2)


def test_statistics_are_copied_and_nothing_is_trained() -> None:
    network = nn.BatchNorm1d(2)
    mean = averaged(network, 0.5)
    network(torch.ones(4, 2))
    mean.update_parameters(network)
    assert torch.equal(mean.module.state_dict()["running_mean"], torch.full((2,), 0.1))
    assert not any(parameter.requires_grad for parameter in mean.parameters())
    assert all(parameter.requires_grad for parameter in network.parameters())
    assert not mean.module.training
