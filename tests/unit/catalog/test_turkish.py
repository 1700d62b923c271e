"""Forms of a Turkish noun meet, and other words do not."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from furniture_prompter.catalog.keywords import keyword_text
from furniture_prompter.understanding import word_forms
from furniture_prompter.understanding.word_forms import turkish_stems

# Lemma; plural, possessive, both, genitive, locative, ablative after a possessive, -lı, …
FORMS = """
masa masalar masası masaları masanın masada masasından masalı masadaki masaya masayı masasını
sehpa sehpalar sehpası sehpaları sehpanın sehpada sehpasında sehpalı
dolap dolaplar dolabı dolapları dolabın dolapta dolabından dolaplı dolaba
koltuk koltuklar koltuğu koltukları koltuğun koltukta koltuğunda koltuklu koltuğa
kanepe kanepeler kanepesi kanepeleri kanepenin kanepede kanepesinde kanepeli
yatak yataklar yatağı yatakları yatağın yatakta yatağından yataklı yatağa
raf raflar rafı rafları rafın rafta rafında raflı
halı halılar halısı halıları halının halıda halısından
ayna aynalar aynası aynaları aynanın aynada aynasında aynalı
kutu kutular kutusu kutuları kutunun kutuda kutusundan kutulu
lamba lambalar lambası lambaları lambanın lambada lambasında
perde perdeler perdesi perdeleri perdenin perdede perdesinde perdeli
sandalye sandalyeler sandalyesi sandalyeleri sandalyenin sandalyesinden sandalyeli
tabure tabureler taburesi tabureleri taburenin
kapı kapılar kapısı kapıları kapının kapıda kapısından kapılı
oda odalar odası odaları odanın odada odasındaki odalı
büfe büfeler büfesi büfeleri büfenin
vitrin vitrinler vitrini vitrinleri vitrinin vitrinde vitrinli
konsol konsollar konsolu konsolları konsolun konsolda
minder minderler minderi minderleri minderin
yastık yastıklar yastığı yastıkları yastığın yastıklı
örtü örtüler örtüsü örtüleri örtünün örtülü
çekmece çekmeceler çekmecesi çekmeceleri çekmeceli
kitaplık kitaplıklar kitaplığı kitaplıkları kitaplığın
renk renkler rengi renkleri rengin renkli
kanat kanatlar kanadı kanatları kanatlı
metal metaller metali metalleri
saat saatler saati saatleri saatin
kol kollar kolu kolları kollu
"""


@pytest.mark.parametrize("line", FORMS.strip().splitlines())
def test_every_form_of_a_noun_meets_every_other(line: str) -> None:
    for left, right in itertools.combinations(line.split(), 2):
        assert tokens(left) & tokens(right), (left, right)


@pytest.mark.parametrize(
    ("word", "other"),
    [
        ("masa", "masal"),
        ("masalar", "masallar"),
        ("masa", "masasız"),
        ("kol", "kolsuz"),
        ("kol", "koltuk"),
        ("kolu", "koli"),
        ("kol", "kola"),
        ("kapı", "kapağı"),
        ("kapısı", "kap"),
        ("kutusu", "kutup"),
        ("halı", "hal"),
        ("ayna", "aynalık"),
        ("kitap", "kitaplık"),
        ("sandal", "sandalye"),
        ("perde", "perdelik"),
        ("yat", "yatak"),
        ("altın", "alt"),
        ("pasta", "paslı"),
        ("mobilya", "mobil"),
        ("kare", "kar"),
        ("konsol", "konsolos"),
        ("sarı", "saray"),
        ("salon", "salça"),
    ],
)
def test_another_word_stays_apart(word: str, other: str) -> None:
    assert not tokens(word) & tokens(other)


def test_every_word_that_is_kept_whole_would_be_taken_apart(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = word_forms._WHOLE
    assert not any(turkish_stems(word) for word in whole)
    monkeypatch.setattr(word_forms, "_WHOLE", frozenset())
    assert all(word_forms._stems.__wrapped__(word) for word in whole)


@given(st.text("aeioubcdfgklmnrstyz", max_size=40))
def test_stems_are_shorter_words_of_at_least_three_letters_and_few(word: str) -> None:
    stems = turkish_stems(word)
    assert len(stems) <= 30
    assert all(3 <= len(stem) < len(word) for stem in stems)


def test_a_word_too_long_for_a_noun_has_no_stem() -> None:
    assert turkish_stems("m" * 30 + "asalarin")
    assert turkish_stems("m" * 30_000 + "asalarin") == ()


def tokens(word: str) -> set[str]:
    return set(keyword_text(word, "turkish").split())
