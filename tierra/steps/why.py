"""Why a published prediction is what it is: all that it was made of, from the store."""

from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa

from tierra.data.contract import describe_expectation
from tierra.data.quarantine import REASON, QuarantineReason, find_reasons
from tierra.data.row_changes import SEPARATOR, key_texts
from tierra.data.row_numbers import ROW_NUMBER, published_key
from tierra.errors import Broken, Misconfigured, TierraError
from tierra.model.release import Champion
from tierra.project.project import Project
from tierra.steps.champion import champion_project
from tierra.steps.explanation import Explanation, GenerationSeen, JoinSeen, ModelSeen
from tierra.steps.keys import find_key, find_row, find_set_aside, shown
from tierra.steps.replay import (
    Scorable,
    find_manifest,
    find_publisher,
    open_published,
    replay_partition,
    rows_of,
)
from tierra.store.manifest import Manifest
from tierra.store.predictions import generations
from tierra.store.tables import read_batches, read_table
from tierra.workspace import Workspace

GENERATIONS = 30


def explain_key(
    workspace: Workspace,
    project: Project,
    wanted: Mapping[str, str],
    partition: str | None = None,
    generation: int | None = None,
) -> Explanation:
    """All that is kept of one published prediction; nothing is computed but its features.

    Raises InvalidCall when the key was never there, Broken when an object is not what was written.
    """
    manifest = find_key(workspace, project, wanted, partition, generation)
    champion, sink = find_publisher(workspace, project, manifest), workspace.sink(project)
    aside = find_set_aside(workspace, manifest, wanted)
    explanation = Explanation(
        project=project.name, key=dict(wanted), partition=manifest.partition, generation=manifest.generation,
        generations=tuple(_generations(workspace, project, manifest, wanted)),
        published_at=manifest.published_at, work=manifest.writer,
        manifest=sink.location(manifest.partition, manifest.generation),
        predicted=_predicted(workspace, project, manifest, wanted),
        set_aside=aside.pop(REASON, ""), row=aside,
        rows_in=manifest.rows_in, rows_scored=manifest.rows_scored, rows_quarantined=manifest.rows_quarantined,
        reasons=tuple(_reasons(workspace, manifest)),
        contract=tuple(_contract(project)),
        inputs=manifest.inputs, model=_model(workspace, champion),
    )  # fmt: skip
    return explanation.model_copy(update=_made_of(workspace, project, manifest, explanation))


def with_replay(workspace: Workspace, project: Project, found: Explanation) -> Explanation:
    """The same with the replay of the whole partition. Raises Misconfigured when its rows are not kept, and Broken."""
    return found.model_copy(update={"replay": replay_partition(workspace, project, found.partition, found.generation)})


def _made_of(
    workspace: Workspace, project: Project, manifest: Manifest, explanation: Explanation
) -> dict[str, Any]:  # fmt: skip
    """The row, its joins and features, as far as the rows are kept and were scored, and its model's code may run."""
    if explanation.set_aside:
        return {}
    try:
        made = _kept(workspace, project, manifest, explanation)
    except (Misconfigured, Broken) as error:
        if error.code not in ("replay-gone", "snapshot-missing"):
            raise
        return {"notes": (f"The rows that were scored are not kept: {error.what}",)}
    try:
        return made | _seen(workspace, open_published(workspace, project, manifest), explanation)
    except Misconfigured as error:
        if error.code != "code-differs":
            raise
        return made | {"notes": (f"What the model saw is not shown, since its code may not run here: {error.what}",)}


def _kept(
    workspace: Workspace, project: Project, manifest: Manifest, explanation: Explanation
) -> dict[str, Any]:  # fmt: skip
    """The row as it was joined, each side table's columns apart."""
    champion, joined = find_publisher(workspace, project, manifest), rows_of(project, manifest)
    key = published_key(champion_project(workspace, champion).main_source)
    row = find_row(read_batches(workspace.objects, joined.rows), _names(key, explanation), explanation.key)
    if row is None:
        place = workspace.objects.location(joined.rows.name)
        raise Broken("store-tampered", f"{place} has no {shown(explanation.key)}, which was published from it")
    joins = tuple(_joins(workspace, champion, row))
    of_joins = {name for each in joins for name in each.values}
    own = {name: value for name, value in _values(row).items() if name not in of_joins}
    return {"snapshot": joined.rows, "history": joined.history, "row": own, "joins": joins}


def _names(key: Mapping[str, str], explanation: Explanation) -> list[str]:
    """The columns of the joined rows that hold the key."""
    return [key.get(name, name) for name in explanation.key]


