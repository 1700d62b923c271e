"""The picture in a drawn page is found; a photo of a product or a room is left as it is."""

import io
from importlib.resources import files

import numpy as np
import pytest
from PIL import Image, ImageDraw

from furniture_prompter.domain.product import RgbImage
from furniture_prompter.domain.query import Crop
from furniture_prompter.encoders import screenshots
from furniture_prompter.encoders.decoding import decode_photo
from furniture_prompter.encoders.screenshots import find_picture

Box = tuple[int, int, int, int]
WHITE, BLACK, GREY = (255, 255, 255), (0, 0, 0), (229, 221, 213)


def noise(size: tuple[int, int], seed: int = 3) -> Image.Image:
    """A picture without any plain part, as of a room."""
    pixels = np.random.default_rng(seed).integers(0, 200, (size[1], size[0], 3), np.uint8)
    return Image.fromarray(pixels)


def page(
    box: Box, *, size: tuple[int, int] = (600, 1_200), ground: tuple[int, int, int] = WHITE
) -> RgbImage:
    """A page: a clock, a title, a picture in a box, words below and a button."""
    image = Image.new("RGB", size, ground)
    draw = ImageDraw.Draw(image)
    ink = (30, 30, 30) if max(ground) > 100 else (230, 230, 230)
    draw.rectangle((20, 10, 80, 26), fill=ink)
    draw.rectangle((540, 10, 580, 26), fill=ink)
    draw.rectangle((20, 60, 300, 84), fill=ink)
    image.paste(noise((box[2] - box[0], box[3] - box[1])), box[:2])
    for line in range(5):
        top = box[3] + 40 + 36 * line
        draw.rectangle((20, top, 520 - 30 * line, top + 18), fill=ink)
    draw.rectangle((20, size[1] - 90, 580, size[1] - 30), fill=(200, 60, 60))
    return np.asarray(image)


def overlap(found: Crop | None, box: Box, image: RgbImage) -> float:
    """Intersection over union."""
    assert found is not None
    height, width = image.shape[:2]
    left, top, right, bottom = box
    mine = (found.x * width, found.y * height)
    ends = (mine[0] + found.width * width, mine[1] + found.height * height)
    inner = max(0.0, min(ends[0], right) - max(mine[0], left)) * max(
        0.0, min(ends[1], bottom) - max(mine[1], top)
    )
    areas = (ends[0] - mine[0]) * (ends[1] - mine[1]) + (right - left) * (bottom - top)
    return float(inner / (areas - inner))


@pytest.mark.parametrize("ground", [WHITE, BLACK, GREY])
@pytest.mark.parametrize("box", [(0, 120, 600, 700), (40, 130, 560, 640), (200, 300, 580, 700)])
def test_a_picture_in_a_page_is_found(box: Box, ground: tuple[int, int, int]) -> None:
    image = page(box, ground=ground)
    assert overlap(find_picture(image), box, image) > 0.95


def test_a_picture_is_found_where_the_page_was_decoded_small() -> None:
    box = (40, 130, 560, 640)
    image = page(box)
    small = np.asarray(Image.fromarray(image).resize((150, 300), Image.Resampling.BOX))
    assert overlap(find_picture(small), (10, 32, 140, 160), small) > 0.9


def shop_page(photo: Image.Image) -> tuple[Image.Image, Box]:
    """A shop's page on a phone: bars, a photo without edges of its own, four lines and a button."""
    image = Image.new("RGB", (1_080, 2_100), WHITE)
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, 1_080, 90), fill=(34, 34, 34))
    draw.rectangle((0, 90, 1_080, 220), fill=(243, 243, 243))
    draw.text((40, 140), "shop.example   Search", fill=(51, 51, 51))
    side = 1_000
    image.paste(photo.resize((side, side)), (40, 260))
    for line, text in enumerate(("Indio Sofa", "4.6 (321)", "12.990 TL", "Free delivery")):
        draw.text((40, 300 + side + 60 * line), text, fill=BLACK)
    draw.rectangle((40, 540 + side, 1_040, 660 + side), fill=(238, 102, 0))
    draw.rectangle((0, 1_980, 1_080, 2_100), fill=(238, 238, 238))
    return image, (40, 260, 40 + side, 260 + side)


@pytest.mark.parametrize("number", [0, 200])
def test_a_shops_page_is_found_at_any_size_as_it_is_decoded_for_an_encoder(number: int) -> None:
    file = sorted((files("furniture_prompter.bundled") / "images").iterdir(), key=str)[number]
    image, box = shop_page(Image.open(io.BytesIO(file.read_bytes())).convert("RGB"))
    for high in (2_100, 1_500, 1_024, 800, 640, 512, 400, 300):
        wide = round(1_080 * high / 2_100)
        buffer = io.BytesIO()
        image.resize((wide, high), Image.Resampling.LANCZOS).save(buffer, "JPEG", quality=85)
        decoded = decode_photo(buffer.getvalue(), name="page", target_side_px=256)
        scale = decoded.shape[0] / 2_100
        left, top, right, bottom = (round(scale * each) for each in box)
        assert overlap(find_picture(decoded), (left, top, right, bottom), decoded) > 0.6, high


def test_a_picture_in_a_bubble_is_cut_out_of_the_bubble() -> None:
    bubble, box = (100, 200, 580, 700), (110, 210, 570, 640)
    image = Image.fromarray(page((100, 200, 580, 700), ground=GREY))
    draw = ImageDraw.Draw(image)
    draw.rectangle(bubble, fill=(217, 253, 211))
    image.paste(noise((460, 430)), box[:2])
    draw.rectangle((120, 660, 300, 680), fill=(30, 30, 30))
    pixels = np.asarray(image)
    assert overlap(find_picture(pixels), box, pixels) > 0.95


