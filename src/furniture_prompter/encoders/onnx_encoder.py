"""Image encoder: an ONNX graph under ONNX Runtime on the CPU, and what is known of its vectors.

The orientation classifier tells which side of a photo is up from the photo's vector alone:
multinomial logistic regression over vectors of upright and turned photos. It costs a dot product
where looking at the turned photos costs three more runs of the encoder, and it is surest of upright
pieces that have one side to stand on; of a rug it can say little.

The noise of rooms is what floors, light and neighbours add to the vector of a piece that is cut out
of a room: the covariance of drawn rooms' pieces less photos of the same pieces alone. Along its
largest axes vectors of such cuts count less, and a catalog's vectors stay as they are.
"""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as ort_state

from furniture_prompter.domain.product import RgbImage
from furniture_prompter.encoders.card import EncoderCard
from furniture_prompter.encoders.preprocessing import preprocess
from furniture_prompter.encoders.processors import threads_for_one_image
from furniture_prompter.errors import EncoderDamagedError, EncoderError

SIDES_FILE: Final = "sides.npy"
"""Beside the card of an encoder that has such a classifier."""
SIDES: Final = 4
"""Upright, and turned clockwise by 90, 180 and 270 degrees."""
LEAST_PROBABILITY: Final = 0.5
"""Of being upright, for a photo not to be tried on its other sides. Chosen on two shops
(docs/experiments.md, "Which side of a photo is up")."""

ROOMS_FILE: Final = "rooms.npy"
"""Beside the card of an encoder that knows the noise of rooms."""
_CURE: Final = "Build the encoder again with its build tool."


