"""Names and units of sizes in the languages of shops, and which columns are none of the product."""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from furniture_prompter.feeds.values import words_of

LETTERS: Final = str.maketrans(
    {
        "İ": "i",
        "ı": "i",
        "ß": "ss",
        "ł": "l",
        "Ł": "l",
        "ø": "ø",
        "æ": "ae",
        "œ": "oe",
        "đ": "d",
        "″": '"',
        "”": '"',
        "“": '"',
        "„": '"',
        "′": "'",
        "’": "'",
        "‘": "'",
        "×": "x",
        "✕": "x",
        "⨯": "x",
        "х": "x",  # the Cyrillic letter
        "*": "x",
        "⌀": "ø",
        "φ": "ø",
        "∅": "ø",
        "⁄": "/",
        "–": "-",
        "—": "-",
        "−": "-",
        "½": " 1/2",
        "¼": " 1/4",
        "¾": " 3/4",
        "⅛": " 1/8",
        "⅜": " 3/8",
        "⅝": " 5/8",
        "⅞": " 7/8",
    }
)


def folded(text: str) -> str:
    """Lower case, without accents; dashes, quotes and signs of one meaning as one."""
    plain = unicodedata.normalize("NFKD", text.translate(LETTERS)).lower().translate(LETTERS)
    if plain.isascii():
        return plain
    return "".join(letter for letter in plain if not unicodedata.combining(letter))


_ROLE_WORDS: Final = {
    "width_cm": "width wide w genislik genisligi gen en eni breite breit br b ancho anchura "
    "largeur larg larghezza largh szerokosc szer breedte bredd bredde an g e",
    "depth_cm": "depth deep derinlik derinligi der tiefe tief t d profondeur prof profundidad "
    "fondo profondita glebokosc gleb gl diepte djup dybde p f",
    "height_cm": "height high tall h yukseklik yuksekligi yuk hohe hoehe hoch hauteur haut alto "
    "altura altezza alt wysokosc wys hoogte hojd hojde y",
    "length_cm": "length long l uzunluk uzunlugu uz boy boyu lange laenge lang longueur largo "
    "longitud lunghezza lungh dlugosc dl lengte langd laengde",
    "diameter_cm": "diameter dia diam cap capi durchmesser diametre diametro srednica ø diametr dm",
}
ROLES: Final = {word: role for role, words in _ROLE_WORDS.items() for word in words.split()}
"""Folded words and letters that name a size, by what they name."""

SEAT_HEIGHTS: Final = (
    "seat height",
    "seating height",
    "oturma yuksekligi",
    "oturum yuksekligi",
    "oturak yuksekligi",
    "sitzhohe",
    "sitzhoehe",
    "hauteur d'assise",
    "hauteur assise",
    "altura del asiento",
    "altura asiento",
    "altezza seduta",
    "altezza della seduta",
    "zithoogte",
    "wysokosc siedziska",
    "seat h",
)
PARTS: Final = words_of(
    "seat arm armrest leg legs back backrest kolcak ayak sirt sirtlik oturma oturum oturak "
    "sitz sitztiefe sitzbreite armlehne lehne rucken bein beine cushion minder drawer cekmece "
    "shelf raf mattress yatak yatis liegeflache clearance base taban cord cable kablo thickness "
    "thick kalinlik kalinligi dicke starke epaisseur grosor spessore grubosc top tabla"
)
"""Words after which a size is one of a part, and not of the product."""

PACKED: Final = words_of(
    "shipping ship package packaging packed packing pack parcel carton box kutu kutusu kargo "
    "koli ambalaj "
    "paket paketi paketleme gonderi verpackung versand versandmass packmass paketmass karton "
    "emballage colis embalaje envio imballo imballaggio spedizione verpakking opakowanie "
    "opakowania desi"
)
"""Words of sizes and weights of what is sent, and not of what is bought."""

_OF_PRODUCT: Final = words_of(
    "product products item total overall assembled dimension dimensions dims size sizes "
    "measurement measurements measures value amount number spec specs specification "
    "specifications technical attribute attributes custom metafield metafields urun urunun toplam "
    "genel kurulu olcu olculer olculeri olcusu boyut boyutlar boyutlari ebat ebatlar ebatlari "
    "teknik ozellik ozellikler produkt artikel gesamt masse abmessungen grosse produit totale "
    "article producto articulo medida medidas dimensiones mesures taille tamano prodotto misure "
    "approx ca yaklasik x by and or ve und et of the de du del la in"
)
"""Words beside the name of a size that leave it the product's: ``Total width``."""
_TELLING: Final = 3
"""So many names of sizes are an order of sizes, whatever stands beside them."""

CENTIMETRES: Final = {
    "mm": 0.1,
    "milimetre": 0.1,
    "millimetre": 0.1,
    "millimeter": 0.1,
    "millimeters": 0.1,
    "cm": 1.0,
    "cms": 1.0,
    "santim": 1.0,
    "santimetre": 1.0,
    "centimetre": 1.0,
    "centimetres": 1.0,
    "centimeter": 1.0,
    "centimeters": 1.0,
    "zentimeter": 1.0,
    "dm": 10.0,
    "m": 100.0,
    "mt": 100.0,
    "mtr": 100.0,
    "metre": 100.0,
    "metres": 100.0,
    "meter": 100.0,
    "meters": 100.0,
    "metro": 100.0,
    "metros": 100.0,
    "metri": 100.0,
    '"': 2.54,
    "''": 2.54,
    "in": 2.54,
    "ins": 2.54,
    "inch": 2.54,
    "inches": 2.54,
    "inc": 2.54,
    "zoll": 2.54,
    "pouces": 2.54,
    "pulgadas": 2.54,
    "pollici": 2.54,
    "cali": 2.54,
    "'": 30.48,
    "ft": 30.48,
    "feet": 30.48,
    "foot": 30.48,
}
"""Units of length, folded: how many centimetres one is."""

