"""Thread pool for photo decoding, which replaces threads that hang.

A thread that is busy in a library's C code cannot be ended, so one that takes too long is given up:
its request is answered, another thread takes its place, and nobody waits for it, not even at the
end of the process. What headers promise is bounded before (:mod:`furniture_prompter.encoders`), so
that happens on files that nobody has thought of; processes could be killed instead, and would cost
60 to 100 MB each and a copy of every photo.
"""

import asyncio
import logging
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, ParamSpec, TypeVar

from furniture_prompter.domain import RgbImage
from furniture_prompter.domain.query import Crop
from furniture_prompter.encoders.card import Preprocessing
from furniture_prompter.encoders.decoding import PhotoLimits, decode_into, names_orientation
from furniture_prompter.encoders.decoding_memory import MEMORY
from furniture_prompter.encoders.preprocessing import preprocess
from furniture_prompter.encoders.screenshots import find_picture
from furniture_prompter.errors import DecodingBusyError, InvalidPhotoError
from furniture_prompter.settings import ServeSettings
from furniture_prompter.web.errors import ApiError, Overloaded
from furniture_prompter.web.telemetry import Metrics

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

_LOG = logging.getLogger("furniture_prompter.web")

# Threads given up and still busy, for each that there should be: with so many of them no more take
# their place, or hostile photos would take all processors.
_MOST_LOST_EACH: Final = 2
# How often the time of what is being decoded is looked at, as a share of its limit.
_WATCH_SHARE: Final = 0.1
# At the end, what is nearly done may finish; a thread that does not is left to the process's end.
_CLOSE_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Look:
    """What a photo's file was found to be.

    Attributes:
        cut: The part whose pixels were taken; None for all of it.
        picture: The same, where it was found in the photo and not asked for.
        names_orientation: Whether the file says which side is up.
    """

    cut: Crop | None
    picture: Crop | None
    names_orientation: bool


@dataclass(frozen=True, eq=False, slots=True)
class _Task:
    """Something for a thread, and who waits for it."""

    work: Callable[[], Any]
    loop: asyncio.AbstractEventLoop
    result: asyncio.Future[Any]


@dataclass(eq=False, slots=True)
class _Worker:
    """A thread, and what it is at; None of a task means that it waits for one.

    Attributes:
        began: When the work on its task began, in seconds of the monotonic clock.
        lost: Whether it was given up: it ends as soon as it comes back.
    """

    task: _Task | None = None
    began: float = 0.0
    lost: bool = False
    thread: threading.Thread | None = field(default=None, repr=False)