class RoomNoise:
    """Takes out of a vector what a room around a piece adds to it."""

    def __init__(self, axes: NDArray[np.float32]) -> None:
        """Take the axes, shape (axes, d), each as long as the root of the share it loses."""
        self.axes = axes

    @classmethod
    def beside(cls, folder: Path, card: EncoderCard) -> "RoomNoise | None":
        """That of the encoder in `folder`; None where its card names none.

        Raises:
            EncoderDamagedError: the file is not what it should be.
        """
        if ROOMS_FILE not in card.other_files:
            return None
        axes = _rows_beside(folder / ROOMS_FILE)
        lengths = np.square(axes, dtype=np.float64).sum(axis=-1) if axes.ndim else axes
        if axes.ndim != 2 or axes.shape[1] != card.dimension or (lengths > 1).any():
            raise EncoderDamagedError(
                f"{folder / ROOMS_FILE} holds {axes.shape}, not rows of {card.dimension} "
                f"components that are at most 1 long. {_CURE}"
            )
        return cls(axes)

    def without(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Vectors of pieces, shape (n, d), without it: shape (n, d), each of length 1."""
        left = vectors - (vectors @ self.axes.T) @ self.axes
        lengths = np.linalg.norm(left, axis=1, keepdims=True)
        unit: NDArray[np.float32] = (left / np.maximum(lengths, 1e-9)).astype(np.float32)
        return unit


def _rows_beside(path: Path) -> NDArray[np.float32]:
    """A file of float32 beside a card, of any shape.

    Raises:
        EncoderDamagedError: it is none.
    """
    try:
        rows: NDArray[np.float32] = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError, MemoryError) as error:
        raise EncoderDamagedError(
            f"Cannot read {path}: {error}. Reinstall furniture-prompter, or build the encoder "
            "again with its build tool."
        ) from error
    if rows.dtype != np.float32:
        raise EncoderDamagedError(f"{path} holds {rows.dtype}, not float32. {_CURE}")
    if not np.isfinite(rows).all():
        raise EncoderDamagedError(f"{path} holds numbers that are none. {_CURE}")
    return rows


class SideClassifier:
    """Tells the probability of each side."""

    def __init__(self, weights: NDArray[np.float32]) -> None:
        """Take the weights of the vector's components and, last, the constant: (d + 1, SIDES)."""
        self.weights = weights

    @classmethod
    def beside(cls, folder: Path, card: EncoderCard) -> "SideClassifier | None":
        """The classifier of the encoder in `folder`; None where its card names none.

        Raises:
            EncoderDamagedError: the file is not what it should be.
        """
        if SIDES_FILE not in card.other_files:
            return None
        weights = _rows_beside(folder / SIDES_FILE)
        if weights.shape != (card.dimension + 1, SIDES):
            raise EncoderDamagedError(
                f"{folder / SIDES_FILE} holds float32 {weights.shape}, not float32 "
                f"{(card.dimension + 1, SIDES)}. {_CURE}"
            )
        return cls(weights)

    def probabilities(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Of each side, shape (n, SIDES), for vectors of shape (n, d)."""
        logits = vectors @ self.weights[:-1] + self.weights[-1]
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        shares: NDArray[np.float32] = powers / powers.sum(axis=1, keepdims=True)
        return shares

    def looks_upright(self, vector: NDArray[np.float32]) -> bool:
        """Whether a photo's vector, shape (d,), says that its other sides need no trying."""
        return bool(self.probabilities(vector[np.newaxis])[0, 0] >= LEAST_PROBABILITY)


_MAX_BATCH = 4
"""Images in one run of the graph. A convolutional network on a CPU gains next to nothing from more
(docs/experiments.md), and its memory grows with each."""

ORT_ERRORS = (
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


@cache
def _share_memory() -> None:
    """Let the sessions of this process run in the same memory; of two each kept what it took."""
    memory = onnxruntime.OrtMemoryInfo(
        "Cpu", onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, onnxruntime.OrtMemType.DEFAULT
    )
    limits = onnxruntime.OrtArenaCfg({"arena_extend_strategy": 0})
    onnxruntime.create_and_register_allocator(memory, limits)


class OnnxEncoder:
    """An :class:`~furniture_prompter.encoders.protocols.Encoder` over an exported graph.

    The graph takes ``image``, uint8 (batch, side, side, 3), sRGB, and gives ``vector``, float32
    (batch, dimension), rows of unit length. Everything between is in the file.
    """

    def __init__(
        self, card: EncoderCard, session: onnxruntime.InferenceSession, folder: Path
    ) -> None:
        """Take what :meth:`load` read; raises EncoderDamagedError for a card of prompts."""
        if card.preprocessing is None:
            raise EncoderDamagedError(
                f"{card.name} is a {card.kind} encoder. Name an image encoder; "
                "`furniture-prompter encoders` lists them."
            )
        self._card = card
        self._spec = card.preprocessing
        self._session = session
        self._folder = folder
        self._sides: SideClassifier | None = None
        self._rooms: RoomNoise | None = None
        # A single thread gains nothing from more, and needs four times the memory for four.
        self._at_once = 1 if session.get_session_options().intra_op_num_threads == 1 else _MAX_BATCH

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
        _share_memory()
        options = onnxruntime.SessionOptions()
        options.add_session_config_entry("session.use_env_allocators", "1")
        options.intra_op_num_threads = threads or threads_for_one_image()
        options.inter_op_num_threads = 1
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        # Threads wait awake between the layers of a run, which is shorter for it, and sleep after
        # it: while indexing, photos are decoded on the same processors (docs/experiments.md).
        options.add_session_config_entry("session.force_spinning_stop", "1")
        # A plan of one block for all that a run needs holds twice what it needs at a time.
        options.enable_mem_pattern = False
        options.log_severity_level = 3
        path = folder / card.weights_file
        try:
            session = onnxruntime.InferenceSession(
                str(path), sess_options=options, providers=["CPUExecutionProvider"]
            )
        except ORT_ERRORS as error:
            raise EncoderDamagedError(
                f"{path} is no graph that ONNX Runtime {onnxruntime.__version__} can run: {error}. "
                "Reinstall furniture-prompter, or build the encoder again with its build tool."
            ) from error
        encoder = cls(card, session, folder)
        encoder._check_signature(path)
        encoder._sides = SideClassifier.beside(folder, card)
        encoder._rooms = RoomNoise.beside(folder, card)
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
        for start in range(0, len(images), self._at_once):
            batch = np.stack(
                [preprocess(image, self._spec) for image in images[start : start + self._at_once]]
            )
            vectors[start : start + len(batch)] = self._run(batch)
        return vectors

    def looks_upright(self, vector: NDArray[np.float32]) -> bool:
        """See :class:`.SideTellingEncoder`; `vector` has shape (d,)."""
        return self._sides is not None and self._sides.looks_upright(vector)

    def without_room(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """See :class:`.RoomTellingEncoder`; shape (n, d), and the same where nothing is known."""
        return vectors if self._rooms is None else self._rooms.without(vectors)

    def _run(self, batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        try:
            (vectors,) = self._session.run(["vector"], {"image": batch})
        except ORT_ERRORS as error:
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
