"""Dynamic batching: photos of concurrent requests, encoded together.

Requests put their photos into a bounded queue; threads take what has gathered, run the encoder and
hand each request its vector. A photo that is alone gets all processors, for it is then done
soonest; where several wait, each thread encodes its share on one processor, for threads that work
on one image wait for each other, the more the busier the machine. A photo that fails, fails alone.
Equal photos are encoded once: vectors are kept by content, and who comes while one is being
computed waits for that one. A request that is cancelled takes its photo out of the queue, unless
another waits for it too.
"""

import asyncio
import math
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from furniture_prompter.domain import RgbImage
from furniture_prompter.encoders.processors import available_cpus
from furniture_prompter.encoders.protocols import Encoder, ForkingEncoder
from furniture_prompter.errors import EncoderError
from furniture_prompter.settings import ServeSettings
from furniture_prompter.web.caches import Vector, VectorCache
from furniture_prompter.web.errors import Overloaded
from furniture_prompter.web.telemetry import Metrics

MOST_SERIES: Final = 3
"""Requests that have many photos each, one of which is answered while the others wait."""

# Until the first run has been timed.
_EXPECTED_PHOTO_S = 0.02
# How much of the estimate of a photo's time the latest run is.
_LATEST_SHARE = 0.2


@dataclass(eq=False, slots=True)
class _Waiting:
    """A photo on its way to the encoder, and who waits for it."""

    image: RgbImage
    key: bytes | None
    vector: asyncio.Future[Vector]
    requests: int = 1