IMPERIAL: Final = frozenset(
    {'"', "''", "in", "ins", "inch", "inches", "inc", "zoll", "pouces", "pulgadas", "pollici"}
    | {"cali", "'", "ft", "feet", "foot"}
)
FEET: Final = frozenset({"'", "ft", "feet", "foot"})

KILOGRAMS: Final = {
    "kg": 1.0,
    "kgs": 1.0,
    "kilo": 1.0,
    "kilos": 1.0,
    "kilogram": 1.0,
    "kilograms": 1.0,
    "kilogramm": 1.0,
    "kilogrammes": 1.0,
    "g": 0.001,
    "gr": 0.001,
    "gram": 0.001,
    "grams": 0.001,
    "gramm": 0.001,
    "grammes": 0.001,
    "lb": 0.453_592_37,
    "lbs": 0.453_592_37,
    "pound": 0.453_592_37,
    "pounds": 0.453_592_37,
    "libras": 0.453_592_37,
    "oz": 0.028_349_523_125,
    "ounce": 0.028_349_523_125,
    "ounces": 0.028_349_523_125,
    "t": 1_000.0,
    "ton": 1_000.0,
}
"""Units of weight, folded: how many kilograms one is."""

_PLAIN_WORDS: Final = _OF_PRODUCT.union(PACKED, ROLES, CENTIMETRES, KILOGRAMS)
"""Words beside which the name of a size is one."""

_COLUMN_WORD: Final = re.compile(r"[a-zø]+|[\"']+")
_JOINED: Final = re.compile(r"[a-zø](?:x[a-zø])+")
_CAMEL: Final = re.compile(r"(?<=[a-zçğıöşü]{2})(?=[A-ZÇĞİÖŞÜ])")


@dataclass(frozen=True, slots=True)
class SizeColumn:
    """What a column's name says of the sizes in it.

    Attributes:
        roles: The sizes that it names, in their order: one, several (``GxDxY``) or none. A name
            that says more, ``Door width`` or the Turkish ``En az`` (least), names none.
        unit: The unit in its name, folded; empty where there is none.
        weight_unit: The unit of weight in its name.
        is_packed: Whether it is about the parcel.
        is_part: Whether it is about a part, such as a drawer.
    """

    roles: tuple[str, ...]
    unit: str
    weight_unit: str
    is_packed: bool
    is_part: bool = False


@lru_cache(maxsize=4_096)
def size_column(name: str) -> SizeColumn:
    """What the name of a column says, as the feed writes it or as an identifier."""
    plain = folded(_CAMEL.sub(" ", name)[:200]).replace("_", " ")
    words = _COLUMN_WORD.findall(plain)
    is_packed = any(word in PACKED for word in words)
    unit = next((word for word in reversed(words) if word in CENTIMETRES and len(word) > 1), "")
    weight_unit = next((word for word in reversed(words) if word in KILOGRAMS), "")
    if words[-1:] == ["m"]:
        unit = "m"
    named = " ".join(words)
    if any(each in named for each in SEAT_HEIGHTS):
        return SizeColumn(("seat_height_cm",), unit, weight_unit, is_packed)
    if any(word in PARTS for word in words):
        return SizeColumn((), unit, weight_unit, is_packed, is_part=True)
    # A unit is none of the names: "width_in", "Ağırlık (g)".
    if words and (words[-1] == unit or (words[-1] == weight_unit and len(words) > 1)):
        words = words[:-1]
    parts: list[str] = []
    for word in words:
        parts += word.split("x") if _JOINED.fullmatch(word) else [word]
    known = [
        word
        for word in parts
        if word in ROLES and (len(word) > 1 or len(parts) > 1 or word in "whl")
    ]
    named_words = [word for word in known if word not in "ge" or len(known) > 1]
    if len(set(named_words)) < _TELLING and not _PLAIN_WORDS.issuperset(parts):
        named_words = [word for word in named_words if word not in words]
    roles = in_company(named_words)
    return SizeColumn(tuple(dict.fromkeys(roles)), unit, weight_unit, is_packed)


TURKISH: Final = frozenset({"e", "en", "y", "yuk", "yukseklik"})
"""Names beside which ``B`` is the Turkish Boy."""


def in_company(labels: list[str]) -> list[str]:
    """What names of sizes mean beside each other, for letters of more than one meaning.

    ``L`` is the width beside ``P`` (French, Italian), ``B`` the length beside ``E`` or ``Y``
    (Turkish: En, Boy, Yükseklik), ``D`` the diameter beside ``T`` (German) or the height alone.
    """
    present = set(labels)
    roles = [ROLES[label] for label in labels]
    for place, label in enumerate(labels):
        others = present - {label}
        if label == "l" and "p" in others and "w" not in others:
            roles[place] = "width_cm"
        elif label == "b" and others & TURKISH and "g" not in others:
            roles[place] = "length_cm"
        elif label == "d" and ("t" in others or others == {"h"}):
            roles[place] = "diameter_cm"
    return roles
