"""Query options: name, type, default, range and description of each, in one place.

Everything that takes, checks or repeats an option reads it from here: the command line and its
batch lines, the HTTP API's schemas and forms, :meth:`furniture_prompter.Catalog.search`, both
clients, validation, the cursor's digest and the answer. A new option is a field of
:class:`QueryOptions`, a line of :class:`SearchOptions`, and whatever acts upon it in ``search``.

Standard library only: the client needs no more, and the command line loads it for ``--help``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Final, TypedDict, get_type_hints


@dataclass(frozen=True, slots=True)
class Flag:
    """An option on the command line; batch lines then have it too, by its name.

    Attributes:
        names: Such as ``--limit`` and ``-k``.
        metavar: What stands for its value in ``--help``; empty for one that takes none.
        help: What ``--help`` says of it.
        beside_batch: Whether it may stand beside ``--batch``, for the lines that do not say it.
    """

    names: tuple[str, ...]
    metavar: str
    help: str
    beside_batch: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """What there is to know of an option beside its name, type and default.

    Attributes:
        help: What the API's description says of it.
        help_in_form: The same of a form's field.
        flag: Its command-line option; None where the command line lacks it.
        least: Least number, within; None without any.
        most: Greatest number, within; for a list, most values; None without any.
        setting_of_most: Setting that holds `most`.
        setting_of_default: Setting that holds the default.
        refusal: Said of a value out of range, with ``{value}``, ``{least}`` and ``{most}``.
        words: Whether it must hold a word, and no more characters than a prompt may have.
        of_similar: Whether what is like a product may be asked for with it.
        decisive: Whether it decides on the ranking: pages of queries that differ in it do not mix.
        answered: Whether the answer repeats it.
    """

    help: str
    help_in_form: str = "As in JSON."
    flag: Flag | None = None
    least: float | None = None
    most: float | None = None
    setting_of_most: str | None = None
    setting_of_default: str | None = None
    refusal: str = "{value} is out of range. Give {least} to {most}."
    words: bool = False
    of_similar: bool = False
    decisive: bool = True
    answered: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class QueryOptions:
    """What a query may say beside its prompt and photo.

    Attributes:
        photo_weight: Share of the photo when both are given, 0 to 1.
        colour_weight: Share of the colours in a photo's likeness, 0 to 1; None follows from the
            words: where they name a colour, the photo's own says nothing.
        without: Words for what the product must not be.
        where: Filter over the catalog's columns, such as ``price < 300``.
        limit: Products wanted at the most.
        cursor: The `cursor` of the page before, for the next one; None for the first.
        facets: Columns whose values are to be counted.
        diversity: How much products are held back that look like one before them, 0 to 1.
        understand: Whether sizes, prices, counts, colours and negations in the prompt count as
            what they say; otherwise every word is a word.
        lift: Texts of `understood` that are to be taken as plain words.
        least_confidence: Hits of less confidence are dropped, 0 to 1; None drops none.
        whole: Whether the photo is searched as it is, neither cut to the picture in it nor turned
            upright.
        piece: The piece of the photo that is meant, by its place among those that the detector
            finds, from 1; None for all of the photo.
        heat: Whether each hit tells what of the photo made it match.
    """

    photo_weight: float = field(
        default=0.5,
        metadata={
            "option": Option(
                help="Share of the photo where there is a prompt too.",
                flag=Flag(
                    ("--photo-weight",),
                    "W",
                    "Share of the photo beside a prompt: 0 is the prompt alone, 1 the photo alone. "
                    "An even share unless set.",
                    beside_batch=True,
                ),
                least=0,
                most=1,
                setting_of_default="photo_weight",
                refusal="The photo's weight is {value}. Give a number from 0 (only the prompt "
                "counts) to 1 (only the photo counts).",
            )
        },
    )
    colour_weight: float | None = field(
        default=None,
        metadata={
            "option": Option(
                help="Share of the colours in the photo's likeness; left out, it follows from the "
                "words.",
                flag=Flag(
                    ("--colour-weight",),
                    "W",
                    "Share of the colours in the photo's likeness: 0 is the shape alone, 1 the "
                    "colours alone. Unless set, it follows from the words.",
                    beside_batch=True,
                ),
                least=0,
                most=1,
                refusal="The colours' weight is {value}. Give a number from 0 (only the shape "
                "counts) to 1 (only the colours count).",
                of_similar=True,
            )
        },
    )
    without: str | None = field(
        default=None,
        metadata={
            "option": Option(
                help="What is not wanted, in words.",
                flag=Flag(("--without",), "TEXT", "What is not wanted, in words."),
                words=True,
            )
        },
    )
    where: str | None = field(
        default=None,
        metadata={
            "option": Option(
                help="Filter over the columns: `price < 300`.",
                flag=Flag(
                    ("--where",),
                    "EXPR",
                    'Only products for which this holds, such as "price < 300"; see '
                    "docs/filters.md.",
                ),
                of_similar=True,
            )
        },
    )
    limit: int = field(
        default=10,
        metadata={
            "option": Option(
                help="Hits at the most.",
                flag=Flag(("--limit", "-k"), "N", "Hits at the most.", beside_batch=True),
                least=1,
                setting_of_most="limit_hits",
                refusal="{value} hits were asked for. Ask for {least} to {most}.",
                of_similar=True,
                decisive=False,
            )
        },
    )
    cursor: str | None = field(
        default=None,
        metadata={
            "option": Option(
                help="`cursor` of the page before, with the same query, for the next page.",
                of_similar=True,
                decisive=False,
                answered=False,
            )
        },
    )
    facets: Sequence[str] = field(
        default=(),
        metadata={
            "option": Option(
                help="Columns to count, over every product that passes the filter.",
                help_in_form="Column names with commas between.",
                most=10,
                refusal="{value} facets were asked for. Ask for at most {most}.",
                of_similar=True,
                decisive=False,
                answered=False,
            )
        },
    )
    diversity: float = field(
        default=0.3,
        metadata={
            "option": Option(
                help="How much products are held back that look like one before them, 0 to 1; "
                "the best hit stays.",
                flag=Flag(
                    ("--diversity",),
                    "D",
                    "How much products are held back that look like one before them: 0 not at "
                    "all, 1 as far as it goes. The best hit stays.",
                    beside_batch=True,
                ),
                least=0,
                most=1,
                setting_of_default="diversity",
                refusal="The diversity is {value}. Give a number from 0 (the best fit first) to 1 "
                "(the least alike first, behind the best hit).",
                of_similar=True,
            )
        },
    )
    understand: bool = field(
        default=True,
        metadata={
            "option": Option(
                help="Whether sizes, prices, counts, colours and negations in the prompt count as "
                "what they say; `false` takes every word as it stands.",
                flag=Flag(
                    ("--understand/--literal",),
                    "",
                    "Whether sizes, prices, colours and negations in PROMPT count as what they "
                    "say, or every word as it stands.",
                    beside_batch=True,
                ),
            )
        },
    )
    lift: Sequence[str] = field(
        default=(),
        metadata={
            "option": Option(
                help="Texts of `understood` that are to be taken as plain words.",
                help_in_form="Texts of `understood`, with commas between, to be taken as plain "
                "words.",
                flag=Flag(
                    ("--lift",),
                    "TEXT",
                    "What was understood and is to be taken as plain words; may be repeated.",
                ),
                most=20,
                refusal="{value} texts were to be lifted. Lift at most {most}, or all with "
                "understand=false.",
            )
        },
    )
    least_confidence: float | None = field(
        default=None,
        metadata={
            "option": Option(
                help="Hits of less confidence are dropped.",
                flag=Flag(
                    ("--least-confidence",),
                    "X",
                    "Drop hits of less confidence, from 0 to 1; none unless set.",
                    beside_batch=True,
                ),
                least=0,
                most=1,
                refusal="The least confidence is {value}. Give a number from 0 (nothing is "
                "dropped) to 1.",
                of_similar=True,
                decisive=False,
            )
        },
    )
    whole: bool = field(
        default=False,
        metadata={
            "option": Option(
                help="Whether the photo is searched as it is, neither cut to the picture in it nor "
                "turned upright.",
                flag=Flag(
                    ("--whole",),
                    "",
                    "Search the photo as it is, neither cut to the picture in it nor turned "
                    "upright.",
                    beside_batch=True,
                ),
            )
        },
    )
    piece: int | None = field(
        default=None,
        metadata={
            "option": Option(
                help="The piece of the photo that is meant, by its place in `pieces`, from 1.",
                flag=Flag(
                    ("--piece",),
                    "N",
                    "The piece of the photo that is meant, as `pieces` numbers them.",
                ),
                least=1,
                most=20,
                refusal="There is no piece {value}. Pieces are numbered from {least} to {most} at "
                "the most.",
            )
        },
    )
    heat: bool = field(
        default=False,
        metadata={
            "option": Option(
                help="Whether each hit tells what of the photo made it match, as `heat`; it costs "
                "as much as some fifty photos.",
                flag=Flag(
                    ("--heat",),
                    "",
                    "Tell of each hit what of the photo made it match, in --html and --json.",
                    beside_batch=True,
                ),
                decisive=False,
            )
        },
    )


class SimilarOptions(TypedDict, total=False):
    """Options of what is like a product, as keywords; None is as if left out."""

    colour_weight: float | None
    where: str | None
    limit: int | None
    cursor: str | None
    facets: Sequence[str] | None
    diversity: float | None
    least_confidence: float | None


class SearchOptions(SimilarOptions, total=False):
    """Options of a search, as keywords; None is as if left out."""

    photo_weight: float | None
    without: str | None
    understand: bool | None
    lift: Sequence[str] | None
    whole: bool | None
    piece: int | None
    heat: bool | None


@dataclass(frozen=True, slots=True)
class NamedOption:
    """A field of :class:`QueryOptions`.

    Attributes:
        name: Its name.
        type: Its type.
        default: Its default; that of a setting stands before it.
        about: What else there is to know of it.
    """

    name: str
    type: Any
    default: Any
    about: Option


def _declared() -> dict[str, NamedOption]:
    types = get_type_hints(QueryOptions)
    return {
        each.name: NamedOption(each.name, types[each.name], each.default, each.metadata["option"])
        for each in fields(QueryOptions)
    }


OPTIONS: Final[Mapping[str, NamedOption]] = _declared()
"""Every option by name, in the order in which answers and descriptions list them."""

LISTS: Final = frozenset(name for name, option in OPTIONS.items() if option.type == Sequence[str])
"""Options that take several texts."""


def given(options: Mapping[str, object], *, similar: bool = False) -> dict[str, Any]:
    """Those options that were given: all that are not None.

    Args:
        options: Options by name.
        similar: Whether what is like a product is asked for, with which fewer options go.

    Raises:
        TypeError: there is no option of that name.
    """
    known = [name for name, each in OPTIONS.items() if each.about.of_similar or not similar]
    unknown = options.keys() - set(known)
    if unknown:
        raise TypeError(f"There is no option {min(unknown)!r} here; there are {', '.join(known)}.")
    return {name: value for name, value in options.items() if value is not None}
