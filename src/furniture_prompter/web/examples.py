"""Example requests and answers of the OpenAPI description; a test holds them to the schemas."""

from typing import Any, Final

from furniture_prompter.domain import Query
from furniture_prompter.feeds.variants import LIMIT_VARIANTS
from furniture_prompter.search.answer import PRODUCT_EXAMPLE, query_answer

_PHOTO: Final = "/v1/images/5f3c7a0e6f0f4a6a8b7a5a0c3b2d1e0f5f3c7a0e6f0f4a6a8b7a5a0c3b2d1e0f"

SEARCH: Final[dict[str, Any]] = {
    "prompt": "white stool",
    "without": "metal legs",
    "where": "price < 300",
    "limit": 5,
    "facets": ["color", "price"],
}
DESCRIBE: Final[dict[str, Any]] = {"photo": "/9j/4AAQSkZJRg…"}
PIECES: Final[dict[str, Any]] = {"photo": "/9j/4AAQSkZJRg…"}
PIECES_ANSWER: Final[dict[str, Any]] = {
    "pieces": [
        {"box": {"x": 0.1, "y": 0.4, "width": 0.5, "height": 0.5}, "score": 0.83, "kind": "couch"}
    ]
}
SUGGESTIONS_ANSWER: Final[dict[str, Any]] = {
    "typed": "white sto",
    "completions": [{"text": "white stool", "count": 12}],
    "refinements": [
        {
            "text": "oak",
            "column": "base_materials",
            "where": "base_materials contains 'oak'",
            "count": 4,
        },
        {"text": "under 50 cm", "column": "width_cm", "where": "width_cm < 50", "count": 9},
    ],
}
DESCRIPTION_ANSWER: Final[dict[str, Any]] = {
    "prompt": "white stool",
    "categories": [{"text": "stool", "confidence": 0.82}],
    "colors": [{"text": "white", "confidence": 0.71}],
    "materials": [],
}
EMBEDDINGS: Final[dict[str, Any]] = {"input": ["white stool", "oak table"]}
SEARCH_ANSWER: Final[dict[str, Any]] = {
    "query": query_answer(
        Query(prompt="white stool", without="metal legs", where="price < 300", limit=5)
    ),
    "catalog": {"path": "my-catalog", "version": 4, "encoder": "efficientnet-lite2"},
    "hits": [
        {
            "rank": 1,
            "score": 3.843026,
            "product": PRODUCT_EXAMPLE,
            "photo": _PHOTO,
            "matched": ["keyword", "prompt-photo"],
            "variant": PRODUCT_EXAMPLE["variants"][0],
            "confidence": 0.912,
            "heat": None,
        }
    ],
    "timings_ms": {"filter": 0.4, "encode": 0.9, "retrieve": 2.1, "present": 1.2, "total": 4.7},
    "notes": [],
    "facets": {
        "color": [{"value": "white", "count": 41}],
        "price": [{"from": 19.0, "to": 89.0, "count": 52}],
    },
    "cursor": "WzUsIDIwMCwgNCwgIjVmM2M3YTBlIl0",
    "understood": [
        {
            "text": "white",
            "column": "base_colors",
            "op": "contains",
            "value": "white",
            "currency": None,
            "as": "preference",
        }
    ],
    "did_you_mean": None,
    "close": True,
    "pieces": [],
}
_CATALOG: Final = SEARCH_ANSWER["catalog"]
_WHY: Final = [
    {"reason": "beside", "value": "table", "count": None, "text": "often goes with a table"},
    {"reason": "colour", "value": "white", "count": None, "text": "white like it"},
]
_PIECE: Final = {"product": PRODUCT_EXAMPLE, "photo": _PHOTO, "price": 89.0, "currency": "EUR"}
GOES_WITH_ANSWER: Final[dict[str, Any]] = {
    "product_id": "table-3",
    "kind": "dining-table",
    "pieces": [{"rank": 1, "kind": "dining-chair", "score": 0.41, **_PIECE, "why": _WHY}],
    "catalog": _CATALOG,
    "notes": [],
}
OUTFIT: Final[dict[str, Any]] = {
    "like": "table-3",
    "budget": 1500,
    "limit": 3,
    "leave_out": ["curtain"],
    "replace": {"rug": "rug-4"},
}
OUTFIT_ANSWER: Final[dict[str, Any]] = {
    "like": "table-3",
    "budget": 1500,
    "currency": "EUR",
    "total": 89.0,
    "pieces": [
        {
            "kind": "dining-chair",
            **_PIECE,
            "replaced": False,
            "box": None,
            "why": _WHY,
            "alternatives": [{**_PIECE, "total": 89.0, "why": _WHY}],
        }
    ],
    "catalog": _CATALOG,
    "notes": [],
}
SIMILAR_ANSWER: Final[dict[str, Any]] = {
    **SEARCH_ANSWER,
    "query": {**SEARCH_ANSWER["query"], "prompt": None, "without": None, "similar_to": "stool-9"},
    "hits": [{**SEARCH_ANSWER["hits"][0], "matched": ["photo"]}],
}
PRODUCT_ANSWER: Final[dict[str, Any]] = {
    "product": PRODUCT_EXAMPLE,
    "photos": [_PHOTO],
    "variant_photos": {"stool-7-white": [_PHOTO]},
}
EMBEDDINGS_ANSWER: Final[dict[str, Any]] = {
    "object": "list",
    "data": [{"object": "embedding", "index": 0, "embedding": [0.6, -0.8]}],
    "model": "efficientnet-lite2+multilingual-static-384",
    "usage": {"prompt_tokens": 2, "total_tokens": 2},
}
CATALOG_ANSWER: Final[dict[str, Any]] = {
    "path": "my-catalog",
    "version": 4,
    "created": "2026-01-02T03:04:05+00:00",
    "format_version": 2,
    "products": 495,
    "photos": 990,
    "encoder": "efficientnet-lite2",
    "encoder_sha256": "ab" * 32,
    "dimension": 256,
    "metric": "cosine",
    "prompt_encoder": "multilingual-static-384",
    "language": "english",
    "alignment": "Prompts search photos.",
    "confidence": "How sure answers are was learned from 520 products.",
    "vector_index": "exact scan",
    "columns": {"id": "text", "tags": "texts", "price": "number"},
    "bytes_on_disk": 2_345_678,
}
ENCODERS_ANSWER: Final[dict[str, Any]] = {
    "encoders": [
        {
            "name": "efficientnet-lite2",
            "kind": "image",
            "dimension": 256,
            "metric": "cosine",
            "licence": "Apache-2.0",
            "description": "Photos of furniture.",
            "parameters": 6_092_072,
            "weights_sha256": "ab" * 32,
            "encodes_prompts": False,
            "figures": {},
        }
    ],
    "spaces": [{"name": "efficientnet-lite2", "takes_photos": True, "takes_prompts": False}],
}
ALIVE_ANSWER: Final[dict[str, Any]] = {"status": "alive"}
READY_ANSWER: Final[dict[str, Any]] = {"status": "ready", "catalog_version": 4}

