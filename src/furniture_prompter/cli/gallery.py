"""Search results as one HTML page: thumbnails embedded, nothing fetched.

Every value goes through ``html.escape``; the page's own policy forbids scripts and requests.
"""

import base64
import io
from collections.abc import Iterator, Sequence
from contextlib import suppress
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template

import numpy as np
from PIL import Image, ImageEnhance

from furniture_prompter.cli.hits_table import (
    PRICES,
    money_text,
    number_text,
    sure_text,
    understood_text,
    variant_text,
)
from furniture_prompter.cli.terminal import plain
from furniture_prompter.domain import (
    CatalogReference,
    Hit,
    Photo,
    Product,
    RgbImage,
    SearchResult,
)
from furniture_prompter.domain.query import Piece, PieceHits
from furniture_prompter.encoders.decoding import decode_photo, read_photo_bytes
from furniture_prompter.errors import InvalidPhotoError
from furniture_prompter.search.confidence import NOTHING_CLOSE
from furniture_prompter.search.paging import told_of_photo
from furniture_prompter.search.query_vectors import searched_part
from furniture_prompter.search.validation import photo_file
from furniture_prompter.web.page_address import LANGUAGES
from furniture_prompter.web.page_words import Words

THUMBNAIL_SIDE_PX = 320
THUMBNAIL_QUALITY = 82
ROOM_SIDE_PX = 1_024
"""Longer side of a photo whose pieces are shown on it."""
HEAT_SIDE_PX = 128
DARK = 0.2
"""Brightness that is left of a photo where nothing of it matched."""
DIMENSIONS = ("diameter_cm", "length_cm", "width_cm", "depth_cm", "height_cm")


def render_gallery(result: SearchResult, photo: Path | None = None) -> str:
    """The page for one result; photos that are gone or damaged show a placeholder.

    Args:
        result: What was answered.
        photo: The file that was searched with, which shows a room larger than it was searched.
    """
    query = result.query
    searched = None if query.photo is None else searched_part(query, query.photo)
    return page_template("gallery.html").substitute(
        title=words(_title(result)),
        heading=_heading(result),
        # Of a room the photo stands large above the hits, with its pieces.
        query_photo="" if result.pieces else _query_photo(result.query.photo),
        room=_room(result, photo),
        marks=chosen_marks(len(result.pieces)),
        pieces="\n".join(
            _piece(number, each, result.catalog)
            for number, each in enumerate(result.pieces, start=1)
        ),
        conditions=_conditions(result),
        count=_count(len({hit.product.id for hits in _shown(result) for hit in hits})),
        whole=_whole_heading(result),
        cards="\n".join(
            _card(hit, result.catalog, "h3" if result.pieces else "h2", searched)
            for hit in result.hits
        )
        or _nothing(result),
        notes=_looked(result) + _notes(result),
        timings=_timings(result),
        catalog=words(result.catalog.path),
        version=result.catalog.version,
        encoder=words(result.catalog.encoder),
    )


def page_template(name: str) -> Template:
    """A page: what all pages begin with, then its own part, a file of this package."""
    parts = (files(__package__).joinpath(each) for each in ("page_head.html", name))
    return Template("".join(part.read_text("utf-8") for part in parts))


def words(text: str) -> str:
    """Text as it stands in a page: escaped, on one line, without control characters."""
    return escape(plain(text), quote=True)


def _title(result: SearchResult) -> str:
    asked = result.query.prompt or "Like this photo"
    return f"{asked} · Furniture Prompter"


def _heading(result: SearchResult) -> str:
    prompt, photo = result.query.prompt, result.query.photo is not None
    if prompt is None:
        return "Products like this photo"
    quoted = f"<q>{words(prompt)}</q>"
    return f"{quoted} <span>like this photo</span>" if photo else quoted


def _query_photo(photo: RgbImage | None) -> str:
    if photo is None:
        return ""
    return f'<img class="asked" src="{data_uri(photo)}" alt="The photo that was searched with">'


def _conditions(result: SearchResult) -> str:
    query = result.query
    rows: list[tuple[str, str]] = []
    if result.did_you_mean is not None:
        rows.append(("did you mean", result.did_you_mean.prompt))
    if result.understood:
        rows.append(("understood", understood_text(result)))
    if query.photo is not None and query.photo_name:
        rows.append(("photo", Path(query.photo_name).name))
    if query.photo is not None and query.prompt is not None:
        rows.append(("photo weight", f"{query.photo_weight:g}"))
    if query.without:
        rows.append(("without", query.without))
    if query.where:
        rows.append(("where", query.where))
    items = "".join(
        f"<div><dt>{words(name)}</dt><dd>{words(value)}</dd></div>" for name, value in rows
    )
    return f'<dl class="conditions">{items}</dl>' if items else ""


