import asyncio
import io
import subprocess
import sys
import threading
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from furniture_prompter.domain.query import Crop
from furniture_prompter.encoders.card import Preprocessing
from furniture_prompter.encoders.decoding_memory import MEMORY
from furniture_prompter.encoders.onnx_encoder import preprocess
from furniture_prompter.errors import InvalidPhotoError
from furniture_prompter.settings import ServeSettings
from furniture_prompter.web.decoding_pool import DecodePool
from furniture_prompter.web.errors import ApiError, Overloaded
from furniture_prompter.web.telemetry import Metrics


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


def shown(metrics: Metrics, name: str) -> float:
    """The value of one of the numbers without labels."""
    lines = metrics.render()[0].decode().splitlines()
    return next(float(line.split()[-1]) for line in lines if line.split()[0] == name)


LOST = "furniture_prompter_decoders_lost_total"
STUCK = "furniture_prompter_decoders_stuck"


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.01)


def test_a_thread_that_takes_too_long_costs_its_request_and_another_takes_its_place() -> None:
    async def test() -> None:
        metrics, let = Metrics(), threading.Event()
        decoding = DecodePool(ServeSettings(decode_workers=1, decode_timeout_s=0.2), metrics)
        with pytest.raises(InvalidPhotoError, match=r"more than 0\.2 s.*Save it smaller"):
            await decoding.run(let.wait, 60)
        assert (shown(metrics, LOST), shown(metrics, STUCK)) == (1, 1)
        assert (await decoding.decode(photo(), 32)).shape == (48, 64, 3)
        assert not decoding.is_stuck()
        let.set()
        await until(lambda: shown(metrics, STUCK) == 0)
        assert (await decoding.decode(photo(), 32)).shape == (48, 64, 3)
        decoding.close()

    asyncio.run(test())


def test_where_all_threads_are_lost_photos_are_refused_until_one_comes_back() -> None:
    async def test() -> None:
        let = threading.Event()
        decoding = pool(decode_workers=1, decode_timeout_s=0.2)
        hanging = [asyncio.create_task(decoding.run(let.wait, 60)) for _ in range(3)]
        answers = await asyncio.gather(*hanging, return_exceptions=True)
        # Two threads may be lost for the one that there should be; who is behind them is refused.
        assert [type(each) for each in answers].count(InvalidPhotoError) == 2
        assert [type(each) for each in answers].count(Overloaded) == 1
        assert decoding.is_stuck()
        with pytest.raises(ApiError) as refused:
            await decoding.decode(photo(), 32)
        assert refused.value.status == 503
        let.set()
        await until(lambda: not decoding.is_stuck())
        assert (await decoding.decode(photo(), 32)).shape == (48, 64, 3)
        decoding.close()

    asyncio.run(test())


def test_waiting_for_the_memory_of_others_is_not_decoding() -> None:
    limit = ServeSettings().limit_decoding_bytes

    async def test() -> None:
        metrics = Metrics()
        decoding = DecodePool(ServeSettings(decode_workers=1, decode_timeout_s=0.1), metrics)
        with MEMORY.hold(limit, limit, None):
            waiting = asyncio.create_task(decoding.decode(photo(), 32))
            await asyncio.sleep(0.5)
            assert not waiting.done()
        assert (await waiting).shape == (48, 64, 3)
        assert shown(metrics, LOST) == 0
        decoding.close()

    asyncio.run(test())


def test_who_waits_too_long_for_the_memory_of_others_is_told_to_come_again() -> None:
    limit = ServeSettings().limit_decoding_bytes

    async def test() -> None:
        decoding = pool(request_timeout_s=0.2)
        with MEMORY.hold(limit, limit, None), pytest.raises(Overloaded):
            await decoding.decode(photo(), 32)
        decoding.close()

    asyncio.run(test())


def test_a_process_ends_although_a_thread_of_its_pool_does_not() -> None:
    script = """
import asyncio, time
from furniture_prompter.settings import ServeSettings
from furniture_prompter.web.decoding_pool import DecodePool
from furniture_prompter.web.telemetry import Metrics

async def main():
    decoding = DecodePool(ServeSettings(), Metrics())
    task = asyncio.create_task(decoding.run(time.sleep, 3_600))
    await asyncio.sleep(0.1)
    decoding.close()
    task.cancel()

asyncio.run(main())
print("ended")
"""
    done = subprocess.run(
        [sys.executable, "-c", script], timeout=200, check=True, capture_output=True, text=True
    )
    assert done.stdout == "ended\n"
