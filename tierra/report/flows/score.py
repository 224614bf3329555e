"""What a scoring says: on its receipt, in the Prefect UI and in a terminal."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from rich.console import RenderableType

from tierra.data.completeness import describe
from tierra.facts import LatestLagging, PartitionPredicted
from tierra.outcomes.scoring import Scored
from tierra.report import facts
from tierra.report.drawings import draw_decided, draw_scores
from tierra.report.finished_run import FinishedRun
from tierra.report.sections import Section
from tierra.report.terminal import plain_table, printable

# Days of a kind that a receipt names, and findings that a record keeps.
NAMED, RECORDED = 40, 40


def sections(run: FinishedRun) -> Iterator[Section]:
    """The partitions, what was predicted, and how their rows differ from those of the training."""
    scored, predicted = cast(Scored, run.outcome), run.journal.facts(PartitionPredicted)
    missing = describe(scored.project, scored.incomplete, NAMED)
    yield Section("missing", "Missing at the source", "lines", missing, "Missing")
    yield Section("partitions", "Partitions", "partitions", scored.partitions)
    drawn = draw_scores(
        facts.added(each.scores for each in predicted), facts.added(each.training_scores for each in predicted)
    )
    drawn += draw_decided(
        facts.counted(each.decided for each in predicted), facts.counted(each.training_decided for each in predicted)
    )
    yield Section("predictions", "What was predicted", "drawings", drawn, "Predictions")
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
    """Rows published, rows set aside, and what is missing, where the run looked at all days."""
    scored = cast(Scored, run.outcome)
    missing = scored.incomplete[:RECORDED] if scored.looked_at_all else None
    needs_a_look = bool(scored.incomplete) or bool(run.journal.facts(LatestLagging))
    return {
        "rows": scored.rows_scored, "quarantined": scored.rows_quarantined, "is_incomplete": needs_a_look,
        "missing": missing, "newest": scored.newest,
    }  # fmt: skip


def digests(outcome: Scored) -> Mapping[str, str]:
    """The rows that each partition was scored from."""
    return {f"{each.partition} rows sha256": each.inputs for each in outcome.partitions if each.inputs}


def in_terminal(outcome: Scored) -> Sequence[RenderableType]:
    """A row a partition, and where each manifest lies."""
    lines: list[RenderableType] = [f"\n[bold]{outcome.project}: {outcome.outcome}[/]"]
    if outcome.partitions:
        table = plain_table("partition", "outcome", "rows in", "scored", "quarantined", "generation", "model", right=2)
        for each in outcome.partitions:
            ending = each.outcome + (", stale" if each.stale else "")
            numbers = (each.rows_in, each.rows_scored, each.rows_quarantined, each.generation)
            table.add_row(each.partition, ending, *(f"{number:,}" for number in numbers), each.model_version)
        lines.append(table)
    lines += [f"manifest  {each.manifest}" for each in outcome.partitions if each.manifest]
    lines += [f"[yellow]incomplete[/] {printable(line)}" for line in outcome.missing]
    return [*lines, f"receipt   {outcome.receipt}"]
