"""Which feeds have a product, so that ``--sync`` takes away what none of them has any more.

A feed has a name, whose place in the catalog's list is its bit, and a product has the bits of all
feeds that have it. A run gives its own bit to what its feed has, and with ``--sync`` takes it from
what the feed has no longer; a product that had no other goes. What was written over the API has no
bit, and no feed takes it away. Of products from before feeds were remembered nothing is known.
"""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from furniture_prompter.catalog.history import catalog_versions
from furniture_prompter.domain.wording import one_line
from furniture_prompter.errors import InvalidFeedError

BEFORE: Final = -1
"""Stands for what is known of products from before feeds were remembered."""
UNKNOWN: Final = "unknown"
"""What a person calls the feed of those."""
MOST_FEEDS: Final = 62
_LONGEST_NAME: Final = 1_000
_NAMED_FEEDS: Final = 5
# Of another feed's products so many in a feed that is new make it look like that one, renamed.
_LIKE_ANOTHER: Final = 0.5

Places = NDArray[np.bool_]


def feed_name(text: str) -> str:
    """A feed's name as catalogs keep it.

    Raises:
        InvalidFeedError: it is empty, too long, or means products of no known feed.
    """
    name = feed_name_before(text)
    if not name or len(name) > _LONGEST_NAME or name == UNKNOWN:
        raise InvalidFeedError(
            f"A feed cannot be called {name[:40]!r}. Give it a name of 1 to {_LONGEST_NAME:,} "
            f"characters other than {UNKNOWN}, such as --feed lamps."
        )
    return name


def feed_name_before(text: str) -> str:
    """A name that a feed may have had, as catalogs keep it; `UNKNOWN` among them."""
    return one_line(text.encode("utf-8", "backslashreplace").decode("utf-8"))


def known_before(was: Collection[str], name: str, names: Sequence[str]) -> list[int]:
    """Places of a feed's former names among a catalog's; `UNKNOWN` and its own have none.

    Raises:
        InvalidFeedError: the catalog knows no feed of one of them.
    """
    return [_place_of(each, names) for each in dict.fromkeys(was) if each not in (UNKNOWN, name)]


def is_only_source(folder: Path, source: str) -> bool:
    """Whether all that a catalog's history tells of comes from the feed at `source`.

    An absolute path alone is proof: a relative one may have been of another folder each time, and
    of addresses the history leaves out the query.
    """
    if not Path(source).is_absolute():
        return False
    versions = catalog_versions(folder)
    if [each.version for each in versions] != list(range(1, len(versions) + 1)):
        return False
    for each in versions:
        made = each.made
        if made is None or (made.by == "write" and made.added):
            return False
        if made.by in ("index", "crawl") and made.source != source:
            return False
    return True


