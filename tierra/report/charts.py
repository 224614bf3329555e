"""Charts with one row for each feature, slice, class or station; and heat maps."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from tierra.report.svg import (
    WIDTH,
    AxisScale,
    box,
    common_format,
    figure,
    fit,
    legend,
    line,
    mark,
    name,
    scale,
    tell_apart,
    text,
    ticks,
    width_of,
    x_axis,
)
from tierra.report.wording import axis_number, shorten

LABELS, END, ROW = 116, WIDTH - 50, 22
MAX_CLASSES = 12
MAX_HEAT_COLUMNS = 20


@dataclass(frozen=True)
class Measure:
    """One row of a chart: a value, its interval, and another value to compare with."""

    label: str
    value: float
    low: float | None = None
    high: float | None = None
    other: float | None = None
    note: str = ""


def bars(title: str, measures: Sequence[Measure], names: tuple[str, str] | None = None, share: bool = False,
         width: float = WIDTH) -> Markup:  # fmt: skip
    """Horizontal bars from zero, with whiskers; the other value as a second, outlined bar."""
    top, labels, end = 22 if names else 6, width * LABELS / WIDTH, width - 52
    x, show = _across(measures, labels, end, zero=True), (
        _percent if share else common_format([each.value for each in measures])
    )
    body = legend(names, 0, 11, lines=False) if names else ""
    short = tell_apart([each.label for each in measures], labels - 8)
    for index, each in enumerate(measures):
        y, full = top + ROW * index, f"{each.label}: {show(each.value)}"
        body += name(labels - 8, y + 15, short[index], labels - 8, whole=each.label)
        high = 8 if each.other is not None else 13
        body += box(min(x(0), x(each.value)), y + 4, max(abs(x(each.value) - x(0)), 0.8), high, "first", full)
        if each.other is not None:
            body += box(min(x(0), x(each.other)), y + 13, max(abs(x(each.other) - x(0)), 0.8), 6, "second outline",
                        f"{each.label}: {show(each.other)}")  # fmt: skip
        body += _whisker(each, x, y + 10.5) + text(width, y + 15, show(each.value), "end", "value")
    height = top + ROW * len(measures)
    return figure(title, _describe(measures), height + 4, body + line(x(0), top, x(0), height), width)


def dots(title: str, measures: Sequence[Measure], names: tuple[str, str] | None = None) -> Markup:
    """A dot and its interval for each measure, and a diamond for the value it is compared with."""
    top, x = 22 if names else 6, _across(measures, LABELS, END, zero=False)
    bottom = top + ROW * len(measures)
    body = mark(4, 7) + text(13, 11, names[0]) + mark(104, 7, 1) + text(113, 11, names[1]) if names else ""
    body += "".join(line(x(each), top, x(each), bottom, "grid") for each in _round(measures))
    show = common_format([each.value for each in measures])
    short = tell_apart([each.label for each in measures], LABELS - 8)
    for index, each in enumerate(measures):
        y = top + ROW * index + 11
        body += name(LABELS - 8, y + 4, short[index], LABELS - 8, whole=each.label) + _whisker(each, x, y)
        body += mark(x(each.other), y, 1, f"{each.label}: {axis_number(each.other)}") if each.other is not None else ""
        body += mark(x(each.value), y, 0, f"{each.label}: {axis_number(each.value)} {each.note}")
        body += text(WIDTH, y + 4, show(each.value), "end", "value")
    return figure(title, _describe(measures), bottom + 22, body + x_axis(x, _round(measures), bottom))


def matrix(title: str, names: Sequence[str], counts: Sequence[Sequence[int]]) -> Markup:
    """A confusion matrix: rows by actual and decided class, darker for a larger share of the actual class.

    Columns have the numbers of their classes where a name is too long for its column.
    """
    names = [str(each) for each in names[:MAX_CLASSES]]
    cell, left, top = (WIDTH - 76) / max(len(names), 1), 74, 34
    high, numbered = min(max(cell * 0.6, 22), 72), any(width_of(each) > (cell - 4) / 11 for each in names)
    body = text(left, 11, "decided →", kind="label") + text(0, 28, "actual ↓", kind="label")
    for column, each in enumerate(names):
        body += text(left + cell * (column + 0.5), 28, column + 1 if numbered else each, "middle", "name", each)
    for row, each in enumerate(names):
        y, total = top + high * row, sum(counts[row]) or 1
        body += text(left - 6, y + high / 2 + 4, row + 1, "end", "name") if numbered else ""
        body += name(left - (20 if numbered else 6), y + high / 2 + 4, each, left - (22 if numbered else 8))
        for column, rows in enumerate(counts[row][: len(names)]):
            full = f"{each} decided {names[column]}: {rows:,} rows, {100 * rows / total:.1f} %"
            body += _cell(left + cell * column, y, cell, high, rows / total, full)
            body += _number(left + cell * (column + 0.5), y + high / 2, rows, total, cell)
    description = f"{len(names)} classes; rows are actual, columns decided"
    return figure(title, description, top + high * len(names) + 4, body)


def heat(title: str, names: Sequence[str], values: Sequence[Sequence[float | None]]) -> Markup:
    """The correlation of every pair of columns: blue and plus when positive, orange and minus when negative."""
    names, cell, left, top = (
        names[:MAX_HEAT_COLUMNS],
        (WIDTH - 108) / max(min(len(names), MAX_HEAT_COLUMNS) - 1, 1),
        106,
        18,
    )
    cell = min(cell, 34)
    body = "".join(
        text(left + cell * (index + 0.5), 13, index + 1, "middle", "small") for index in range(len(names) - 1)
    )  # fmt: skip
    for row, each in enumerate(names):
        y = top + cell * (row - 1)
        shown = f"{fit(each, left - 24, 9.5)} {row + 1}"
        body += text(left - 6, y + cell / 2 + 3.5, shown, "end", "small", each) if row else ""
        for column, value in enumerate(values[row][:row]):
            if value is not None:
                full, against = f"{each} and {names[column]}: {value:.2f}", " against" if value < 0 else ""
                body += _cell(left + cell * column, y, cell, cell, abs(value), full, against)
                body += _sign(left + cell * (column + 0.5), y + cell / 2, value, cell)
    first = text(left - 6, 13, f"{fit(names[0], left - 24, 9.5)} 1", "end", "small", names[0]) if names else ""
    return figure(title, f"{len(names)} columns, each pair", top + cell * max(len(names) - 1, 0) + 4, first + body)


def timeline(title: str, stays: Sequence[tuple[str, float, float, bool]]) -> Markup:
    """When each station started and how long it took: (name, start, seconds, reused), one row a name."""
    names = list(dict.fromkeys(each for each, *_ in stays))
    x = scale(0, max([start + seconds for _, start, seconds, _ in stays] + [0.001]), LABELS, END)
    end, bottom = max([start + seconds for _, start, seconds, _ in stays] + [0.001]), 6 + 20 * len(names)
    body = "".join(line(x(each), 6, x(each), bottom, "grid") for each in ticks(0, end))
    for station, start, seconds, reused in stays:
        y = 6 + 20 * names.index(station)
        full = f"{station}: {seconds:.2f} s from {start:.2f} s{', reused' if reused else ''}"
        body += box(
            x(start), y + 4, max(x(start + seconds) - x(start), 1.5), 12, "first hollow" if reused else "first", full
        )
    for index, station in enumerate(names):
        total = sum(seconds for each, _, seconds, _ in stays if each == station)
        body += name(LABELS - 8, 20 + 20 * index, station.replace("-", " "), LABELS - 8)
        body += text(WIDTH, 20 + 20 * index, f"{total:.2f} s", "end", "value")
    axis = x_axis(x, ticks(0, end), bottom, "seconds after the start")
    return figure(title, f"{len(names)} stations in {end:.1f} seconds", bottom + 34, body + axis)


def _across(measures: Sequence[Measure], start: float, end: float, zero: bool) -> AxisScale:
    values = [each for one in measures for each in (one.value, one.low, one.high, one.other) if each is not None]
    low, high = min([*values, *([0.0] if zero else [])]), max([*values, *([0.0] if zero else [])])
    edge = 0.0 if zero else (high - low) * 0.04
    return scale(low - edge, high + edge, start, end) if high > low else scale(low, low + (abs(low) or 1), start, end)


def _round(measures: Sequence[Measure]) -> list[float]:
    values = [each for one in measures for each in (one.value, one.low, one.high, one.other) if each is not None]
    return ticks(min(values), max(values), 3)


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _whisker(each: Measure, x: AxisScale, y: float) -> str:
    if each.low is None or each.high is None:
        return ""
    ends = "".join(line(x(end), y - 4, x(end), y + 4, "whisker") for end in (each.low, each.high))
    return line(x(each.low), y, x(each.high), y, "whisker") + ends


def _cell(x: float, y: float, width: float, height: float, share: float, full: str, more: str = "") -> str:
    # Never darker than three quarters, so that the number on it can be read.
    strength = f' fill-opacity="{0.75 * min(max(share, 0.0), 1.0):.3f}"'
    return box(x, y, width - 1, height - 1, f"heat{more}", full, strength)


def _number(x: float, y: float, rows: int, total: int, cell: float) -> str:
    if cell < 26:
        return ""
    if cell < 52:
        return text(x, y + 4, f"{100 * rows / total:.0f}", "middle", "on")
    return text(x, y, f"{rows:,}", "middle", "on") + text(x, y + 14, f"{100 * rows / total:.1f} %", "middle", "on")


def _sign(x: float, y: float, value: float, cell: float) -> str:
    if cell >= 26:
        return text(x, y + 4, f"{value:.2f}".replace("0.", "."), "middle", "on")
    return text(x, y + 3, "+" if value > 0 else "-", "middle", "on small") if abs(value) >= 0.3 else ""


def _describe(measures: Sequence[Measure]) -> str:
    return "; ".join(f"{shorten(each.label, 40)} {axis_number(each.value)}" for each in measures[:20])
