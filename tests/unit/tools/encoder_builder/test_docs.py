from benchmarks.encoder_selection.table import PAGE, with_tables
from tools.encoder_builder import colour


def test_the_tables_of_the_encoders_page_are_those_of_the_results() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert with_tables(page) == page, "run: python -m benchmarks.encoder_selection.table"


def test_the_page_names_the_number_of_colours_that_the_palette_has() -> None:
    assert f"each of {len(colour.palette())} fixed colours" in PAGE.read_text(encoding="utf-8")
