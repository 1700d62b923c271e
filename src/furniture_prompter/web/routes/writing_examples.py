"""What the description of the API says of writing: bodies, answers and examples."""

from typing import Any, Final

OUTCOMES: Final = ("created", "updated", "unchanged", "deleted", "missing", "refused")

_PRODUCT: Final = {
    "title": "Oak stool",
    "category": "stool",
    "color": "brown",
    "tags": ["seat", "kitchen"],
    "price": 89.0,
    "photos": ["https://shop.example/images/oak-stool.jpg"],
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
            "Left out, the product keeps the photos it has.",
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
BATCH_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/x-ndjson": {
                "schema": {"type": "string"},
                "example": (
                    '{"id": "stool-7", "title": "Oak stool", "price": 89.0, "photos": ["…"]}\n'
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
