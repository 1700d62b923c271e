"""Prices and availability: what a shop's text says a product costs and whether it can be had."""

import math
import re
import tomllib
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache, lru_cache
from importlib.resources import files
from typing import Final, Literal

from price_parser import Price as ParsedPrice
from price_parser.parser import parse_number

from furniture_prompter.feeds.cells import DecimalMark, UnusableValueError, shown
from furniture_prompter.feeds.values import words_of
from furniture_prompter.feeds.values.currencies import (
    THREE_DECIMALS,
    currency_of,
    is_currency,
    without_currency,
)
from furniture_prompter.feeds.values.sizes import folded

LIMIT_PRICE: Final = 1e12
LIMIT_PRICE_CHARACTERS: Final = 200

Availability = Literal["in stock", "out of stock", "preorder", "backorder", "discontinued"]


@dataclass(frozen=True, slots=True)
class Price:
    """What a text says that something costs.

    Attributes:
        amount: Above 0.
        currency: ISO 4217; None where the text has none or one that may be several.
        doubt: What was decided in reading it, as a sentence; empty where the text says it plainly.
    """

    amount: float
    currency: str | None = None
    doubt: str = ""


_PLAIN: Final = re.compile(r"\d{1,12}(?:\.\d{1,2})?")
_SPACES: Final = re.compile(r"[\s\u2007\u202f]")
# A number with the marks that part its digits; a single space only, so "12  49" are two.
_NUMBER: Final = re.compile(r"\d(?:[.,'’´` ]?\d)*")
_GROUPED: Final = re.compile(r"\d{1,3}(?:(?P<group>[.,' ])\d{3})(?:(?P=group)\d{3})*")
_INDIAN: Final = re.compile(r"\d{1,2}(?:,\d{2})+,\d{3}(?:\.\d{1,2})?")
_WORD: Final = re.compile(r"[^\W\d_]+")
_APOSTROPHE: Final = re.compile("['’]")
_NO_CENTS: Final = re.compile(r"(?<=\d)[.,]\s?[-–—]{1,2}(?!\d)")
_PER_MEASURE: Final = re.compile(r"/\s?(?:m2|m²|m3|m³|mt|m|kg|lt|sqm|sq)\b")

_FROM: Final = words_of(
    "from ab starting at as low itibaren itibariyle başlayan baslayan baştan den dan ten tan 'den "
    "'dan desde partir à a partire od vanaf da min minimum en az düşük fiyatlarla"
)
_FROM_ALONE: Final = words_of(
    "from ab starting low itibaren itibariyle başlayan baslayan desde partir partire od vanaf min "
    "minimum az da den dan ten tan"
)
_HARMLESS: Final = words_of(
    "price preis prix precio prezzo prijs cena fiyat fiyatı fiyati fiyatımız only nur sadece "
    "yalnızca yalnizca adet pcs piece each stück stuck incl inkl incluido inclus iva tva vat mwst "
    "tax kdv dahil btw tax ttc inc including net brutto peşin pesin liste satış satis birim per "
    "ea fiyatıdır set takım takim türk turk"
)
_TAX: Final = words_of("kdv vat mwst ust tva iva btw tax")
_WITHOUT_TAX: Final = words_of("hariç haric excl exkl zzgl plus ht exclusive ex netto")


def read_price(
    value: str | float,
    *,
    mark: DecimalMark | None = None,
    currency: str | None = None,
) -> Price:
    """What a cell says that a product costs.

    A lowest price ("from 99") and the lower end of a range are taken, with a doubt that says so.

    Args:
        value: The cell: a text, or a number as JSON and tables have them.
        mark: The decimal mark of the column. None: three digits behind a mark are thousands,
            which is a doubt; prices have no three decimals.
        currency: ISO 4217 code of the feed or column, for cells without one, and for symbols
            that several currencies have.

    Raises:
        UnusableValueError: it is no price, two prices of which one is meant, 0 or below.
    """
    if isinstance(value, str):
        if _PLAIN.fullmatch(value):
            return _checked(float(value), currency, value)
        return _read(value, mark, currency)
    if isinstance(value, bool) or not math.isfinite(value):
        raise _no_price(str(value))
    return _checked(float(value), currency, str(value))


