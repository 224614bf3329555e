"""What a scoring says: on its receipt, in the Prefect UI and in a terminal."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from rich.console import RenderableType

from tierra.data.completeness import describe
from tierra.facts import PartitionPredicted, ShadowNoted
from tierra.outcomes.scoring import PartitionScored, Scored
from tierra.report import facts
from tierra.report.drawings import draw_decided, draw_scores
from tierra.report.finished_run import FinishedRun
from tierra.report.sections import Section
from tierra.report.terminal import plain_table, printable
from tierra.report.wording import shorten

# Days of a kind that a receipt names, and findings that a record keeps.
NAMED, RECORDED = 40, 40
# Partitions that a record names, and how much of why one was rejected.
PARTITIONS, REASON = 400, 200


def sections(run: FinishedRun) -> Iterator[Section]:
    """The partitions, what was predicted, and how their rows differ from those of the training."""
    scored, predicted = cast(Scored, run.outcome), run.journal.facts(PartitionPredicted)
    missing = describe(scored.project, scored.incomplete, NAMED)
    yield Section("range", "Range of days", "lines", _range_lines(scored), "Range")
    yield Section("missing", "Missing at the source", "lines", missing, "Missing")
    yield Section("partitions", "Partitions", "partitions", scored.partitions)
    drawn = draw_scores(
        facts.added(each.scores for each in predicted), facts.added(each.training_scores for each in predicted)
    )
    drawn += draw_decided(
        facts.counted(each.decided for each in predicted), facts.counted(each.training_decided for each in predicted)
    )
    yield Section("predictions", "What was predicted", "drawings", drawn, "Predictions")
    in_shadow = [str(each) for each in run.journal.facts(ShadowNoted)]
    yield Section("shadow", "In shadow", "lines", in_shadow, "Shadow")
    drift = facts.drift(run.journal)
    yield Section("moved", "Differences to the champion's training data", "differences", drift, "Differences")
    unseen = Counter(facts.counted(each.unseen for each in scored.partitions))
    yield Section("unseen", "Not seen in training", "counts", dict(unseen.most_common()), "Unseen")


def summary(run: FinishedRun) -> Mapping[str, Any]:
    """The partitions that a person looks for, and how many stand as they were beside them."""
    every = cast(Scored, run.outcome).partitions
    changed = [each for each in every if each.outcome != "AlreadyPublished"]
    shown = list(every) if len(every) == 1 else changed
    return {"partitions": shown, "unchanged": len(every) - len(shown)}


def counts(run: FinishedRun) -> Mapping[str, Any]:
    """Rows published, rows set aside, how partitions ended, and what is missing, where the run looked at all days."""
    scored = cast(Scored, run.outcome)
    missing = scored.incomplete[:RECORDED] if scored.looked_at_all else None
    return {
        "rows": scored.rows_scored, "quarantined": scored.rows_quarantined, "is_incomplete": bool(scored.incomplete),
        "missing": missing, "newest": scored.newest, **_ends(scored),
    }  # fmt: skip


def _ends(scored: Scored) -> Mapping[str, Any]:
    """The newest partitions that were published, rejected and found changed."""
    newest = sorted(scored.partitions, key=lambda each: each.partition, reverse=True)

    def those(outcome: str, most: int) -> list[PartitionScored]:
        return [each for each in newest if each.outcome == outcome][:most]

    return {
        "published": tuple(each.partition for each in those("Published", PARTITIONS)),
        "rejected": {each.partition: shorten(each.reason, REASON) for each in those("Rejected", RECORDED)},
        "stale": tuple(each.partition for each in those("Stale", PARTITIONS)),
    }


def digests(outcome: Scored) -> Mapping[str, str]:
    """The rows that each partition was scored from."""
    return {f"{each.partition} rows sha256": each.inputs for each in outcome.partitions if each.inputs}


def in_terminal(outcome: Scored) -> Sequence[RenderableType]:
    """A row a partition, and where each manifest lies."""
    lines: list[RenderableType] = [f"\n[bold]{outcome.project}: {outcome.outcome}[/]"]
    shown = _first_of(outcome.partitions)
    if shown:
        table = plain_table("partition", "outcome", "rows in", "scored", "quarantined", "generation", "model", right=2)
        for each in shown:
            ending = each.outcome + (", stale" if each.stale else "")
            numbers = (each.rows_in, each.rows_scored, each.rows_quarantined, each.generation)
            table.add_row(each.partition, ending, *(f"{number:,}" for number in numbers), each.model_version)
        lines.append(table)
    if left := len(outcome.partitions) - len(shown):
        lines.append(f"[dim]and {left:,} more, all of them in --json[/]")
    lines += [f"manifest  {each.manifest}" for each in shown if each.manifest]
    lines += [f"range     {printable(line)}" for line in _range_lines(outcome)]
    lines += [f"[yellow]incomplete[/] {printable(line)}" for line in outcome.missing]
    return [*lines, f"receipt   {outcome.receipt}"]


def _first_of(partitions: Sequence[PartitionScored]) -> Sequence[PartitionScored]:
    """All of them where they are few; else as many, those that were not published first."""
    if len(partitions) <= NAMED:
        return partitions
    return sorted(partitions, key=lambda each: each.outcome == "Published")[:NAMED]


def _range_lines(scored: Scored) -> list[str]:
    """The counts of a range, the days that were not ready, and of what time the data of each day are."""
    if not scored.backfill:
        return []
    few = scored.backfill.not_ready
    notes: dict[str, list[str]] = {}
    for each in scored.partitions if scored.backfill else ():
        if each.note:
            notes.setdefault(each.note.replace(each.partition, "the day"), []).append(each.partition)
    said = [f"{text}: {_named(days)}" for text, days in notes.items()]
    return [scored.backfill.words, *([f"not ready: {_named(few)}"] if few else []), *said]


def _named(days: Sequence[str]) -> str:
    return ", ".join(days[:NAMED]) + (f" and {len(days) - NAMED:,} more" if len(days) > NAMED else "")
