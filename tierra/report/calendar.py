"""A calendar of partitions: a column a week, a row a weekday, a cell a partition, told by colour and by a letter."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final
from urllib.parse import quote

from markupsafe import Markup, escape

from tierra.data.partition_states import SIGNS, PartitionState, Sign, count_states
from tierra.data.partitions import ALL
from tierra.report.svg import MAX_LABEL, WIDTH, box, figure, text
from tierra.report.wording import shorten

LEFT, TOP, GAP, LARGEST, NAME_WIDTH = 30, 16, 1.6, 26, 24
WEEKDAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True)
class Calendar:
    """The drawing, its legend (how many partitions are in each state that there is), and its first and last day."""

    svg: Markup
    legend: tuple[tuple[Sign, int], ...]
    first: date
    last: date


def draw_calendar(title: str, states: Sequence[PartitionState], folder: str = "") -> Calendar | None:
    """The calendar of the days among these partitions, each linked to its receipt in `folder`; None without days."""
    days = {date.fromisoformat(each.partition): each for each in states if each.partition != ALL}
    if not days:
        return None
    first, last = min(days), max(days)
    start = first - timedelta(first.weekday())
    weeks = (last - start).days // 7 + 1
    step = min((WIDTH - LEFT) / weeks, LARGEST)
    body = "".join(text(0, TOP + step * row + step * 0.68, name) for row, name in enumerate(WEEKDAYS) if row % 2 == 0)
    body += _months(start, weeks, step)
    for index in range((last - start).days + 1):
        day = start + timedelta(index)
        if day >= first:
            body += _cell(LEFT + step * (index // 7), TOP + step * (index % 7), step - GAP, day, days.get(day), folder)
    legend = tuple((SIGNS[state], count) for state, count in count_states(days.values()).items())
    words = ", ".join(f"{count} {sign.words}" for sign, count in legend)
    # What has links is no picture to a screen reader, which would not name them.
    svg = figure(title, f"{first} to {last}: {words}", TOP + 7 * step, body, role="group")
    return Calendar(svg, legend, first, last)


def calendar_in_text(states: Sequence[PartitionState]) -> list[str]:
    """The same in letters: a line a weekday, a letter a partition, a column a week."""
    days = {date.fromisoformat(each.partition): each.sign.letter for each in states if each.partition != ALL}
    if not days:
        return []
    start = min(days) - timedelta(min(days).weekday())
    weeks = range((max(days) - start).days // 7 + 1)
    return [
        " ".join([name, *(days.get(start + timedelta(7 * week + row), " ") for week in weeks)]).rstrip()
        for row, name in enumerate(WEEKDAYS)
    ]


def _months(start: date, weeks: int, step: float) -> str:
    """The name of a month over the first week that begins in it, where the next name leaves room."""
    mondays = [start + timedelta(7 * week) for week in range(weeks)]
    begins = [week for week in range(weeks) if not week or mondays[week].month != mondays[week - 1].month]
    ends = [LEFT + step * week for week in begins[1:]] + [WIDTH]
    named = [week for week, end in zip(begins, ends, strict=True) if LEFT + step * week + NAME_WIDTH <= end]
    return "".join(text(LEFT + step * week, 11, MONTHS[mondays[week].month - 1]) for week in named)


def _cell(x: float, y: float, size: float, day: date, state: PartitionState | None, folder: str) -> str:
    if state is None:
        return box(x, y, size, size, "cell", f"{day}: no rows are known of")
    kind = state.sign.mood
    letter = text(x + size / 2, y + size * 0.5 + 3.8, state.sign.letter, "middle", f"letter {kind}")
    drawn = box(x, y, size, size, f"cell {kind}") + letter
    told = escape(shorten(describe_state(state), 2 * MAX_LABEL))
    if not state.receipt:
        return f"<g><title>{told}</title>{drawn}</g>"
    address = escape(quote(f"{folder}{state.receipt}"))
    return f'<a href="{address}" aria-label="{told}"><title>{told}</title>{drawn}</a>'


def describe_state(state: PartitionState) -> str:
    """A partition in one line: its day, state, publication and why."""
    parts = [f"{state.partition}: {state.sign.words}"]
    if state.generation:
        parts.append(f"generation {state.generation} by version {state.model_version}")
        parts.append(f"{state.rows or 0:,} rows, {state.quarantined or 0:,} quarantined")
    return ", ".join(parts) + (f"; {state.reason}" if state.reason else "")
