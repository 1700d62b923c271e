import asyncio
import threading
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest
from numpy.typing import NDArray

from furniture_prompter.domain import RgbImage
from furniture_prompter.encoders.card import EncoderCard
from furniture_prompter.encoders.protocols import Encoder
from furniture_prompter.errors import EncoderError, InvalidPhotoError
from furniture_prompter.settings import ServeSettings
from furniture_prompter.web.encoding import MOST_SERIES, EncodeQueue
from furniture_prompter.web.errors import Overloaded
from furniture_prompter.web.telemetry import Metrics
from tests.fakes import ColourGridEncoder


def image(shade: int) -> RgbImage:
    """An image whose vector tells its shade; shade 13 cannot be encoded."""
    return np.full((20, 20, 3), shade, np.uint8)


@dataclass
class SlowEncoder:
    """Gives the shade as vector, when it is let, and remembers each run."""

    runs: list[list[int]] = field(default_factory=list)
    may_run: threading.Event = field(default_factory=threading.Event)
    rows_short: int = 0

    @property
    def card(self) -> EncoderCard:
        return ColourGridEncoder().card

    def encode(self, images: Sequence[RgbImage]) -> NDArray[np.float32]:
        assert self.may_run.wait(20)
        shades = [int(each[0, 0, 0]) for each in images]
        self.runs.append(shades)
        if 13 in shades:
            raise InvalidPhotoError("Shade 13. Take another.")
        return np.array([[shade, 0] for shade in shades[self.rows_short :]], np.float32)


@dataclass
class ForkedEncoder(SlowEncoder):
    """Has a twin for several threads, which tells how many are in it at once."""

    twin: SlowEncoder = field(default_factory=SlowEncoder)

    def for_several_threads(self) -> Encoder:
        self.twin.may_run = self.may_run
        return self.twin


@dataclass
class Bench:
    encoder: SlowEncoder
    queue: EncodeQueue
    metrics: Metrics
    coming: int = 0

    def ask(self, shade: int, key: bytes | None = None) -> asyncio.Task[NDArray[np.float32]]:
        return asyncio.create_task(self.queue.encode(image(shade), key))

    async def busy(self) -> asyncio.Task[NDArray[np.float32]]:
        """Let the encoder have one photo in its hands, so that others gather behind it."""
        first = self.ask(0)
        await settle()
        return first


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def run(
    test: Callable[[Bench], Awaitable[None]],
    encoder_of: Callable[[], SlowEncoder] = SlowEncoder,
    **settings: object,
) -> None:
    async def body() -> None:
        encoder, metrics = encoder_of(), Metrics()
        chosen = ServeSettings.model_validate({"batch_photos": 4, "batch_wait_ms": 500, **settings})
        queue = EncodeQueue(encoder, chosen, metrics, coming=lambda: bench.coming)
        bench = Bench(encoder, queue, metrics)
        try:
            await asyncio.wait_for(test(bench), 30)
        finally:
            encoder.may_run.set()
            await queue.close()

    asyncio.run(body())


def test_photos_of_concurrent_requests_are_encoded_together() -> None:
    async def test(bench: Bench) -> None:
        first = await bench.busy()
        rest = [bench.ask(shade) for shade in range(1, 10)]
        await settle()
        bench.encoder.may_run.set()
        vectors = await asyncio.gather(first, *rest)
        assert [vector[0] for vector in vectors] == list(range(10))
        assert bench.encoder.runs == [[0], [1, 2, 3, 4], [5, 6, 7, 8], [9]]
        text = bench.metrics.render()[0].decode()
        assert "furniture_prompter_batch_photos_count 4.0" in text
        assert "furniture_prompter_batch_photos_sum 10.0" in text
        assert "furniture_prompter_queue_photos 0.0" in text

    run(test)


def test_a_batch_waits_for_a_photo_that_is_being_decoded() -> None:
    async def test(bench: Bench) -> None:
        bench.encoder.may_run.set()
        bench.coming = 1
        first = bench.ask(1)
        await settle()
        assert bench.encoder.runs == []
        bench.coming = 0
        await asyncio.gather(first, bench.ask(2))
        assert bench.encoder.runs == [[1, 2]]

    run(test, batch_wait_ms=1_000)


