"""Whether balancing pays: each way beside none on the rows held out, and what it does with the rows learnt from."""

from collections.abc import Mapping

import pandas as pd
import pyarrow as pa

from tierra.data.features import feature_names
from tierra.data.frames import to_frame
from tierra.facts import BalanceCompared
from tierra.journal import note, warn
from tierra.model.balance import why_not_for
from tierra.model.balance_compared import WayTried, compare_ways
from tierra.model.balance_effect import Effect, effect_of
from tierra.model.balance_found import LISTED, Balanced, RowsChanged
from tierra.model.balance_functions import require_known
from tierra.model.balanced_candidates import names_by_way
from tierra.model.candidates import build_estimator
from tierra.model.ensemble_spec import Ensemble
from tierra.model.examples import Examples
from tierra.model.spec import Model, Rule
from tierra.model.treatments import infer_treatments
from tierra.project.project import Project
from tierra.steps.held_out import Tried, decide_by, decided_by
from tierra.steps.learning import Learning
from tierra.steps.own import own_classes
from tierra.steps.parts import Parts, rows_of
from tierra.store.memo import remember
from tierra.store.tables import read_table, write_table
from tierra.workspace import Workspace

FOLDER = "balance/"


def check_conditions(project: Project, parts: Parts) -> None:
    """Raise Misconfigured, before anything is fitted, where a condition of `remove` reads what is no feature."""
    for rule in project.removing_conditions:
        require_known(rule, feature_names(parts.features))


def without_unfit(project: Project, rows: Examples) -> Project:
    """The project without the ways to balance that an estimator cannot be fitted in, each warned of."""
    ways = {
        name for names in names_by_way(project.candidates or (), project.balance).values() for name in names.values()
    }
    left, own = list[Rule | Model | Ensemble](), own_classes(project)
    for each in project.candidates or ():
        why = ""
        if isinstance(each, Model) and each.balance and each.name in ways:
            why = why_not_for(each.balance, build_estimator(each, rows, own))
        if why:
            warn(f"{each.name} is not tried: {why}")
        else:
            left.append(each)
    return project.model_copy(update={"candidates": tuple(left)})


def compare_balance(learning: Learning, tried: Mapping[str, Tried]) -> Balanced:
    """Every model's ways to balance beside none, by what each predicted of the rows held out."""
    project = learning.project
    if not any(isinstance(each, Model) and each.balance for each in project.candidates or ()):
        return Balanced()
    inputs = [*decided_by(learning), project.candidates, tried, dict(learning.code.files)]
    found = remember(learning.workspace.objects, __name__, inputs, Balanced, lambda: _compare(learning, tried))
    note(BalanceCompared(found.ways, found.changes))
    return found


def _compare(learning: Learning, tried: Mapping[str, Tried]) -> Balanced:
    project = learning.project
    ways = [
        each
        for model, names in names_by_way(project.candidates or (), project.balance).items()
        for each in compare_ways(model, {way: _as_way(learning, tried[name]) for way, name in names.items()},
                                 learning.held_out, project.gate.metric_name, project.measured)
    ]  # fmt: skip
    return Balanced(ways=tuple(ways), changes=tuple(_changes(learning)))


def _as_way(learning: Learning, tried: Tried) -> WayTried:
    """What a candidate predicted of the rows held out, as it is compared with the same one balanced otherwise."""
    candidate = next(each for each in learning.project.candidates or () if each.name == tried.candidate)
    decided = decide_by(learning, candidate, tried.scores)
    return WayTried(decided.predictions, tried.validation, tried.intervals, tried.chosen)


def _changes(learning: Learning) -> list[RowsChanged]:
    project, rows = learning.project, learning.rows
    stated = [each.balance for each in project.candidates or () if isinstance(each, Model) and each.balance]
    treatments = infer_treatments(rows.features, project.preprocessing)
    features = [name for name, each in treatments.items() if each.kind != "left_out"]
    ways = {each.name: each for each in stated}
    return [_kept(learning, effect_of(each, rows, learning.code.functions, features)) for each in ways.values()]


def _kept(learning: Learning, effect: Effect) -> RowsChanged:
    """The counts, and where the rows that went or came are written."""
    tables = {"removed": _with_keys(learning, effect.removed), "added": _with_keys(learning, effect.added)}
    places = {kind: _write(learning.workspace, table) for kind, table in tables.items() if len(table)}
    listed = [{name: str(value) for name, value in row.items()} for row in
              tables["removed"].head(LISTED).to_dict("records")]  # fmt: skip
    return effect.counts.model_copy(update={"locations": places, "listed": tuple(listed)})


def _with_keys(learning: Learning, rows: pd.DataFrame) -> pd.DataFrame:
    """Rows by their keys, or by their number where they have none, in place of their places."""
    if "place" not in rows:
        return rows
    parts, key = learning.parts, learning.project.main_source.key
    joined = parts.table.joined
    numbers = [number for part in (parts.train, parts.validation) for number in rows_of(learning.workspace, part)]
    beside = pd.DataFrame({"row": numbers}).iloc[rows["place"].to_numpy(int)].reset_index(drop=True)
    if names := [name for name in key if name in joined.columns]:
        keys = to_frame(read_table(learning.workspace.objects, joined, names))
        beside = keys.iloc[beside["row"].to_numpy(int)].reset_index(drop=True)
    return pd.concat([beside, rows.drop(columns="place").reset_index(drop=True)], axis="columns")


def _write(workspace: Workspace, rows: pd.DataFrame) -> str:
    table = pa.Table.from_pandas(rows.astype(dict.fromkeys(("class", "reason"), "str")), preserve_index=False)
    return workspace.objects.location(write_table(workspace.objects, FOLDER, table.schema, [table]).name)
