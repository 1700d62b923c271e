"""Screenshots, chats, posts and collages around catalog photos, drawn from seeds with exact boxes.

Nothing is copied from a real page: bars, words, buttons and bubbles are drawn with Pillow. Run, it
measures how well the pictures in them are found, and whether photos without any are left alone.
"""

import argparse
import io
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from benchmarks.datasets import IKEA_DEV, card_hashes, encode_files, real_shop
from benchmarks.provenance import DataSet, add_output_option, write_result
from furniture_prompter.assembly.query_photos import QueryPhotos
from furniture_prompter.atomic_files import sha256_of
from furniture_prompter.domain import Query
from furniture_prompter.domain.query import Crop
from furniture_prompter.encoders.decoding import PhotoLimits, decode_photo
from furniture_prompter.encoders.onnx_encoder import OnnxEncoder
from furniture_prompter.encoders.registry import encoder_folder
from furniture_prompter.encoders.screenshots import find_picture

WORDS: Final = (
    "sofa",
    "table",
    "chair",
    "price",
    "delivery",
    "in",
    "stock",
    "oak",
    "white",
    "compare",
    "add",
    "to",
    "basket",
    "reviews",
    "size",
    "colour",
    "free",
    "returns",
    "within",
    "30",
    "days",
    "looks",
    "good",
    "which",
    "one",
    "do",
    "you",
    "like",
    "new",
    "home",
    "about",
    "us",
    "help",
    "kanepe",
    "masa",
    "sandalye",
    "fiyat",
    "sepete",
    "ekle",
    "yorumlar",
    "kargo",
    "bunu",
    "nereden",
    "buldun",
)
PHONES: Final = ((1080, 2340), (1170, 2532), (720, 1600), (828, 1792))
Photos = Sequence[Image.Image]
DESKTOPS: Final = ((1440, 900), (1920, 1080), (1280, 800))


@dataclass(frozen=True, slots=True)
class Screenshot:
    """A drawn picture around a photo.

    Attributes:
        image: What a shopper would bring.
        box: Where the photo is in it.
        layout: Which kind of page was drawn.
        visible: Whether anything shows where the photo ends: white on white nothing does.
    """

    image: Image.Image
    box: Crop
    layout: str
    visible: bool