def test_the_wait_for_others_ends() -> None:
    async def test(bench: Bench) -> None:
        bench.encoder.may_run.set()
        bench.coming = 1
        assert (await bench.ask(7))[0] == 7

    run(test, batch_wait_ms=5)


def test_a_lonely_photo_waits_for_nobody() -> None:
    async def test(bench: Bench) -> None:
        bench.encoder.may_run.set()
        # It would time out if it waited for a batch.
        await asyncio.wait_for(bench.ask(1), 0.9)

    run(test, batch_wait_ms=1_000)


def test_a_photo_that_fails_fails_alone() -> None:
    async def test(bench: Bench) -> None:
        first = await bench.busy()
        rest = [bench.ask(shade) for shade in (1, 13, 2)]
        await settle()
        bench.encoder.may_run.set()
        results = await asyncio.gather(first, *rest, return_exceptions=True)
        assert isinstance(results[2], InvalidPhotoError)
        good = [each[0] for each in results if isinstance(each, np.ndarray)]
        assert good == [0, 1, 2]
        assert (await bench.ask(5))[0] == 5

    run(test)


def test_an_encoder_that_gives_too_few_vectors_fails_the_photo_and_not_the_queue() -> None:
    async def test(bench: Bench) -> None:
        bench.encoder.may_run.set()
        bench.encoder.rows_short = 1
        with pytest.raises(EncoderError, match="0 vectors for 1 images"):
            await bench.ask(1)
        bench.encoder.rows_short = 0
        assert (await bench.ask(2))[0] == 2

    run(test)


def test_a_full_queue_refuses_and_says_when_to_come_back() -> None:
    async def test(bench: Bench) -> None:
        first = await bench.busy()
        waiting = [bench.ask(shade) for shade in (1, 2, 3)]
        await settle()
        with pytest.raises(Overloaded) as refused:
            await bench.ask(4)
        assert int(refused.value.headers["Retry-After"]) >= 1
        assert 'furniture_prompter_refused_total{full="photos"} 1.0' in (
            bench.metrics.render()[0].decode()
        )
        bench.encoder.may_run.set()
        vectors = await asyncio.gather(first, *waiting)
        assert [vector[0] for vector in vectors] == [0, 1, 2, 3]
        assert (await bench.ask(5))[0] == 5

    run(test, queue_photos=3)


def test_a_cancelled_request_is_never_encoded() -> None:
    async def test(bench: Bench) -> None:
        first = await bench.busy()
        gone, stays = bench.ask(1, b"gone"), bench.ask(2)
        await settle()
        gone.cancel()
        await settle()
        bench.encoder.may_run.set()
        await asyncio.gather(first, stays)
        assert gone.cancelled()
        assert bench.encoder.runs == [[0], [2]]
        assert (await bench.ask(1, b"gone"))[0] == 1

    run(test)


def test_equal_photos_are_encoded_once_and_kept() -> None:
    async def test(bench: Bench) -> None:
        first = await bench.busy()
        equal = [bench.ask(1, b"same") for _ in range(6)]
        await settle()
        bench.encoder.may_run.set()
        vectors = await asyncio.gather(first, *equal)
        assert [vector[0] for vector in vectors[1:]] == [1] * 6
        assert (await bench.ask(1, b"same"))[0] == 1
        assert bench.encoder.runs == [[0], [1]]
        assert bench.queue.peek(b"same") is not None
        assert bench.queue.peek(b"other") is None
        text = bench.metrics.render()[0].decode()
        assert "furniture_prompter_cache_hits_total 7.0" in text
        assert "furniture_prompter_cache_misses_total 1.0" in text

    run(test)


def test_who_gives_up_takes_nothing_from_others_that_wait_for_the_same_photo() -> None:
    async def test(bench: Bench) -> None:
        first = await bench.busy()
        gone, stays = bench.ask(1, b"same"), bench.ask(1, b"same")
        await settle()
        gone.cancel()
        await settle()
        bench.encoder.may_run.set()
        await first
        assert (await stays)[0] == 1

    run(test)


