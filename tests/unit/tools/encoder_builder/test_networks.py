import numpy as np
import pytest
from numpy.typing import NDArray

from tools.encoder_builder import networks


def test_folding_keeps_what_convolution_and_normalisation_compute() -> None:
    generator = np.random.default_rng(0)
    weights = {
        "conv.weight": generator.standard_normal((4, 3, 1, 1)).astype(np.float32),
        "bn.weight": generator.standard_normal(4).astype(np.float32),
        "bn.bias": generator.standard_normal(4).astype(np.float32),
        "bn.running_mean": generator.standard_normal(4).astype(np.float32),
        "bn.running_var": generator.random(4).astype(np.float32),
    }
    folded = networks.fold(weights, "conv", "bn", epsilon=1e-3, clipped=True)
    value = generator.standard_normal(3)
    plain = weights["conv.weight"][:, :, 0, 0] @ value
    normalised = (plain - weights["bn.running_mean"]) / np.sqrt(weights["bn.running_var"] + 1e-3)
    expected = normalised * weights["bn.weight"] + weights["bn.bias"]
    np.testing.assert_allclose(
        folded.weight[:, :, 0, 0] @ value + folded.bias, expected, rtol=1e-4, atol=1e-5
    )
    assert folded.groups == 1


def test_one_input_channel_a_filter_means_depthwise() -> None:
    ones = np.ones(6, np.float32)
    weights: dict[str, NDArray[np.float32]] = {"c.weight": np.ones((6, 1, 3, 3), np.float32)}
    weights |= {f"b.{name}": ones for name in ("weight", "bias", "running_mean", "running_var")}
    folded = networks.fold(weights, "c", "b", epsilon=1e-3, stride=2, clipped=False)
    assert (folded.groups, folded.stride, folded.clipped) == (6, 2, False)


def test_a_package_that_is_not_installed_is_named_with_the_extra_that_brings_it() -> None:
    with pytest.raises(FileNotFoundError, match=r"\.\[builders\]"):
        networks.package_file("no-such-package-at-all", ".pth")


def test_an_installed_package_without_the_file_is_refused() -> None:
    with pytest.raises(FileNotFoundError, match="found 0"):
        networks.package_file("numpy", ".no-such-suffix")


def test_an_unknown_network_is_refused_with_the_known_ones() -> None:
    with pytest.raises(KeyError, match="lite2"):
        networks.load_network("resnet")