class _Pen:
    """A page that is being drawn."""

    def __init__(self, rng: np.random.Generator, size: tuple[int, int], dark: bool | None = None):
        self.rng = rng
        self.dark = bool(rng.random() < 0.25) if dark is None else dark
        grounds = [(18, 18, 18), (0, 0, 0)] if self.dark else [(255, 255, 255), (247, 247, 247)]
        self.ground = grounds[int(rng.integers(2))]
        self.ink = (235, 235, 235) if self.dark else (30, 30, 30)
        self.image = Image.new("RGB", size, self.ground)
        self.draw = ImageDraw.Draw(self.image)
        self.unit = size[0] / 360 if size[0] < size[1] else size[0] / 1200

    def px(self, points: float) -> int:
        return max(1, round(points * self.unit))

    def words(self, x: int, y: int, width: int, points: float, lines: int = 1) -> int:
        """Lines of words from a corner; where the next line would begin."""
        font = ImageFont.load_default(self.px(points))
        for line in range(lines):
            text = ""
            most = width * (0.6 if line == lines - 1 and lines > 1 else 1.0)
            while True:
                longer = f"{text} {self.rng.choice(WORDS)}".strip()
                if self.draw.textlength(longer, font=font) > most:
                    break
                text = longer
            self.draw.text((x, y), text, font=font, fill=self.ink)
            y += round(self.px(points) * 1.45)
        return y

    def status_bar(self) -> int:
        width, height = self.image.width, self.px(24)
        font = ImageFont.load_default(self.px(12))
        hour, minute = self.rng.integers(10, 24), self.rng.integers(10, 60)
        self.draw.text((self.px(14), self.px(5)), f"{hour}:{minute}", font=font, fill=self.ink)
        for place in range(3):
            x = width - self.px(20 + 20 * place)
            self.draw.rectangle((x, self.px(8), x + self.px(12), self.px(16)), fill=self.ink)
        return height

    def bar(self, y: int, points: float) -> int:
        """A header: a line, or a band of a colour, with an arrow, a title and icons."""
        width, height = self.image.width, self.px(points)
        if self.rng.random() < 0.4:
            tint = tuple(int(v) for v in self.rng.integers(30, 230, 3))
            self.draw.rectangle((0, y, width, y + height), fill=tint)
        middle = y + height // 2
        self.draw.line((self.px(16), middle, self.px(26), middle), self.ink, self.px(2))
        self.words(self.px(48), middle - self.px(8), self.px(150), 15)
        for place in range(2):
            x = width - self.px(30 + 34 * place)
            box = (x, middle - self.px(8), x + self.px(16), middle + self.px(8))
            self.draw.ellipse(box, outline=self.ink, width=self.px(2))
        return y + height

    def button(self, box: tuple[int, int, int, int]) -> None:
        tint = tuple(int(v) for v in self.rng.integers(20, 220, 3))
        self.draw.rounded_rectangle(box, self.px(6), fill=tint)

    def photo(self, photo: Image.Image, box: tuple[int, int, int, int], radius: int = 0) -> None:
        fitted = photo.resize((box[2] - box[0], box[3] - box[1]), Image.Resampling.LANCZOS)
        mask = Image.new("L", fitted.size, 0)
        ImageDraw.Draw(mask).rounded_rectangle((0, 0, *fitted.size), radius, fill=255)
        self.image.paste(fitted, box[:2], mask)

    def done(
        self, box: tuple[int, int, int, int], layout: str, photo: Image.Image, framed: bool = False
    ) -> Screenshot:
        width, height = self.image.size
        left, top, right, bottom = box
        crop = Crop(left / width, top / height, (right - left) / width, (bottom - top) / height)
        edge = np.asarray(photo)[:, [0, -1]].reshape(-1, 3).astype(int)
        seen = np.abs(edge - np.array(self.ground)).max(axis=1) > 16
        return Screenshot(self.image, crop, layout, framed or bool(seen.mean() > 0.9))


def _fitted(photo: Image.Image, width: int, most_height: int) -> tuple[int, int]:
    scale = min(width / photo.width, most_height / photo.height)
    return round(photo.width * scale), round(photo.height * scale)


def phone_page(photo: Image.Image, rng: np.random.Generator, _: Photos) -> Screenshot:
    """A product's page in a shop's app."""
    pen = _Pen(rng, PHONES[int(rng.integers(len(PHONES)))])
    width = pen.image.width
    y = pen.bar(pen.status_bar(), 48) + pen.px(float(rng.choice([0, 4, 12])))
    margin = pen.px(float(rng.choice([0, 12, 20])))
    size = _fitted(photo, width - 2 * margin, round(1.2 * width))
    left = (width - size[0]) // 2
    box = (left, y, left + size[0], y + size[1])
    pen.photo(photo, box)
    framed = margin > 0 and rng.random() < 0.5
    if framed:
        tint = (70, 70, 70) if pen.dark else (205, 205, 205)
        pen.draw.rectangle((box[0] - 1, box[1] - 1, box[2], box[3]), outline=tint, width=pen.px(1))
    y = box[3] + pen.px(14)
    for place in range(int(rng.integers(0, 6))):
        x = width // 2 + pen.px(12 * (place - 2))
        pen.draw.ellipse((x, y, x + pen.px(5), y + pen.px(5)), fill=(150, 150, 150))
    y = pen.words(pen.px(16), y + pen.px(16), width - pen.px(60), 18, 2)
    y = pen.words(pen.px(16), y + pen.px(4), pen.px(110), 22)
    y = pen.words(pen.px(16), y + pen.px(8), width - pen.px(32), 13, int(rng.integers(3, 9)))
    bottom = pen.image.height - pen.px(24)
    pen.button((pen.px(16), bottom - pen.px(44), width - pen.px(16), bottom))
    return pen.done(box, "phone page", photo, framed)


