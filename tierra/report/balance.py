"""What balancing gains and does, for a page and for a terminal."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from rich.table import Table

from tierra.facts import BalanceCompared
from tierra.journal import Journal
from tierra.model.balance_found import RowsChanged, RowsCounted, WayCompared
from tierra.model.balance_spec import NONE
from tierra.model.gate_checks import format_metric
from tierra.model.spec import heading
from tierra.report.terminal import plain_table, printable


def describe_choice(ways: Sequence[WayCompared]) -> list[str]:
    """Per model, which way is taken, or that none is shown to pay."""
    taken = {each.candidate: each.way for each in ways if each.chosen}
    return [f"{_words(candidate)}: {_taken(way)}" for candidate, way in taken.items()]


def describe_change(change: RowsChanged) -> str:
    """What a way does with the rows, class by class."""
    words = [f"{_words(change.name)}: {_classes(change)}"]
    words += [f"removed {_counted(change.removed)}"] if change.removed else []
    words += [f"added {_counted(change.added)}"] if change.added else []
    words += [f"mean weights {', '.join(f'{name} {weight:.3g}' for name, weight in change.weights.items())}"
              ] if change.weights else []  # fmt: skip
    return "; ".join(words)


def balance_shown(journal: Journal) -> dict[str, Any] | None:
    """What the page shows of balancing; None where nothing was balanced."""
    facts = journal.facts(BalanceCompared)
    ways, changes = [each for fact in facts for each in fact.ways], [each for fact in facts for each in fact.changes]
    if not ways and not changes:
        return None
    listed = [(each.name, each.listed) for each in changes if each.listed]
    kept = [f"{_words(each.name)}, {kind}: {place}" for each in changes for kind, place in each.locations.items()]
    return {"kept": kept, "ways": ways, "choice": describe_choice(ways), "changes": list(map(describe_change, changes)),
            "listed": listed, "metric": ways[0].metric if ways else "",
            "losses": any(each.loss is not None for each in ways)}  # fmt: skip


def balance_table(ways: Iterable[WayCompared]) -> Table:
    """A way a row: metric, the interval of its difference, log loss before and after calibration."""
    every = list(ways)
    table = plain_table("model", "balanced by", heading(every[0].metric), "better by", "log loss", "calibrated", "",
                        right=2)  # fmt: skip
    table.title, table.title_justify, table.title_style = "balance, on the rows held out", "left", "dim"
    for each in every:
        table.add_row(*map(printable, _cells(each)))
    return table


def _taken(way: str) -> str:
    return "left as it is, for no way is shown to be better" if way == NONE else f"balanced by {_words(way)}"


def _words(name: str) -> str:
    return name.replace("_", " ")


def _cells(each: WayCompared) -> Iterator[str]:
    yield from (each.candidate, each.way, format_metric(each.value), _range(each.bounds))
    yield "" if each.loss_before is None else format_metric(each.loss_before)
    yield "" if each.loss is None else f"{format_metric(each.loss)} ({each.calibration})"
    yield "chosen" if each.chosen else each.why_not.partition(" than ")[0]


def _range(bounds: tuple[float, float] | None) -> str:
    return "" if bounds is None else " to ".join(map(format_metric, bounds))


def _classes(change: RowsChanged) -> str:
    names = dict.fromkeys((*change.before, *change.after))
    return ", ".join(f"{name} {change.before.get(name, 0):,} to {change.after.get(name, 0):,}" for name in names)


def _counted(rows: Sequence[RowsCounted]) -> str:
    return ", ".join(f"{each.rows:,} of {each.of} ({each.reason})" for each in rows)
