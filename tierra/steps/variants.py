"""Making smaller variants of the champion: what can be left out of it, and what can stand in its place."""

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from tierra.errors import Broken, DataRejected, Misconfigured
from tierra.journal import track, warn
from tierra.model.artifact import check_agreement, dump_model, inner_model
from tierra.model.candidates import check_reasons
from tierra.model.compressed import compress
from tierra.model.decision_chosen import DecisionChosen
from tierra.model.release import Champion
from tierra.model.variant_spec import margin_of
from tierra.project.project import Project
from tierra.steps.champion import champion_project, has_same_features
from tierra.steps.fit import Fitted, FittedCandidates, choose_candidate
from tierra.steps.learnt import learnt_from
from tierra.steps.own import own_classes
from tierra.steps.parts import Parts
from tierra.steps.search import with_found
from tierra.steps.variant_kinds import KINDS, Material
from tierra.store.memo import remember
from tierra.workspace import Workspace

ROWS_COMPARED: Final = 500


class Variant(BaseModel):
    """A variant: what it is called, how it was made, and the model; or why there is none."""

    model_config = ConfigDict(frozen=True)

    name: str
    how: str
    why_not: str = ""
    fitted: Fitted | None = None


class Variants(BaseModel):
    """All variants of a champion, and how much worse than it one may be."""

    model_config = ConfigDict(frozen=True)

    parts: Parts
    rule: Fitted
    margin: float
    variants: tuple[Variant, ...]

    @property
    def made(self) -> list[Variant]:
        """Those that could be made."""
        return [each for each in self.variants if each.fitted]


def make_variants(workspace: Workspace, project: Project, champion: Champion, candidates: FittedCandidates) -> Variants:
    """Every kind of variant that the project asks for. Raises DataRejected or Misconfigured where none can be judged.

    What was made before of the same champion is found again.
    """
    _check_champion(workspace, project, champion, candidates.parts)
    if champion.release.refit:
        warn(f"champion version {champion.version} was fitted once more on all rows (`refit`); its variants are made of"
             " the model before that, which was judged: one that serves has not learnt from the test rows")  # fmt: skip
    release, metric = champion.release, project.gate.metric_name
    margin = margin_of(project.optimise.margin, project.gate, metric, release.metrics, release.rule_metrics)
    fixed = with_found(project, candidates.searches).model_copy(update={"complexity": None})
    material = Material(workspace, fixed, champion, candidates, margin)
    inputs = [champion.model, candidates, project.optimise, project.decision, project.preprocessing, margin,
              project.card.cost, bool(project.score.reasons), project.candidates, project.gate.metric]  # fmt: skip
    return remember(workspace.objects, __name__, inputs, Variants, partial(_make_all, material))


def _check_champion(workspace: Workspace, project: Project, champion: Champion, parts: Parts) -> None:
    """Raise unless the champion reads today's features, and has not seen the rows that its variants are judged on."""
    name = f"champion version {champion.version}"
    if champion.candidate == "rule":
        raise Misconfigured("variant-needless", f"{name} is the rule: there is nothing to make smaller")
    # What is predicted was inferred from the target where the file does not say it.
    as_stated = project.model_copy(update={"task": champion_project(workspace, champion).task})
    if champion.release.labels != parts.labels or not has_same_features(workspace, as_stated, champion):
        raise Misconfigured("features-changed", f"{name} reads other features than {project.file} makes today")
    learnt = learnt_from(workspace, project, parts, champion)
    if learnt is None or learnt.any():
        how = "an unknown number" if learnt is None else f"{int(learnt.sum()):,}"
        raise DataRejected("champion-saw-test", f"{name} learnt from {how} of today's {parts.test.rows:,} test rows")


def _make_all(material: Material) -> Variants:
    kinds = [each for kind in material.project.optimise.variants for each in KINDS[kind](material)]
    made = [_finish(material, name, how, make) for name, how, make in track(kinds, "variants")]
    project, candidates = material.project, material.candidates
    rule = choose_candidate(material.workspace, project, candidates, "rule").rule
    return Variants(parts=candidates.parts, rule=rule, margin=material.margin, variants=tuple(made))


def _finish(material: Material, name: str, how: str, make: Callable[[], Any]) -> Variant:
    """The variant as it would serve, written into the store; or why it cannot."""
    try:
        model = make()
        rows = material.validation.table.head(ROWS_COMPARED)
        check_agreement(model, rows, material.validation.labels, own_classes(material.project))
        if material.project.score.reasons:
            check_reasons(name, inner_model(model), material.validation)
        with material.workspace.objects.draft("models/", ".skops") as draft:
            draft.write(compress(dump_model(model, own_classes(material.project))))
    except (Misconfigured, Broken, DataRejected) as error:
        return Variant(name=name, how=how, why_not=error.what)
    chosen = DecisionChosen(rows=len(material.validation.target))
    return Variant(name=name, how=how, fitted=Fitted(name=draft.name, sha256=draft.sha256, candidate=name,
                                                     chosen=chosen))  # fmt: skip