def _seen(workspace: Workspace, scorable: Scorable, explanation: Explanation) -> dict[str, Any]:
    """What the model saw of the row, and the threshold that it was compared with."""
    from tierra.model.encoded import encode_row
    from tierra.model.reasons import explain_row

    features, model = _features(workspace, scorable, explanation), scorable.scorer.model
    threshold = getattr(model, "threshold", None)
    return {
        "features": _plain(features.iloc[0].to_dict()),
        "encoded": encode_row(model, features),
        "contributions": explain_row(model, features, scorable.champion.release.labels),
        "model": explanation.model.model_copy(update={"threshold": threshold}),
    }


def _features(workspace: Workspace, scorable: Scorable, explanation: Explanation) -> Any:
    """The features of the one row; made with all rows beside it where `prepare` sees them all."""
    joined, scorer, key = scorable.joined, scorable.scorer, _names(scorable.key, explanation)
    history = scorer.history_frame(read_table(workspace.objects, joined.history) if joined.history else None)
    if scorer.code["prepare"] is None:
        return scorer.features_of(find_row(read_batches(workspace.objects, joined.rows), key, explanation.key), history)
    rows = read_table(workspace.objects, joined.rows)
    place = key_texts(rows, key).index(SEPARATOR.join(explanation.key.values())).as_py()
    return scorer.features_of(rows, history).iloc[[place]].reset_index(drop=True)


def _joins(workspace: Workspace, champion: Champion, row: pa.Table) -> Iterator[JoinSeen]:
    """What each side table gave, as far as the release says which columns it has."""
    schemas, values = champion.release.schemas, _values(row)
    for join in champion_project(workspace, champion).joins:
        names = filter(None, map(join.joined_name, schemas.get(join.right, {})))
        given = {name: values[name] for name in names if name in values}
        by = [*join.on, *([join.as_of.left] if join.as_of else [])]
        yield JoinSeen(table=join.right, on={name: values.get(name) for name in by}, values=given)


def _model(workspace: Workspace, champion: Champion) -> ModelSeen:
    release = champion.release
    return ModelSeen(
        version=champion.version, candidate=champion.candidate, number=champion.number, who=champion.who,
        why=champion.why, since=champion.registered.isoformat(timespec="seconds"), sha256=release.model_sha256,
        code=release.code, verdict=release.verdict, trained_from=release.datasets,
    )  # fmt: skip


def _predicted(
    workspace: Workspace, project: Project, manifest: Manifest, wanted: Mapping[str, str]
) -> dict[str, Any]:  # fmt: skip
    """The published columns of a key beside it; nothing where it has none."""
    sink = workspace.sink(project)
    row = find_row((sink.read_part(part) for part in manifest.parts), list(wanted), wanted)
    return {} if row is None else {name: value for name, value in _values(row).items() if name not in wanted}


def _generations(
    workspace: Workspace, project: Project, manifest: Manifest, wanted: Mapping[str, str]
) -> Iterator[GenerationSeen]:
    """The newest generations of the partition, oldest first; one that cannot be read says why."""
    last = generations(workspace.sink(project), [manifest.partition])[manifest.partition]
    for number in range(max(1, last - GENERATIONS + 1), last + 1):
        try:
            each = find_manifest(workspace, project, manifest.partition, number)
            predicted = _predicted(workspace, project, each, wanted)
        except TierraError as error:
            yield GenerationSeen(generation=number, note=error.what)
            continue
        note = (
            "" if predicted else find_set_aside(workspace, each, wanted).get(REASON) or "the key is not among its rows"
        )
        yield GenerationSeen(
            generation=number, published_at=each.published_at, model_version=each.model_version,
            restores=each.restores, predicted=predicted, note=note,
        )  # fmt: skip


def _reasons(workspace: Workspace, manifest: Manifest) -> Iterator[QuarantineReason]:
    for ref in manifest.quarantine:
        yield from find_reasons(read_table(workspace.objects, ref))


def _contract(project: Project) -> Iterator[str]:
    """What the tables are held to, as the project file says today."""
    for each in project.contract.expectations:
        table = f"{each.table}: " if each.table not in (None, project.main) else ""
        yield f"{table}{describe_expectation(each)} ({each.on_fail})"


def _values(row: pa.Table) -> dict[str, Any]:
    (values,) = row.to_pylist()
    return {name: value for name, value in values.items() if name != ROW_NUMBER}


def _plain(values: Mapping[Any, Any]) -> dict[str, Any]:
    """Features with gaps as None."""
    return {str(name): None if value != value else value for name, value in values.items()}


def key_columns(project: Project) -> list[str]:
    """The columns by which a published row is named."""
    return list(published_key(project.main_source))
