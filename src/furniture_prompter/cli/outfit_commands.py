"""``goes-with`` and ``outfit``: what suits a piece, and a room's pieces under a budget."""

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from furniture_prompter import assembly
from furniture_prompter.cli.options import (
    CatalogOption,
    DetectorOption,
    EncoderOption,
    JsonOption,
    RoomsOption,
    ThesaurusOption,
    amount_of,
    read_settings,
    refuse_unwritable,
)
from furniture_prompter.cli.terminal import output, plain, say, write_atomically, write_json
from furniture_prompter.errors import InvalidQueryError

if TYPE_CHECKING:
    from furniture_prompter.domain import CatalogReference, Product
    from furniture_prompter.domain.outfit import Companion, GoesWith, Offer, Outfit
    from furniture_prompter.web.page_words import Words

_NAMED = re.compile(r"`(limit|budget|currency|replace|leave_out|where|rooms)`")

GOES_WITH_EXAMPLES = """\b
Examples:
  furniture-prompter goes-with sofa-17 --catalog shop
  furniture-prompter goes-with sofa-17 --catalog shop --where "price < 300" --html goes-with.html
  furniture-prompter goes-with sofa-17 --catalog shop --rooms rooms.jsonl --json
"""
OUTFIT_EXAMPLES = """\b
Examples:
  furniture-prompter outfit --like sofa-17 --budget 1500 --catalog shop
  furniture-prompter outfit room.jpg --budget 1500 --catalog shop
  furniture-prompter outfit --like sofa-17 --budget 1500 --catalog shop \\
    --replace rug=rug-4 --leave-out curtain
"""

WhereOption = Annotated[
    str | None,
    typer.Option(
        "--where",
        metavar="EXPR",
        help="Only pieces for which this filter holds.",
        show_default=False,
    ),
]
HtmlOption = Annotated[
    Path | None,
    typer.Option(
        "--html",
        metavar="FILE",
        help="Also write the pieces as a page with pictures, one file.",
        show_default=False,
    ),
]


def goes_with_command(
    product_id: Annotated[
        str, typer.Argument(metavar="PRODUCT_ID", help="Id of a product of the catalog.")
    ],
    catalog: CatalogOption,
    where: WhereOption = None,
    limit: Annotated[
        int, typer.Option("--limit", "-k", metavar="N", help="Pieces at the most, 1 to 50.")
    ] = 10,
    rooms: RoomsOption = None,
    thesaurus: ThesaurusOption = None,
    as_json: JsonOption = False,
    html: HtmlOption = None,
) -> None:
    """Find pieces of other kinds that suit a product, of several kinds, each with why."""
    if html is not None:
        refuse_unwritable(html, "--html")
    settings = read_settings(thesaurus, rooms=rooms)
    with assembly.Catalog.open(catalog, settings=settings) as opened, _told_as_options():
        found = opened.goes_with(product_id, where=where, limit=limit)
        told = _words_of(opened)
    if html is not None:
        name = found.product.title or found.product.id
        pieces = [(each.kind, each, "") for each in found.companions]
        notes = [_note(each, told) for each in found.notes]
        page = render_pieces_of_outfit(f"Goes with {name}", "", pieces, notes, found.catalog, told)
        write_atomically(html, page)
        say(f"Page written to {html}.")
    if as_json:
        from furniture_prompter.search.outfit_answer import goes_with_answer

        write_json(goes_with_answer(found))
    else:
        _print(_goes_with_lines(found, told))


