"""The page of the morning: every project with its calendar and what needs a person, the worst first, in one file."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from tierra.data.partition_states import SIGNS, count_states
from tierra.report.calendar import Calendar, calendar_in_text, draw_calendar
from tierra.report.filling import fill
from tierra.report.index import NAME, write_whole
from tierra.settings import Settings
from tierra.status.facts import FlowStatus, Status
from tierra.status.judging import worst
from tierra.status.seen import ORDER, Level
from tierra.status.words import ago, ahead, length
from tierra.store.disk import NEW_STORE, make_folder

WORDS: Final[dict[Level, str]] = {"red": "RED", "amber": "AMBER", "green": "green"}
TAGS: Final[dict[Level, str]] = {"red": "bad", "amber": "warned", "green": "good"}


@dataclass(frozen=True)
class Fact:
    """One line about a project, with its receipt and its run in Prefect where it has them."""

    what: str
    words: str
    receipt: str = ""
    run: str = ""


@dataclass(frozen=True)
class ProjectPart:
    """One project as the page shows it: the facts of its flows, in words, and its calendar."""

    name: str
    level: Level
    facts: tuple[Fact, ...]
    calendar: Calendar | None
    letters: tuple[str, ...]


def write_morning(status: Status, settings: Settings) -> Path:
    """Write the page over the one before, whole, where the receipts' address opens."""
    folder = settings.root / "receipts"
    make_folder(folder, NEW_STORE)
    write_whole(folder / NAME, render_morning(status))
    return folder / NAME


def page_age(settings: Settings) -> float:
    """How many seconds ago the page was written; infinite where there is none."""
    try:
        return time.time() - (settings.root / "receipts" / NAME).stat().st_mtime
    except OSError:
        return math.inf


def render_morning(status: Status) -> str:
    """The page of the morning."""
    return fill("morning.html", {"project": "Tierra", "title": status.sentence, "status": status, "words": WORDS,
                                 "tags": TAGS, "alerts": status.alerts, "projects": project_parts(status),
                                 "index": NAME})  # fmt: skip


def project_parts(status: Status) -> list[ProjectPart]:
    """The projects, the worst first."""
    names = dict.fromkeys(flow.project for flow in status.flows)
    parts = [_part([each for each in status.flows if each.project == name], status.moment) for name in names]
    return sorted(parts, key=lambda part: (ORDER[part.level], part.name))


def legend(status: Status) -> str:
    """The letters of all calendars, each with its words."""
    states = count_states(each for flow in status.flows for each in flow.partitions)
    return ", ".join(f"{SIGNS[state].letter} {SIGNS[state].words}" for state in states)


def _part(flows: Sequence[FlowStatus], now: datetime) -> ProjectPart:
    name = flows[0].project
    states = next((each.partitions for each in flows if each.flow == "score"), ())
    ordered = sorted(flows, key=lambda flow: flow.flow)
    return ProjectPart(
        name=name,
        level=worst(flow.level for flow in flows),
        facts=tuple(fact for flow in ordered for fact in _facts(flow, now) if fact.words),
        calendar=draw_calendar(f"Partitions of {name}", states, f"{name}/"),
        letters=tuple(calendar_in_text(states)),
    )


def _facts(flow: FlowStatus, now: datetime) -> list[Fact]:
    page = f"{flow.project}/{flow.receipt}" if flow.receipt else ""
    flow_facts = [Fact(f"last {flow.flow}", _last_end(flow, now), page, flow.link)]
    flow_facts += [Fact(f"next {flow.flow}", ahead(flow.next_run, now))]
    if flow.flow != "score":
        return flow_facts
    return [Fact("newest partition", _newest(flow)), Fact("champion", _champion(flow, now)), *flow_facts]


def _last_end(flow: FlowStatus, now: datetime) -> str:
    if not flow.last_ended:
        return "never"
    why = flow.error or flow.last_sentence
    return f"{flow.last_outcome} {ago(flow.last_ended, now)}" + (f": {why}" if why else "")


def _newest(flow: FlowStatus) -> str:
    """The newest published partition, its rows, and how old the newest rows at the source are."""
    if not flow.partition:
        return "none is published"
    rows = f"{flow.partition}, {flow.rows or 0:,} rows, {flow.quarantined or 0:,} quarantined"
    age = flow.newest_age_seconds
    return rows if age is None else f"{rows}; the newest rows ended {length(max(age, 0))} ago"


def _champion(flow: FlowStatus, now: datetime) -> str:
    if not flow.champion:
        return "none yet" if flow.champion == "" else ""
    return f"version {flow.champion}" + (f", since {ago(flow.champion_since, now)}" if flow.champion_since else "")
