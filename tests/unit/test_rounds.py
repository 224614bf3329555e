"""How many boosted trees a model has: as many as help on rows held out."""

import numpy as np
import pandas as pd
import pytest

from tierra.data.labels import Labels
from tierra.model.candidates import fit_candidate
from tierra.model.examples import Examples
from tierra.model.preprocessing_spec import Preprocessing
from tierra.model.rounds import MOST, model_of
from tierra.model.spec import Model

TWO, NUMBER = Labels(task="binary", classes=("no", "yes")), Labels(task="regression", classes=())
THREE = Labels(task="multiclass", classes=("a", "b", "c"))
BOOSTING = Model(model="hist_gradient_boosting", params={"max_leaf_nodes": 6, "learning_rate": 0.2})


def examples(target: str, rows: int = 300, noise: float = 1.0, units: int = 0) -> Examples:
    """Two numbers, one of which says something of the target."""
    random = np.random.default_rng(0)
    table = pd.DataFrame({"a": random.normal(size=rows), "b": random.normal(size=rows)})
    said = table["a"].to_numpy() + noise * random.normal(size=rows)
    labels, values = {"two": (TWO, said > 0), "three": (THREE, np.digitize(said, [-0.5, 0.5])),
                      "number": (NUMBER, np.sin(4 * table["a"]) + noise * random.normal(size=rows)),
                      "skewed": (NUMBER, np.exp(2 * said))}[target]  # fmt: skip
    numbers = np.repeat(np.arange(units), -(-rows // units))[:rows] if units else None
    return Examples(table, np.asarray(values, float), labels, units=numbers)


def trees(rows: Examples, candidate: Model = BOOSTING) -> int:
    """The trees of the candidate fitted on these rows."""
    fitted = model_of(fit_candidate(candidate, rows, Preprocessing()))
    assert fitted.n_iter_ == fitted.max_iter
    return int(fitted.n_iter_)


def test_noise_is_given_few_trees_and_a_shape_many() -> None:
    for target in ("two", "three", "number"):
        few, many = (trees(examples(target, noise=noise)) for noise in (5.0, 0.01))
        assert 1 <= few < many / 4, (target, few, many)
    assert trees(examples("skewed", noise=1.0)) < MOST
    assert trees(examples("number", 1500, noise=0.01)) > 100


def test_stated_trees_are_kept() -> None:
    stated = BOOSTING.model_copy(update={"params": {"max_iter": 17}})
    assert trees(examples("two"), stated) == 17


def test_the_same_rows_give_the_same_number_and_weights_are_heeded() -> None:
    rows = examples("two", 400)
    assert trees(rows) == trees(rows)
    weight = np.where(rows.table["a"] > 0, 1000.0, 1e-6)  # almost all of these are of one class
    heavy = Examples(rows.table, rows.target, rows.labels, weight)
    assert trees(heavy) != trees(rows)


@pytest.mark.filterwarnings("error")
def test_few_rows_rare_classes_and_units_are_fitted_as_well() -> None:
    rows = examples("three", 90)
    rare = np.where(np.arange(90) < 2, 2.0, np.minimum(rows.target, 1.0))
    for each in (examples("two", 20), examples("number", 20), Examples(rows.table, rare, THREE),
                 examples("two", 300, units=40), examples("number", 300, units=40), examples("three", 300, units=2),
                 examples("two", 6000), examples("number", 6000, units=12)):  # fmt: skip
        assert 1 <= trees(each) <= MOST