class EncodeQueue:
    """Encodes photos for concurrent requests; belongs to the event loop that first uses it."""

    def __init__(
        self,
        encoder: Encoder,
        settings: ServeSettings,
        metrics: Metrics,
        *,
        coming: Callable[[], int] = lambda: 0,
    ) -> None:
        """Prepare to encode; the thread starts with the first photo.

        Args:
            encoder: Called from one thread at a time, unless it is a ForkingEncoder.
            settings: ``threads``, ``batch_photos``, ``batch_wait_ms``, ``queue_photos`` and
                ``cache_vectors``.
            metrics: Where to count.
            coming: How many photos will soon be here, such as those being decoded. Without any,
                nobody waits for a batch to fill.
        """
        self._encoder = encoder
        threads = settings.threads or available_cpus()
        # Loaded with the first photos that wait for each other, which not every server sees.
        self._shared: Encoder | None = None
        self._sharing = threading.Lock()
        self._forks = threads > 1 and isinstance(encoder, ForkingEncoder)
        self._limit_runs = threads if self._forks else 1
        self._limit_batch = settings.batch_photos
        self._wait_s = settings.batch_wait_ms / 1_000
        self._limit_queue = settings.queue_photos
        self._metrics = metrics
        self._coming = coming
        self._cache = VectorCache(settings.cache_vectors)
        self._flights: dict[bytes, _Waiting] = {}
        self._queue: deque[_Waiting] = deque()
        self._arrived = asyncio.Event()
        self._threads = ThreadPoolExecutor(self._limit_runs, thread_name_prefix="encode")
        self._runs: set[asyncio.Task[None]] = set()
        self._task: asyncio.Task[None] | None = None
        self._closing = False
        self._photo_s = _EXPECTED_PHOTO_S
        self._series = 0
        self._turn = asyncio.Lock()

    def peek(self, key: bytes) -> Vector | None:
        """The vector of a photo that is in memory, so that it need not even be decoded."""
        vector = self._cache.get(key)
        if vector is not None:
            self._metrics.cache_hits.inc()
        return vector

    async def encode(self, image: RgbImage, key: bytes | None = None) -> Vector:
        """The unit vector of a photo, shape (d,), float32; others may hold it too: never alter it.

        Args:
            image: Shape (height, width, 3), sRGB, uint8.
            key: What tells its content from any other, as
                :func:`~furniture_prompter.web.caches.content_key` gives it; None where the
                vector shall not be kept.

        Raises:
            Overloaded: too many photos wait already, or the server is about to end.
            InvalidPhotoError, EncoderError: this photo cannot be encoded.
        """
        if key is not None:
            kept = self.peek(key)
            if kept is not None:
                return kept
            flight = self._flights.get(key)
            if flight is not None:
                self._metrics.cache_hits.inc()
                flight.requests += 1
                return await self._result(flight)
            self._metrics.cache_misses.inc()
        return await self._result(self._enqueue(image, key))

    @asynccontextmanager
    async def series(self, photos: int) -> AsyncIterator[None]:
        """The turn of a request that has many photos; side by side, all would come too late.

        Args:
            photos: How many it has.

        Raises:
            Overloaded: too many such requests wait already.
        """
        if self._series >= MOST_SERIES:
            self._metrics.refused.labels("photos").inc()
            raise Overloaded(self._series * photos * self._photo_s)
        self._series += 1
        try:
            async with self._turn:
                yield
        finally:
            self._series -= 1

    async def close(self) -> None:
        """Encode what was accepted, refuse what comes now, and end the threads."""
        self._closing = True
        self._arrived.set()
        if self._task is not None:
            await self._task
        self._threads.shutdown()

    def _enqueue(self, image: RgbImage, key: bytes | None) -> _Waiting:
        if self._closing or len(self._queue) >= self._limit_queue:
            self._metrics.refused.labels("photos").inc()
            raise Overloaded(len(self._queue) * self._photo_s)
        waiting = _Waiting(image, key, asyncio.get_running_loop().create_future())
        if key is not None:
            self._flights[key] = waiting
        self._queue.append(waiting)
        self._metrics.queue_photos.set(len(self._queue))
        self._arrived.set()
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="encode photos")
        return waiting

    async def _result(self, waiting: _Waiting) -> Vector:
        try:
            # Shielded: a request that gives up must not take the vector from another.
            return await asyncio.shield(waiting.vector)
        finally:
            waiting.requests -= 1
            if not waiting.requests and not waiting.vector.done():
                self._abandon(waiting)

    def _abandon(self, waiting: _Waiting) -> None:
        waiting.vector.cancel()
        self._land(waiting)
        # It may be in the encoder's hands already.
        if waiting in self._queue:
            self._queue.remove(waiting)
            self._metrics.queue_photos.set(len(self._queue))

    async def _run(self) -> None:
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self._queue:
                if len(self._runs) == self._limit_runs:
                    await asyncio.wait(self._runs, return_when=asyncio.FIRST_COMPLETED)
                    continue
                await self._fill()
                batch = [self._queue.popleft() for _ in range(self._next_photos())]
                self._metrics.queue_photos.set(len(self._queue))
                if batch:
                    self._start(batch)
            if self._closing:
                if self._runs:
                    await asyncio.wait(self._runs)
                return

    def _start(self, batch: list[_Waiting]) -> None:
        alone = len(batch) == 1 and not self._queue and not self._runs and not self._coming()
        run = asyncio.create_task(self._encode(batch, shared=self._forks and not alone))
        self._runs.add(run)
        run.add_done_callback(self._runs.discard)

    def _next_photos(self) -> int:
        """How many the next run takes, while a run is free: its share, so that no thread idles."""
        idle = self._limit_runs - len(self._runs)
        return min(math.ceil(len(self._queue) / idle), self._limit_batch)

    async def _fill(self) -> None:
        """Wait until the batch is full, nobody else is coming, or the wait is over."""
        until = time.monotonic() + self._wait_s
        while len(self._queue) < self._limit_batch and self._coming() and not self._closing:
            left_s = until - time.monotonic()
            if left_s <= 0:
                return
            self._arrived.clear()
            try:
                await asyncio.wait_for(self._arrived.wait(), left_s)
            except TimeoutError:
                return

    async def _encode(self, batch: list[_Waiting], *, shared: bool) -> None:
        began = time.perf_counter()
        rows, failure = await self._try([waiting.image for waiting in batch], shared=shared)
        took_s = time.perf_counter() - began
        self._metrics.batch_photos.observe(len(batch))
        self._metrics.stage_took("encode_photos", took_s)
        photo_s = took_s / len(batch) / self._limit_runs
        self._photo_s += _LATEST_SHARE * (photo_s - self._photo_s)
        if rows is not None:
            for waiting, row in zip(batch, rows, strict=True):
                self._hand_over(waiting, row)
        elif len(batch) == 1:
            self._fail(batch[0], failure)
        else:
            # One of them spoilt the run: each gets its own.
            for waiting in batch:
                if not waiting.vector.done():
                    await self._encode([waiting], shared=shared)

    async def _try(
        self, images: list[RgbImage], *, shared: bool
    ) -> tuple[NDArray[np.float32] | None, BaseException | None]:
        """Rows of a run, or why there are none: whatever it is, the next run must go on."""
        run = asyncio.get_running_loop().run_in_executor(self._threads, self._rows, images, shared)
        await asyncio.wait([run])
        failure = run.exception()
        return (run.result() if failure is None else None), failure

    def _rows(self, images: list[RgbImage], shared: bool) -> NDArray[np.float32]:
        encoder = self._encoder
        if shared and isinstance(encoder, ForkingEncoder):
            with self._sharing:
                if self._shared is None:
                    self._shared = encoder.for_several_threads()
            encoder = self._shared
        rows = encoder.encode(images)
        if len(rows) != len(images):
            raise EncoderError(
                f"Encoder {self._encoder.card.name} gave {len(rows)} vectors for {len(images)} "
                "images. Check its files with `furniture-prompter encoders`."
            )
        return rows

    def _hand_over(self, waiting: _Waiting, row: Vector) -> None:
        # Whoever asked may be gone; the work is done, so it is kept all the same.
        if waiting.key is not None:
            self._cache.put(waiting.key, row)
            self._metrics.cache_vectors.set(len(self._cache))
        self._land(waiting)
        if not waiting.vector.done():
            waiting.vector.set_result(row)

    def _fail(self, waiting: _Waiting, failure: BaseException | None) -> None:
        self._land(waiting)
        if failure is not None and not waiting.vector.done():
            waiting.vector.set_exception(failure)

    def _land(self, waiting: _Waiting) -> None:
        # After an abandoned photo the same one may be under way again.
        if waiting.key is not None and self._flights.get(waiting.key) is waiting:
            del self._flights[waiting.key]
