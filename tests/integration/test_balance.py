"""A project that balances: each way is compared on the rows held out, and what is served was not sampled."""

from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from rich.console import Console

from tests.builders import ride_spec, rides, write_project
from tests.direct import train_directly
from tests.unit.test_own import CODE
from tierra.errors import Misconfigured
from tierra.facts import BalanceCompared, ParametersSearched
from tierra.journal import Warned
from tierra.report.flows.train import in_terminal
from tierra.steps.fold_scores import pieces_of, predict_fold
from tierra.steps.learning import Learning
from tierra.steps.learning_rows import hold_parameters, read_learning_rows
from tierra.workspace import open_workspace

MORE = """
def noisy(rows):
    return rows[rows["target"] == "yes"].assign(km=lambda few: few["km"] * 1.01)
"""
WAYS = ["under", {"remove": ["km < 1"]}, {"augment": "more:noisy"}]


def imbalanced() -> pd.DataFrame:
    """rides() of which few were tipped, a fifth of the others with a broken number."""
    table, random = rides(), np.random.default_rng(0)
    tipped = np.where((table["tipped"] == "yes") & (random.random(len(table)) < 0.2), "yes", "no")
    return table.assign(tipped=tipped)


def test_ways_to_balance_are_compared_and_listed_and_none_is_taken_that_does_not_pay(workspace: Path) -> None:
    folder = write_project(workspace / "projects" / "rides", ride_spec(balance=WAYS), imbalanced(), more=MORE)
    trained, journal = train_directly("rides")
    assert [(each.candidate, each.way) for each in trained.balance] == [
        ("logistic", way) for way in ("none", "under", "remove", "noisy")
    ]
    assert trained.best.candidate == "logistic"
    none, under, *_ = trained.balance
    assert none.chosen
    assert under.loss_before > 1.5 * under.loss  # its rate was wrong, and is not any more: in a split by time too
    assert under.bounds[0] < 0 < under.bounds[1]
    (fact,) = journal.facts(BalanceCompared)
    changes = {each.name: each for each in fact.changes}
    learnt = trained.rows["train"] + trained.rows["validation"]
    assert sum(changes["remove"].before.values()) == learnt
    removed = pq.read_table(changes["remove"].locations["removed"]).to_pandas()
    table = imbalanced().set_index("ride_id")
    assert (table.loc[removed["ride_id"], "km"] < 1).all()
    assert len(removed) == learnt - sum(changes["remove"].after.values())
    assert changes["remove"].listed[0].keys() == {"ride_id", "class", "reason"}
    console = Console(width=200, record=True, file=StringIO())
    for line in in_terminal(trained):
        console.print(line)
    assert "not shown to be better" in console.export_text()
    (folder / "more.py").write_text(MORE.replace("1.01", "1.5"))
    again, _ = train_directly("rides")
    assert [each.value for each in again.balance[:3]] == [each.value for each in trained.balance[:3]]
    assert again.balance[3].value != trained.balance[3].value  # what a function does is known by its file


@pytest.mark.long
def test_a_class_of_the_project_s_own_is_searched_for_and_balanced_as_any_model(workspace: Path) -> None:
    search = {"trials": 2, "space": {"shrink": {"low": 0.0, "high": 0.9}}}
    spec = ride_spec(candidates=[{"rule": "base_rate"}, {"model": "mine:Careful", "search": search}],
                     balance=["under", "class_weight"])  # fmt: skip
    folder = write_project(workspace / "projects" / "rides", spec, rides(600), mine=CODE)
    trained, journal = train_directly("rides")
    assert [(each.candidate, each.way) for each in trained.balance] == [("careful", "none"), ("careful", "under")]
    assert Warned("careful_class_weight is not tried: Careful takes no row weights") in journal.facts(Warned)
    (searched,) = journal.facts(ParametersSearched)[0].searches
    assert searched.trials[0].params == {"shrink": 0.5}  # as it is without a search
    # A worker whose files of the project are others does nothing for this run.
    here = open_workspace()
    rows = hold_parameters(read_learning_rows(here, here.project("rides"), "careful"))
    piece = pieces_of(Learning(here, rows.project, rows.parts), rows.project.candidates[-1])[0]
    assert next(predict_fold(here, piece)).candidate == "careful"
    (folder / "mine.py").write_text(CODE.replace("max_iter=300", "max_iter=3"))
    with pytest.raises(Misconfigured, match="ray-differs"):
        next(predict_fold(here, piece))


def test_a_stated_balance_is_taken_whatever_it_gains_and_served_without_a_sampler(workspace: Path) -> None:
    candidates = [{"rule": "base_rate"}, {"model": "logistic", "balance": "smote"}]
    spec = ride_spec(candidates=candidates, features=["km", "zone", "rain"])
    write_project(workspace / "projects" / "rides", spec, imbalanced())
    trained, journal = train_directly("rides")
    assert trained.champion.candidate == "logistic"
    assert trained.balance == ()
    assert [each.name for each in journal.facts(BalanceCompared)[0].changes] == ["smote"]
    model = open_workspace().champions
    champion = model.current("rides")
    assert champion is not None
    served = model.load(champion)
    assert "imblearn" not in repr(served)
