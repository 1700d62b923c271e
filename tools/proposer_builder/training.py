"""Maps of photos kept on disk, and the head trained on them."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from tools.proposer_builder.backbone import Backbone, Labelled, squares
from tools.proposer_builder.head import Head, loss_of
from tools.proposer_builder.targets import IGNORED, Targets, cells, mirrored, targets

_DECAY = 0.998
"""Of the moving average of weights, which is what is kept."""


@dataclass(frozen=True, eq=False)
class Kept:
    """Maps of photos, one row a photo, and what the cells should say.

    Attributes:
        maps: float16 (n, numbers of all maps).
        sides: float16 (n, cells, 4); kinds: int8 (n, cells).
        shapes: Of the maps in a row.
    """

    maps: NDArray[np.float16]
    sides: NDArray[np.float16]
    kinds: NDArray[np.int8]
    shapes: tuple[tuple[int, int, int], ...]

    def batch(
        self, rows: NDArray[np.int64]
    ) -> tuple[list[torch.Tensor], torch.Tensor, torch.Tensor]:
        """Maps, distances and kinds of some photos, maps and distances in float32."""
        flat = torch.from_numpy(self.maps[rows].astype(np.float32))
        parts, place = [], 0
        for shape in self.shapes:
            size = math.prod(shape)
            part = flat[:, place : place + size].reshape(-1, *shape)
            parts.append(part.contiguous(memory_format=torch.channels_last))
            place += size
        sides = torch.from_numpy(self.sides[rows].astype(np.float32))
        return parts, sides, torch.from_numpy(self.kinds[rows])


def keep(
    backbone: Backbone, photos: Sequence[Labelled], side_px: int, file: Path, *, mirror: bool,
    report: Callable[[str], None],
) -> Kept:  # fmt: skip
    """Maps of photos, and of what a mirror shows of them, which a file keeps.

    What the file holds already is taken from it, so that photos that were added cost only theirs.
    """
    session = backbone.session()
    width = sum(math.prod(shape) for shape in backbone.shapes)
    ways = (False, True) if mirror else (False,)
    done = file.stat().st_size // (2 * width * len(ways)) if file.exists() else 0
    wanted: list[Targets] = []
    with file.open("ab") as out:
        out.truncate(done * 2 * width * len(ways))
        for place, photo in enumerate(photos):
            for way in ways:
                if place >= done:
                    (pixels,) = squares([photo], side_px, mirror=way)
                    found = session.run(list(backbone.maps), {"image": pixels[None]})
                    row = np.concatenate([np.asarray(part).ravel() for part in found])
                    row.astype(np.float16).tofile(out)
                boxes = mirrored(photo.boxes) if way else photo.boxes
                wanted.append(targets(boxes, photo.size_at(side_px), side_px))
            if place >= done and place % 200 == 0:
                report(f"Maps of {place} photos")
    count = len(wanted)
    maps = np.fromfile(file, np.float16, count * width).reshape(count, width)
    sides = np.stack([each.sides for each in wanted]).astype(np.float16)
    return Kept(maps, sides, np.stack([each.kinds for each in wanted]), backbone.shapes)


def together(kept: Sequence[Kept]) -> Kept:
    """Several as one."""
    return Kept(
        np.concatenate([each.maps for each in kept]),
        np.concatenate([each.sides for each in kept]),
        np.concatenate([each.kinds for each in kept]),
        kept[0].shapes,
    )


def train(
    kept: Kept, side_px: int, *, passes: float, seed: int, report: Callable[[str], None],
    batch: int = 16, rate: float = 2e-3, head: Head | None = None,
    check: Callable[[Head], str] | None = None,
) -> Head:  # fmt: skip
    """A head that has seen the photos some times over: AdamW, a rate that falls as a cosine."""
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    rng = np.random.default_rng(seed)
    head = head if head is not None else Head([shape[0] for shape in kept.shapes])
    # Convolutions of one channel each are twice as fast so.
    head = head.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's own
    average = copy.deepcopy(head).eval()
    plain = [p for p in head.parameters() if p.ndim < 2]
    heavy = [p for p in head.parameters() if p.ndim >= 2]
    groups = [{"params": heavy, "weight_decay": 0.03}, {"params": plain, "weight_decay": 0.0}]
    optimiser = torch.optim.AdamW(groups, lr=rate)
    strides = torch.from_numpy(cells(side_px)[1])
    count = len(kept.maps)
    steps = int(passes * count / batch)
    order = np.concatenate([rng.permutation(count) for _ in range(math.ceil(passes) + 1)])
    began, losses = time.monotonic(), []
    head.train()
    for step in range(steps):
        share = step / steps
        now = (
            rate
            * min(1.0, (step + 1) / 100)
            * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * share)))
        )
        for group in optimiser.param_groups:
            group["lr"] = now
        maps, sides, kinds = kept.batch(np.sort(order[step * batch : (step + 1) * batch]))
        loss = loss_of(head(maps), sides, kinds, strides)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]  # as torch ships it
        torch.nn.utils.clip_grad_norm_(head.parameters(), 10.0)
        optimiser.step()
        losses.append(float(loss.detach()))
        decay = min(_DECAY, (step + 1) / (step + 10))
        with torch.no_grad():
            for mean, value in zip(
                average.state_dict().values(), head.state_dict().values(), strict=True
            ):
                if mean.dtype.is_floating_point:
                    mean.lerp_(value, 1 - decay)
        if step % 50 == 49:
            told = f"step {step + 1} of {steps}: loss {np.mean(losses[-50:]):.3f}"
            told += f", {(time.monotonic() - began) / (step + 1):.2f} s a step"
            report(told + (f", {check(average)}" if check and step % 200 == 199 else ""))
    return average


def loss_on(kept: Kept, head: Head, side_px: int) -> float:
    """Mean loss of photos that the head has not seen."""
    strides = torch.from_numpy(cells(side_px)[1])
    losses = []
    with torch.inference_mode():
        for first in range(0, len(kept.maps), 16):
            rows = np.arange(first, min(first + 16, len(kept.maps)))
            maps, sides, kinds = kept.batch(rows)
            if (kinds > IGNORED).any():
                losses.append(float(loss_of(head(maps), sides, kinds, strides)))
    return float(np.mean(losses))