def _looked(result: SearchResult) -> str:
    """What was done to the photo, in each language of the shopper's page, and how to undo it."""
    looked_at, crop = result.query.looked_at, result.query.crop
    lines = []
    for language in LANGUAGES if result.query.photo is not None else ():
        told = Words(language)
        said = []
        if crop is not None:
            sides = (
                ("left", crop.x),
                ("top", crop.y),
                ("width", crop.width),
                ("height", crop.height),
            )
            part = told("crop_now", **{name: f"{100 * share:.0f}" for name, share in sides})
            said.append(f"{told('looked_part')} {part}.")
        undone = len(said)
        if looked_at is not None and looked_at.crop is not None:
            said.append(told("looked_cut"))
        if looked_at is not None and looked_at.turned:
            said.append(told("looked_turned", degrees=looked_at.turned))
        if len(said) > undone:
            said.append(f"{told('looked_whole')}: --whole.")
        heats = [hit.heat for hit in result.hits if hit.heat is not None]
        if heats:
            said.append(told("heat_shown" if np.any(heats) else "heat_even"))
        if result.pieces:
            kinds = ", ".join(
                f"{number}. {told.kind(each.piece.kind)}"
                for number, each in enumerate(result.pieces, start=1)
            )
            said.append(f"{told('pieces_shown')} {kinds}.")
        if said:
            lines.append(f'<p class="note" lang="{language}">{words(" ".join(said))}</p>')
    return "".join(lines)


def _notes(result: SearchResult) -> str:
    """The notes, without those that the page has in each language."""
    query = result.query
    told = {NOTHING_CLOSE, *(told_of_photo(query.looked_at) if query.photo is not None else ())}
    return "".join(
        f'<p class="note">{words(each)}</p>' for each in result.notes if each not in told
    )


def _whole_heading(result: SearchResult) -> str:
    """What stands above the hits of the whole, which in a room come behind those of its pieces."""
    looked_at = result.query.looked_at
    is_cut = looked_at is not None and looked_at.crop is not None
    whole = _in_each_language("whole_picture" if is_cut else "whole_photo")
    heading = f'<h2 class="whole">{whole}</h2>'
    return (heading if result.pieces else "") + _far(result.close)


def _far(close: bool | None) -> str:
    """That nothing is close, in each language, where that is so."""
    far = close is False
    return f'<p class="note">{_in_each_language("nothing_close")}</p>' if far else ""


def _in_each_language(name: str) -> str:
    """A sentence of the shopper's page in all its languages, beside each other."""
    return " · ".join(
        f'<span lang="{language}">{words(Words(language)(name))}</span>' for language in LANGUAGES
    )


def _room(result: SearchResult, file: Path | None) -> str:
    photo = result.query.photo
    if photo is None or not result.pieces:
        return ""
    if file is not None:
        with suppress(InvalidPhotoError):
            photo = _decoded(file, ROOM_SIDE_PX)
    return room_figure(photo, [each.piece for each in result.pieces])


def _piece(number: int, found: PieceHits, catalog: CatalogReference) -> str:
    """What answers one piece, where its box leads to."""
    cards = "\n".join(_card(hit, catalog, "h3") for hit in found.hits)
    nothing = '<li class="nothing">No product answers this piece.</li>'
    return f"""<section class="piece" id="piece-{number}">
<h2>{number}. {words(found.piece.kind)} <span>{found.piece.score:.2f}</span></h2>
{_far(found.close)}
<ol class="grid">
{cards or nothing}
</ol>
</section>"""


def room_figure(photo: RgbImage, pieces: Sequence[Piece]) -> str:
    """A photo with a numbered box on each piece, which leads to ``#piece-1`` and so on.

    Args:
        photo: Shape (h, w, 3).
        pieces: In the order of their numbers; one within another lies above it, and the numbers of
            all above all edges.
    """
    areas = [each.box.width * each.box.height for each in pieces]
    edges, drawn = [], []
    for number, piece in enumerate(pieces, start=1):
        box = piece.box
        place = (("left", box.x), ("top", box.y), ("width", box.width), ("height", box.height))
        style = ";".join(f"{name}:{100 * share:.2f}%" for name, share in place)
        above = sum(area > areas[number - 1] for area in areas)
        edges.append(f'<span class="edge" data-piece="{number}" style="{style}"></span>')
        drawn.append(
            f'<a class="box" href="#piece-{number}" style="{style};z-index:{above + 1}" '
            f'aria-label="{number}. {words(piece.kind)}"><b>{number}</b></a>'
        )
    image = f'<img src="{data_uri(photo, ROOM_SIDE_PX)}" alt="The photo that was looked at">'
    return f'<div class="room">{image}{"".join(edges + drawn)}</div>'


def chosen_marks(pieces: int) -> str:
    """Rules that mark the box whose piece was chosen: the page has no scripts to do it."""
    if not pieces:
        return ""
    chosen = [f":root:has(#piece-{number}:target)" for number in range(1, pieces + 1)]
    edges = ", ".join(
        f'{root} .edge[data-piece="{number}"]' for number, root in enumerate(chosen, start=1)
    )
    numbers = ", ".join(
        f'{root} .box[href="#piece-{number}"] b' for number, root in enumerate(chosen, start=1)
    )
    return (
        f"{edges} {{ border-color: #e3a568; border-width: 4px; }}\n"
        f"{numbers} {{ background: #e3a568; color: #1f2124; }}"
    )


