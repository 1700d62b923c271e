"""SVG by a few shapes; colours that the colour-blind tell apart, and grey tells apart as well."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from html import escape

COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#999999", "#000000")
"""Okabe & Ito, Color universal design (2008)."""

FONT_PX = 13
# Mean width of a letter of a sans-serif face, as a share of its size; wide on purpose.
_LETTER = 0.6
_MARK_ROOM = 14.0
_LONGEST_LABEL = 300.0

_MARKS = ("circle", "square", "diamond", "up", "down", "cross")
_HATCHES = ("", "M0,6 L6,0", "M0,0 L6,6", "M3,0 L3,6", "M0,3 L6,3", "M0,6 L6,0 M0,0 L6,6")


def text_width(text: str, size_px: float = FONT_PX) -> float:
    """Width of a line of text, estimated, rather too wide than too narrow."""
    return len(text) * _LETTER * size_px


def shortened(text: str, width: float, size_px: float = FONT_PX) -> str:
    """A text that is no wider, its middle left out where it must be."""
    letters = max(int(width / (_LETTER * size_px)), 3)
    if len(text) <= letters:
        return text
    return f"{text[: letters // 2]}…{text[len(text) - (letters - 1) // 2 :]}"


@dataclass(slots=True)
class Drawing:
    """A picture that grows shape by shape.

    Attributes:
        width, height: In pixels.
        title: For who cannot see it; the whole description belongs to the picture's block.
    """

    width: float
    height: float
    title: str
    _parts: list[str] = field(default_factory=list)
    _boxes: list[tuple[float, float, float, float]] = field(default_factory=list)
    _hatched: set[int] = field(default_factory=set)

    def line(
        self,
        x1: float,
        y1: float,
        x2: float,
        y2: float,
        *,
        colour: str = "#000",
        width: float = 1,
        dash: str = "",
    ) -> None:
        """A straight line."""
        dashed = f' stroke-dasharray="{dash}"' if dash else ""
        self._parts.append(
            f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" '
            f'stroke-width="{width:g}"{dashed}/>'
        )

    def path(self, points: list[tuple[float, float]], *, colour: str, dash: str = "") -> None:
        """A line through points."""
        dashed = f' stroke-dasharray="{dash}"' if dash else ""
        joined = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self._parts.append(
            f'<polyline points="{joined}" fill="none" stroke="{colour}" stroke-width="2"{dashed}/>'
        )

    def bar(self, x: float, y: float, width: float, height: float, number: int) -> None:
        """A filled bar in the colour and the hatch of a number."""
        colour = COLOURS[number % len(COLOURS)]
        place = f'x="{x:.1f}" y="{y:.1f}" width="{max(width, 0):.1f}" height="{height:.1f}"'
        self._parts.append(f'<rect {place} fill="{colour}" stroke="#000" stroke-width="0.5"/>')
        hatch = number % len(_HATCHES)
        if hatch:
            self._hatched.add(hatch)
            self._parts.append(f'<rect {place} fill="url(#hatch-{hatch})"/>')

    def mark(self, x: float, y: float, number: int, size: float = 6) -> None:
        """A point in the colour and the shape of a number."""
        colour, s = COLOURS[number % len(COLOURS)], size
        style = f'fill="{colour}" stroke="#000" stroke-width="1"'
        kind = _MARKS[number % len(_MARKS)]
        if kind == "circle":
            self._parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{s:g}" {style}/>')
            return
        corners = {
            "square": [(-s, -s), (s, -s), (s, s), (-s, s)],
            "diamond": [(0, -1.3 * s), (1.3 * s, 0), (0, 1.3 * s), (-1.3 * s, 0)],
            "up": [(0, -1.2 * s), (1.1 * s, s), (-1.1 * s, s)],
            "down": [(0, 1.2 * s), (1.1 * s, -s), (-1.1 * s, -s)],
            "cross": [
                *[(-s / 3, -s), (s / 3, -s), (s / 3, -s / 3), (s, -s / 3), (s, s / 3)],
                *[(s / 3, s / 3), (s / 3, s), (-s / 3, s), (-s / 3, s / 3), (-s, s / 3)],
                *[(-s, -s / 3), (-s / 3, -s / 3)],
            ],
        }[kind]
        joined = " ".join(f"{x + dx:.1f},{y + dy:.1f}" for dx, dy in corners)
        self._parts.append(f'<polygon points="{joined}" {style}/>')

    def text(
        self,
        x: float,
        y: float,
        text: str,
        *,
        anchor: str = "start",
        size_px: float = FONT_PX,
        turned: bool = False,
        bold: bool = False,
    ) -> None:
        """A line of text, its baseline at y."""
        turn = f' transform="rotate(-90 {x:.1f} {y:.1f})"' if turned else ""
        weight = ' font-weight="bold"' if bold else ""
        self._parts.append(
            f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size_px:g}" text-anchor="{anchor}"'
            f"{weight}{turn}>{escape(text)}</text>"
        )

    def label(self, x: float, y: float, text: str, number: int, *, gap: float = 10) -> None:
        """Mark and text beside a point, where they cover no other label and stay inside.

        Right of the point, left, above and below are tried, then further up and down, then
        anywhere; a line leads to a label that stands apart. Where there is no room at all the
        label is left out: the picture's words name every point.
        """
        text = shortened(text, _LONGEST_LABEL)
        width, height = _MARK_ROOM + text_width(text), FONT_PX * 1.25
        offsets = [(gap, 0.35 * FONT_PX), (-gap - width, 0.35 * FONT_PX)]
        for step in range(1, 4):
            for sign in (-1, 1):
                shift = sign * step * height
                offsets += [(gap, shift), (-gap - width, shift), (-width / 2, shift + sign * gap)]
        grid = [
            (left - x, base - y)
            for left in range(0, int(self.width - width) + 1, 12)
            for base in range(int(height), int(self.height) - 2, 6)
        ]
        offsets += sorted(grid, key=lambda each: (each[0] + width / 2) ** 2 + each[1] ** 2)
        for dx, dy in offsets:
            box = (x + dx, y + dy - height, x + dx + width, y + dy + 3)
            if self._is_free(box):
                break
        else:
            return
        near_x = min(max(x, box[0]), box[2])
        near_y = min(max(y, box[1] + 4), box[3])
        if abs(near_x - x) + abs(near_y - y) > 2 * gap:
            self.line(x, y, near_x, near_y, colour="#777")
        self._boxes.append(box)
        self._named(box[0], y + dy, text, number)

    def label_column(
        self, x: float, ends: Sequence[tuple[float, str, int]], top: float, bottom: float
    ) -> None:
        """Marks and texts one below the other, each led to from the end of its own line.

        Args:
            x: Where the lines end; the column stands 24 px to the right.
            ends: For each line its end's height, its name and its number.
            top: First height that a label may have.
            bottom: Last height, if there are not too many.
        """
        step = FONT_PX * 1.4
        ordered = sorted(ends)
        places: list[float] = []
        for y, _, _ in ordered:
            places.append(max(y, top, places[-1] + step if places else top))
        limit = bottom
        for place in range(len(places) - 1, -1, -1):
            places[place] = max(min(places[place], limit), top + place * step)
            limit = places[place] - step
        for (y, text, number), at in zip(ordered, places, strict=True):
            self.line(x + 7, y, x + 22, at, colour="#777")
            shown = shortened(text, self.width - x - 24 - _MARK_ROOM)
            base = at + 0.35 * FONT_PX
            right = x + 24 + _MARK_ROOM + text_width(shown)
            self._boxes.append((x + 24, base - FONT_PX, right, base + 3))
            self._named(x + 24, base, shown, number)

    def _is_free(self, box: tuple[float, float, float, float]) -> bool:
        inside = box[0] >= 0 and box[1] >= 0 and box[2] <= self.width and box[3] <= self.height
        return inside and not any(_overlap(box, other) for other in self._boxes)

    def _named(self, x: float, y: float, text: str, number: int) -> None:
        self.mark(x + 6, y - 0.35 * FONT_PX, number, 4)
        self.text(x + _MARK_ROOM, y, text)

    def keep_clear(self, x1: float, y1: float, x2: float, y2: float) -> None:
        """No label goes here."""
        self._boxes.append((min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2)))

    @property
    def boxes(self) -> tuple[tuple[float, float, float, float], ...]:
        """Left, top, right, bottom of every label and of what is kept clear."""
        return tuple(self._boxes)

    def svg(self) -> str:
        """The picture, on white."""
        body = "".join(self._parts)
        # A page holds several pictures, and ids are the page's.
        own = f"hatch-{sha256(body.encode()).hexdigest()[:8]}-"
        body = body.replace("url(#hatch-", f"url(#{own}")
        patterns = "".join(
            f'<pattern id="{own}{number}" width="6" height="6" patternUnits="userSpaceOnUse">'
            f'<path d="{_HATCHES[number]}" stroke="#000" stroke-width="0.8" fill="none"/></pattern>'
            for number in sorted(self._hatched)
        )
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width:g} {self.height:g}" '
            f'width="{self.width:g}" height="{self.height:g}" role="img" '
            f'font-family="Helvetica, Arial, sans-serif"><title>{escape(self.title)}</title>'
            f"<defs>{patterns}</defs>"
            f'<rect width="{self.width:g}" height="{self.height:g}" fill="#fff"/>' + body + "</svg>"
        )


def ticks(low: float, high: float, wanted: int = 5) -> list[float]:
    """Round values from `low` to `high`: steps of 1, 2 or 5 times a power of ten."""
    span = max(high - low, 1e-9)
    raw = span / wanted
    power = 10.0 ** _floor_log10(raw)
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw * 0.999)
    first = int(-(-(low - 1e-9 * span) // step))
    values = []
    while first * step <= high + 1e-9 * span:
        values.append(round(first * step, 10))
        first += 1
    return values


def _floor_log10(value: float) -> int:
    power = 0
    while value >= 10:
        value, power = value / 10, power + 1
    while value < 1:
        value, power = value * 10, power - 1
    return power


def _overlap(
    one: tuple[float, float, float, float], other: tuple[float, float, float, float]
) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
