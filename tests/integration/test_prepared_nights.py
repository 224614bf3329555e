"""Preparation through the flows: rows that a model does not take, and a project's own classes, on the night."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.builders import CLOCK, ride_spec, rides, write_project
from tests.direct import score_directly, train_directly
from tests.integration.test_planted import DAY, on_the_day, published
from tests.unit.test_own import CODE
from tierra.errors import Broken, DataRejected, Misconfigured, TierraError
from tierra.facts import CandidatesFitted, ModelsEvaluated, RowsQuarantined
from tierra.journal import Warned
from tierra.model import served_files
from tierra.steps.champion import find_champion
from tierra.steps.predict import predict_file
from tierra.steps.replay import replay_partition
from tierra.steps.trial import try_project
from tierra.store.manifest import Manifest
from tierra.store.predictions import read_manifest
from tierra.store.tables import read_table
from tierra.workspace import open_workspace

Write = Callable[..., Path]


@pytest.fixture
def project(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Write the project rides, with changes to its file, its table and its code."""
    monkeypatch.setenv("TIERRA_CLOCK", CLOCK)
    monkeypatch.setenv("TIERRA_RUN_REGISTERED_CODE", "true")

    def write(table: pd.DataFrame | None = None, code: str = "", **changes: Any) -> Path:
        folder = workspace / "projects" / "rides"
        write_project(folder, ride_spec(**changes), table, **({"mine": code} if code else {}))
        return folder

    return write


def manifest() -> Manifest:
    here = open_workspace()
    found = read_manifest(here.sink(here.project("rides")), DAY)
    assert found
    return found


@pytest.mark.long
def test_rows_with_a_gap_are_set_aside_at_night_with_the_reason_and_count_against_the_budget(project: Write) -> None:
    said = {"preprocessing": {"columns": {"km": {"gaps": "drop"}, "rain": {"outliers": "quarantine"}}},
            "contract": {"quarantine_budget": "20%"}}  # fmt: skip
    project(rides().assign(km=lambda rows: rows["km"].where(rows.index % 29 > 0)), **said)
    train_directly("rides")

    def with_gaps(count: int) -> pd.DataFrame:
        night = on_the_day(lambda rows: rows.assign(km=[np.nan] * count + rows["km"].tolist()[count:]))
        return night.assign(rain=night["rain"].where(night.index != len(night) - 1, 1e6))

    project(with_gaps(10), **said)
    (only,) = score_directly("rides", DAY)[0].partitions
    assert (only.outcome, only.code) == ("Rejected", "budget-exceeded")
    assert "km has no value" in only.reason
    folder = project(with_gaps(2), **said)
    scored, journal = score_directly("rides", DAY)
    (only,) = scored.partitions
    assert (only.outcome, only.rows_in, only.rows_scored, only.rows_quarantined) == (
        "Published",
        20,
        17,
        3,
    ), only.reason
    (noted,) = journal.facts(RowsQuarantined)
    assert {each.reason.partition(" is not")[0]: each.rows for each in noted.reasons} == {
        "km has no value": 2,
        "rain": 1,
    }
    (kept,) = manifest().quarantine
    aside = read_table(open_workspace().objects, kept).to_pandas()
    assert set(aside["ride_id"]).isdisjoint(published()["ride_id"])
    assert len(aside) + len(published()) == 20
    here = open_workspace()
    assert replay_partition(here, here.project("rides"), DAY).equal
    table = pd.read_csv(folder / "rides.csv")
    (folder / "day.csv").write_text(table[table["day"] == DAY].to_csv(index=False))
    found = predict_file(here, here.project("rides"), folder / "day.csv")
    assert (found.rows, found.predictions.num_rows, found.quarantined["km has no value"]) == (20, 17, 2)


