"""A catalog's health as one HTML page: findings with thumbnails embedded, nothing fetched.

Every value goes through ``html.escape``; the page's own policy forbids scripts and requests.
"""

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from furniture_prompter.cli.gallery import data_uri, page_template, words
from furniture_prompter.domain import CheckResult, Finding, FindingProduct, HealthReport
from furniture_prompter.encoders.decoding import decode_photo, read_photo_bytes
from furniture_prompter.errors import InvalidPhotoError

SHOWN_FINDINGS = 60
SHOWN_PRODUCTS = 12
THUMBNAIL_SIDE_PX = 200
_KEPT_THUMBNAILS = 512

Picture = Callable[[FindingProduct], str]


def render_health(report: HealthReport) -> str:
    """The page for one report; photos that are gone or damaged show a placeholder."""
    found = [check for check in report.checks if check.findings]
    picture = lru_cache(_KEPT_THUMBNAILS)(_thumbnail)
    return page_template("health.html").substitute(
        title=words(f"Health of {Path(report.path).name} · Furniture Prompter"),
        heading=words(f"Health of {Path(report.path).name}"),
        count=f"{_counted(report.products, 'product')}, {_counted(report.photos, 'photo')}; "
        + (f"{_counted(len(found), 'kind')} of defects" if found else "nothing was found"),
        summary=_summary(found),
        sections="\n".join(_section(check, picture) for check in found),
        skipped=_silent(report),
        catalog=words(report.path),
        version=report.version,
        seconds=f"{report.seconds:,.1f} s",
    )


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _summary(found: list[CheckResult]) -> str:
    if not found:
        return ""
    rows = "".join(
        f'<tr><th scope="row"><a href="#{words(check.name)}">{words(check.heading)}</a></th>'
        f'<td class="number">{len(check.product_ids):,}</td>'
        f'<td class="number">{check.severity:g}</td><td class="number">{check.cost:,.1f}</td></tr>'
        for check in found
    )
    return (
        '<table class="summary"><thead><tr><th scope="col">What is wrong, the costliest first</th>'
        '<th scope="col" class="number">products</th><th scope="col" class="number">severity</th>'
        f'<th scope="col" class="number">cost</th></tr></thead><tbody>{rows}</tbody></table>'
    )


def _section(check: CheckResult, picture: Picture) -> str:
    cards = "\n".join(_card(finding, picture) for finding in check.findings[:SHOWN_FINDINGS])
    further = len(check.findings) - SHOWN_FINDINGS
    more = f'<p class="count">… and {further:,} more; --json has them.</p>' if further > 0 else ""
    return f"""<section id="{words(check.name)}">
<h2>{words(check.heading)}: {_counted(len(check.product_ids), "product")}</h2>
<p class="costs">{words(check.costs)}</p>
<p class="cure">{words(check.cure)}</p>
<ol class="grid">
{cards}
</ol>{more}
</section>"""


def _card(finding: Finding, picture: Picture) -> str:
    shown = finding.products[:SHOWN_PRODUCTS]
    detail = words(finding.detail)
    further = len(finding.products) - len(shown)
    if further > 0:
        detail += f" {further:,} more of them are not shown."
    if len(shown) == 1:
        product = shown[0]
        return f"""<li><article class="card">
<div class="frame">{picture(product)}</div>
<div class="body">{_named(product)}
<p class="detail">{detail}</p></div>
</article></li>"""
    members = "\n".join(
        f'<div><div class="frame">{picture(product)}</div>{_named(product)}</div>'
        for product in shown
    )
    return f"""<li class="several"><article class="card">
<div class="group">{members}</div>
<div class="body"><p class="detail">{detail}</p></div>
</article></li>"""


def _named(product: FindingProduct) -> str:
    return f'<h3>{words(product.title or "no title")}</h3><p class="id">{words(product.id)}</p>'


def _thumbnail(product: FindingProduct) -> str:
    name = product.title or product.id
    try:
        image = decode_photo(
            read_photo_bytes(Path(product.photo)),
            name=product.photo,
            target_side_px=THUMBNAIL_SIDE_PX,
        )
    except InvalidPhotoError:
        label = words(f"{name}: its photo cannot be read")
        return f'<div class="missing" role="img" aria-label="{label}">no photo</div>'
    return f'<img src="{data_uri(image, THUMBNAIL_SIDE_PX)}" alt="{words(name)}" loading="lazy">'


def _silent(report: HealthReport) -> str:
    silent = ", ".join(check.name for check in report.checks if not check.findings)
    lines = [f"Nothing was found by: {silent}."] if silent else []
    lines += [f"{name} did not run. {reason}" for name, reason in report.skipped.items()]
    return "".join(f'<p class="note">{words(line)}</p>' for line in lines)
