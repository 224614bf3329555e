"""What `tierra diff` says of two partitions, generations or training sets: on its page and in a terminal."""

from collections.abc import Iterator
from typing import Any

from tierra.report.charts import Measure, bars
from tierra.report.drawings import Drawing
from tierra.report.sheets import Lead, Sheet, page_name
from tierra.report.wording import amount, moment
from tierra.steps.diff import Diff, Quantity, RowsMoved

METHOD = (
    "Each factor's mean effect over all orders in which the four can change (Shapley); the terms sum to the change."
    " Rows: which keys there are. Features: what the keys that stayed hold. Model: the release, its code included."
)


def lead(found: Diff) -> Lead:
    """What moved the first mean most, in a sentence."""
    between, figures = f"{found.before.name} → {found.after.name}", list(_figures(found))
    if not found.quantities:
        return Lead(between, "quiet", f"{found.project}: {between}.", figures)
    first = found.quantities[0]
    change = f"The {_named(first)} went from {amount(first.before)} to {amount(first.after)}"
    return Lead(between, "quiet", f"{change}{_mostly(first)}.", figures)


def sheets(found: Diff) -> list[Sheet]:
    """Every part of the comparison."""
    return [
        Sheet("noticed", "Noticed", lines=found.notes),
        Sheet("moved", "What moved the predictions", METHOD if found.quantities else "", numbers=1,
              heads=("", "before", "after", "change", *_factors(found)),
              rows=[_terms(each, _factors(found)) for each in found.quantities],
              drawings=[_draw(each) for each in found.quantities if each.terms]),
        *_rows(found.rows),
        Sheet("columns", "Columns", lines=found.columns),
        Sheet("distributions", "Distributions", heads=("column", "what differs", "how much"),
              rows=[(each.column, each.what, each.severity) for each in found.distributions]),
        Sheet("labels", "Labels", heads=("", "before", "after", "change"), numbers=1,
              rows=[(each.name, amount(each.before), amount(each.after), _signed(each.after - each.before))
                    for each in found.labels]),
        Sheet("sides", "The two sides", heads=("", found.before.name, found.after.name), rows=list(_sides(found))),
    ]  # fmt: skip


def file_name(found: Diff) -> str:
    """The name of the comparison's page."""
    return page_name("diff", found.before.name, found.after.name)


def _figures(found: Diff) -> Iterator[tuple[str, str]]:
    for each in found.quantities[:2]:
        yield _signed(each.total), _named(each)
    if found.rows:
        yield f"{found.rows.common:,}", "rows of the same key" if found.rows.common else "rows in both"
        yield f"{found.rows.added:,}", "rows added"
        yield f"{found.rows.removed:,}", "rows removed"


def _mostly(quantity: Quantity) -> str:
    if not quantity.terms or not quantity.total:
        return ""
    factor, term = max(quantity.terms.items(), key=lambda each: abs(each[1]))
    return f": {_signed(quantity.total)}, of which {_signed(term)} by {factor}"


def _factors(found: Diff) -> list[str]:
    return list(dict.fromkeys(name for each in found.quantities for name in each.terms))


def _terms(quantity: Quantity, factors: list[str]) -> list[Any]:
    terms = [_signed(quantity.terms[name]) if name in quantity.terms else "—" for name in factors]
    return [_named(quantity), amount(quantity.before), amount(quantity.after), _signed(quantity.total), *terms]


def _draw(quantity: Quantity) -> Drawing:
    measures = [Measure(name, value) for name, value in quantity.terms.items()]
    drawn = bars(f"What moved the {_named(quantity)}", measures)
    return Drawing(_named(quantity).capitalize(), drawn, f"Of a change of {_signed(quantity.total)}.")


def _named(quantity: Quantity) -> str:
    return "share of decision 1" if quantity.name == "decision" else f"mean {quantity.name}"


def _rows(rows: RowsMoved | None) -> Iterator[Sheet]:
    if rows is None:
        return
    some = [f"added: {', '.join(rows.some_added)}"] if rows.some_added else []
    some += [f"removed: {', '.join(rows.some_removed)}"] if rows.some_removed else []
    counts = {"in both": f"{rows.common:,}", "added": f"{rows.added:,}", "removed": f"{rows.removed:,}"}
    yield Sheet("rows", "Rows", pairs=counts, lines=some)
    yield Sheet("changed", "Changed among the rows in both", heads=("column", "rows"), numbers=1,
                rows=[(name, f"{count:,}") for name, count in rows.changed.items()])  # fmt: skip


def _sides(found: Diff) -> Iterator[tuple[str, str, str]]:
    one, other = found.before, found.after
    yield "rows", f"{one.rows:,}", f"{other.rows:,}"
    yield "model version", one.model_version, other.model_version
    yield "candidate", one.candidate, other.candidate
    if one.threshold is not None or other.threshold is not None:
        yield "threshold", amount(one.threshold), amount(other.threshold)
    for name in dict.fromkeys((*one.facts, *other.facts)):
        if one.facts.get(name) or other.facts.get(name):
            yield name, moment(one.facts.get(name, "")), moment(other.facts.get(name, ""))


def _signed(value: float) -> str:
    return f"{'+' if value > 0 else ''}{amount(value)}" if value else "0"
