"""Champions made by hand, for tests of whoever looks at them."""

from typing import Any

from tierra.model.champions import Appointment, Champions
from tierra.model.gate import Verdict
from tierra.model.release import Champion, Release
from tierra.store.objects import Objects
from tierra.store.refs import ObjectRef

VERDICT = Verdict(passed=True, winner="logistic", promote=True, reasons=("logistic beats the rule",))


def a_release(project: str = "rides", **changes: Any) -> Release:
    """A release of a model without code."""
    stated = {
        "project": project, "candidate": "logistic", "inputs": "inputs 1", "model_sha256": "0" * 64, "metrics": {},
        "rule_metrics": {}, "verdict": VERDICT, "code": {}, "project_file": f"project: {project}\n", "contract": "c",
        "datasets": {}, "types": {}, "features": (), "rows": {}, "libraries": {}, **changes,
    }  # fmt: skip
    return Release(**stated)


def keep_champion(objects: Objects, project: str, after: int = 0, **by: str) -> Champion | None:
    """Appoint a champion whose model is not there."""
    release = a_release(project, inputs=f"inputs {after + 1} {by}")
    model = ObjectRef(name=f"models/{'0' * 64}.skops", sha256="0" * 64)
    return Champions(objects).appoint(release, model, {}, Appointment(**{"who": "ops", "why": "because", **by}), after)
