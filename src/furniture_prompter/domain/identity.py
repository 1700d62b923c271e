"""What decides whether two vectors may be compared."""

import hashlib
import json
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
        space: The :attr:`space_id` of the encoder whose space this one was taught or exported
            into; empty for a space of its own.
    """

    name: str
    weights_sha256: str
    dimension: int
    metric: str
    preprocessing: dict[str, Any] = field(default_factory=dict)
    space: str = ""

    @property
    def space_id(self) -> str:
        """The space that its vectors lie in; equal ids, comparable vectors.

        A space of its own is named by the sha256 over the canonical JSON (sorted keys, no blanks)
        of what decides a vector: weights_sha256, dimension, metric and preprocessing. The name is
        no part of it: the same weights under another name give the same vectors.
        """
        if self.space:
            return self.space
        decisive = {
            "weights_sha256": self.weights_sha256,
            "dimension": self.dimension,
            "metric": self.metric,
            "preprocessing": self.preprocessing,
        }
        text = json.dumps(decisive, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode("utf-8")).hexdigest()

    def shares_space_with(self, other: "EncoderIdentity") -> bool:
        """Whether vectors of both may be compared with one another."""
        return (self.space_id, self.dimension, self.metric) == (
            other.space_id,
            other.dimension,
            other.metric,
        )
