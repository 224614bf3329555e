"""What changed between two partitions, two generations or two training sets, and what of it moved the predictions."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from tierra.data.differences import compare_profiles
from tierra.data.profile import Difference
from tierra.data.profile_table import profile_table
from tierra.data.row_changes import Matched, compare_columns, count_changes, key_texts, match_rows, shown_key
from tierra.data.row_numbers import ROW_NUMBER
from tierra.errors import DataRejected, Misconfigured
from tierra.model.decomposition import FACTORS, Crossed, attribute
from tierra.model.release import Champion
from tierra.project.project import Project
from tierra.steps.champion import champion_model
from tierra.steps.compared import Compared, Label, Side, open_compared
from tierra.workspace import Workspace

SHOWN = 5
AGREES = 1e-9


class _Found(BaseModel):
    model_config = ConfigDict(frozen=True)


class RowsMoved(_Found):
    """Which rows came, went and stayed, and in how many of those that stayed each column changed."""

    added: int
    removed: int
    common: int
    changed: dict[str, int] = {}
    some_added: tuple[str, ...] = ()
    some_removed: tuple[str, ...] = ()


class Quantity(_Found):
    """A mean before and after, and what each factor contributes; no terms where they cannot be computed."""

    name: str
    before: float
    after: float
    terms: dict[str, float] = {}

    @property
    def total(self) -> float:
        """By how much it changed: the sum of the terms."""
        return self.after - self.before


class Diff(_Found):
    """Two of a kind compared."""

    project: str
    before: Side
    after: Side
    rows: RowsMoved | None = None
    columns: tuple[str, ...] = ()
    distributions: tuple[Difference, ...] = ()
    labels: tuple[Label, ...] = ()
    quantities: tuple[Quantity, ...] = ()
    notes: tuple[str, ...] = ()


def compare(workspace: Workspace, project: Project, before: str, after: str) -> Diff:
    """Compare two partitions (2024-04-29), generations (2024-04-29@2) or training sets (v3).

    Nothing is written. Raises InvalidCall for what is none of these or two of different kinds, and Broken.
    """
    one, other = open_compared(workspace, project, before, after)
    notes = [*one.notes, *other.notes]
    found = Diff(project=project.name, before=one.side, after=other.side, labels=tuple(_labels(one, other)))
    if one.table is None or other.table is None:
        return found.model_copy(update={"quantities": tuple(_published(one, other)), "notes": tuple(notes)})
    matched = match_rows(one.table, other.table, one.key if one.key == other.key else ())
    quantities = tuple(_quantities(workspace, one, other, matched, notes))
    return found.model_copy(update={
        "rows": _rows(one, other, matched),
        "columns": tuple(compare_columns(one.table, other.table)),
        "distributions": _distributions(one, other),
        "quantities": quantities, "notes": tuple(notes),
    })  # fmt: skip


def _rows(one: Compared, other: Compared, matched: Matched) -> RowsMoved:
    assert one.table is not None
    assert other.table is not None
    return RowsMoved(
        added=len(matched.added), removed=len(matched.removed), common=matched.common,
        changed=count_changes(one.table, other.table, matched),
        some_added=_some(other, matched.added), some_removed=_some(one, matched.removed),
    )  # fmt: skip


def _some(compared: Compared, places: np.ndarray) -> tuple[str, ...]:
    """Some keys; rows without a declared key have none to show."""
    if not compared.key or compared.table is None:
        return ()
    texts = key_texts(compared.table, compared.key).take(pa.array(places[:SHOWN]))
    return tuple(shown_key(each) for each in texts.to_pylist())


def _distributions(one: Compared, other: Compared) -> tuple[Difference, ...]:
    """How columns are distributed after, compared with before."""
    profiles = [
        profile_table([each.table.drop_columns([name for name in (ROW_NUMBER,) if name in each.table.column_names])],
                      each.side.name, each.key)
        for each in (one, other) if each.table is not None
    ]  # fmt: skip
    return compare_profiles(profiles[1], profiles[0], one.side.name)


def _labels(one: Compared, other: Compared) -> Iterator[Label]:
    """The labels before and after, by name."""
    after = {each.name: each for each in other.labels}
    for each in one.labels:
        if each.name in after:
            yield each.model_copy(update={"after": after[each.name].before})


def _published(one: Compared, other: Compared) -> Iterator[Quantity]:
    """What is published before and after, without terms."""
    for name, value in one.side.means.items():
        if name in other.side.means:
            yield Quantity(name=name, before=value, after=other.side.means[name])


def _quantities(
    workspace: Workspace, one: Compared, other: Compared, matched: Matched, notes: list[str]
) -> Iterator[Quantity]:
    """The means with their terms; a note and no terms where a model cannot read the other side's rows."""
    if one.champion.release.labels != other.champion.release.labels:
        notes.append("The two predict something else, so their predictions are not compared.")
        return
    if not (one.side.rows and other.side.rows):
        notes.append("One of the two has no rows, so nothing can be said of a mean.")
        return
    try:
        scored = [_score_by_both(each, one.champion, other.champion) for each in (one, other)]
    except (DataRejected, Misconfigured) as error:
        notes.append(f"What moved the predictions cannot be told apart: one model cannot read the other's rows"
                     f" ({error.what}).")  # fmt: skip
        yield from _published(one, other)
        return
    if any(_are_set_aside(each, tables) for each, tables in zip((one, other), scored, strict=True)):
        notes.append("What moved the predictions cannot be told apart: a model does not take some of the rows.")
        yield from _published(one, other)
        return
    crossed = list(_crossed(workspace, one.champion, other.champion, scored, matched))
    for name, each in crossed:
        quantity = _quantity(name, each)
        _check(quantity, one.side, other.side, notes)
        yield quantity


