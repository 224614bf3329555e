"""What people see in a terminal: one line a station, tables, and errors in one line."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, SpinnerColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars
from rich.table import Table

from tierra.errors import TierraError
from tierra.journal import Entry, Progress, Watcher, watching
from tierra.model.gate import Intervals, format_metric
from tierra.model.spec import heading
from tierra.outcomes import Scored, Trained

if TYPE_CHECKING:
    from tierra.steps.trial import Trial

people = Console(stderr=True, highlight=False)
# Wide enough for the tables, also where no terminal says how wide it is.
out = Console(highlight=False, soft_wrap=True, width=max(Console().width, 120))


@contextmanager
def progress(quiet: bool) -> Iterator[None]:
    """A line on stderr for each station as it ends; on a terminal, what is under way and how far it is, in place."""
    if quiet:
        yield
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(bar_width=24),
               TextColumn("{task.fields[far]}"), TimeRemainingColumn())  # fmt: skip
    bars = Bars(*columns, console=people, transient=True, disable=not people.is_terminal)
    with bars, watching(_Lines(bars)):
        yield


class _Lines(Watcher):
    """The run's bar above that of the station under way; lines of what is done stay above both."""

    def __init__(self, bars: Bars) -> None:
        self.bars = bars
        self.run: TaskID | None = None
        self.station: TaskID | None = None

    def begin(self, entry: Entry) -> None:
        self.station = self.bars.add_task(_said(entry), total=None, far="")

    def advance(self, entry: Entry | None, progress: Progress) -> None:
        if entry is None and self.run is None:
            self.run = self.bars.add_task("", total=None, far="")
        bar = self.run if entry is None else self.station
        if bar is not None:
            self.bars.update(bar, completed=progress.done, total=progress.total, far=str(progress))

    def end(self, entry: Entry) -> None:
        if self.station is not None:
            self.bars.remove_task(self.station)
            self.station = None
        how = "failed" if entry.failed else "reused" if entry.reused else ""
        people.print(f"  [dim]{entry.seconds:7.1f} s[/]  {_said(entry)} [dim]{how}[/]")


def _said(entry: Entry) -> str:
    return entry.station.replace("-", " ")


def show_error(error: TierraError) -> None:
    """The one line of an error, and what to do about it."""
    people.print(f"[bold red]error[/] {escape(error.what)}. {escape(error.remedy)}. \\[{error.code}]", soft_wrap=True)


def show_trained(end: Trained) -> None:
    """A training run's end: champion, metrics beside the rule's, verdict."""
    out.print(f"\n[bold]{end.project}: {end.outcome}[/], {escape(end.reason)}")
    out.print(f"champion  {end.champion.said}")
    rows = {f"champion ({end.champion.candidate})": end.champion} if end.champion.version else {}
    rows["the rule"] = end.rule
    if end.best.candidate != end.champion.candidate or end.best.metrics != end.champion.metrics:
        rows[f"best now ({end.best.candidate})"] = end.best
    metrics, intervals = (
        {name: getattr(each, kind) for name, each in rows.items()} for kind in ("metrics", "intervals")
    )
    out.print(metrics_table(metrics, f"on {end.rows['test']:,} test rows, with 95 % intervals", intervals))
    out.print(f"verdict   {'passed' if end.verdict.passed else 'not passed'}: {escape('; '.join(end.verdict.reasons))}")
    out.print(f"receipt   {end.receipt}")


def show_trial(trial: "Trial") -> None:
    """What a trial found: features and how they are prepared, metrics, verdict."""
    classes = f" of {', '.join(trial.classes)}" if trial.classes else ""
    out.print(f"[bold]{trial.project}[/]: {trial.task}{escape(classes)}, judged by {heading(trial.metric)}")
    out.print(pairs(trial.treatments))
    for line in trial.leaks:
        out.print(f"[yellow]suspected leak[/] {escape(line)}")
    for candidate in trial.candidates:
        out.print(f"[dim]candidate[/] {escape(said(candidate))}")
    out.print(metrics_table(trial.validation, f"on {trial.rows['validation']:,} validation rows"))
    scores = trial.scores
    best = {scores.best: scores.best_metrics, "rule": scores.rule_metrics}
    intervals = {scores.best: scores.best_intervals, "rule": scores.rule_intervals}
    out.print(metrics_table(best, f"on {scores.rows:,} test rows, with 95 % intervals", intervals))
    out.print(f"{'passed' if trial.verdict.passed else 'not passed'}: {escape('; '.join(trial.verdict.reasons))}")


def show_scored(end: Scored) -> None:
    """A scoring run's end, a row a partition."""
    out.print(f"\n[bold]{end.project}: {end.outcome}[/]")
    if end.partitions:
        table = _table("partition", "outcome", "rows in", "scored", "quarantined", "generation", "model", right=2)
        for each in end.partitions:
            outcome = each.outcome + (", stale" if each.stale else "")
            counts = (each.rows_in, each.rows_scored, each.rows_quarantined, each.generation)
            table.add_row(each.partition, outcome, *(f"{count:,}" for count in counts), each.model_version)
        out.print(table)
    for each in end.partitions:
        if each.manifest:
            out.print(f"manifest  {each.manifest}")
    out.print(f"receipt   {end.receipt}")


def said(candidate: Mapping[str, Any]) -> str:
    """A candidate as a line of the project file."""
    return ", ".join(f"{key}: {value}" for key, value in candidate.items() if value not in ({}, None))


def metrics_table(
    rows: Mapping[str, Mapping[str, float]], title: str = "", intervals: Mapping[str, Intervals] | None = None
) -> Table:
    """A metric a row, a model a column, each with its interval beside it where there is one."""
    known, table = intervals or {}, Table(box=None, header_style="dim", padding=(0, 2, 0, 0))
    table.title, table.title_justify, table.title_style = title, "left", "dim"
    table.add_column("")
    for model in rows:
        table.add_column(model, justify="right")
        if model in known:
            table.add_column("")
    for name in dict.fromkeys(metric for metrics in rows.values() for metric in metrics):
        table.add_row(heading(name), *_row(name, rows, known))
    return table


def _row(name: str, rows: Mapping[str, Mapping[str, float]], known: Mapping[str, Intervals]) -> Iterator[str]:
    for model, metrics in rows.items():
        yield format_metric(metrics[name]) if name in metrics else ""
        if model in known:
            yield f"[dim]{' to '.join(map(format_metric, known[model][name]))}[/]" if name in known[model] else ""


def pairs(rows: Mapping[str, Any]) -> Table:
    """Names and values."""
    table = Table.grid(padding=(0, 2))
    for name, value in rows.items():
        table.add_row(f"[dim]{escape(name)}[/]", escape(str(value)))
    return table


def print_json(text: str) -> None:
    """One object for machines, on standard output alone."""
    sys.stdout.write(text + "\n")


def _table(*names: str, right: int = 1) -> Table:
    table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0))
    for index, name in enumerate(names):
        table.add_column(name, justify="right" if index >= right else "left", no_wrap=True)
    return table
