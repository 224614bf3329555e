"""Looking for leaks before any candidate is fitted: each stops the training until the project acknowledges it."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict

from tierra.data import partitions
from tierra.data.code import load_code
from tierra.data.frames import kinds_of, to_frame
from tierra.data.recipe import EXTRA_COLUMNS, TARGET
from tierra.errors import DataRejected
from tierra.facts import LeaksSearched
from tierra.journal import note, warn
from tierra.model.examples import Examples
from tierra.model.leaks.columns import ROWS, find_in_columns
from tierra.model.leaks.finding import Leak, acknowledge, name_unfound
from tierra.model.leaks.formulas import find_formulas, find_means
from tierra.model.leaks.groups import find_groups
from tierra.model.leaks.moments import find_later, find_not_known
from tierra.model.leaks.prepared import find_in_prepare
from tierra.model.leaks.twins import find_twins
from tierra.project.project import Project
from tierra.steps.parts import Parts, rows_of
from tierra.store.memo import remember
from tierra.store.tables import read_table
from tierra.workspace import Workspace

GROUPING = ("text", "integer")
SHOWN = 5
TIMES = ("date", "timestamp", "timestamptz")


class Found(BaseModel):
    """Every leak that was found, acknowledged or not."""

    model_config = ConfigDict(frozen=True)

    leaks: tuple[Leak, ...]


def find_leaks(workspace: Workspace, project: Project, parts: Parts, seen: Sequence[str]) -> tuple[Leak, ...]:
    """The leaks in what a training would learn from; `seen` are the features that models see.

    Raises DataRejected with all that is neither a mere warning nor acknowledged.
    """
    code, today = load_code(project.folder, project.functions), _today(workspace, project)
    inputs = [parts, seen, project.split, project.joins, asdict(project.recipe), code.files, today]
    found = remember(workspace.objects, __name__, inputs, Found,
                     lambda: Found(leaks=tuple(_Search(workspace, project, parts, tuple(seen)).find())))  # fmt: skip
    acknowledged = project.leaks.acknowledged
    leaks = acknowledge(found.leaks, acknowledged)
    note(LeaksSearched(leaks))
    for name in name_unfound(leaks, acknowledged):
        warn(f"leaks: '{name}' is acknowledged and was not found")
    for line in project.outdated:
        warn(line)
    if stopping := [leak for leak in leaks if leak.stops]:
        raise DataRejected("leak-found", f"{project.name}: {_describe(stopping)}")
    return leaks


def _describe(leaks: Sequence[Leak]) -> str:
    """The first leaks in full, and the names of the others."""
    others = f"; also {', '.join(leak.id for leak in leaks[SHOWN:])}" if len(leaks) > SHOWN else ""
    return "; ".join(leak.line for leak in leaks[:SHOWN]) + others


def _today(workspace: Workspace, project: Project) -> str:
    """The day by which labels are late; none where nothing is made of earlier targets."""
    if not (project.prepare and project.main_source.history):
        return ""
    return partitions.today(workspace.settings.now(), project.schedule.timezone).isoformat()


@dataclass(frozen=True)
class _Search:
    """One search, and what it reads on the way."""

    workspace: Workspace
    project: Project
    parts: Parts
    seen: tuple[str, ...]

    def find(self) -> Iterator[Leak]:
        """Every kind, the cheapest to correct first."""
        alone = list(find_in_columns(self._every, (self.project.target_column,)))
        yield from alone
        yield from self._in_several([leak.columns[0] for leak in alone])
        yield from find_not_known(self._features, self._labelled, self._days())
        yield from self._later()
        made_by = self.project.functions.get("features", "").partition(":")[2]
        yield from find_twins(self._train, self._test, self._by_time, made_by)
        yield from self._groups()
        yield from self._in_prepare()

    @property
    def _by_time(self) -> bool:
        return self.project.split.by == "time"

    @cached_property
    def _table(self) -> pd.DataFrame:
        return to_frame(read_table(self.workspace.objects, self.parts.table.features))

    @property
    def _target(self) -> np.ndarray:
        return np.asarray(self._table[TARGET].to_numpy())

    @property
    def _labelled(self) -> np.ndarray:
        return np.asarray(self._table[TARGET].notna())

    @cached_property
    def _features(self) -> pd.DataFrame:
        """What a model sees of each row."""
        return self._table[[name for name in self.seen if name not in EXTRA_COLUMNS]]

    @cached_property
    def _places(self) -> dict[str, np.ndarray]:
        """The rows of training and of test."""
        return {name: rows_of(self.workspace, getattr(self.parts, name)) for name in ("train", "test")}

    @cached_property
    def _train(self) -> Examples:
        return self._part("train")

    @cached_property
    def _test(self) -> Examples:
        return self._part("test")

    @cached_property
    def _every(self) -> Examples:
        """Rows of all parts: equal rows stand in one part, so that what is always so in it need not be so elsewhere."""
        places = np.flatnonzero(self._labelled)
        few = len(places) <= ROWS
        return self._at(places if few else np.sort(np.random.default_rng(0).choice(places, ROWS, replace=False)))

    def _part(self, name: str) -> Examples:
        return self._at(self._places[name])

    def _at(self, places: np.ndarray) -> Examples:
        return Examples(self._features.iloc[places], self._target[places], self.parts.labels)

    def _days(self) -> pd.Series | None:
        moment = self._moment()
        return None if moment is None else self._joined((moment,))[moment]

    def _moment(self) -> str | None:
        return self.project.recipe.dates or self.project.main_source.partition_by

    def _joined(self, names: Sequence[str]) -> pd.DataFrame:
        ref = self.parts.table.joined
        return to_frame(read_table(self.workspace.objects, ref, [name for name in names if name in ref.columns]))

    def _columns(self, kinds: Sequence[str]) -> list[str]:
        """The columns of the joined rows of these kinds, but the key and what is withheld."""
        source, hidden = self.project.main_source, {*self.project.withheld, self.project.target_column}
        columns = kinds_of(self.parts.table.joined.columns)
        return [name for name, kind in columns.items() if kind in kinds and name not in {*source.key, *hidden}]

    def _in_several(self, alone: Sequence[str]) -> Iterator[Leak]:
        every, task = self._every, self.parts.labels.task
        if task == "regression":
            yield from find_formulas(every.features, every.target, alone)
        if task != "multiclass":
            places, rows = np.flatnonzero(self._labelled), self._joined(self._columns(GROUPING))
            features = self._features.drop(columns=list(alone))
            yield from find_means(rows.iloc[places], features.iloc[places], self._target[places])

    def _later(self) -> Iterator[Leak]:
        moment, listed = self._moment(), self.project.features
        if moment is None:
            return
        sources = {name: name_of for name, name_of in self._sources().items()
                   if not isinstance(listed, tuple) or name in listed or name_of != self.project.main}  # fmt: skip
        names = [name for name in self._columns(TIMES) if name != moment and name in sources]
        if names:
            table = self._joined([moment, *names])
            yield from find_later(table[moment], table[names], sources)

    def _sources(self) -> dict[str, str]:
        """The source that each joined column comes from."""
        sources = dict.fromkeys(self.parts.table.joined.columns, self.project.main)
        for join in self.project.joins:
            columns = self.parts.table.snapshots.tables[join.right].columns
            sources |= {join.joined_name(name): join.right for name in columns}
        return sources

    def _groups(self) -> Iterator[Leak]:
        if self._by_time:
            return
        part = np.full(len(self._table), "", dtype="U8")
        for name, places in self._places.items():
            part[places] = name
        names = [name for name in self._columns(GROUPING) if name != self.project.recipe.unit]
        used, rows = part != "", self._joined(names)
        yield from find_groups(rows[used], self._target[used], part[used], self.parts.labels.task)

    def _in_prepare(self) -> Iterator[Leak]:
        code = load_code(self.project.folder, self.project.functions)
        if self.project.prepare:
            rows = self._joined(list(self.parts.table.joined.columns))
            today = partitions.today(self.workspace.settings.now(), self.project.schedule.timezone)
            yield from find_in_prepare(self.project.recipe, code, rows, self._target, today)
