"""Reference vectors of an encoder for the parity gate: PyTorch unfolded, the rest in NumPy.

Only for parity: it shares no arithmetic with the graph but the definition of the colour part. That
these networks are what their packages run is tested in tests/unit/distillation/networks.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from tools.encoder_builder import colour
from tools.encoder_builder.graph import Head, PartAxes, Pooling
from tools.encoder_builder.networks import Network, blocks_of, load_backbone


def reference_vectors(
    network: Network,
    head: Head,
    axes: PartAxes | None,
    images: Sequence[NDArray[np.uint8]],
    *,
    tail: bool,
) -> NDArray[np.float32]:
    """Vectors (images, dimension) of square images (side, side, 3), float arithmetic throughout.

    Raises:
        ValueError: the map before the last block is asked for and ``tail`` is not.
    """
    if head.body_pooling is not None and not tail:
        raise ValueError("Only the map before the 1,280 channels can be joined to another.")
    *body, last = blocks_of(load_backbone(network.name)[0])
    rows = []
    for image in images:
        mean, scale = np.array(network.mean), np.array(network.scale)
        values = ((image - mean) / scale).astype(np.float32)
        with torch.inference_mode():
            before = torch.from_numpy(values.transpose(2, 0, 1)[None].copy())
            for block in body:
                before = block(before)
            after = last(before) if tail else before
        parts = [_pooled(after, head.pooling)]
        if head.body_pooling is not None:
            parts.insert(0, _pooled(before, head.body_pooling))
        if axes is not None:
            rows.append(axes.of(np.hstack(parts)[None], colour.colour_shares(image)[None])[0])
            continue
        if head.colour_weight > 0:
            parts.append(head.colour_weight * colour.colour_shares(image))
        joined = np.concatenate(parts)
        rows.append(joined / np.linalg.norm(joined))
    return np.stack(rows).astype(np.float32)


def _pooled(features: torch.Tensor, pooling: Pooling) -> NDArray[np.float64]:
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
