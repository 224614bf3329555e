"""The parts of a receipt: those of the flow first, then the data, what was noticed, and the stations."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tierra.data.profile import ColumnProfile, Profile
from tierra.facts import PartitionDrifted, RowsQuarantined
from tierra.journal import Journal, Warned
from tierra.project.project import Project
from tierra.report import facts
from tierra.report.drawings import draw_column, draw_stations
from tierra.report.wording import shorten

MULTIPLES = 24


@dataclass(frozen=True)
class Section:
    """One part of a page: its anchor, title, template, and what the template shows."""

    id: str
    title: str
    template: str
    shows: Any
    short: str = ""


def data_sections(journal: Journal, project: Project | None) -> Iterator[Section]:
    """What the tables look like, which rows were set aside, and what was noticed."""
    profiles = facts.profiles(journal)
    main = profiles.get(project.main if project else "") or next(iter(profiles.values()), None)
    title, multiples = (f"The data: {main.name}", _multiples(main, journal)) if main else ("The data", None)
    yield Section("data", title, "profile", multiples, "Data")
    yield Section("quarantine", "Quarantined rows", "quarantine", facts.reasons(journal), "Quarantine")
    places = [fact.location for fact in journal.facts(RowsQuarantined) if fact.location]
    noticed = list(dict.fromkeys(fact.text for fact in journal.facts(Warned)))
    yield Section(
        "noticed", "Noticed", "lines", [*noticed, *(f"Quarantined rows, with their reasons: {each}" for each in places)]
    )


def run_sections(journal: Journal, digests: dict[str, str]) -> Iterator[Section]:
    """The stations, and the digests of what was read and made."""
    lines = facts.stations(journal)
    shown = {"lines": lines, "drawing": draw_stations(journal.entries)}
    yield Section("stations", "Stations", "stations", shown if lines else None)
    all_digests = {name: shorten(value, 300) for name, value in (facts.digests(journal) | digests).items()}
    yield Section("digests", "Data and digests", "digests", all_digests, "Digests")


def training_profiles(journal: Journal) -> dict[str, Profile]:
    """The champion's training profile, by the table it is drawn beside."""
    return {fact.table: fact.training for fact in journal.facts(PartitionDrifted)}


def _multiples(profile: Profile, journal: Journal) -> dict[str, Any]:
    then = training_profiles(journal).get(profile.name)
    columns = [each for each in profile.columns if each.name not in profile.key]
    before = then.by_name if then else {}
    shown = [
        {"name": each.name, "note": _note(each), "svg": draw_column(each, before.get(each.name))}
        for each in columns[:MULTIPLES]
    ]
    return {"profile": profile, "columns": shown, "of": len(columns), "beside": then}


def _note(column: ColumnProfile) -> str:
    parts: list[str] = [column.kind]
    parts += [f"{100 * column.missing_share:.1f} % missing"] if column.missing else []
    parts += [f"{'' if column.distinct_exact else 'about '}{column.distinct:,} different"]
    parts += [f"{100 * column.outliers:.1f} % far out"] if column.outliers else []
    return ", ".join(parts)
