"""Image preprocessing: any photo fitted into the square that an encoder takes."""

import numpy as np
from PIL import Image

from furniture_prompter.domain.product import RgbImage
from furniture_prompter.encoders.card import Preprocessing
from furniture_prompter.errors import InvalidPhotoError

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
