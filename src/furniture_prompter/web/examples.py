"""Examples that the description of the API shows; a test holds them to the schemas."""

from typing import Any, Final

_PHOTO: Final = "/v1/images/5f3c7a0e6f0f4a6a8b7a5a0c3b2d1e0f5f3c7a0e6f0f4a6a8b7a5a0c3b2d1e0f"

SEARCH: Final[dict[str, Any]] = {
    "prompt": "white stool",
    "without": "metal legs",
    "where": "price < 300",
    "limit": 5,
    "facets": ["color", "price"],
}
EMBEDDINGS: Final[dict[str, Any]] = {"input": ["white stool", "oak table"]}
PRODUCT: Final[dict[str, Any]] = {
    "id": "stool-7",
    "title": "Stool, white",
    "category": "stool",
    "color": "white",
    "description": "",
    "tags": ["seat", "kitchen"],
    "price": 89.0,
}
SEARCH_ANSWER: Final[dict[str, Any]] = {
    "query": {
        "prompt": "white stool",
        "photo": None,
        "photo_weight": 0.5,
        "without": "metal legs",
        "where": "price < 300",
        "limit": 5,
        "crop": None,
        "similar_to": None,
    },
    "catalog": {"path": "my-catalog", "version": 4, "encoder": "efficientnet-lite2"},
    "hits": [
        {
            "rank": 1,
            "score": 3.843026,
            "product": PRODUCT,
            "photo": _PHOTO,
            "matched": ["keyword", "prompt-photo"],
        }
    ],
    "timings_ms": {"encode": 0.9, "filter": 0.4, "retrieve": 2.1, "present": 1.2, "total": 4.7},
    "notes": [],
    "facets": {
        "color": [{"value": "white", "count": 41}],
        "price": [{"from": 19.0, "to": 89.0, "count": 52}],
    },
    "cursor": "WzUsIDIwMCwgNCwgIjVmM2M3YTBlIl0",
}
SIMILAR_ANSWER: Final[dict[str, Any]] = {
    **SEARCH_ANSWER,
    "query": {**SEARCH_ANSWER["query"], "prompt": None, "without": None, "similar_to": "stool-9"},
    "hits": [{**SEARCH_ANSWER["hits"][0], "matched": ["photo"]}],
}
PRODUCT_ANSWER: Final[dict[str, Any]] = {"product": PRODUCT, "photos": [_PHOTO]}
EMBEDDINGS_ANSWER: Final[dict[str, Any]] = {
    "object": "list",
    "data": [{"object": "embedding", "index": 0, "embedding": [0.6, -0.8]}],
    "model": "efficientnet-lite2+minilm-static-256",
    "usage": {"prompt_tokens": 2, "total_tokens": 2},
}
CATALOG_ANSWER: Final[dict[str, Any]] = {
    "path": "my-catalog",
    "version": 4,
    "created": "2026-01-02T03:04:05+00:00",
    "format_version": 1,
    "products": 495,
    "photos": 990,
    "encoder": "efficientnet-lite2",
    "encoder_sha256": "ab" * 32,
    "dimension": 256,
    "metric": "cosine",
    "prompt_encoder": "minilm-static-256",
    "language": "english",
    "alignment": "Prompts search photos.",
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