def test_a_header_that_touches_the_picture_is_no_part_of_it() -> None:
    box = (0, 110, 600, 700)
    image = page(box)
    image = image.copy()
    image[40:110] = (60, 120, 60)
    assert overlap(find_picture(image), box, image) > 0.95


@pytest.mark.parametrize("bars", [BLACK, (70, 70, 70)])
def test_a_photo_between_bars_is_cut_out(bars: tuple[int, int, int]) -> None:
    image = Image.new("RGB", (600, 1_200), bars)
    image.paste(noise((600, 450)), (0, 380))
    pixels = np.asarray(image)
    assert overlap(find_picture(pixels), (0, 380, 600, 830), pixels) > 0.95


def test_of_a_collage_the_largest_picture_is_taken() -> None:
    image = Image.new("RGB", (900, 620), WHITE)
    image.paste(noise((600, 600), 1), (10, 10))
    image.paste(noise((270, 295), 2), (620, 10))
    image.paste(noise((270, 295), 3), (620, 315))
    pixels = np.asarray(image)
    assert overlap(find_picture(pixels), (10, 10, 610, 610), pixels) > 0.95


def test_a_product_on_the_pages_own_white_is_found_with_some_room() -> None:
    image = Image.fromarray(page((150, 200, 450, 600)))
    draw = ImageDraw.Draw(image)
    draw.rectangle((150, 200, 450, 600), fill=WHITE)
    draw.ellipse((150, 200, 450, 600), fill=(120, 80, 40))
    pixels = np.asarray(image)
    # 400 px high, so shops have it in a square of about 430.
    assert overlap(find_picture(pixels), (85, 184, 515, 616), pixels) > 0.8


def product(*boxes: Box, ground: tuple[int, int, int] = WHITE) -> RgbImage:
    image = Image.new("RGB", (500, 500), ground)
    for box in boxes:
        ImageDraw.Draw(image).rectangle(box, fill=(140, 100, 60))
    return np.asarray(image)


@pytest.mark.parametrize(
    "image",
    [
        product((60, 40, 440, 460)),  # a wardrobe from its front
        product((0, 150, 499, 350)),  # a rug that fills the width
        product((40, 40, 200, 460), (300, 40, 460, 460)),  # two shelves
        product((50, 60, 150, 200), (200, 60, 300, 200), (350, 60, 450, 200)),  # three frames
        product((100, 100, 400, 400), (420, 380, 440, 400), (450, 380, 470, 400)),  # with knobs
        product((100, 100, 400, 400), ground=(240, 240, 240)),
        product(),  # nothing
        np.asarray(noise((500, 500))),  # a room
        np.asarray(noise((16, 16))),
    ],
)
def test_a_photo_of_something_is_left_as_it_is(image: RgbImage) -> None:
    before = image.copy()
    assert find_picture(image) is None
    assert np.array_equal(image, before)


def test_a_room_whose_wall_is_plain_is_left_as_it_is() -> None:
    image = np.full((600, 900, 3), 250, np.uint8)
    image[380:] = np.asarray(noise((900, 220)))
    image[100:300, 100:300] = np.asarray(noise((200, 200), 5))  # a picture on the wall
    assert find_picture(image) is None


def tiles(side: int, gap: int = 1) -> RgbImage:
    """Squares side by side, as far as there is room for whole ones."""
    image = np.full((512, 512, 3), 255, np.uint8)
    one = np.zeros(512, np.bool_)
    for place in range(side):
        one[1 + place : 511 - side : side + gap] = True
    image[one[:, np.newaxis] & one] = 0
    return image


def counted(monkeypatch: pytest.MonkeyPatch, name: str) -> list[int]:
    """How often one of the module's functions has been called, in a list of one."""
    calls, real = [0], getattr(screenshots, name)

    def spy(*given: object) -> object:
        calls[0] += 1
        return real(*given)

    monkeypatch.setattr(screenshots, name, spy)
    return calls


@pytest.mark.parametrize("side", [1, 2, 3, 7, 9, 11, 15])
def test_an_image_of_dots_costs_no_more_than_a_page(
    side: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs, sides = counted(monkeypatch, "_runs"), counted(monkeypatch, "_has_straight_sides")
    image = tiles(side)
    assert find_picture(image) is None
    # Of every box, its rows and its columns; and twice the whole image.
    assert runs[0] <= 2 * 4_000 + 4
    assert sides[0] <= 101


def test_dots_are_given_up_before_their_boxes_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = counted(monkeypatch, "_runs")
    assert find_picture(tiles(1)) is None  # some 65,000 boxes
    assert runs[0] == 2


def test_a_picture_is_found_in_a_page_of_a_thousand_letters() -> None:
    image = np.full((512, 512, 3), 255, np.uint8)
    image[40:260, 40:470] = np.asarray(noise((430, 220)))
    for row in range(280, 500, 9):
        for column in range(20, 490, 8):
            image[row : row + 6, column : column + 5] = 30
    assert overlap(find_picture(image), (40, 40, 470, 260), image) > 0.95


def test_a_picture_of_dots_in_a_page_is_found_whole() -> None:
    box = (40, 130, 560, 640)
    image = page(box, size=(600, 800))
    small = np.array(Image.fromarray(image).resize((384, 512), Image.Resampling.BOX))
    small[85:408, 28:356] = (200, 180, 160)
    small[87:406:2, 30:354:2] = 0
    assert overlap(find_picture(small), (26, 83, 358, 410), small) > 0.95
