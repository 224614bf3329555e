"""One large model: trained on parts of its rows at once, and kept after each so many rounds, to go on from there."""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np
import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from tierra.engine import is_on_ray
from tierra.errors import Broken, Unavailable
from tierra.journal import advance, warn
from tierra.model.distributed_spec import Distributed
from tierra.model.spec import Model, Rule
from tierra.model.xgboost_model import Rows, booster_of, go_on, last_line, trained_by, xgboost
from tierra.ray_group import Together, run_together
from tierra.ray_session import ray_session
from tierra.store.memo import remember
from tierra.store.refs import ObjectRef, TableRef
from tierra.store.tables import read_table, write_table
from tierra.workspace import Workspace

TARGET: Final = "target"
WEIGHT: Final = "weight"


class State(BaseModel):
    """A model after so many rounds; `again` says how often these rounds had to begin again for a lost node."""

    model_config = ConfigDict(frozen=True)

    rounds: int
    model: ObjectRef
    again: int = 0


@dataclass(frozen=True)
class Part(Together):
    """A part of the rows, and the rounds to train: from those of `before` until so many."""

    rows: TableRef
    training: Mapping[str, Any]
    until: int
    before: State | None

    @property
    def columns(self) -> int:
        """How many columns the model has."""
        return sum(name not in (TARGET, WEIGHT) for name in self.rows.columns)


def is_large(candidate: Rule | Model) -> bool:
    """Whether a candidate is to be trained on parts of its rows at once."""
    return isinstance(candidate, Model) and candidate.distributed is not None


def in_parts(workspace: Workspace, candidate: Rule | Model) -> AbstractContextManager[None]:
    """Train what is fitted inside the block on parts of its rows, where the candidate asks for it."""
    if isinstance(candidate, Model) and candidate.distributed:
        return trained_by(partial(train_in_parts, workspace, candidate.distributed))
    return nullcontext()


def train_in_parts(
    workspace: Workspace, distributed: Distributed, training: dict[str, Any], rounds: int, rows: Rows
) -> bytes:
    """The JSON of a model of all rows. Rounds that were trained before, of the same rows and code, are not again."""
    count = distributed.parts if is_on_ray(workspace) else 1
    parts = [write_part(workspace, rows, number, count) for number in range(count)]
    fixed = [[part.sha256 for part in parts], training, distributed.save_every, xgboost().__version__]
    state: State | None = None
    with ray_session(workspace.settings.ray_address) if count > 1 else nullcontext():
        for until in _stops(rounds, distributed.save_every):
            advance(state.rounds if state else 0, rounds, "rounds")
            pieces = [Part(number, rows=part, training=training, until=until, before=state)
                      for number, part in enumerate(parts)]  # fmt: skip
            inputs = [*fixed, until]
            state = remember(workspace.objects, __name__, inputs, State, partial(_train, workspace, pieces))
    assert state, "a model has a round at least"
    advance(rounds, rounds, "rounds")
    return read_state(workspace, state)


def write_part(workspace: Workspace, rows: Rows, number: int, count: int) -> TableRef:
    """Every so many-th row, from this number on, as XGBoost sees it: numbers of single precision."""
    names = [f"c{column}" for column in range(rows.values.shape[1])]
    columns = dict(zip(names, rows.values[number::count].astype(np.float32).T, strict=True))
    columns |= {TARGET: rows.target[number::count].astype(float)}
    if rows.weight is not None:
        columns |= {WEIGHT: np.asarray(rows.weight[number::count], float)}
    table = pa.table({name: pa.array(values) for name, values in columns.items()})
    return write_table(workspace.objects, "features/", table.schema, [table])


def train_part(workspace: Workspace, part: Part) -> Iterator[State]:
    """On a worker: the rounds, on this part, with those who have the others; the first of them keeps the model.

    Raises Unavailable where another is lost.
    """
    library = xgboost()
    meeting = library.collective.CommunicatorContext(**part.meeting) if part.meeting else nullcontext()
    begun, first, data = None, 0, _matrix(workspace, part)
    if part.before:
        begun, first = booster_of(read_state(workspace, part.before), part.columns), part.before.rounds
    try:
        with meeting:
            trained = go_on(part.training, data, range(first, part.until), begun)
    except library.core.XGBoostError as error:
        raise Unavailable("ray-unavailable", f"a training in parts stopped: {last_line(error)}") from None
    if part.number == 0:
        yield State(rounds=part.until, model=_keep(workspace, trained))


def read_state(workspace: Workspace, state: State) -> bytes:
    """The JSON of a model that was kept. Raises Broken where it is another."""
    data = workspace.objects.read(state.model.name)
    if hashlib.sha256(data).hexdigest() != state.model.sha256:
        raise Broken("store-tampered", f"{workspace.objects.location(state.model.name)} is not what was written")
    return data


def _train(workspace: Workspace, pieces: list[Part]) -> State:
    if len(pieces) == 1:
        return next(train_part(workspace, pieces[0]))
    (state,), again = run_together(workspace, train_part, pieces)
    if again:
        begun = pieces[0].before.rounds if pieces[0].before else 0
        warn(f"a part of the training was lost after {begun} rounds were kept; it went on from there")
    return state.model_copy(update={"again": again})


def _keep(workspace: Workspace, trained: bytes) -> ObjectRef:
    with workspace.objects.draft("models/", ".json") as draft:
        draft.write(trained)
    return ObjectRef(name=draft.name, sha256=draft.sha256)


def _matrix(workspace: Workspace, part: Part) -> Any:
    table = read_table(workspace.objects, part.rows)
    weight = table[WEIGHT].to_numpy() if WEIGHT in table.column_names else None
    values = table.drop_columns([name for name in (TARGET, WEIGHT) if name in table.column_names])
    matrix = np.column_stack([column.to_numpy() for column in values.columns])
    return xgboost().DMatrix(matrix, table[TARGET].to_numpy(), weight=weight, nthread=1)


def _stops(rounds: int, every: int) -> list[int]:
    """After which rounds the model is kept; the last of them are all."""
    return [*range(every, rounds, every), rounds]
