"""Ids of products in addresses: any text, with slashes and line breaks too."""

from urllib.parse import unquote_to_bytes

from fastapi import Request
from starlette.convertors import Convertor, register_url_convertor


class _ProductId(Convertor[str]):
    # Starlette's own `path` stops at a line break, and the address is then nowhere.
    regex = "(?s:.*)"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("product", _ProductId())

PRODUCT = "/products/{product_id:product}"
"""The path of one product."""


def ends_in_id(request: Request) -> bool:
    """Whether the last slash of an address was escaped (%2F), and so is a product id's own.

    Routing sees the path unescaped, where ``similar`` of the product ``a`` and the product
    ``a/similar`` are the same.
    """
    path = request.scope.get("raw_path") or request.scope["path"].encode()
    return b"/" in unquote_to_bytes(path.rpartition(b"/")[2])
