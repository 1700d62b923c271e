"""The typed Python client of the HTTP API.

    from furniture_prompter.client import Client

    with Client("http://127.0.0.1:8000") as shop:
        for hit in shop.search("white stool", where="price < 300").hits:
            ...

:class:`AsyncClient` has the same methods to be awaited. It knows nothing of the rest of the package
but the query options, and needs httpx alone.
"""

try:
    import httpx as _httpx  # noqa: F401  (only to tell in one sentence that it is missing)
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "The client needs httpx. Run in a clone of Furniture Prompter: pip install -e '.[client]'",
        name=error.name,
    ) from error

from furniture_prompter.client.answers import (
    Batch,
    BatchLine,
    CatalogAnswer,
    Completion,
    DescriptionAnswer,
    EmbeddingsAnswer,
    Encoder,
    FacetCount,
    Hit,
    Picture,
    Product,
    ProductAnswer,
    Refinement,
    SearchAnswer,
    Stored,
    SuggestionsAnswer,
    Variant,
)
from furniture_prompter.client.calls import (
    AnswerError,
    ClientError,
    NoAnswerError,
    Retries,
    UnexpectedAnswerError,
)
from furniture_prompter.client.clients import AsyncClient, Client
from furniture_prompter.client.outfits import (
    Alternative,
    Companion,
    GoesWithAnswer,
    OutfitAnswer,
    OutfitPiece,
    Reason,
)
from furniture_prompter.client.pieces import Piece, PieceHits, PiecesAnswer

__all__ = [
    "Alternative",
    "AnswerError",
    "AsyncClient",
    "Batch",
    "BatchLine",
    "CatalogAnswer",
    "Client",
    "ClientError",
    "Companion",
    "Completion",
    "DescriptionAnswer",
    "EmbeddingsAnswer",
    "Encoder",
    "FacetCount",
    "GoesWithAnswer",
    "Hit",
    "NoAnswerError",
    "OutfitAnswer",
    "OutfitPiece",
    "Picture",
    "Piece",
    "PieceHits",
    "PiecesAnswer",
    "Product",
    "ProductAnswer",
    "Reason",
    "Refinement",
    "Retries",
    "SearchAnswer",
    "Stored",
    "SuggestionsAnswer",
    "UnexpectedAnswerError",
    "Variant",
]
