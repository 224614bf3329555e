"""Measuring smaller variants of the champion on the test rows, and judging the one that is to serve."""

from typing import Any

import numpy as np

from tierra.errors import InvalidCall
from tierra.journal import track
from tierra.model import gate
from tierra.model.admission import takes
from tierra.model.artifact import Predictions
from tierra.model.comparison import compare_each
from tierra.model.examples import Examples
from tierra.model.gate import Scores, level_of
from tierra.model.release import Champion
from tierra.model.spec import Gate
from tierra.model.timing import compare_times
from tierra.model.training import scorers_of
from tierra.model.variant_measured import VariantMeasured
from tierra.project.project import Project
from tierra.steps.champion import judged_model
from tierra.steps.evaluate import Judged, groups_of, judge, measure_models
from tierra.steps.fit import Choice, Fitted, load_fitted
from tierra.steps.learnt import units_of
from tierra.steps.parts import read_part
from tierra.steps.release import training_inputs
from tierra.steps.variants import Variant, Variants
from tierra.store.memo import digest
from tierra.store.uses import next_use, sketch_units
from tierra.workspace import Workspace


def measure_variants(
    workspace: Workspace, project: Project, champion: Champion, variants: Variants
) -> tuple[VariantMeasured, ...]:
    """Size, time and metric of each variant beside the champion's, and what the gate says of it.

    All are judged together: each at its share of the gate's alpha, so that looking for the best one of many is no
    second chance. Nothing is counted as a use of the test part before one is to serve.
    """
    served = judged_model(workspace, champion)
    every = read_part(workspace, variants.parts, "test")
    kept = np.flatnonzero(takes(served, every.table))
    test = every.take(kept).renumbered()
    models = {each.name: load_fitted(workspace, project, _fitted(each)) for each in variants.made}
    sizes = {each.name: len(workspace.objects.read(_fitted(each).name)) for each in variants.made}
    found, predicted = _compare(workspace, project, variants, models | {"champion": served}, sizes, test, kept)
    use, judged = _next_use(workspace, project, champion, variants), variant_gate(project, variants)
    before, measured = len(workspace.objects.read(champion.model.name)), []
    for each in track(variants.variants, "variants"):
        line = VariantMeasured(name=each.name, how=each.how, why_not=each.why_not)
        if each.fitted:
            size = sizes[each.name]
            one, many = compare_times(models[each.name], served, test)
            changed = _changed(predicted[each.name], predicted["champion"], test)
            line = line.model_copy(update={
                "bytes": size, "smaller": before / size, "one": one, "many": many, "changed": changed,
                **_judged(found[each.name], judged, use, champion.version),
            })  # fmt: skip
        measured.append(line)
    return tuple(measured)


def judge_variant(
    workspace: Workspace, project: Project, champion: Champion, variants: Variants, name: str
) -> tuple[Project, Judged]:
    """The gate's verdict on one variant, as on any challenger, and the project with the gate it was judged by."""
    variant = find_variant(project, variants, name)
    judged_by = _judged_by(project, variants)
    choice = Choice(parts=variants.parts, best=_fitted(variant), rule=variants.rule, tried={})
    evaluated = measure_models(workspace, judged_by, choice, champion).model_copy(
        update={"champion_number": champion.number, "variant": name, "family": family_of(variants)}
    )
    judged = judge(workspace, judged_by, evaluated)
    if judged.verdict.winner == name:
        return judged_by, judged
    # The rule may beat what serves; then a training says so, and no variant takes its place.
    kept = judged.verdict.model_copy(update={"promote": False, "passed": False})
    return judged_by, judged.model_copy(update={"verdict": kept})


def find_variant(project: Project, variants: Variants, name: str) -> Variant:
    """The variant of that name. Raises InvalidCall where there is none, or it could not be made."""
    found = next((each for each in variants.variants if each.name == name), None)
    if found is None or found.fitted is None:
        known = ", ".join(each.name for each in variants.made) or "none"
        why = f"could not be made: {found.why_not}" if found else "is none"
        raise InvalidCall("variant-unknown", f"{project.name}: variant '{name}' {why} (there are {known})")
    return found


def variant_gate(project: Project, variants: Variants) -> Gate:
    """The project's gate for a variant: shown not to be worse by the margin, at its share of alpha."""
    alpha = project.gate.alpha / max(len(variants.made), 1)
    noninferior = {"challenger": "noninferior", "margin": variants.margin, "beat_champion_by": 0.0, "alpha": alpha}
    return project.gate.model_copy(update=noninferior)


def _judged_by(project: Project, variants: Variants) -> Project:
    """The project with the gate for its variants; what is judged is not fitted once more: a student has no teacher."""
    return project.model_copy(update={"gate": variant_gate(project, variants), "refit": "none"})


def family_of(variants: Variants) -> str:
    """A digest of all variants that are judged together."""
    return digest([variants.margin, *(each.fitted.sha256 for each in variants.made if each.fitted)])


def _fitted(variant: Variant) -> Fitted:
    assert variant.fitted
    return variant.fitted


def _compare(
    workspace: Workspace, project: Project, variants: Variants, models: dict[str, Any], sizes: dict[str, int],
    test: Examples, kept: np.ndarray,
) -> tuple[dict[str, Scores], dict[str, Predictions]]:  # fmt: skip
    choice = Choice(parts=variants.parts, best=variants.rule, rule=variants.rule, tried={})
    groups = groups_of(workspace, project, choice, kept)
    every = {name: (model, test) for name, model in models.items()}
    every["rule"] = (load_fitted(workspace, project, variants.rule), test)
    slices = groups[list(project.slices)] if project.slices else None
    scorers = scorers_of(test.labels, project.gate, project.measured)
    return compare_each(sizes, every, project.gate.metric_name, scorers, project.gate.guardrails, slices, groups)


def _judged(scores: Scores, judged: Gate, use: int, version: str) -> dict[str, Any]:
    """The metric, how it differs, and the verdict, as fields of what was measured."""
    apart, metric = scores.over_champion, scores.best_metrics[judged.metric_name]
    differs = {"better": apart.value, "interval": apart.interval(level_of(judged.alpha, use))} if apart else {}
    # No row was learnt from: else no variant would have been made.
    verdict = gate.judge(scores.model_copy(update={"champion_version": version}), judged, use)
    champion = (scores.champion_metrics or {}).get(judged.metric_name)
    return {"metric": metric, "champion": champion, "verdict": verdict, **differs}


def _changed(own: Predictions, before: Predictions, test: Examples) -> float | None:
    return None if test.labels.task == "regression" else float((own.decision != before.decision).mean())


def _next_use(workspace: Workspace, project: Project, champion: Champion, variants: Variants) -> int:
    """Which use of the test part it would be to let one of them serve."""
    judged_by = _judged_by(project, variants)
    datasets = variants.parts.table.snapshots.digests
    key = digest([training_inputs(judged_by, datasets, family_of(variants)), champion.number])
    return next_use(workspace.objects, project.name, key, sketch_units(units_of(workspace, variants.parts.test)))
