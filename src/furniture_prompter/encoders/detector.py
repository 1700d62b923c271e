"""Detectors: networks that find pieces of furniture in a photo of a room.

One ships. A folder with ``card.json`` and the weights it names is one, as an encoder's is; the
card says how the network's output is read. Nothing in the folder is ever executed.
"""

import functools
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final, Literal

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from PIL import Image
from pydantic import ConfigDict, TypeAdapter, ValidationError

from furniture_prompter.domain.product import RgbImage
from furniture_prompter.domain.query import Crop, Piece
from furniture_prompter.encoders.card import CARD_FILE
from furniture_prompter.encoders.onnx_encoder import ORT_ERRORS
from furniture_prompter.encoders.processors import threads_for_one_image
from furniture_prompter.errors import EncoderDamagedError, EncoderError, EncoderNotFoundError

if TYPE_CHECKING:
    from google.protobuf.message import Message

Boxes = NDArray[np.float32]

LIMIT_WEIGHTS_BYTES: Final = 500_000_000
"""Larger weights are refused unread."""
MOST_PIECES: Final = 20
"""Pieces that are told of one photo, the surest first."""
LEAST_SHARE: Final = 0.002
"""Share of the photo's area that a piece has at least."""
SAME_PIECE: Final = {"yolox": 0.6, "sides": 0.5}
"""Intersection over union from which two boxes are one piece, whatever their kinds, by layout."""
PLAIN_LEVELS: Final = 24
"""Levels by which a border's pixel may differ from its median and still be plain."""
PLAIN_SHARE: Final = 0.8
"""Share of a border's pixels from which it is plain."""
_BORDER_PIXELS: Final = 256
_CANDIDATES: Final = 300
_STRIDES: Final = {"yolox": (8, 16, 32), "sides": (8, 16, 32, 64)}
_GREY: Final = 114
_MIDDLE: Final = 127
# e to this times the largest stride is more than any side that a network takes.
_MOST_EXPONENT: Final = 8.0
_CURE: Final = "Write its card as docs/encoders.md says, or name another folder."


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorCard:
    """What a detector is, and how its output is read.

    Attributes:
        name: For people.
        layout: ``yolox``: input ``(1, 3, side, side)``, float32, blue, green and red from 0 to 255,
            the photo at the upper left on grey 114; output ``(1, cells, 5 + kinds)`` of the
            strides 8, 16 and 32, not yet decoded, as YOLOX's own export gives it.
            ``sides``: input ``(1, side, side, 3)``, uint8, sRGB, the photo at the upper left on
            grey 127; output ``(1, cells, 5 + kinds)`` of the strides 8, 16, 32 and 64, row by row:
            distances from a cell's middle to left, top, right and bottom in strides, how sure it
            is of a piece, 0 to 1, and the shares of the kinds.
        side_px: Side of its square input, a multiple of the largest stride.
        kinds: What it tells apart, in the order of its output.
        furniture: Those of `kinds` that count as pieces.
        weights_file: The ONNX file, beside the card.
        weights_sha256: Of that file.
        weights_bytes: Its size.
        least_score: Score, 0 to 1, from which a box is a piece.
        passes_plain: Whether a photo whose border is plain, as product photos have it, is given no
            pieces without a look.
        licence: SPDX expression for the weights.
        source: Where they come from, in words.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    name: str
    layout: Literal["yolox", "sides"]
    side_px: int
    kinds: tuple[str, ...]
    furniture: tuple[str, ...]
    weights_file: str
    weights_sha256: str
    weights_bytes: int
    least_score: float = 0.2
    passes_plain: bool = False
    licence: str = ""
    source: str = ""

    def __post_init__(self) -> None:
        step = _STRIDES[self.layout][-1]
        if not step <= self.side_px <= 2_048 or self.side_px % step:
            raise ValueError(
                f"side_px must be a multiple of {step} up to 2048, not {self.side_px}."
            )
        if not 1 <= len(self.kinds) <= 10_000 or len(set(self.kinds)) < len(self.kinds):
            raise ValueError("kinds must be one name or more, each once.")
        missing = set(self.furniture) - set(self.kinds)
        if missing or not self.furniture:
            raise ValueError("furniture must name at least one of kinds, and nothing else.")
        plain = (
            self.weights_file.isprintable() and self.weights_file == Path(self.weights_file).name
        )
        if not self.weights_file or not plain:
            raise ValueError("weights_file must be the plain name of a file beside the card.")
        if not 1 <= self.weights_bytes <= LIMIT_WEIGHTS_BYTES:
            raise ValueError(f"weights_bytes must be at most {LIMIT_WEIGHTS_BYTES:,}.")
        if not 0 < self.least_score < 1:
            raise ValueError(f"least_score must lie between 0 and 1, not {self.least_score}.")

    @classmethod
    def load(cls, folder: Path) -> "DetectorCard":
        """Read the card in `folder`.

        Raises:
            EncoderNotFoundError: there is none.
            EncoderDamagedError: it is no JSON, or lacks or has a field that it must not.
        """
        path = folder / CARD_FILE
        try:
            text = path.read_bytes()
        except OSError as error:
            raise EncoderNotFoundError(
                f"No detector at {folder}: there is no {CARD_FILE} that can be read. {_CURE}"
            ) from error
        try:
            return _adapter().validate_json(text)
        except ValidationError as error:
            wrong = "; ".join(
                f"{'.'.join(str(part) for part in item['loc']) or 'card'}: {item['msg']}"
                for item in error.errors(include_url=False, include_input=False)
            )
            raise EncoderDamagedError(f"{path} is no detector's card ({wrong}). {_CURE}") from error


@functools.cache
def _adapter() -> TypeAdapter[DetectorCard]:
    return TypeAdapter(DetectorCard)


class Detector:
    """Finds pieces with an ONNX graph on the CPU; safe to use from several threads."""

    def __init__(self, card: DetectorCard, session: onnxruntime.InferenceSession) -> None:
        """Use :meth:`load`."""
        self.card = card
        self._session = session
        self._input = session.get_inputs()[0].name
        self._wanted = np.array([card.kinds.index(kind) for kind in card.furniture])
        self._cells, self._strides = _grid(card)

    @classmethod
    def load(cls, folder: Path, *, threads: int | None = None) -> "Detector":
        """Open the detector in `folder`.

        Args:
            folder: Where its card lies.
            threads: Threads for one photo; None takes the processors this process may use.

        Raises:
            EncoderNotFoundError: no card there.
            EncoderDamagedError: card, weights or graph are not what they say.
        """
        card = DetectorCard.load(folder)
        path = folder / card.weights_file
        data = _weights(path, card)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or threads_for_one_image()
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.force_spinning_stop", "1")
        options.log_severity_level = 3
        # Else a file that begins as ONNX Runtime's own format is read as that.
        options.add_session_config_entry("session.load_model_format", "ONNX")
        _refuse_other_files(path, data)
        try:
            # From memory: what was hashed is what runs.
            session = onnxruntime.InferenceSession(
                data, sess_options=options, providers=["CPUExecutionProvider"]
            )
        except ORT_ERRORS as error:
            raise EncoderDamagedError(
                f"{path} is no graph that ONNX Runtime {onnxruntime.__version__} can run: {error}. "
                f"{_CURE}"
            ) from error
        _refuse_signature(path, card, session)
        return cls(card, session)

    def find(self, image: RgbImage, *, is_room: bool = False) -> tuple[Piece, ...]:
        """Pieces of furniture in a photo, the surest first, at most :data:`MOST_PIECES`.

        Args:
            image: Pixels, shape (height, width, 3), uint8, sRGB.
            is_room: Whether somebody says that it shows a room, whatever its border is like.

        Raises:
            EncoderError: the graph fails.
            EncoderDamagedError: its output is not as its card and itself say.
        """
        if self.card.passes_plain and not is_room and has_plain_border(image):
            return ()
        scale = self.card.side_px / max(image.shape[:2])
        try:
            raw = self._session.run(None, {self._input: _given(image, self.card)})[0]
        except ORT_ERRORS as error:
            raise EncoderError(
                f"Detector {self.card.name} failed: {error}. Check its file and card."
            ) from error
        found = self._rows(raw)
        best, score = self._surest(found)
        kept = np.flatnonzero(score >= self.card.least_score)
        kept = kept[np.argsort(-score[kept], kind="stable")[:_CANDIDATES]]
        boxes = self._corners(found, kept) / scale
        height, width = image.shape[:2]
        boxes = boxes.clip(0, np.array([width, height, width, height], np.float32))
        sides = boxes[:, 2:] - boxes[:, :2]
        # Not the other way round: a box of NaN must be left out too.
        large = sides.prod(axis=1) >= LEAST_SHARE * height * width
        kept, boxes = kept[large], boxes[large]
        chosen = _merged(boxes, SAME_PIECE[self.card.layout])[:MOST_PIECES]
        kinds = best[kept]
        if self.card.layout == "sides":
            kinds = self._voted(found[kept], score[kept], boxes, chosen)
        return tuple(
            Piece(
                Crop(
                    float(boxes[place, 0] / width),
                    float(boxes[place, 1] / height),
                    float((boxes[place, 2] - boxes[place, 0]) / width),
                    float((boxes[place, 3] - boxes[place, 1]) / height),
                ),
                round(min(float(score[kept[place]]), 1.0), 4),
                self.card.furniture[int(kinds[place])],
            )
            for place in chosen
        )

    def _rows(self, raw: object) -> Boxes:
        """The graph's output, one row for each cell; ONNX Runtime only warns of another shape."""
        wanted = (1, len(self._cells), 5 + len(self.card.kinds))
        if not isinstance(raw, np.ndarray) or raw.dtype != np.float32 or raw.shape != wanted:
            shape = getattr(raw, "shape", None)
            raise EncoderDamagedError(
                f"Detector {self.card.name} gave an output of shape {shape}, but by its card it "
                f"gives {wanted}. Export the network again for photos of {self.card.side_px} px, "
                "or name another folder."
            )
        rows: Boxes = raw[0]
        return rows

    def _surest(self, found: Boxes) -> tuple[NDArray[np.intp], Boxes]:
        """Place in the card's furniture of each cell's likeliest kind, and its score, (cells,)."""
        with np.errstate(over="ignore", invalid="ignore"):
            scores = found[:, 4:5] * found[:, 5:][:, self._wanted]
        # What is not finite is not sure of anything, nor does it hide another kind's score.
        scores[~np.isfinite(scores)] = 0
        best = scores.argmax(axis=1)
        if self.card.layout == "yolox":
            return best, scores[np.arange(len(best)), best]
        # How sure it is of a piece does not depend on how sure it is of the kind.
        sure = np.where(np.isfinite(found[:, 4]), found[:, 4], 0)
        kinds = np.where(np.isfinite(found[:, 5:]), found[:, 5:], 0).argmax(axis=1)
        return best, np.where(np.isin(kinds, self._wanted), sure, 0)

    def _voted(
        self, found: Boxes, score: Boxes, boxes: Boxes, chosen: list[int]
    ) -> NDArray[np.intp]:
        """Place in the card's furniture by all cells that see one piece; (n,), of `chosen` alone.

        Args:
            found: Rows of the output, shape (n, 5 + kinds).
            score: How sure each is of a piece, shape (n,).
            boxes: Where each sees it, shape (n, 4).
            chosen: Places of the boxes that are told.
        """
        shares = np.where(np.isfinite(found[:, 5:]), found[:, 5:], 0)[:, self._wanted]
        weighted = shares * score[:, np.newaxis]
        kinds = np.zeros(len(boxes), np.intp)
        for place in chosen:
            same = _are_one(boxes[place], boxes, SAME_PIECE[self.card.layout])
            kinds[place] = weighted[same].sum(axis=0).argmax()
        return kinds

    def _corners(self, found: Boxes, kept: NDArray[np.intp]) -> Boxes:
        """Left, top, right and bottom in the network's pixels, shape (n, 4)."""
        strides = self._strides[kept]
        # Where it is not finite it is no box: its area is NaN, or nothing after clipping.
        with np.errstate(over="ignore", invalid="ignore"):
            if self.card.layout == "sides":
                middles = (self._cells[kept] + 0.5) * strides
                sides = found[kept, :4] * strides
                return np.concatenate([middles - sides[:, :2], middles + sides[:, 2:]], axis=1)
            middles = (found[kept, :2] + self._cells[kept]) * strides
            halves = np.exp(found[kept, 2:4].clip(max=_MOST_EXPONENT)) * strides / 2
            return np.concatenate([middles - halves, middles + halves], axis=1)


