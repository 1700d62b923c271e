"""Calls of the API without a connection: what is sent, how the answer is read, when to try again.

Signatures and docstrings are those of both clients' methods, which only differ in how they wait.
"""

import base64
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Generic, TypeAlias, TypeVar, Unpack
from urllib.parse import quote

import httpx

from furniture_prompter.client.answers import (
    Batch,
    BatchLine,
    CatalogAnswer,
    DescriptionAnswer,
    EmbeddingsAnswer,
    Encoder,
    Picture,
    ProductAnswer,
    SearchAnswer,
    Stored,
    SuggestionsAnswer,
)
from furniture_prompter.client.outfits import GoesWithAnswer, OutfitAnswer
from furniture_prompter.client.pieces import PiecesAnswer
from furniture_prompter.query_options import LISTS, SearchOptions, SimilarOptions, given


class ClientError(Exception):
    """Base of every error that the client raises on purpose."""


class AnswerError(ClientError):
    """The API refused or failed, and said why.

    Attributes:
        status: HTTP status.
        code: One word that programs tell it by, such as ``invalid_filter``; see docs/api.md.
        message: What is wrong and what helps.
        request_id: What the server's log calls the request; empty where the answer has none.
        retry_after_s: Seconds after which the server wants to be asked again; None without any.
    """

    def __init__(
        self, status: int, code: str, message: str, request_id: str, retry_after_s: float | None
    ) -> None:
        """Take what the answer says."""
        named = f" (request {request_id})" if request_id else ""
        super().__init__(f"{status} {code}: {message}{named}")
        self.status = status
        self.code = code
        self.message = message
        self.request_id = request_id
        self.retry_after_s = retry_after_s


class UnexpectedAnswerError(ClientError):
    """Something answered that is not the API, or an API of another major version."""


class NoAnswerError(ClientError):
    """No answer came: nobody listens, the connection broke, or time ran out."""


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


Answer = TypeVar("Answer")
PhotoInput: TypeAlias = bytes | Path | str
"""A photo's bytes, its file, or as text its public web address."""
Crop: TypeAlias = tuple[float, float, float, float]
"""Left, top, width and height as shares of the photo, 0 to 1."""

NDJSON: Final = {"Content-Type": "application/x-ndjson"}


@dataclass(frozen=True, slots=True)
class Call(Generic[Answer]):
    """One request and how its answer is read.

    Attributes:
        method: HTTP method.
        path: Path with its query, quoted.
        read: Answer of a response that is no error.
        json: Body; None for none.
        repeatable: Whether making it twice is making it once.
        errors_too: Whether statuses of 400 and above are answers as well.
    """

    method: str
    path: str
    read: Callable[[httpx.Response], Answer]
    json: Mapping[str, Any] | None = field(default=None)
    repeatable: bool = True
    errors_too: bool = False

    def wait_s(
        self, retries: Retries, again: int, waited_s: float, response: httpx.Response
    ) -> float | None:
        """Seconds to wait before the call is made again; None to leave it at its answer.

        Args:
            retries: How often that may be, and how long altogether.
            again: Repetitions so far.
            waited_s: Seconds waited so far.
            response: The answer.
        """
        if self.errors_too or not self.repeatable:
            return None
        return retries.wait_before(again, waited_s, response.status_code, response.headers)

    def answer(self, response: httpx.Response) -> Answer:
        """Read a whole response.

        Raises:
            AnswerError: the API refused or failed.
            UnexpectedAnswerError: it is no answer of the API.
        """
        if response.status_code >= 300 and not self.errors_too:
            raise error_of(response)
        try:
            return self.read(response)
        except (KeyError, TypeError, ValueError) as error:
            raise UnexpectedAnswerError(
                f"The answer to {self.method} {self.path} cannot be read ({error!r}). Check that "
                "the address is that of a Furniture Prompter API."
            ) from error


