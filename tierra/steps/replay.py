"""Replay: what is published computed again from the store alone, by the model and the code that its manifest names.

Nothing of today's sources or of the project's folder is read, and nothing is written. Every object is verified by its
digest: rows, history, model, code, manifest and parts.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from tierra.data.row_changes import key_texts
from tierra.data.row_numbers import published_key
from tierra.errors import Broken, Misconfigured
from tierra.model.release import Champion
from tierra.project.project import Project
from tierra.steps.champion import champion_project, open_scorer
from tierra.steps.features import Joined
from tierra.steps.publish import score_rows
from tierra.store.predictions import Manifest, read_manifest, read_published
from tierra.store.refs import RowsScored
from tierra.workspace import Workspace

if TYPE_CHECKING:
    from tierra.model.scoring import Scorer

TOLERANCE = 1e-12
SHOWN = 5


class Differing(BaseModel):
    """One number that a replay makes another of."""

    model_config = ConfigDict(frozen=True)

    key: str
    column: str
    published: Any
    replayed: Any


class Replayed(BaseModel):
    """How a partition's published predictions and those of its replay compare."""

    model_config = ConfigDict(frozen=True)

    partition: str
    generation: int
    model_version: str
    rows: int
    differing: int = 0
    largest: float = 0.0
    examples: tuple[Differing, ...] = ()
    libraries: dict[str, tuple[str, str]] = {}

    @property
    def equal(self) -> bool:
        """Whether every number is the published one, to the bit or within 1e-12 of the numbers' size."""
        return not self.differing

    @property
    def sentence(self) -> str:
        """The result in a sentence."""
        if self.equal:
            return f"Replayed from the store: all {self.rows:,} predictions are the published ones."
        each = self.examples[0]
        other = "; ".join(f"{name} was {then} and is {now}" for name, (then, now) in self.libraries.items())
        return (
            f"{self.partition}, generation {self.generation}: {self.differing:,} of {self.rows:,} predictions differ when"
            f" replayed, by up to {self.largest:.3g}, such as {each.column} of {each.key}: published {each.published},"
            f" replayed {each.replayed} ({other or 'the libraries are those of its training'})"
        )


@dataclass(frozen=True)
class Scorable:
    """Rows that were scored, and the model that scored them with its code and recipe."""

    champion: Champion
    scorer: "Scorer"
    key: dict[str, str]
    joined: RowsScored


def find_manifest(workspace: Workspace, project: Project, partition: str, generation: int | None = None) -> Manifest:
    """The manifest of a published generation, the newest when none is named. Raises Misconfigured."""
    manifest = read_manifest(workspace.sink(project), partition, generation)
    if manifest is None:
        which = f"generation {generation} of {partition}" if generation else partition
        raise Misconfigured("partition-unpublished", f"{project.name}: {which} is not published")
    return manifest


def find_publisher(workspace: Workspace, project: Project, manifest: Manifest) -> Champion:
    """The champion that made a generation's predictions, by the digests that its manifest names. Raises Broken."""
    return workspace.once.get(
        ("publisher", manifest.model, manifest.scoring), lambda: _find_publisher(workspace, project, manifest)
    )


def _find_publisher(workspace: Workspace, project: Project, manifest: Manifest) -> Champion:
    for pointer in reversed(workspace.champions.history(project.name)):
        if pointer.model.sha256 == manifest.model:
            champion = workspace.champions.served(pointer)
            if champion.release.serving_digest == manifest.scoring:
                return champion
    raise Broken(
        "artifact-missing",
        f"{project.name} {manifest.partition}, generation {manifest.generation}: no champion of the history has its"
        f" model, version {manifest.model_version}, {manifest.model[:12]}",
    )


def open_published(workspace: Workspace, project: Project, manifest: Manifest) -> Scorable:
    """What is needed to compute a generation again. Raises Misconfigured when its rows are not kept, and Broken."""
    champion = find_publisher(workspace, project, manifest)
    return Scorable(
        champion=champion,
        scorer=open_champion(workspace, project, champion),
        key=published_key(champion_project(workspace, champion).main_source),
        joined=rows_of(project, manifest),
    )


def open_champion(workspace: Workspace, project: Project, champion: Champion) -> "Scorer":
    """A champion ready to score, with all columns of its task, whichever of them are published today."""
    return replace(open_scorer(workspace, project, champion), columns=None)


