"""The parts of every drawing: a frame, axes with round ticks, escaped text.

Drawings are 312 units wide, the width of a phone, so that text stays legible there;
colours are the page's CSS variables, so that light, dark and print work.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from itertools import takewhile

from markupsafe import Markup, escape

from tierra.report.wording import axis_number, shorten

WIDTH = 312
SMALL = 210
MAX_LABEL = 240
AxisScale = Callable[[float], float]
_WIDTHS = ((1.0, "mwMW@%"), (0.86, "<>=+~#OQDNGHUC&"), (0.72, "ABEFKPRSTVXYZL"), (0.4, "iljI.,:;'|! ()[]/-\"ft"))
# In drawing order; each colour has a dash pattern of its own.
STYLES = ("first", "second", "third")


def figure(title: str, description: str, height: float, body: str, width: float = WIDTH, role: str = "img") -> Markup:
    """A drawing of this height, with a title and a description for screen readers."""
    title, description = shorten(title, MAX_LABEL), shorten(description, 4 * MAX_LABEL)
    frame = Markup(
        '<svg viewBox="0 0 {:.0f} {:.0f}" role="{}" aria-label="{}"><title>{}</title><desc>{}</desc>{}</svg>'
    )
    drawn = Markup(body)  # noqa: S704  every function below escapes its text
    return frame.format(width, height, role, f"{title}. {description}", title, description, drawn)


def text(x: float, y: float, content: object, anchor: str = "start", kind: str = "", tooltip: str = "") -> str:
    """Escaped text; right-to-left text does not change the direction of its neighbours."""
    title = f"<title>{escape(shorten(tooltip, MAX_LABEL))}</title>" if tooltip else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{f" class={kind!r}" if kind else ""}'
        f' unicode-bidi="isolate">{escape(str(content))}{title}</text>'
    )


def line(x1: float, y1: float, x2: float, y2: float, kind: str = "axis") -> str:
    """A straight line."""
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{kind}"/>'


def box(x: float, y: float, width: float, height: float, kind: str, tooltip: str = "", more: str = "") -> str:
    """A filled rectangle with a tooltip."""
    title = f"<title>{escape(shorten(tooltip, MAX_LABEL))}</title>" if tooltip else ""
    size = f'width="{max(width, 0):.2f}" height="{max(height, 0):.2f}"'
    return f'<rect x="{x:.2f}" y="{y:.2f}" {size} class="{kind}"{more}>{title}</rect>'


def path(points: Sequence[tuple[float, float]], kind: str, closed: bool = False) -> str:
    """A line through points, or the area they enclose."""
    finite = [f"{x:.1f},{y:.1f}" for x, y in points if math.isfinite(x) and math.isfinite(y)]
    return f'<path d="M{" L".join(finite)}{" Z" if closed else ""}" class="{kind}"/>' if finite else ""


def mark(x: float, y: float, style: int = 0, tooltip: str = "") -> str:
    """A point with a tooltip: a disc, a diamond or a square by the series."""
    kind, title = STYLES[style], f"<title>{escape(shorten(tooltip, MAX_LABEL))}</title>" if tooltip else ""
    if style == 0:
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" class="{kind}">{title}</circle>'
    turn = f' transform="rotate(45 {x:.1f} {y:.1f})"' if style == 1 else ""
    return f'<rect x="{x - 3:.1f}" y="{y - 3:.1f}" width="6" height="6" class="{kind}"{turn}>{title}</rect>'


def scale(low: float, high: float, start: float, end: float) -> AxisScale:
    """A function from values to positions on the drawing."""
    # Halves, because the width of a range of floats may be more than the largest float.
    reach = high / 2 - low / 2
    return lambda value: start + ((value / 2 - low / 2) / reach if reach else 0.5) * (end - start)


def ticks(low: float, high: float, number: int = 4) -> list[float]:
    """About `number` round values between the two."""
    reach = high - low
    if not (0 < reach < math.inf) or reach / number == 0:
        return [low]
    power = 10.0 ** math.floor(math.log10(reach / number))
    if power == 0 or not math.isfinite(power):
        return [low, high]
    step = next((power * each for each in (1, 2, 2.5, 5, 10) if power * each >= reach / number), power * 10)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [index * step for index in range(first, last + 1)] if last - first < 4 * number else [low, high]


def common_format(values: Sequence[float]) -> Callable[[float], str]:
    """A number format for a column of values: the decimals that the largest needs for three figures."""
    top = max((abs(value) for value in values if math.isfinite(value)), default=0.0)
    if not 1e-6 < top < 1e7:
        return axis_number
    places = max(2 - math.floor(math.log10(top)), 0)
    return lambda value: f"{value:,.{places}f}"


def fit(label: str, width: float, size: float = 11) -> str:
    """A label cut in its middle to a width, so that both ends can be read."""
    room = width / size
    if len(label) <= 4 * room and width_of(label) <= room:
        return label
    front, back, room = "", "", room - width_of("…")
    for _ in label:
        longer = (front + label[len(front)], back) if len(front) <= len(back) else (front, label[-len(back) - 1] + back)
        if width_of("".join(longer)) > room:
            break
        front, back = longer
    return f"{front}…{back}" if front else f"{label[:1]}…"


def width_of(label: str) -> float:
    """The width of a text in its own size, by the widest of the usual sans-serif letters."""
    return sum(
        next((share for share, letters in _WIDTHS if letter in letters), 0.64 if letter.isascii() else 1.0)
        for letter in label
    )


def name(
    x: float, y: float, label: str, width: float, anchor: str = "end", kind: str = "name", lines: int = 2,
    whole: str = "",
) -> str:  # fmt: skip
    """A name in one line, in two smaller ones where it is too long, or cut in its middle; whole in its tooltip."""
    whole = whole or label
    if width_of(label) <= width / 11:
        return text(x, y, label, anchor, kind, whole if whole != label else "")
    if lines < 2:
        return text(x, y, fit(label, width), anchor, kind, whole)
    first, second = lines_of(label, width)
    small = f"{kind} small".strip()
    return text(x, y - 5, first, anchor, small, whole) + text(x, y + 5, second, anchor, small, whole)


def tell_apart(labels: Sequence[str], width: float) -> list[str]:
    """The labels of one chart; those that would be cut to the same are cut before the place where they differ."""
    shown: dict[tuple[str, ...], set[str]] = {}
    for label in labels:
        shown.setdefault(lines_of(label, width), set()).add(label)
    alike = {label: _shared(group) for group in shown.values() if len(group) > 1 for label in group}
    return [f"{each[:4]}…{each[max(alike[each] - 2, 4):]}" if each in alike else each for each in labels]


def _shared(labels: Iterable[str]) -> int:
    """How many letters the labels begin with in common."""
    return sum(1 for _ in takewhile(lambda letters: len({*letters}) == 1, zip(*labels, strict=False)))


def lines_of(label: str, width: float) -> tuple[str, ...]:
    """What of a label is shown in so much room: all of it in one line or two, else its beginning and its end."""
    if width_of(label[:MAX_LABEL]) <= width / 11:
        return (label,)
    first, second = _two_lines(fit(label, MAX_LABEL * 11), width / 9.5)
    return first, fit(second, width, 9.5)


def _two_lines(label: str, room: float) -> tuple[str, str]:
    """A label in two parts, the first of which fits; after a space or a sign where there is one."""
    ends = [end for end in range(1, len(label)) if width_of(label[:end]) <= room]
    last = ends[-1] if ends else 1
    signs = [end for end in ends if label[end - 1] in " _-./:," and end >= last / 2]
    end = signs[-1] if signs and width_of(label[signs[-1] :]) <= room else last
    return label[:end], label[end:]


def x_axis(
    scale: AxisScale, values: Sequence[float], y: float, label: str = "", show: Callable[[float], str] = axis_number
) -> str:
    """The ticks under a drawing, with their labels."""
    labels = [text(scale(value), y + 14, show(value), "middle") for value in values]
    marks = [line(scale(value), y, scale(value), y + 3) for value in values]
    return "".join([*marks, *labels, text(WIDTH / 2 + 14, y + 29, label, "middle", "label") if label else ""])


def y_axis(
    scale: AxisScale,
    values: Sequence[float],
    x: float,
    end: float,
    label: str = "",
    show: Callable[[float], str] = axis_number,
) -> str:
    """The grid lines across a drawing, with their labels on the left."""
    lines = [line(x, scale(value), end, scale(value), "grid") for value in values]
    labels = [text(x - 5, scale(value) + 3.5, show(value), "end") for value in values]
    return "".join([*lines, *labels, text(0, 10, label, kind="label") if label else ""])


def legend(names: Sequence[str], x: float, y: float, lines: bool = True) -> str:
    """The legend: a swatch and a name for each series; the first may be an area."""
    body, room = "", WIDTH / max(len(names), 1) - 38
    for index, each in enumerate(names):
        swatch = line(x, y - 4, x + 18, y - 4, f"{STYLES[index]} stroke")
        body += swatch if lines or index else box(x, y - 9, 18, 9, STYLES[index])
        body += name(x + 23, y, each, room, "start", "", lines=1)
        x += 36 + min(10 * width_of(each), room)
    return body
