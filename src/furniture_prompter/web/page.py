"""What the shopper's page shows: an answer in a shopper's words, with links that change it."""

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from furniture_prompter.domain.query import LookedAt, Piece
from furniture_prompter.search.answer import HitFields, SearchAnswer, UnderstoodFields
from furniture_prompter.search.retrievers import KEYWORD, KEYWORD_PEAK, NAMED_PEAK
from furniture_prompter.search.understood import PHOTOS_COLOUR
from furniture_prompter.understanding.lexicon import LEXICON, fold_letters
from furniture_prompter.understanding.reading import Reading
from furniture_prompter.web.page_address import RANGE, SORTED_BY, Asked, as_addressed, xywh
from furniture_prompter.web.page_products import product_card
from furniture_prompter.web.page_words import Words

HITS_OF_PAGE: Final = 24
MOST_SORTED: Final = 200
"""Hits that are brought into another order than how well they match: the best of them."""
MOST_COMPARED: Final = 4

_WORD: Final = re.compile(r"\w+")

_PATH: Final = "category_path"
_PATH_STEP: Final = " > "
_MOST_REASONS: Final = 3
_FIRST_VALUES: Final = 8
"""Values of a facet that are seen before the rest is unfolded."""
_OPEN_FACETS: Final = 4
# Between what the best word of a prompt reaches and what a code does.
_NAMED_DEVIATIONS: Final = (KEYWORD_PEAK + NAMED_PEAK) / 2
# Words that mean nothing bring pictures up to 3.5 deviations above an average one: the best of
# many. docs/page.md has what is kept and what is left out by these two.
_LOOKS_DEVIATIONS: Final = 3.5
_TEXT_DEVIATIONS: Final = 3.0
# As ``search.understood`` says that the catalog has no numbers for a part of a prompt.
_IGNORED: Final = re.compile(r"(“[^”]*”(?:, “[^”]*”)*) (?:was taken as words|counts for nothing): ")


