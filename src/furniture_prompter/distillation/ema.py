"""A running mean of the weights: what is judged and exported."""

import copy
from typing import Generic, TypeVar

import torch
from torch import nn

Network = TypeVar("Network", bound=nn.Module)


class RunningMean(Generic[Network]):
    """Mean of a network's weights over the last steps, as Polyak & Juditsky (1992) average them.

    The decay begins low and rises to its value, (1 + step) / (10 + step) as in TensorFlow's
    ExponentialMovingAverage, so that first weights are soon forgotten.

    Attributes:
        network: The network with the mean weights, in evaluation mode.
    """

    def __init__(self, network: Network, decay: float) -> None:
        self.network = copy.deepcopy(network)
        self.network.eval()
        for parameter in self.network.parameters():
            parameter.requires_grad = False
        self._decay = decay

    @torch.no_grad()
    def update(self, network: nn.Module, step: int) -> None:
        """Take in the weights after `step`, 1-based; statistics of batch norms are copied."""
        decay = min(self._decay, (1 + step) / (10 + step))
        for mine, theirs in zip(self.network.parameters(), network.parameters(), strict=True):
            mine.lerp_(theirs, 1 - decay)
        for own, new in zip(self.network.buffers(), network.buffers(), strict=True):
            own.copy_(new)
