"""Smaller variants of the champion: each judged by the gate, and what serves is what was judged, on every path."""

import importlib.util
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.builders import copy_home, new_home, ride_spec, rides, stand_in, write_project
from tests.conftest import ROOT
from tests.direct import score_directly, train_directly, without_prefect
from tierra.errors import DataRejected, InvalidCall, Misconfigured
from tierra.journal import open_journal
from tierra.model.artifact import predict
from tierra.model.gate import Verdict
from tierra.model.variant_measured import VariantMeasured
from tierra.outcomes.optimise import Optimised, describe_variants
from tierra.reading import read_predictions
from tierra.report.flows import optimise as report
from tierra.steps.champion import champion_model, current_champion
from tierra.steps.shadow_gate import with_own_gate
from tierra.workspace import open_workspace

BOOSTING = {"model": "hist_gradient_boosting", "params": {"max_iter": 80, "learning_rate": 0.3, "min_samples_leaf": 5}}
BOTH: list[dict[str, Any]] = [{"rule": "base_rate"}, {"model": "logistic"}, BOOSTING,
                              {"average": ["logistic", "hist_gradient_boosting"]}]  # fmt: skip


def waves(rows: int = 3000) -> pd.DataFrame:
    """Rides whose tip follows a wave that trees see and a linear model does not; some lack their length."""
    table, random = rides(rows), np.random.default_rng(1)
    table.loc[::23, "km"] = None
    sign = np.sin(table["km"].fillna(0)) + 4 * table["rain"] + (table["zone"] == "A") + random.normal(0, 0.6, rows)
    return table.assign(tipped=np.where(sign > 2.3, "yes", "no"))


def state(folder: Path, **changes: Any) -> None:
    spec = {"candidates": BOTH, "features": ["km", "zone", "rain"], "effort": "quick",
            "gate": {"metric": "log_loss", **changes.pop("gate", {})}, **changes}  # fmt: skip
    write_project(folder / "projects" / "rides", ride_spec(**spec), waves())


def optimise(project: str = "rides", **more: Any) -> Optimised:
    """What `tierra optimise` does."""
    with without_prefect("optimise") as body, open_journal():
        ended: Optimised = body(open_workspace(), project, **more)
        return ended


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose champion is the mean of a linear model and boosting, with its variants; to be copied."""
    with new_home(tmp_path_factory, "optimise") as home:
        state(home)
        trained, _ = train_directly("rides")
        assert (trained.outcome, trained.champion.candidate) == ("Promoted", "average")
    return home


@pytest.fixture
def home(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of that home."""
    return copy_home(trained, tmp_path, monkeypatch)


def made(ended: Optimised) -> dict[str, VariantMeasured]:
    return {each.name: each for each in ended.variants if each.verdict}


@pytest.mark.long
def test_each_variant_is_measured_beside_the_champion_and_judged_by_the_gate(home: Path) -> None:
    ended = optimise()
    found = made(ended)
    assert {"compressed", "rounded", "only_logistic", "only_hist_gradient_boosting", "pruned", "distilled_tree",
            "distilled_linear", "distilled_boosting", "onnx"} == set(found)  # fmt: skip
    assert ended.outcome == "VariantsMeasured"
    assert all(each.one and each.many and each.interval and each.bytes for each in found.values())
    # The same model to the bit, in less space; in ONNX nearly so.
    assert (found["compressed"].changed, found["compressed"].better, found["compressed"].may_serve) == (0, 0, True)
    assert found["compressed"].smaller > 3
    assert found["onnx"].may_serve
    assert found["onnx"].smaller > found["rounded"].smaller > found["compressed"].smaller
    # A line sees no wave: it is far smaller, and may not serve.
    assert not found["only_logistic"].may_serve
    assert not found["distilled_linear"].may_serve
    assert "did worse than champion version 1" in found["distilled_linear"].verdict.reasons[-1]
    assert found["pruned"].smaller > 10
    shown = "\n".join(line for line in report.in_terminal(ended) if isinstance(line, str))
    assert "distilled_linear: distilled_linear did worse" in shown
    assert describe_variants(ended.variants, ended.margin, ended.metric) == ended.sentence