class View:
    """An answer as the page's templates show it."""

    def __init__(
        self,
        asked: Asked,
        words: Words,
        columns: Mapping[str, str],
        answer: SearchAnswer,
        strengths: Mapping[int, Mapping[str, float]] = MappingProxyType({}),
        looked_at: LookedAt | None = None,
        pieces: Sequence[Piece] = (),
    ) -> None:
        """Take an answer.

        Args:
            asked: What was asked for.
            words: The page's language.
            columns: The catalog's columns with their types.
            answer: The answer to it.
            strengths: Of each hit, by its rank, how far above an average product it was found.
            looked_at: What of the photo was searched, where that is not the photo as it came.
            pieces: What a photo of a room shows.
        """
        self.asked = asked
        self.answer = answer
        self._words = words
        self._columns = columns
        self._strengths = strengths
        self._looked_at = looked_at
        self._pieces = pieces

    @property
    def relaxed(self) -> list[str]:
        """Limits of the prompt that no product satisfies, as they stand in it."""
        limits = ("<", "<=", ">", ">=", "between")
        return [
            part["text"]
            for part in self.answer["understood"]
            if part["as"] == "preference" and part["op"] in limits
        ]

    @property
    def ignored(self) -> list[str]:
        """Limits that the catalog has no numbers for; other notes are the operator's to read."""
        found = [_IGNORED.match(note) for note in self.answer["notes"]]
        return [each[1] for each in found if each]

    @property
    def notes(self) -> list[str]:
        """The answer's notes that are a shopper's affair, in a shopper's words."""
        return [told for note in self.answer["notes"] if (told := self._words.note(note))]

    @property
    def is_cut(self) -> bool:
        """Whether only the picture within the photo was searched."""
        return self._looked_at is not None and self._looked_at.crop is not None

    @property
    def looked(self) -> list[str]:
        """What was done to the photo before it was searched, a sentence each."""
        looked_at, words = self._looked_at, self._words
        if looked_at is None:
            return []
        cut = [words("looked_cut")] if self.is_cut else []
        turned = looked_at.turned
        return cut + ([words("looked_turned", degrees=turned)] if turned else [])

    @property
    def pieces(self) -> list[dict[str, Any]]:
        """Pieces of the room that the photo shows, each with the address that searches it alone.

        The one that is searched has the address of the whole photo.
        """
        asked, found = self.asked, []
        for number, piece in enumerate(self._pieces, start=1):
            box = as_addressed(piece.box)
            chosen = box is not None and box == asked.crop
            found.append(
                {
                    "number": number,
                    "kind": self._words.kind(piece.kind),
                    "box": xywh(piece.box).removeprefix("percent:"),
                    "href": asked.address(crop=None if chosen else box),
                    "chosen": chosen,
                }
            )
        return found

    @property
    def nothing_close(self) -> bool:
        """Whether the catalog has nothing of the kind that was asked for."""
        return self.answer.get("close") is False and not self.asked.cursor

    @property
    def matches_nothing(self) -> bool:
        """Whether words alone were asked for, and no hit has any reason to be shown."""
        asked, hits = self.asked, self.answer["hits"]
        if self.answer.get("close") is not None:
            return False
        if not hits or asked.photo or asked.like or asked.cursor:
            return False
        return not any("keyword" in hit["matched"] or self._reasons(hit) for hit in hits)

    def behaviour(self, shown: str) -> dict[str, object]:
        """What a query had beside its words, and how it was answered, to be written down.

        Args:
            shown: What its photo shows, in the catalog's words; empty without one.
        """
        asked = self.asked
        return {
            "language": self._words.language,
            "photo": bool(asked.photo),
            "photo_words": shown,
            "like": asked.like,
            "without": asked.without,
            "filters": sorted(asked.chosen),
            "sort": asked.sort,
            "goes_on": bool(asked.chosen or asked.sort or asked.cursor or asked.page > 1),
            "nothing_matches": not self.answer["hits"]
            or self.nothing_close
            or self.matches_nothing,
        }

    @property
    def chips(self) -> list[dict[str, str]]:
        """What narrows the answer, each with the address without it."""
        asked, words = self.asked, self._words
        found = [
            {
                "kind": "without" if part["as"] == "without" else "understood",
                "text": self._understood(part),
                "href": asked.address(lift=(*asked.lift, part["text"])),
                "tells": words("lift", text=part["text"]),
            }
            for part in self.answer["understood"]
        ]
        if asked.photo and asked.whole:
            told = words("photo_whole")
            found.append(self._chip("literal", told, asked.address(whole=False)))
        if asked.literal:
            found.append(self._chip("literal", words("literally"), asked.address(literal=False)))
        found += [
            self._chip(
                "lifted", words("as_word", text=text), asked.address(lift=_less(asked.lift, text))
            )
            for text in asked.lift
        ]
        if asked.without:
            told = words("not_wanted", text=asked.without)
            found.append(self._chip("without", told, asked.address(without="")))
        for column, values in asked.chosen.items():
            found += [
                self._chip(
                    "chosen",
                    f"{words.column(column)}: {self._value(column, value)}",
                    asked.address(chosen=asked.chosen_with(column, value)),
                )
                for value in values
            ]
        return found

    def _chip(self, kind: str, text: str, href: str) -> dict[str, str]:
        return {"kind": kind, "text": text, "href": href, "tells": self._words("remove", text=text)}

    def _understood(self, part: UnderstoodFields) -> str:
        words, column = self._words, part["column"]
        if part["value"] == PHOTOS_COLOUR:
            told = words("photo_colour")
            not_it = part["as"] == "without"
            return words("not_wanted", text=told) if not_it else f"{words.column('color')}: {told}"
        if part["as"] == "without":
            return words("not_wanted", text=words.value(part["value"]))
        if part["op"] == "contains" and column is not None:
            return f"{words.column(column)}: {words.value(part['value'])}"
        if column is None or part["op"] in ("low", "high") or _names(column, part["text"]):
            return part["text"]
        return f"{words.column(column)}: {part['text']}"

    def _value(self, column: str, value: str) -> str:
        words = self._words
        if self._columns.get(column) == "boolean":
            return words("yes" if value == "true" else "no")
        found = RANGE.fullmatch(value) if self._columns.get(column) == "number" else None
        if found is None:
            return words.value(value)
        low, _, high = found.groups()
        unit = " cm" if column.endswith("_cm") else ""
        if low and high:
            ends = f"{words.number(float(low))} – {words.number(float(high))}"
            return f"{ends}{unit}"
        end = words.number(float(low or high or 0))
        return words("from_number" if low else "to_number", number=f"{end}{unit}")

    def facets(self, counted: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
        """Columns to choose values of; those that no hit has a value of are last, and folded.

        Args:
            counted: Counts by column, each over what passes all that is chosen of the others.
        """
        found: list[dict[str, Any]] = []
        for column, counts in counted.items():
            of_numbers = self._columns.get(column) == "number"
            values = self._ranges(column, counts) if of_numbers else self._of_texts(column, counts)
            if len(values) > 1 or any(each["on"] for each in values):
                # Nobody is to look for what is chosen.
                last = max((at for at, each in enumerate(values, 1) if each["on"]), default=0)
                first = len(values) if of_numbers else max(_FIRST_VALUES, last)
                found.append(
                    {
                        "column": column,
                        "label": self._words.column(column),
                        "values": values[:first],
                        "rest": values[first:],
                        "numbers": of_numbers,
                        "unit": "cm" if column.endswith("_cm") else "",
                        "shown": bool(self._among_hits(column)),
                    }
                )
        found.sort(key=lambda facet: not facet["shown"])
        for place, facet in enumerate(found):
            seen = facet["shown"] and place < _OPEN_FACETS
            facet["open"] = seen or facet["column"] in {*self.asked.chosen, *self.asked.unread}
        return found

    def _among_hits(self, column: str) -> Counter[str]:
        """How many of the hits that are shown have each value of a column."""
        found: Counter[str] = Counter()
        for hit in self.answer["hits"]:
            value = hit["product"].get(column)
            values = value if isinstance(value, list) else [value]
            found.update(_text(each) for each in values if each not in (None, ""))
        return found

    def _of_texts(self, column: str, counts: Sequence[Any]) -> list[dict[str, Any]]:
        chosen = self.asked.chosen.get(column, ())
        texts = {_text(each["value"]): each["count"] for each in counts}
        texts.update({value: 0 for value in chosen if value not in texts})
        among_hits = self._among_hits(column)

        def place(text: str) -> tuple[int, int, str]:
            return -among_hits[text], -(texts.get(text) or 0), text

        shown = list(texts)
        if column == _PATH:
            opened = [parent for value in chosen for parent in _parents(value)]
            # "Mobilya > Koltuk": a root that all share tells nothing apart.
            below = [text for text in texts if _PATH_STEP not in text]
            while len(below) == 1:
                opened += below
                below = [text for text in texts if _parents(text)[-2:-1] == below]
            shown = [t for t in texts if _PATH_STEP not in t or _parents(t)[-2] in opened]
            # A tree: each below the one that it is part of.
            shown.sort(key=lambda text: [place(each) for each in _parents(text)])
        else:
            shown.sort(key=place)
        return [
            self._choice(
                column,
                text,
                self._value(column, text).rpartition(_PATH_STEP)[2],
                texts[text],
                depth=text.count(_PATH_STEP) if column == _PATH else 0,
            )
            for text in shown
        ]

    def _ranges(self, column: str, counts: Sequence[Any]) -> list[dict[str, Any]]:
        found = []
        for place, each in enumerate(counts):
            low, high = f"{each['from']:g}", f"{each['to']:g}"
            last = place == len(counts) - 1
            value = f"{low}..{'' if last else '<'}{high}"
            found.append(self._choice(column, value, self._value(column, value), each["count"]))
        known = {each["value"] for each in found}
        return found + [
            self._choice(column, value, self._value(column, value), None)
            for value in self.asked.chosen.get(column, ())
            if value not in known
        ]

    def _choice(
        self, column: str, value: str, text: str, count: int | None, depth: int = 0
    ) -> dict[str, Any]:
        return {
            "value": value,
            "text": text,
            "count": count,
            "depth": depth,
            "swatch": value if column == "base_colors" else "",
            "on": value in self.asked.chosen.get(column, ()),
            "href": self.asked.address(chosen=self.asked.chosen_with(column, value)),
        }

    def card(self, hit: HitFields) -> dict[str, Any]:
        """A hit: what it is, and why it is here."""
        return {
            **product_card(hit["product"], hit["variant"], self._words),
            "photo": hit["photo"].rpartition("/")[2],
            "why": self._reasons(hit),
        }

    def _reasons(self, hit: HitFields) -> list[str]:
        words, product = self._words, hit["product"]
        fits = [part for part in self.answer["understood"] if _fits(part, product)]
        found = [words("why_fits", what=self._understood(part)) for part in fits]
        told = {word for part in fits for word in _words_of(part["text"])}
        if self.answer.get("close") is False:
            # What is nearest to something that is not there is not like it.
            return found[:_MOST_REASONS]
        far = self._strengths.get(hit["rank"], {})
        if far.get(KEYWORD, 0) > _NAMED_DEVIATIONS:
            return [words("why_code"), *found][:_MOST_REASONS]
        looks = far.get("prompt-photo", 0) >= _LOOKS_DEVIATIONS
        # Texts alone come near to words that mean nothing: a word or the picture has to agree.
        described = far.get("prompt-text", 0) >= _TEXT_DEVIATIONS
        described &= looks or far.get("keyword", 0) > 0
        for matched in hit["matched"]:
            if matched == "photo":
                found.append(words("why_like" if self.asked.like else "why_photo"))
            elif matched == "prompt-photo" and looks:
                found.append(words("why_looks"))
            elif matched == "prompt-text" and described:
                found.append(words("why_text"))
            elif matched == "keyword" and (said := self._said(product, told)):
                found.append(words("why_words", words=", ".join(said)))
        return found[:_MOST_REASONS]

    def _said(self, product: Mapping[str, Any], told: Collection[str]) -> list[str]:
        """Words of the prompt in a product's title, category, colour or tags.

        Without those of `told`, and without words that say nothing of a piece, such as "with".
        """
        names = ("title", "category", "color")
        here = [f"{name}_{self._words.language}" for name in names]
        named = [str(product.get(name, "")) for name in (*names, *here)] + product["tags"]
        having = {word for text in named for word in _words_of(text)}
        meant = self.answer["did_you_mean"]
        prompt = meant["prompt"] if meant is not None else self.asked.words
        return [
            word
            for word in dict.fromkeys(_words_of(prompt))
            if {word, word.removesuffix("s")} & having
            and word not in told
            and len(word) > 2
            and fold_letters(word) not in LEXICON.small_words
        ]

    def sorts(self) -> list[dict[str, Any]]:
        """Orders that the hits can be brought into."""
        names = [""]
        for column in SORTED_BY:
            if self._columns.get(column) == "number":
                names += [column, f"-{column}"]
        return [
            {
                "text": self._words(f"sort_{name or 'best'}"),
                "href": self.asked.address(sort=name),
                "on": self.asked.sort == name,
            }
            for name in names
        ]


def _names(column: str, text: str) -> bool:
    """Whether a part of a prompt says itself of which size it is, or that it is of a price."""
    reading = Reading.of(text)
    return any(
        said is not None and said.column == column
        for phrases in (LEXICON.left, LEXICON.right)
        for at in range(len(reading.tokens))
        for said in (phrases.longest(reading, at)[0],)
    )


def _words_of(text: str) -> list[str]:
    # Case folding alone would leave a dot of its own behind İ.
    plain = text.replace("İ", "i")
    return [word.casefold() for word in _WORD.findall(plain) if not word.isdigit()]


def _less(values: tuple[str, ...], text: str) -> tuple[str, ...]:
    return tuple(each for each in values if each != text)


def _text(value: str | bool) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else value


def _parents(path: str) -> list[str]:
    """A path of categories and those above it, from the top; an empty one above all."""
    steps = path.split(_PATH_STEP)
    return ["", *(_PATH_STEP.join(steps[: place + 1]) for place in range(len(steps)))]


def _fits(part: UnderstoodFields, product: Mapping[str, Any]) -> bool:
    """Whether a product is what one part of a prompt says."""
    has, value = product.get(part["column"] or ""), part["value"]
    if part["as"] == "without" or has is None:
        return False
    if part["op"] == "contains":
        return value in has if isinstance(has, list) else str(value) in str(has).casefold()
    if not isinstance(has, float | int):
        return False
    if isinstance(value, list):
        return value[0] <= has <= value[1]
    if not isinstance(value, float | int):
        return False
    return {
        "<": has < value,
        "<=": has <= value,
        ">": has > value,
        ">=": has >= value,
        "=": abs(has - value) <= 0.1 * abs(value),
    }.get(part["op"], False)
