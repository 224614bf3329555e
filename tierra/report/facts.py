"""What a run's journal holds, in the form a page asks for it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from tierra.data.profile import Difference, Profile
from tierra.journal import Journal
from tierra.model.evaluation import Evaluation, Histogram
from tierra.outcomes import PartitionScored, Scored, Trained
from tierra.report.wording import number, shorten


def merged(journal: Journal, name: str) -> dict[str, Any]:
    """All dictionaries noted under a name as one; what was noted later counts."""
    return {key: value for each in journal.facts(name) if isinstance(each, Mapping) for key, value in each.items()}


def listed(journal: Journal, name: str) -> list[Any]:
    """All lists noted under a name, one after the other; a value noted alone is a list of one."""
    found: list[Any] = []
    for each in journal.facts(name):
        found += each if isinstance(each, list | tuple) else [each]
    return found


def evaluations(journal: Journal) -> dict[str, Evaluation]:
    """What was measured of each model on the test rows."""
    return {name: Evaluation.model_validate(each) for name, each in merged(journal, "evaluations").items()}


def profiles(journal: Journal, name: str = "profiles") -> dict[str, Profile]:
    """The profile of each table."""
    return {table: Profile.model_validate(each) for table, each in merged(journal, name).items()}


def differences(journal: Journal, name: str) -> list[dict[str, Any]]:
    """Differences with the part or partition they belong to, the strong ones first."""
    found = [each.model_dump() if isinstance(each, Difference) else dict(each) for each in listed(journal, name)]
    return sorted(found, key=lambda each: each.get("severity") != "strong")


def scores(journal: Journal, name: str) -> Histogram | None:
    """One distribution of several with the same edges."""
    found = [Histogram.model_validate(each, from_attributes=True) for each in journal.facts(name) if each]
    alike = [each.counts for each in found if each.edges == found[0].edges]
    if not found:
        return None
    return Histogram(edges=found[0].edges, counts=tuple(sum(column) for column in zip(*alike, strict=False)))


def decided(journal: Journal, name: str) -> dict[str, int]:
    """How many rows were decided for each class, over all partitions."""
    total: Counter[str] = Counter()
    for each in journal.facts(name):
        total.update(each)
    return dict(total)


def unseen(partitions: Sequence[PartitionScored]) -> dict[str, int]:
    """Rows with a category that was not there in training, by column."""
    total: Counter[str] = Counter()
    for each in partitions:
        total.update(each.unseen)
    return dict(total.most_common())


def stations(journal: Journal) -> list[dict[str, Any]]:
    """One line a station, however often the run came by."""
    lines: dict[str, dict[str, Any]] = {}
    for entry in journal.entries:
        line = lines.setdefault(entry.station, {"name": entry.station, "seconds": 0.0, "times": 0, "reused": 0})
        line["seconds"] += entry.seconds
        line["times"] += 1
        line["reused"] += entry.reused
    return list(lines.values())


def digests(journal: Journal, end: Any) -> dict[str, str]:
    """Rows and digests of everything that was read and made, and the seed."""
    facts: dict[str, Any] = {}
    for entry in journal.entries:
        facts |= {name: value for name, value in entry.facts.items() if name.endswith((" rows", " sha256"))}
        facts |= {name: value for name, value in entry.facts.items() if name.startswith("orphans ")}
        facts |= {"rows without a label": entry.facts["unlabelled"]} if "unlabelled" in entry.facts else {}
        facts |= {"seed": str(entry.facts["seed"])} if "seed" in entry.facts else {}
    if isinstance(end, Trained):
        facts["model sha256"] = end.model_sha256
    if isinstance(end, Scored):
        facts |= {f"{each.partition} rows sha256": each.inputs for each in end.partitions if each.inputs}
    return {name: number(value) if isinstance(value, int) else shorten(value, 300) for name, value in facts.items()}
