"""Which views a step sees: decided by the seed and the step's number alone, so that it resumes."""

from collections import deque
from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from furniture_prompter.distillation.augmentation import CLEAN, ViewMaker
from furniture_prompter.distillation.photos import TrainingPhoto

Places = NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Views of one step.

    Attributes:
        photos: Place of each view's photo, shape (n,).
        numbers: Number of each view.
        images: Pixels, shape (n, side, side, 3), uint8.
    """

    photos: Places
    numbers: Places
    images: NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class Batches:
    """The views of every step.

    Attributes:
        photos: All photos.
        train: Places of those to train on.
        squares: Kept squares of all photos, memory-mapped.
        square_places: For each photo the place of its square.
        maker: Makes the views.
        seed: Decides which photos a step sees.
        views: Views that the teacher has seen; 0: a new one in every pass.
        clean_share: Share of photos shown as they are, where `views` is 0.
        batch_size: Views of a step, over all processes.
        side_px: Side of the student's images.
        rank: Number of this process.
        processes: How many there are.
    """

    photos: tuple[TrainingPhoto, ...]
    train: Places
    squares: NDArray[np.uint8]
    square_places: Places
    maker: ViewMaker
    seed: int
    views: int
    clean_share: float
    batch_size: int
    side_px: int
    rank: int = 0
    processes: int = 1

    def plan(self, step: int) -> tuple[Places, Places]:
        """Photos and view numbers of this process at `step`, 0-based."""
        own = np.arange(self.rank, self.batch_size, self.processes)
        positions = step * self.batch_size + own
        passes, within = np.divmod(positions, len(self.train))
        photos = np.empty(len(own), np.intp)
        numbers = np.empty(len(own), np.intp)
        for number in np.unique(passes):
            draw = np.random.default_rng([self.seed, 1, int(number)])
            order = draw.permutation(self.train)
            chosen = passes == number
            photos[chosen] = order[within[chosen]]
            if self.views:
                # Every photo walks through its views, each from another one.
                numbers[chosen] = (photos[chosen] + number) % (1 + self.views)
            else:
                clean = draw.random(len(self.train))[within[chosen]] < self.clean_share
                numbers[chosen] = np.where(clean, CLEAN, number + 1)
        return photos, numbers

    def make(self, step: int) -> Batch:
        """The views of `step`."""
        photos, numbers = self.plan(step)
        return Batch(photos, numbers, self.images(photos, numbers))

    def images(self, photos: Places, numbers: Places) -> NDArray[np.uint8]:
        """View `numbers[i]` of photo `photos[i]`, shape (n, side, side, 3)."""
        images = np.empty((len(photos), self.side_px, self.side_px, 3), np.uint8)
        for row, (photo, number) in enumerate(zip(photos, numbers, strict=True)):
            square = self.squares[self.square_places[photo]]
            identity = self.photos[photo].id
            images[row] = self.maker.view(square, identity, int(number), self.side_px)
        return images

    def views_of(self, photos: Places, number: int) -> NDArray[np.uint8]:
        """One view of each photo, shape (n, side, side, 3)."""
        return self.images(photos, np.full(len(photos), number, np.intp))

    def ahead(self, first: int, workers: int) -> Generator[Batch]:
        """Batches from step `first` on without end, prepared ahead in `workers` threads."""
        waiting: deque[Future[Batch]] = deque()
        step = first
        pool = ThreadPoolExecutor(workers, thread_name_prefix="views")
        try:
            while True:
                while len(waiting) <= workers:
                    waiting.append(pool.submit(self.make, step))
                    step += 1
                yield waiting.popleft().result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
