"""Reports on a catalog: its facts, verify, repair and optimize, and the health of its data."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class CatalogInfo:
    """The current version of a catalog, as ``catalog info`` prints it.

    Attributes:
        path: Its folder.
        version: Number of the current version.
        created: When that version was written, ISO 8601, UTC.
        format_version: Version of the on-disk format.
        products: Number of products.
        photos: Number of photos.
        encoder: Name of the photo encoder.
        encoder_sha256: Hash of its weights.
        dimension: Length of a photo vector.
        metric: How vectors are compared.
        prompt_encoder: Name of the prompt encoder.
        language: Language of the keyword index.
        alignment: What lets prompts search pictures, or why nothing does, in one sentence.
        confidence: What tells how sure answers are, or why nothing does, in one sentence.
        vector_index: ``exact scan`` or the kind of the index.
        columns: Column names that ``where`` may use, with their types.
        bytes_on_disk: Size of the folder.
        feeds: Names of the feeds that brought products, by path or address unless they were given
            one; on the machine that indexes alone.
    """

    path: str
    version: int
    created: str
    format_version: int
    products: int
    photos: int
    encoder: str
    encoder_sha256: str
    dimension: int
    metric: str
    prompt_encoder: str
    language: str
    alignment: str
    confidence: str
    vector_index: str
    columns: Mapping[str, str]
    bytes_on_disk: int
    feeds: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What ``catalog verify`` found.

    Attributes:
        version: The version that was checked.
        checks: Every check by name, with what is wrong, or None where all is well.
        damaged: Files that are not as they were committed, with what is wrong with each.
        cure: What loses least, in one sentence; None where the catalog is sound.
        notes: What a person should know of a sound catalog too.
    """

    version: int
    checks: Mapping[str, str | None]
    damaged: Mapping[str, str] = field(default_factory=dict)
    cure: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def sound(self) -> bool:
        """Whether every check passed."""
        return all(problem is None for problem in self.checks.values())


@dataclass(frozen=True, slots=True)
class Made:
    """What made a version of a catalog, and what it changed.

    Attributes:
        by: ``index``, ``crawl``, ``write`` (over the API), ``learn`` (from what was written),
            ``repair``, ``optimize`` or ``rollback``.
        source: The feed's path or address, or the number of the version that was returned to;
            empty where there is nothing to name.
        added: Products that were not there before.
        updated: Products that differ from before.
        removed: Products that were there before.
        unchanged: Products of the feed, or of the catalog, that are as they were.
        set_aside: Rows, photos and cells that were left out.
        seconds: Wall time until the version was written.
    """

    by: str
    source: str = ""
    added: int = 0
    updated: int = 0
    removed: int = 0
    unchanged: int = 0
    set_aside: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class CatalogVersion:
    """One version of a catalog's history, as ``catalog versions`` lists it.

    Attributes:
        version: Its number.
        created: When it was written, ISO 8601, UTC.
        products: Products that it had.
        photos: Photos that it had.
        made: What made it; None where the release that did kept no summary.
        kept: Whether its data is there, so that it can be compared and returned to.
        current: Whether searches read it.
    """

    version: int
    created: str
    products: int
    photos: int
    made: Made | None
    kept: bool
    current: bool


@dataclass(frozen=True, slots=True)
class PushSummary:
    """What ``catalog push`` did.

    Attributes:
        address: Where to.
        version: The version that the address has now.
        changed: Whether it had another before.
        objects: Objects sent; what was there already is not sent again.
        bytes: Their sizes.
        deleted: Objects deleted that no version names within the grace time.
        seconds: Wall time.
        notes: What copies will lack or could not be cleared up, a sentence each.
    """

    address: str
    version: int
    changed: bool
    objects: int
    bytes: int
    deleted: int
    seconds: float
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PullSummary:
    """What ``catalog pull`` did.

    Attributes:
        address: Where from.
        catalog: The copy's folder.
        version: The version that it has now.
        changed: Whether it had another before, or none.
        objects: Objects copied; what was there already is not copied again.
        bytes: Their sizes.
        seconds: Wall time.
    """

    address: str
    catalog: str
    version: int
    changed: bool
    objects: int
    bytes: int
    seconds: float


