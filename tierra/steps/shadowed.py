"""What a challenger predicted in shadow, beside what the champion predicted and what came true."""

from dataclasses import dataclass
from datetime import date

import pandas as pd

from tierra.data.frames import to_frame
from tierra.data.recipe import EXTRA_COLUMNS, ROW, TARGET, WEIGHT
from tierra.data.row_numbers import published_key
from tierra.data.units import number_units
from tierra.data.window import Window, between, shift
from tierra.errors import DataRejected
from tierra.model.challengers import Challenger, ShadowScored
from tierra.model.examples import Examples
from tierra.model.release import Champion
from tierra.outcomes.shadow import PartitionShadowed
from tierra.project.project import Project
from tierra.steps.features import FeatureTable, build_features
from tierra.steps.nightly_project import with_champion_recipe
from tierra.steps.pull import pull_sources
from tierra.steps.validate import validate_tables
from tierra.store.tables import read_table
from tierra.workspace import Workspace

PARTITION, PLACE = "__partition__", "__place__"
CHAMPION, CHALLENGER = "champion:", "challenger:"


@dataclass(frozen=True)
class Watched:
    """A challenger in shadow, the champion it may replace, and what it scored."""

    challenger: Challenger
    champion: Champion
    model: Champion
    scored: dict[str, ShadowScored]

    @property
    def is_waiting(self) -> bool:
        """Whether it has partitions to score yet."""
        return len(self.scored) < self.challenger.partitions

    @property
    def window(self) -> Window:
        """The days that it scored."""
        days = [date.fromisoformat(each) for each in self.scored]
        return between(min(days), max(days))

    @property
    def partitions(self) -> tuple[PartitionShadowed, ...]:
        """The partitions that it scored, while none of their labels is known."""
        return tuple(PartitionShadowed(partition=each.partition, rows=each.rows.rows, labelled=0,
                                       same_rows=each.same_rows) for each in self.scored.values())  # fmt: skip


@dataclass(frozen=True)
class Labelled:
    """Rows that both models scored and whose label is known, with what each predicted, and the partitions."""

    partitions: tuple[PartitionShadowed, ...]
    rows: Examples
    groups: pd.DataFrame
    champion: pd.DataFrame
    challenger: pd.DataFrame

    @property
    def is_waiting(self) -> bool:
        """Whether labels are missing yet."""
        return not all(each.is_labelled for each in self.partitions)


def watch(workspace: Workspace, project: Project, challenger: Challenger) -> Watched:
    """The challenger with all that is kept of it. Raises Broken."""
    champion = workspace.champions.current(project.name)
    assert champion, "a challenger has a champion to beat"
    model = workspace.challengers.as_champion(challenger)
    return Watched(challenger, champion, model, workspace.challengers.scored(challenger))


def collect_labels(workspace: Workspace, project: Project, watched: Watched) -> Labelled | None:
    """Read the labels of the rows that both scored from the sources as they are today; None where all are the same.

    Raises DataRejected where the sources break their contract.
    """
    try:
        built, key = _build_labelled(workspace, project, watched)
    except DataRejected as error:
        if error.code != "target-one-class":
            raise
        return None
    table, groups = to_frame(read_table(workspace.objects, built.features)), _groups_of(project, built)
    names = list(dict.fromkeys([*key.values(), *groups]))
    joined = to_frame(read_table(workspace.objects, built.joined, names)).iloc[table[ROW]].reset_index(drop=True)
    labels = joined[[*key.values()]].set_axis([*key], axis="columns").assign(
        **{TARGET: table[TARGET].to_numpy(), PLACE: range(len(table))})  # fmt: skip
    rows = _side_by_side(workspace, watched, [*key]).merge(labels, on=[*key], how="left")
    labelled = rows[rows[TARGET].notna()].reset_index(drop=True)
    partitions = tuple(_count(each, rows[rows[PARTITION] == name]) for name, each in watched.scored.items())
    places = labelled[PLACE].astype(int)
    return Labelled(partitions, _examples(table.iloc[places].reset_index(drop=True), labelled, built),
                    joined[groups].iloc[places].reset_index(drop=True), _side(labelled, CHAMPION),
                    _side(labelled, CHALLENGER))  # fmt: skip


def _build_labelled(workspace: Workspace, project: Project, watched: Watched) -> tuple[FeatureTable, dict[str, str]]:
    """The challenger's features and the target of the days it scored; and its key, by the names it is published by."""
    spec = with_champion_recipe(workspace, project, watched.model)
    window = Window(shift(watched.window.first, -spec.main_source.history), watched.window.end)
    clean = validate_tables(workspace, spec, pull_sources(workspace, spec, window))
    return build_features(workspace, spec, clean, watched.model.release.labels), published_key(spec.main_source)


def _groups_of(project: Project, built: FeatureTable) -> list[str]:
    """The joined rows' columns of slices, and of groups that are no features."""
    fairness = project.gate.fairness
    names = dict.fromkeys([*project.slices, *(fairness.by if fairness else ())])
    return [name for name in names if name in built.joined.columns]


def _side_by_side(workspace: Workspace, watched: Watched, key: list[str]) -> pd.DataFrame:
    """What both models predicted of each row that both scored, and its partition."""
    return pd.concat([_partition(workspace, each, key) for each in watched.scored.values()], ignore_index=True)


def _partition(workspace: Workspace, scored: ShadowScored, key: list[str]) -> pd.DataFrame:
    challenger, champion = (to_frame(read_table(workspace.objects, ref)).set_index(key).add_prefix(side)
                            for ref, side in ((scored.rows, CHALLENGER), (scored.champion_rows, CHAMPION)))  # fmt: skip
    return champion.join(challenger, how="inner").reset_index().assign(**{PARTITION: scored.partition})


def _examples(table: pd.DataFrame, labelled: pd.DataFrame, built: FeatureTable) -> Examples:
    """The labelled rows in the challenger's features, with their weights; a partition is a unit."""
    weight = table[WEIGHT].to_numpy() if WEIGHT in table else None
    features = table.drop(columns=[name for name in EXTRA_COLUMNS if name in table])
    units = number_units(pd.to_datetime(labelled[PARTITION]))
    return Examples(features, labelled[TARGET].to_numpy(float), built.labels, weight, *units)


def _side(rows: pd.DataFrame, side: str) -> pd.DataFrame:
    """What one of the models predicted."""
    names = [name for name in rows if str(name).startswith(side)]
    return rows[names].rename(columns=lambda name: name.removeprefix(side))


def _count(scored: ShadowScored, rows: pd.DataFrame) -> PartitionShadowed:
    return PartitionShadowed(partition=scored.partition, rows=len(rows), labelled=int(rows[TARGET].notna().sum()),
                             same_rows=scored.same_rows)  # fmt: skip
