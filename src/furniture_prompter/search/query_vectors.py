"""Queries as vectors: words and photos in the catalog's spaces, photos turned upright.

Turns of a photo cost three more runs of the encoder. They are tried where it is near to no product
and the encoder cannot tell from its vector that it is upright. How near is near differs from
encoder to encoder and from shop to shop. So the yardstick is how far the catalog's own products
are from the one that is nearest to each.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol, TypeGuard

import numpy as np
from cachetools import LRUCache
from numpy.typing import NDArray

from furniture_prompter.catalog.columns import ALIGNED, VECTOR
from furniture_prompter.catalog.reader import CatalogReader
from furniture_prompter.catalog.vector_index import VectorIndex
from furniture_prompter.domain import Query, RgbImage
from furniture_prompter.domain.query import LookedAt
from furniture_prompter.encoders.alignment import Alignment
from furniture_prompter.encoders.card import ColourPart
from furniture_prompter.encoders.protocols import CrossModalEncoder, Encoder, PromptEncoder
from furniture_prompter.errors import InvalidQueryError
from furniture_prompter.search.heat import covered_rows
from furniture_prompter.search.pieces import without_room
from furniture_prompter.search.validation import number_of_product

Vectors = NDArray[np.float32]

SAMPLE_PHOTOS: Final = 64
"""Photos of the catalog that the yardstick is taken from."""
LEAST_SAMPLE: Final = 8
"""A smaller catalog has no yardstick: every photo stays as it is."""
CONVINCING: Final = 0.5
"""A photo that is nearer to a product than this share of the products to their nearest is upright
without trying its turns."""
BELIEVABLE: Final = 0.1
"""The same of a turn, for it to be believed."""
NEARER: Final = 1.5
"""How many times nearer than the photo as it is a turn must come. These three were chosen on two
shops: benchmarks/results/turned_photos.json."""


def quarter_turns(image: RgbImage) -> list[RgbImage]:
    """A photo turned clockwise by 90, 180 and 270 degrees, shapes (w, h, 3) and (h, w, 3)."""
    return [np.ascontiguousarray(np.rot90(image, -quarters)) for quarters in (1, 2, 3)]


def searched_part(query: Query, photo: RgbImage) -> RgbImage:
    """What is searched of a query's photo, shape (h, w, 3): its crop or picture, upright."""
    looked_at = query.looked_at or LookedAt()
    crop = query.crop or looked_at.crop
    image = photo if crop is None else crop.cut(photo)
    return np.ascontiguousarray(np.rot90(image, -looked_at.turned // 90))


@dataclass(frozen=True, slots=True)
class _Yardstick:
    """Distances, 1 - cosine, that the catalog's own products have to their nearest."""

    convincing: float
    believable: float


class Upright:
    """Finds the side of photos that is up, on one catalog version."""

    def __init__(
        self,
        reader: CatalogReader,
        looks_upright: Callable[[Vectors], bool] = lambda _: False,
        before: "Upright | None" = None,
    ) -> None:
        """Take the version; the yardstick is taken when the first photo comes.

        Args:
            reader: The version.
            looks_upright: Whether a photo's vector, shape (d,), says by itself that it is upright.
            before: That of the version that `reader` was carried from, whose yardstick holds on.
        """
        self._reader = reader
        self._looks_upright = looks_upright
        # A few products among many do not move a quantile over 64.
        self._yardstick: _Yardstick | None = before._yardstick if before is not None else None
        self._has_none = False

    async def convinces(self, vector: Vectors) -> bool:
        """Whether a photo's vector, shape (d,), looks upright or is near enough to be so."""
        if self._looks_upright(vector):
            return True
        index = await self._reader.photo_index()
        yardstick = await self._measured(index)
        if yardstick is None:
            return True
        return await _distance(index, vector) < yardstick.convincing

    async def quarters(self, rows: Vectors) -> int:
        """By how many quarters clockwise a photo is to be turned: 0, 1, 2 or 3.

        Args:
            rows: Vectors of the photo as it is and of its :func:`quarter_turns`, shape (4, d).
        """
        index = await self._reader.photo_index()
        yardstick = await self._measured(index)
        if yardstick is None:
            return 0
        distances = np.array([await _distance(index, row) for row in rows])
        best = int(distances.argmin())
        believed = distances[best] <= yardstick.believable
        return best if believed and distances[0] >= NEARER * distances[best] else 0

    async def _measured(self, index: VectorIndex) -> _Yardstick | None:
        if self._yardstick is None and not self._has_none:
            sample = index.some_rows(SAMPLE_PHOTOS)
            asked = (_distance(index, row, beside_itself=True) for row in sample)
            found = await asyncio.gather(*asked)
            if len(found) < LEAST_SAMPLE:
                self._has_none = True
            else:
                near = np.quantile(found, [1 - CONVINCING, 1 - BELIEVABLE])
                self._yardstick = _Yardstick(float(near[0]), float(near[1]))
        return self._yardstick


async def _distance(index: VectorIndex, vector: Vectors, *, beside_itself: bool = False) -> float:
    """How far the nearest product is, or the one behind it; 2, the farthest, without one."""
    similarities = index.similarities(vector)
    numbers = await similarities.top(2 if beside_itself else 1, None)
    if numbers.size < (2 if beside_itself else 1):
        return 2.0
    return 1.0 - float((await similarities.of(numbers[-1:]))[0])


@dataclass(frozen=True, slots=True, eq=False)
class EncodedText:
    """A prompt, or what is not wanted, encoded.

    Attributes:
        text: The words.
        text_embedding: By the prompt encoder, shape (t,); zeros where it knows none of them.
        image_embedding: In the space of the route's photo vectors, shape (d,); zeros where nothing
            is known, None where no route leads there.
    """

    text: str
    text_embedding: Vectors
    image_embedding: Vectors | None = None


class PromptRoute(Protocol):
    """A way from prompts to the vectors that a catalog keeps of its photos."""

    @property
    def column(self) -> str:
        """The photos' vectors that prompts are compared with: ``vector`` or ``aligned``."""
        ...

    async def encode(self, texts: Sequence[EncodedText]) -> Vectors:
        """Unit rows (n, d) in the space of `column`; zeros for words of which nothing is known."""
        ...


@dataclass(frozen=True, slots=True)
class AlignmentRoute:
    """From the prompt encoder's vectors, by the catalog's alignment.

    Attributes:
        alignment: Fitted on the catalog's own text, or the one that ships.
        note: What whoever asks with words should know of it; empty for nothing.
    """

    alignment: Alignment
    column: str = ALIGNED
    note: str = ""

    async def encode(self, texts: Sequence[EncodedText]) -> Vectors:
        """See :class:`PromptRoute`."""
        return self.alignment.align_prompts(np.stack([each.text_embedding for each in texts]))


@dataclass(frozen=True, slots=True)
class TextTowerRoute:
    """By the text tower of an encoder in whose space the photos' vectors lie; nothing is fitted.

    Attributes:
        encoder: Gives the encoder, which is loaded when the first prompt comes.
    """

    encoder: Callable[[], CrossModalEncoder]
    column: str = VECTOR

    async def encode(self, texts: Sequence[EncodedText]) -> Vectors:
        """See :class:`PromptRoute`."""
        return await asyncio.to_thread(self._encode, [each.text for each in texts])

    def _encode(self, prompts: list[str]) -> Vectors:
        return self.encoder().encode_prompts(prompts)


@dataclass(frozen=True, slots=True)
class NoRoute:
    """Prompts do not reach the photos.

    Attributes:
        reason: Why, and what would help, in one sentence for whoever asks with words.
    """

    reason: str


@dataclass(frozen=True, slots=True)
class VectorSpace:
    """One space; vectors are comparable within it only.

    Attributes:
        name: What its vectors come from: the photo encoder, ``photo encoder+prompt encoder`` where
            an alignment brings both together, or the prompt encoder.
        takes_photos: Whether photos have vectors in it.
        takes_prompts: Whether prompts have vectors in it.
        alignment: What takes photos into it; None where their own vectors lie in it.
        by_text_embedding: Whether a prompt's vector is its text embedding, and not the one in the
            photos' space.
    """

    name: str
    takes_photos: bool
    takes_prompts: bool
    alignment: Alignment | None = None
    by_text_embedding: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Embedded:
    """Vectors of one space; rows of length 1, or zeros for words of which nothing is known.

    Attributes:
        space: Its name.
        prompts: Shape (n, d).
        photos: Shape (m, d).
    """

    space: str
    prompts: Vectors
    photos: Vectors


def vector_spaces(
    photo_encoder: str, prompt_encoder: str, route: PromptRoute | NoRoute
) -> tuple[VectorSpace, ...]:
    """The spaces that a catalog's encoders lead to, the photos' own first."""
    own = VectorSpace(
        photo_encoder, takes_photos=True, takes_prompts=isinstance(route, TextTowerRoute)
    )
    texts = VectorSpace(
        prompt_encoder, takes_photos=False, takes_prompts=True, by_text_embedding=True
    )
    if isinstance(route, AlignmentRoute):
        name = f"{photo_encoder}+{prompt_encoder}"
        shared = VectorSpace(name, takes_photos=True, takes_prompts=True, alignment=route.alignment)
        return own, shared, texts
    return own, texts


def embed_in(
    spaces: Sequence[VectorSpace],
    texts: Sequence[EncodedText],
    photos: Vectors | None,
    name: str | None,
) -> Embedded:
    """Encoded prompts and photos as vectors of one space.

    Args:
        spaces: Of the catalog.
        texts: Prompts.
        photos: Vectors by the photo encoder, shape (m, d); None for none.
        name: The space's; None takes the first that takes what is given.

    Raises:
        InvalidQueryError: there is no such space, or it does not take what is given.
    """
    fitting = [
        space
        for space in spaces
        if (space.takes_prompts or not texts) and (space.takes_photos or photos is None)
    ]
    found = [space for space in fitting if name in (None, space.name)]
    if not found:
        names = ", ".join(space.name for space in fitting)
        raise InvalidQueryError(
            f"These inputs have no vectors of {name or 'one model'}. "
            + (f"Models that take them here: {names}." if fitting else "Send photos by themselves.")
        )
    space = found[0]
    rows = [
        each.text_embedding if space.by_text_embedding else each.image_embedding for each in texts
    ]
    known = [row for row in rows if row is not None]
    taken = (
        photos
        if space.alignment is None or photos is None
        else space.alignment.align_photos(photos)
    )
    dimension = taken.shape[1] if taken is not None else len(known[0]) if known else 0
    none = np.zeros((0, dimension), np.float32)
    return Embedded(
        space.name, np.stack(known) if known else none, taken if taken is not None else none
    )


class QueryTextEncoder:
    """Encodes prompts as text embeddings and, where a route leads there, in the photos' space."""

    def __init__(
        self,
        prompt_encoder: Callable[[], PromptEncoder],
        route: PromptRoute | NoRoute,
        kept: int = 0,
    ) -> None:
        """Take what encodes.

        Args:
            prompt_encoder: Gives the prompt encoder, which is loaded on first use.
            route: How prompts reach the photos.
            kept: Texts whose vectors are kept, the least lately used given up first.
        """
        self._prompt_encoder = prompt_encoder
        self._route = route
        self._kept: LRUCache[str, EncodedText] = LRUCache(kept)

    async def encode(self, texts: Sequence[str]) -> list[EncodedText]:
        """Texts encoded, in their order."""
        known = {text: kept for text in texts if (kept := self._kept.get(text)) is not None}
        missing = [text for text in dict.fromkeys(texts) if text not in known]
        if missing:
            computed = dict(zip(missing, await self._compute(missing), strict=True))
            known |= computed
            if self._kept.maxsize:
                self._kept.update(computed)
        return [known[text] for text in texts]

    async def _compute(self, texts: list[str]) -> list[EncodedText]:
        rows = self._prompt_encoder().encode(texts)
        encoded = [EncodedText(text, row) for text, row in zip(texts, rows, strict=True)]
        if isinstance(self._route, NoRoute):
            return encoded
        rows = await self._route.encode(encoded)
        return [
            EncodedText(each.text, each.text_embedding, row)
            for each, row in zip(encoded, rows, strict=True)
        ]


@dataclass(frozen=True, slots=True, eq=False)
class EncodedQuery:
    """A query encoded.

    Attributes:
        query: The query.
        photo: Vector of the photo, or of the product that stands for one, shape (d,); None without
            either.
        prompt: The prompt; None where it was not given.
        without: What is not wanted; None where it was not given.
        leave_out: Number of the product that stands for a photo.
        unlike: What likeness to takes away, such as the photo's colours, shape (d,); None for none.
        covered: The photo under each of its covers, shape (n, d), where heat maps are asked for.
        as_cut: Of a part of a photo, its vector with its room, by which is judged how sure the
            answer is, shape (d,); None where that is `photo`.
    """

    query: Query
    photo: Vectors | None
    prompt: EncodedText | None
    without: EncodedText | None
    leave_out: int | None
    unlike: Vectors | None = None
    covered: Vectors | None = None
    as_cut: Vectors | None = None


class QueryEncoder:
    """Encodes whole queries on one catalog version."""

    def __init__(
        self,
        reader: CatalogReader,
        encoder: Callable[[], Encoder],
        texts: QueryTextEncoder,
        upright: Upright,
    ) -> None:
        """Take the version, and what encodes and turns; encoders are loaded on first use."""
        self._reader = reader
        self._upright = upright
        self._encoder = encoder
        self._texts = texts

    async def encode(
        self, query: Query, photo_vector: Vectors | None, covered: Vectors | None = None
    ) -> EncodedQuery:
        """Encode what a query says, as far as it says it.

        Args:
            query: The query.
            photo_vector: Its photo, cropped and encoded already, shape (d,); None to encode it.
            covered: The same under each of its covers, shape (n, d).

        Raises:
            ProductNotFoundError: there is no product of the id in its `similar_to`.
        """
        prompt, without = await self._encode_texts(query)
        if query.similar_to is not None:
            number = await number_of_product(self._reader, query.similar_to)
            return EncodedQuery(
                query, await mean_photo(self._reader, number), prompt, without, number
            )
        photo = query.photo
        if photo_vector is None and photo is not None:
            photo_vector, query = await self._encode_photo(query, photo)
            if query.heat:
                searched = searched_part(query, photo)
                encode = self._encoder().encode
                told = [await asyncio.to_thread(encode, row) for row in covered_rows(searched)]
                covered = np.concatenate(told)
        as_cut = None
        if photo_vector is not None and query.crop is not None:
            as_cut = photo_vector
            encoder = self._encoder()
            photo_vector = without_room(encoder, photo_vector[np.newaxis])[0]
            covered = None if covered is None else without_room(encoder, covered)
        return EncodedQuery(
            query, photo_vector, prompt, without, None, covered=covered, as_cut=as_cut
        )

    async def _encode_photo(self, query: Query, photo: RgbImage) -> tuple[Vectors, Query]:
        """The vector of what is meant of a photo, turned upright, and the query that says so."""
        looked_at = query.looked_at or LookedAt()
        crop = query.crop or looked_at.crop
        image = photo if crop is None else crop.cut(photo)
        rows: Vectors = await asyncio.to_thread(self._encoder().encode, [image])
        if query.whole or query.names_orientation or await self._upright.convinces(rows[0]):
            return rows[0], query
        turns = await asyncio.to_thread(self._encoder().encode, quarter_turns(image))
        rows = np.concatenate([rows, turns])
        quarters = await self._upright.quarters(rows)
        if quarters:
            query = replace(query, looked_at=replace(looked_at, turned=90 * quarters))
        return rows[quarters], query

    async def _encode_texts(self, query: Query) -> tuple[EncodedText | None, EncodedText | None]:
        """The prompt and what is not wanted, each None where it was not given."""
        texts = await self._texts.encode(
            [text for text in (query.prompt, query.without) if text is not None]
        )
        prompt = texts.pop(0) if query.prompt is not None else None
        return prompt, texts[0] if texts else None


async def mean_photo(reader: CatalogReader, number: int) -> Vectors:
    """The mean of a product's photo vectors, scaled to length 1, shape (d,).

    Raises:
        CatalogDamagedError: it has no photos, or they cannot be read.
    """
    rows = await reader.photos(np.array([number], np.int64), VECTOR)
    # A product always has photos, and asking for their vectors gives them.
    assert rows.vectors is not None  # noqa: S101
    mean = rows.vectors.mean(axis=0)
    unit: Vectors = (mean / max(float(np.linalg.norm(mean)), 1e-9)).astype(np.float32)
    return unit


def with_colour_weight(vector: Vectors, part: ColourPart, weight: float) -> Vectors:
    """A query's vector whose colours count for another share of the likeness.

    Args:
        vector: Unit length, shape (d,).
        part: Which of its components hold colours.
        weight: Their share, 0 to 1; that of `part` leaves the vector as it is.

    Returns:
        Unit length, shape (d,): its dot product with a stored vector grows with
        ``(1 - weight) * cosine of the shapes + weight * cosine of the colours``.
    """
    scaled = vector.astype(np.float64)
    scaled[: -part.components] *= (1 - weight) / (1 - part.share)
    scaled[-part.components :] *= weight / part.share
    return np.asarray(scaled / max(float(np.linalg.norm(scaled)), 1e-9), np.float32)


def is_known(vector: Vectors | None) -> TypeGuard[Vectors]:
    """Whether there is a vector (d,) that says something: prompts of unknown words have zeros."""
    return vector is not None and bool(vector.any())