_REQUEST_ID: Final = "7d1f0c9f6d2b4c55a2ce5d0a9b0d5f6e"


def error_example(code: str, message: str) -> dict[str, Any]:
    """An error as it is answered."""
    return {"error": {"code": code, "message": message, "request_id": _REQUEST_ID}}


OUTCOMES: Final = ("created", "updated", "unchanged", "deleted", "missing", "refused")

_PRODUCT: Final = {
    "title": "Oak stool",
    "category": "stool",
    "color": "brown",
    "tags": ["seat", "kitchen"],
    "price": 89.0,
    "photos": ["https://shop.example/images/oak-stool.jpg"],
    "variants": [
        {"id": "stool-7-oak", "options": {"Finish": "Oak"}, "price": 89.0, "photos": [1]},
        {
            "id": "stool-7-black",
            "options": {"Finish": "Black"},
            "price": 99.0,
            "photos": ["https://shop.example/images/black-stool.jpg"],
        },
    ],
}
_SCHEMA: Final = {
    "type": "object",
    "description": "A product's fields, as in docs/feeds.md; further names become columns.",
    "properties": {
        "id": {"type": "string"},
        "title": {"type": "string"},
        "category": {"type": "string"},
        "color": {"type": "string"},
        "description": {"type": "string"},
        "tags": {"type": "array", "items": {"type": "string"}},
        "photos": {
            "type": "array",
            "items": {"type": "string"},
            "description": "Each as base64, or as a public web address where the server fetches. "
            "Left out, here and in variants, the product keeps the photos it has.",
        },
        "variants": {
            "type": "array",
            "maxItems": LIMIT_VARIANTS,
            "description": "The forms in which it is sold.",
            "items": {
                "type": "object",
                "properties": {
                    "id": {"type": "string"},
                    "title": {"type": "string"},
                    "options": {"type": "object", "additionalProperties": {"type": "string"}},
                    "color": {"type": "string"},
                    "photos": {
                        "type": "array",
                        "items": {"type": ["string", "integer"]},
                        "description": "Those that show this variant alone: each as in photos of "
                        "the product, or as the place of one of those, from 1. Files of a form "
                        "come first.",
                    },
                },
                "required": ["id"],
                "additionalProperties": True,
            },
        },
    },
    "additionalProperties": True,
}
PUT_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": _SCHEMA, "example": _PRODUCT},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "product": {"type": "string", "description": "The JSON, as text."},
                        "photos": {
                            "type": "array",
                            "items": {"type": "string", "format": "binary"},
                        },
                    },
                }
            },
        },
    }
}
PATCH_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            # Its example is of what a shop changes daily.
            "application/json": {"schema": _SCHEMA, "example": {"stock": 0, "sale_price": None}},
            "application/merge-patch+json": {"schema": _SCHEMA},
            "multipart/form-data": PUT_BODY["requestBody"]["content"]["multipart/form-data"],
        },
    }
}
BATCH_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/x-ndjson": {
                "schema": {"type": "string"},
                "example": (
                    '{"id": "stool-7", "title": "Oak stool", "price": 89.0, "photos": ["…"]}\n'
                    '{"id": "stool-5", "patch": true, "stock": 0}\n'
                    '{"id": "stool-6", "delete": true}\n'
                ),
            }
        },
    }
}
_REFUSALS: Final[dict[int | str, dict[str, Any]]] = {
    400: {"description": "The JSON or a photo cannot be used."},
    401: {"description": "An API key is needed."},
    403: {"description": "The key may not write."},
    408: {"description": "The body came too slowly."},
    413: {"description": "The body is too large."},
    415: {"description": "The body is of a kind that is not read here."},
    422: {"description": "The product cannot be stored as it is."},
    429: {"description": "Too many requests; see Retry-After."},
    503: {"description": "Another writer is at the catalog; see Retry-After."},
    504: {"description": "It took too long."},
    507: {"description": "The disk is full; nothing was changed."},
}
PUT_ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    200: {"description": "It was there before."},
    201: {"description": "It is new.", "content": {"application/json": {}}},
    **_REFUSALS,
}
PATCH_ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    200: {"description": "It is changed, or was so before."},
    404: {"description": "There is no such product."},
    **_REFUSALS,
}
DELETE_ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    200: {"description": "It is deleted."},
    404: {"description": "There is no such product."},
    **{status: _REFUSALS[status] for status in (401, 403, 422, 429, 503, 504, 507)},
}
BATCH_ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "A result for each line, then the counts.",
        "content": {
            "application/x-ndjson": {
                "schema": {"type": "string"},
                "example": (
                    '{"line": 1, "id": "stool-7", "outcome": "created", "reason": null, '
                    '"left_out": []}\n'
                    '{"line": 2, "id": "stool-6", "outcome": "deleted", "reason": null, '
                    '"left_out": []}\n'
                    '{"version": 8, "created": 1, "updated": 0, "unchanged": 0, "deleted": 1, '
                    '"missing": 0, "refused": 0}\n'
                ),
            }
        },
    },
    **_REFUSALS,
}
