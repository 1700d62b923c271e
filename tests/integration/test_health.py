"""Health of an indexed catalog, from its files to the report."""

from dataclasses import replace

import pytest

from furniture_prompter import event_loop
from furniture_prompter.bundled import catalog_feed
from furniture_prompter.catalog.reader import CatalogReader
from furniture_prompter.domain import FeedRow, HealthReport, Product
from furniture_prompter.encoders.decoding import PhotoLimits
from furniture_prompter.health import photos
from furniture_prompter.health.examining import Encoders, examine
from tests.integration.conftest import Shop

PHOTOS = sorted((catalog_feed().parent / "images").glob("*-0.jpg"))[::60]


def rows() -> list[FeedRow]:
    return [
        FeedRow(
            Product(f"{n}", f"Nice chair {n}", "chair", "white", attributes={"width_cm": 40.0 + n}),
            (photo,),
            catalog_feed(),
            n + 1,
        )
        for n, photo in enumerate(PHOTOS)
    ]


def health_of(shop: Shop) -> HealthReport:
    reader = event_loop.run(CatalogReader.open(shop.folder))
    encoders = Encoders(lambda: shop.encoder, lambda: shop.prompt_encoder)
    return event_loop.run(examine(reader, encoders, PhotoLimits()))


def test_defects_of_a_catalog_are_told_and_the_costliest_come_first(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The fake encoder sees colours alone, and would take white furniture for a sign.
    monkeypatch.setattr(photos, "LIKE_A_PLACEHOLDER", 2.0)
    planted = rows()
    planted[0] = replace(
        planted[0], product=replace(planted[0].product, title="<b>Stuhl</b>", color="whiet")
    )
    planted[1] = replace(planted[1], product=replace(planted[1].product, category=""))
    planted[2] = replace(planted[2], images=planted[3].images)
    shop.index(planted)
    report = health_of(shop)
    told = {check.name: sorted(check.product_ids) for check in report.checks if check.findings}
    assert told == {
        "shared-photo": ["2", "3"],
        "missing-category": ["1"],
        "unknown-colour": ["0"],
        "left-html": ["0"],
    }
    costs = [check.cost for check in report.checks]
    assert costs == sorted(costs, reverse=True)
    assert set(report.skipped) == {"wrong-photo", "wrong-category"}
    assert (report.products, report.photos) == (len(PHOTOS), len(PHOTOS))
