"""What people see in a terminal: one line a station, tables, and errors in one line."""

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC
from traceback import format_exception
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, SpinnerColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from tierra.errors import TierraError
from tierra.journal import Entry, Progress, Watcher, watching
from tierra.logs import LONGEST
from tierra.model.spec import heading
from tierra.outcomes.collecting import Collected, size
from tierra.pace import Pace
from tierra.redaction import clean, clean_line, strike
from tierra.report.terminal import checks_table, metrics_table, pairs, plain_table, printable

if TYPE_CHECKING:
    from tierra.cli.beside import PredictedFile
    from tierra.model.pointers import Pointer
    from tierra.steps.trial import Trial

__all__ = [
    "out",
    "pairs",
    "people",
    "print_json",
    "printable",
    "progress",
    "show_champions",
    "show_error",
    "show_kinds",
    "show_predicted",
    "show_traceback",
    "show_trial",
    "show_warning",
]

STEPS = 20
# What is done sooner needs no line.
QUIET_SECONDS = 1.0
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
    """The run's bar above that of the station under way; lines of what is done stay above both.

    Of many partitions there is a line for each twentieth of them, with an estimate, not one for each station; and none
    within a second of the one before.
    """

    def __init__(self, bars: Bars) -> None:
        self.bars, self.pace = bars, Pace()
        self.run: TaskID | None = None
        self.station: TaskID | None = None
        self.is_long, self.told, self.spoke = False, 0, time.monotonic()

    def begin(self, entry: Entry) -> None:
        self.station = self.bars.add_task(_name(entry), total=None, far="")

    def advance(self, entry: Entry | None, progress: Progress) -> None:
        if entry is None and self.run is None:
            self.run = self.bars.add_task("", total=None, far="")
        if entry is None:
            self._tell_of_many(progress)
        bar = self.run if entry is None else self.station
        if bar is not None:
            self.bars.update(bar, completed=progress.done, total=progress.total, far=str(progress))

    def end(self, entry: Entry) -> None:
        if self.station is not None:
            self.bars.remove_task(self.station)
            self.station = None
        if self.is_long and not entry.failed:
            return
        how = "failed" if entry.failed else "reused" if entry.reused else ""
        people.print(f"  [dim]{entry.seconds:7.1f} s[/]  {_name(entry)} [dim]{how}[/]")

    def _tell_of_many(self, progress: Progress) -> None:
        left, step = self.pace.left(progress), int(progress.share * STEPS)
        self.is_long = bool(progress.total and progress.total > STEPS and progress.share < 1)
        if self.is_long and step > self.told and time.monotonic() - self.spoke >= QUIET_SECONDS:
            self.told, self.spoke = step, time.monotonic()
            people.print(f"  {progress}{left and f', {left}'}", highlight=False)


def _name(entry: Entry) -> str:
    return entry.station.replace("-", " ")


def show_error(error: TierraError) -> None:
    """The one line of an error, and what to do about it."""
    what = printable(clean_line(error.what))
    people.print(f"[bold red]error[/] {what}. {printable(error.remedy)}. \\[{error.code}]", soft_wrap=True)


def show_warning(text: str) -> None:
    """What a person should see while a run is under way."""
    people.print(f"[yellow]warning[/] {printable(clean_line(text))}", soft_wrap=True)


def show_traceback(error: BaseException) -> None:
    """The traceback of an error, as Python prints it, cleaned."""
    sys.stderr.write(clean("".join(format_exception(error)), LONGEST) + "\n")


