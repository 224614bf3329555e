"""Replay: what is published computed again from the store alone, by the model and the code that its manifest names.

Nothing of today's sources or of the project's folder is read, and nothing is written. Every object is verified by its
digest: rows, history, model, code, manifest and parts.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pyarrow as pa

from tierra.data.row_numbers import published_key
from tierra.errors import Broken, Misconfigured
from tierra.model.reason_texts import REASONS, count_reasons
from tierra.model.release import Champion
from tierra.project.project import Project
from tierra.steps.champion import champion_project, open_scorer
from tierra.steps.features import Joined
from tierra.steps.publish import score_rows
from tierra.steps.replayed import Replayed, compare_predictions
from tierra.store.manifest import Manifest
from tierra.store.predictions import read_manifest, read_published
from tierra.store.refs import RowsScored
from tierra.workspace import Workspace

if TYPE_CHECKING:
    from tierra.model.scoring import Scorer


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
            champion = workspace.champions.of(pointer)
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
    return replace(open_scorer(workspace, project, champion), columns=None, reasons=0)


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
    published = read_published(workspace.sink(project), partition, manifest.generation)
    if published.num_rows and REASONS in published.column_names:
        reasons = count_reasons(published.column(REASONS)[0].as_py())
        scorable = replace(scorable, scorer=replace(scorable.scorer, reasons=reasons))
    again = score_again(workspace, project, manifest, scorable)
    return compare_predictions(manifest, scorable.champion.release, list(scorable.key), published, again)


def require_equal(project: Project, replayed: Replayed) -> None:
    """Raise Broken when a replay differs from what is published, saying how."""
    if not replayed.equal:
        raise Broken("replay-differs", f"{project.name} {replayed.sentence}")


def _gone(project: Project, manifest: Manifest, why: str) -> Misconfigured:
    which = f"{project.name} {manifest.partition}, generation {manifest.generation}"
    return Misconfigured("replay-gone", f"{which}, cannot be computed again: {why}")
