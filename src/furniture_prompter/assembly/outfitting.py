"""What goes with a piece, and outfits: the part of an open catalog that answers for whole rooms."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from furniture_prompter import event_loop
from furniture_prompter.assembly.query_photos import PhotoInput, QueryPhotos
from furniture_prompter.domain.outfit import GoesWith, Outfit, OutfitRequest
from furniture_prompter.domain.query import Piece
from furniture_prompter.encoders.protocols import Encoder
from furniture_prompter.errors import InvalidQueryError
from furniture_prompter.search.outfit import Outfitter
from furniture_prompter.search.query_vectors import Vectors
from furniture_prompter.search.searching import Searcher


class Outfitting:
    """Methods of :class:`furniture_prompter.Catalog`."""

    _searcher: Searcher
    _photos: QueryPhotos

    @property
    def encoder(self) -> Encoder:
        """The photo encoder that queries go through."""
        raise NotImplementedError

    def goes_with(self, product_id: str, *, where: str | None = None, limit: int = 10) -> GoesWith:
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

    async def goes_with_async(self, product_id: str, where: str | None, limit: int) -> GoesWith:
        """See :meth:`goes_with`."""
        asked = self._searcher.companions.goes_with(product_id, where, limit)
        return await event_loop.run_beside(asked)

    def outfit(
        self,
        *,
        like: str | None = None,
        photo: PhotoInput | None = None,
        budget: float | None = None,
        currency: str = "",
        limit: int = 5,
        leave_out: Sequence[str] = (),
        replaced: Mapping[str, str] | None = None,
        where: str | None = None,
    ) -> Outfit:
        """One piece of each kind, the best together that a budget allows.

        Args:
            like: Id of the product that they go with, which is no part of the total; or
            photo: a photo of a room, whose pieces they are like: a file, its bytes, or pixels of
                shape (height, width, 3), uint8, sRGB. It needs a detector.
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
        asked = OutfitRequest(
            like, budget, currency, limit, tuple(leave_out), dict(replaced or {}), where
        )
        if (like is None) == (photo is None):
            raise one_of_both()
        if photo is None:
            return event_loop.run(self._put_together(asked, ()))
        image, found = self._photos.pieces(photo)
        rows = self.encoder.encode([piece.box.cut(image) for piece in found]) if found else ()
        return event_loop.run(self._put_together(asked, list(zip(found, rows, strict=True))))

    async def outfit_async(
        self, asked: OutfitRequest, pieces: Sequence[tuple[Piece, Vectors]] = ()
    ) -> Outfit:
        """See :meth:`outfit`.

        Args:
            asked: What is asked for; without `like` it is for the pieces.
            pieces: The photo's pieces, the surest first, each encoded by :attr:`encoder`, (d,).
        """
        return await event_loop.run_beside(self._put_together(asked, pieces))

    async def _put_together(
        self, asked: OutfitRequest, pieces: Sequence[tuple[Piece, Vectors]]
    ) -> Outfit:
        outfitter = Outfitter(self._searcher.companions)
        asked = replace(asked, currency=asked.currency.upper())
        if asked.like is not None:
            return await outfitter.for_product(asked, asked.like)
        return await outfitter.for_photo(asked, pieces)


def one_of_both() -> InvalidQueryError:
    """The error of an outfit that is for nothing, or for two things."""
    return InvalidQueryError(
        "An outfit is for a product or for a photo. Give one of them: the product's id as `like`, "
        "or a photo of a room."
    )