def _are_set_aside(compared: Compared, tables: tuple[pa.Table, pa.Table]) -> bool:
    """Whether rows of one side have no prediction by one of the models, which sets them aside."""
    rows = {each.num_rows for each in tables} | ({compared.table.num_rows} if compared.table is not None else set())
    return len(rows) > 1


def _score_by_both(compared: Compared, before: Champion, after: Champion) -> tuple[pa.Table, pa.Table]:
    """The predictions of one side's rows by the model before and after; scored once where they are one."""
    first, one, other = compared.score(before), before.release, after.release
    same = (one.model_sha256, one.serving_digest) == (other.model_sha256, other.serving_digest)
    return first, first if same else compared.score(after)


def _crossed(
    workspace: Workspace, one: Champion, other: Champion, scored: list[tuple[pa.Table, pa.Table]], matched: Matched
) -> Iterator[tuple[str, Crossed]]:
    """The numbers of each quantity: the mean prediction, and of two classes the share of positive decisions."""
    places, labels = (matched.before, matched.after), one.release.labels
    for name in labels.columns:
        if name == "decision":
            continue
        before, after = ((tables[0].column(name).to_numpy(), tables[1].column(name).to_numpy()) for tables in scored)
        yield name, Crossed(before, after, places)
        if labels.task == "binary":
            cut = float(champion_model(workspace, one).threshold), float(champion_model(workspace, other).threshold)
            yield "decision", Crossed(before, after, places, cut)


def _quantity(name: str, crossed: Crossed) -> Quantity:
    before, after = crossed.mean(frozenset()), crossed.mean(frozenset(FACTORS))
    return Quantity(name=name, before=before, after=after, terms=attribute(crossed.mean))


def _check(quantity: Quantity, one: Side, other: Side, notes: list[str]) -> None:
    """Say where what was computed again is not what is published."""
    for side, value in ((one, quantity.before), (other, quantity.after)):
        published = side.means.get(quantity.name, value)
        if abs(published - value) > AGREES * max(1.0, abs(value)):
            notes.append(f"{side.name}: {quantity.name} is {published:.6g} as published, and {value:.6g} when replayed:"
                         " `tierra why --replay` says more.")  # fmt: skip