@lru_cache(maxsize=32_768)
def _read(text: str, mark: DecimalMark | None, currency: str | None) -> Price:
    if len(text) > LIMIT_PRICE_CHARACTERS:
        raise _no_price(text)
    plain = _NO_CENTS.sub("", _SPACES.sub(" ", text).strip())
    numbers = list(_NUMBER.finditer(plain))
    if not numbers:
        raise _no_price(text)
    around = _APOSTROPHE.sub(" ", _NUMBER.sub(" ", plain))
    words = [word.lower().replace("i̇", "i") for word in _WORD.findall(around)]
    if "%" in plain or _PER_MEASURE.search(plain.lower()):
        raise UnusableValueError(
            f"{shown(text)} is a share, or a price for a measure, and no price of one product.",
            "Give the price of the product as a number.",
        )
    found, code = _currency(around, currency)
    doubts = []
    if len(numbers) > 1:
        between = plain[numbers[0].end() : numbers[1].start()]
        is_range = len(numbers) == 2 and _is_dash(between)
        if not is_range:
            raise UnusableValueError(
                f"{shown(text)} holds {len(numbers)} numbers, of which one is the price.",
                "Give the price and the sale price in columns of their own.",
            )
        doubts.append("it is a range, of which the lower end was taken")
    elif plain[: numbers[0].start()].rstrip().endswith(("-", "−", "–")):
        raise UnusableValueError(
            f"The price {shown(text)} is below 0.", "Give what the product costs."
        )
    if any(word in _FROM_ALONE for word in words):
        doubts.append("it is the lowest price of several")
    if any(word in _WITHOUT_TAX for word in words) or (
        "+" in around and any(word in _TAX for word in words)
    ):
        doubts.append("it is without tax")
    strange = [word for word in words if not _is_known(word, found)]
    if strange:
        raise UnusableValueError(
            f"The price {shown(text)} has words that are none of a price: {shown(strange[0])}.",
            "Give the price as a number, with its currency if you like.",
        )
    amounts = [_amount(number[0], mark, code, text, doubts) for number in numbers]
    doubt = f"{shown(text)}: {', and '.join(doubts)}." if doubts else ""
    return _checked(float(min(amounts)), code, text, doubt)


def _is_known(word: str, found: str) -> bool:
    return (
        word in _HARMLESS
        or word in _FROM
        or word in _WITHOUT_TAX
        or is_currency(word)
        or word in found.lower()
    )


def _is_dash(between: str) -> bool:
    """Whether what stands between two numbers is a dash, with currencies beside it."""
    left, dash, right = between.partition("–") if "–" in between else between.partition("-")
    return bool(dash) and all(not side.strip() or is_currency(side) for side in (left, right))


def _currency(around: str, otherwise: str | None) -> tuple[str, str | None]:
    """The currency's spelling among the words around a number, and its code."""
    for word in around.split():
        spelling = word.strip("()[]:;,/")
        if is_currency(spelling):
            code = currency_of(spelling, otherwise)
            # A code says more than a symbol beside it: "$99 USD".
            if code or len(around.split()) == 1:
                return spelling, code
    parsed = ParsedPrice.fromstring(around)
    if parsed.currency:
        return parsed.currency, currency_of(parsed.currency, otherwise)
    return "", otherwise


def _amount(
    number: str, mark: DecimalMark | None, code: str | None, text: str, doubts: list[str]
) -> Decimal:
    digits = number.replace("’", "'").replace("´", "'").replace("`", "'")
    marks = {letter for letter in digits if not letter.isdigit()}
    separator = _separator(digits, marks, mark, code, text, doubts)
    amount = parse_number(digits.replace("'", "").replace(" ", ""), separator or "€")
    if amount is None or sum(letter.isdigit() for letter in digits) > 15:
        raise _no_price(text)
    return Decimal(amount)


