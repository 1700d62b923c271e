"""Which rendered models nothing that ships or is compared learns from."""

from collections.abc import Iterable

HELD_OUT_EVERY = 5


def held_out_families(families: Iterable[str]) -> frozenset[str]:
    """Every HELD_OUT_EVERY-th model by name, all its finishes together.

    The bundled catalog and the builder's full set show the same models, so both keep the same
    ones apart.

    Args:
        families: The model's name of each product, repeated or not.
    """
    return frozenset(sorted(set(families))[::HELD_OUT_EVERY])
