"""Whether searches can be answered: tried now and then, told as often as anybody asks."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Final

FRESH_S: Final = 1.0
"""How long what was found out is told on; who watches over a server asks less often."""


class Readiness:
    """One trial at a time, and one in :data:`FRESH_S`, whoever asks: nobody needs a key for it."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self._trial: asyncio.Task[int | None] | None = None
        self._began_s = 0.0

    async def version(self, probe: Callable[[], Coroutine[None, None, int | None]]) -> int | None:
        """The catalog version that a search was answered from; None where it cannot be.

        Args:
            probe: Tries it, in bounded time. It goes on when whoever asked has gone: others wait
                for it.
        """
        now_s = asyncio.get_running_loop().time()
        trial = self._trial
        if trial is None or (trial.done() and now_s - self._began_s >= FRESH_S):
            trial = self._trial = asyncio.create_task(probe(), name="probe")
            self._began_s = now_s
        return await asyncio.shield(trial)