def _separator(
    digits: str,
    marks: set[str],
    mark: DecimalMark | None,
    code: str | None,
    text: str,
    doubts: list[str],
) -> str | None:
    """The decimal mark of one number; None where it has no decimals."""
    if not marks:
        return None
    if _INDIAN.fullmatch(digits):
        return "."
    last = next(letter for letter in reversed(digits) if not letter.isdigit())
    whole, _, decimals = digits.rpartition(last)
    if last in "' ":
        if _GROUPED.fullmatch(digits):
            return None
        raise _no_price(text)
    if not whole.isdigit():
        grouped = _GROUPED.fullmatch(whole)
        if _GROUPED.fullmatch(digits):
            return None
        if grouped is None or grouped["group"] == last:
            raise _no_price(text)
        return last
    if len(decimals) != 3 or len(whole) > 3 or whole.startswith("0"):
        return last
    if mark is not None:
        return last if last == mark else None
    if code in THREE_DECIMALS:
        raise UnusableValueError(
            f"{shown(text)} may be a thousandth of itself, and no other price of the column "
            "tells its decimal mark.",
            "Write prices with decimals, such as 1299.000.",
        )
    doubts.append("its mark was taken to part thousands, as prices have no three decimals")
    return None


def _checked(amount: float, currency: str | None, text: str, doubt: str = "") -> Price:
    if amount == 0:
        raise UnusableValueError(
            f"{shown(text)} is no price.",
            "Give what the product costs, or leave the cell blank.",
        )
    if amount < 0:
        raise UnusableValueError(
            f"The price {shown(text)} is below 0.", "Give what the product costs."
        )
    if amount > LIMIT_PRICE:
        raise UnusableValueError(
            f"The price {shown(text)} is above {LIMIT_PRICE:,.0f}, the highest that is taken.",
            "Give what the product costs.",
        )
    return Price(amount, currency, doubt)


_NO_LETTER: Final = re.compile(r"[^a-z]+")
# Marks that fill a cell of which nothing is told: "-", "–,–", "...", "?", "**".
_NO_VALUE: Final = re.compile(r"[-–—−_.,…?*/\\~\s]+")
_ZERO: Final = re.compile(r"0{1,9}(?:[.,]0{1,6})?")
# Seven digits and more with nothing between but what parts those of a telephone number, and its
# Turkish case ending: "0212 555 44 33'ü".
_TELEPHONE: Final = re.compile(r"\+?\(?\d(?:[ \-–./()]{0,3}\d){6,14}\)?(?:['’]\w{1,5})?")


def says_nothing(text: str) -> bool:
    """Whether a text in a column of prices is no more than 0 or marks, as ``-`` and ``?`` are.

    Shop systems write 0 where a price is asked for or nothing is reduced. A currency may stand
    beside it, or alone.
    """
    if len(text) > LIMIT_PRICE_CHARACTERS or not text or text.isspace():
        return False
    words = (without_currency(word) for word in _SPACES.sub(" ", text).split())
    bare = " ".join(word for word in words if not is_currency(word))
    return not bare or (_ZERO.fullmatch(bare) or _NO_VALUE.fullmatch(bare)) is not None


def tells_no_price(text: str) -> bool:
    """Whether a text in a column of prices says that there is none, or none to tell.

    It says nothing, or is a phrase of ``no_price.toml``, with a telephone number or without:
    ``call us``, ``fiyat sorunuz: 0212 555 44 33``.
    """
    if len(text) > LIMIT_PRICE_CHARACTERS:
        return False
    if says_nothing(text):
        return True
    if not any(map(str.isdigit, text)):
        return _NO_LETTER.sub("", folded(text)) in _phrases()["asking"]
    text = _SPACES.sub(" ", text)
    number = _TELEPHONE.search(text)
    if number is None or _GROUPED.fullmatch(number[0]):
        return False
    text = f"{text[: number.start()]} {text[number.end() :]}"
    return not any(map(str.isdigit, text)) and _asks_to_call(text)


def _asks_to_call(text: str) -> bool:
    """Whether what stands beside a telephone number is a phrase, but for words of telephones."""
    words = [_NO_LETTER.sub("", word) for word in folded(text).split()]
    phrases = _phrases()
    rest = (word for word in words if word not in phrases["telephone"])
    return not phrases["asking"].isdisjoint(("".join(words), "".join(rest)))