def desktop_page(photo: Image.Image, rng: np.random.Generator, others: Photos) -> Screenshot:
    """A product's page in a browser: a menu, small pictures beside a large one, words."""
    pen = _Pen(rng, DESKTOPS[int(rng.integers(len(DESKTOPS)))], dark=False)
    width, height = pen.image.size
    pen.draw.rectangle((0, 0, width, pen.px(34)), fill=(222, 225, 230))
    pen.words(pen.px(90), pen.px(9), pen.px(300), 13)
    y = pen.px(50)
    for place in range(6):
        pen.words(pen.px(60 + 150 * place), y, pen.px(100), 14)
    y = pen.words(pen.px(60), y + pen.px(40), pen.px(260), 11) + pen.px(12)
    x = pen.px(60)
    for place, other in enumerate(others[:3]):
        side = pen.px(70)
        top = y + place * pen.px(84)
        pen.photo(other, (x, top, x + side, top + side))
        pen.draw.rectangle((x, top, x + side, top + side), outline=(200, 200, 200))
    x += pen.px(90)
    size = _fitted(photo, pen.px(540), height - y - pen.px(30))
    box = (x, y, x + size[0], y + size[1])
    framed = bool(rng.random() < 0.4)
    pen.photo(photo, box)
    if framed:
        pen.draw.rectangle((box[0] - 1, box[1] - 1, box[2], box[3]), outline=(210, 210, 210))
    x = pen.px(740)
    y = pen.words(x, y, pen.px(380), 26, 2)
    y = pen.words(x, y + pen.px(8), pen.px(120), 24)
    y = pen.words(x, y + pen.px(14), pen.px(400), 14, int(rng.integers(4, 10)))
    pen.button((x, y + pen.px(10), x + pen.px(380), y + pen.px(58)))
    return pen.done(box, "desktop page", photo, framed)


