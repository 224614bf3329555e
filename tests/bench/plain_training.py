"""The train flow's library calls in one plain script: no Prefect, no tables in a store, no receipt.

It ends with the verdict's words, which the flow must end with too.
"""

import json
import sys
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import pyarrow as pa

from tests.bench.measure import peak_memory
from tierra.data.code import load_code
from tierra.data.differences import compare_profiles
from tierra.data.features import build_training_features, check_row_wise
from tierra.data.frames import to_frame
from tierra.data.joins import Joiner
from tierra.data.profile_table import profile_table
from tierra.data.recipe import TARGET
from tierra.data.snapshot import take_snapshot
from tierra.data.sources import open_source
from tierra.data.spec import PARTS
from tierra.data.split import split_rows, unit_of
from tierra.data.target import make_target
from tierra.data.units import number_units
from tierra.environment import QUIET, set_defaults
from tierra.model.examples import Examples
from tierra.project.project import Project
from tierra.steps.release import training_inputs
from tierra.store.memo import LIBRARIES, digest
from tierra.store.objects import MemoryObjects
from tierra.store.tables import in_groups, read_table
from tierra.workspace import Workspace, open_workspace

ROWS_COMPARED = 500


@dataclass(frozen=True)
class Pulled:
    """The source's rows, and what their snapshot is called."""

    rows: pa.Table
    sha256: str


def main(name: str) -> None:
    set_defaults(QUIET)
    workspace = open_workspace()
    project = workspace.project(name)
    pulled = pull(workspace, project)
    settled, joined, parts = split(project, pulled.rows)
    models, validation = fit(settled, parts)
    verdict = register(workspace, settled, pulled, joined, parts, models, validation)
    print(json.dumps({"end": "Promoted", "said": verdict.reasons[-1], "peak": peak_memory()}))


def pull(workspace: Workspace, project: Project) -> Pulled:
    objects, source = MemoryObjects(), project.main_source
    reader = open_source(project.main, source, project.folder, workspace.settings)
    ref = take_snapshot(objects, source, reader, project.training_window)
    rows = read_table(objects, ref)
    profile_table(in_groups(rows.schema, [rows]), project.main, source.key)
    return Pulled(rows, ref.sha256)


def split(project: Project, pulled: pa.Table) -> tuple[Project, pa.Table, dict[str, Examples]]:
    recipe, code = project.recipe, load_code(project.folder, project.functions)
    joined = Joiner(project.joins, {project.main: pulled}).join_checked(pulled)
    rows = to_frame(joined)
    target, labels = make_target(recipe, code, rows)
    check_row_wise(recipe, code, rows)
    table = build_training_features(recipe, code, rows)
    units = unit_of(rows, recipe)
    part_of = split_rows(units, target, project.split, labels)
    inside = {name: (part_of == name).to_numpy(bool) for name in PARTS}
    parts = {
        name: Examples(
            table[each].reset_index(drop=True), target[each].to_numpy(), labels, None, *number_units(units[each])
        )
        for name, each in inside.items()
    }
    find_differences(parts)
    return project.for_task(labels.task), joined, parts


def find_differences(parts: dict[str, Examples]) -> None:
    profiles = {}
    for name, part in parts.items():
        table = pa.Table.from_pandas(part.table.assign(**{TARGET: part.target}), preserve_index=False)
        profiles[name] = profile_table(in_groups(table.schema, [table]), name, ())
    for name in PARTS[1:]:
        compare_profiles(profiles[name], profiles["train"])


def fit(project: Project, parts: dict[str, Examples]) -> tuple[dict[str, Any], dict[str, dict[str, float]]]:
    from tests.fitting import fit_any
    from tierra.model.candidates import check_types
    from tierra.model.leaks.columns import find_in_columns
    from tierra.model.training import measure, scorers_of, tune_threshold
    from tierra.model.treatments_described import describe_features

    list(find_in_columns(parts["train"], ("target",)))
    fitted: dict[str, Any] = {}
    for candidate in project.candidates or ():
        check_types(candidate, parts["train"], project.preprocessing)
        fitted[candidate.name] = fit_any(candidate, parts["train"], fitted, project.preprocessing)
    later = parts["validation"]
    models = {name: tune_threshold(model, later, project.card.cost) for name, model in fitted.items()}
    describe_features(parts["train"].features, project.preprocessing)
    scorers = scorers_of(later.labels, project.gate, project.metrics)
    return models, {name: measure(model, later, scorers) for name, model in models.items()}


def register(
    workspace: Workspace, project: Project, pulled: Pulled, joined: pa.Table, parts: dict[str, Examples],
    models: dict[str, Any], validation: dict[str, dict[str, float]],
) -> Any:  # fmt: skip
    """Judge the best beside the rule and the champion, and register it."""
    from tierra.model.artifact import check_agreement, dump_model, predict
    from tierra.model.champions import stored_files
    from tierra.model.comparison import compare_models
    from tierra.model.distributions import distribution
    from tierra.model.gate import judge
    from tierra.model.pointers import Appointment
    from tierra.model.release import Release
    from tierra.model.training import choose_candidate, scorers_of
    from tierra.store.refs import ObjectRef

    recorder, test = workspace.recorder(), parts["test"]
    best, champion = choose_candidate(validation, project.gate), workspace.champions.current(project.name)
    assert champion
    rivals = {best: models[best], "rule": models["rule"], "champion": workspace.champions.load(champion)}
    scorers = scorers_of(test.labels, project.gate, project.metrics)
    among = {name: (model, test) for name, model in rivals.items()}
    scores = compare_models(best, among, project.gate.metric_name, scorers, guardrails=project.gate.guardrails).scores
    scores = scores.model_copy(update={"champion_version": champion.version})
    verdict = judge(scores, project.gate)
    assert verdict.promote
    model = models["rule" if verdict.winner == "rule" else best]
    check_agreement(model, test.table.head(ROWS_COMPARED), test.labels)
    histogram, decided = distribution(predict(model, test.table, test.labels), test.labels)
    dumped = dump_model(model)
    with workspace.objects.draft("models/", ".skops") as draft:
        draft.write(dumped)
    datasets = {project.main: pulled.sha256}
    release = Release(
        project=project.name,
        candidate=verdict.winner,
        inputs=training_inputs(project, datasets),
        model_sha256=draft.sha256,
        metric=project.gate.metric or "",
        metrics=scores.best_metrics,
        rule_metrics=scores.rule_metrics,
        intervals=scores.best_intervals,
        labels=test.labels,
        scores=histogram,
        decided=decided,
        verdict=verdict,
        code=dict(load_code(project.folder, project.functions).files),
        project_file=project.file.read_text(),
        contract=digest(project.contract),
        datasets=datasets,
        types={field.name: str(field.type) for field in joined.schema},
        features=tuple(test.table.columns),
        rows={name: len(part.target) for name, part in parts.items()},
        libraries={name: version(name) for name in LIBRARIES},
    )
    code = {name: (project.folder / name).read_bytes() for name in release.code}
    shown = recorder.register(release, model, test.table, stored_files(dumped, code))
    by = Appointment(who="bench", why="bench", **shown.model_dump())
    kept = ObjectRef(name=draft.name, sha256=draft.sha256)
    assert workspace.champions.appoint(release, kept, code, by, champion.number)
    recorder.show(project.name, shown.version)
    return verdict


if __name__ == "__main__":
    main(*sys.argv[1:])