@cache
def _phrases() -> dict[str, frozenset[str]]:
    """What ``no_price.toml`` holds, compared by small letters without accents and all between.

    ``asking`` are the phrases of all languages, ``telephone`` the words beside a telephone number.
    """
    data = tomllib.loads(files(__package__).joinpath("no_price.toml").read_text("utf-8"))
    folds = {
        key: frozenset(_NO_LETTER.sub("", folded(each)) for each in known)
        for key, known in data.items()
    }
    telephone = folds.pop("telephone")
    return {"asking": frozenset().union(*folds.values()), "telephone": telephone}


def _no_price(text: str) -> UnusableValueError:
    return UnusableValueError(
        f"{shown(text)} is no price.",
        "Give it as a number, with its currency if you like, or leave the cell empty.",
    )


_HUNDREDTHS: Final = frozenset(
    {"cent", "cents", "pence", "kurus", "centime", "centimes", "centimos", "centesimi", "grosz"}
)


def is_in_hundredths(column: str) -> bool:
    """Whether a column of prices, by its folded name, counts cents, kuruş or their like."""
    return not _HUNDREDTHS.isdisjoint(column.split("_"))


def whole_from_hundredths(price: Price, text: str) -> Price:
    """A price that was counted in hundredths, such as cents, in the currency's unit.

    Raises:
        UnusableValueError: it has decimals, so that it counts something else.
    """
    if not price.amount.is_integer():
        raise UnusableValueError(
            f"{shown(text)} is no whole number, in a column of cents by its name.",
            "Write it without decimals, or name the column without the cents.",
        )
    return replace(price, amount=round(price.amount / 100, 2))


_IN: Final = (
    "in stock|instock|available|in store|instoreonly|onlineonly|limitedavailability|limited stock|"
    "low stock|lowstock|yes|y|true|1|on stock|stokta|stokta var|stoklarda|stokta mevcut|mevcut|var|"
    "evet|satışta|satista|son ürünler|sınırlı stok|hemen teslim|tükenmek üzere|auf lager|lieferbar|"
    "vorrätig|verfügbar|sofort lieferbar|ja|en stock|disponible|disponibile|sí|si|oui|"
    "unlimited|sınırsız|unbegrenzt|illimité|ilimitado|"
    "op voorraad|w magazynie|dostępny|tak|sofort verfügbar|active"
)
_OUT: Final = (
    "out of stock|outofstock|oos|sold out|soldout|unavailable|not available|no|n|false|0|"
    "temporarily out of stock|stokta yok|tükendi|stok yok|stoğu tükendi|yok|hayır|mevcut değil|"
    "temin edilemiyor|stok dışı|stokta değil|ausverkauft|nicht auf lager|nicht lieferbar|"
    "nicht verfügbar|nein|rupture de stock|en rupture|épuisé|indisponible|agotado|sin stock|"
    "no disponible|esaurito|non disponibile|uitverkocht|niet op voorraad|niedostępny|nie|non|"
    "brak w magazynie|wyprzedane"
)
_PRE: Final = (
    "preorder|pre order|presale|presell|ön sipariş|önsipariş|ön satış|yakında|coming soon|"
    "vorbestellung|vorbestellbar|précommande|preventa|prevendita|przedsprzedaż|yakında gelecek"
)
_BACK: Final = (
    "backorder|back order|on backorder|onbackorder|available on backorder|made to order|"
    "madetoorder|sipariş üzerine|siparişe özel|siparişle|sipariş üzerine üretim|tedarik edilecek|"
    "reserved|nachbestellung|auf bestellung|sur commande|bajo pedido|su ordinazione|na zamówienie|"
    "op bestelling|special order"
)
_GONE: Final = (
    "discontinued|retired|üretimi durduruldu|üretimden kalktı|satıştan kaldırıldı|eingestellt|"
    "nicht mehr lieferbar|descatalogado|fuori produzione|arrêté|archived|wycofany|end of life"
)
_SAME_I: Final = str.maketrans({"İ": "i", "I": "i", "ı": "i"})
_ALL_SPELLINGS: Final[tuple[tuple[str, Availability], ...]] = (
    (_IN, "in stock"),
    (_OUT, "out of stock"),
    (_PRE, "preorder"),
    (_BACK, "backorder"),
    (_GONE, "discontinued"),
)
_SCHEMA: Final = re.compile(r"(?:https?://)?(?:www\.)?schema\.org/|schema:", re.IGNORECASE)
_PARTS: Final = re.compile(r"[\s_\-./!:]+")


