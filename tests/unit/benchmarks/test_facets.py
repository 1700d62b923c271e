"""What facets are compared with counts as they do."""

import pyarrow as pa

from benchmarks.facets import COLUMNS, arrow_counts


def test_arrow_counts_texts_however_they_are_encoded_and_numbers_by_fifths() -> None:
    table = pa.table(
        {
            "category": ["chair", "bed", "chair"],
            "color": ["oak", "oak", "oak"],
            "brand": ["x", "y", "z"],
            "price": [1.0, 2.0, 11.0],
            "in_stock": [True, False, True],
        }
    )
    found = arrow_counts(table)
    assert list(found) == list(COLUMNS)
    assert found["category"] == {"chair": 2, "bed": 1}
    assert found["in_stock"] == {True: 2, False: 1}
    assert sum(found["price"]) == 3
    category = table["category"].dictionary_encode()
    encoded = table.set_column(0, "category", category)
    assert arrow_counts(encoded) == found
