"""When a refused call is made again: only where the server says when, and never without end."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

# Too many requests, and unavailable for now: nothing of the call was done.
_REFUSED_FOR_NOW: Final = frozenset({429, 503})


@dataclass(frozen=True, slots=True)
class Retries:
    """How often, and how long altogether, one call is made again.

    Attributes:
        times: Most repetitions of a call; 0: none.
        wait_s: Longest wait of one call altogether; a server that asks for more is not asked again.
    """

    times: int = 3
    wait_s: float = 30.0

    def wait_before(
        self, again: int, waited_s: float, status: int, headers: Mapping[str, str]
    ) -> float | None:
        """Seconds to wait before a call is made again; None to leave it at its answer.

        Args:
            again: Repetitions so far.
            waited_s: Seconds waited so far.
            status: HTTP status of the answer.
            headers: Its headers, names in any case.
        """
        if status not in _REFUSED_FOR_NOW or again >= self.times:
            return None
        wait_s = retry_after_s(headers)
        return wait_s if wait_s is not None and waited_s + wait_s <= self.wait_s else None


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds that Retry-After asks for; None without one that is a number of seconds.

    The API writes seconds. A date, which other servers on the way may write, counts as none.
    """
    try:
        seconds = float(headers.get("retry-after", ""))
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None
