import pytest

from tools.catalog_builder.cli import attribution_text
from tools.catalog_builder.libraries import CC0, CC_BY


def _row(product_id: str, licence: str, creator: str, **more: object) -> dict[str, object]:
    source = f"Sweet Home 3D, {product_id}"
    return {"id": product_id, "licence": licence, "creator": creator, "source": source, **more}


ROWS = [
    _row("blendswap-cc0-bed", CC0, "Nhumrod"),
    _row("blendswap-desk", CC_BY, "SirOccor"),
    _row("scopia-sofa-red-fabric", CC_BY, "Scopia", variant="red-fabric"),
]


def test_each_library_gives_title_author_licence_and_its_address() -> None:
    text = attribution_text(ROWS)
    assert "## Blend Swap CC-BY models" in text
    assert "CC-BY-3.0, <https://creativecommons.org/licenses/by/3.0/>" in text
    assert "https://creativecommons.org/publicdomain/zero/1.0/" in text
    assert "Scopia Visual Interfaces Systems, s.l." in text
    assert "Changes made" in text


def test_each_product_names_its_work_and_author_and_variants_are_marked() -> None:
    text = attribution_text(ROWS)
    assert "| blendswap-desk | Sweet Home 3D, blendswap-desk | SirOccor |" in text
    assert "| scopia-sofa-red-fabric *(variant)* |" in text


def test_libraries_that_nothing_comes_from_are_not_listed() -> None:
    assert "Kator" not in attribution_text(ROWS)


def test_a_product_of_no_known_library_is_refused() -> None:
    with pytest.raises(ValueError, match="1 products belong to no library"):
        attribution_text([*ROWS, _row("ikea-billy", CC_BY, "?")])
