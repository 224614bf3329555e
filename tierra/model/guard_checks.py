"""The checks of the guardrails: nothing here measures, it only judges what was measured."""

from collections.abc import Iterator
from typing import Any

from tierra.model.difference import Difference
from tierra.model.gate_checks import GateCheck, format_metric
from tierra.model.gate_spec import Guardrails, Limits
from tierra.model.guarded import ClassGuarded, Guarded
from tierra.model.spec import LOWER_IS_BETTER, Gate, heading

SHOWN = 3


def check_guardrails(found: Guarded, gate: Gate) -> list[GateCheck]:
    """A line for each guardrail that the project has; of the slices the worst, and every one that stops."""
    return [*_slices(found, gate), *_slice_floors(found, gate), *_classes(found, gate), *_gaps(found, gate),
            *_limits(found, gate)]  # fmt: skip


def _line(name: str, subject: str, passed: bool | None, **more: Any) -> GateCheck:
    outcome = "not known" if passed is None else "passed" if passed else "failed"
    return GateCheck(kind="guardrail", check=name, subject=subject, outcome=outcome, **more)


def _slices(found: Guarded, gate: Gate) -> Iterator[GateCheck]:
    search = found.slices
    if search is None or not search.worst:
        return
    alpha, drop = gate.alpha / search.looked, gate.slices.drop
    bad = [each for each in search.worst if each.beyond.interval(alpha)[0] > 0]
    for each in bad[:SHOWN] or [max(search.worst, key=lambda each: each.growth)]:
        # The bounds of what is beyond the limit, moved to be those of the growth itself.
        low, high = (bound - each.beyond.value + each.growth for bound in each.beyond.interval(alpha))
        where = (
            f"in the slice {each.name} ({each.rows:,} rows) the loss is {_moved(each.growth)} that of {found.reference}"
        )
        reason = f"{where}, surely more than {100 * low:.0f} %, and {100 * drop:g} % is allowed" if bad else (
            f"{where}: the worst of {search.looked:,} slices")  # fmt: skip
        yield _line("loss in a slice", each.name, not bad, value=each.growth, interval=(low, high), limit=drop,
                    bound="at most", reason=reason)  # fmt: skip


def _moved(share: float) -> str:
    return f"{100 * abs(share):.0f} % {'above' if share > 0 else 'below'}"


def _slice_floors(found: Guarded, gate: Gate) -> Iterator[GateCheck]:
    metric, lower = gate.metric_name, gate.metric_name in LOWER_IS_BETTER
    yield from _unmeasured(
        "floor of a slice", gate.slices.floor, [f"{each.column}={each.value}" for each in found.floors]
    )
    for each in found.floors:
        limit = _limit_of(gate.slices.floor, f"{each.column}={each.value}")
        if limit is None:
            continue
        subject = f"{each.column} = {each.value}"
        if each.score is None:
            few = f"{each.rows:,} rows of {subject} are too few for {heading(metric)}"
            yield _line("floor of a slice", subject, None, limit=limit, reason=few)
            continue
        passed = each.score <= limit if lower else each.score >= limit
        word = "above" if lower else "below"
        measured = f"{heading(metric)} {format_metric(each.score)} in the slice {subject}"
        reason = "" if passed else f"{measured} is {word} {limit:g}"
        yield _line("floor of a slice", subject, passed, value=each.score, interval=each.interval, limit=limit,
                    bound="at most" if lower else "at least", reason=reason)  # fmt: skip


def _classes(found: Guarded, gate: Gate) -> Iterator[GateCheck]:
    rails = gate.classes
    if rails is None:
        return
    yield from _unmeasured("recall of a class", rails.floor, [each.name for each in found.classes])
    for each in found.classes:
        floor = _limit_of(rails.floor, each.name)
        if floor is not None:
            passed = each.recall.value >= floor
            reason = "" if passed else f"the recall of class {each.name}, {each.recall.value:.4f}, is below {floor:g}"
            yield _line("recall of a class", each.name, passed, **_shown(each.recall, gate.alpha), limit=floor,
                        bound="at least", reason=reason)  # fmt: skip
        if rails.drop is not None:
            yield _fall(each, rails.drop, gate.alpha / len(found.classes), found.reference)


def _fall(each: ClassGuarded, drop: float, alpha: float, reference: str) -> GateCheck:
    low, high = each.fall.interval(alpha)
    passed = low <= drop
    reason = "" if passed else f"the recall of class {each.name} is {low:.4f} to {high:.4f} below that of {reference}"
    return _line("fall of a class's recall", each.name, passed, value=each.fall.value, interval=(low, high), limit=drop,
                 bound="at most", reason=reason)  # fmt: skip


def _gaps(found: Guarded, gate: Gate) -> Iterator[GateCheck]:
    for each in found.gaps if gate.fairness else ():
        assert gate.fairness
        passed = each.gap.value <= gate.fairness.difference
        groups = f"{each.column}: {each.high} against {each.low}"
        what = {"error": "error", "decided": "share decided yes", "recall": "recall"}[gate.fairness.of]
        reason = "" if passed else f"the {what} differs by {each.gap.value:.4f} between groups of {groups}"
        yield _line(f"groups, by {what}", groups, passed, **_shown(each.gap, gate.alpha),
                    limit=gate.fairness.difference, bound="at most", reason=reason)  # fmt: skip


def _limits(found: Guarded, gate: Guardrails) -> Iterator[GateCheck]:
    if gate.calibration and found.calibration:
        value, interval = found.calibration.value, _shown(found.calibration, 0.025)["interval"]
        yield _most("calibration error", "probabilities", value, gate.calibration, "", interval)
    if gate.latency_ms and found.latency_ms is not None:
        yield _most("time for one row", "milliseconds", found.latency_ms, gate.latency_ms, " ms")
    if gate.size_mb and found.size_mb is not None:
        yield _most("size of the model", "megabytes", found.size_mb, gate.size_mb, " MB")


def _most(
    name: str, subject: str, value: float, limit: float, unit: str, interval: tuple[float, float] | None = None
) -> GateCheck:
    passed = value <= limit
    reason = "" if passed else f"the {name} is {format_metric(value)}{unit}, and {limit:g}{unit} is allowed"
    return _line(name, subject, passed, value=value, interval=interval, limit=limit, bound="at most", reason=reason)


def _shown(found: Difference, alpha: float) -> dict[str, Any]:
    low, high = found.interval(alpha)
    return {"value": found.value, "interval": (max(low, 0.0), high)}


def _unmeasured(check: str, limits: Limits | None, names: list[str]) -> Iterator[GateCheck]:
    """A line for each limit of what was not measured: a name that is misspelt must not go unseen."""
    for name, limit in limits.items() if isinstance(limits, dict) else ():
        if name not in names:
            yield _line(check, name, None, limit=limit, reason=f"{name} was not measured on these test rows")


def _limit_of(limits: Limits | None, name: str) -> float | None:
    return limits.get(name) if isinstance(limits, dict) else limits
