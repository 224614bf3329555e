"""AutoGluon within the budget, at its best quality; the trial that decides on stacking would take a quarter of it."""

# ruff: noqa: E402 - what the user writes stands together

from tests.bench.quality.peers.given import folder_size, given, of_classes

has = given()
train, test, target, task, budget = has.train, has.test, has.target, has.task, has.budget
metric = {"rmse": "root_mean_squared_error"}.get(has.metric, has.metric)

# what the user writes
from autogluon.tabular import TabularPredictor

predictor = TabularPredictor(target, eval_metric=metric, path=str(has.out / "models"))
predictor.fit(train, presets="best_quality", dynamic_stacking=False, time_limit=budget)
predictions = predictor.predict(test) if task == "regression" else predictor.predict_proba(test)
# to here

size = folder_size(has.out / "models")
has.hand_in(predictions if task == "regression" else of_classes(predictions, task), size)