def _shown(result: SearchResult) -> Iterator[tuple[Hit, ...]]:
    """All hits that the page has, those of a room's pieces too."""
    yield result.hits
    for each in result.pieces:
        yield each.hits


def _count(hits: int) -> str:
    return "1 product" if hits == 1 else f"{hits} products"


def _nothing(result: SearchResult) -> str:
    cure = " Loosen the filter." if result.query.where else ""
    return f'<li class="nothing">No product answers this query.{cure}</li>'


def _card(
    hit: Hit,
    catalog: CatalogReference,
    heading: str = "h2",
    searched: RgbImage | None = None,
) -> str:
    """A hit.

    Args:
        hit: The hit.
        catalog: What answered.
        heading: The element of its name.
        searched: What of the query's photo was searched, shape (h, w, 3); its heat lies over it.
    """
    product = hit.product
    name = product.title or product.id
    shown = [variant_text(hit.variant)] if hit.variant is not None else []
    facts = "".join(f"<li>{words(fact)}</li>" for fact in [*shown, *facts_of(product)])
    labels = "".join(f"<li>{words(label)}</li>" for label in hit.matched)
    sure = "" if hit.confidence is None else f" · {sure_text(hit.confidence)}"
    return f"""<li><article class="card">
<div class="frame">{picture_of(hit.photo, catalog, name)}
<span class="rank" aria-hidden="true">{hit.rank}</span>{_heat(hit, searched)}</div>
<div class="body">
<{heading}><span class="aside">{hit.rank}. </span>{words(name)}</{heading}>
<ul class="facts">{facts}</ul>
<div class="foot"><p class="score">score {hit.score:.2f}{sure}</p>
<ul class="matched" aria-label="Found by">{labels}</ul></div>
</div></article></li>"""


def _heat(hit: Hit, searched: RgbImage | None) -> str:
    """The searched photo, dark but where it made the hit match."""
    if hit.heat is None or searched is None or not np.any(hit.heat):
        return ""
    photo = Image.fromarray(searched)
    photo.thumbnail((HEAT_SIDE_PX, HEAT_SIDE_PX), Image.Resampling.LANCZOS)
    cells = np.array([[round(255 * each) for each in row] for row in hit.heat], np.uint8)
    light = Image.fromarray(cells).resize(photo.size, Image.Resampling.BICUBIC)
    lit = Image.composite(photo, ImageEnhance.Brightness(photo).enhance(DARK), light)
    alt = "The photo that was searched with, bright where it matched"
    return f'<img class="heat" src="{data_uri(np.asarray(lit))}" alt="{alt}">'


def facts_of(product: Product) -> list[str]:
    """Category, colour, price and size, as far as the feed gives them."""
    facts = [product.category, product.color]
    attributes = product.attributes
    facts += [
        f"{name.replace('_', ' ')} {money_text(attributes, name)}"
        for name in PRICES
        if name in attributes
    ]
    sizes = [attributes[name] for name in DIMENSIONS if name in attributes]
    if sizes:
        round_one = "Ø " if DIMENSIONS[0] in attributes else ""
        facts.append(f"{round_one}{' × '.join(number_text(size) for size in sizes)} cm")
    return [fact for fact in facts if fact]


def picture_of(photo: Photo, catalog: CatalogReference, name: str) -> str:
    """A catalog's photo, from where it was indexed or from among the catalog's own."""
    return picture(photo_file(Path(catalog.path), photo) or Path(photo.path), name)


def picture(path: Path, name: str) -> str:
    """A photo's file as a page carries it; a placeholder where it is gone or damaged."""
    try:
        image = _decoded(path, THUMBNAIL_SIDE_PX)
    except InvalidPhotoError:
        label = words(f"{name}: its photo cannot be read")
        return f'<div class="missing" role="img" aria-label="{label}">no photo</div>'
    return f'<img src="{data_uri(image)}" alt="{words(name)}">'


def _decoded(path: Path, side_px: int) -> RgbImage:
    return decode_photo(read_photo_bytes(path), name=str(path), target_side_px=side_px)


def data_uri(image: RgbImage, side_px: int = THUMBNAIL_SIDE_PX) -> str:
    """Pixels (height, width, 3) as a JPEG, at most `side_px`, that a page carries in itself."""
    thumbnail = Image.fromarray(image)
    thumbnail.thumbnail((side_px, side_px), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    thumbnail.save(buffer, "JPEG", quality=THUMBNAIL_QUALITY, optimize=True)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"


def _timings(result: SearchResult) -> str:
    return " · ".join(
        f"{words(step)} {elapsed_ms:.1f} ms" for step, elapsed_ms in result.timings_ms.items()
    )
