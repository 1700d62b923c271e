"""A catalog by settings and path, opened and searched."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache, cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Self, Unpack

from furniture_prompter import event_loop
from furniture_prompter.assembly.encoders import (
    LoadedEncoders,
    photo_encoder_folder,
    prompt_encoder_folder,
    prompt_route,
    space_name,
)
from furniture_prompter.assembly.remote_catalogs import local_folder
from furniture_prompter.catalog.manifest import (
    refuse_other_prompt_encoder,
    refuse_other_space,
)
from furniture_prompter.catalog.reader import CatalogReader
from furniture_prompter.domain import Photo, Product, Query, SearchResult
from furniture_prompter.domain.query import Crop, Description, Piece, PieceHits, Suggestions
from furniture_prompter.encoders.card import EncoderCard, identity_of
from furniture_prompter.encoders.protocols import Encoder
from furniture_prompter.query_options import SearchOptions, SimilarOptions, given
from furniture_prompter.search.pieces import looks_for_pieces, query_of_piece, without_room
from furniture_prompter.search.query_vectors import (
    Embedded,
    NoRoute,
    PromptRoute,
    Vectors,
    VectorSpace,
    embed_in,
    vector_spaces,
)
from furniture_prompter.search.searching import Searcher
from furniture_prompter.search.validation import find_photo, find_product
from furniture_prompter.settings import Settings
from furniture_prompter.understanding.thesaurus import thesaurus

# A command that searches by words is a process of its own: what looks at photos, puts outfits
# together or counts what a catalog holds takes it a tenth of a second to load.
if TYPE_CHECKING:
    from furniture_prompter.assembly.query_photos import PhotoInput, QueryPhotos, UprightBeside
    from furniture_prompter.domain import CatalogInfo, HealthReport, IndexProgress, VerifyReport
    from furniture_prompter.domain.outfit import GoesWith, Outfit, OutfitRequest


class Catalog:
    """One version of a catalog, open for searching.

    Safe to use from several threads, and its coroutines from any event loop.
    """

    def __init__(
        self,
        reader: CatalogReader,
        searcher: Searcher,
        folder: Path,
        card: EncoderCard,
        prompt_card: EncoderCard,
        loaded: LoadedEncoders,
        route: PromptRoute | NoRoute,
        settings: Settings,
    ) -> None:
        """Use :meth:`open`."""
        self._reader = reader
        self._searcher = searcher
        self._folder = folder
        self._card = card
        self._prompt_card = prompt_card
        self._loaded = loaded
        self._route = route
        self._settings = settings

    @classmethod
    def open(
        cls,
        path: str | Path,
        *,
        settings: Settings | None = None,
        encoder: str | None = None,
        text_tower: str | None = None,
        sharing: "Catalog | None" = None,
        loaded: LoadedEncoders | None = None,
        cached_prompts: int = 0,
    ) -> Self:
        """Open the current version of the catalog at `path`.

        Args:
            path: The catalog's folder, or its address in object storage: ``s3://bucket/prefix``,
                of which the newest version is copied to this machine first.
            settings: Settings; from the environment when left out.
            encoder: Photo encoder for queries, by name or folder: the catalog's own when left out,
                or another whose vectors lie in the same space, such as its student.
            text_tower: Encoder whose text tower takes prompts into the photos' space; the
                settings' when left out, and the catalog's own tower or alignment without either.
            sharing: An opened catalog with the same settings: its encoders are used where they are
                the same, and what it read of an earlier version where few products have changed.
            loaded: Encoders that others use too, by the same settings; `sharing`'s come first.
            cached_prompts: Prompts whose vectors are kept for queries to come.

        Raises:
            CatalogNotFoundError: there is no catalog.
            CatalogMismatchError: vectors of the encoder, or of the text tower, cannot be compared
                with the catalog's.
            CatalogFormatError, CatalogDamagedError, EncoderError, InvalidThesaurusError: see those.
        """
        chosen = settings or Settings()
        if chosen.thesaurus is not None:
            thesaurus(chosen.thesaurus)  # one that cannot be read is told first
        earlier = sharing._reader if sharing is not None else None
        reader = event_loop.run(CatalogReader.open(local_folder(path, chosen), earlier))
        manifest = reader.manifest
        folder = photo_encoder_folder(manifest.encoder.name, encoder, chosen)
        card = EncoderCard.load(folder)
        refuse_other_space(manifest, identity_of(card), space_name(card))
        prompt_folder = prompt_encoder_folder(manifest.prompt_encoder.name, chosen)
        prompt_card = EncoderCard.load(prompt_folder)
        refuse_other_prompt_encoder(manifest, identity_of(prompt_card))

        if sharing is not None:
            loaded = sharing._loaded
        loaded = loaded or LoadedEncoders(chosen)
        # Which content a folder has is asked once for each version, not for each query.
        load = cache(loaded.photo)
        route = prompt_route(reader, text_tower or chosen.text_tower, folder, load, chosen)
        searcher = Searcher(
            reader,
            partial(load, folder),
            cache(partial(loaded.prompt, prompt_folder)),
            route,
            chosen,
            card=card,
            cached_texts=cached_prompts,
            before=sharing._searcher if sharing is not None else None,
        )
        return cls(reader, searcher, folder, card, prompt_card, loaded, route, chosen)

    @cached_property
    def _photos(self) -> "QueryPhotos":
        from furniture_prompter.assembly.query_photos import QueryPhotos
        from furniture_prompter.encoders.decoding import PhotoLimits

        # The query's own encoder: a student may look at its photos larger than the teacher did.
        limits = PhotoLimits.of(self._settings)
        return QueryPhotos(self._card.input_side_px, limits, self._settings.detector)

    @property
    def version(self) -> int:
        """Number of the opened version."""
        return self._reader.manifest.version

    @property
    def took_over(self) -> bool:
        """Whether it has what `sharing` read, so that its first search reads little."""
        return self._reader.carried_from is not None

    @property
    def columns(self) -> Mapping[str, str]:
        """Columns of the opened version, with their types in the filter language."""
        return self._reader.filter_columns

    @property
    def card(self) -> EncoderCard:
        """Card of the photo encoder that queries go through."""
        return self._card

    @property
    def cards(self) -> tuple[EncoderCard, ...]:
        """Cards of the photo encoder and of the prompt encoder that queries go through."""
        return self._card, self._prompt_card

    @property
    def encoder(self) -> Encoder:
        """The photo encoder that queries go through; loaded at the first call, and kept."""
        return self._loaded.photo(self._folder)

    def search(
        self,
        prompt: str | None = None,
        *,
        photo: "PhotoInput | None" = None,
        crop: Crop | None = None,
        **options: Unpack[SearchOptions],
    ) -> SearchResult:
        """Find products by words, by a photo, or by both.

        Args:
            prompt: What is wanted, in words.
            photo: A file, its bytes, or pixels of shape (height, width, 3), uint8, sRGB.
            crop: The part of the photo that is meant.
            options: As :class:`furniture_prompter.query_options.QueryOptions` says; None is as if
                left out.

        Raises:
            InvalidQueryError, InvalidFilterError: the query cannot be answered as it stands.
            InvalidPhotoError: the photo cannot be used.
        """
        query = Query(prompt=prompt).with_options(options, self._settings)
        if photo is not None:
            query = self._photos.added(query, photo, crop)
        elif crop is not None:
            query = replace(query, crop=crop)
        result = event_loop.run(self._searcher.search(query))
        if photo is not None and self._photos.find_pieces and looks_for_pieces(result.query):
            result = replace(result, pieces=self._pieces_found(photo, query))
        return result

    def _pieces_found(self, photo: "PhotoInput", query: Query) -> tuple[PieceHits, ...]:
        image, pieces = self._photos.pieces(photo, asked=False)
        cut = [piece.box.cut(image) for piece in pieces]
        rows = self.encoder.encode(cut) if cut else ()
        found = []
        for piece, row in zip(pieces, rows, strict=True):
            asked = self._searcher.search(query_of_piece(query, piece), photo_vector=row)
            answered = event_loop.run(asked)
            found.append(PieceHits(piece, answered.hits, answered.close))
        return tuple(found)

    def similar(self, product_id: str, **options: Unpack[SimilarOptions]) -> SearchResult:
        """Find products that look like one of the catalog, that one left out.

        Args:
            product_id: Its id.
            options: As of :meth:`search`: ``where``, ``limit``, ``diversity``, ``cursor`` and
                ``facets``.

        Raises:
            ProductNotFoundError: the catalog has no such product.
            InvalidQueryError, InvalidFilterError: the query cannot be answered as it stands.
        """
        query = Query(similar_to=product_id).with_options(
            given(options, similar=True), self._settings
        )
        return event_loop.run(self._searcher.search(query))

    def suggest(self, typed: str, *, limit: int = 8) -> Suggestions:
        """Complete and refine a prompt that is being typed, in the catalog's own words.

        Args:
            typed: What stands in the search field; may be empty.
            limit: Completions, and refinements, at the most.

        Raises:
            InvalidQueryError: it is too long, or `limit` is out of range.
        """
        return event_loop.run(self._searcher.suggest(typed, limit))

    async def suggest_async(self, typed: str, limit: int) -> Suggestions:
        """See :meth:`suggest`."""
        return await event_loop.run_beside(self._searcher.suggest(typed, limit))

    def describe(self, photo: "PhotoInput", *, crop: Crop | None = None) -> Description:
        """Describe a photo in the catalog's own words: category, colours, materials.

        Args:
            photo: A file, its bytes, or pixels of shape (height, width, 3), uint8, sRGB.
            crop: The part of the photo that is meant.

        Raises:
            InvalidPhotoError: the photo cannot be used.
        """
        vector = self.encoder.encode([self._photos.pixels(photo, crop)])[0]
        return event_loop.run(self._searcher.describe(vector))

    async def describe_async(self, photo_vector: Vectors) -> Description:
        """See :meth:`describe`; of a photo that :attr:`encoder` encoded, shape (d,)."""
        return await event_loop.run_beside(self._searcher.describe(photo_vector))

    async def search_async(
        self,
        query: Query,
        *,
        photo_vector: Vectors | None = None,
        covered: Vectors | None = None,
    ) -> SearchResult:
        """Answer a query without blocking the caller's event loop.

        Args:
            query: The query; `similar_to` asks for products like one of the catalog.
            photo_vector: Its photo, cropped and encoded by :attr:`encoder`, shape (d,).
            covered: The same under each of its covers, shape (n, d), for the hits' heat maps.

        Raises:
            InvalidQueryError, InvalidFilterError, ProductNotFoundError: see :meth:`search`.
        """
        asked = self._searcher.search(query, photo_vector=photo_vector, covered=covered)
        return await event_loop.run_beside(asked)

    @property
    def upright(self) -> "UprightBeside":
        """What tells which side of a photo is up."""
        from furniture_prompter.assembly.query_photos import UprightBeside

        return UprightBeside(self._searcher.upright)

    def goes_with(
        self, product_id: str, *, where: str | None = None, limit: int = 10
    ) -> "GoesWith":
        """Pieces of other kinds that suit a product, of several kinds, each with why.

        Args:
            product_id: Its id.
            where: A filter that pieces must pass.
            limit: Pieces at the most, 1 to 50.

        Raises:
            ProductNotFoundError: the catalog has no such product.
            InvalidQueryError, InvalidFilterError: it cannot be answered as it stands.
            InvalidRoomsError: the settings name rooms that cannot be read.
        """
        return event_loop.run(self._searcher.companions.goes_with(product_id, where, limit))

    async def goes_with_async(self, product_id: str, where: str | None, limit: int) -> "GoesWith":
        """See :meth:`goes_with`."""
        asked = self._searcher.companions.goes_with(product_id, where, limit)
        return await event_loop.run_beside(asked)

    def outfit(
        self,
        *,
        like: str | None = None,
        photo: "PhotoInput | None" = None,
        budget: float | None = None,
        currency: str = "",
        limit: int = 5,
        leave_out: Sequence[str] = (),
        replaced: Mapping[str, str] | None = None,
        where: str | None = None,
    ) -> "Outfit":
        """One piece of each kind, the best together that a budget allows.

        Args:
            like: Id of the product that they go with, which is no part of the total; or
            photo: a photo of a room, whose pieces they are like: a file, its bytes, or pixels of
                shape (height, width, 3), uint8, sRGB.
            budget: Most that they cost together.
            currency: ISO 4217 code that prices must be in; that of most prices when left out.
            limit: Pieces at the most, 1 to 12.
            leave_out: Kinds that are not wanted.
            replaced: Ids of products that are put in, by kind.
            where: A filter that pieces must pass.

        Raises:
            ProductNotFoundError: the catalog has no such product.
            InvalidQueryError, InvalidFilterError: it cannot be answered as it stands; where the
                budget is too small, the message has the least total.
            InvalidPhotoError, EncoderError: the photo or the detector cannot be used.
            InvalidRoomsError: the settings name rooms that cannot be read.
        """
        from furniture_prompter.domain.outfit import OutfitRequest

        asked = OutfitRequest(
            like, budget, currency, limit, tuple(leave_out), dict(replaced or {}), where
        )
        if (like is None) == (photo is None):
            from furniture_prompter.search.outfit import one_of_both

            raise one_of_both()
        if photo is None:
            return event_loop.run(self._put_together(asked, ()))
        image, found = self._photos.pieces(photo, asked=True)
        rows = self.encoder.encode([piece.box.cut(image) for piece in found]) if found else ()
        return event_loop.run(self._put_together(asked, list(zip(found, rows, strict=True))))

    async def outfit_async(
        self, asked: "OutfitRequest", pieces: Sequence[tuple[Piece, Vectors]] = ()
    ) -> "Outfit":
        """See :meth:`outfit`.

        Args:
            asked: What is asked for; without `like` it is for the pieces.
            pieces: The photo's pieces, the surest first, each encoded by :attr:`encoder`, (d,).
        """
        return await event_loop.run_beside(self._put_together(asked, pieces))

    async def _put_together(
        self, asked: "OutfitRequest", pieces: Sequence[tuple[Piece, Vectors]]
    ) -> "Outfit":
        from furniture_prompter.search.outfit import Outfitter

        outfitter = Outfitter(self._searcher.companions)
        pieces = [(piece, without_room(self.encoder, row[None])[0]) for piece, row in pieces]
        asked = replace(asked, currency=asked.currency.upper())
        if asked.like is not None:
            return await outfitter.for_product(asked, asked.like)
        return await outfitter.for_photo(asked, pieces)

    async def product(self, product_id: str) -> tuple[Product, tuple[Photo, ...]]:
        """A product and its photos, main one first.

        Raises:
            ProductNotFoundError: the catalog has none of that id.
        """
        return await event_loop.run_beside(find_product(self._reader, product_id))

    async def photo_path(self, photo_id: str) -> Path:
        """The file of a photo of the catalog.

        Raises:
            PhotoNotFoundError: the catalog has no photo of that id, or its file is gone.
        """
        return await event_loop.run_beside(find_photo(self._reader, photo_id))

    async def embed(
        self,
        prompts: Sequence[str],
        photos: Vectors | None = None,
        space: str | None = None,
    ) -> Embedded:
        """Prompts, and photos that :attr:`encoder` encoded, as vectors of one space.

        Args:
            prompts: Texts; none for photos alone.
            photos: Shape (n, d); None for prompts alone.
            space: One of :attr:`spaces`; None takes the first that fits what is given.

        Raises:
            InvalidQueryError: the space takes no such input.
        """
        texts = await event_loop.run_beside(self._searcher.encode_texts(prompts))
        return embed_in(self.spaces, texts, photos, space)

    @cached_property
    def spaces(self) -> tuple[VectorSpace, ...]:
        """The vector spaces of this version, the photos' own first."""
        manifest = self._reader.manifest
        return vector_spaces(self._card.name, manifest.prompt_encoder.name, self._route)

    def info(self) -> "CatalogInfo":
        """What the opened version says of itself."""
        from furniture_prompter.catalog.upkeep import describe_catalog

        return describe_catalog(self._reader)

    def health(self, progress: "Callable[[IndexProgress], None] | None" = None) -> "HealthReport":
        """What is wrong with the data of the opened version, the costliest first.

        Every photo's file is read again, small, in threads.

        Args:
            progress: Called often while it goes.

        Raises:
            CatalogDamagedError: the catalog cannot be read.
        """
        # What examines reads feeds' values as well, which no search needs loaded.
        from furniture_prompter.encoders.decoding import PhotoLimits
        from furniture_prompter.health.examining import Encoders, examine

        manifest = self._reader.manifest
        prompt_folder = prompt_encoder_folder(manifest.prompt_encoder.name, self._settings)
        encoders = Encoders(lambda: self.encoder, partial(self._loaded.prompt, prompt_folder))
        limits = PhotoLimits.of(self._settings)
        examined = examine(self._reader, encoders, limits, progress or (lambda _: None))
        return event_loop.run(examined)

    def verify(self) -> "VerifyReport":
        """See :func:`furniture_prompter.assembly.verify`, which needs none that can be opened."""
        # What verifies can repair as well, and loads all that indexing does.
        from furniture_prompter.assembly.upkeep import verify

        return verify(self._reader.folder)

    def close(self) -> None:
        """Let go of the version; the catalog must not be used afterwards."""
        self._reader.close()

    def __enter__(self) -> Self:
        """Use with ``with``."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()
