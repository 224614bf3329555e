"""Profiles of tables, and how a partition differs from what the champion was trained on."""

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict

from tierra.data.differences import compare_profiles, hardly_read
from tierra.data.frames import UNREAD
from tierra.data.profile import Difference, Profile
from tierra.data.profile_table import profile_table
from tierra.data.row_numbers import ROW_NUMBER
from tierra.errors import Broken
from tierra.facts import PartitionDrifted, TableProfiled
from tierra.journal import note, warn
from tierra.store.memo import remember
from tierra.store.predictions import read_manifest
from tierra.store.refs import ObjectRef, TableRef
from tierra.store.tables import read_batches
from tierra.store.values import keep_value, read_value
from tierra.workspace import Workspace


class Drift(BaseModel):
    """How a partition's rows differ from those its champion was trained on; kept beside its predictions."""

    model_config = ConfigDict(frozen=True)

    partition: str
    profile: ObjectRef
    training: ObjectRef
    differences: tuple[Difference, ...]


def profile_of(
    workspace: Workspace, name: str, table: TableRef, key: Sequence[str], columns: Sequence[str] | None = None
) -> Profile:
    """The profile of a stored table, made once; of some columns, where they are named. A row's number is none."""
    chosen = [name for name in (table.columns if columns is None else columns) if name not in (ROW_NUMBER, UNREAD)]
    inputs = [name, table.sha256, key, chosen]
    return remember(workspace.objects, __name__, inputs, Profile,
                    lambda: profile_table(read_batches(workspace.objects, table, chosen), name, key))  # fmt: skip


def keep_profile(workspace: Workspace, profile: Profile) -> ObjectRef:
    """A profile in the store, to be compared with later."""
    return keep_value(workspace.objects, "profiles/", profile)


def measure_drift(
    workspace: Workspace, profile: Profile, training: ObjectRef | None, partition: str
) -> ObjectRef | None:
    """Keep how a partition's profile differs from that of the champion's training rows; None where that is gone."""
    note(TableProfiled(profile))
    if training is None:
        return None
    try:
        known = _shared_columns(_read_profile(workspace, training), profile)
    except (FileNotFoundError, Broken):
        warn(f"the profile of the champion's training data is gone or damaged: {training.name}")
        return None
    differences = tuple(compare_profiles(profile, known))
    for each in hardly_read(profile, known):
        warn(f"{partition}: {each}")
    note(PartitionDrifted(partition, profile.name, known, differences))
    drift = Drift(
        partition=partition, profile=keep_profile(workspace, profile), training=training, differences=differences
    )
    return keep_value(workspace.objects, "drift/", drift)


def read_drift(workspace: Workspace, project: str, partition: str, generation: int | None = None) -> Drift | None:
    """How a published partition differed from the champion's training rows; None where nobody measured it."""
    published = read_manifest(workspace.sink(workspace.project(project)), partition, generation)
    return read_value(workspace.objects, published.drift, Drift) if published and published.drift else None


def _read_profile(workspace: Workspace, ref: ObjectRef) -> Profile:
    """A kept profile, read once a run."""
    return workspace.once.get(("profile", ref.sha256), lambda: read_value(workspace.objects, ref, Profile))


def _shared_columns(training: Profile, profile: Profile) -> Profile:
    return training.model_copy(
        update={"columns": tuple(each for each in training.columns if each.name in profile.by_name)}
    )
