"""Records are values: nobody changes one that another holds, or gives it a field of its own."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

SOURCE: Final = Path(__file__).parents[2] / "src" / "furniture_prompter"

FILLED: Final = {
    "ingest.reading.FeedFindings": "while a feed is read",
    "ingest.photos.PhotosOfRows": "photo by photo",
    "ingest.changes.Tally": "row by row",
    "ingest.known_rows.ShapeTallies": "row by row",
    "ingest.repairing._Outcome": "product by product",
    "domain.feed.UnchangedRow": "one for each product, and frozen ones take longer to make",
    "catalog.upkeep._Found": "check by check",
    "feeds.cell_steps.Row": "cell by cell",
    "feeds.arrow_cells.Reading": "batch by batch",
    "feeds.cells.ColumnEvidence": "cell by cell",
    "feeds.grouping.Groups": "row by row",
    "feeds.html_page.HtmlPage": "tag by tag",
    "feeds.page_products.PageProducts": "record by record",
    "feeds.products.Counts": "row by row",
    "feeds.image_cells.ProductImages": "row by row",
    "feeds.column_samples.ColumnSample": "cell by cell",
    "feeds.schema_graph.PageThings": "thing by thing",
    "feeds.values.measures._Number": "a unit further on is that of the numbers before it",
    "understanding.reading.Reading": "rule by rule",
    "crawl.options.CrawlReport": "page by page",
    "crawl.pages.Verdict": "link by link",
    "distillation.run_folder.Progress": "step by step",
    "distillation.training.Training": "step by step",
    "evaluation.latency.Passed": "photo by photo",
    "web.decoding_pool._Worker": "it takes one task after the other",
    "web.encoding._Waiting": "requests for the same photo join it",
    "web.services._Opened": "requests come and go",
    "web.services.Services": "what encodes is put in when the server starts",
}
"""Those that are not frozen, and why: they are filled, or stand for what goes on."""

OPEN: Final = {"evaluation.latency.Passed"}
"""Those without slots that keep nothing worked out either."""


ARRAYS: Final = {"NDArray", "RgbImage", "Vectors", "Numbers", "Scores", "Places", "Mask", "Values"}
"""What annotations call arrays."""


def _read() -> Iterator[tuple[str, ast.ClassDef]]:
    for path in sorted(SOURCE.rglob("*.py")):
        module = ".".join(path.relative_to(SOURCE).with_suffix("").parts)
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.ClassDef):
                yield f"{module}.{node.name}", node


CLASSES: Final = dict(_read())
"""All classes of the package by module and name; read, for some need an extra to import."""


def options(node: ast.ClassDef) -> dict[str, object] | None:
    """What its ``@dataclass`` is given; None where it has none."""
    for decorator in node.decorator_list:
        call = decorator if isinstance(decorator, ast.Call) else ast.Call(decorator, [], [])
        if isinstance(call.func, ast.Name) and call.func.id == "dataclass":
            return {each.arg or "": ast.literal_eval(each.value) for each in call.keywords}
    return None


def keeps_what_is_worked_out(node: ast.ClassDef) -> bool:
    """Whether it has a cached property, which needs the dictionary that slots do without."""
    return any(
        isinstance(decorator, ast.Name) and decorator.id == "cached_property"
        for method in node.body
        if isinstance(method, ast.FunctionDef)
        for decorator in method.decorator_list
    )


def holds_arrays(node: ast.ClassDef) -> bool:
    """Whether a field is an array, by its annotation."""
    return any(
        not ARRAYS.isdisjoint(
            part.id for part in ast.walk(each.annotation) if isinstance(part, ast.Name)
        )
        for each in node.body
        if isinstance(each, ast.AnnAssign)
    )


def test_dataclasses_are_frozen_but_for_those_that_are_filled() -> None:
    given = {name: found for name, node in CLASSES.items() if (found := options(node)) is not None}
    assert len(given) > 200
    thawed = {name for name, found in given.items() if found.get("frozen") is not True}
    assert thawed == FILLED.keys()


def test_dataclasses_have_slots_but_for_those_that_keep_what_is_worked_out() -> None:
    for name, node in CLASSES.items():
        found = options(node)
        if found is not None:
            wants = not keeps_what_is_worked_out(node) and name not in OPEN
            assert (found.get("slots") is True) is wants, name


def test_what_holds_arrays_is_told_apart_by_who_it_is() -> None:
    # Arrays have no one truth: comparing two records that hold some would raise.
    for name, node in CLASSES.items():
        found = options(node)
        if found is not None and holds_arrays(node):
            assert found.get("eq") is False, name


def test_a_class_of_fields_alone_is_a_dataclass() -> None:
    for name, node in CLASSES.items():
        fields = [
            each
            for each in node.body
            if isinstance(each, ast.AnnAssign) and "ClassVar" not in ast.unparse(each.annotation)
        ]
        methods = {each.name for each in node.body if isinstance(each, ast.FunctionDef)}
        if fields and not node.bases and "__init__" not in methods:
            assert options(node) is not None, name
