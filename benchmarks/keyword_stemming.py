"""Which folding and stemming lets the forms of a word meet, English and Turkish.

Every form of every word is a document of its own in a LanceDB keyword index, and is asked for in
three spellings: as written, in capitals, and without Turkish letters (as typed on a keyboard that
has none). Found should be the other forms of the same word and nothing else.
"""

import argparse
import asyncio
import hashlib
import importlib
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import lancedb
import pyarrow as pa
from lancedb.index import FTS

from benchmarks.provenance import DataSet, add_output_option, write_result
from furniture_prompter.catalog.keywords import PREFIX_FOLDING, fold, keyword_text

# Lemma, and its stem before a suffix that begins with a vowel where that differs.
_TURKISH = """masa sandalye koltuk/koltuğ dolap/dolab kitaplık/kitaplığ yatak/yatağ sehpa ayna lamba
raf tabure kanepe çekmece halı perde komodin şifonyer vestiyer büfe konsol avize abajur minder
yastık/yastığ saksı çerçeve ışık/ışığ ahşap/ahşab metal cam deri kumaş mermer beyaz siyah yeşil
kırmızı çocuk/çocuğ bahçe mutfak/mutfağ banyo ofis iskemle divan puf beşik/beşiğ karyola
sandık/sandığ kapak/kapağ örtü kutu kapı oda vitrin kol sepet şezlong berjer ranza kanat/kanad
pencere tül döşek/döşeğ yorgan vazo tablo saat askı küvet klozet batarya"""

# Other words that begin like those, or end like a form of them; nobody who asks for one means the
# other. Beside them stands every word with -sız (without).
_TURKISH_OTHERS = """masal masaj sandal koli kolye kolon kap kapasite perdelik kitap yat yatay rafya
halk halka lambda örtmece kutup kapan odun kumpas kumral derin derece bebek metalik camcı depo
camekan puflama sehpalık aynalık büfeci konsolos minare yastıkçı altın alt vites tabut ofset"""

# Singular, plural, and a third form that shoppers use.
_ENGLISH = """chair/chairs/chair's table/tables/tabled shelf/shelves/shelving sofa/sofas/sofa's
stool/stools/stool's lamp/lamps/lamp's bench/benches/benched box/boxes/boxed drawer/drawers/drawer's
cabinet/cabinets/cabinetry bed/beds/bedding mirror/mirrors/mirrored rug/rugs/rug's
cushion/cushions/cushioned curtain/curtains/curtained wood/woods/wooden child/children/children's
leather/leathers/leathered fold/folds/folding stack/stacks/stacking extend/extends/extendable
vase/vases/vase's frame/frames/framed desk/desks/desk's hook/hooks/hooked candle/candles/candle's
basket/baskets/basket's knob/knobs/knob's couch/couches/couch's pillow/pillows/pillow's"""

_BACK, _FRONT = "aıou", "eiöü"
_HIGH = {"a": "ı", "ı": "ı", "o": "u", "u": "u", "e": "i", "i": "i", "ö": "ü", "ü": "ü"}


def turkish_forms(entry: str) -> list[str]:
    """Ten forms of a noun by vowel harmony, consonant softening and buffer letters."""
    lemma, _, softened = entry.partition("/")
    soft = softened or lemma
    last = next(letter for letter in reversed(lemma) if letter in _HIGH)
    high, low = _HIGH[last], "a" if last in _BACK else "e"
    vowel = lemma[-1] in _HIGH
    hard = "t" if lemma[-1] in "fstkçşhp" else "d"
    plural = f"{lemma}l{low}r"
    plural_high = "ı" if low == "a" else "i"
    return [
        lemma,
        plural,
        soft + ("y" if vowel else "") + high,
        soft + ("y" if vowel else "") + low,
        lemma + hard + low,
        soft + ("s" if vowel else "") + high,
        plural + plural_high,
        f"{lemma}l{high}",
        f"{plural}{plural_high}n",
        soft + ("n" if vowel else "") + high + "n",
    ]


def turkish_without(entry: str) -> str:
    """A noun with -sız, which is another thing."""
    lemma = entry.partition("/")[0]
    last = next(letter for letter in reversed(lemma) if letter in _HIGH)
    return f"{lemma}s{_HIGH[last]}z"


def turkish_upper(text: str) -> str:
    """Capitals as Turkish writes them: i becomes İ, ı becomes I."""
    return text.replace("i", "İ").replace("ı", "I").upper()


def turkish_lower(text: str) -> str:
    """Small letters as Turkish writes them, letters kept."""
    return text.replace("İ", "i").replace("I", "ı").lower()


def one_i(text: str) -> str:
    """Small letters with one i and all other marks kept: right for capitals of any language."""
    return text.translate(str.maketrans("İIı", "iii")).lower()


def doubled(text: str) -> str:
    """The Turkish spelling and the folded one, where they differ."""
    kept, folded = turkish_lower(text), fold(text)
    return kept if kept == folded else f"{kept} {folded}"


def first_letters(count: int) -> Callable[[str], str]:
    """Every word folded and cut after `count` letters."""
    return lambda text: " ".join(word[:count] for word in fold(text).split())


def as_shipped(text: str) -> str:
    """What the product does for a Turkish catalog."""
    return keyword_text(text, "turkish")


def as_shipped_before(text: str) -> str:
    """What it did for catalogs that were made before it took suffixes off."""
    return keyword_text(text, "turkish", PREFIX_FOLDING)


def lemmas(text: str) -> str:
    """Words and their lemmas by simplemma's dictionary, folded."""
    lemmatize = importlib.import_module("simplemma").lemmatize
    words = turkish_lower(text).split()
    return fold(" ".join([*words, *(lemmatize(word, lang="tr", greedy=True) for word in words)]))


