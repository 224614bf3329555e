"""One large model on two nodes of Ray: one is killed in the middle, and the model is the one of an undisturbed run."""

import time
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import log_loss

from tests.builders import GATE, ride_spec, write_project
from tests.direct import train_directly
from tests.ray_cluster import Nodes, two_nodes
from tierra.journal import Entry, Progress, Warned, Watcher, at_station, open_journal, watching
from tierra.model.distributed_spec import Distributed
from tierra.model.xgboost_model import Rows, XGBoostClassifier
from tierra.steps.large import State, train_in_parts
from tierra.store.memo import find_remembered
from tierra.workspace import open_workspace

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]
ROUNDS = 60
EVERY = 20


def many_rows() -> Rows:
    draw = np.random.default_rng(0)
    values = draw.normal(size=(60_000, 12))
    values[draw.random(values.shape) < 0.1] = np.nan
    chance = 1 / (1 + np.exp(-(np.nan_to_num(values[:, 0]) + np.nan_to_num(values[:, 1] * values[:, 2]))))
    return Rows(values, (draw.random(len(values)) < chance).astype(float))


def train(rows: Rows) -> tuple[Any, list[State], list[str]]:
    """The model trained in two parts, its states, and what was warned of."""
    model = XGBoostClassifier(max_depth=5, subsample=0.7, colsample_bytree=0.6, random_state=3)
    model.prepare(rows.target, None)
    workspace = open_workspace()
    with open_journal() as journal, at_station("fit"):
        trained = train_in_parts(workspace, Distributed(parts=2, save_every=EVERY), model.training, ROUNDS, rows)
    states = sorted(find_remembered(workspace.objects, "tierra.steps.large", State), key=lambda state: state.rounds)
    return model.keep(trained.decode(), rows.values.shape[1]), states, [fact.text for fact in journal.facts(Warned)]


class KillInTheMiddle(Watcher):
    """Kills the second node once it trains the rounds after the first that were kept."""

    def __init__(self, nodes: Nodes) -> None:
        self._nodes = nodes
        self._started = False

    def advance(self, entry: Entry | None, progress: Progress) -> None:
        if progress.unit == "rounds" and progress.done == EVERY and not self._started:
            self._started = True
            Thread(target=self._kill, daemon=True).start()

    def _kill(self) -> None:
        while not self._nodes.is_second_working():
            time.sleep(0.02)
        time.sleep(0.5)
        self._nodes.kill_second()


def test_with_a_node_killed_in_the_middle_the_model_goes_on_from_its_state_and_ends_the_same(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = many_rows()
    home = workspace / "home"
    monkeypatch.setenv("TIERRA_HOME", str(home))
    with two_nodes(processors=2) as nodes:
        undisturbed, states, warned = train(rows)
        assert [(state.rounds, state.again) for state in states] == [(20, 0), (40, 0), (60, 0)]
        assert not warned
        home.rename(workspace / "undisturbed")  # the workers know one home: an empty one again
        with watching(KillInTheMiddle(nodes)):
            disturbed, states, warned = train(rows)
        assert nodes.killed
        assert [state.rounds for state in states] == [20, 40, 60]
        assert [state.again > 0 for state in states] == [False, True, False]
        assert ["lost after 20 rounds were kept" in line for line in warned] == [True]
        assert log_loss(rows.target, disturbed.predict_proba(rows.values)) == pytest.approx(
            log_loss(rows.target, undisturbed.predict_proba(rows.values)), abs=1e-6
        )
        assert disturbed.json_ == undisturbed.json_
        trains_a_project(workspace, monkeypatch)


def trains_a_project(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On the node that is left, as a candidate beside another."""
    large = {"model": "xgboost", "params": {"n_estimators": 30}, "distributed": {"parts": 2, "save_every": 15}}
    spec = ride_spec(candidates=[{"rule": "base_rate"}, large], gate=GATE | {"beat_rule_by": 0.0})
    write_project(workspace / "projects" / "rides", spec)
    trained, _ = train_directly("rides")
    assert trained.outcome == "Promoted"
    champion = open_workspace().champions.current("rides")
    assert champion
    assert champion.release.candidate == "xgboost"