def _folded(text: str) -> str:
    return _PARTS.sub(" ", text.translate(_SAME_I).lower()).strip()


_AVAILABILITIES: Final[dict[str, Availability]] = {
    _folded(spelling): meaning
    for spellings, meaning in _ALL_SPELLINGS
    for spelling in spellings.split("|")
}
_COUNT: Final = re.compile(r"[+-]?\d{1,9}(?:[.,]0{1,4})?")
_COUNTED: Final = re.compile(
    r"(?:only |son |nur |noch )?(\d{1,9}) (?:in stock|available|adet|stokta|left|pcs|ürün|urun|"
    r"auf lager|en stock|disponibles?)(?: var| kaldi| left)?"
)
# A time until it is sent or there: "lieferbar in 5 Tagen", "3 gün içinde kargoda".
_SENT: Final = frozenset(
    _folded(
        "ship ships shipped shipping dispatch dispatched dispatches delivery delivered available "
        "lieferbar lieferung lieferzeit versand versandfertig versendet geliefert kargo kargoda "
        "kargoya teslim teslimat gönderilir gönderim livraison expédié disponible entrega consegna"
    ).split()
)
_BESIDE: Final = frozenset(
    _folded(
        "in within usually about approx to from business working innerhalb von ca etwa bis nach "
        "wieder verilir edilir sonra içinde iş ila en dans sous à de di"
    ).split()
)
_DAYS: Final = {
    unit: days
    for units, days in (
        ("hour hours stunde stunden std saat saatte heure heures horas ore", 0),
        ("day days tag tage tagen werktag werktage werktagen gün günü günde jour jours", 1),
        ("día días giorni giorno", 1),
        ("week weeks woche wochen hafta haftada semaine semaines semana semanas settimane", 7),
        ("month months monat monate monaten ay ayda mois mes meses mesi", 30),
    )
    for unit in _folded(units).split()
}
_LONGEST_FROM_STOCK: Final = 14


def read_availability(value: str | float | bool) -> Availability:
    """Whether a product can be had, in Google's words and ``discontinued``.

    Understood are the values of Google Merchant, schema.org, Shopify and WooCommerce, words of
    shops in Turkish and other languages, truth values, and numbers of pieces. What is sent in
    up to two weeks is in stock, what takes longer on backorder.

    Raises:
        UnusableValueError: the text says nothing of it that is known.
    """
    if isinstance(value, str):
        return _availability(value)
    if not math.isfinite(value):
        raise _no_availability(str(value))
    return "in stock" if value > 0 else "out of stock"


@lru_cache(maxsize=4_096)
def _availability(text: str) -> Availability:
    plain = _folded(_SCHEMA.sub("", text[:LIMIT_PRICE_CHARACTERS]))
    meaning = _AVAILABILITIES.get(plain)
    if meaning is not None:
        return meaning
    if _COUNT.fullmatch(text.strip()):
        pieces = float(text.strip().replace(",", "."))
        return "in stock" if pieces > 0 else "out of stock"
    if counted := _COUNTED.fullmatch(plain):
        return "in stock" if int(counted[1]) else "out of stock"
    days = _days_until_sent(plain)
    if days is None:
        raise _no_availability(text)
    return "in stock" if days <= _LONGEST_FROM_STOCK else "backorder"


def _days_until_sent(plain: str) -> int | None:
    """Days, at most, of a text that says in how many something is sent and nothing else."""
    words = plain.split()
    numbers = [int(word) for word in words if word.isdecimal()]
    units = [_DAYS[word] for word in words if word in _DAYS]
    others = {word for word in words if not word.isdecimal() and word not in _DAYS}
    says_so = others & _SENT and others <= _SENT | _BESIDE
    if not says_so or len(units) != 1 or not 1 <= len(numbers) <= 2:
        return None
    return max(numbers) * units[0]


def _no_availability(text: str) -> UnusableValueError:
    return UnusableValueError(
        f"{shown(text)} does not say whether the product can be had.",
        "Write in stock, out of stock, preorder, backorder or discontinued.",
    )
