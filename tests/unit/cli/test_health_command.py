"""``catalog health``: list, JSON, gate and the page with pictures."""

import json
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from furniture_prompter import assembly
from furniture_prompter.cli.health_page import render_health
from furniture_prompter.domain import CheckResult, Finding, FindingProduct, HealthReport
from furniture_prompter.health.checks import CHECKS

EVIL = "<script>alert(1)</script>\"'&${seconds}<img src=x onerror=y>"


def result(name: str, *ids: str, title: str = "Chair", photo: str = "none.jpg") -> CheckResult:
    check = CHECKS[name]
    found = tuple(Finding("As seen.", (FindingProduct(each, title, photo),), 0.5) for each in ids)
    return CheckResult(name, check.heading, check.severity, check.costs, check.cure, found)


def report_of(*checks: CheckResult, skipped: dict[str, str] | None = None) -> HealthReport:
    return HealthReport("shop", 3, 40, 50, checks, skipped or {}, 1.25)


REPORT = report_of(
    result("wrong-photo", "a", "b"),
    result("missing-size", "c", "d", "e"),
    result("left-html"),
    skipped={"placeholder": "The encoder is gone."},
)


@pytest.fixture
def healthy(monkeypatch: pytest.MonkeyPatch) -> Callable[[HealthReport], None]:
    def answer(report: HealthReport) -> None:
        monkeypatch.setattr(assembly, "catalog_health", lambda *_, **__: report)

    return answer


def test_findings_are_listed_with_products_costs_and_cures(
    shop: Callable[..., Any], healthy: Callable[[HealthReport], None]
) -> None:
    healthy(REPORT)
    done = shop("catalog", "health", "--catalog", "shop")
    assert done.status == 0
    for told in (
        *("40 products, 50 photos", "Photos that may show something else: 2 products", "a “Chair”"),
        *(f"Cure: {CHECKS['wrong-photo'].cure}", "Nothing found by: left-html."),
        "placeholder did not run. The encoder is gone.",
    ):
        assert told in done.out


def test_the_json_has_what_is_promised(
    shop: Callable[..., Any], healthy: Callable[[HealthReport], None]
) -> None:
    healthy(REPORT)
    told = json.loads(shop("catalog", "health", "--catalog", "shop", "--json").out)
    assert list(told) == [
        *("catalog", "products", "photos", "healthy", "checks", "skipped", "gate", "seconds"),
    ]
    first = told["checks"][0]
    assert list(first) == [
        *("check", "heading", "severity", "products", "cost", "costs", "cure", "findings"),
    ]
    assert (first["check"], first["products"], first["cost"]) == ("wrong-photo", 2, 1.4)
    assert first["findings"][0] == {
        "detail": "As seen.",
        "score": 0.5,
        "products": [{"id": "a", "title": "Chair", "photo": "none.jpg"}],
    }
    assert told["skipped"] == {"placeholder": "The encoder is gone."}
    assert told["gate"] is None


@pytest.mark.parametrize(
    ("gate", "over"),
    [
        ("any", {"wrong-photo": 2, "missing-size": 3}),
        ("wrong-photo=1", {"wrong-photo": 2}),
        ("wrong-photo=2, missing-size=3, left-html", {}),
        ("any=2", {"missing-size": 3}),
        ("placeholder=5", {"placeholder": 0}),
    ],
)
def test_a_gate_lets_no_more_through_than_it_says(
    shop: Callable[..., Any],
    healthy: Callable[[HealthReport], None],
    gate: str,
    over: dict[str, int],
) -> None:
    healthy(REPORT)
    done = shop("catalog", "health", "--catalog", "shop", "--json", "--fail-on", gate)
    assert done.status == (9 if over else 0)
    assert json.loads(done.out)["gate"] == {"passed": not over, "over": over}
    assert done.err.count("The gate is not passed") == len(over)


@pytest.mark.parametrize("gate", ["wrong-fotos", "wrong-photo=many", "wrong-photo=-1"])
def test_a_gate_that_names_no_check_or_no_number_is_a_usage_error(
    shop: Callable[..., Any], gate: str
) -> None:
    done = shop("catalog", "health", "--catalog", "shop", "--gate", gate)
    assert done.status == 2


class _Tags(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def test_the_page_is_escaped_whole_and_silent(tmp_path: Path) -> None:
    photo = tmp_path / "photo.png"
    Image.new("RGB", (300, 200), (200, 10, 10)).save(photo)
    shared = Finding(
        EVIL,
        (FindingProduct(EVIL, EVIL, str(photo)), FindingProduct("b", "", str(tmp_path / "gone"))),
    )
    check = CHECKS["shared-photo"]
    told = CheckResult("shared-photo", check.heading, 0.5, check.costs, check.cure, (shared,))
    page = render_health(report_of(told, skipped={"wrong-photo": EVIL}))
    tags = _Tags(page).tags
    assert not [name for name, _ in tags if name == "script"]
    assert not any("onerror" in given for _, given in tags)
    (image,) = (given for name, given in tags if name == "img")
    assert (image["src"] or "").startswith("data:image/jpeg;base64,")
    assert "no photo</div>" in page
    assert "default-src 'none'" in page
    assert "One photo on many products: 2 products" in page


def test_a_page_of_a_healthy_catalog_says_so() -> None:
    assert "nothing was found" in render_health(report_of(result("wrong-photo")))
