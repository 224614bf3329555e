"""What serves: the champion's model with the code and the recipe it was judged with."""

import getpass
import hashlib
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tierra.data.code import ProjectCode, load_code
from tierra.data.labels import Labels
from tierra.data.recipe import Recipe
from tierra.data.spellings import is_positive
from tierra.errors import Misconfigured, NoChampion
from tierra.facts import ChampionFound
from tierra.journal import current_run, note
from tierra.model.release import Champion
from tierra.model.view import alias_of, is_server
from tierra.project.project import Project, load_project
from tierra.workspace import Workspace

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from tierra.model.scoring import Scorer


def find_champion(workspace: Workspace, project: Project) -> Champion:
    """The project's champion. Raises NoChampion before the first."""
    champion = current_champion(workspace, project)
    if champion is None:
        raise NoChampion("no-champion", f"{project.name}: no model has been registered yet")
    note(ChampionFound(champion))
    return champion


def current_champion(workspace: Workspace, project: Project) -> Champion | None:
    """The project's champion; None before the first.

    One that only MLflow's alias names, left by an older version of Tierra, is taken over.
    Raises Unavailable when there is no champion and MLflow does not answer.
    """
    if champion := workspace.champions.current(project.name):
        return champion
    address = workspace.mlflow_address
    # A server may want more of a caller than a plain request gives: only MLflow's own client is sure to be let in.
    if not is_server(address) and project.name not in alias_of(address, [project.name]):
        return None
    from tierra.model.takeover import take_over

    return take_over(address, workspace.objects, project.name)


def user_and_host() -> str:
    """Who runs this process, such as ops@worker-1; a container may have no name for its user."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError, ImportError):
        user = f"uid {os.getuid()}"
    return f"{user}@{socket.gethostname()}"


def who_and_where() -> dict[str, str]:
    """Who appoints a champion, and from where: the run that is under way, or a command line without a server."""
    return {"who": user_and_host(), "where": f"run {current_run()}" if current_run() else "command line"}


def open_scorer(workspace: Workspace, project: Project, champion: Champion) -> "Scorer":
    """The champion ready to score a partition, everything checked against its digests once a run. Raises Broken."""
    from tierra.model.distributions import PROBABILITIES
    from tierra.model.scoring import Scorer

    scores = champion.release.scores
    return Scorer(
        model=champion_model(workspace, champion),
        code=serving_code(workspace, project, champion),
        recipe=champion_recipe(workspace, champion),
        features=champion.release.features,
        types=champion.release.types,
        labels=champion.release.labels,
        columns=project.score.columns,
        reasons=project.score.reasons,
        edges=scores.edges if scores else PROBABILITIES,
    )


def has_same_features(workspace: Workspace, project: Project, champion: Champion) -> bool:
    """Whether today's code and recipe make the champion's features too."""
    today = load_code(project.folder, project.functions)
    return champion_recipe(workspace, champion) == project.recipe and today.files == champion.release.code


def champion_content(workspace: Workspace, project: Project) -> tuple[str, ...]:
    """The columns by which the champion's rows went to the parts of its split; none before the first."""
    champion = current_champion(workspace, project)
    return (champion.release.content or tuple(champion.release.types)) if champion else ()


def champion_labels(workspace: Workspace, project: Project) -> Labels | None:
    """What the champion predicts, which a training goes on with; None before the first.

    Raises Misconfigured when the project file was edited to predict something else.
    """
    champion = current_champion(workspace, project)
    if champion is None:
        return None
    if edited := describe_edit(champion_project(workspace, champion), project, champion):
        raise Misconfigured("target-edited", f"{project.file}: {edited}")
    return champion.release.labels


def describe_edit(before: Project, now: Project, champion: Champion) -> str:
    """What of the project file says today that something else is predicted than by the champion; empty for nothing."""
    labels = champion.release.labels
    edited = {
        "target": before.target != now.target,
        "task": now.task not in (None, labels.task),
        "positive": before.positive != now.positive and not is_positive(labels, now.positive),
    }
    changed = next((name for name, is_changed in edited.items() if is_changed), "")
    what = "a number" if labels.task == "regression" else " or ".join(labels.classes)
    chance = f", with the probability of {labels.classes[-1]}" if labels.task == "binary" else ""
    predicts = f"champion version {champion.version} predicts {before.target}, {what}{chance}"
    return f"{changed} was edited: {predicts}" if changed else ""


def champion_features(workspace: Workspace, project: Project, champion: Champion, joined: "pa.Table") -> "pd.DataFrame":
    """The champion's features of today's joined rows, made by its own code as in training."""
    from tierra.data.features import build_training_features
    from tierra.data.frames import conform, kinds_of, to_frame
    from tierra.model.scoring import select_features

    types = champion.release.types
    present = joined.select([name for name in types if name in joined.column_names])
    rows = to_frame(conform(present, kinds_of(types), "today's tables"))
    code = serving_code(workspace, project, champion)
    built = build_training_features(champion_recipe(workspace, champion), code, rows)
    return select_features(built, champion.release.features)


def champion_model(workspace: Workspace, champion: Champion) -> Any:
    """The champion's model, checked and loaded once a run. Raises Broken."""
    key = ("model", champion.release.model_sha256)
    return workspace.once.get(key, lambda: workspace.champions.load(champion, _own_folder(workspace, champion)))


def judged_model(workspace: Workspace, champion: Champion) -> Any:
    """The model that was judged when the champion was, checked. Raises Broken."""
    return workspace.champions.load_judged(champion, _own_folder(workspace, champion))


def _own_folder(workspace: Workspace, champion: Champion) -> Path | None:
    """Where the champion's own classes are taken from instead of the store, where its code may not run from there."""
    if not champion.release.own or workspace.settings.run_registered_code:
        return None
    folder = workspace.project(champion.release.project).folder
    _require_same_files(folder, champion)
    return folder


def champion_project(workspace: Workspace, champion: Champion) -> Project:
    """The project file the champion was registered with. Raises Broken."""
    key = ("project", champion.release.serving_digest)
    return workspace.once.get(key, lambda: load_project(str(workspace.champions.folder(champion) / "project.yaml")))


def champion_recipe(workspace: Workspace, champion: Champion) -> Recipe:
    """How the champion's features are made."""
    return champion_project(workspace, champion).recipe


def serving_code(workspace: Workspace, project: Project, champion: Champion) -> ProjectCode:
    """The champion's own functions: from the store, or, where that is forbidden, equal local files."""
    key = ("code", champion.release.serving_digest, project.folder)
    return workspace.once.get(key, lambda: _load_code(workspace, project, champion))


def _load_code(workspace: Workspace, project: Project, champion: Champion) -> ProjectCode:
    kept = workspace.champions.folder(champion)
    names = champion_recipe(workspace, champion).functions
    if workspace.settings.run_registered_code:
        return load_code(kept, names)
    _require_same_files(project.folder, champion)
    return load_code(project.folder, names)


def _require_same_files(folder: Path, champion: Champion) -> None:
    for name, sha256 in champion.release.code.items():
        file = folder / name
        if not file.is_file() or hashlib.sha256(file.read_bytes()).hexdigest() != sha256:
            raise Misconfigured("code-differs", f"{file} is not what version {champion.version} was judged with")
