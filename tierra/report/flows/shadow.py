"""What a shadow run says: on its receipt, in the Prefect UI and in a terminal."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from rich.console import RenderableType

from tierra.facts import ModelsEvaluated
from tierra.model.evaluation import Evaluation
from tierra.outcomes.shadow import PartitionShadowed, Shadowed
from tierra.report.drawings import draw_evaluation
from tierra.report.finished_run import FinishedRun
from tierra.report.flows.train import Compared
from tierra.report.sections import Section
from tierra.report.terminal import metrics_table, plain_table, printable


def sections(run: FinishedRun) -> Iterator[Section]:
    """The gate, both models on the rows they scored in production, and the partitions."""
    ended, models = cast(Shadowed, run.outcome), _models(run)
    if ended.verdict:
        shows = {"metric": ended.metric, "models": models, "verdict": ended.verdict, "reason": ended.reason}
        yield Section("gate", "Gate", "gate", shows)
        names = list(dict.fromkeys(name for each in models for name in each.metrics))
        yield Section("production", "On the rows both scored in production", "metrics",
                      {"models": models, "names": names}, "In production")  # fmt: skip
        found = _evaluations(run)
        yield Section("curves", "How they err", "drawings", draw_evaluation(found, next(iter(found), "")))
    yield Section("shadow", "Partitions in shadow", "lines", [_line(each) for each in ended.partitions], "Partitions")


def summary(run: FinishedRun) -> Mapping[str, Any]:
    """The models' metrics on the rows both scored."""
    models, ended = _models(run), cast(Shadowed, run.outcome)
    metrics = list(dict.fromkeys(name for each in models for name in each.metrics))
    rows = sum(each.labelled for each in ended.partitions)
    return {"models": models, "metrics": metrics, "test_rows": rows} if models else {}


def counts(run: FinishedRun) -> Mapping[str, Any]:
    """Rows that both models scored."""
    return {"rows": sum(each.rows for each in cast(Shadowed, run.outcome).partitions)}


def digests(outcome: Shadowed) -> Mapping[str, str]:
    """None of its own."""
    return {}


def in_terminal(outcome: Shadowed) -> Sequence[RenderableType]:
    """How it ended, the metrics side by side, and a row a partition."""
    lines: list[RenderableType] = [f"\n[bold]{outcome.project}: {outcome.outcome}[/], {printable(outcome.reason)}"]
    sides = {name: each for name, each in (("challenger", outcome.challenger), ("champion", outcome.champion)) if each}
    if sides:
        metrics, intervals = (
            {name: getattr(each, kind) for name, each in sides.items()} for kind in ("metrics", "intervals")
        )
        rows = sum(each.labelled for each in outcome.partitions)
        lines.append(metrics_table(metrics, f"on {rows:,} rows that both scored, with 95 % intervals", intervals))
    if outcome.partitions:
        table = plain_table("partition", "rows", "labelled", "rows given to both", right=1)
        for each in outcome.partitions:
            same = "the same" if each.same_rows else "read later"
            table.add_row(each.partition, f"{each.rows:,}", f"{each.labelled:,}", same)
        lines.append(table)
    return [*lines, f"receipt   {outcome.receipt}"]


def _evaluations(run: FinishedRun) -> dict[str, Evaluation]:
    found = {name: each for fact in run.journal.facts(ModelsEvaluated) for name, each in fact.evaluations.items()}
    return {name: each for name, each in found.items() if name != "rule"}


def _models(run: FinishedRun) -> list[Compared]:
    return [Compared(name, each.metrics, each.intervals) for name, each in _evaluations(run).items()]


def _line(each: PartitionShadowed) -> str:
    moment = "" if each.same_rows else ", read later than the champion's"
    return f"{each.partition}: {each.rows:,} rows, {each.labelled:,} with their label{moment}"
