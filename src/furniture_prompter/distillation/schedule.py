"""The learning rate of each step."""

import math


def rate_share(step: int, steps: int, warmup: float) -> float:
    """Share of the highest learning rate at `step`, 0-based, of `steps`.

    It rises in a straight line over the first `warmup` share of the steps (Goyal et al., arXiv
    1706.02677) and falls to 0 along half a cosine (Loshchilov & Hutter, SGDR, ICLR 2017) after.
    """
    rising = math.ceil(warmup * steps)
    if step < rising:
        return (step + 1) / rising
    done = (step - rising) / max(1, steps - rising)
    return 0.5 * (1 + math.cos(math.pi * min(1.0, done)))