def test_a_failed_photo_is_not_kept() -> None:
    async def test(bench: Bench) -> None:
        bench.encoder.may_run.set()
        for _ in range(2):
            with pytest.raises(InvalidPhotoError):
                await bench.ask(13, b"bad")
        assert bench.encoder.runs == [[13], [13]]

    run(test)


def test_kept_vectors_are_bounded() -> None:
    async def test(bench: Bench) -> None:
        bench.encoder.may_run.set()
        for shade in range(5):
            await bench.ask(shade, bytes([shade]))
        kept = [bench.queue.peek(bytes([shade])) is not None for shade in range(5)]
        assert kept == [False, False, False, True, True]

    run(test, cache_vectors=2)


def test_closing_encodes_what_was_accepted_and_refuses_the_rest() -> None:
    async def test(bench: Bench) -> None:
        first = await bench.busy()
        accepted = [bench.ask(shade) for shade in (1, 2)]
        await settle()
        closing = asyncio.create_task(bench.queue.close())
        await settle()
        with pytest.raises(Overloaded):
            await bench.ask(3)
        bench.encoder.may_run.set()
        vectors = await asyncio.gather(first, *accepted)
        assert [vector[0] for vector in vectors] == [0, 1, 2]
        await closing

    run(test)


def test_a_photo_that_is_alone_gets_all_threads_at_once() -> None:
    async def test(bench: Bench) -> None:
        assert isinstance(bench.encoder, ForkedEncoder)
        bench.encoder.may_run.set()
        for shade in (1, 2):
            await bench.ask(shade)
        assert bench.encoder.runs == [[1], [2]]
        assert bench.encoder.twin.runs == []

    run(test, ForkedEncoder, threads=2)


def test_photos_that_wait_are_shared_out_to_threads_of_their_own() -> None:
    async def test(bench: Bench) -> None:
        assert isinstance(bench.encoder, ForkedEncoder)
        asked = [bench.ask(shade) for shade in range(1, 7)]
        await settle()
        bench.encoder.may_run.set()
        vectors = await asyncio.gather(*asked)
        assert [vector[0] for vector in vectors] == list(range(1, 7))
        assert bench.encoder.runs == []
        # Of six the first of two threads takes half, the second what is left.
        assert sorted(bench.encoder.twin.runs) == [[1, 2, 3], [4, 5, 6]]

    run(test, ForkedEncoder, threads=2)


def test_a_photo_beside_a_run_gets_a_thread_of_its_own_at_once() -> None:
    async def test(bench: Bench) -> None:
        assert isinstance(bench.encoder, ForkedEncoder)
        first, second = await bench.busy(), bench.ask(1)
        await settle()
        # Both are in an encoder's hands, and none waits in the queue.
        assert "furniture_prompter_queue_photos 0.0" in bench.metrics.render()[0].decode()
        bench.encoder.may_run.set()
        await asyncio.gather(first, second)
        assert (bench.encoder.runs, bench.encoder.twin.runs) == ([[0]], [[1]])

    run(test, ForkedEncoder, threads=2)


def test_with_one_thread_nothing_is_forked() -> None:
    async def test(bench: Bench) -> None:
        assert isinstance(bench.encoder, ForkedEncoder)
        bench.encoder.may_run.set()
        await asyncio.gather(bench.ask(1), bench.ask(2))
        assert bench.encoder.twin.runs == []

    run(test, ForkedEncoder, threads=1)


def test_requests_of_many_photos_are_answered_one_by_one_and_soon_refused() -> None:
    async def run() -> None:
        queue = EncodeQueue(ColourGridEncoder(), ServeSettings(), Metrics())
        inside: list[int] = []
        most, let = 0, asyncio.Event()

        async def ask(number: int) -> None:
            nonlocal most
            async with queue.series(49):
                inside.append(number)
                most = max(most, len(inside))
                await let.wait()
                inside.remove(number)

        asked = [asyncio.create_task(ask(number)) for number in range(MOST_SERIES)]
        await asyncio.sleep(0)
        with pytest.raises(Overloaded) as refused:
            await ask(MOST_SERIES)
        assert int(refused.value.headers["Retry-After"]) >= 1
        let.set()
        await asyncio.gather(*asked)
        assert most == 1
        await ask(MOST_SERIES)

    asyncio.run(run())
