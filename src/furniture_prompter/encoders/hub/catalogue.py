"""Catalogue of known model-hub encoders: repository, architecture, size and licence of each.

No hash is written here: what the hub says of a revision is what a download is held to, and the
card keeps the hashes and the commit from then on.
"""

from dataclasses import dataclass
from typing import Literal

Family = Literal["siglip", "clip", "resnet"]
"""Which network a checkpoint is, by the ``model_type`` in its config.json."""


@dataclass(frozen=True, slots=True)
class KnownTeacher:
    """One teacher of the table.

    Attributes:
        repo: Where it lies on the hub.
        family: The network.
        dimension: Components of a vector.
        side_px: Side of the square that the network itself sees.
        parameters: Trained numbers of both towers, without a classifier.
        licence: SPDX expression for the weights, as their publisher states it.
        about: A sentence for a person choosing an encoder.
        revision: Branch, tag, pull request or commit that is pulled unless another is named.
    """

    repo: str
    family: Family
    dimension: int
    side_px: int
    parameters: int
    licence: str
    about: str
    revision: str = "main"

    @property
    def size_bytes(self) -> int:
        """Of the weights in float32, as the hub holds them, to within a few per cent."""
        return 4 * self.parameters


TEACHERS = {
    "resnet50": KnownTeacher(
        repo="microsoft/resnet-50",
        family="resnet",
        dimension=2048,
        side_px=224,
        parameters=23_508_032,
        licence="Apache-2.0",
        about="ResNet-50 trained on ImageNet-1k: its features before the classes, mean over the "
        "map. Photos only.",
    ),
    "siglip2-base-patch16-224": KnownTeacher(
        repo="google/siglip2-base-patch16-224",
        family="siglip",
        dimension=768,
        side_px=224,
        parameters=375_187_970,
        licence="Apache-2.0",
        about="SigLIP 2, base: photos, and prompts in many languages, in one space.",
    ),
    "siglip2-large-patch16-256": KnownTeacher(
        repo="google/siglip2-large-patch16-256",
        family="siglip",
        dimension=1024,
        side_px=256,
        parameters=881_526_786,
        licence="Apache-2.0",
        about="SigLIP 2, large: photos, and prompts in many languages, in one space.",
    ),
    "siglip2-so400m-patch14-384": KnownTeacher(
        repo="google/siglip2-so400m-patch14-384",
        family="siglip",
        dimension=1152,
        side_px=384,
        parameters=1_136_008_498,
        licence="Apache-2.0",
        about="SigLIP 2, shape-optimised, 400 M parameters a tower: the strongest and slowest.",
    ),
    "siglip-base-patch16-224": KnownTeacher(
        repo="google/siglip-base-patch16-224",
        family="siglip",
        dimension=768,
        side_px=224,
        parameters=203_155_970,
        licence="Apache-2.0",
        about="SigLIP, base: photos and English prompts in one space.",
        # The main branch held the tokenizer for sentencepiece only; this pull request adds
        # tokenizer.json. The hub keeps a pull request's commit also after it is merged.
        revision="refs/pr/4",
    ),
    "clip-vit-base-patch32": KnownTeacher(
        repo="openai/clip-vit-base-patch32",
        family="clip",
        dimension=512,
        side_px=224,
        parameters=151_277_313,
        licence="MIT",
        about="CLIP, ViT-B/32: photos and English prompts in one space; the fastest with words.",
        # The main branch of this repository held pickled weights only; this pull request of the
        # hub's own conversion robot has carried model.safetensors since 2023, and others rely on
        # it (the candle examples).
        revision="refs/pr/15",
    ),
}


def known_teacher(name: str) -> KnownTeacher | None:
    """The teacher of that name, or of that repository."""
    by_repo = {known.repo: known for known in TEACHERS.values()}
    return TEACHERS.get(name) or by_repo.get(name)


UNSTATED_LICENCE = "LicenseRef-unstated"
"""The licence on the card of a checkpoint whose publisher names none."""
