"""What names of columns of prices say beside it: currencies, taxes, objects that they are in."""

from collections.abc import Sequence
from typing import Final

from furniture_prompter.feeds.layouts import fold
from furniture_prompter.feeds.values import words_of

PRICE_ROLES: Final = frozenset({"price", "sale_price", "list_price"})
UNTAXED: Final = words_of("excl exkl excluding exclusive haric ohne sin ht ex net netto")
_TERMS: Final = UNTAXED | words_of(
    "eur euro usd gbp try tl chf sek nok dkk pln czk aed sar kdv vat mwst ust tva iva tax taxes "
    "incl inkl including inclusive inc dahil mit con ttc gross brutto"
)

_OTHER_SUMS: Final = words_of(
    "taksit taksitli instalment installment monthly aylik rate rata mensualite montaj assembly "
    "montage kurulum kapora depozito deposit acompte anzahlung nakliye teslimat delivery"
)


_PRICES: Final = words_of("price prices pricing")
_IN_PRICES: Final = _PRICES | words_of("amount value list regular base gross retail unit")
_REDUCED: Final = words_of("sale special discount discounted final")


def role_in_prices(words: Sequence[str]) -> str:
    """What a member of an object of prices is: of ``pricing.sale.value`` the sale price."""
    said = set(words)
    if said.isdisjoint(_PRICES):
        return ""
    if said <= _IN_PRICES:
        return "price"
    if said <= _IN_PRICES | _REDUCED:
        return "sale_price"
    return "currency" if "currency" in said and said <= {*_IN_PRICES, "currency", "code"} else ""


def is_other_sum(name: str) -> bool:
    """Whether a column's name says that its sums are no prices: instalments, assembly, deposits."""
    return not _OTHER_SUMS.isdisjoint(fold(name).split("_"))


def without_terms(name: str) -> str:
    """The folded name of a column of prices, without currencies and taxes."""
    return "_".join(word for word in fold(name).split("_") if word not in _TERMS)