def search(
    prompt: str | None = None,
    *,
    photo: PhotoInput | None = None,
    crop: Crop | None = None,
    **options: Unpack[SearchOptions],
) -> Call[SearchAnswer]:
    """Find products by words, by a photo, or by both.

    Args:
        prompt: What is wanted, in words.
        photo: A photo's bytes, its file, or as text its public web address.
        crop: The part of the photo that is meant: left, top, width, height, as shares of it.
        options: Fields of :class:`furniture_prompter.query_options.QueryOptions`, such as
            ``where="price < 300"`` or ``limit=20``; None is as if left out.

    Raises:
        TypeError: there is no such option.
    """
    body = given(options)
    if prompt is not None:
        body["prompt"] = prompt
    if photo is not None:
        body["photo"] = photo_text(photo)
    if crop is not None:
        body["crop"] = dict(zip(("x", "y", "width", "height"), crop, strict=True))
    lists = {name: list(value) for name, value in body.items() if name in LISTS}
    return Call("POST", "/v1/search", _record(SearchAnswer.of), {**body, **lists})


def photo_text(photo: PhotoInput) -> str:
    """A photo as the API takes it in JSON: base64, or its web address as it is."""
    if isinstance(photo, str):
        return photo
    data = photo.read_bytes() if isinstance(photo, Path) else photo
    return base64.b64encode(data).decode("ascii")


def suggest(typed: str = "", *, limit: int = 8) -> Call[SuggestionsAnswer]:
    """Complete and refine a prompt that is being typed, in the catalog's own words.

    Args:
        typed: What stands in the search field.
        limit: Completions, and refinements, at the most.
    """
    query = httpx.QueryParams({"q": typed, "limit": limit})
    return Call("GET", f"/v1/suggest?{query}", _record(SuggestionsAnswer.of))


def describe(photo: PhotoInput, *, crop: Crop | None = None) -> Call[DescriptionAnswer]:
    """Put a photo into the catalog's own words.

    Args:
        photo: As :meth:`search` takes it.
        crop: The part of the photo that is meant.
    """
    body: dict[str, Any] = {"photo": photo_text(photo)}
    if crop is not None:
        body["crop"] = dict(zip(("x", "y", "width", "height"), crop, strict=True))
    return Call("POST", "/v1/describe", _record(DescriptionAnswer.of), body)


def pieces(photo: PhotoInput) -> Call[PiecesAnswer]:
    """Find the pieces of furniture in a photo of a room.

    Args:
        photo: As :meth:`search` takes it.
    """
    return Call("POST", "/v1/pieces", _record(PiecesAnswer.of), {"photo": photo_text(photo)})


def _address(product_id: str) -> str:
    segment = quote(product_id, safe="")
    # These two would be taken for steps in a path (RFC 3986, section 5.2.4).
    return "/v1/products/" + (segment.replace(".", "%2E") if segment in {".", ".."} else segment)


def product(product_id: str) -> Call[ProductAnswer]:
    """One product and the addresses of its photos."""
    return Call("GET", _address(product_id), _record(ProductAnswer.of))


def similar(product_id: str, **options: Unpack[SimilarOptions]) -> Call[SearchAnswer]:
    """Products that look like one of the catalog.

    Args:
        product_id: Its id.
        options: ``where``, ``limit``, ``diversity``, ``facets`` and ``cursor``, as of
            :meth:`search`.

    Raises:
        TypeError: there is no such option.
    """
    parameters = given(options, similar=True)
    query = f"?{httpx.QueryParams(parameters)}" if parameters else ""
    path = f"{_address(product_id)}/similar{query}"
    return Call("GET", path, _record(SearchAnswer.of))


