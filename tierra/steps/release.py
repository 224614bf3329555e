"""Writing down what a model was judged with, so that it can be compared, repeated and served."""

from collections.abc import Mapping, Sequence
from importlib.metadata import version

from tierra.data.code import load_code
from tierra.data.labels import Labels
from tierra.model.gate import Scores, Verdict
from tierra.model.release import Release
from tierra.project.project import Project
from tierra.store.memo import LIBRARIES, code_version, digest

# All of a project file that decides a training's result.
JUDGED = {"sources", "joins", "contract", "prepare", "features", "target", "task", "positive", "weight", "split",
          "preprocessing", "candidates", "gate", "card"}  # fmt: skip


def training_inputs(project: Project, datasets: Mapping[str, str]) -> str:
    """Digest of all that decides a training's result: data, project file, the project's code and ours."""
    judged = project.model_dump(mode="json", include=JUDGED, exclude={"gate": {"approval"}})
    code = load_code(project.folder, project.functions).files
    return digest([datasets, judged, code, code_version()])


def make_release(
    project: Project,
    *,
    datasets: Mapping[str, str],
    types: Mapping[str, str],
    labels: Labels,
    features: Sequence[str],
    rows: Mapping[str, int],
    scores: Scores,
    verdict: Verdict,
    reason: str = "",
) -> Release:
    """The release of the verdict's winner.

    `datasets` are digests by source, `types` the joined columns' Arrow types,
    `rows` the sizes of the parts, `reason` why a person started the run. The
    model's own digest is set when it is stored.
    """
    code = load_code(project.folder, project.functions).files
    return Release(
        project=project.name,
        candidate=verdict.winner,
        inputs=training_inputs(project, datasets),
        model_sha256="",
        metric=project.gate.metric or "",
        metrics=scores.rule_metrics if verdict.winner == "rule" else scores.best_metrics,
        rule_metrics=scores.rule_metrics,
        intervals=scores.rule_intervals if verdict.winner == "rule" else scores.best_intervals,
        labels=labels,
        verdict=verdict,
        reason=reason,
        code=dict(code),
        project_file=project.file.read_text(),
        contract=digest(project.contract),
        datasets=dict(datasets),
        types=dict(types),
        features=tuple(features),
        rows=dict(rows),
        libraries={name: version(name) for name in LIBRARIES},
    )
