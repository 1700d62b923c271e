"""Colour names from pixels.

Method: pixels of the product, drawn in flat colour without light or shade, go from sRGB
(IEC 61966-2-1, D65) to CIE L*a*b* (CIE 15:2018) and are named by lightness, chroma and hue angle
with the table in `name_pixels`. A name stands for the product when at least `LEAST_SHARE` of its
pixels carry it; names come in order of their share, at most `MOST_NAMES`. What a surface is made
of (the model's material names say) turns brownish pixels of wood into light, medium or dark wood
and light neutral metal into silver.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LEAST_SHARE = 0.12
MOST_NAMES = 3

Floats = NDArray[np.float64]

NAMES = (
    "white", "light grey", "grey", "dark grey", "black", "silver", "clear",
    "light wood", "medium wood", "dark wood",
    "beige", "brown", "dark brown", "red", "dark red", "pink", "orange", "yellow",
    "green", "dark green", "light green", "turquoise", "blue", "dark blue", "light blue", "purple",
)  # fmt: skip
NAMES_TR = {
    "white": "beyaz", "light grey": "açık gri", "grey": "gri", "dark grey": "koyu gri",
    "black": "siyah", "silver": "gümüş", "clear": "şeffaf", "light wood": "açık ahşap",
    "medium wood": "orta ton ahşap", "dark wood": "koyu ahşap", "beige": "bej",
    "brown": "kahverengi", "dark brown": "koyu kahverengi", "red": "kırmızı",
    "dark red": "koyu kırmızı", "pink": "pembe", "orange": "turuncu", "yellow": "sarı",
    "green": "yeşil", "dark green": "koyu yeşil", "light green": "açık yeşil",
    "turquoise": "turkuaz", "blue": "mavi", "dark blue": "koyu mavi", "light blue": "açık mavi",
    "purple": "mor",
}  # fmt: skip

# Codes of the substance map beside the pixels.
PLAIN, WOOD, METAL, CLEAR = 0, 1, 2, 3

_SRGB_TO_XYZ = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)
_WHITE_D65 = np.array([0.95047, 1.0, 1.08883])


def srgb_to_lab(pixels: NDArray[np.uint8]) -> Floats:
    """CIE L* 0…100, a*, b* (…, 3) of sRGB bytes (…, 3)."""
    values = pixels.astype(np.float64) / 255
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    ratios = linear @ _SRGB_TO_XYZ.T / _WHITE_D65
    cubic = np.where(ratios > 216 / 24389, np.cbrt(ratios), (24389 / 27 * ratios + 16) / 116)
    x, y, z = np.moveaxis(cubic, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def name_pixels(pixels: NDArray[np.uint8], substances: NDArray[np.uint8]) -> NDArray[np.str_]:
    """A colour name for each pixel.

    Args:
        pixels: (n, 3) sRGB.
        substances: (n,) codes `PLAIN`, `WOOD`, `METAL` or `CLEAR`.
    """
    lightness, a, b = np.moveaxis(srgb_to_lab(pixels), -1, 0)
    chroma = np.hypot(a, b)
    hue = np.degrees(np.arctan2(b, a)) % 360
    wood, metal, clear = (substances == code for code in (WOOD, METAL, CLEAR))

    # Very light or very dark colours need more chroma before they look coloured at all.
    neutral = chroma < np.where(lightness > 80, 7.0, np.where(lightness < 22, 10.0, 8.0))
    brownish = (hue >= 25) & (hue < 100)
    reddish = (hue >= 335) | (hue < 25)
    # First rule that holds names the pixel; angles are CIE hue angles in degrees.
    rules = [
        (clear & (chroma < 22), "clear"),
        (neutral & metal & (lightness >= 45) & (lightness < 88), "silver"),
        (wood & brownish & (chroma >= 6) & (lightness >= 66), "light wood"),
        (wood & brownish & (chroma >= 6) & (lightness >= 42), "medium wood"),
        (
            wood & (brownish | reddish) & (chroma >= 6) & (chroma < 45) & (lightness >= 12),
            "dark wood",
        ),
        (neutral & (lightness >= 78), "white"),
        (neutral & (lightness >= 64), "light grey"),
        (neutral & (lightness >= 44), "grey"),
        (neutral & (lightness >= 24), "dark grey"),
        (neutral, "black"),
        (brownish & (lightness >= 86) & (chroma < 11), "white"),
        ((hue >= 75) & (hue < 106) & (chroma >= 42) & (lightness >= 50), "yellow"),
        ((hue >= 45) & (hue < 75) & (chroma >= 52) & (lightness >= 45), "orange"),
        ((hue >= 325) & (hue < 355) & (chroma >= 30) & (lightness >= 45), "pink"),
        (
            ((hue >= 345) | (hue < 48)) & (chroma >= 40) & (lightness >= 38) & (lightness < 62),
            "red",
        ),
        ((hue >= 48) & (hue < 106) & (lightness >= 66), "beige"),
        ((hue >= 48) & (hue < 115) & (lightness >= 56) & (chroma < 22), "beige"),
        (((hue >= 335) | (hue < 48)) & (lightness >= 62), "pink"),
        ((reddish | (hue < 35)) & (chroma >= 20) & (lightness < 42), "dark red"),
        (((hue >= 345) | (hue < 30)) & (chroma >= 28), "red"),
        (brownish & (lightness < 28), "dark brown"),
        (brownish | (hue < 25) | ((hue < 112) & (chroma < 22)), "brown"),
        ((hue < 180) & (lightness >= 78), "light green"),
        ((hue < 180) & (lightness < 35), "dark green"),
        (hue < 180, "green"),
        (hue < 225, "turquoise"),
        ((hue < 308) & (lightness >= 68), "light blue"),
        ((hue < 308) & (lightness < 30) & (chroma < 60), "dark blue"),
        (hue < 308, "blue"),
    ]
    return np.select(
        [condition for condition, _ in rules], [name for _, name in rules], default="purple"
    )


def dominant_colours(
    pixels: NDArray[np.uint8], substances: NDArray[np.uint8]
) -> tuple[list[str], dict[str, float]]:
    """The names that stand for a product, most of it first, and every name's share of pixels.

    The largest name always counts, even when nothing reaches `LEAST_SHARE`.

    Raises:
        ValueError: no pixels.
    """
    if not len(pixels):
        raise ValueError("no pixels to name: is the product's mask empty?")
    names, counts = np.unique(name_pixels(pixels, substances), return_counts=True)
    # Ties fall to the order of NAMES so that a rebuild names the same.
    order = sorted(range(len(names)), key=lambda i: (-counts[i], NAMES.index(str(names[i]))))
    shares = {str(names[i]): float(counts[i] / len(pixels)) for i in order}
    dominant = [name for name, share in shares.items() if share >= LEAST_SHARE][:MOST_NAMES]
    return dominant or [next(iter(shares))], shares
