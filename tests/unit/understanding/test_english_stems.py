"""Stems of English words, against Snowball's own examples, words of shops, and the index itself."""

import asyncio
import re
from collections import defaultdict
from pathlib import Path

import lancedb
import pyarrow as pa
import pytest
from lancedb.index import FTS

from furniture_prompter.bundled import catalog_feed
from furniture_prompter.catalog.keywords import fold, keyword_index_settings
from furniture_prompter.understanding.english_stems import english_stem

STEMS = """
    consign consign; consigned consign; consigning consign; consignment consign; consist consist;
    consistency consist; consistently consist; consolation consol; conspicuous conspicu;
    conspiracy conspiraci; knackeries knackeri; knavish knavish; kneading knead; kneeled kneel;
    knightly knight; knots knot; generations generat; communities communiti; arsenal arsenal;
    skies sky; dying die; news news; herrings herring; gas gas; ties tie; flies fli; cries cri;
    agreed agre; feed feed; luxuriated luxuri; hopping hop; hoping hope; falling fall; say say;
    boy boy; happily happili; relational relat; national nation; sensibilities sensibl;
    decorative decor; usefulness use; adjustable adjust; upholstered upholst; extendable extend;
    analogies analog; really realli; shelves shelv; shelving shelv; cabinetry cabinetri;
    stainless stainless; tables tabl; yellow yellow; 18q 18q; as as; controlling control;
    paste paste; pasted paste; evening evening; adding add; odd odd; organizer organiz;
    interior interior; rate rate; probate probat; cease ceas;
    adoption adopt; replacement replac; lampshades lampshad
"""


@pytest.mark.parametrize("pair", [each.split() for each in STEMS.split(";")])
def test_a_word_has_the_stem_that_the_index_gives_it(pair: list[str]) -> None:
    word, stem = pair
    assert english_stem(word) == stem


def test_words_of_one_stem_are_one_word_to_the_index(tmp_path: Path) -> None:
    """Should another release of LanceDB stem otherwise, words that a shop has would be skipped."""
    text = fold(
        f"{catalog_feed().read_text('utf-8')} {STEMS} internal past universe later interfere"
    )
    words = sorted(set(re.findall(r"[a-z]{2,}", text)))
    alike: dict[str, set[str]] = defaultdict(set)
    for word in words:
        alike[english_stem(word)].add(word)

    async def found() -> list[set[str]]:
        database = await lancedb.connect_async(tmp_path)
        table = await database.create_table("words", pa.table({"word": words}))
        await table.create_index("word", config=FTS(**keyword_index_settings("english")))
        asked = [table.query().nearest_to_text(min(each)) for each in alike.values()]
        answers = [await each.limit(len(words)).to_arrow() for each in asked]
        return [set(answer["word"].to_pylist()) for answer in answers]

    assert asyncio.run(found()) == list(alike.values())
