"""The checks of a comparison: whether the test part can decide, and what the paired difference shows."""

from typing import Any

from tierra.model.difference import Difference
from tierra.model.gate_checks import GateCheck, format_metric
from tierra.model.spec import heading

# Below a thousandth of alpha no interval that these rows give is to be relied on, so far out in its tail.
MOST_USES = 31
LEAST_ROWS, LEAST_OF_A_CLASS = 20, 5

Named = tuple[str, dict[str, float]]


def check_rows(rows: int, too_few: str) -> GateCheck:
    """Whether there are rows enough for any comparison."""
    return _of_test_part("rows of the test part", not too_few, too_few, value=rows, limit=LEAST_ROWS, bound="at least")


def check_use(learnt: int | None, use: int) -> list[GateCheck]:
    """Whether the champion is judged on rows it had not seen, and these rows were not used too often."""
    over = (f"these test rows have judged {use - 1:,} challengers, and {MOST_USES} are as many as alpha is spread over:"
            " wait for new labels, or take other test rows with `split: {seed: ...}`")  # fmt: skip
    spent = f"this use of the test rows is judged at alpha / {use * (use + 1):,}"
    passed = use <= MOST_USES
    return [
        _seen_rows(learnt),
        _of_test_part("uses of the test part", passed, spent if passed else over, value=use, limit=MOST_USES,
                      bound="at most"),
    ]  # fmt: skip


def _seen_rows(learnt: int | None) -> GateCheck:
    name, subject = "rows it learnt from", "champion"
    if learnt is None:
        why = "what the champion learnt from is not known: its release is of an older version, or the store lost it"
        return GateCheck(kind="test part", check=name, subject=subject, outcome="not known", reason=why)
    left = f"{learnt:,} rows that the champion learnt from were left out" if learnt else "none was learnt from"
    return _of_test_part(name, True, left, subject=subject, value=learnt)


def _of_test_part(name: str, passed: bool, reason: str, **more: Any) -> GateCheck:
    return GateCheck(kind="test part", check=name, outcome="passed" if passed else "failed", reason=reason, **more)


def compare(
    name: str, metric: str, both: tuple[Named, Named], apart: Difference | None, limit: float, alpha: float, rows: int
) -> GateCheck:
    """Whether the one model is shown to be better than the other by the limit; negative where it may be worse."""
    (ours, one), (theirs, other) = both
    figures = f"{heading(metric)} {format_metric(one[metric])} against {format_metric(other[metric])}"
    line = {"kind": "comparison", "check": name, "subject": heading(metric), "limit": limit, "bound": "above"}
    if apart is None:
        why = f"{ours} cannot be compared with {theirs}: {figures}, and these rows give no interval of the difference"
        return GateCheck(**line, outcome="undecided", reason=why)
    low, high = apart.interval(alpha)
    outcome = "passed" if low > limit else "undecided" if apart.value > limit else "failed"
    verb = _verb(outcome, limit)
    reason = f"{ours} {verb.format(theirs=theirs)}: {figures}, {_apart(low, high)} ({_level(alpha)} interval)"
    if outcome == "undecided" and (more := apart.rows_to_show(rows, limit, alpha)):
        shown = "it, were the difference the same" if limit < 0 else "a difference as large as this one"
        reason += f"; about {_round(more):,} test rows would show {shown}"
    return GateCheck(**line, value=apart.value, interval=(low, high), outcome=outcome, reason=reason)


def _verb(outcome: str, limit: float) -> str:
    by = f" by {abs(limit):g} or more" if limit else ""
    if limit < 0:
        words = {"passed": "is shown not to be worse than", "undecided": "is not shown not to be worse than"}
        return f"{words.get(outcome, 'did worse than')} {{theirs}}{by}"
    words = {"passed": "beats", "undecided": "is not shown to beat"}
    return f"{words.get(outcome, 'does not beat')} {{theirs}}{by}"


def _apart(low: float, high: float) -> str:
    if high < 0:
        return f"worse by {format_metric(-high)} to {format_metric(-low)}"
    return f"better by {format_metric(low)} to {format_metric(high)}"


def _round(rows: int) -> int:
    """To two digits: an estimate is not more exact."""
    unit = 10 ** max(len(str(rows)) - 2, 0)
    return -(-rows // unit) * unit


def _level(alpha: float) -> str:
    return f"{100 * (1 - 2 * alpha):.4g} %"
