"""Read-ahead pool: items prepared in threads, in order, a bounded number ahead of their use."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Made = TypeVar("Made")


def read_ahead(
    make: Callable[[Item], Made],
    items: Iterable[Item],
    *,
    workers: int,
    ahead: int,
    thread_name: str,
) -> Generator[Made]:
    """What `make` gives for each item, in the order of the items.

    Closing the generator, or an exception of `make`, gives up what is not begun and waits for the
    rest.

    Args:
        make: Called in the threads of the pool.
        items: Read in the caller's thread, as the results are; may be endless.
        workers: Threads.
        ahead: Results that wait, or are being made, while the caller uses one; 1 or more.
        thread_name: What the threads' names begin with.

    Yields:
        The results.
    """
    waiting: deque[Future[Made]] = deque()
    pool = ThreadPoolExecutor(workers, thread_name_prefix=thread_name)
    try:
        for item in items:
            waiting.append(pool.submit(make, item))
            if len(waiting) > ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
