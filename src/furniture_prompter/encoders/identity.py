"""From an encoder's card to what a catalog remembers of it."""

from dataclasses import asdict

from furniture_prompter.domain import EncoderIdentity
from furniture_prompter.encoders.card import EncoderCard


def identity_of(card: EncoderCard) -> EncoderIdentity:
    """What decides whether vectors of this encoder and another's are comparable."""
    preprocessing = asdict(card.preprocessing) if card.preprocessing else {}
    # JSON has no tuples: the manifest must read back equal.
    plain = {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in preprocessing.items()
    }
    return EncoderIdentity(
        name=card.name,
        weights_sha256=card.weights_sha256,
        dimension=card.dimension,
        metric=card.metric,
        preprocessing=plain,
        space=card.space.id if card.space else "",
    )
