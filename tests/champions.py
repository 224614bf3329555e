"""Champions for tests: made by hand for whoever looks at them, and fitted for whoever lets them serve."""

import hashlib
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd

from tests.builders import ride_spec, rides, write_project
from tierra.data.code import load_code
from tierra.data.features import build_training_features
from tierra.data.labels import Labels
from tierra.data.target import make_target
from tierra.model.champions import Champions, stored_files
from tierra.model.gate import Verdict
from tierra.model.pointers import Appointment
from tierra.model.release import Champion, Release
from tierra.model.spec import Model
from tierra.project.project import Project
from tierra.settings import Settings
from tierra.store.memo import LIBRARIES
from tierra.store.objects import Objects
from tierra.store.refs import ObjectRef
from tierra.workspace import Workspace

VERDICT = Verdict(passed=True, winner="logistic", promote=True, reasons=("logistic beats the rule",))
LABELS = Labels(classes=("no", "yes"))
FEATURES = "def build(rows):\n    return rows[['km', 'zone', 'rain']].assign(wet=rows['rain'] * rows['km'])\n"


def a_release(**changes: Any) -> Release:
    """A release of a model that is not there, without code."""
    stated = {
        "project": "rides", "candidate": "logistic", "inputs": "inputs 1", "model_sha256": "0" * 64, "metrics": {},
        "rule_metrics": {}, "verdict": VERDICT, "code": {}, "project_file": "project: rides\n", "contract": "c",
        "datasets": {}, "types": {}, "features": (), "rows": {}, "libraries": {}, **changes,
    }  # fmt: skip
    return Release(**stated)


def an_appointment(**changes: Any) -> Appointment:
    return Appointment(**{"who": "ops@here", "why": "because", **changes})


def keep_champion(objects: Objects, after: int = 0, inputs: str = "inputs 1", **by: Any) -> Champion | None:
    """Appoint a champion whose model is not there."""
    model = ObjectRef(name=f"models/{'0' * 64}.skops", sha256="0" * 64)
    return Champions(objects).appoint(a_release(inputs=inputs), model, {}, an_appointment(**by), after)


def keep_model(objects: Objects, data: bytes) -> ObjectRef:
    """A model's bytes in the store, as training writes them."""
    with objects.draft("models/", ".skops") as draft:
        draft.write(data)
    return ObjectRef(name=draft.name, sha256=draft.sha256)


@dataclass
class Fitted:
    """A fitted model and everything that promoting it needs."""

    project: Project
    model: Any
    dumped: bytes
    table: pd.DataFrame
    code: dict[str, bytes]
    release: Release

    def of(self, inputs: str) -> Release:
        """The release of the same model from other inputs."""
        return self.release.model_copy(update={"inputs": inputs})

    @property
    def files(self) -> dict[str, bytes]:
        """What MLflow is given to keep."""
        return stored_files(self.dumped, self.code)

    def appoint(self, objects: Objects, inputs: str = "inputs 1", after: int = 0, **by: Any) -> Champion | None:
        """Make it the champion."""
        model, release = keep_model(objects, self.dumped), self.of(inputs)
        return Champions(objects).appoint(release, model, self.code, an_appointment(**by), after)


def fit_project(folder: Path) -> Fitted:
    """A logistic model on a few hundred rides, fitted with the library's functions alone."""
    from tierra.model.artifact import dump_model
    from tierra.model.candidates import fit_candidate
    from tierra.model.examples import Examples
    from tierra.model.training import tune_threshold

    write_project(folder, ride_spec(features="features:build"), rides(600), features=FEATURES)
    project = Workspace(Settings(home=folder, projects=folder.parent)).project(folder.name)
    code, rows = load_code(folder, project.functions), rides(600)
    rows["day"] = pd.to_datetime(rows["day"])
    table = build_training_features(project.recipe, code, rows)
    target, labels = make_target(project.recipe, code, rows)
    examples = Examples(table, target.to_numpy(float), labels)
    model = tune_threshold(fit_candidate(Model(model="logistic"), examples), examples, None)
    dumped = dump_model(model)
    release = a_release(
        model_sha256=hashlib.sha256(dumped).hexdigest(), code=dict(code.files), rows={"test": len(table)},
        project_file=project.file.read_text(), datasets={"rides": "d"}, features=tuple(table.columns), labels=labels,
        libraries={name: version(name) for name in LIBRARIES},
    )  # fmt: skip
    files = {name: (folder / name).read_bytes() for name in code.files}
    return Fitted(project, model, dumped, table, files, release)