def _grid(card: DetectorCard) -> tuple[Boxes, Boxes]:
    """Column and row of every cell, shape (cells, 2), and its stride, (cells, 1)."""
    cells, strides = [], []
    for stride in _STRIDES[card.layout]:
        count = card.side_px // stride
        rows, columns = np.indices((count, count))
        cells.append(np.stack([columns.ravel(), rows.ravel()], axis=1))
        strides.append(np.full((count * count, 1), stride))
    return np.concatenate(cells).astype(np.float32), np.concatenate(strides).astype(np.float32)


def has_plain_border(image: RgbImage) -> bool:
    """Whether nearly all of a photo's outermost pixels have one colour, as before a studio's wall.

    Args:
        image: Pixels, shape (height, width, 3), uint8.
    """
    down, across = (max(1, length // _BORDER_PIXELS) for length in image.shape[:2])
    sides = (image[0, ::across], image[-1, ::across], image[::down, 0], image[::down, -1])
    border = np.concatenate(sides).astype(np.int16)
    apart = np.abs(border - np.median(border, axis=0)).max(axis=1)
    return bool((apart <= PLAIN_LEVELS).mean() >= PLAIN_SHARE)


def square(image: RgbImage, side_px: int, grey: int = _MIDDLE) -> RgbImage:
    """A photo at the upper left of a grey square of a side, shape (side_px, side_px, 3), uint8."""
    scale = side_px / max(image.shape[:2])
    height = max(1, round(image.shape[0] * scale))
    width = max(1, round(image.shape[1] * scale))
    fitted = Image.fromarray(np.ascontiguousarray(image)).resize(
        (width, height), Image.Resampling.BILINEAR
    )
    filled = np.full((side_px, side_px, 3), grey, np.uint8)
    filled[:height, :width] = np.asarray(fitted)
    return filled


def _given(image: RgbImage, card: DetectorCard) -> NDArray[np.generic]:
    """What the network takes of a photo, by its layout."""
    if card.layout == "sides":
        return square(image, card.side_px)[np.newaxis]
    planes = square(image, card.side_px, _GREY)[:, :, ::-1].transpose(2, 0, 1)
    return np.ascontiguousarray(planes[np.newaxis], np.float32)


def _merged(boxes: Boxes, same: float) -> list[int]:
    """Places of boxes, shape (n, 4) surest first, without those that a surer one covers so far."""
    left = list(range(len(boxes)))
    kept: list[int] = []
    while left:
        first, *left = left
        kept.append(first)
        is_it = _are_one(boxes[first], boxes[left], same).tolist()
        left = [place for place, covered in zip(left, is_it, strict=True) if not covered]
    return kept


def _are_one(box: Boxes, boxes: Boxes, same: float) -> NDArray[np.bool_]:
    """Which boxes, shape (n, 4), overlap a box, (4,), by so much of their union; shape (n,)."""
    low, high = np.maximum(boxes[:, :2], box[:2]), np.minimum(boxes[:, 2:], box[2:])
    shared = (high - low).clip(0).prod(axis=1)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    union = areas + (box[2:] - box[:2]).prod() - shared
    one: NDArray[np.bool_] = shared >= same * union
    return one


def _weights(path: Path, card: DetectorCard) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(card.weights_bytes + 1)
    except OSError as error:
        raise EncoderDamagedError(f"Cannot read {path}: {error}. {_CURE}") from error
    actual = hashlib.sha256(data).hexdigest()
    if len(data) != card.weights_bytes or actual != card.weights_sha256:
        raise EncoderDamagedError(
            f"{path} is not the file its card describes (sha256 {actual[:12]}…, expected "
            f"{card.weights_sha256[:12]}…, {card.weights_bytes:,} bytes). {_CURE}"
        )
    return data


# Where a tensor can be in a graph, of ONNX's onnx.proto: a message's fields that lead to one, as
# name, number and message; what is not named here is skipped.
ONNX_TENSORS: Final = {
    "ModelProto": [
        ("graph", 7, "GraphProto"),
        ("training_info", 20, "TrainingInfoProto"),
        ("functions", 25, "FunctionProto"),
    ],
    "TrainingInfoProto": [("initialization", 1, "GraphProto"), ("algorithm", 2, "GraphProto")],
    "GraphProto": [
        ("node", 1, "NodeProto"),
        ("initializer", 5, "TensorProto"),
        ("sparse_initializer", 15, "SparseTensorProto"),
    ],
    "FunctionProto": [("node", 7, "NodeProto"), ("attribute_proto", 11, "AttributeProto")],
    "NodeProto": [("attribute", 5, "AttributeProto")],
    "AttributeProto": [
        ("t", 5, "TensorProto"),
        ("g", 6, "GraphProto"),
        ("tensors", 10, "TensorProto"),
        ("graphs", 11, "GraphProto"),
        ("sparse_tensor", 22, "SparseTensorProto"),
        ("sparse_tensors", 23, "SparseTensorProto"),
    ],
    "SparseTensorProto": [("values", 1, "TensorProto"), ("indices", 2, "TensorProto")],
}


@functools.cache
def _model_message() -> "type[Message]":
    """Every field is a list: of one that is written twice, neither is overlooked."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    field = descriptor_pb2.FieldDescriptorProto
    schema = descriptor_pb2.FileDescriptorProto(
        name="tensors.proto", package="tensors", syntax="proto2"
    )
    for message, fields in ONNX_TENSORS.items():
        described = schema.message_type.add(name=message)
        for name, number, kind in fields:
            described.field.add(
                name=name,
                number=number,
                label=field.LABEL_REPEATED,
                type=field.TYPE_MESSAGE,
                type_name=f".tensors.{kind}",
            )
    schema.message_type.add(name="TensorProto").field.add(
        name="data_location", number=14, label=field.LABEL_REPEATED, type=field.TYPE_UINT64
    )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(schema)
    model: type[Message] = message_factory.GetMessageClass(
        pool.FindMessageTypeByName("tensors.ModelProto")
    )
    return model


def _locations(message: "Message") -> Iterator[int]:
    """Where the tensors in a message have their values: 0 in it, 1 in a file beside it."""
    for field, values in message.ListFields():
        for value in values:
            if field.message_type is None:
                yield value
            else:
                yield from _locations(value)


def _refuse_other_files(path: Path, data: bytes) -> None:
    from google.protobuf.message import DecodeError

    # ONNX Runtime would look for them from the working folder, and in some places reads them.
    model = _model_message()()
    try:
        model.ParseFromString(data)
    except DecodeError as error:
        raise EncoderDamagedError(
            f"{path} is no graph that ONNX Runtime {onnxruntime.__version__} can run: {error}. "
            f"{_CURE}"
        ) from error
    if any(_locations(model)):
        raise EncoderDamagedError(
            f"{path} has values in another file, which is not read. Save the network as one file "
            "(onnx.save_model(..., save_as_external_data=False)), with its hash and size in "
            "the card."
        )


def _refuse_signature(
    path: Path, card: DetectorCard, session: onnxruntime.InferenceSession
) -> None:
    taken = [(node.type, list(node.shape)) for node in session.get_inputs()]
    given = [(node.type, list(node.shape)) for node in session.get_outputs()]
    side = card.side_px
    cells = sum((side // stride) ** 2 for stride in _STRIDES[card.layout])
    wanted_in: list[tuple[str, list[int | str]]] = [("tensor(float)", [1, 3, side, side])]
    if card.layout == "sides":
        wanted_in = [("tensor(uint8)", [1, side, side, 3])]
    wanted_out = [("tensor(float)", [1, cells, 5 + len(card.kinds)])]
    if taken != wanted_in or given != wanted_out:
        raise EncoderDamagedError(
            f"{path} takes {taken} and gives {given}, but by its card it takes {wanted_in} and "
            f"gives {wanted_out}. {_CURE}"
        )
