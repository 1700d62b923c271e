"""What decides whether two vectors may be compared."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class EncoderIdentity:
    """What decides whether two vectors may be compared.

    Attributes:
        name: Name on the encoder's card.
        weights_sha256: Hash of the weights file.
        dimension: Length of its vectors.
        metric: Always ``cosine`` in this format version.
        preprocessing: The preprocessing as its card states it; empty for prompt encoders.
    """

    name: str
    weights_sha256: str
    dimension: int
    metric: str
    preprocessing: dict[str, Any] = field(default_factory=dict)
