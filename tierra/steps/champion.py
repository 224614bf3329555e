"""What serves: the champion's model with the code and the recipe it was judged with."""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow as pa

from tierra.data.code import ProjectCode, load_code
from tierra.data.features import build_training_features
from tierra.data.frames import align_types, to_frame
from tierra.data.recipe import Recipe
from tierra.errors import Broken, Misconfigured, NoChampion
from tierra.model.distributions import PROBABILITIES
from tierra.model.release import Champion
from tierra.project.project import Project, load_project
from tierra.workspace import Workspace

if TYPE_CHECKING:
    from tierra.model.scoring import Scorer

# What a source's declaration says of its columns, apart from where it lies.
MAKES_FEATURES = ("key", "columns", "types", "partition_by", "history", "known_later")


def find_champion(workspace: Workspace, project: Project) -> Champion:
    """The project's champion. Raises NoChampion before the first."""
    champion = workspace.registry().champion(project.name)
    if champion is None:
        raise NoChampion("no-champion", f"{project.name}: no model has been registered yet")
    return champion


def open_scorer(workspace: Workspace, project: Project, champion: Champion) -> "Scorer":
    """The champion ready to score, everything checked against its digests. Raises Broken."""
    from tierra.model.scoring import Scorer

    scores = champion.release.scores
    return Scorer(
        model=workspace.registry().load(champion),
        code=serving_code(workspace, project, champion),
        recipe=serving_recipe(champion),
        features=champion.release.features,
        types=champion.release.types,
        labels=champion.release.labels,
        columns=project.score.columns,
        edges=scores.edges if scores else PROBABILITIES,
    )


def judged_alike(project: Project, champion: Champion) -> bool:
    """Whether today's code and recipe make the champion's features too."""
    today = load_code(project.folder, project.functions)
    return serving_recipe(champion) == project.recipe and today.files == champion.release.code


def champion_features(workspace: Workspace, project: Project, champion: Champion, joined: pa.Table) -> pd.DataFrame:
    """The champion's features of today's joined rows, made by its own code as in training."""
    from tierra.model.scoring import select_features

    rows = to_frame(align_types(joined, champion.release.types))
    code = serving_code(workspace, project, champion)
    built = build_training_features(serving_recipe(champion), code, rows)
    return select_features(built, champion.release.features)


def judged_project(champion: Champion) -> Project:
    """The project file the champion was registered with. Raises Broken when it was changed since."""
    file = Path(champion.folder) / "project.yaml"
    if not file.is_file() or file.read_text() != champion.release.project_file:
        raise Broken("code-mismatch", f"{file} is not the file version {champion.version} registered")
    return load_project(str(file))


def serving_recipe(champion: Champion) -> Recipe:
    """How the champion's features are made."""
    return judged_project(champion).recipe


def as_judged(project: Project, champion: Champion) -> Project:
    """Today's project with all that makes features as the champion was judged with it.

    Where sources lie, the contract, the sink and the schedule stay today's.
    Raises Misconfigured when a source the champion needs is not declared any more.
    """
    judged = judged_project(champion)
    if missing := [name for name in judged.sources if name not in project.sources]:
        raise Misconfigured("features-changed", f"the champion needs source '{missing[0]}', which is not declared")
    sources = {
        name: project.sources[name].model_copy(update={key: getattr(source, key) for key in MAKES_FEATURES})
        for name, source in judged.sources.items()
    }
    kept = {
        name: getattr(judged, name)
        for name in ("joins", "prepare", "features", "target", "weight", "split", "candidates")
    }
    return project.model_copy(update={"sources": sources, **kept})


def serving_code(workspace: Workspace, project: Project, champion: Champion) -> ProjectCode:
    """The champion's own functions: from the registry, or, where that is forbidden, equal local files."""
    registered = workspace.registry().code_folder(champion)
    names = serving_recipe(champion).functions
    if workspace.settings.run_registered_code:
        return load_code(registered, names)
    for name, sha256 in champion.release.code.items():
        file = project.folder / name
        if not file.is_file() or hashlib.sha256(file.read_bytes()).hexdigest() != sha256:
            raise Misconfigured("code-differs", f"{file} is not what version {champion.version} was judged with")
    return load_code(project.folder, names)