class BroughtBy:
    """What feeds a catalog's products are of, before a run and after it.

    Attributes:
        names: Names of all feeds, each at the place of its bit; empty where one is free.
        own: The bit of the run's own feed.
        before: Bits of each product before the run, by place; `BEFORE` where nothing is known.
        after: What they are to be, once settled.
        is_renamed: Whether it took over what came by an earlier name.
        leaving: Products that no feed has any more, by place, once settled.
        notes: Sentences a person should read, once settled.
    """

    def __init__(
        self,
        names: Sequence[str],
        bits: NDArray[np.int64],
        name: str,
        was: Collection[str],
        *,
        takes_unknown: bool,
    ) -> None:
        """Find out which bit is the feed's.

        Args:
            names: The catalog's feeds.
            bits: Bits of each product, shape (n,).
            name: The feed's.
            was: Names that it had before, whose products count as its own.
            takes_unknown: Whether products of no known feed can only be of this one.

        Raises:
            InvalidFeedError: the catalog knows no feed of a name in `was`.
        """
        self.before = bits
        self._bits = bits.copy()
        self._name = name
        self._told: list[str] = []
        self._is_new = name not in names
        self._takes_unknown = takes_unknown or UNKNOWN in was
        listed = list(names)
        former = known_before(was, name, listed)
        known = [listed[place] for place in former]
        count = int(self._have(sum(1 << place for place in former)).sum())
        if self._is_new and former:
            # The former feed's own place, so that none is needed and no other feed forgotten.
            self._is_new = False
            listed[former[0]] = name
            self.own = 1 << former.pop(0)
        else:
            self.own = 1 << (self._new_place(listed) if self._is_new else listed.index(name))
        for place in former:
            has = self._have(1 << place)
            self._bits[has] = (self._bits[has] & ~(1 << place)) | self.own
            listed[place] = ""
        self.is_renamed = bool(known)
        if known:
            self._told.append(
                f"{count:,} product{'s' * (count != 1)} of {', '.join(known)} "
                f"{'count' if count != 1 else 'counts'} as {name}'s now (--was)."
            )
        self.names = tuple(listed)
        self.after = self._bits
        self.leaving: Places = np.zeros(len(bits), np.bool_)

    def settle(self, present: Places, *, sync: bool, may_remove: bool, brings: bool = True) -> int:
        """Decide what goes, and what is of which feed then.

        Args:
            present: Whether the feed has each product, by place.
            sync: Whether what it has no longer is to go.
            may_remove: Whether it can be told what it has no longer.
            brings: Whether what it has is a product by it, and not only cells of one.

        Returns:
            How many products would go, could that be told.
        """
        unknown = self._bits == BEFORE
        rest = np.where(unknown, 0, self._bits & ~self.own)
        gone = self._own & ~present if sync else np.zeros_like(present)
        leaving = gone & (rest == 0)
        self.after = np.where(present & brings, rest | self.own, self._bits)
        self.leaving = leaving & may_remove
        shared = gone & (rest != 0) & may_remove
        self.after[shared] = rest[shared]
        self.notes = [*self._told, *self._like_another(present, sync=sync)]
        if count := int(shared.sum()):
            others = self._named(int(np.bitwise_or.reduce(rest[shared])))
            them = "them" if count != 1 else "it"
            self.notes.append(
                f"{count:,} product{'s' * (count != 1)} that the feed no longer has stayed, for "
                f"other feeds have {them}: {others}. If one of those is this feed under a former "
                "name, name it with --was."
            )
        left = 0 if self._takes_unknown or not sync else int((unknown & ~present).sum())
        if left:
            self.notes.append(
                f"{left:,} product{'s' * (left != 1)} that the feed does not have stayed: they are "
                "from before catalogs remembered feeds, or their feed could not be read any more. "
                f"Where they can only be of this feed, --sync --was {UNKNOWN} removes them."
            )
        return int(leaving.sum())

    @property
    def own_products(self) -> int:
        """Products that the feed had before the run."""
        return int(self._own.sum())

    def changed(self) -> dict[int, NDArray[np.intp]]:
        """Places of products that stay and whose bits are others now, by the new ones."""
        places = np.flatnonzero((self.after != self.before) & ~self.leaving)
        bits = self.after[places]
        return {int(each): places[bits == each] for each in np.unique(bits)}

    def written(self, place: int) -> int:
        """The bits of a product that is written as a whole, which needs no other marking."""
        bits = int(self.after[place])
        self.before[place] = bits
        return bits

    @property
    def _own(self) -> Places:
        own = self._have(self.own)
        return own | (self._bits == BEFORE) if self._takes_unknown else own

    def _have(self, bit: int) -> Places:
        has: Places = (self._bits != BEFORE) & (self._bits & bit != 0)
        return has

    def _new_place(self, names: list[str]) -> int:
        """A free place for the feed, whose name is put there."""
        unused = [place for place in range(len(names)) if not self._have(1 << place).any()]
        if len(names) < MOST_FEEDS:
            place = len(names)
            names.append("")
        elif unused:
            place = unused[0]
        else:
            # The one that leaves the fewest products without any feed.
            alone = [int((self._bits == 1 << place).sum()) for place in range(len(names))]
            place = alone.index(min(alone))
            self._bits[self._have(1 << place)] &= ~(1 << place)
            stay = f" {min(alone):,} products that it alone had stay." if min(alone) else ""
            self._told.append(
                f"A catalog remembers {MOST_FEEDS} feeds, so {names[place]} was forgotten.{stay} "
                "A feed whose file has another name every day needs one of its own: --feed NAME."
            )
        names[place] = self._name
        return place

    def _like_another(self, present: Places, *, sync: bool) -> list[str]:
        if not (self._is_new and sync):
            return []
        for place, name in enumerate(self.names):
            theirs = self._have(1 << place)
            count, both = int(theirs.sum()), int((theirs & present).sum())
            if both and 1 << place != self.own and both >= _LIKE_ANOTHER * count:
                note = (
                    f"The feed is new to the catalog as {self._name}, so --sync removed nothing. "
                    f"It has {both:,} of the {count:,} products of {name}: if it is that one under "
                    f"another name, give --was {_quoted(name)}, and --feed NAME from now on where "
                    "the file has another name each time."
                )
                return [note]
        return []

    def _named(self, bits: int) -> str:
        names = [name for place, name in enumerate(self.names) if bits & (1 << place)]
        further = len(names) - _NAMED_FEEDS
        return ", ".join(names[:_NAMED_FEEDS]) + (f" and {further:,} more" if further > 0 else "")


def _quoted(name: str) -> str:
    return f'"{name}"' if " " in name else name


def _place_of(name: str, names: Sequence[str]) -> int:
    if name and name in names:
        return names.index(name)
    known = ", ".join(filter(None, names)) or "none"
    raise InvalidFeedError(
        f"The catalog remembers no feed called {name[:200]!r} (--was). It remembers: {known}."
    )
