"""The client for programs that wait."""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Self, Unpack

import httpx

from furniture_prompter.client import calls
from furniture_prompter.client.answers import (
    Batch,
    BatchLine,
    CatalogAnswer,
    EmbeddingsAnswer,
    Encoder,
    Picture,
    ProductAnswer,
    SearchAnswer,
    Stored,
)
from furniture_prompter.client.calls import Answer, Call, Crop, NoAnswerError, PhotoInput, Retries
from furniture_prompter.query_options import SearchOptions, SimilarOptions


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

    def search(
        self,
        prompt: str | None = None,
        *,
        photo: PhotoInput | None = None,
        crop: Crop | None = None,
        **options: Unpack[SearchOptions],
    ) -> SearchAnswer:
        """Find products by words, by a photo, or by both.

        Args:
            prompt: What is wanted, in words.
            photo: A photo's bytes, its file, or as text its public web address.
            crop: The part of the photo that is meant: left, top, width, height, as shares of it.
            options: ``photo_weight``, ``without``, ``where``, ``limit``, ``facets`` and ``cursor``,
                as :class:`furniture_prompter.query_options.QueryOptions` tells them.
        """
        return self._call(calls.search(prompt, photo, crop, options))

    def product(self, product_id: str) -> ProductAnswer:
        """One product and the addresses of its photos."""
        return self._call(calls.product(product_id))

    def similar(self, product_id: str, **options: Unpack[SimilarOptions]) -> SearchAnswer:
        """Products that look like one of the catalog; options as of :meth:`search`."""
        return self._call(calls.similar(product_id, options))

    def embeddings(
        self,
        prompts: Sequence[str] = (),
        *,
        photos: Sequence[PhotoInput] = (),
        encoder: str | None = None,
    ) -> EmbeddingsAnswer:
        """Vectors of prompts, or of photos.

        Args:
            prompts: Texts; or
            photos: photos, as :meth:`search` takes them.
            encoder: One that :meth:`encoders` lists; the catalog's own when left out.

        Raises:
            ValueError: both were given, or neither.
        """
        return self._call(calls.embeddings(prompts, photos, encoder))

    def put_product(
        self, product_id: str, fields: Mapping[str, Any], *, photos: Sequence[PhotoInput] = ()
    ) -> Stored:
        """Add a product, or replace one.

        Args:
            product_id: Its id.
            fields: ``title`` and further columns, as of a feed.
            photos: Its photos; a product that is there keeps its own when left out.
        """
        return self._call(calls.put_product(product_id, fields, photos))

    def delete_product(self, product_id: str) -> Stored:
        """Remove a product."""
        return self._call(calls.delete_product(product_id))

    def batch(
        self, products: Iterable[Mapping[str, Any]], *, timeout_s: float = 600.0
    ) -> Iterator[BatchLine | Batch]:
        """Add, replace and remove many products, as one version of the catalog or not at all.

        Args:
            products: Objects of ``id``, ``title``, further columns and ``photos`` (a list as
                :meth:`put_product` takes it), or of ``id`` and ``"delete": True``. They are sent as
                they come; nothing is kept.
            timeout_s: Longest silence of the server, which answers when all lines are written.

        Yields:
            What became of each line, then the :class:`Batch` with the version they became.
        """
        try:
            with self._http.stream(
                "POST",
                calls.BATCH_PATH,
                content=calls.batch_lines(products),
                headers={"Content-Type": calls.NDJSON},
                timeout=timeout_s,
            ) as response:
                if response.status_code >= 300:
                    response.read()
                    raise calls.error_of(response)
                for line in response.iter_lines():
                    if line.strip():
                        yield calls.batch_result(line)
        except httpx.TransportError as error:
            raise NoAnswerError(calls.no_answer(error)) from error

    def catalog(self) -> CatalogAnswer:
        """What the catalog says of itself."""
        return self._call(calls.catalog())

    def encoders(self) -> tuple[Encoder, ...]:
        """The encoders that the server knows."""
        return self._call(calls.encoders())

    def image(self, photo: str, *, side_px: int | None = None) -> Picture:
        """A photo of the catalog.

        Args:
            photo: What ``Hit.photo`` says.
            side_px: Longer side wanted; the server's own when left out.
        """
        return self._call(calls.image(photo, side_px))

    def healthy(self) -> bool:
        """Whether the server is alive."""
        return self._call(calls.state("/healthz"))

    def ready(self) -> bool:
        """Whether the server can encode and search right now."""
        return self._call(calls.state("/readyz"))

    def close(self) -> None:
        """Close the connections; the client must not be used afterwards."""
        self._http.close()

    def __enter__(self) -> Self:
        """Use with ``with``."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close."""
        self.close()

    def _call(self, call: Call[Answer]) -> Answer:
        waited_s, again = 0.0, 0
        while True:
            try:
                response = self._http.request(call.method, call.path, json=call.json)
            except httpx.TransportError as error:
                raise NoAnswerError(calls.no_answer(error)) from error
            wait_s = None
            if call.repeatable and not call.errors_too:
                wait_s = self._retries.wait_before(
                    again, waited_s, response.status_code, response.headers
                )
            if wait_s is None:
                return call.answer(response)
            time.sleep(wait_s)
            waited_s, again = waited_s + wait_s, again + 1
