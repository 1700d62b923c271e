"""The official fakes: encoders and a feed that need no weights and no files of a shop."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from furniture_prompter.domain import FeedItem, FeedRow, Product, RgbImage
from furniture_prompter.encoders.card import EmbeddingSpace, EncoderCard, Preprocessing
from furniture_prompter.encoders.preprocessing import preprocess
from furniture_prompter.ingest.calibration_queries import ODD_SIDE_PX


def _fitted(images: Sequence[RgbImage], card: EncoderCard) -> list[RgbImage]:
    """As every encoder does: what was fitted before it came is taken as it is."""
    spec = card.preprocessing
    return [image if spec is None else preprocess(image, spec) for image in images]


@dataclass
class ColourGridEncoder:
    """Encodes an image as the mean colours of a 3 × 3 grid: 27 components, no weights.

    Attributes:
        weights_sha256: What it claims as its weights' hash; another one is another encoder.
        encoded: Photos encoded so far, without the pictures of nothing that a calibration asks.
    """

    weights_sha256: str = "0" * 64
    encoded: int = field(default=0, init=False)

    @property
    def card(self) -> EncoderCard:
        """A valid card."""
        return EncoderCard(
            name="colour-grid",
            kind="image",
            dimension=27,
            preprocessing=Preprocessing(side_px=48),
            licence="Apache-2.0",
            source="tests",
            weights_file="none",
            weights_sha256=self.weights_sha256,
            weights_bytes=1,
            parameters=0,
            description="For tests.",
        )

    def encode(self, images: Sequence[RgbImage]) -> NDArray[np.float32]:
        """See :class:`furniture_prompter.encoders.protocols.Encoder`."""
        self.encoded += sum(image.shape[:2] != (ODD_SIDE_PX, ODD_SIDE_PX) for image in images)
        images = _fitted(images, self.card)
        rows = np.zeros((len(images), 27), np.float32)
        for row, image in enumerate(images):
            small = Image.fromarray(image).resize((3, 3), Image.Resampling.BOX)
            rows[row] = np.asarray(small, np.float32).ravel() - 100.0
        norms = np.linalg.norm(rows, axis=1, keepdims=True)
        unit: NDArray[np.float32] = rows / np.maximum(norms, 1e-9)
        return unit


def colour_card(
    name: str = "colour-teacher",
    weights: str = "1",
    *,
    side_px: int = 48,
    space: EmbeddingSpace | None = None,
    encodes_prompts: bool = False,
    figures: Mapping[str, float] | None = None,
) -> EncoderCard:
    """Card of a fake that :func:`load_colour_encoder` opens; `weights` tells encoders apart."""
    return EncoderCard(
        name=name,
        kind="image",
        dimension=len(COLOURS) + 27,
        preprocessing=Preprocessing(side_px=side_px),
        licence="Apache-2.0",
        source="tests",
        weights_file="none",
        weights_sha256=weights * 64,
        weights_bytes=1,
        parameters=0,
        description="For tests.",
        figures=figures or {},
        runtime="hub",
        space=space,
        training={"by": "tests"} if space else {},
        encodes_prompts=encodes_prompts,
    )


@dataclass
class ColourEncoder:
    """Encodes which of the six colours an image shows, and a little of where: 33 components.

    Encoders of different cards differ a little, as a student differs from its teacher.

    Attributes:
        card: By :func:`colour_card`.
        seen: Shapes of the images encoded so far.
    """

    card: EncoderCard
    seen: list[tuple[int, ...]] = field(default_factory=list, init=False)

    def encode(self, images: Sequence[RgbImage]) -> NDArray[np.float32]:
        """See :class:`furniture_prompter.encoders.protocols.Encoder`."""
        self.seen += [image.shape for image in images]
        images = _fitted(images, self.card)
        sharpness = 40.0 + 0.1 * int(self.card.weights_sha256[0], 16)
        rows = np.zeros((len(images), self.card.dimension), np.float32)
        grid = ColourGridEncoder().encode(images)
        for row, image in enumerate(images):
            small = np.asarray(Image.fromarray(image).resize((12, 12), Image.Resampling.BOX))
            pixels = small.reshape(-1, 3).astype(np.float32)
            shown = pixels[pixels.min(axis=1) < 200]
            mean = (shown if len(shown) else pixels).mean(axis=0)
            distances = np.linalg.norm(np.array(list(COLOURS.values())) - mean, axis=1)
            likeness = np.exp((distances.min() - distances) / sharpness)
            rows[row, : len(COLOURS)] = likeness / np.linalg.norm(likeness)
        rows[:, len(COLOURS) :] = 0.3 * grid
        unit: NDArray[np.float32] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        return unit


@dataclass
class ColourTeacher(ColourEncoder):
    """A cross-modal fake: the name of a colour lies where its images lie.

    Attributes:
        asked: Prompts encoded so far.
    """

    asked: list[str] = field(default_factory=list, init=False)

    def encode_prompts(self, prompts: Sequence[str]) -> NDArray[np.float32]:
        """See :class:`furniture_prompter.encoders.protocols.CrossModalEncoder`."""
        if isinstance(prompts, str):
            raise TypeError("encode_prompts() takes a sequence of prompts.")
        self.asked += prompts
        rows = np.zeros((len(prompts), self.card.dimension), np.float32)
        for row, prompt in enumerate(prompts):
            if not prompt.strip():
                continue
            rows[row, : len(COLOURS)] = [0.1 + (name in prompt.lower()) for name in COLOURS]
            rows[row] /= np.linalg.norm(rows[row])
        return rows


def load_colour_encoder(
    folder: Path, *, threads: int | None = None, device: str | None = None
) -> ColourEncoder:
    """The fake of the card in `folder`; what a test puts into the registry's table."""
    assert threads is None or threads >= 1
    card = EncoderCard.load(folder)
    return ColourTeacher(card) if card.encodes_prompts else ColourEncoder(card)