def rows_of(project: Project, manifest: Manifest) -> RowsScored:
    """The rows that a generation was made of. Raises Misconfigured when its manifest does not name them."""
    if manifest.joined is None:
        raise _gone(project, manifest, "its manifest, of an older version, does not name the rows it was made of")
    return manifest.joined


def score_again(workspace: Workspace, project: Project, manifest: Manifest, scorable: Scorable) -> pa.Table:
    """Predictions of rows that were scored before, beside their keys, batch by batch as at night."""
    joined = Joined(rows=scorable.joined.rows, history=scorable.joined.history, digest=manifest.inputs)
    try:
        return pa.concat_tables(score_rows(workspace, scorable.scorer, joined, scorable.key))
    except Broken as error:
        if error.code != "snapshot-missing":
            raise
        raise _gone(project, manifest, error.what) from None


def replay_partition(workspace: Workspace, project: Project, partition: str, generation: int | None = None) -> Replayed:
    """Compute a published partition again from the store alone, and compare every prediction.

    Raises Broken when an object is not what was written, and Misconfigured (`replay-gone`) when its rows are not kept.
    """
    manifest = find_manifest(workspace, project, partition, generation)
    scorable = open_published(workspace, project, manifest)
    again = score_again(workspace, project, manifest, scorable)
    published = read_published(workspace.sink(project), partition, manifest.generation)
    return _compare(manifest, scorable, published, again)


def require_equal(project: Project, replayed: Replayed) -> None:
    """Raise Broken when a replay differs from what is published, saying how."""
    if not replayed.equal:
        raise Broken("replay-differs", f"{project.name} {replayed.sentence}")


def _compare(manifest: Manifest, scorable: Scorable, published: pa.Table, again: pa.Table) -> Replayed:
    key, labels = list(scorable.key), scorable.champion.release.labels
    keys = key_texts(published, key)
    replayed = Replayed(
        partition=manifest.partition, generation=manifest.generation, model_version=manifest.model_version,
        rows=published.num_rows, libraries=changed_libraries(scorable.champion),
    )  # fmt: skip
    if not keys.equals(key_texts(again, key)):
        other = _other_keys(published, again)
        return replayed.model_copy(update={"differing": published.num_rows or 1, "examples": (other,)})
    columns = [name for name in labels.columns if name in published.column_names]
    found = [(name, *_differences(published.column(name), again.column(name))) for name in columns]
    rows = {int(place) for _, places, _ in found for place in places}
    largest = max((size for *_, size in found), default=0.0)
    examples = tuple(_examples(keys, published, again, found))
    return replayed.model_copy(update={"differing": len(rows), "largest": largest, "examples": examples})


def _differences(published: pa.ChunkedArray, again: pa.ChunkedArray) -> tuple[np.ndarray, float]:
    """The places where two columns differ, and by how much numbers do at most."""
    one, other = published.to_numpy(), again.to_numpy()
    if one.dtype.kind != "f":
        return np.flatnonzero(one != other), 0.0
    size = float(np.nanmax(np.abs(one), initial=0.0))
    far = ~np.isclose(other, one, rtol=TOLERANCE, atol=TOLERANCE * size, equal_nan=True)
    return np.flatnonzero(far), float(np.nanmax(np.abs(one - other), initial=0.0, where=far))


def _examples(
    keys: pa.Array, published: pa.Table, again: pa.Table, found: Sequence[tuple[str, np.ndarray, float]]
) -> Iterator[Differing]:
    for name, places, _ in found:
        for place in map(int, places[:SHOWN]):
            yield Differing(key=shown_key(keys[place].as_py()), column=name,
                            published=published.column(name)[place].as_py(),
                            replayed=again.column(name)[place].as_py())  # fmt: skip


def _other_keys(published: pa.Table, again: pa.Table) -> Differing:
    other = f"{again.num_rows:,} rows of other keys, or in another order"
    return Differing(key="its rows", column="the keys", published=f"{published.num_rows:,} rows", replayed=other)


def shown_key(text: str) -> str:
    """A key's text as people write it."""
    return text.replace("\x1f", ",")


def changed_libraries(champion: Champion) -> dict[str, tuple[str, str]]:
    """The libraries that are another version now than when the model was trained."""
    pairs = {name: (then, _version(name)) for name, then in champion.release.libraries.items()}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _gone(project: Project, manifest: Manifest, why: str) -> Misconfigured:
    which = f"{project.name} {manifest.partition}, generation {manifest.generation}"
    return Misconfigured("replay-gone", f"{which}, cannot be computed again: {why}")