def outfit_command(
    catalog: CatalogOption,
    photo: Annotated[
        Path | None,
        typer.Argument(
            metavar="PHOTO",
            help="A photo of a room, whose pieces are looked for.",
            show_default=False,
        ),
    ] = None,
    like: Annotated[
        str | None,
        typer.Option(
            "--like",
            metavar="PRODUCT_ID",
            help="The product that the pieces go with; it is no part of the total.",
            show_default=False,
        ),
    ] = None,
    budget: Annotated[
        str | None,
        typer.Option(
            "--budget",
            metavar="AMOUNT",
            help="Most that the pieces cost together, such as 1500 or '45.000,50 TL'.",
            show_default=False,
        ),
    ] = None,
    currency: Annotated[
        str,
        typer.Option(
            "--currency",
            metavar="CODE",
            help="Currency of all prices, such as EUR; that of most unless given.",
            show_default=False,
        ),
    ] = "",
    limit: Annotated[
        int, typer.Option("--limit", "-k", metavar="N", help="Pieces at the most, 1 to 12.")
    ] = 5,
    replaced: Annotated[
        list[str] | None,
        typer.Option(
            "--replace",
            metavar="KIND=PRODUCT_ID",
            help="A product that takes the place of the one of its kind; may be repeated.",
            show_default=False,
        ),
    ] = None,
    leave_out: Annotated[
        list[str] | None,
        typer.Option(
            "--leave-out",
            metavar="KIND",
            help="A kind that is not wanted; may be repeated.",
            show_default=False,
        ),
    ] = None,
    where: WhereOption = None,
    detector: DetectorOption = None,
    encoder: EncoderOption = None,
    rooms: RoomsOption = None,
    thesaurus: ThesaurusOption = None,
    as_json: JsonOption = False,
    html: HtmlOption = None,
) -> None:
    """Put an outfit together: one piece of each kind, the best that a budget allows."""
    if photo is None and like is None:
        raise typer.BadParameter("Give a PHOTO of a room, or a product with --like.")
    if photo is not None and like is not None:
        raise typer.BadParameter("There is a PHOTO and --like. Leave one of the two out.")
    if html is not None:
        refuse_unwritable(html, "--html")
    put_in = dict(_pair(each) for each in replaced or ())
    most, code = (None, "") if budget is None else amount_of(budget, "--budget")
    if code and currency and code != currency.upper():
        raise typer.BadParameter(f"--budget is in {code}, --currency {currency}. Give one of them.")
    settings = read_settings(thesaurus, detector, rooms)
    with (
        assembly.Catalog.open(catalog, settings=settings, encoder=encoder) as opened,
        _told_as_options(),
    ):
        told = _words_of(opened)
        found = opened.outfit(
            like=like,
            photo=photo,
            budget=most,
            currency=currency or code,
            limit=limit,
            leave_out=leave_out or (),
            replaced=put_in,
            where=where,
        )
    if html is not None:
        heading = (
            "An outfit"
            if found.product is None
            else (f"An outfit for {found.product.title or found.product.id}")
        )
        pieces = [(each.piece.kind, each.piece, _money(each.offer, told)) for each in found.choices]
        page = render_pieces_of_outfit(
            heading,
            _total_text(found, told),
            pieces,
            [_note(each, told) for each in found.notes],
            found.catalog,
            told,
        )
        write_atomically(html, page)
        say(f"Page written to {html}.")
    if as_json:
        from furniture_prompter.search.outfit_answer import outfit_answer

        write_json(outfit_answer(found))
    else:
        _print(_outfit_lines(found, told))


@contextmanager
def _told_as_options() -> Iterator[None]:
    """Name options as they are typed, where a message has them as the library and the API do."""
    try:
        yield
    except InvalidQueryError as error:
        raise InvalidQueryError(_as_typed(str(error))) from error


def _as_typed(text: str) -> str:
    return _NAMED.sub(lambda found: f"--{found[1].replace('_', '-')}", text)


def _words_of(catalog: "assembly.Catalog") -> "Words":
    """The words of a catalog's language, as far as there are any: kinds, reasons and notes."""
    from furniture_prompter.web.page_words import Words

    return Words("tr" if catalog.info().language == "turkish" else "en")


def _note(text: str, told: "Words") -> str:
    return _as_typed(told.outfit_note(text))


def _pair(text: str) -> tuple[str, str]:
    kind, equals, product_id = text.partition("=")
    if not (kind.strip() and equals and product_id.strip()):
        raise typer.BadParameter(
            f"--replace takes KIND=PRODUCT_ID, such as rug=rug-4, not {text[:60]!r}."
        )
    return kind.strip(), product_id.strip()


def _goes_with_lines(found: "GoesWith", told: "Words") -> Iterator[str]:
    for rank, each in enumerate(found.companions, start=1):
        kind = plain(each.product.category) or _name(each.kind, told)
        yield f"{rank:>3}  {kind}: {_product(each.product, told)}"
        yield f"     {plain(each.photo.path)} · {_why(each, told)}"
    if not found.companions:
        yield told("goes_with_nothing")
    yield from (_note(each, told) for each in found.notes)


def _outfit_lines(found: "Outfit", told: "Words") -> Iterator[str]:
    for each in found.choices:
        price = _money(each.offer, told) or told("outfit_no_price")
        yield f"{_name(each.piece.kind, told)}: {_title(each.piece.product)}, {price}"
        yield f"     {plain(each.piece.photo.path)} · {_why(each.piece, told)}"
        for other in each.alternatives:
            total = _sum_of(other.total, told)
            change = f"--replace {each.piece.kind}={other.piece.product.id}"
            price = _money(other.offer, told) or told("outfit_no_price")
            instead = told("outfit_or", title=_title(other.piece.product), price=price)
            yield plain(f"     {instead}{total}: {change}")
    if not found.choices:
        yield told("outfit_nothing")
    if total := _total_text(found, told):
        yield total
    yield from (_note(each, told) for each in found.notes)