@dataclass(frozen=True)
class LetterPromptEncoder:
    """Encodes a prompt by how often it has each of 26 letters: no weights that change."""

    @property
    def card(self) -> EncoderCard:
        """A valid card."""
        return EncoderCard(
            name="letters",
            kind="prompt",
            dimension=26,
            preprocessing=None,
            licence="Apache-2.0",
            source="tests",
            weights_file="none",
            weights_sha256="2" * 64,
            weights_bytes=1,
            parameters=0,
            description="For tests.",
            runtime="static",
        )

    def encode(self, prompts: Sequence[str]) -> NDArray[np.float32]:
        """See :class:`furniture_prompter.encoders.protocols.PromptEncoder`."""
        letters = "abcdefghijklmnopqrstuvwxyz"
        counts = [[prompt.lower().count(letter) for letter in letters] for prompt in prompts]
        rows = np.array(counts, np.float32).reshape(-1, len(letters))
        unit: NDArray[np.float32] = rows / np.maximum(
            np.linalg.norm(rows, axis=1, keepdims=True), 1
        )
        return unit

    def knows_word(self, _word: str) -> bool:
        """See :class:`furniture_prompter.encoders.protocols.PromptEncoder`."""
        return False


@dataclass(frozen=True)
class ListFeed:
    """A feed of rows that a test made."""

    rows: tuple[FeedItem, ...]
    name: str = "list"

    def items(self) -> Iterator[FeedItem]:
        """See :class:`furniture_prompter.domain.Feed`."""
        yield from self.rows


COLOURS = {
    "red": (200, 30, 30),
    "green": (30, 160, 60),
    "blue": (40, 60, 200),
    "yellow": (230, 210, 40),
    "black": (20, 20, 20),
    "brown": (120, 80, 40),
}
SHAPES = ("chair", "table", "lamp", "sofa")


def draw_product(colour: str, shape: str, seed: int) -> Image.Image:
    """A coloured shape on white; the seed moves it a little."""
    shift = np.random.default_rng(seed).integers(-6, 7, size=2)
    image = Image.new("RGB", (96, 96), "white")
    boxes = {
        "chair": [(30, 8, 40, 88), (40, 48, 70, 58)],
        "table": [(8, 30, 88, 42), (40, 42, 52, 90)],
        "lamp": [(30, 6, 66, 34), (45, 34, 51, 90)],
        "sofa": [(6, 50, 90, 84), (6, 34, 20, 84)],
    }
    right, down = (int(value) for value in shift)
    for x0, y0, x1, y1 in boxes[shape]:
        image.paste(COLOURS[colour], (x0 + right, y0 + down, x1 + right, y1 + down))
    return image


def make_rows(folder: Path, count: int = 48) -> list[FeedRow]:
    """Rows for `count` products with an image file each: every colour with every shape in turn."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for number in range(count):
        colour = list(COLOURS)[number % len(COLOURS)]
        shape = SHAPES[number // len(COLOURS) % len(SHAPES)]
        path = folder / f"{number}.png"
        draw_product(colour, shape, number).save(path)
        product = Product(
            id=f"p{number}",
            title=f"{shape} no {number}",
            category=shape,
            color=colour,
            attributes={"price": 10.0 * number},
        )
        rows.append(FeedRow(product, (path,), folder / "feed.jsonl", number + 1))
    return rows


def table_with_photos(folder: Path, header: str, lines: Sequence[str]) -> Path:
    """A CSV of products, each with a photo in a last column, separated as the header is."""
    mark = ";" if ";" in header else ","
    rows = make_rows(folder / "photos", len(lines))
    told = [f"{line}{mark}{row.images[0]}" for line, row in zip(lines, rows, strict=True)]
    feed = folder / "products.csv"
    feed.write_text("\n".join([header, *told]), "utf-8")
    return feed


def with_product(row: FeedRow, **changes: object) -> FeedRow:
    """A row whose product differs in `changes`."""
    return replace(row, product=replace(row.product, **changes))  # type: ignore[arg-type]  # test
