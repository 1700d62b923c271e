"""The recipe that encoders are timed against: Pillow, then eager PyTorch in float32, in batches.

It is the one of the report that this project began from: a ResNet50 whose 2,048 pooled values are
the vector, and a ResNet18 with a linear layer to as many. Speed does not depend on what weights
say, so they are random; nothing is ever found with them.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import nn

from furniture_prompter.distillation.networks import (
    IMAGENET_MEAN,
    IMAGENET_SCALE,
    architecture,
    build_backbone,
)
from furniture_prompter.distillation.networks.student import parameter_count
from furniture_prompter.distillation.operations import multiply_adds_of_module
from furniture_prompter.domain.product import RgbImage
from furniture_prompter.errors import InvalidPhotoError
from furniture_prompter.evaluation.latency import EnergyMeter, Passed, Rival, Stretch
from furniture_prompter.evaluation.record import (
    ENCODE,
    PREPROCESS,
    READ_AND_DECODE,
    EncoderFacts,
)

SIDE_PX: Final = 224
DIMENSION: Final = 2_048
RECIPE_BATCH: Final = 32

_SEED: Final = 0


class PooledResNet50(nn.Module):
    """The teacher: the last feature map's mean, (n, 2,048)."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = build_backbone("resnet50")

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Normalised images (n, 3, side, side)."""
        maps: torch.Tensor = self.backbone(images)
        return maps.mean(dim=(2, 3))


class HeadedResNet18(nn.Module):
    """The student: ResNet18's pooled features mapped to (n, 2,048)."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = build_backbone("resnet18")
        self.head = nn.Linear(self.backbone.width, DIMENSION)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Normalised images (n, 3, side, side)."""
        maps: torch.Tensor = self.backbone(images)
        projected: torch.Tensor = self.head(maps.mean(dim=(2, 3)))
        return projected


@dataclass(frozen=True, slots=True, eq=False)
class ReferenceRecipe:
    """One of the two, its stages apart.

    Attributes:
        name: What reports call it.
        architecture: The network.
        network: In evaluation mode.
        batch: Photos that it takes at once.
    """

    name: str
    architecture: str
    network: nn.Module
    batch: int = RECIPE_BATCH

    def read(self, path: Path) -> RgbImage:
        """A photo as the recipe reads it: opened, decoded and resized by Pillow, (224, 224, 3).

        Raises:
            InvalidPhotoError: Pillow cannot read it.
        """
        try:
            with Image.open(path) as photo:
                square = photo.convert("RGB").resize((SIDE_PX, SIDE_PX), Image.Resampling.BILINEAR)
        except OSError as error:
            raise InvalidPhotoError(
                f"The photo {path} cannot be read ({error}). Export or download it again."
            ) from error
        return np.asarray(square)

    def preprocess(self, squares: Sequence[RgbImage]) -> NDArray[np.float32]:
        """Squares as normalised planes, float32 (n, 3, 224, 224)."""
        mean = np.array(IMAGENET_MEAN, np.float32)
        scale = np.array(IMAGENET_SCALE, np.float32)
        return np.stack(
            [((square.astype(np.float32) - mean) / scale).transpose(2, 0, 1) for square in squares]
        )

    def encode(self, planes: NDArray[np.float32]) -> NDArray[np.float32]:
        """Normalised planes to rows of 2,048, which are not of unit length."""
        with torch.inference_mode():
            rows: NDArray[np.float32] = self.network(torch.from_numpy(planes)).numpy()
        return rows

    @property
    def parameters(self) -> int:
        """Trained numbers."""
        return parameter_count(self.network)

    @property
    def multiply_adds(self) -> int:
        """For one image."""
        return multiply_adds_of_module(self.network, torch.zeros(1, 3, SIDE_PX, SIDE_PX))


class RecipeTurns(Rival):
    """The recipe's turns, in its own batches.

    Photos are resized while they are read; preprocessing normalises and stacks. What is done for a
    batch is divided by the batch's photos.
    """

    def __init__(self, recipe: ReferenceRecipe) -> None:
        super().__init__(recipe.name)
        self._recipe = recipe
        self._planes = np.zeros((0, 0), np.float32)

    def warm_up_photos(self, wanted: int) -> int:
        """Whole batches: PyTorch chooses its kernels anew for each number of images."""
        return -(-wanted // self._recipe.batch) * self._recipe.batch

    def pass_over(self, photos: Sequence[Path], meter: EnergyMeter | None) -> Passed:
        """See :class:`Turns`."""
        passed, size = Passed(), self._recipe.batch
        for start in range(0, len(photos), size):
            batch = photos[start : start + size]
            squares: list[RgbImage] = []
            read_s: list[float] = []
            with Stretch(passed, meter):
                for path in batch:
                    began = time.perf_counter()
                    squares.append(self._recipe.read(path))
                    read_s.append(time.perf_counter() - began)
                has_squares = time.perf_counter()
                planes = self._recipe.preprocess(squares)
                has_planes = time.perf_counter()
                self._recipe.encode(planes)
                has_vectors = time.perf_counter()
            for seconds in read_s:
                passed.add(READ_AND_DECODE, seconds)
            passed.add(PREPROCESS, has_planes - has_squares, len(batch))
            passed.add(ENCODE, has_vectors - has_planes, len(batch))
        return passed

    def prepare(self, photos: Sequence[Path]) -> None:
        """See :class:`Turns`."""
        self._planes = self._recipe.preprocess([self._recipe.read(path) for path in photos])

    def encode(self, count: int) -> None:
        """See :class:`Turns`."""
        self._recipe.encode(self._planes[:count])

    def facts(self) -> EncoderFacts:
        """See :class:`Rival`; the weights never lay in a file."""
        return EncoderFacts(
            key=self._recipe.name,
            name=self._recipe.name,
            role="reference recipe",
            architecture=self._recipe.architecture,
            precision="fp32",
            runtime="PyTorch, eager",
            side_px=SIDE_PX,
            dimension=DIMENSION,
            parameters=self._recipe.parameters,
            multiply_adds=self._recipe.multiply_adds,
            file_bytes=0,
            weights_sha256="",
            licence="none: random weights",
            space="",
            space_id="",
            searches=False,
            notes="random weights: timing only",
        )


def reference_recipes(threads: int) -> tuple[ReferenceRecipe, ...]:
    """The teacher's recipe, then the student's.

    Args:
        threads: Of PyTorch, in the whole process, until somebody sets them anew.
    """
    torch.set_num_threads(threads)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_SEED)
        teacher, student = PooledResNet50().eval(), HeadedResNet18().eval()
    return (
        ReferenceRecipe("recipe: ResNet50, PyTorch", architecture("resnet50").title, teacher),
        ReferenceRecipe(
            "recipe: ResNet18, PyTorch",
            f"{architecture('resnet18').title} and a linear layer",
            student,
        ),
    )


def recipe_turns(threads: int) -> tuple[RecipeTurns, ...]:
    """Both recipes, ready to be timed beside encoders; see :func:`reference_recipes`."""
    return tuple(RecipeTurns(each) for each in reference_recipes(threads))
