"""Stems of English words, against Snowball's own examples and words of shops."""

import pytest

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
    rate rate; probate probat; cease ceas; adoption adopt; replacement replac; lampshades lampshad
"""


@pytest.mark.parametrize("pair", [each.split() for each in STEMS.split(";")])
def test_a_word_has_the_stem_that_the_index_gives_it(pair: list[str]) -> None:
    word, stem = pair
    assert english_stem(word) == stem
