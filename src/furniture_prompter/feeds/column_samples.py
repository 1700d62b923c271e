"""Samples: what the first rows of a table have in each of its columns."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from furniture_prompter.feeds.folder import PHOTO_EXTENSIONS
from furniture_prompter.feeds.records import Value

_IMAGE: Final = re.compile(
    rf"(https?:)?/?/?[^\s\"<>|;]+({'|'.join(map(re.escape, PHOTO_EXTENSIONS))})(?![\w.])",
    re.IGNORECASE,
)
_ADDRESS: Final = re.compile(r"(https?:)?//[\w.-]+", re.IGNORECASE)
MONEY: Final = re.compile(r"[^\d]{0,6}\d[\d.,' \xa0\u202f]*[^\d]{0,8}")
CATEGORIES: Final = re.compile("([ck]ategor(y|ies|i|iler|ie|ien|ia|ias))(_ids?)?")
"""Folded names of columns of categories."""
_NUMBERED: Final = re.compile(r"\d+([,;|] ?\d+)*")
_CURRENCY: Final = re.compile(r"[€$£₺¥₽]|\b(EUR|USD|GBP|TRY|TL|CHF|SEK|NOK|DKK|PLN|CZK|AED|SAR)\b")


@dataclass(slots=True)
class ColumnSample:
    """What the first rows have in one column.

    Attributes:
        filled: Rows that have something there.
        texts: The values as text, one a filled row; the first of a list.
        is_list: Whether a row has a list there.
    """

    filled: int = 0
    texts: list[str] = field(default_factory=list)
    is_list: bool = False

    def add(self, value: Value) -> None:
        """Look at one value."""
        if isinstance(value, list):
            self.is_list = True
            value = next((part for part in value if part not in (None, "", [])), None)
            if isinstance(value, list):
                value = value[0] if value else None
        if value is None or isinstance(value, list):
            return
        text = str(value).strip()
        if text:
            self.filled += 1
            self.texts.append(text)

    def share(self, says: Callable[[str], object]) -> float:
        """Share of the filled rows of whose value something is said."""
        if not self.filled:
            return 0.0
        return sum(bool(says(text)) for text in self.texts) / self.filled

    @property
    def images(self) -> float:
        """Share of values that name an image file."""
        return self.share(_IMAGE.match)

    @property
    def addresses(self) -> float:
        """Share of values that are addresses."""
        return self.share(_ADDRESS.match)

    @property
    def prices(self) -> float:
        """Share of values that may be prices."""
        return self.share(MONEY.fullmatch)

    @property
    def is_numbered(self) -> bool:
        """Whether all values are whole numbers or lists of them, as ids of categories are."""
        return self.share(_NUMBERED.fullmatch) == 1

    @property
    def currencies(self) -> float:
        """Share of values that name a currency."""
        return self.share(_CURRENCY.search)

    @property
    def truths(self) -> float:
        """Share of values that are true or false."""
        return self.share(lambda text: text.lower() in {"true", "false"})

    @property
    def distinct(self) -> float:
        """Share of different values."""
        return len(set(self.texts)) / self.filled if self.filled else 0.0

    @property
    def words(self) -> float:
        """Share of values that hold letters and are no address, as names of things do."""
        if not self.filled:
            return 0.0
        return (
            sum(any(letter.isalpha() for letter in text) for text in self.texts) / self.filled
            - self.addresses
        )


def sampled(records: Iterable[Mapping[str, Value]]) -> dict[str, ColumnSample]:
    """What rows have in each of their columns."""
    samples: dict[str, ColumnSample] = {}
    for fields in records:
        for name, value in fields.items():
            sample = samples.get(name)
            if sample is None:
                sample = samples[name] = ColumnSample()
            sample.add(value)
    return samples
