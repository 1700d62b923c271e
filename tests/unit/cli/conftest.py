"""Fakes behind the command line: a catalog that answers from memory and notes what was asked."""

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from furniture_prompter import assembly
from furniture_prompter.cli.main import app
from furniture_prompter.domain import (
    AttributeValue,
    CatalogInfo,
    CatalogReference,
    Hit,
    Photo,
    Product,
    Query,
    SearchResult,
)
from furniture_prompter.domain.outfit import (
    Alternative,
    Choice,
    Companion,
    GoesWith,
    Offer,
    Outfit,
    OutfitRequest,
    Reason,
)

INFO = CatalogInfo(
    path="shop",
    version=3,
    created="2026-01-02T03:04:05+00:00",
    format_version=1,
    products=2,
    photos=4,
    encoder="efficientnet-lite2",
    encoder_sha256="ab" * 32,
    dimension=256,
    metric="cosine",
    prompt_encoder="minilm-static-256",
    language="turkish",
    alignment="Prompts search photos.",
    confidence="How sure answers are was learned from 520 products.",
    vector_index="exact scan",
    columns={"id": "text", "price": "number"},
    bytes_on_disk=1_234_567,
    feeds=("/shop/a.csv",),
)

REFERENCE = CatalogReference("shop", 3, "efficientnet-lite2")
WHY = (Reason("beside", "sofa"), Reason("material", "oak"))


class FakeCatalog:
    """Answers every search with the same hits, or raises what it is told to."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.opened: list[dict[str, Any]] = []
        self.hits: tuple[Hit, ...] = ()
        self.notes: tuple[str, ...] = ()
        self.error: BaseException | None = None

    def open(self, path: Path, **given: Any) -> Self:
        self.opened.append({"path": path, **given})
        return self

    def search(self, prompt: str | None = None, **given: Any) -> SearchResult:
        self.asked.append({"prompt": prompt, **given})
        if self.error is not None:
            raise self.error
        photo = given.get("photo")
        weight = given.get("photo_weight")
        query = Query(
            prompt=prompt,
            photo=None if photo is None else np.full((8, 8, 3), 120, np.uint8),
            photo_name=None if photo is None else str(photo),
            photo_weight=0.5 if weight is None else weight,
            without=given.get("without"),
            where=given.get("where"),
            limit=given["limit"],
        )
        return SearchResult(
            query=query,
            catalog=CatalogReference("shop", 3, "efficientnet-lite2"),
            hits=self.hits[: query.limit],
            timings_ms={"encode": 1.0, "total": 2.5},
            notes=self.notes,
        )

    def goes_with(self, product_id: str, **given: Any) -> GoesWith:
        self.asked.append({"product_id": product_id, **given})
        if self.error is not None:
            raise self.error
        pieces = [
            Companion("coffee-table", 0.5, hit.product, hit.photo, WHY)
            for hit in self.hits[: given["limit"]]
        ]
        sofa = Product("sofa", "Sofa, <grey>")
        return GoesWith(sofa, "sofa", tuple(pieces), REFERENCE, self.notes)

    def outfit(self, **given: Any) -> Outfit:
        self.asked.append(given)
        if self.error is not None:
            raise self.error
        suited = [Companion("coffee-table", 0.5, hit.product, hit.photo, WHY) for hit in self.hits]
        asked = OutfitRequest(given["like"], given["budget"], limit=given["limit"])
        sofa = None if given["like"] is None else Product("sofa", "Sofa, grey")
        if not suited:
            return Outfit(asked, (), None, "", REFERENCE, sofa, self.notes)
        others = tuple(Alternative(each, Offer(99.0, "EUR"), 99.0) for each in suited[1:])
        choice = Choice(suited[0], Offer(120.0, "EUR"), alternatives=others)
        return Outfit(asked, (choice,), 120.0, "EUR", REFERENCE, sofa, self.notes)

    def info(self) -> CatalogInfo:
        return INFO

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass


MakeHit = Callable[..., Hit]


@pytest.fixture
def make_hit(tmp_path: Path) -> MakeHit:
    """A hit of the next rank with a real photo of one colour on white."""
    count = 0

    def make(
        title: str = "Stool, white",
        *,
        colour: tuple[int, int, int] = (180, 30, 30),
        photo: Path | None = None,
        attributes: Mapping[str, AttributeValue] | None = None,
        **fields: Any,
    ) -> Hit:
        nonlocal count
        count += 1
        if photo is None:
            photo = tmp_path / "photos" / f"{count}.png"
            photo.parent.mkdir(exist_ok=True)
            image = Image.new("RGB", (64, 64), "white")
            image.paste(colour, (16, 16, 48, 48))
            image.save(photo)
        product = Product(
            id=f"p-{count}",
            title=title,
            **{"category": "stool", "color": "white", **fields},
            attributes=attributes or {},
        )
        picture = Photo("00", product.id, str(photo))
        return Hit(count, 3.0 - count / 10, product, picture, ("keyword", "prompt-photo"))

    return make


@pytest.fixture
def catalog(monkeypatch: pytest.MonkeyPatch, make_hit: MakeHit) -> FakeCatalog:
    """The catalog that every command opens."""
    fake = FakeCatalog()
    fake.hits = (make_hit(), make_hit("Bench, oak", color="oak"))
    monkeypatch.setattr(assembly, "Catalog", fake)
    return fake


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a command left behind."""

    status: int
    out: str
    err: str


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Outcome]:
    """Run ``furniture-prompter`` with these words, as a script would: no terminal, no colours."""
    for name in ("FORCE_COLOR", "NO_COLOR", "FURNITURE_PROMPTER_CATALOG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "80")

    def run(*words: str | Path, stdin: str | bytes | None = None) -> Outcome:
        result = CliRunner().invoke(app, [str(word) for word in words], input=stdin)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Outcome(result.exit_code, result.stdout, result.stderr)

    return run