def goes_with(
    product_id: str, *, where: str | None = None, limit: int = 10, lang: str = ""
) -> Call[GoesWithAnswer]:
    """Pieces of other kinds that suit a product, each with why.

    Args:
        product_id: Its id.
        where: A filter that pieces must pass.
        limit: Pieces at the most, 1 to 50.
        lang: Language of reasons and notes, ``en`` or ``tr``; English unless given.
    """
    parameters: dict[str, Any] = {"limit": limit} | ({"where": where} if where else {})
    parameters |= {"lang": lang} if lang else {}
    path = f"{_address(product_id)}/goes-with?{httpx.QueryParams(parameters)}"
    return Call("GET", path, _record(GoesWithAnswer.of))


def outfit(
    *,
    like: str | None = None,
    photo: PhotoInput | None = None,
    budget: float | None = None,
    currency: str = "",
    limit: int = 5,
    leave_out: Sequence[str] = (),
    replaced: Mapping[str, str] | None = None,
    where: str | None = None,
    lang: str = "",
) -> Call[OutfitAnswer]:
    """One piece of each kind, the best together that a budget allows.

    Args:
        like: Id of the product that they go with, which is no part of the total; or
        photo: a photo of a room, as :meth:`search` takes it.
        budget: Most that they cost together.
        currency: ISO 4217 code that prices must be in; that of most prices when left out.
        limit: Pieces at the most, 1 to 12.
        leave_out: Kinds that are not wanted.
        replaced: Ids of products that are put in, by kind.
        where: A filter that pieces must pass.
        lang: Language of reasons and notes, ``en`` or ``tr``; English unless given.
    """
    text = None if photo is None else photo_text(photo)
    optional = {"like": like, "photo": text, "budget": budget, "where": where}
    body: dict[str, Any] = {name: value for name, value in optional.items() if value is not None}
    body |= {"limit": limit, "currency": currency}
    body |= {"leave_out": [*leave_out], "replace": {**(replaced or {})}}
    path = f"/v1/outfit?lang={quote(lang)}" if lang else "/v1/outfit"
    return Call("POST", path, _record(OutfitAnswer.of), body)


def embeddings(
    prompts: Sequence[str] = (),
    *,
    photos: Sequence[PhotoInput] = (),
    encoder: str | None = None,
) -> Call[EmbeddingsAnswer]:
    """Vectors of prompts, or of photos.

    Args:
        prompts: Texts; or
        photos: photos, as :meth:`search` takes them.
        encoder: One that :meth:`encoders` lists; the catalog's own when left out.

    Raises:
        ValueError: both were given, or neither.
    """
    if bool(prompts) == bool(photos):
        raise ValueError("Give prompts or photos, not both and not neither.")
    inputs: list[Any] = list(prompts) or [{"image": photo_text(photo)} for photo in photos]
    body = {"input": inputs} | ({"model": encoder} if encoder else {})
    return Call("POST", "/v1/embeddings", _record(EmbeddingsAnswer.of), body)


def put_product(
    product_id: str, fields: Mapping[str, Any], *, photos: Sequence[PhotoInput] = ()
) -> Call[Stored]:
    """Add a product, or replace one.

    Args:
        product_id: Its id.
        fields: ``title`` and further columns, as of a feed; and ``variants``, each with ``id``,
            ``options``, further columns and ``photos`` of its own: a list as `photos`, in which a
            whole number is the place of one of `photos`, from 1.
        photos: Its photos; a product that is there keeps its own when left out.
    """
    body = _sent(fields) | ({"photos": _photo_texts(photos)} if photos else {})
    return Call("PUT", _address(product_id), _record(Stored.of), body)


def patch_product(
    product_id: str, changes: Mapping[str, Any], *, photos: Sequence[PhotoInput] = ()
) -> Call[Stored]:
    """Change some fields of a product; the others stay.

    Args:
        product_id: Its id.
        changes: Fields as of :meth:`put_product`; None takes one away.
        photos: What takes the place of its photos; they stay when left out.
    """
    return replace(put_product(product_id, changes, photos=photos), method="PATCH")


def delete_product(product_id: str) -> Call[Stored]:
    """Remove a product."""
    return Call("DELETE", _address(product_id), _record(Stored.of))


