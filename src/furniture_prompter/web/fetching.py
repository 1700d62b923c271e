"""Photo fetching for the API: one photo by its web address, within limits of size and time.

Whoever calls the API is a stranger, so no private address is ever asked for one, and a refusal does
not tell what a name resolves to.
"""

import asyncio
from typing import Final, NoReturn

import httpx

from furniture_prompter.errors import InvalidPhotoError
from furniture_prompter.fetching.guarded_requests import GuardedClient, over_tcp
from furniture_prompter.fetching.public_addresses import AddressError, Guard, Resolve, resolve
from furniture_prompter.settings import ServeSettings

LIMIT_REDIRECTS: Final = 3
# So that a flood of addresses that never answer cannot take every socket of the process.
LIMIT_FETCHES: Final = 16
_HEADERS: Final = {
    "Accept": "image/*",
    # What is received is counted, so it must not grow afterwards.
    "Accept-Encoding": "identity",
}


class PhotoFetcher:
    """Fetches photos from public addresses, within limits of size and time."""

    def __init__(
        self,
        settings: ServeSettings,
        *,
        resolve: Resolve = resolve,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """Prepare to fetch; nothing is opened yet.

        Args:
            settings: ``fetch_timeout_s`` and ``limit_photo_bytes``.
            resolve: Addresses of a host name.
            transport: What connects to a checked address; HTTP/1.1 over TCP when left out.
        """
        self._timeout_s = settings.fetch_timeout_s
        self._limit_bytes = settings.limit_photo_bytes
        self._places = asyncio.Semaphore(LIMIT_FETCHES)
        self._client = GuardedClient(
            Guard(resolve, discreet=True),
            headers=_HEADERS,
            timeout_s=self._timeout_s,
            redirects=LIMIT_REDIRECTS,
            connect=over_tcp if transport is None else lambda _: transport,
        )

    async def fetch(self, url: str) -> bytes:
        """The bytes behind a web address; whether they are a photo, decoding tells.

        Raises:
            InvalidPhotoError: the address is not allowed, does not answer as it should, or what it
                sends is too large or too slow. The message does not tell what a name resolves to.
        """
        try:
            async with (
                asyncio.timeout(self._timeout_s),
                self._places,
                self._client.get(url) as response,
            ):
                return await self._read(response)
        except TimeoutError:
            _refuse(f"took longer than {self._timeout_s:g} s", "Save the photo smaller")
        except AddressError as error:
            _refuse(error.reason, error.cure)

    async def aclose(self) -> None:
        """Close what is open."""
        await self._client.aclose()

    async def _read(self, response: httpx.Response) -> bytes:
        if response.status_code != 200:
            _refuse(
                f"answered {response.status_code}",
                "Check that it opens in a browser without signing in",
            )
        if response.headers.get("content-encoding", "identity").lower() != "identity":
            _refuse("answered in a compressed form", "Give one that does not")
        declared = response.headers.get("content-length", "")
        if declared.isdecimal() and int(declared[:20]) > self._limit_bytes:
            self._too_large()
        data = bytearray()
        async for chunk in response.aiter_raw():
            data += chunk
            if len(data) > self._limit_bytes:
                self._too_large()
        return bytes(data)

    def _too_large(self) -> NoReturn:
        _refuse(f"sends more than {self._limit_bytes:,} bytes", "Save the photo smaller")


def _refuse(reason: str, cure: str) -> NoReturn:
    raise InvalidPhotoError(f"The photo's web address {reason}. {cure}, or send the photo itself.")