def test_rows_that_a_training_sets_aside_are_shown_and_held_to_the_budget(project: Write) -> None:
    table, said = rides(600), {"preprocessing": {"columns": {"km": {"gaps": "drop"}}}}
    project(table.assign(km=table["km"].where(table.index % 3 > 0)), **said)
    with pytest.raises(DataRejected, match=r"150 of 450 rows quarantined, 33.33%, budget 1.00%.*to learn from"):
        train_directly("rides")
    here = open_workspace()
    with pytest.raises(DataRejected, match="budget-exceeded"):
        try_project(here, here.project("rides"), None)
    for last, why in (
        ("2024-03-01", "every row aside that candidates are tried on"),
        ("2024-03-31", "150 of 150 test rows aside: nothing"),
    ):
        late = table.assign(km=table["km"].where(table["day"] < last))
        project(late, **said, contract={"quarantine_budget": "100%"})
        with pytest.raises(DataRejected, match=f"preprocessing sets {why}"):
            train_directly("rides")
    project(table.assign(km=table["km"].where(table.index % 150 > 0)), **said)
    _, journal = train_directly("rides")
    (noted,) = journal.facts(RowsQuarantined)
    assert noted.line == "3 rows are set aside: km has no value (3)"
    aside = pd.read_parquet(noted.location.removeprefix("file://"))
    assert list(aside["ride_id"]) == ["r000000", "r000150", "r000300"]  # and not that of the test part
    assert try_project(here, here.project("rides"), None).warnings[0] == noted.line


def test_rows_that_get_no_prediction_are_not_judged(project: Write) -> None:
    """Held-out rows, test rows and what nights are compared with: those that a night would publish, and no others."""
    table, said = rides(900), {"preprocessing": {"columns": {"km": {"gaps": "drop"}}}, "refit": "all",
                               "contract": {"quarantine_budget": "20%"}}  # fmt: skip
    project(table.assign(km=table["km"].where(table.index % 9 > 0)), **said)
    trained, journal = train_directly("rides")
    whole = trained.rows
    (tried,), (learnt,) = journal.facts(CandidatesFitted), journal.facts(ModelsEvaluated)
    evaluation = learnt.evaluations[trained.best.candidate]
    for rows, left in ((whole["validation"], tried.rows), (whole["test"], evaluation.rows)):
        assert abs(rows - left - rows / 9) < 1
    assert trained.judged_on == evaluation.rows
    aside = f"{whole['test'] - evaluation.rows} of {whole['test']} test rows are not judged: "
    assert any(each.text.startswith(aside) for each in journal.facts(Warned))
    release = find_champion(open_workspace(), open_workspace().project("rides")).release
    assert sum(release.decided.values()) == evaluation.rows
    assert release.refit
    assert abs(sum(whole.values()) * 8 / 9 - release.refit.rows) < 1


def test_a_relative_error_that_is_none_and_infinite_numbers_are_said(project: Write) -> None:
    table = rides(300).assign(tip=lambda rows: (rows["km"] * 2).round().where(rows.index % 5 > 0, 0.0))
    table["km"] = table["km"].where(table.index % 100 > 0, np.inf)
    project(
        table,
        target="tip",
        gate={"metric": "mae"},
        metrics=["mape"],
        features=["km", "rain"],
        candidates=[{"model": "ridge"}],
    )
    trained, journal = train_directly("rides")
    assert "mape" not in trained.best.metrics
    (said,) = [each.text for each in journal.facts(Warned) if each.text.startswith("MAPE")]
    assert said == f"MAPE is not given: 18 of {trained.judged_on} test rows have a target of 0"
    (said,) = [each.text for each in journal.facts(Warned) if "infinite" in each.text]
    assert said == "'km' of rides is infinite in 3 rows: as a feature these are gaps"


