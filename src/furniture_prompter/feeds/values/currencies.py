"""Currencies as shops write them: ISO 4217 codes, symbols and words.

Codes: ISO 4217, list one (currencies in use). Symbols and words beside them were compiled for
this project from how shops write prices; `price-parser` knows rarer ones.
"""

import re
from typing import Final

from furniture_prompter.feeds.values import words_of

CODES: Final = words_of(
    "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN "
    "BZD CAD CDF CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL "
    "GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF "
    "KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN "
    "MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD "
    "SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH "
    "UGX USD UYU UZS VES VND VUV WST XAF XCD XOF XPF YER ZAR ZMW ZWG"
)

THREE_DECIMALS: Final = frozenset({"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"})
"""Currencies of a thousand parts, whose prices have three decimals."""

_DOLLARS: Final = ("USD", *sorted(code for code in CODES if code.endswith("D") and code != "USD"))
_CROWNS: Final = ("SEK", "NOK", "DKK", "ISK")

WORDS: Final[dict[str, tuple[str, ...]]] = {
    **{code.lower(): (code,) for code in CODES},
    "tl": ("TRY",),
    "₺": ("TRY",),
    "lira": ("TRY",),
    "liras": ("TRY",),
    "lirası": ("TRY",),
    "lirasi": ("TRY",),
    "türk lirası": ("TRY",),
    "türk lirasi": ("TRY",),
    "trl": ("TRY",),
    "ytl": ("TRY",),
    "€": ("EUR",),
    "euro": ("EUR",),
    "euros": ("EUR",),
    "avro": ("EUR",),
    "£": ("GBP",),
    "gbp£": ("GBP",),
    "sterlin": ("GBP",),
    "us$": ("USD",),
    "usd$": ("USD",),
    "$us": ("USD",),
    "dolar": (*_DOLLARS,),
    "dollar": (*_DOLLARS,),
    "dollars": (*_DOLLARS,),
    "$": (*_DOLLARS, "MXN", "CLP", "COP", "ARS", "UYU"),
    "c$": ("CAD",),
    "ca$": ("CAD",),
    "cad$": ("CAD",),
    "a$": ("AUD",),
    "au$": ("AUD",),
    "nz$": ("NZD",),
    "hk$": ("HKD",),
    "s$": ("SGD",),
    "mx$": ("MXN",),
    "r$": ("BRL",),
    "kr": _CROWNS,
    "kr.": _CROWNS,
    "zł": ("PLN",),
    "zl": ("PLN",),
    "kč": ("CZK",),
    "ft": ("HUF",),
    "fr": ("CHF",),
    "fr.": ("CHF",),
    "sfr": ("CHF",),
    "sfr.": ("CHF",),
    "lei": ("RON",),
    "лв": ("BGN",),
    "лв.": ("BGN",),
    "₽": ("RUB",),
    "руб": ("RUB",),
    "руб.": ("RUB",),
    "₴": ("UAH",),
    "грн": ("UAH",),
    "грн.": ("UAH",),
    "₼": ("AZN",),
    "manat": ("AZN",),
    "₾": ("GEL",),
    "₸": ("KZT",),
    "₹": ("INR",),
    "rs": ("INR", "PKR", "LKR", "NPR", "MUR"),
    "rs.": ("INR", "PKR", "LKR", "NPR", "MUR"),
    "₪": ("ILS",),
    "₩": ("KRW",),
    "₫": ("VND",),
    "đ": ("VND",),
    "฿": ("THB",),
    "₱": ("PHP",),
    "rp": ("IDR",),
    "rm": ("MYR",),
    "¥": ("JPY", "CNY"),
    "￥": ("JPY", "CNY"),
    "円": ("JPY",),
    "元": ("CNY",),
}
"""Lower-case words and symbols: the currencies that each may be, the likeliest first."""

LIMIT_AROUND: Final = 16
"""Characters of a currency beside a number, spaces among them."""

_LETTERS_BEFORE: Final = re.compile(r"[^\d.,+-]{1,16}")


def currency_of(word: str, otherwise: str | None = None) -> str | None:
    """The ISO 4217 code of a word or symbol.

    Args:
        word: Such as ``TL``, ``€``, ``US$``.
        otherwise: The currency of the feed, which decides what ``$`` and ``kr`` are.

    Returns:
        None where the word is no currency, or may be several.
    """
    codes = WORDS.get(_key(word), ())
    if len(codes) > 1:
        return otherwise if otherwise in codes else None
    return codes[0] if codes else None


def is_currency(word: str) -> bool:
    """Whether a word or symbol is a currency, be it one of several."""
    return _key(word) in WORDS


# Short words that name columns of something else ("price all", "top price") are none here.
_OF_COLUMNS: Final = re.compile(
    r"[€£₺₽₹]|(?<![^\W_])(?:EUR|USD|GBP|TRY|TL|CHF|SEK|NOK|DKK|PLN|CZK|AED|SAR|RUB|HUF|RON)(?![^\W_])",
    re.IGNORECASE,
)


def currency_of_column(name: str) -> str | None:
    """The ISO 4217 code that a column's name tells: of ``Fiyat (TL)``, ``price_eur``.

    Returns:
        None where it tells none, or several.
    """
    codes = {currency_of(each) for each in _OF_COLUMNS.findall(name)}
    return codes.pop() if len(codes) == 1 else None


def _key(word: str) -> str:
    """A word as :data:`WORDS` has it: Python makes two characters of a small İ."""
    return word.strip().lower().replace("i̇", "i")


def without_currency(text: str) -> str:
    """The number of a text that is a number and one currency before or after it, else the text."""
    value = text.strip()
    if not value or value[0].isdigit() == value[-1].isdigit():
        return text
    if value[0].isdigit():
        end = len(value)
        while end and not value[end - 1].isdigit():
            end -= 1
            if len(value) - end > LIMIT_AROUND:
                return text
        return value[:end] if is_currency(value[end:]) else text
    before = _LETTERS_BEFORE.match(value)
    return value[before.end() :] if before and is_currency(before[0]) else text
