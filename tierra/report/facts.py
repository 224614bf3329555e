"""What a run's journal holds, in the form a page shows it."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tierra.data.profile import Difference, Profile
from tierra.facts import (
    ChampionFound,
    DaysCounted,
    FeaturesBuilt,
    LeaksSearched,
    PartitionDrifted,
    RowsQuarantined,
    SnapshotTaken,
    TableProfiled,
    TablesJoined,
    TableSplit,
)
from tierra.journal import Journal
from tierra.model.evaluation import Histogram
from tierra.model.leaks.finding import Leak
from tierra.model.release import Champion
from tierra.report.wording import number

COUNTED_DAYS = 400


def days_counted(journal: Journal) -> dict[str, Any]:
    """The rows of the newest days at the source, and on which day they were counted, by the names of `Run`."""
    if not (counted := journal.facts(DaysCounted)):
        return {}
    newest = sorted(counted[-1].rows.items())[-COUNTED_DAYS:]
    return {"days": {day.isoformat(): rows for day, rows in newest}, "looked": counted[-1].today.isoformat()}


def profiles(journal: Journal) -> dict[str, Profile]:
    """The profile of each table."""
    return {fact.profile.name: fact.profile for fact in journal.facts(TableProfiled)}


def drift(journal: Journal) -> list[dict[str, Any]]:
    """How the partitions differ from the champion's training rows, the strong differences first."""
    return in_lines("partition", {fact.partition: fact.differences for fact in journal.facts(PartitionDrifted)})


def in_lines(place: str, found: Mapping[str, Iterable[Difference]]) -> list[dict[str, Any]]:
    """Differences as lines of a table, each with the part or partition it belongs to, the strong ones first."""
    lines = [{place: name, **each.model_dump()} for name, differences in found.items() for each in differences]
    return sorted(lines, key=lambda line: line["severity"] != "strong")


def added(histograms: Iterable[Histogram | None]) -> Histogram | None:
    """One distribution of several with the edges of the first."""
    found = [each for each in histograms if each]
    if not found:
        return None
    alike = [each.counts for each in found if each.edges == found[0].edges]
    return Histogram(edges=found[0].edges, counts=tuple(sum(column) for column in zip(*alike, strict=False)))


def counted(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """Counts by name, added up."""
    total: Counter[str] = Counter()
    for each in counts:
        total.update(each)
    return dict(total)


def quarantined(journal: Journal) -> int | None:
    """Rows that were set aside; None where none were."""
    return sum(fact.rows for fact in journal.facts(RowsQuarantined)) or None


def stations(journal: Journal) -> list[dict[str, Any]]:
    """One line a station, however often the run came by."""
    lines: dict[str, dict[str, Any]] = {}
    for entry in journal.entries:
        nothing = {"name": entry.station, "seconds": 0.0, "times": 0, "reused": 0, "failed": 0}
        line = lines.setdefault(entry.station, nothing)
        line["seconds"] += entry.seconds
        line["times"] += 1
        line["failed"] += entry.failed
        line["reused"] += entry.reused
    return list(lines.values())


def champion_of(journal: Journal) -> Champion | None:
    """The model that served, or serves since this run."""
    found = journal.facts(ChampionFound)
    return found[-1].champion if found else None


def digests(journal: Journal) -> dict[str, str]:
    """Rows and digests of everything that was read and made, and the seed."""
    lines: dict[str, str] = {}
    for read in journal.facts(SnapshotTaken):
        lines |= {f"{read.source} rows": number(read.rows), f"{read.source} sha256": read.sha256[:12]}
    for joined in journal.facts(TablesJoined):
        lines |= {f"orphans {name}": number(rows) for name, rows in joined.orphans.items()}
    for built in journal.facts(FeaturesBuilt):
        lines["rows without a label"] = number(built.unlabelled)
    for split in journal.facts(TableSplit):
        lines |= {f"{name} rows": number(rows) for name, rows in split.rows.items()}
        lines |= {"seed": str(split.seed)} if split.seed is not None else {}
    champion = champion_of(journal)
    return lines | ({"model sha256": champion.release.model_sha256} if champion else {})


def reasons(journal: Journal) -> Sequence[Any]:
    """Why rows were set aside, with examples."""
    return [reason for fact in journal.facts(RowsQuarantined) for reason in fact.reasons]


def leaks(journal: Journal) -> Sequence[Leak]:
    """The leaks that were found, acknowledged or not."""
    searched = journal.facts(LeaksSearched)
    return searched[-1].leaks if searched else ()
