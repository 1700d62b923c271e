"""Ids of products in addresses: any text, with slashes and line breaks too."""

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