def test_what_a_variant_was_judged_by_is_what_it_serves_in_batch_and_row_by_row(home: Path) -> None:
    """ONNX computes in single precision: whoever asks gets its values, never a mixture with the model's."""
    before = champion_model(open_workspace(), current_champion(open_workspace(), open_workspace().project("rides")))
    state(home, optimise={"variants": ["onnx"]})
    ended = optimise(promote="onnx", reason="it is small")
    assert (ended.outcome, ended.trained.champion.version) == ("Promoted", "2"), ended
    workspace = open_workspace()
    champion = current_champion(workspace, workspace.project("rides"))
    assert (champion.candidate, champion.release.reason) == ("onnx", "it is small")
    assert score_directly("rides")[0].outcome == "Published"
    published = read_predictions("rides", "2024-04-29").set_index("ride_id")["probability"]
    rows = waves().set_index("ride_id").loc[published.index, ["km", "zone", "rain"]]
    served, labels = champion_model(workspace, champion), champion.release.labels
    batch = predict(served, rows, labels).scores
    alone = np.concatenate([predict(served, rows.iloc[[row]], labels).scores for row in range(len(rows))])
    assert (published.to_numpy() == batch).all()
    assert np.allclose(alone, batch, rtol=1e-12, atol=0)
    apart = np.abs(batch - predict(before, rows, labels).scores)
    assert 0 < apart.max() < 1e-6
    # The next training of the same rows compares what it makes with the variant, and finds nothing better.
    trained, _ = train_directly("rides")
    assert (trained.outcome, trained.champion.candidate) == ("KeptChampion", "onnx")


@pytest.mark.long
def test_a_variant_that_fails_the_gate_or_is_none_does_not_serve(home: Path) -> None:
    state(home, optimise={"variants": ["compressed", "members"]})
    ended = optimise(promote="only_logistic")
    assert (ended.outcome, ended.trained.champion.version) == ("KeptChampion", "1")
    with pytest.raises(InvalidCall, match=r"variant 'tiny' is none \(there are compressed, .*variant-unknown"):
        optimise(promote="tiny")


@pytest.mark.long
def test_a_variant_waits_for_a_persons_word_where_the_gate_asks_for_it(home: Path) -> None:
    state(home, gate={"approval": "1h"}, optimise={"variants": ["rounded"]})
    ended = optimise(promote="rounded")
    assert ended.outcome == "KeptChampion"
    assert "approval is needed" in ended.reason
    assert optimise(promote="rounded", approved=True).outcome == "Promoted"


@pytest.mark.long
def test_a_variant_in_shadow_is_judged_by_the_question_that_let_it_in(home: Path) -> None:
    state(home, gate={"shadow": 3}, optimise={"variants": ["compressed"]})
    ended = optimise(promote="compressed")
    assert (ended.outcome, ended.trained.champion.version) == ("InShadow", "1")
    project = open_workspace().project("rides").for_task("binary")
    asked = with_own_gate(project, ended.trained.verdict).gate
    assert (asked.challenger, asked.margin) == ("noninferior", ended.margin)
    assert with_own_gate(project, Verdict(passed=True, winner="x", promote=True, reasons=("first",))) == project


@pytest.mark.long
def test_a_guardrail_holds_for_variants_too(home: Path) -> None:
    state(home, gate={"size_mb": 0.02}, optimise={"variants": ["compressed", "onnx"]})
    found = made(optimise())
    assert not found["compressed"].may_serve
    assert "size of the model" in found["compressed"].verdict.reasons[-2] + found["compressed"].verdict.reasons[-1]


def test_no_variant_is_made_where_none_can_be_judged(home: Path) -> None:
    state(home, features=["km", "zone"])
    with pytest.raises(Misconfigured, match=r"reads other features than .*features-changed"):
        optimise()
    state(home, split={"column": "day", "validation": "20d", "test": "60d"})
    with pytest.raises(DataRejected, match=r"learnt from [\d,]+ of today's [\d,]+ test rows.*champion-saw-test"):
        optimise()


@pytest.mark.long
@pytest.mark.parametrize("name", ["handwritten_digits", "house_prices"])
def test_a_demo_has_a_variant_three_times_smaller_within_the_margin(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(ROOT / "projects" / name, tmp_path / "projects" / name)
    stand_in(tmp_path, monkeypatch)
    spec = importlib.util.spec_from_file_location("demo", tmp_path / "projects" / name / "demo.py")
    demo = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(demo)
    demo.load(tmp_path / "var")
    assert train_directly(name)[0].outcome == "Promoted"
    found = made(optimise(project=name))
    assert max(each.smaller for each in found.values() if each.may_serve) >= 3


@pytest.mark.long
def test_a_champion_that_was_searched_for_is_pruned_from_what_was_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(tmp_path, monkeypatch)
    searched = {"model": "hist_gradient_boosting", "search": {"trials": 2, "space": {"max_iter": [80, 96]}}}
    state(tmp_path, candidates=[{"rule": "base_rate"}, searched], optimise={"variants": ["pruned"], "margin": 1.0})
    assert train_directly("rides")[0].champion.candidate == "hist_gradient_boosting"
    (pruned,) = optimise().variants
    assert pruned.smaller > 4
    assert len(list((tmp_path / "var" / "searches").glob("*.log"))) == 1
