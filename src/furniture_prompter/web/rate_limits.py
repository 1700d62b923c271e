"""How often one key, or one address where there are no keys, may ask in a minute.

Each worker counts for itself, so that several of them let through up to as many times the limit.
"""

import ipaddress
import math
import time
from typing import Final

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from furniture_prompter.web.access import OPEN_PATHS
from furniture_prompter.web.errors import ApiError, send_error

_WINDOW_S: Final = 60
# One customer of a provider commands this much of the IPv6 space (RFC 6177).
_CUSTOMER_V6_BITS: Final = 64


class RateLimit:
    """Answers 429 beyond the limit; every answer tells what is left.

    The headers are those of the IETF's draft-ietf-httpapi-ratelimit-headers.
    """

    def __init__(self, app: ASGIApp, per_minute: int) -> None:
        """Wrap an application.

        Args:
            app: The application.
            per_minute: Requests in a minute; 0 for no limit.
        """
        self._app = app
        self._per_minute = per_minute
        if per_minute:
            self._item = RateLimitItemPerMinute(per_minute)
            self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the ASGI specification."""
        if scope["type"] != "http" or not self._per_minute or scope["path"] in OPEN_PATHS:
            await self._app(scope, receive, send)
            return
        who = _who(scope)
        allowed = self._limiter.hit(self._item, who)
        stats = self._limiter.get_window_stats(self._item, who)
        reset_s = max(1, math.ceil(stats.reset_time - time.time()))

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["RateLimit-Policy"] = f'"requests";q={self._per_minute};w={_WINDOW_S}'
                headers["RateLimit"] = f'"requests";r={max(0, stats.remaining)};t={reset_s}'
            await send(message)

        if allowed:
            await self._app(scope, receive, send_with_headers)
            return
        refusal = ApiError(
            429,
            "too_many_requests",
            f"More than {self._per_minute} requests in a minute. Try again in {reset_s} s.",
            {"Retry-After": str(reset_s)},
        )
        await send_error(scope, receive, send_with_headers, refusal)


def _who(scope: Scope) -> str:
    name = scope.get("state", {}).get("key_name", "")
    if name:
        return f"key {name}"
    host = str((scope.get("client") or ("", 0))[0])
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return f"address {host}"
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return f"address {address.ipv4_mapped}"
        return f"network {ipaddress.ip_network((address, _CUSTOMER_V6_BITS), strict=False)}"
    return f"address {address}"
