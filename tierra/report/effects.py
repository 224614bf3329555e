"""Plots of effects: what is predicted along a feature, and what decisions cost along a threshold."""

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from tierra.model.evaluation import CostCurve, Dependence, Histogram
from tierra.report.svg import (
    WIDTH,
    AxisScale,
    box,
    common_format,
    figure,
    legend,
    line,
    mark,
    name,
    path,
    scale,
    tell_apart,
    text,
    ticks,
    x_axis,
    y_axis,
)
from tierra.report.wording import axis_number

LEFT, RIGHT, TOP, BOTTOM = 48, WIDTH - 10, 24, 150
STRIP, ROW, LABELS = 30, 24, 116
Reach = tuple[float, float]


def reach_of(found: Sequence[Dependence]) -> Reach:
    """The range of all mean predictions, so that effects drawn in it can be compared."""
    values = [each for one in found for ours in one.lines.values() for each in ours]
    low, high = min(values, default=0.0), max(values, default=1.0)
    edge = (high - low or abs(high) or 1.0) * 0.06
    return low - edge, high + edge


def effect(found: Dependence, reach: Reach) -> Markup:
    """The mean prediction by a feature's value, with the rows that have it below, or in grey beside."""
    return _along(found, reach) if found.at else _by_value(found, reach)


def _along(found: Dependence, reach: Reach) -> Markup:
    x, y = scale(found.at[0], found.at[-1], LEFT, RIGHT), scale(*reach, BOTTOM, TOP)
    body = y_axis(y, ticks(*reach, 3), LEFT, RIGHT) + _key(found.lines)
    for index, ours in enumerate(found.lines.values()):
        points = [(x(at), y(value)) for at, value in zip(found.at, ours, strict=True)]
        body += path(points, f"{('first', 'second', 'third')[index]} stroke")
        body += "".join(mark(*each, index) for each in points)
    bottom = BOTTOM + 8 + STRIP
    body += _strip(found.histogram, x, bottom) if found.histogram else ""
    body += line(LEFT, bottom, RIGHT, bottom) + x_axis(x, ticks(found.at[0], found.at[-1]), bottom)
    return figure(f"Effect of {found.feature}", _described(found), bottom + 22, body)


def _strip(rows: Histogram, x: AxisScale, bottom: float) -> str:
    widths = zip(rows.edges, rows.edges[1:], rows.counts, strict=False)
    tall = [(low, high, count / max(high - low, 1e-300)) for low, high, count in widths]
    most = max((each for *_, each in tall), default=1) or 1
    return "".join(
        box(x(low), bottom - STRIP * each / most, x(high) - x(low) - 0.8, STRIP * each / most, "track",
            f"{axis_number(low)} to {axis_number(high)}: {rows:,} rows")
        for (low, high, each), rows in zip(tall, rows.counts, strict=True)
    )  # fmt: skip


def _by_value(found: Dependence, reach: Reach) -> Markup:
    end, total = WIDTH - 46, max(sum(found.rows), 1)
    x, y0, lines = scale(*reach, LABELS, end), 20 if len(found.lines) > 1 else 4, [*found.lines.values()]
    bottom, show = y0 + ROW * len(found.names), common_format([each for ours in lines for each in ours])
    body = _key(found.lines) + "".join(line(x(each), y0, x(each), bottom, "grid") for each in ticks(*reach, 3))
    short = tell_apart(found.names, LABELS - 8)
    for place, value in enumerate(found.names):
        y, rows = y0 + ROW * place, found.rows[place]
        body += box(LABELS, y + 4, (end - LABELS) * rows / total, ROW - 8, "track", f"{value}: {rows:,} rows")
        body += name(LABELS - 8, y + 16, short[place], LABELS - 8, whole=value)
        for index, ours in reversed([*enumerate(lines)]):
            body += mark(x(ours[place]), y + 12, index, f"{value}: {show(ours[place])}")
        body += text(WIDTH, y + 16, show(lines[0][place]), "end", "value") if len(lines) == 1 else ""
    return figure(
        f"Effect of {found.feature}", _described(found), bottom + 22, body + x_axis(x, ticks(*reach, 3), bottom)
    )


def costs_by_threshold(costs: CostCurve, names: tuple[str, str]) -> Markup:
    """The cost of 100 rows along the threshold, where it stands, and what the rule's decisions cost."""
    curve, (threshold, cost) = costs.curve, costs.served
    top = max([*curve.y, cost, costs.rule or 0.0]) or 1.0
    bottom = 196
    x, y = scale(0, 1, LEFT, RIGHT), scale(0, top * 1.05, bottom, TOP)
    body = y_axis(y, ticks(0, top), LEFT, RIGHT) + x_axis(
        x, [0, 0.25, 0.5, 0.75, 1], bottom, "yes from this probability on"
    )
    body += line(x(threshold), TOP, x(threshold), bottom, "axis strong")
    body += path([(x(a), y(b)) for a, b in zip(curve.x, curve.y, strict=True)], "first stroke")
    if costs.rule is not None:
        body += path([(x(0), y(costs.rule)), (x(1), y(costs.rule))], "second stroke")
    body += mark(x(threshold), y(cost), 0, f"serves: from {threshold:.3f} on, {axis_number(cost)} for 100 rows")
    right = threshold < 0.6
    body += text(x(threshold) + (6 if right else -6), TOP + 9, f"serves: {threshold:.3f}", "start" if right else "end")
    shown = names[: 2 if costs.rule is not None else 1]
    described = f"{axis_number(cost)} for 100 rows at the threshold of {threshold:.3f}"
    return figure("Cost by threshold", described, bottom + 34, body + legend(shown, 0, 10))


def _key(lines: Mapping[str, tuple[float, ...]]) -> str:
    return legend([*lines], 0, 10) if len(lines) > 1 else ""


def _described(found: Dependence) -> str:
    places = found.names or tuple(map(axis_number, found.at))
    first = next(iter(found.lines.values()), ())
    return "; ".join(f"{place} {axis_number(value)}" for place, value in zip(places, first, strict=False))