def chat(photo: Image.Image, rng: np.random.Generator, _: Photos) -> Screenshot:
    """A picture in a chat, among bubbles with words."""
    pen = _Pen(rng, PHONES[int(rng.integers(len(PHONES)))])
    tints = [(11, 20, 26), (0, 0, 0)] if pen.dark else [(229, 221, 213), (236, 240, 245)]
    ground = tints[int(rng.integers(2))]
    width, height = pen.image.size
    y = pen.bar(pen.status_bar(), 52)
    pen.draw.rectangle((0, y, width, height), fill=ground)
    own, theirs = ((0, 92, 75), (32, 44, 51)) if pen.dark else ((217, 253, 211), (255, 255, 255))
    box = (0, 0, 1, 1)
    shown = int(rng.integers(1, 3))
    for place in range(5):
        y += pen.px(10)
        mine = bool(rng.random() < 0.5)
        tint = own if mine else theirs
        if place == shown:
            size = _fitted(photo, pen.px(250), pen.px(330))
            pad = pen.px(float(rng.choice([0, 3])))
            caption = pen.px(26) if rng.random() < 0.5 else 0
            left = width - size[0] - 2 * pad - pen.px(12) if mine else pen.px(12)
            edge = (left, y, left + size[0] + 2 * pad, y + size[1] + 2 * pad + caption)
            pen.draw.rounded_rectangle(edge, pen.px(8), fill=tint)
            box = (left + pad, y + pad, left + pad + size[0], y + pad + size[1])
            pen.photo(photo, box, pen.px(8))
            if caption:
                pen.words(box[0] + pen.px(6), box[3] + pen.px(5), size[0] // 2, 12)
            y = edge[3]
            continue
        lines, wide = int(rng.integers(1, 3)), pen.px(float(rng.integers(110, 240)))
        left = width - wide - pen.px(12) if mine else pen.px(12)
        edge = (left, y, left + wide, y + pen.px(14 + 21 * lines))
        pen.draw.rounded_rectangle(edge, pen.px(8), fill=tint)
        pen.words(left + pen.px(10), y + pen.px(8), wide - pen.px(20), 14, lines)
        y = edge[3]
    pen.draw.rectangle((0, height - pen.px(54), width, height), fill=pen.ground)
    pen.words(pen.px(20), height - pen.px(36), pen.px(120), 13)
    return pen.done(box, "chat", photo, framed=True)


def post(photo: Image.Image, rng: np.random.Generator, _: Photos) -> Screenshot:
    """A post of a social network: a name, the picture from edge to edge, signs and a caption."""
    pen = _Pen(rng, PHONES[int(rng.integers(len(PHONES)))])
    width = pen.image.width
    y = pen.bar(pen.status_bar(), 48)
    pen.draw.ellipse((pen.px(12), y + pen.px(8), pen.px(44), y + pen.px(40)), fill=(140, 120, 160))
    pen.words(pen.px(54), y + pen.px(16), pen.px(120), 14)
    y += pen.px(50)
    size = _fitted(photo, width, round(1.25 * width))
    left = (width - size[0]) // 2
    box = (left, y, left + size[0], y + size[1])
    pen.photo(photo, box)
    y = box[3] + pen.px(10)
    for place in range(3):
        x = pen.px(14 + 40 * place)
        pen.draw.ellipse((x, y, x + pen.px(22), y + pen.px(22)), outline=pen.ink, width=pen.px(2))
    y = pen.words(pen.px(14), y + pen.px(34), pen.px(150), 13)
    pen.words(pen.px(14), y + pen.px(4), width - pen.px(28), 13, int(rng.integers(1, 5)))
    return pen.done(box, "post", photo)


def collage(photo: Image.Image, rng: np.random.Generator, others: Photos) -> Screenshot:
    """One large picture beside small ones, with white or black between them."""
    pen = _Pen(rng, (1200, 900), dark=bool(rng.random() < 0.3))
    gap = int(rng.integers(8, 24))
    side = 900 - 2 * gap
    box = (gap, gap, gap + side, gap + side)
    pen.photo(photo.resize((side, side)), box)
    rest, small = 1200 - side - 3 * gap, (900 - (len(others) + 1) * gap) // len(others)
    for place, other in enumerate(others):
        top = gap + place * (small + gap)
        pen.photo(other, (box[2] + gap, top, box[2] + gap + rest, top + small))
    return pen.done(box, "collage", photo)


def bars(photo: Image.Image, rng: np.random.Generator, _: Photos) -> Screenshot:
    """A photo opened full screen on a phone: bars above and below, the clock in one of them."""
    pen = _Pen(rng, PHONES[int(rng.integers(len(PHONES)))], dark=True)
    if rng.random() < 0.7:
        pen.status_bar()
    width, height = pen.image.size
    size = _fitted(photo, width, height)
    top = (height - size[1]) // 2
    box = (0, top, size[0], top + size[1])
    pen.photo(photo, box)
    return pen.done(box, "bars", photo)


LAYOUTS: Final = MappingProxyType[
    str, Callable[[Image.Image, np.random.Generator, Photos], Screenshot]
](
    {
        "phone page": phone_page,
        "desktop page": desktop_page,
        "chat": chat,
        "post": post,
        "collage": collage,
        "bars": bars,
    }
)
"""Name → what draws it: takes a photo, a generator and photos of other products."""

SHOPS: Final = ("ikea-dev", "shop2-dev")
EACH: Final = 17
SEED: Final = 1_000
METHOD: Final = f"""
{EACH} screenshots of each layout and shop, drawn around random photos of its catalog (seeds from
{SEED}; half saved as PNG, half as JPEG of quality 70 to 94), searched among all photos of the shop.
"Own in ten" is how often the photo's product is among ten hits, of the screenshot as it is and cut
to the picture that was found. "IoU" is the share of found boxes that overlap the true one by 0.8 of
their union, where the photo's edges differ from the page at all ("edges to see"): a photo on white
in a white page has none, and what is found there is the product with some room. Below, photos that
hold no picture: every product photo of both shops and every photo of a room, and how many were cut
all the same; milliseconds of the search for a picture alone, median, one thread.
"""


def overlap(one: Crop, other: Crop) -> float:
    """Intersection over union of two boxes."""
    width = min(one.x + one.width, other.x + other.width) - max(one.x, other.x)
    height = min(one.y + one.height, other.y + other.height) - max(one.y, other.y)
    shared = max(width, 0.0) * max(height, 0.0)
    return shared / (one.width * one.height + other.width * other.height - shared)


def _saved(image: Image.Image, number: int) -> bytes:
    buffer = io.BytesIO()
    if number % 2:
        image.save(buffer, "PNG")
    else:
        image.save(buffer, "JPEG", quality=70 + number % 25)
    return buffer.getvalue()


def measure(shop: str, data: Path) -> list[dict[str, object]]:
    """A row for each layout of one shop."""
    encoder = OnnxEncoder.load(encoder_folder("default"), threads=1)
    photos = QueryPhotos(encoder.card.input_side_px, PhotoLimits())
    files = [product.images[0] for product in real_shop(shop, data).products]
    vectors = encode_files(encoder, files)
    rows: list[dict[str, object]] = []
    for layout, draw in LAYOUTS.items():
        ranks, overlaps = [], []
        for number in range(EACH):
            rng = np.random.default_rng(SEED + number)
            picked = rng.integers(len(files), size=4)
            own, *others = (Image.open(files[place]).convert("RGB") for place in picked)
            shot = draw(own, rng, others)
            saved = _saved(shot.image, number)
            found = photos.added(Query(), saved, None)
            whole = photos.pixels(saved, None)
            box = found.looked_at.crop if found.looked_at is not None else None
            cut = whole if box is None or found.photo is None else box.cut(found.photo)
            scores = encoder.encode([whole, cut]) @ vectors.T
            ranks.append((scores > scores[:, [picked[0]]]).sum(axis=1))
            if shot.visible:
                overlaps.append(0.0 if box is None else overlap(box, shot.box))
        in_ten = (np.array(ranks) < 10).mean(axis=0)
        rows.append(
            {
                "shop": shop,
                "layout": layout,
                "own in ten, as it is": round(float(in_ten[0]), 3),
                "own in ten, cut": round(float(in_ten[1]), 3),
                "edges to see": len(overlaps),
                "IoU at least 0.8": round(float((np.array(overlaps) >= 0.8).mean()), 3),
            }
        )
        print(rows[-1], flush=True)
    return rows


def left_alone(name: str, listed: str, data: Path, side_px: int | None) -> dict[str, object]:
    """How many photos of a list are cut although they hold no picture, and how long that takes."""
    cut, took_ms = 0, []
    lines = (data / name / listed).read_text("utf-8").splitlines()
    for line in lines:
        file = data / name / json.loads(line)["image"]
        image = decode_photo(file.read_bytes(), name=str(file), target_side_px=side_px)
        began = time.perf_counter()
        cut += find_picture(image) is not None
        took_ms.append(1_000 * (time.perf_counter() - began))
    row: dict[str, object] = {
        "photos": f"{name}, {listed.removesuffix('.jsonl')}",
        "number": len(lines),
        "cut": cut,
        "ms": round(float(np.median(took_ms)), 2),
    }
    print(row, flush=True)
    return row


def main() -> None:
    """Measure both shops, and what must be left alone."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=IKEA_DEV.parent, help="folder of the sets")
    add_output_option(parser, "screenshots")
    options = parser.parse_args()
    lists = [(shop, "products.jsonl") for shop in SHOPS]
    lists += [("ikea-dev", "rooms.jsonl"), ("room-boxes-dev", "photos.jsonl")]
    side_px = OnnxEncoder.load(encoder_folder("default")).card.input_side_px
    rows = [row for shop in SHOPS for row in measure(shop, options.data)]
    kept = [left_alone(*each, options.data, side_px) for each in lists]
    write_result(
        options.out,
        title="Pictures in screenshots",
        data=[
            DataSet(f"{name}, {listed}", sha256_of(options.data / name / listed), "measuring set")
            for name, listed in lists
        ],
        method=METHOD,
        figures={"rows": rows, "left alone": kept},
        encoders=card_hashes("default"),
    )


if __name__ == "__main__":
    main()
