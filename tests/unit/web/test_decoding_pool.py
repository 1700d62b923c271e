import asyncio
import io
import threading

import numpy as np
import pytest
from PIL import Image

from furniture_prompter.domain.crop import Crop
from furniture_prompter.encoders.card import Preprocessing
from furniture_prompter.encoders.preprocessing import preprocess
from furniture_prompter.errors import InvalidPhotoError
from furniture_prompter.settings import ServeSettings
from furniture_prompter.web.decoding_pool import DecodePool
from furniture_prompter.web.metrics import Metrics


def photo(width: int = 64, height: int = 48) -> bytes:
    """Left half red, right half blue."""
    image = Image.new("RGB", (width, height), "red")
    image.paste((0, 0, 255), (width // 2, 0, width, height))
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def pool(**settings: object) -> DecodePool:
    return DecodePool(ServeSettings.model_validate(settings), Metrics())


def test_a_photo_is_decoded_in_another_thread() -> None:
    async def test() -> None:
        decoding = pool()
        image = await decoding.decode(photo(), 32)
        assert image.shape == (48, 64, 3)
        assert await decoding.run(threading.get_ident) != threading.get_ident()
        decoding.close()

    asyncio.run(test())


def test_a_part_of_a_photo_is_cut_out() -> None:
    async def test() -> None:
        decoding = pool()
        image = await decoding.decode(photo(), 16, Crop(0.5, 0.0, 0.5, 1.0))
        assert image.shape == (48, 32, 3)
        assert (image == (0, 0, 255)).all()
        decoding.close()

    asyncio.run(test())


def test_what_is_fitted_into_the_encoders_square_is_small_and_gives_the_same_pixels() -> None:
    async def test() -> None:
        decoding = pool()
        whole = await decoding.decode(photo(400, 300), 32)
        decoding.fit = Preprocessing(side_px=32)
        fitted = await decoding.decode(photo(400, 300), 32)
        assert fitted.shape == (32, 32, 3)
        assert np.array_equal(fitted, preprocess(whole, decoding.fit))
        assert np.array_equal(fitted, preprocess(fitted, decoding.fit))
        decoding.close()

    asyncio.run(test())


def test_bytes_that_are_no_photo_are_refused_by_name() -> None:
    async def test() -> None:
        decoding = pool(limit_photo_bytes=2_000)
        with pytest.raises(InvalidPhotoError, match="that was sent"):
            await decoding.decode(b"no photo", 32)
        with pytest.raises(InvalidPhotoError, match="2,000 bytes"):
            await decoding.decode(b"x" * 2_001, 32)
        assert decoding.coming() == 0
        decoding.close()

    asyncio.run(test())


def test_photos_are_counted_as_coming_and_a_cancelled_one_is_never_decoded() -> None:
    async def test() -> None:
        decoding = pool(decode_workers=1)
        let, entered = threading.Event(), threading.Event()

        def hold() -> None:
            entered.set()
            assert let.wait(20)

        held = asyncio.create_task(decoding.run(hold))
        await asyncio.to_thread(entered.wait, 20)
        waiting = asyncio.create_task(decoding.decode(photo(), 32))
        await asyncio.sleep(0)
        assert decoding.coming() == 1
        waiting.cancel()
        await asyncio.wait([waiting])
        assert decoding.coming() == 0
        let.set()
        await held
        decoding.close()

    asyncio.run(test())
