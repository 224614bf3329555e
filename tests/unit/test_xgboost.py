"""XGBoost as a candidate: a JSON that is no whole model is never given to it, and a training goes on where it was."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from tests.cases import each
from tests.unit.test_boosters import SMALL, a_booster, fuzz
from tests.unit.test_estimators import examples, fit
from tierra.errors import Misconfigured
from tierra.model.boosters import BadText
from tierra.model.candidates import fit_candidate
from tierra.model.distributed_spec import Distributed
from tierra.model.spec import Model
from tierra.model.xgboost_json import checked
from tierra.model.xgboost_model import Rows, train_here
from tierra.settings import load_settings
from tierra.steps.large import State, train_in_parts
from tierra.store.memo import find_remembered
from tierra.workspace import Workspace


def a_model() -> tuple[str, int]:
    fitted = a_booster("xgboost")
    return fitted.json_, fitted.n_features_in_


def trees(model: Any) -> Any:
    return model["learner"]["gradient_booster"]["model"]["trees"]


def test_a_json_that_is_no_whole_model_is_refused_before_xgboost_reads_it() -> None:
    text, columns = a_model()
    assert json.loads(checked(text, columns)) == json.loads(text)

    def refused(change: Callable[[Any], Any], says: str) -> None:
        model = json.loads(text)
        change(model)
        with pytest.raises(BadText, match=says):
            checked(json.dumps(model), columns)

    def put(*path: Any, to: Any) -> Callable[[Any], Any]:
        def change(model: Any) -> None:
            for key in path[:-1]:
                model = model[key]
            model[path[-1]] = to

        return lambda model: change(model)

    def in_tree(name: str, place: int, to: Any) -> Callable[[Any], Any]:
        return lambda model: trees(model)[0][name].__setitem__(place, to)

    each(
        [
            (in_tree("left_children", 0, 99_999), "a node that is none"),
            (in_tree("left_children", 0, 0), "a node that is none"),
            (in_tree("left_children", 0, -5), "a node that is none"),
            (in_tree("right_children", 0, 1), "not a tree"),
            (in_tree("parents", 1, 2), "other parents"),
            (in_tree("parents", 0, 7), "other parents"),
            (in_tree("split_indices", 0, columns), "a column that is none"),
            (in_tree("split_indices", 0, -1), "a column that is none"),
            (in_tree("split_indices", 0, 2**40), "no numbers"),
            (in_tree("split_type", 0, 1), "unknown splits"),
            (in_tree("default_left", 0, 2), "unknown splits"),
            (in_tree("split_conditions", 0, 1e300), "a value that is no number"),
            (in_tree("split_conditions", 0, "1"), "a value that is no number"),
            (lambda model: trees(model)[0]["left_children"].append(-1), "of another size"),
            (lambda model: trees(model)[0]["sum_hessian"].pop(), "a value that is no number"),
            (lambda model: trees(model)[0]["categories"].append(1), "has categories"),
            (lambda model: trees(model)[0]["tree_param"].update(num_nodes="9999999"), "of another size"),
            (lambda model: trees(model)[0]["tree_param"].update(size_leaf_vector="2"), "of another size"),
            (lambda model: trees(model).pop(), "trees are missing"),
            (put("learner", "gradient_booster", "model", "tree_info", to=[0, 0, 0, 7]), "of other classes"),
            (put("learner", "gradient_booster", "model", "iteration_indptr", to=[0, 99]), "rounds are not whole"),
            (put("learner", "gradient_booster", "name", to="dart"), "not made of trees"),
            (put("learner", "learner_model_param", "num_feature", to="1"), "not the model's"),
            (put("learner", "learner_model_param", "num_class", to="3"), "classes or weights"),
            (put("learner", "learner_model_param", "base_score", to="[1E999]"), "its start is none"),
            (put("learner", "objective", "name", to="rank:map"), "objective is unknown"),
            (put("learner", "attributes", to={"a": "b"}), "attributes"),
            (put("learner", "more", to=1), "something else does"),
            (put("version", to=[3]), "its version is none"),
        ],
        refused,
    )
    with pytest.raises(BadText, match="two of version"):
        checked(text.replace('"version":', '"version":[3,2,0],"version":'), columns)
    with pytest.raises(BadText, match="no JSON"):
        checked(text[:-1], columns)
    with pytest.raises(BadText, match="nested too deeply"):
        checked("[" * 100_000, columns)


FUZZ = """
import json, random, sys
import numpy as np
from tierra.model.boosters import BadText
from tierra.model.xgboost_json import checked
import xgboost
text, draw = sys.stdin.read(), random.Random(0)
rows = xgboost.DMatrix(np.random.default_rng(0).normal(size=(40, int(sys.argv[1]))))
refused = read = 0
for _ in range(250):
    tree = draw.choice((model := json.loads(text))["learner"]["gradient_booster"]["model"]["trees"])
    values = tree[draw.choice([name for name in tree if isinstance(tree[name], list) and tree[name]])]
    values[draw.randrange(len(values))] = draw.choice((0, -1, 1, 7, 10**6, -10**6, 1e30, -0.5, "x", None))
    try:
        safe = checked(json.dumps(model), int(sys.argv[1]))
    except BadText:
        refused += 1
        continue
    booster = xgboost.Booster()
    try:
        booster.load_model(bytearray(safe))
        booster.predict(rows, pred_contribs=draw.random() < 0.3)
    except xgboost.core.XGBoostError:
        pass
    read += 1
print(refused, read)
"""


def test_whatever_stands_in_a_json_xgboost_is_never_led_out_of_its_memory() -> None:
    text, columns = a_model()
    refused, read = fuzz(FUZZ, text, str(columns))
    assert refused > 80
    assert read > 20


def test_parameters_that_it_does_not_take_are_said_in_one_line() -> None:
    with pytest.raises(Misconfigured, match=r"candidate xgboost: .*max_depth"):
        fit(Model(model="xgboost", params={"max_depth": -3}), examples("binary"))
    with pytest.raises(ValidationError, match="only `model: xgboost` is trained so"):
        Model(model="logistic", distributed=Distributed())


def test_a_training_that_keeps_its_state_is_the_training_at_once_and_goes_on_from_it(workspace: Path) -> None:
    """Where no rows or columns are drawn, which XGBoost does from where a training was begun."""
    here = Workspace(load_settings())
    draw = np.random.default_rng(0)
    values = draw.normal(size=(600, 4))
    rows = Rows(values, (values[:, 0] + values[:, 1] ** 2 > 0.7).astype(float), draw.random(600))
    every = {**SMALL["xgboost"].params, "colsample_bytree": 1.0}
    model = fit_candidate(Model(model="xgboost", params=every), examples("binary"))
    training = model.named_steps["model"].training
    seen: list[int] = []

    def kept(rounds: int) -> bytes:
        found = train_in_parts(here, Distributed(save_every=4), training, rounds, rows)
        states = find_remembered(here.objects, "tierra.steps.large", State)
        seen[:] = sorted(state.rounds for state in states)
        return found

    kept(8)
    assert seen == [4, 8]
    whole = kept(12)
    assert seen == [4, 8, 12]  # the first eight were not trained again
    assert json.loads(whole) == json.loads(train_here(training, 12, rows))
