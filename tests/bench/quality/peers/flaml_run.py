"""FLAML within the budget."""

# ruff: noqa: E402 - what the user writes stands together

from tests.bench.quality.peers.given import given, of_classes, pickled

has = given()
train, test, target, task, budget, metric = has.train, has.test, has.target, has.task, has.budget, has.metric

# what the user writes
from flaml import AutoML

automl = AutoML()
kind = "regression" if task == "regression" else "classification"
automl.fit(dataframe=train, label=target, task=kind, metric=metric, time_budget=budget, seed=0)
predictions = automl.predict(test) if task == "regression" else automl.predict_proba(test)
# to here

has.hand_in(predictions if task == "regression" else of_classes(predictions, task), pickled(automl))
