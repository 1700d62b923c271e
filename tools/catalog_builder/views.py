"""From where each product is shown."""

from __future__ import annotations

from tools.catalog_builder.framing import View
from tools.catalog_builder.libraries import SourceModel

# The first two are the bundled catalog's: front three-quarter from the left, and from the right
# and higher up.
_STANDING = (
    View(-32, 16), View(46, 32), View(0, 8), View(-60, 12), View(22, 24), View(66, 16),
    View(-14, 40), View(-46, 30), View(34, 5), View(-78, 22), View(80, 30), View(10, 15),
)  # fmt: skip
# Things that lie flat are seen from above, things that hang flat from their front.
_LYING = (
    View(-28, 48), View(40, 66), View(0, 38), View(-55, 55), View(15, 75), View(65, 45),
    View(-15, 60), View(-75, 40), View(28, 34), View(85, 58), View(-40, 70), View(52, 52),
)  # fmt: skip
_HANGING = (
    View(-24, 8), View(36, 22), View(0, 3), View(-45, 14), View(14, 16), View(50, 10),
    View(-12, 30), View(-34, 26), View(24, 2), View(-55, 20), View(56, 28), View(6, 10),
)  # fmt: skip
# Thinner than this share of its longest side, a thing counts as flat.
_FLAT_SHARE = 0.12


def views_of(model: SourceModel, count: int) -> tuple[View, ...]:
    """The first ``count`` (at most 12) views of a model, chosen by its proportions.

    Raises:
        ValueError: more views than there are.
    """
    if not 1 <= count <= len(_STANDING):
        raise ValueError(f"{count} views asked for; there are 1 to {len(_STANDING)}")
    longest = max(model.width_cm, model.depth_cm, model.height_cm)
    if model.height_cm < _FLAT_SHARE * longest:
        return _LYING[:count]
    if model.depth_cm < _FLAT_SHARE * longest:
        return _HANGING[:count]
    return _STANDING[:count]