@dataclass(frozen=True, slots=True)
class RollbackSummary:
    """What ``catalog rollback`` did.

    Attributes:
        version: The new version, which is current now.
        returned_to: The version whose products it has.
        products: Products in it.
        photos: Photos in it.
        added: Products that are back.
        updated: Products that are as they were in that version again.
        removed: Products that are gone again.
        unchanged: Products that were the same in both.
        seconds: Wall time.
        notes: What could not be cleared up, a sentence each; the version is whole nevertheless.
    """

    version: int
    returned_to: int
    products: int
    photos: int
    added: int
    updated: int
    removed: int
    unchanged: int
    seconds: float
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ProductDifference:
    """How one product differs between two versions.

    Attributes:
        id: The product.
        title: Its title in the later of the two versions that have it.
        change: ``added``, ``removed`` or ``changed``.
        cells: Old and new value of each field or attribute that differs, by name; None where one
            has none. Empty for products that were added or removed.
        photos_added: Files of photos that only the second version shows.
        photos_removed: Files of photos that only the first version shows.
        photos_reordered: Whether the photos are the same in another order.
    """

    id: str
    title: str
    change: str
    cells: Mapping[str, tuple[object, object]] = field(default_factory=dict)
    photos_added: tuple[str, ...] = ()
    photos_removed: tuple[str, ...] = ()
    photos_reordered: bool = False


@dataclass(frozen=True, slots=True)
class OptimizeSummary:
    """What ``catalog optimize`` did.

    Attributes:
        version: The current version afterwards.
        bytes_before: Size of the folder before.
        bytes_after: Size of the folder after.
        vector_index: ``exact scan`` or the kind of the index.
        seconds: Wall time.
        notes: What could not be cleared up, a sentence each; the version is whole nevertheless.
    """

    version: int
    bytes_before: int
    bytes_after: int
    vector_index: str
    seconds: float
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RepairSummary:
    """What ``catalog repair`` did.

    Attributes:
        version: The current version afterwards.
        done: What was mended, a sentence each; none where the catalog was sound.
        lost: What could not be mended, with the cure, a sentence each.
        seconds: Wall time.
    """

    version: int
    done: tuple[str, ...]
    lost: tuple[str, ...]
    seconds: float


@dataclass(frozen=True, slots=True, eq=False)
class Projection:
    """``rows @ axes + offset``.

    Attributes:
        axes: Shape (dimension before, components); principal axes are of unit length and at right
            angles.
        offset: Shape (components,): minus the mean, along the axes.
    """

    axes: NDArray[np.float32]
    offset: NDArray[np.float32]

    def of(self, rows: NDArray[np.floating]) -> NDArray[np.float64]:
        """Unit rows (n, components) of rows (n, dimension before)."""
        projected = rows.astype(np.float64) @ self.axes + self.offset
        return np.asarray(projected / np.linalg.norm(projected, axis=1, keepdims=True))


def fit_projection(rows: NDArray[np.float32], components: int) -> Projection:
    """The mean of ``rows`` (n, dimension) and their first principal axes, the largest first.

    The sign of an axis is free; here its largest number is positive, so that the same rows give
    the same projection.

    Raises:
        ValueError: there are not more rows than components, or fewer dimensions.
    """
    if components > rows.shape[1] or components >= len(rows):
        raise ValueError(
            f"{components} components need more rows than that and as many dimensions, not "
            f"{rows.shape}: give more images or fewer components."
        )
    exact = rows.astype(np.float64)
    mean = exact.mean(axis=0)
    _, _, directions = np.linalg.svd(exact - mean, full_matrices=False)
    axes = directions[:components].T
    largest = axes[np.abs(axes).argmax(axis=0), np.arange(components)]
    axes = axes * np.sign(largest)
    return Projection(axes.astype(np.float32), (-mean @ axes).astype(np.float32))


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
