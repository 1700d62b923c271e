"""Judged queries asked of a small catalog of bundled photos, by the library and the command."""

import json
import shutil
from itertools import islice
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from furniture_prompter.assembly import index
from furniture_prompter.assembly.benchmarking import evaluate
from furniture_prompter.bundled import catalog_feed
from furniture_prompter.cli.evaluate_command import EXAMPLES, evaluate_command
from furniture_prompter.cli.options import ExitCode
from furniture_prompter.errors import BenchmarkError, FurniturePrompterError
from furniture_prompter.settings import Settings

PRODUCTS = 16


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a catalog of every thirtieth bundled product, queries and judgements."""
    folder = tmp_path_factory.mktemp("shop")
    source = catalog_feed()
    with source.open(encoding="utf-8") as file:
        rows = [json.loads(line) for line in islice(file, 0, 30 * PRODUCTS, 30)]
    for row in rows:
        images = [source.parent / image for image in row["images"]]
        for image in images:
            shutil.copyfile(image, folder / image.name)
        row["images"] = [image.name for image in images]
    feed = folder / "products.jsonl"
    feed.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    index(feed, folder / "catalog")
    photos = [{"id": f"photo {n}", "photo": row["images"][-1]} for n, row in enumerate(rows)]
    words = [{"id": f"words {n}", "prompt": row["title"]} for n, row in enumerate(rows)]
    asked = "".join(json.dumps(query) + "\n" for query in (*photos, *words))
    (folder / "queries.jsonl").write_text(asked, "utf-8")
    judged = [
        f"{kind} {n}\t0\t{row['id']}\t2\n"
        for n, row in enumerate(rows)
        for kind in ("photo", "words")
    ]
    (folder / "qrels.tsv").write_text("".join(judged), "utf-8")
    return folder


def test_photos_of_products_and_their_titles_find_them(shop: Path) -> None:
    found = evaluate(shop / "catalog", shop / "queries.jsonl", shop / "qrels.tsv", limit=5)
    assert found.set_aside == ()
    assert found.products == PRODUCTS
    assert len(found.judged.queries) == 2 * PRODUCTS
    first = found.judged.values["Success@1"]
    assert first[:PRODUCTS] == (1.0,) * PRODUCTS, "a photo of the catalog finds its product"
    assert sum(first[PRODUCTS:]) > PRODUCTS / 2
    assert found.judged.mean("nDCG@5") > 0.8
    assert found.judged.values["P@5"][:PRODUCTS] == pytest.approx([1 / 5] * PRODUCTS)


def test_judging_the_wrong_products_lowers_the_figure(shop: Path, tmp_path: Path) -> None:
    right = (shop / "qrels.tsv").read_text("utf-8").splitlines()
    rows = [line.split("\t") for line in right]
    # Two queries by photo get each other's product.
    rows[0][2], rows[2][2] = rows[2][2], rows[0][2]
    swapped = tmp_path / "swapped.tsv"
    swapped.write_text("\n".join("\t".join(row) for row in rows), "utf-8")
    before, after = (
        evaluate(shop / "catalog", shop / "queries.jsonl", file, limit=5).judged.mean("Success@1")
        for file in (shop / "qrels.tsv", swapped)
    )
    assert before - after == pytest.approx(2 / (2 * PRODUCTS))


def test_bad_lines_and_refused_queries_are_set_aside_in_their_order(
    shop: Path, tmp_path: Path
) -> None:
    queries = tmp_path / "queries.jsonl"
    lines = [
        '{"id": "good", "prompt": "chair"}',
        '{"id": "broken", ',
        '{"id": "filtered", "prompt": "chair", "where": "no_such_column < 3"}',
        '{"id": "unjudged", "prompt": "table"}',
    ]
    queries.write_text("\n".join(lines), "utf-8")
    product = (shop / "qrels.tsv").read_text("utf-8").split("\t")[2]
    qrels = tmp_path / "qrels.tsv"
    qrels.write_text(f"good {product} 1\nfiltered {product} 1\ngood gone 1\nhalf a\n", "utf-8")
    found = evaluate(shop / "catalog", queries, qrels)
    assert [query.id for query in found.judged.queries] == ["good"]
    told = [(item.source.name, item.line) for item in found.set_aside]
    assert told == [("queries.jsonl", n) for n in (2, 3, 4)] + [("qrels.tsv", n) for n in (3, 4)]
    assert "no_such_column" in found.set_aside[1].reason


def test_files_that_leave_nothing_to_measure_are_refused(shop: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.write_text("", "utf-8")
    with pytest.raises(BenchmarkError, match="No query of"):
        evaluate(shop / "catalog", shop / "queries.jsonl", empty)
    with pytest.raises(BenchmarkError, match=r"Judge 1 to"):
        evaluate(shop / "catalog", shop / "queries.jsonl", shop / "qrels.tsv", limit=0)
    with pytest.raises(BenchmarkError, match=r"none\.tsv"):
        evaluate(shop / "catalog", shop / "queries.jsonl", tmp_path / "none.tsv")
    with pytest.raises(FurniturePrompterError, match="catalog"):
        evaluate(tmp_path / "nowhere", shop / "queries.jsonl", shop / "qrels.tsv")


def _command() -> typer.Typer:
    app = typer.Typer()
    app.command(epilog=EXAMPLES)(evaluate_command)
    return app


def test_the_command_prints_a_table_with_intervals_and_the_worst_queries(shop: Path) -> None:
    words = ["--catalog", shop / "catalog", "--queries", shop / "queries.jsonl"]
    answer = CliRunner().invoke(
        _command(), [str(word) for word in (*words, "--relevance", shop / "qrels.tsv", "--k", 5)]
    )
    assert answer.exit_code == ExitCode.ALL_GOOD, answer.output
    assert "32 queries, 16 products, 5 hits judged of each" in answer.stdout
    measures = [line.split()[0] for line in answer.stdout.splitlines() if "@" in line.split()[0]]
    assert measures == [
        "Success@1", "Success@5", "nDCG@5", "P@5", "R@5", "RR@5", "AP@5", "Judged@5"
    ]  # fmt: skip
    assert "worst queries by nDCG@5" in answer.stdout


def test_the_command_writes_every_query_and_says_what_was_set_aside(
    shop: Path, tmp_path: Path
) -> None:
    qrels = tmp_path / "qrels.tsv"
    qrels.write_text((shop / "qrels.tsv").read_text("utf-8") + "half a line\n", "utf-8")
    out = tmp_path / "out.json"
    words = ["--catalog", shop / "catalog", "--queries", shop / "queries.jsonl", "--json"]
    answer = CliRunner().invoke(
        _command(), [str(word) for word in (*words, "--relevance", qrels, "--out", out)]
    )
    assert answer.exit_code == ExitCode.SET_ASIDE, answer.output
    assert "qrels.tsv:33: " in answer.stderr
    assert json.loads(answer.stdout) == json.loads(out.read_text("utf-8"))
    found = json.loads(answer.stdout)
    assert found["queries"] == len(found["by_query"]) == 32
    low, high = found["measures"]["nDCG@10"]["interval"]
    assert low <= found["measures"]["nDCG@10"]["mean"] <= high
    assert found["measures"]["Judged@10"]["chance"] is None
    assert found["set_aside"][0]["line"] == 33
    assert Settings().limit_hits >= found["limit"] == 10
