"""A logistic or ridge regression, its penalty tuned by cross-validation."""

# ruff: noqa: E402 - what the user writes stands together

from tests.bench.quality.peers.given import given, of_classes, pickled

has = given()
train, test, target, task = has.train, has.test, has.target, has.task

# what the user writes
import numpy as np
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

numbers = make_pipeline(SimpleImputer(add_indicator=True), StandardScaler())
texts = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=10)
encoder = ColumnTransformer(
    [
        ("numbers", numbers, make_column_selector(dtype_include=np.number)),
        ("texts", texts, make_column_selector(dtype_include=["object", "string"])),
    ]
)
if task == "regression":
    model = make_pipeline(encoder, RidgeCV(np.logspace(-2, 4, 13)))
else:
    grid, scoring = {"logisticregression__C": np.logspace(-3, 2, 11)}, "roc_auc" if task == "binary" else "neg_log_loss"
    model = GridSearchCV(make_pipeline(encoder, LogisticRegression(max_iter=2000)), grid, scoring=scoring, cv=5)
model.fit(train.drop(columns=target), train[target])
predictions = model.predict(test) if task == "regression" else model.predict_proba(test)
# to here

kept = getattr(model, "best_estimator_", model)
has.hand_in(predictions if task == "regression" else of_classes(predictions, task), pickled(kept))
