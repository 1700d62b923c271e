"""Report on a catalog's data: what is wrong with its products, ordered by what it costs search."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FindingProduct:
    """A product that a finding is about.

    Attributes:
        id: The shop's own identifier.
        title: What the shop calls it; may be empty.
        photo: File of the photo that the finding is about, else of the main one.
    """

    id: str
    title: str
    photo: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, with the products that have it.

    Attributes:
        detail: What was seen, in a sentence.
        products: The products concerned; those that share a photo stand together.
        score: How sure the check is, for checks that measure; larger is surer.
    """

    detail: str
    products: tuple[FindingProduct, ...]
    score: float = 0.0


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What one check found.

    Attributes:
        name: The check's name, such as ``shared-photo``.
        heading: What is wrong, in a few words.
        severity: Share of the ways to find a product that it is lost to, 0 to 1.
        costs: What it does to searches, in a sentence.
        cure: What to do about it, in a sentence.
        findings: What was found, the surest first.
    """

    name: str
    heading: str
    severity: float
    costs: str
    cure: str
    findings: tuple[Finding, ...]

    @property
    def product_ids(self) -> frozenset[str]:
        """Ids of all products that the check found something wrong with."""
        return frozenset(product.id for item in self.findings for product in item.products)

    @property
    def cost(self) -> float:
        """Severity times products: how many whole products are as good as lost."""
        return self.severity * len(self.product_ids)


@dataclass(frozen=True, slots=True)
class HealthReport:
    """What ``catalog health`` found in one version of a catalog.

    Attributes:
        path: The catalog's folder.
        version: The version that was looked at.
        products: Its number of products.
        photos: Its number of photos.
        checks: Every check that ran, the costliest first; those that found nothing come last.
        skipped: Checks that could not run, with the reason.
        seconds: Wall time.
    """

    path: str
    version: int
    products: int
    photos: int
    checks: tuple[CheckResult, ...]
    skipped: Mapping[str, str]
    seconds: float

    @property
    def healthy(self) -> bool:
        """Whether no check found anything."""
        return not any(check.findings for check in self.checks)

    def check(self, name: str) -> CheckResult | None:
        """The result of a check; None where it did not run."""
        return next((each for each in self.checks if each.name == name), None)
