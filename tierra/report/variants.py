"""The table of a champion's variants, as texts: on receipts, in the Prefect UI and in a terminal."""

from dataclasses import dataclass

from tierra.model.gate_checks import format_difference, format_metric
from tierra.model.spec import heading
from tierra.model.variant_measured import Times, VariantMeasured
from tierra.outcomes.optimise import Optimised

NOT_MADE = "not made"


@dataclass(frozen=True)
class VariantLine:
    """A variant's line: its name, how it was made, its figures, whether it may serve, and why not."""

    name: str
    how: str
    cells: tuple[str, ...]
    outcome: str
    reason: str = ""


def variant_heads(ended: Optimised) -> tuple[str, ...]:
    """The heads of the figures."""
    many = next((each.many.rows for each in ended.variants if each.many), 0)
    metric = heading(ended.metric)
    times = ("one row, ms", "faster", f"{many:,} rows, ms", "faster")
    return ("size, kB", "smaller", metric, "better by", *times, "other decisions")


def variant_lines(ended: Optimised) -> list[VariantLine]:
    """The champion, then each variant beside it."""
    first = next((each for each in ended.variants if each.one and each.many), None)
    times = ("",) * 4 if first is None or not first.one or not first.many else (
        _milliseconds(first.one.champion), "", _milliseconds(first.many.champion), "")  # fmt: skip
    metric = next((each.champion for each in ended.variants if each.champion is not None), None)
    cells = (_kilobytes(ended.champion.bytes), "", _metric(metric), "", *times, "")
    champion = VariantLine("champion", ended.champion.served.label, cells, "serves")
    return [champion, *map(_line, ended.variants)]


def _line(each: VariantMeasured) -> VariantLine:
    if each.verdict is None:
        return VariantLine(each.name, each.how, ("",) * 9, NOT_MADE, each.reason)
    outcome = "may serve" if each.may_serve else "may not serve"
    apart = "" if each.interval is None else " to ".join(format_difference(end, sign="+") for end in each.interval)
    changed = "" if each.changed is None else f"{100 * each.changed:.2g} %"
    cells = (_kilobytes(each.bytes), f"{each.smaller:,.1f} x", _metric(each.metric), apart, *_times(each.one),
             *_times(each.many), changed)  # fmt: skip
    return VariantLine(each.name, each.how, cells, outcome, each.reason)


def _times(times: Times | None) -> tuple[str, str]:
    if times is None:
        return "", ""
    low, high = times.interval
    return _milliseconds(times.own), f"{times.faster:,.2g} x ({low:,.2g} to {high:,.2g})"


def _metric(value: float | None) -> str:
    return "" if value is None else format_metric(value)


def _kilobytes(count: int) -> str:
    return f"{count / 1000:,.{0 if count >= 100_000 else 1}f}"


def _milliseconds(value: float) -> str:
    return f"{value:,.{0 if value >= 100 else 1}f}"