def spellings(form: str) -> dict[str, str]:
    """The three spellings of a form."""
    return {"as written": form, "capitals": turkish_upper(form), "without marks": fold(form)}


@dataclass(frozen=True, slots=True)
class Way:
    """One way to index: what happens to the text, and how LanceDB stems it."""

    name: str
    prepare: Callable[[str], str]
    stemmer: str | None
    ascii_folding: bool = False


WAYS = (
    Way("LanceDB alone, Turkish", str, "Turkish", ascii_folding=True),
    Way("LanceDB alone, English", str, "English", ascii_folding=True),
    Way(
        "Turkish letters kept, stemmed as Turkish, then folded",
        turkish_lower,
        "Turkish",
        ascii_folding=True,
    ),
    Way(
        "one i, other letters kept, stemmed as Turkish, then folded",
        one_i,
        "Turkish",
        ascii_folding=True,
    ),
    Way(
        "Turkish spelling beside the folded one, both stemmed",
        doubled,
        "Turkish",
        ascii_folding=True,
    ),
    Way("folded, not stemmed", fold, None),
    Way("as shipped for English: folded, stemmed as English", fold, "English"),
    Way("folded, stemmed as Turkish", fold, "Turkish"),
    Way("folded, cut after 4 letters", first_letters(4), None),
    Way("folded, cut after 5 letters", first_letters(5), None),
    Way(
        "letters kept and stemmed, 5 letters beside, as shipped before",
        as_shipped_before,
        "Turkish",
        ascii_folding=True,
    ),
    Way("as shipped for Turkish: folded, stems beside", as_shipped, None),
)
LEMMAS = Way("folded, simplemma's lemmas beside", lemmas, None)


async def measure(
    way: Way, groups: Sequence[Sequence[str]], others: Sequence[str]
) -> dict[str, tuple[float, float]]:
    """Mean recall and precision by spelling of the query; others are only there to be found."""
    forms = sorted({(form, number) for number, group in enumerate(groups) for form in group})
    stored = forms + [(word, -1) for word in others]
    with tempfile.TemporaryDirectory() as folder:
        database = await lancedb.connect_async(folder)
        rows = {
            "group": [number for _, number in stored],
            "words": [way.prepare(form) for form, _ in stored],
        }
        table = await database.create_table("words", pa.table(rows))
        config = FTS(
            base_tokenizer="simple",
            language=way.stemmer or "English",
            stem=way.stemmer is not None,
            remove_stop_words=False,
            ascii_folding=way.ascii_folding,
            lower_case=True,
        )
        await table.create_index("words", config=config)
        sizes = [sum(number == each for _, number in forms) for each in range(len(groups))]
        totals: dict[str, tuple[float, float]] = {}
        for spelling in spellings("a"):
            recalls, precisions = 0.0, 0.0
            for form, number in forms:
                asked = way.prepare(spellings(form)[spelling])
                query = (
                    table.query()
                    .nearest_to_text(asked, columns="words")
                    .select(["group", "_score"])
                )
                found = (await query.limit(len(stored)).to_arrow())["group"].to_pylist()
                right = sum(each == number for each in found)
                recalls += right / sizes[number]
                precisions += right / len(found) if found else 1.0
            totals[spelling] = (recalls / len(forms), precisions / len(forms))
    return totals


METHOD = """
Every form is a document and every form is a query, in three spellings: recall is the share of the
forms of the same word that are found, precision the share of what is found that is such a form; a
query that finds nothing counts as precise. Beside the Turkish forms stand words that look like
them and mean something else, and every word with -sız (without); they are never asked for. English
is asked for as written only: Turkish capitals and missing marks mean nothing there. Only single
words are asked for, so precision flatters cutting words short: a larger vocabulary holds more words
with the same first letters. Of the Turkish words a few stand on the product's own list of words
that end like a suffix.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add_output_option(parser, "keyword_stemming")
    parser.add_argument(
        "--lemmas", action="store_true", help="measure simplemma too (pip install simplemma==2.0.0)"
    )
    arguments = parser.parse_args()
    languages = {
        "Turkish": [turkish_forms(entry) for entry in _TURKISH.split()],
        "English": [entry.split("/") for entry in _ENGLISH.split()],
    }
    rows = []
    without = [turkish_without(entry) for entry in _TURKISH.split()]
    others = {"Turkish": [*_TURKISH_OTHERS.split(), *without], "English": []}
    for way in (*WAYS, *([LEMMAS] if arguments.lemmas else [])):
        for language, groups in languages.items():
            found = asyncio.run(measure(way, groups, others[language]))
            for spelling, (recall, precision) in found.items():
                if language == "English" and spelling != "as written":
                    continue
                row = {"way": way.name, "words": language, "query spelling": spelling}
                rows.append(row | {"recall": round(recall, 3), "precision": round(precision, 3)})
                print(rows[-1])
    groups = [*languages["Turkish"], others["Turkish"], *languages["English"]]
    listed = "\n".join(" ".join(group) for group in groups)
    write_result(
        arguments.out,
        title="Keyword folding and stemming",
        data=[
            DataSet(
                "furniture words",
                hashlib.sha256(listed.encode()).hexdigest(),
                f"{len(languages['Turkish'])} Turkish words in ten forms each, made by rule, "
                f"{len(others['Turkish'])} others that look like them, and "
                f"{len(languages['English'])} English ones in three; the lists are in the script.",
            )
        ],
        method=METHOD,
        figures={"rows": rows},
    )


if __name__ == "__main__":
    main()
