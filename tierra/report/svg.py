"""The pieces every drawing is made of: a frame, axes with round ticks, escaped text.

Drawings are 312 units wide, what a phone has room for, so that their letters stay legible
there; colours are the page's CSS variables, so that light, dark and print work.
"""

import math
from collections.abc import Callable, Sequence

from markupsafe import Markup, escape

WIDTH = 312
SMALL = 210
LONGEST = 240
Scale = Callable[[float], float]
_WIDTHS = ((1.0, "mwMW@%"), (0.86, "<>=+~#OQDNGHUC&"), (0.72, "ABEFKPRSTVXYZL"), (0.4, "iljI.,:;'|! ()[]/-\"ft"))
# In the order they are drawn: a colour is never alone, a dash pattern goes with it.
STYLES = ("first", "second", "third")


def figure(title: str, described: str, height: float, body: str, width: float = WIDTH) -> Markup:
    """A drawing of this height, with a name and a description for those who do not see it."""
    title, described = short(title, LONGEST), short(described, 4 * LONGEST)
    frame = Markup(
        '<svg viewBox="0 0 {:.0f} {:.0f}" role="img" aria-label="{}"><title>{}</title><desc>{}</desc>{}</svg>'
    )
    drawn = Markup(body)  # noqa: S704  every piece below escapes its words
    return frame.format(width, height, f"{title}. {described}", title, described, drawn)


def text(x: float, y: float, words: object, anchor: str = "start", kind: str = "") -> str:
    """Escaped text; right-to-left words do not turn their neighbours around."""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{f" class={kind!r}" if kind else ""}'
        f' unicode-bidi="isolate">{escape(str(words))}</text>'
    )


def line(x1: float, y1: float, x2: float, y2: float, kind: str = "axis") -> str:
    """A straight line."""
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{kind}"/>'


def box(x: float, y: float, width: float, height: float, kind: str, said: str = "", more: str = "") -> str:
    """A filled rectangle, with what it says when pointed at."""
    title = f"<title>{escape(short(said, LONGEST))}</title>" if said else ""
    size = f'width="{max(width, 0):.2f}" height="{max(height, 0):.2f}"'
    return f'<rect x="{x:.2f}" y="{y:.2f}" {size} class="{kind}"{more}>{title}</rect>'


def path(points: Sequence[tuple[float, float]], kind: str, closed: bool = False) -> str:
    """A line through points, or the area they enclose."""
    there = [f"{x:.1f},{y:.1f}" for x, y in points if math.isfinite(x) and math.isfinite(y)]
    return f'<path d="M{" L".join(there)}{" Z" if closed else ""}" class="{kind}"/>' if there else ""


def mark(x: float, y: float, style: int = 0, said: str = "") -> str:
    """A point: a disc, a diamond, a square, so that shapes tell series apart."""
    kind, title = STYLES[style], f"<title>{escape(short(said, LONGEST))}</title>" if said else ""
    if style == 0:
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" class="{kind}">{title}</circle>'
    turn = f' transform="rotate(45 {x:.1f} {y:.1f})"' if style == 1 else ""
    return f'<rect x="{x - 3:.1f}" y="{y - 3:.1f}" width="6" height="6" class="{kind}"{turn}>{title}</rect>'


def scale(low: float, high: float, start: float, end: float) -> Scale:
    """From values to places on the drawing."""
    # Halves, because the width of a range of floats may be more than the largest float.
    reach = high / 2 - low / 2
    return lambda value: start + ((value / 2 - low / 2) / reach if reach else 0.5) * (end - start)


def ticks(low: float, high: float, number: int = 4) -> list[float]:
    """Round values between the two, about so many."""
    reach = high - low
    if not (0 < reach < math.inf) or reach / number == 0:
        return [low]
    power = 10.0 ** math.floor(math.log10(reach / number))
    if power == 0 or not math.isfinite(power):
        return [low, high]
    step = next((power * each for each in (1, 2, 2.5, 5, 10) if power * each >= reach / number), power * 10)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [index * step for index in range(first, last + 1)] if last - first < 4 * number else [low, high]


def said(value: float) -> str:
    """A number as an axis says it: short, thousands apart."""
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else "∞" if value > 0 else "-∞"
    if abs(value) >= 1e7 or abs(value) < 1e-3:
        return f"{value:.3g}".replace("e+0", "e").replace("e+", "e").replace("e-0", "e-")
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def alike(values: Sequence[float]) -> Callable[[float], str]:
    """How to write numbers that stand under each other: as many places as the largest needs for three figures."""
    top = max((abs(value) for value in values if math.isfinite(value)), default=0.0)
    if not 1e-6 < top < 1e7:
        return said
    places = max(2 - math.floor(math.log10(top)), 0)
    return lambda value: f"{value:,.{places}f}"


def short(words: str, length: int) -> str:
    """Words cut to a length."""
    return words if len(words) <= length else words[: length - 1] + "…"


def fit(words: str, room: float, size: float = 11) -> str:
    """Words cut to a width, measured by the widest of the usual sans-serif letters."""
    room, taken = room / size, 0.0
    for index, letter in enumerate(words):
        taken += next((width for width, letters in _WIDTHS if letter in letters), 0.64 if letter.isascii() else 1.0)
        if taken > room:
            return words[: max(index - 1, 1)] + "…"
    return words


def x_axis(
    place: Scale, values: Sequence[float], y: float, label: str = "", show: Callable[[float], str] = said
) -> str:
    """Ticks and their words under a drawing."""
    words = [text(place(value), y + 14, show(value), "middle") for value in values]
    marks = [line(place(value), y, place(value), y + 3) for value in values]
    return "".join([*marks, *words, text(WIDTH / 2 + 14, y + 29, label, "middle", "label") if label else ""])


def y_axis(
    place: Scale, values: Sequence[float], x: float, end: float, label: str = "", show: Callable[[float], str] = said
) -> str:
    """Lines across a drawing and their words on its left."""
    lines = [line(x, place(value), end, place(value), "grid") for value in values]
    words = [text(x - 5, place(value) + 3.5, show(value), "end") for value in values]
    return "".join([*lines, *words, text(0, 10, label, kind="label") if label else ""])


def legend(names: Sequence[str], x: float, y: float, lines: bool = True) -> str:
    """Which style is which; the first may be an area."""
    body = ""
    for index, name in enumerate(names):
        swatch = line(x, y - 4, x + 18, y - 4, f"{STYLES[index]} stroke")
        body += swatch if lines or index else box(x, y - 9, 18, 9, STYLES[index])
        body += text(x + 23, y, fit(name, 120))
        x += 35 + 6.2 * min(len(name), 20)
    return body
