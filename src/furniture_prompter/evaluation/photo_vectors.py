"""Every photo of a collection as an encoder sees it."""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from furniture_prompter.domain import RgbImage
from furniture_prompter.encoders.decoding import PhotoLimits, decode_photo, read_photo_bytes
from furniture_prompter.encoders.protocols import Encoder
from furniture_prompter.errors import InvalidPhotoError

_BATCH = 8
_AHEAD_BATCHES = 4
_DECODERS = 2


def decoded(path: Path, side_px: int | None, limits: PhotoLimits) -> RgbImage:
    """A photo as indexing and searching decode it.

    Raises:
        InvalidPhotoError: the file is gone or no usable photo.
    """
    try:
        data = read_photo_bytes(path, limits)
    except OSError as error:
        raise InvalidPhotoError(f"Cannot read {path}: {error.strerror}.") from error
    return decode_photo(data, name=str(path), target_side_px=side_px, limits=limits)


def photo_vectors(
    encoder: Encoder,
    paths: tuple[Path, ...],
    limits: PhotoLimits,
    on_photo: Callable[[int], None],
) -> NDArray[np.float32]:
    """Vectors of photos, decoded in threads while the encoder works.

    Args:
        encoder: Whose vectors.
        paths: The photos.
        limits: What is refused.
        on_photo: Told how many are done.

    Returns:
        Unit rows, shape (n, d), with zeros where a photo cannot be used.
    """
    vectors = np.zeros((len(paths), encoder.card.dimension), np.float32)
    done = 0
    for places, images in _batches(paths, encoder.card.input_side_px, limits):
        usable = [place for place, image in zip(places, images, strict=True) if image is not None]
        if usable:
            vectors[usable] = encoder.encode([image for image in images if image is not None])
        done += len(places)
        on_photo(done)
    return vectors


def _batches(
    paths: tuple[Path, ...], side_px: int | None, limits: PhotoLimits
) -> Iterator[tuple[range, list[RgbImage | None]]]:
    def image(path: Path) -> RgbImage | None:
        try:
            return decoded(path, side_px, limits)
        except InvalidPhotoError:
            return None

    waiting: deque[tuple[range, list[Future[RgbImage | None]]]] = deque()
    with ThreadPoolExecutor(_DECODERS, thread_name_prefix="decode") as pool:
        for start in range(0, len(paths), _BATCH):
            places = range(start, min(start + _BATCH, len(paths)))
            waiting.append((places, [pool.submit(image, paths[place]) for place in places]))
            if len(waiting) > _AHEAD_BATCHES:
                first, images = waiting.popleft()
                yield first, [each.result() for each in images]
        for places, images in waiting:
            yield places, [each.result() for each in images]
