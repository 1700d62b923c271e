"""Image encoder: preprocessing, and an ONNX graph under ONNX Runtime on the CPU."""

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as ort_state
from PIL import Image

from furniture_prompter.domain.product import RgbImage
from furniture_prompter.encoders.card import EncoderCard, Preprocessing
from furniture_prompter.errors import EncoderDamagedError, EncoderError, InvalidPhotoError

_FILTERS = {
    "box": Image.Resampling.BOX,
    "bilinear": Image.Resampling.BILINEAR,
    "hamming": Image.Resampling.HAMMING,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


def preprocess(image: RgbImage, spec: Preprocessing) -> RgbImage:
    """Fit ``image`` (height, width, 3) into (side_px, side_px, 3) as ``spec`` says.

    The answer is a new array; ``image`` stays as it is. A side that would shrink to nothing
    (a 1 x 5,000 strip, padded) keeps one pixel.

    Raises:
        InvalidPhotoError: ``image`` is no uint8 array of that shape with at least one pixel.
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
        raise InvalidPhotoError(
            f"An image must be a uint8 array (height, width, 3) of at least one pixel, not "
            f"{image.dtype} {image.shape}. Decode photos with furniture_prompter.encoders.decoding."
        )
    height, width = image.shape[:2]
    side = spec.side_px
    if (height, width) == (side, side):
        return image.copy()
    pixels = Image.fromarray(np.ascontiguousarray(image))
    resampling = _FILTERS[spec.resampling]
    if spec.fit == "squash":
        return np.array(pixels.resize((side, side), resampling))
    if spec.fit == "crop":
        short = min(height, width)
        left, top = (width - short) / 2, (height - short) / 2
        box = (left, top, left + short, top + short)
        return np.array(pixels.resize((side, side), resampling, box=box))
    scale = side / max(height, width)
    fitted_height = max(1, round(height * scale))
    fitted_width = max(1, round(width * scale))
    fitted = pixels.resize((fitted_width, fitted_height), resampling)
    if fitted.size == (side, side):
        return np.array(fitted)
    # Pillow fills and pastes four bytes a pixel; numpy would go value by value.
    square = Image.new("RGB", (side, side), spec.background)
    square.paste(fitted, ((side - fitted_width) // 2, (side - fitted_height) // 2))
    return np.array(square)


_MOST_FOR_ONE_IMAGE: Final = 8


def threads_for_one_image() -> int:
    """Threads that encode an image when nobody says how many: more share too little work."""
    return min(available_cpus(), _MOST_FOR_ONE_IMAGE)


def available_cpus() -> int:
    """Processors this process may use, which a container may limit below the machine's.

    By the processors that it may run on, and by the share of their time that its control groups
    grant, rounded up: a container with ``--cpus 2`` may run on all, for two's time together.
    """
    if hasattr(os, "sched_getaffinity"):
        allowed = len(os.sched_getaffinity(0))
    else:
        allowed = os.cpu_count() or 1
    return max(1, math.ceil(min(allowed, granted_cpus())))


def granted_cpus(
    groups: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")
) -> float:
    """Processors' time a second that control groups grant; infinity where they limit nothing.

    Args:
        groups: Where control groups are mounted. Version 2 has ``cpu.max`` in the process's own
            group and those above it (Linux, Documentation/admin-guide/cgroup-v2.rst); of version 1
            the container's own group is read (Documentation/scheduler/sched-bwc.rst).
        own: What names the process's groups.
    """
    paths = [line[4:] for line in _text(own).splitlines() if line.startswith("0::/")]
    group = groups.joinpath(*paths)
    # Up to the mount, which is the container's own group where the path is told as from outside.
    within = [each for each in (group, *group.parents) if each.is_relative_to(groups)]
    limits = [_share(*_text(each / "cpu.max").split()) for each in within]
    first = groups / "cpu"
    limits.append(_share(_text(first / "cpu.cfs_quota_us"), _text(first / "cpu.cfs_period_us")))
    return min(limits)


def _share(*limit: str) -> float:
    """A quota by its period; infinity for "max", -1 and what cannot be read."""
    try:
        quota, period = (int(part) for part in limit)
    except ValueError:
        return math.inf
    return quota / period if quota > 0 and period > 0 else math.inf


def _text(file: Path) -> str:
    try:
        return file.read_text("ascii")
    except (OSError, UnicodeDecodeError):
        return ""


_MAX_BATCH = 4
"""Images in one run of the graph. A convolutional network on a CPU gains next to nothing from more
(docs/experiments.md), and its memory grows with each."""

_ORT_ERRORS = (
    ort_state.EPFail,
    ort_state.Fail,
    ort_state.InvalidArgument,
    ort_state.InvalidGraph,
    ort_state.InvalidProtobuf,
    ort_state.NoSuchFile,
    ort_state.NotImplemented,
    ort_state.RuntimeException,
)
"""ONNX Runtime's exceptions have no common base of their own."""


class OnnxEncoder:
    """An :class:`~furniture_prompter.encoders.protocols.Encoder` over an exported graph.

    The graph takes ``image``, uint8 (batch, side, side, 3), sRGB, and gives ``vector``, float32
    (batch, dimension), rows of unit length. Everything between is in the file.
    """

    def __init__(
        self, card: EncoderCard, session: onnxruntime.InferenceSession, folder: Path
    ) -> None:
        if card.preprocessing is None:
            raise EncoderDamagedError(
                f"{card.name} is a {card.kind} encoder. Name an image encoder; "
                "`furniture-prompter encoders` lists them."
            )
        self._card = card
        self._spec = card.preprocessing
        self._session = session
        self._folder = folder

    @classmethod
    def load(
        cls, folder: Path, *, threads: int | None = None, verify: bool = True
    ) -> "OnnxEncoder":
        """Open the encoder in ``folder`` (``card.json`` and the weights it names).

        Args:
            folder: Where the card lies.
            threads: Threads for one image; None takes the processors this process may use.
            verify: Compare the weights with the card's sha256 first (a few milliseconds).

        Raises:
            EncoderNotFoundError: no card there.
            EncoderDamagedError: card, weights or graph are not what they say.
        """
        card = EncoderCard.load(folder)
        if verify:
            card.verify_files(folder)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or threads_for_one_image()
        options.inter_op_num_threads = 1
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        # Threads wait awake between the layers of a run, which is shorter for it, and sleep after
        # it: while indexing, photos are decoded on the same processors (docs/experiments.md).
        options.add_session_config_entry("session.force_spinning_stop", "1")
        options.log_severity_level = 3
        path = folder / card.weights_file
        try:
            session = onnxruntime.InferenceSession(
                str(path), sess_options=options, providers=["CPUExecutionProvider"]
            )
        except _ORT_ERRORS as error:
            raise EncoderDamagedError(
                f"{path} is no graph that ONNX Runtime {onnxruntime.__version__} can run: {error}. "
                "Reinstall furniture-prompter, or build the encoder again with its build tool."
            ) from error
        encoder = cls(card, session, folder)
        encoder._check_signature(path)
        return encoder

    def for_several_threads(self) -> "OnnxEncoder":
        """See :class:`~furniture_prompter.encoders.protocols.ForkingEncoder`.

        ONNX Runtime runs one session from several threads at once, each call on its own thread.
        """
        return OnnxEncoder.load(self._folder, threads=1, verify=False)

    @property
    def card(self) -> EncoderCard:
        """What this encoder is."""
        return self._card

    def encode(self, images: Sequence[RgbImage]) -> NDArray[np.float32]:
        """Encode images of shape (height, width, 3); see the protocol for what is promised."""
        vectors = np.empty((len(images), self._card.dimension), np.float32)
        for start in range(0, len(images), _MAX_BATCH):
            batch = np.stack(
                [preprocess(image, self._spec) for image in images[start : start + _MAX_BATCH]]
            )
            vectors[start : start + len(batch)] = self._run(batch)
        return vectors

    def _run(self, batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        try:
            (vectors,) = self._session.run(["vector"], {"image": batch})
        except _ORT_ERRORS as error:
            raise EncoderError(
                f"Encoder {self._card.name} failed on {len(batch)} images: {error}. "
                "Check its files with `furniture-prompter encoders`."
            ) from error
        return np.asarray(vectors, np.float32)

    def _check_signature(self, path: Path) -> None:
        """Refuse a graph whose input or output is not what the card says."""
        taken, given = self._session.get_inputs(), self._session.get_outputs()
        inputs = {node.name: (node.type, list(node.shape)[1:]) for node in taken}
        outputs = {node.name: (node.type, list(node.shape)[1:]) for node in given}
        side = self._spec.side_px
        expected_inputs = {"image": ("tensor(uint8)", [side, side, 3])}
        expected_outputs = {"vector": ("tensor(float)", [self._card.dimension])}
        if inputs != expected_inputs or outputs != expected_outputs:
            raise EncoderDamagedError(
                f"{path} takes {inputs} and gives {outputs}, but its card says {expected_inputs} "
                f"and {expected_outputs}. Build the encoder again with its build tool."
            )