class DecodePool:
    """Decodes photos in ``decode_workers`` threads, never more at once but those that are lost.

    Attributes:
        fit: What the encoder's card says of its square. When set, photos are fitted into it right
            here: what waits for the encoder is then small, and the encoder's thread has less to do.
            It takes a fitted square as it is, so the vector is the same.
    """

    def __init__(
        self,
        settings: ServeSettings,
        metrics: Metrics,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start no thread yet.

        Args:
            settings: ``decode_workers``, ``decode_timeout_s`` and the limits of photos.
            metrics: Where to note how long it took, and which threads were lost.
            clock: Seconds that never go back.
        """
        self.fit: Preprocessing | None = None
        self._metrics = metrics
        self._limits = PhotoLimits.of(settings, wait_s=settings.request_timeout_s / 2)
        self._wanted = settings.decode_workers
        self._timeout_s = settings.decode_timeout_s
        self._clock = clock
        self._tasks: queue.SimpleQueue[_Task | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._workers: set[_Worker] = set()
        self._lost = 0
        self._coming = 0
        self._outstanding = 0
        self._watch: asyncio.TimerHandle | None = None
        self._closed = False

    @property
    def limits(self) -> PhotoLimits:
        """What photos are refused, and how long they wait for memory."""
        return self._limits

    def coming(self) -> int:
        """Photos that are waiting for a thread or being decoded."""
        return self._coming

    def is_stuck(self) -> bool:
        """Whether every thread was lost and none may take its place, so that nothing is decoded."""
        with self._lock:
            return self._lost > 0 and not self._workers and not self._may_start()

    async def decode(
        self, data: bytes, side_px: int, crop: Crop | None = None, *, name: str = "that was sent"
    ) -> RgbImage:
        """Pixels of a photo, or of a part of it.

        Args:
            data: The file's bytes.
            side_px: Side of the square that the image will be fitted into.
            crop: The part that is meant.
            name: What to call the photo in errors.

        Returns:
            Shape (height, width, 3), uint8, sRGB.

        Raises:
            InvalidPhotoError: the bytes are no photo that can be used, or take too long.
            Overloaded: other photos take all memory for decoding.
            ApiError: no thread is left.
        """
        self._coming += 1
        try:
            with self._metrics.stage("decode_photo"):
                return await self.run(self._decode, data, side_px, crop, name)
        finally:
            self._coming -= 1

    async def look(
        self,
        data: bytes,
        side_px: int,
        crop: Crop | None = None,
        *,
        for_picture: bool,
        name: str = "that was sent",
    ) -> tuple[RgbImage, Look]:
        """As :meth:`decode`, cut to the picture in a screenshot, and what the file was found to be.

        Args:
            data: The file's bytes.
            side_px: Side of the square that the image will be fitted into.
            crop: The part that is meant.
            for_picture: Whether to look for a picture in it; never with a `crop`.
            name: What to call the photo in errors.

        Raises:
            InvalidPhotoError, Overloaded, ApiError: see :meth:`decode`.
        """
        self._coming += 1
        try:
            with self._metrics.stage("decode_photo"):
                return await self.run(self._look_at, data, side_px, crop, for_picture, name)
        finally:
            self._coming -= 1

    async def run(
        self,
        function: Callable[Arguments, Result],
        *args: Arguments.args,
        **kwargs: Arguments.kwargs,
    ) -> Result:
        """Run something else in the same threads; never, if it is cancelled before its turn.

        Raises:
            InvalidPhotoError: it took longer than ``decode_timeout_s``.
            Overloaded, ApiError: see :meth:`decode`.
        """
        if self._closed or self.is_stuck():
            raise ApiError(
                503,
                "unavailable",
                "The server decodes no photos now. Try again in a moment.",
                {"Retry-After": "1"},
            )
        loop = asyncio.get_running_loop()
        task = _Task(partial(function, *args, **kwargs), loop, loop.create_future())
        self._fill()
        self._tasks.put(task)
        self._outstanding += 1
        self._keep_watch(loop)
        try:
            result: Result = await task.result
            return result
        except DecodingBusyError as error:
            self._metrics.refused.labels("memory").inc()
            raise Overloaded from error
        finally:
            self._outstanding -= 1

    def close(self) -> None:
        """End the threads; those that do not end soon are left to the end of the process."""
        self._closed = True
        with self._lock:
            workers = list(self._workers)
        for _ in workers:
            self._tasks.put(None)
        until = self._clock() + _CLOSE_S
        for worker in workers:
            if worker.thread is not None:
                worker.thread.join(max(0.0, until - self._clock()))

    def _decode(self, data: bytes, side_px: int, crop: Crop | None, name: str) -> RgbImage:
        def fitted(image: RgbImage) -> RgbImage:
            if crop is not None:
                image = crop.cut(image)
            return image if self.fit is None else preprocess(image, self.fit)

        return decode_into(
            data,
            fitted,
            name=name,
            target_side_px=side_px if crop is None else crop.whole_side_px(side_px),
            limits=self._limits,
        )

    def _look_at(
        self, data: bytes, side_px: int, crop: Crop | None, for_picture: bool, name: str
    ) -> tuple[RgbImage, Look]:
        picture: Crop | None = None

        def fitted(image: RgbImage) -> RgbImage:
            nonlocal picture
            # A second time it is found to the pixel, in what was decoded larger.
            picture = find_picture(image) or picture
            cut = image if picture is None else picture.cut(image)
            return cut if self.fit is None else preprocess(cut, self.fit)

        if not for_picture:
            return self._decode(data, side_px, crop, name), Look(
                crop, None, names_orientation(data)
            )
        image = decode_into(data, fitted, name=name, target_side_px=side_px, limits=self._limits)
        if picture is not None:
            larger_px = picture.whole_side_px(side_px)
            image = decode_into(
                data, fitted, name=name, target_side_px=larger_px, limits=self._limits
            )
        return image, Look(picture, picture, names_orientation(data))

    def _may_start(self) -> bool:
        return self._lost < _MOST_LOST_EACH * self._wanted

    def _fill(self) -> None:
        """Start the threads that are wanted and allowed."""
        with self._lock:
            while len(self._workers) < self._wanted and self._may_start():
                worker = _Worker()
                # Daemons: the process may end whatever they are at.
                worker.thread = threading.Thread(
                    target=self._work, args=(worker,), name="decode", daemon=True
                )
                self._workers.add(worker)
                worker.thread.start()

    def _work(self, worker: _Worker) -> None:
        while (task := self._tasks.get()) is not None:
            if task.result.cancelled():
                continue
            with self._lock:
                worker.task, worker.began = task, self._clock()
            result: Any = None
            failure: BaseException | None = None
            try:
                result = task.work()
            except BaseException as error:  # noqa: BLE001  # whatever it is belongs to who waits
                failure = error
            with self._lock:
                worker.task = None
                lost = worker.lost
                if lost:
                    self._lost -= 1
                    self._metrics.decoders_stuck.set(self._lost)
            if lost:
                return
            _hand_over(task, result, failure)
            # What was decoded must not outlive its request while this thread waits for the next.
            del task, result, failure
        with self._lock:
            self._workers.discard(worker)

    def _keep_watch(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._watch is None:
            self._watch = loop.call_later(_WATCH_SHARE * self._timeout_s, self._look, loop)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        """Give up whatever takes too long."""
        self._watch = None
        late: list[_Task] = []
        with self._lock:
            now = self._clock()
            for worker in list(self._workers):
                if worker.thread is not None and MEMORY.keeps_waiting(worker.thread):
                    # It is not decoding yet.
                    worker.began = now
                elif worker.task is not None and now - worker.began > self._timeout_s:
                    worker.lost = True
                    self._workers.discard(worker)
                    self._lost += 1
                    late.append(worker.task)
            self._metrics.decoders_stuck.set(self._lost)
        for task in late:
            self._metrics.decoders_lost.inc()
            _LOG.error("a photo took more than %g s to decode; its thread is lost", self._timeout_s)
            _settle(task, None, _too_slow(self._timeout_s))
        if late:
            self._fill()
            if self.is_stuck():
                self._refuse_waiting()
        if self._outstanding:
            self._keep_watch(loop)

    def _refuse_waiting(self) -> None:
        """Nobody will come for what is queued."""
        while not self._tasks.empty():
            task = self._tasks.get()
            if task is not None:
                _settle(task, None, Overloaded())


def _hand_over(task: _Task, result: object, failure: BaseException | None) -> None:
    try:
        task.loop.call_soon_threadsafe(_settle, task, result, failure)
    except RuntimeError:
        # The loop has ended, and with it whoever waited.
        return


def _settle(task: _Task, result: object, failure: BaseException | None) -> None:
    if task.result.done():
        return
    if failure is None:
        task.result.set_result(result)
    else:
        task.result.set_exception(failure)


def _too_slow(timeout_s: float) -> InvalidPhotoError:
    return InvalidPhotoError(
        f"The photo takes more than {timeout_s:g} s to decode. Save it smaller, or as JPEG."
    )
