"""How the tables of a training look, and how its parts differ."""

from tierra.data.differences import compare_profiles
from tierra.data.features import day_left_out
from tierra.data.plain_columns import SEASON, describe_infinite
from tierra.data.recipe import ROW, UNIT, WEIGHT
from tierra.data.spec import PARTS
from tierra.facts import PartsCompared, TableProfiled
from tierra.journal import note, warn
from tierra.project.project import Project
from tierra.steps.parts import Parts
from tierra.steps.profile import profile_of
from tierra.steps.pull import Snapshots
from tierra.workspace import Workspace


def profile_sources(workspace: Workspace, project: Project, snapshots: Snapshots) -> None:
    """Show on the receipt what each source looks like; warn of numbers that features take for gaps."""
    for name, ref in snapshots.tables.items():
        profile = profile_of(workspace, name, ref, project.sources[name].key)
        note(TableProfiled(profile))
        for each in profile.columns:
            if each.infinite:
                warn(describe_infinite(each.name, name, each.infinite))


def compare_parts(workspace: Workspace, project: Project, parts: Parts) -> None:
    """Show on the receipt how validation and test differ from training, feature by feature.

    The day of the year is left out of a split by time, as dates are: it always differs.
    """
    season = {f"{day_left_out(project.recipe)}_{SEASON}"} if project.split.by == "time" else set()
    features = [name for name in parts.train.columns if name not in {UNIT, ROW, WEIGHT, *season}]
    profiles = {name: profile_of(workspace, name, getattr(parts, name), (), features) for name in PARTS}
    note(PartsCompared({name: compare_profiles(profiles[name], profiles["train"]) for name in PARTS[1:]}))
