"""scikit-learn's histogram gradient boosting as it comes."""

# ruff: noqa: E402 - what the user writes stands together

from tests.bench.quality.peers.given import given, of_classes, pickled

has = given()
train, test, target, task = has.train, has.test, has.target, has.task

# what the user writes
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

features = train.drop(columns=target)
texts = features.select_dtypes(["object", "string"]).columns
many = [name for name in texts if features[name].nunique() > 255]  # more categories than it takes
features, texts = features.drop(columns=many), texts.drop(many)
kinds = {name: features[name].astype("category").dtype for name in texts}
model = (HistGradientBoostingRegressor if task == "regression" else HistGradientBoostingClassifier)(random_state=0)
model.fit(features.astype(kinds), train[target])
rows = test[features.columns].astype(kinds)
predictions = model.predict(rows) if task == "regression" else model.predict_proba(rows)
# to here

has.hand_in(predictions if task == "regression" else of_classes(predictions, task), pickled(model))