def show_trial(trial: "Trial") -> None:
    """What a trial found: features and how they are prepared, metrics, decisions, verdict."""
    from tierra.report.balance import balance_table
    from tierra.report.decisions import describe_decision

    classes = f" of {', '.join(trial.classes)}" if trial.classes else ""
    if trial.task == "binary":
        classes += f" (`probability` is that of {trial.classes[-1]}; `positive` in the project file states another)"
    out.print(f"[bold]{trial.project}[/]: {trial.task}{printable(classes)}, judged by {heading(trial.metric)}")
    out.print(pairs(trial.treatments))
    for line in trial.texts:
        out.print(f"[dim]read[/] {printable(line)}", soft_wrap=True)
    for line in trial.warnings:
        out.print(f"[yellow]warning[/] {printable(line)}", soft_wrap=True)
    for leak in trial.leaks:
        out.print(f"[yellow]leak[/] {printable(leak.line)}", soft_wrap=True)
    for candidate in trial.candidates:
        out.print(f"[dim]candidate[/] {printable(describe_candidate(candidate))}")
    out.print(metrics_table(trial.validation, f"on {trial.held_out:,} rows held out"))
    for line in trial.searches:
        out.print(f"[dim]search[/] {printable(line)}", soft_wrap=True)
    if trial.stopped:
        out.print(f"[dim]stopped[/] {printable(trial.stopped)}", soft_wrap=True)
    if trial.balance:
        out.print(balance_table(trial.balance))
    for line in describe_decision(trial.decision, trial.decided) if trial.decision else ():
        out.print(f"[dim]decisions[/] {printable(line)}", soft_wrap=True)
    scores = trial.scores
    best = {scores.best: scores.best_metrics, "rule": scores.rule_metrics}
    intervals = {scores.best: scores.best_intervals, "rule": scores.rule_intervals}
    out.print(metrics_table(best, f"on {scores.rows:,} test rows, with 95 % intervals", intervals))
    out.print(f"[dim]gate[/] {printable(trial.gate)}", soft_wrap=True)
    out.print(f"{'passed' if trial.verdict.passed else 'not passed'}: {printable('; '.join(trial.verdict.reasons))}")
    out.print(checks_table(trial.verdict.checks))


def show_predicted(predicted: "PredictedFile") -> None:
    """What was predicted, what was not and why, and where it was written."""
    out.print(f"[bold]{predicted.project}[/]: {predicted.predicted:,} of {predicted.rows:,} rows predicted"
              f" by version {predicted.model_version}, in {printable(str(predicted.output))}")  # fmt: skip
    for reason, rows in predicted.reasons.items():
        out.print(f"[yellow]without a prediction[/] {rows:,} rows: {printable(reason)}")
    for column, rows in predicted.unseen.items():
        out.print(f"[yellow]not seen in training[/] values of {printable(column)} in {rows:,} rows")
    for warning in predicted.warnings:
        out.print(f"[yellow]warning[/] {printable(warning)}")


def show_kinds(collected: Collected) -> None:
    """What is stored, a kind a row: how much, and how much of it goes."""
    table = plain_table("kind", "objects", "bytes", "kept", "to go", "marked")
    for each in collected.kinds:
        kept = each.bytes - each.going_bytes
        numbers = (f"{each.objects:,}", *map(size, (each.bytes, kept, each.going_bytes, each.marked_bytes)))
        table.add_row(printable(each.kind), *numbers)
    out.print(table, soft_wrap=False)


def show_champions(project: str, champions: Sequence["Pointer"]) -> None:
    """A project's champions, a row each, oldest first: the last one serves."""
    out.print(f"\n[bold]{project}[/]: {'the last one serves' if champions else 'no model has been registered yet'}")
    if not champions:
        return
    table = plain_table("number", "version", "candidate", "since", right=9)
    for name in ("what", "who and from where", "why", "verdict"):
        table.add_column(name, overflow="fold")
    for each in champions:
        since = f"{each.when.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
        verdict = f"{'passed' if each.verdict.passed else 'not passed'}: {'; '.join(each.verdict.reasons)}"
        what = f"{each.deed}, as entry {each.again}" if each.again else each.deed
        by = f"{each.who}, {each.where}" if each.where else each.who
        texts = (each.version, each.candidate, since, what, by, each.why, verdict)
        table.add_row(str(each.number), *(printable(text) for text in texts))
    out.print(table, soft_wrap=False)


def describe_candidate(candidate: Mapping[str, Any]) -> str:
    """A candidate as a line of the project file."""
    return ", ".join(f"{key}: {value}" for key, value in candidate.items() if value not in ({}, None))


def print_json(text: str) -> None:
    """One object for machines, on standard output alone."""
    sys.stdout.write(strike(text) + "\n")