def _sum_of(total: float | None, told: "Words") -> str:
    return "" if total is None else told("outfit_other_total", total=_amount(total, told))


def _total_text(found: "Outfit", told: "Words") -> str:
    if found.total is None:
        return ""
    code = f" {plain(found.currency)}" if found.currency else ""
    most = found.asked.budget
    budget = "" if most is None else told("outfit_of", budget=_amount(most, told))
    product = found.product
    apart = "" if product is None else told("outfit_apart", title=_title(product))
    total = _amount(found.total, told)
    return f"{told('outfit_total')} {total}{budget}{code}{apart}."


def _print(lines: Iterable[str]) -> None:
    console = output()
    for line in lines:
        console.print(plain(line), markup=False, highlight=False, soft_wrap=True)


def _name(kind: str, told: "Words") -> str:
    from furniture_prompter.understanding.rooms import kind_name

    return plain(kind_name(kind, told.language) or told.kind("other"))


def _title(product: "Product") -> str:
    return plain(product.title or product.id)


def _product(product: "Product", told: "Words") -> str:
    from furniture_prompter.domain.outfit import Offer

    parts = [_title(product), product.id, product.color, _money(Offer.of(product), told)]
    return ", ".join(plain(each) for each in parts if each)


def _why(piece: "Companion", told: "Words") -> str:
    return " · ".join(plain(each) for each in _reasons(piece, told))


def _reasons(piece: "Companion", told: "Words") -> list[str]:
    from furniture_prompter.search.outfit_answer import why_answer
    from furniture_prompter.web.page_products import reason_told

    reasons = why_answer(piece.why)
    if told.language == "en":
        return [each["text"] for each in reasons]
    return [reason_told(each, told) for each in reasons]


def _money(offer: "Offer | None", told: "Words") -> str:
    if offer is None or offer.price is None:
        return ""
    return f"{_amount(offer.price, told)} {offer.currency}".strip()


def _amount(value: float, told: "Words") -> str:
    swapped = str.maketrans(",.", ".,") if told("decimal") == "," else {}
    return f"{value:,.2f}".translate(swapped)


def render_pieces_of_outfit(
    heading: str,
    total: str,
    pieces: "Sequence[tuple[str, Companion, str]]",
    notes: Sequence[str],
    catalog: "CatalogReference",
    told: "Words",
) -> str:
    """A page of pieces: one file that fetches nothing.

    Args:
        heading: What they are.
        total: What they cost, in words; empty where that is not told.
        pieces: Each with its kind, and its price where it is told beside what the feed says.
        notes: Sentences to be read.
        catalog: What answered.
        told: Words of its language.
    """
    from furniture_prompter.cli.gallery import page_template, words

    cards = "\n".join(
        _card(rank, kind, each, price, catalog, told)
        for rank, (kind, each, price) in enumerate(pieces, start=1)
    )
    return page_template("gallery.html").substitute(
        title=words(f"{heading} · Furniture Prompter"),
        heading=words(heading),
        query_photo="",
        room="",
        marks="",
        pieces="",
        conditions="",
        count=words(total or ("1 product" if len(pieces) == 1 else f"{len(pieces)} products")),
        cards=cards or '<li class="nothing">No product goes with it.</li>',
        notes="".join(f'<p class="note">{words(note)}</p>' for note in notes),
        timings="",
        whole="",
        catalog=words(catalog.path),
        version=catalog.version,
        encoder=words(catalog.encoder),
    )


def _card(
    rank: int,
    kind: str,
    piece: "Companion",
    price: str,
    catalog: "CatalogReference",
    told: "Words",
) -> str:
    from furniture_prompter.cli.gallery import facts_of, picture_of, words

    product = piece.product
    name = product.title or product.id
    facts = [_name(kind, told), *([price] if price else []), *facts_of(product)]
    listed = "".join(f"<li>{words(fact)}</li>" for fact in dict.fromkeys(facts))
    labels = "".join(f"<li>{words(each)}</li>" for each in _reasons(piece, told))
    return f"""<li><article class="card">
<div class="frame">{picture_of(piece.photo, catalog, name)}
<span class="rank" aria-hidden="true">{rank}</span></div>
<div class="body">
<h2><span class="aside">{rank}. </span>{words(name)}</h2>
<ul class="facts">{listed}</ul>
<div class="foot"><ul class="matched" aria-label="Why it is here">{labels}</ul></div>
</div></article></li>"""