def _sent(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of a product with the photos of its variants as texts."""
    if not isinstance(fields.get("variants"), list | tuple):
        return {**fields}
    variants = [
        {**each, "photos": _photo_texts(each["photos"])} if each.get("photos") else each
        for each in fields["variants"]
    ]
    return {**fields, "variants": variants}


def _photo_texts(photos: Iterable[PhotoInput | int]) -> list[str | int]:
    return [photo if isinstance(photo, int) else photo_text(photo) for photo in photos]


BATCH_PATH = "/v1/products:batch"


def batch_line(each: Mapping[str, Any]) -> bytes:
    """One product as a line."""
    photos = each.get("photos")
    given = {"photos": _photo_texts(photos)} if photos is not None else {}
    return json.dumps({**_sent(each), **given}, ensure_ascii=False).encode() + b"\n"


def batch_result(line: str) -> BatchLine | Batch:
    """What a line of a batch's answer says.

    Raises:
        UnexpectedAnswerError: it is no line of such an answer.
    """
    try:
        value = json.loads(line)
        return BatchLine.of(value) if "line" in value else Batch.of(value)
    except (KeyError, TypeError, ValueError) as error:
        raise UnexpectedAnswerError(
            f"A line of the batch's answer cannot be read ({error!r}). Check that the address is "
            "that of a Furniture Prompter API."
        ) from error


def catalog() -> Call[CatalogAnswer]:
    """What the catalog says of itself."""
    return Call("GET", "/v1/catalog", _record(CatalogAnswer.of))


def encoders() -> Call[tuple[Encoder, ...]]:
    """The encoders that the server knows."""

    def read(response: httpx.Response) -> tuple[Encoder, ...]:
        return tuple(Encoder.of(each) for each in response.json()["encoders"])

    return Call("GET", "/v1/encoders", read)


def image(photo: str, *, side_px: int | None = None) -> Call[Picture]:
    """A photo of the catalog.

    Args:
        photo: What ``Hit.photo`` says, or its id.
        side_px: Longer side wanted; the server's own when left out.
    """
    query = f"?side_px={side_px}" if side_px is not None else ""

    def read(response: httpx.Response) -> Picture:
        headers = response.headers
        return Picture(response.content, headers["content-type"], headers["etag"])

    return Call("GET", f"/v1/images/{quote(photo.rpartition('/')[2], safe='')}{query}", read)


def healthy() -> Call[bool]:
    """Whether the server is alive."""
    return _state("/healthz")


def ready() -> Call[bool]:
    """Whether the server can encode and search right now."""
    return _state("/readyz")


def _state(path: str) -> Call[bool]:
    return Call("GET", path, lambda response: response.status_code == 200, errors_too=True)


def error_of(response: httpx.Response) -> AnswerError | UnexpectedAnswerError:
    """The error that a read response tells."""
    try:
        told = response.json()["error"]
        code, message = str(told["code"]), str(told["message"])
    except (KeyError, TypeError, ValueError):
        return UnexpectedAnswerError(
            f"{response.status_code} came without the API's error. Check the address, and what "
            "stands between it and here."
        )
    # A proxy's own pages may lack the body's id; the header then still has it.
    request_id = str(told.get("request_id") or response.headers.get("x-request-id", ""))
    wait_s = retry_after_s(response.headers)
    return AnswerError(response.status_code, code, message, request_id, wait_s)


def no_answer(error: httpx.TransportError) -> NoAnswerError:
    """The error where no answer came."""
    return NoAnswerError(
        f"No answer came ({type(error).__name__}: {error}). Check that the server runs and can be "
        "reached, or give it longer with timeout_s."
    )


def headers(api_key: str | None) -> dict[str, str]:
    """Headers of every call."""
    return {"Authorization": f"Bearer {api_key}"} if api_key else {}


def _record(of: Callable[[Any], Answer]) -> Callable[[httpx.Response], Answer]:
    return lambda response: of(response.json())
