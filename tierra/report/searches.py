"""What searches tried and found: lines, the history of trials, and which parameters matter."""

from collections.abc import Iterator, Sequence
from typing import Any

from markupsafe import Markup

from tierra.facts import ParametersSearched
from tierra.journal import Journal
from tierra.model.search_found import SearchDone
from tierra.model.spec import LOWER_IS_BETTER, heading
from tierra.report.charts import Measure, bars
from tierra.report.drawings import Drawing
from tierra.report.plots import BOTTOM, HEIGHT, LEFT, RIGHT, TOP
from tierra.report.svg import figure, legend, mark, path, scale, ticks, x_axis, y_axis
from tierra.report.wording import axis_number


def describe_search(done: SearchDone) -> str:
    """What was tried and found, as one line."""
    found = ", ".join(f"{name} {_value(value)}" for name, value in done.params.items())
    return f"{done.line}; {heading(done.metric)} {abs(done.value):.4f} with {found}"


def searches_shown(journal: Journal) -> dict[str, Any] | None:
    """What the page shows of searches; None where there was none."""
    searches = [each for fact in journal.facts(ParametersSearched) for each in fact.searches]
    if not searches:
        return None
    drawings = [drawing for each in searches for drawing in _draw(each)]
    return {"lines": list(map(describe_search, searches)), "drawings": drawings,
            "kept": [f"{each.candidate}: {each.location}" for each in searches]}  # fmt: skip


def _draw(done: SearchDone) -> Iterator[Drawing]:
    name = done.candidate.replace("_", " ")
    if len(done.trials) > 1:
        note = f"{heading(done.metric)} by trial, the first with the defaults; line: the best so far."
        yield Drawing(f"Search for {name}", draw_history(done), note)
    if done.importance:
        lines = [Measure(each, share) for each, share in sorted(done.importance.items(), key=lambda each: -each[1])]
        note = "How much of the spread of the metric each parameter explains, over the trials."
        yield Drawing(f"Parameters of {name}", bars(f"Importance of the parameters of {name}", lines), note)


def draw_history(done: SearchDone) -> Markup:
    """The metric of each trial, and the best so far."""
    sign = -1 if done.metric in LOWER_IS_BETTER else 1
    tried = [(place, sign * each.value, each.state) for place, each in enumerate(done.trials, 1)
             if each.value is not None]  # fmt: skip
    best = _best([(place, value) for place, value, state in tried if state == "complete"], sign)
    # A few that are far worse must not press the others together.
    values = sorted(value for _, value, _ in tried)
    middle = values[len(values) // 4 : 1 + 3 * len(values) // 4]
    reach = 3 * (middle[-1] - middle[0]) or abs(values[-1]) or 1.0
    low, high = max(values[0], middle[0] - reach), min(values[-1], middle[-1] + reach)
    x = scale(0.5, len(done.trials) + 0.5, LEFT + 10, RIGHT)
    y = scale(low, high if high > low else low + 1, BOTTOM, TOP + 4)
    body = y_axis(y, ticks(low, high, 4) if high > low else [low], LEFT + 10, RIGHT, show=axis_number)
    body += x_axis(x, [each for each in ticks(1, len(done.trials)) if each == int(each)], BOTTOM, "trial")
    body += path([(x(place), y(min(max(value, low), high))) for place, value in best], "first stroke")
    for place, value, state in tried:
        style = 0 if state == "complete" else 1
        body += mark(x(place), y(min(max(value, low), high)), style, f"trial {place}: {value:.4f}, {state}")
    is_pruned = any(state == "pruned" for *_, state in tried)
    body += legend(("every fold", "pruned"), 0, 10, lines=False) if is_pruned else ""
    return figure(f"Trials of {done.candidate}", f"{len(tried)} trials, the best {best[-1][1]:.4f}", HEIGHT, body)


def _best(values: Sequence[tuple[int, float]], sign: int) -> list[tuple[int, float]]:
    """The best value up to each trial."""
    found: list[tuple[int, float]] = []
    for place, value in values:
        found.append((place, value if not found else max(found[-1][1], value, key=lambda each: sign * each)))
    return found


def _value(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