def test_a_class_of_one_row_costs_the_folds_and_says_so_and_a_limit_on_nothing_is_no_silence(project: Write) -> None:
    table = rides(300).assign(kind=lambda rows: np.where(rows["km"] > rows["km"].median(), "a", "b"))
    table.loc[table.index[:1], "kind"] = "only one"
    plain = {"target": "kind", "effort": "normal", "split": {"by": "random", "seed": 1}, "slices": ["zone"],
             "candidates": [{"rule": "base_rate"}, {"model": "logistic"}]}  # fmt: skip
    for seed in range(9):  # until the one row is not of the test part
        plain["split"] = {"by": "random", "seed": seed}
        project(table, **plain, gate={"slices": {"floor": {"zone=Z": 9.0}}})
        trained, journal = train_directly("rides")
        said = [each.text for each in journal.facts(Warned)]
        if any(each.startswith("class 'only one' has 1 of ") for each in said):
            break
    (tried,) = journal.facts(CandidatesFitted)
    assert (tried.rows, tried.folds) == (trained.rows["validation"], 1)
    assert "gate, floor of a slice: zone=Z was not measured on these test rows; it holds nothing back" in said
    project(table, **plain, gate={"classes": {"floor": {"c": 0.9}}})
    with pytest.raises(Misconfigured, match=r"gate.classes.floor: 'c' is no class \(a, b, only one\)"):
        train_directly("rides")


@pytest.mark.parametrize(("target", "metric"), [("tip", "rmse"), ("tipped", "roc_auc")])
def test_groups_that_are_too_few_for_folds_are_said(project: Write, target: str, metric: str) -> None:
    noise = np.random.default_rng(0).normal(0, 5, 300)
    table = rides(300).assign(tip=lambda rows: rows["km"] + noise, house=lambda rows: (rows.index % 4).astype(str))
    project(table, target=target, effort="normal", split={"by": "group", "column": "house", "validation": "25%",
            "test": "25%"}, candidates=[{"rule": "base_rate"}, {"model": "hist_gradient_boosting"}],
            features=["km", "rain"], gate={"metric": metric})  # fmt: skip
    _, journal = train_directly("rides")
    said = [each.text for each in journal.facts(Warned) if "too few for 5 folds" in each.text]
    assert said
    assert said[0].startswith(
        "3 groups of rows that are not test are too few for 5 folds: candidates are tried on the "
    )


OWN = {
    "preprocessing": {"columns": {"km": {"transformer": "mine:Doubled"}}},
    "candidates": [{"rule": "base_rate"}, {"model": "mine:Careful", "params": {"shrink": 0.2}}],
}


@pytest.mark.long
def test_a_project_s_own_classes_serve_as_they_were_registered(
    project: Write, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = project(code=CODE, **OWN)
    trained, _ = train_directly("rides")
    assert trained.champion.candidate == "careful", trained.reason
    here = open_workspace()
    champion = find_champion(here, here.project("rides"))
    assert champion.release.own == ("mine:Doubled", "mine:Careful")
    assert list(champion.release.code) == ["mine.py"]
    score_directly("rides", DAY)
    before = published()
    edited = CODE.replace("return (1 - self.shrink)", "raise ValueError('edited')\n        return (1 - self.shrink)")
    assert edited != CODE
    (folder / "mine.py").write_text(edited)
    score_directly("rides", DAY, rescore=True)
    pd.testing.assert_frame_equal(published(), before)
    monkeypatch.setenv("TIERRA_RUN_REGISTERED_CODE", "false")
    with pytest.raises(Misconfigured, match="code-differs"):
        score_directly("rides", DAY, rescore=True)
    (folder / "mine.py").write_text(CODE)
    score_directly("rides", DAY, rescore=True)
    pd.testing.assert_frame_equal(published(), before)
    monkeypatch.setenv("TIERRA_RUN_REGISTERED_CODE", "true")
    _write_over(champion.code["mine.py"].name, b"open('ran', 'w')\n" + CODE.encode())
    # Another process reads the files anew.
    monkeypatch.setattr(served_files, "_files_of_process", lambda: str(tmp_path))
    with pytest.raises(Broken, match="code-mismatch"):
        score_directly("rides", DAY, rescore=True)


def _write_over(name: str, data: bytes) -> None:
    place = Path(open_workspace().objects.location(name).removeprefix("file://"))
    assert place.is_file()
    place.chmod(0o644)
    place.write_bytes(data)


def test_an_own_class_that_cannot_be_stored_is_refused_before_it_is_fitted(project: Write) -> None:
    project(code=CODE, **{**OWN, "preprocessing": {"columns": {"km": {"transformer": "mine:Function"}}}})
    with pytest.raises(TierraError, match="types-not-allowed"):
        train_directly("rides")
