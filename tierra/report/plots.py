"""Plots of distributions and curves, as inline SVG."""

from collections.abc import Sequence

from markupsafe import Markup

from tierra.model.evaluation import Band, Curve, Histogram
from tierra.report.svg import (
    SMALL,
    WIDTH,
    AxisScale,
    box,
    figure,
    legend,
    line,
    mark,
    path,
    scale,
    text,
    ticks,
    x_axis,
    y_axis,
)
from tierra.report.wording import axis_number

LEFT, RIGHT, TOP, BOTTOM = 44, WIDTH - 12, 24, 196
HEIGHT = BOTTOM + 34
POINTS = 300
# A bin as narrow as floats allow must not be infinitely high.
TALLEST = 1e9


def histogram(
    title: str,
    current: Histogram,
    reference: Histogram | None = None,
    names: tuple[str, str] = ("this run", "training"),
    label: str = "",
) -> Markup:
    """A distribution as bars, and the reference as a dashed outline; both as shares of their rows."""
    tops = [_densities(each) for each in (current, reference) if each]
    edges = [edge for each in (current, reference) if each for edge in each.edges]
    x, highest = scale(min(edges), max(edges), LEFT, RIGHT), max((max(each, default=0) for each in tops), default=0)
    y = scale(0, highest or 1, BOTTOM, TOP + 4)
    bars = [
        box(
            x(low),
            y(top),
            x(high) - x(low) - 0.8,
            BOTTOM - y(top),
            "first",
            f"{axis_number(low)} to {axis_number(high)}: {rows:,} rows",
        )
        for low, high, top, rows in zip(current.edges, current.edges[1:], tops[0], current.counts, strict=False)
    ]
    outline = path(_outline(reference, tops[1], x, y), "second stroke") if reference else ""
    axes = y_axis(
        y, ticks(0, highest, 3) if highest else [], LEFT, RIGHT, "" if reference else "share of rows", _percent
    )
    axes += line(LEFT, BOTTOM, RIGHT, BOTTOM) + x_axis(x, ticks(min(edges), max(edges)), BOTTOM, label)
    key = legend(names, 0, 10, lines=False) if reference else ""
    description = (
        f"{sum(current.counts):,} rows from {axis_number(current.edges[0])} to {axis_number(current.edges[-1])}"
    )
    return figure(title, description, HEIGHT if label else HEIGHT - 14, axes + "".join(bars) + outline + key)


def curves(
    title: str, lines: Sequence[tuple[str, Curve]], labels: tuple[str, str], diagonal: bool = False,
    marked: bool = False,
) -> Markup:  # fmt: skip
    """Curves between 0 and 1 on both axes, such as ROC, precision and recall, and calibration."""
    x, y = scale(0, 1, LEFT, RIGHT), scale(0, 1, BOTTOM + 60, TOP + 4)
    steps = [0, 0.25, 0.5, 0.75, 1]
    body = y_axis(y, steps, LEFT, RIGHT, show=_short_share) + x_axis(x, steps, BOTTOM + 60, labels[0], _short_share)
    body += text(0, 10, labels[1], kind="label") if len(lines) < 2 else ""
    body += line(x(0), y(0), x(1), y(1), "diagonal") if diagonal else ""
    for index, (_, curve) in reversed(list(enumerate(lines[:3]))):
        apart = max(len(curve.x) // POINTS, 1)
        points = [(x(a), y(b)) for a, b in [*zip(curve.x, curve.y, strict=False)][::-apart]]
        body += path(points, f"{('first', 'second', 'third')[index]} stroke")
        body += "".join(mark(*point, index) for point in points) if marked else ""
    body += legend([name for name, _ in lines[:3]], 0, 10) if len(lines) > 1 else ""
    description = f"{labels[1]} against {labels[0]} of {', '.join(name for name, _ in lines[:3])}"
    return figure(title, description, HEIGHT + 60, body)


def band(title: str, values: Band, labels: tuple[str, str]) -> Markup:
    """The median of one quantity along another, with a band for its middle half."""
    low, high = min(*values.low, 0.0), max(*values.high, 0.0)
    x = scale(values.x[0], values.x[-1], LEFT + 10, RIGHT)
    y = scale(low, high, BOTTOM, TOP + 4)
    around = [*zip(values.x, values.high, strict=True), *reversed([*zip(values.x, values.low, strict=True)])]
    body = y_axis(y, ticks(low, high), LEFT + 10, RIGHT, labels[1]) + line(LEFT + 10, y(0), RIGHT, y(0), "axis strong")
    body += path([(x(a), y(b)) for a, b in around], "first soft", closed=True)
    middle = [(x(a), y(b)) for a, b in zip(values.x, values.middle, strict=True)]
    body += path(middle, "first stroke") + "".join(mark(*point) for point in middle)
    body += x_axis(x, ticks(values.x[0], values.x[-1]), BOTTOM, labels[0])
    return figure(title, f"{labels[1]} along {labels[0]}: the median, and the middle half", HEIGHT, body)


def sparkline(
    title: str, current: Histogram, reference: Histogram | None = None, ends: tuple[str, str] | None = None
) -> Markup:  # fmt: skip
    """A small distribution with labels at its ends; the reference as an outline."""
    tops = [_densities(each) for each in (current, reference) if each]
    edges = [edge for each in (current, reference) if each for edge in each.edges]
    x, highest = scale(min(edges), max(edges), 0, SMALL), max(max(each, default=0) for each in tops) or 1
    y = scale(0, highest, 72, 4)
    areas = zip(current.edges, current.edges[1:], tops[0], strict=False)
    body = "".join(box(x(a), y(top), x(b) - x(a) - 1, 72 - y(top), "first") for a, b, top in areas)
    body += path(_outline(reference, tops[1], x, y), "second stroke") if reference else ""
    low, high = ends or (axis_number(min(edges)), axis_number(max(edges)))
    labels = text(0, 88, low) + text(SMALL, 88, high, "end")
    return figure(title, f"from {low} to {high}", 92, body + line(0, 72, SMALL, 72) + labels, SMALL)


def _densities(values: Histogram) -> list[float]:
    """The share of rows in each bin, scaled to the mean width where widths differ."""
    total, reach = sum(values.counts) or 1, (values.edges[-1] - values.edges[0]) / max(len(values.counts), 1)
    widths = [high - low for low, high in zip(values.edges, values.edges[1:], strict=False)]
    return [
        count / total * (min(reach / width, TALLEST) if width > 0 else 1)
        for count, width in zip(values.counts, widths, strict=False)
    ]  # fmt: skip


def _outline(values: Histogram, tops: list[float], x: AxisScale, y: AxisScale) -> list[tuple[float, float]]:
    points = [(x(values.edges[0]), y(0))]
    for low, high, top in zip(values.edges, values.edges[1:], tops, strict=False):
        points += [(x(low), y(top)), (x(high), y(top))]
    return [*points, (x(values.edges[-1]), y(0))]


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"


def _short_share(share: float) -> str:
    return f"{share:g}"
