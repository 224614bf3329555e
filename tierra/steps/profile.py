"""What tables look like, beside what they looked like when the champion was trained."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tierra.journal import note, note_each
from tierra.store.refs import ObjectRef, TableRef
from tierra.workspace import open_workspace

if TYPE_CHECKING:
    from tierra.data.profile import Profile


def profile_of(name: str, table: TableRef, key: Sequence[str], columns: Sequence[str] | None = None) -> "Profile":
    """The profile of a stored table, drawn once; of some columns, where they are named."""
    from tierra.data.profile import Profile
    from tierra.data.profile_table import profile_table
    from tierra.store.memo import remember
    from tierra.store.tables import read_batches

    objects, chosen = open_workspace().objects, list(columns) if columns is not None else None
    inputs = [name, table.sha256, key, chosen]
    return remember(objects, "profile", inputs, Profile,
                    lambda: profile_table(read_batches(objects, table, chosen), name, key))  # fmt: skip


def keep_profile(profile: "Profile") -> ObjectRef:
    """A profile in the store, to be compared with later."""
    with open_workspace().objects.draft("profiles/", ".json") as draft:
        draft.write(profile.model_dump_json().encode())
    return ObjectRef(name=draft.name, sha256=draft.sha256)


def note_beside_training(profile: "Profile", training: ObjectRef | None, partition: str) -> None:
    """Note a partition's profile, and how it differs from the rows the champion was trained on.

    A line says so when the profile of those is gone.
    """
    from tierra.data.differences import compare_profiles
    from tierra.data.profile import Profile

    note(profiles={profile.name: profile})
    if training is None:
        return
    try:
        then = Profile.model_validate_json(open_workspace().objects.read(training.name))
    except FileNotFoundError:
        note_each(warning=f"the profile of the champion's training data is gone: {training.name}")
        return
    known = then.model_copy(update={"columns": tuple(each for each in then.columns if each.name in profile.by_name)})
    moved = compare_profiles(profile, known)
    note(training_profiles={profile.name: known})
    note(profile_differences=[{"partition": partition, **each.model_dump()} for each in moved])
