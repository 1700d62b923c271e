"""The two clients: one that waits, one to be awaited; the same calls over one transport seam."""

import asyncio
import inspect
import time
from collections.abc import (
    AsyncIterable,
    AsyncIterator,
    Callable,
    Coroutine,
    Iterable,
    Iterator,
    Mapping,
)
from functools import update_wrapper
from typing import Any, Concatenate, ParamSpec, Self, get_args

import httpx

from furniture_prompter.client import calls
from furniture_prompter.client.answers import Batch, BatchLine
from furniture_prompter.client.calls import Answer, Call, Retries

Arguments = ParamSpec("Arguments")


def _waiting(
    call: Callable[Arguments, Call[Answer]],
) -> Callable[Concatenate["Client", Arguments], Answer]:
    def method(client: "Client", /, *args: Arguments.args, **kwargs: Arguments.kwargs) -> Answer:
        return client._send(call(*args, **kwargs))

    _describe(method, call, "Client")
    return method


def _awaited(
    call: Callable[Arguments, Call[Answer]],
) -> Callable[Concatenate["AsyncClient", Arguments], Coroutine[Any, Any, Answer]]:
    async def method(
        client: "AsyncClient", /, *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Answer:
        return await client._send(call(*args, **kwargs))

    _describe(method, call, "AsyncClient")
    return method


def _describe(method: Callable[..., object], call: Callable[..., object], owner: str) -> None:
    """Let ``help`` show a method as the call that it makes, with what the call answers."""
    update_wrapper(method, call)
    method.__module__, method.__qualname__ = __name__, f"{owner}.{method.__name__}"
    signature = inspect.signature(call)
    client = inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)
    shown = signature.replace(
        parameters=[client, *signature.parameters.values()],
        return_annotation=get_args(signature.return_annotation)[0],
    )
    method.__annotations__ = {**call.__annotations__, "return": shown.return_annotation}
    vars(method)["__signature__"] = shown


class Client:
    """Calls one API; safe to use from several threads.

    Every method raises AnswerError where the API refuses or fails, NoAnswerError where none comes,
    and UnexpectedAnswerError where something else answers.
    """

    def __init__(
        self,
        base_url: str,
        api_key: str | None = None,
        *,
        timeout_s: float = 30.0,
        retries: Retries = Retries(),  # noqa: B008  (frozen)
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """Prepare to call; nothing is sent yet.

        Args:
            base_url: Such as ``https://search.shop.example``.
            api_key: Sent as ``Authorization: Bearer``; None where the API needs none.
            timeout_s: Longest silence of the server before a call is given up.
            retries: When a call that was refused for now is made again.
            transport: Another way to the server than the network, for tests.
        """
        self._retries = retries
        self._http = httpx.Client(
            base_url=base_url,
            headers=calls.headers(api_key),
            timeout=timeout_s,
            transport=transport,
        )

    search = _waiting(calls.search)
    suggest = _waiting(calls.suggest)
    describe = _waiting(calls.describe)
    pieces = _waiting(calls.pieces)
    product = _waiting(calls.product)
    similar = _waiting(calls.similar)
    goes_with = _waiting(calls.goes_with)
    outfit = _waiting(calls.outfit)
    embeddings = _waiting(calls.embeddings)
    put_product = _waiting(calls.put_product)
    patch_product = _waiting(calls.patch_product)
    delete_product = _waiting(calls.delete_product)
    catalog = _waiting(calls.catalog)
    encoders = _waiting(calls.encoders)
    image = _waiting(calls.image)
    healthy = _waiting(calls.healthy)
    ready = _waiting(calls.ready)

    def batch(
        self, products: Iterable[Mapping[str, Any]], *, timeout_s: float = 600.0
    ) -> Iterator[BatchLine | Batch]:
        """Add, replace and remove many products, as one version of the catalog or not at all.

        Args:
            products: Objects of ``id``, ``title``, further columns and ``photos`` (a list as
                :meth:`put_product` takes it), or of ``id`` and ``"delete": True``; with
                ``"patch": True`` what is named changes, as of :meth:`patch_product`. They are sent
                as they come; nothing is kept.
            timeout_s: Longest silence of the server, which answers when all lines are written.

        Yields:
            What became of each line, then the :class:`Batch` with the version they became.
        """
        try:
            with self._http.stream(
                "POST",
                calls.BATCH_PATH,
                content=map(calls.batch_line, products),
                headers=calls.NDJSON,
                timeout=timeout_s,
            ) as response:
                if response.status_code >= 300:
                    response.read()
                    raise calls.error_of(response)
                for line in response.iter_lines():
                    if line.strip():
                        yield calls.batch_result(line)
        except httpx.TransportError as error:
            raise calls.no_answer(error) from error

    def close(self) -> None:
        """Close the connections; the client must not be used afterwards."""
        self._http.close()

    def __enter__(self) -> Self:
        """Use with ``with``."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()

    def _send(self, call: Call[Answer]) -> Answer:
        waited_s, again = 0.0, 0
        while True:
            try:
                response = self._http.request(call.method, call.path, json=call.json)
            except httpx.TransportError as error:
                raise calls.no_answer(error) from error
            wait_s = call.wait_s(self._retries, again, waited_s, response)
            if wait_s is None:
                return call.answer(response)
            time.sleep(wait_s)
            waited_s, again = waited_s + wait_s, again + 1


class AsyncClient:
    """Calls one API; belongs to the event loop that first uses it.

    Methods are those of :class:`Client`, to be awaited, and raise the same.
    """

    def __init__(
        self,
        base_url: str,
        api_key: str | None = None,
        *,
        timeout_s: float = 30.0,
        retries: Retries = Retries(),  # noqa: B008  (frozen)
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """Prepare to call, as :class:`Client` does; nothing is sent yet."""
        self._retries = retries
        self._http = httpx.AsyncClient(
            base_url=base_url,
            headers=calls.headers(api_key),
            timeout=timeout_s,
            transport=transport,
        )

    search = _awaited(calls.search)
    suggest = _awaited(calls.suggest)
    describe = _awaited(calls.describe)
    pieces = _awaited(calls.pieces)
    product = _awaited(calls.product)
    similar = _awaited(calls.similar)
    goes_with = _awaited(calls.goes_with)
    outfit = _awaited(calls.outfit)
    embeddings = _awaited(calls.embeddings)
    put_product = _awaited(calls.put_product)
    patch_product = _awaited(calls.patch_product)
    delete_product = _awaited(calls.delete_product)
    catalog = _awaited(calls.catalog)
    encoders = _awaited(calls.encoders)
    image = _awaited(calls.image)
    healthy = _awaited(calls.healthy)
    ready = _awaited(calls.ready)

    async def batch(
        self,
        products: Iterable[Mapping[str, Any]] | AsyncIterable[Mapping[str, Any]],
        *,
        timeout_s: float = 600.0,
    ) -> AsyncIterator[BatchLine | Batch]:
        """As :meth:`Client.batch`; products may come asynchronously too."""
        try:
            async with self._http.stream(
                "POST",
                calls.BATCH_PATH,
                content=_lines(products),
                headers=calls.NDJSON,
                timeout=timeout_s,
            ) as response:
                if response.status_code >= 300:
                    await response.aread()
                    raise calls.error_of(response)
                async for line in response.aiter_lines():
                    if line.strip():
                        yield calls.batch_result(line)
        except httpx.TransportError as error:
            raise calls.no_answer(error) from error

    async def aclose(self) -> None:
        """Close the connections; the client must not be used afterwards."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        """Use with ``async with``."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close."""
        await self.aclose()

    async def _send(self, call: Call[Answer]) -> Answer:
        waited_s, again = 0.0, 0
        while True:
            try:
                response = await self._http.request(call.method, call.path, json=call.json)
            except httpx.TransportError as error:
                raise calls.no_answer(error) from error
            wait_s = call.wait_s(self._retries, again, waited_s, response)
            if wait_s is None:
                return call.answer(response)
            await asyncio.sleep(wait_s)
            waited_s, again = waited_s + wait_s, again + 1


async def _lines(
    products: Iterable[Mapping[str, Any]] | AsyncIterable[Mapping[str, Any]],
) -> AsyncIterator[bytes]:
    if isinstance(products, AsyncIterable):
        async for each in products:
            yield calls.batch_line(each)
    else:
        for each in products:
            yield calls.batch_line(each)
