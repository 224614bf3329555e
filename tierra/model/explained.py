"""The models whose predictions have reasons that add up, by name, so that a project file is checked without them."""

from typing import Final

LINEAR: Final = frozenset(
    {"ARDRegression", "BayesianRidge", "ElasticNet", "ElasticNetCV", "HuberRegressor", "Lars", "LarsCV", "Lasso",
     "LassoCV", "LassoLars", "LassoLarsCV", "LassoLarsIC", "LinearDiscriminantAnalysis", "LinearRegression",
     "LogisticRegression", "LogisticRegressionCV", "OrthogonalMatchingPursuit", "OrthogonalMatchingPursuitCV",
     "QuantileRegressor", "Ridge", "RidgeCV", "TheilSenRegressor"}
)  # fmt: skip
BOOSTED: Final = frozenset({"HistGradientBoostingClassifier", "HistGradientBoostingRegressor"})
FORESTS: Final = frozenset(
    {"ExtraTreesClassifier", "ExtraTreesRegressor", "RandomForestClassifier", "RandomForestRegressor"}
)
SINGLE_TREES: Final = frozenset(
    {"DecisionTreeClassifier", "DecisionTreeRegressor", "ExtraTreeClassifier", "ExtraTreeRegressor"}
)
LIGHTGBM: Final = frozenset({"LightGBMClassifier", "LightGBMRegressor"})
EXPLAINED: Final = LINEAR | BOOSTED | FORESTS | SINGLE_TREES
# Of Tierra's own, by the name of the project file.
WITHOUT_REASONS: Final = frozenset({"nearest_neighbours", "neural_network", "xgboost"})


def has_reasons(model: str) -> bool:
    """Whether a model of the project file, one of Tierra's or of scikit-learn by its path, has such reasons."""
    is_ours = not {".", ":"} & {*model} and model not in WITHOUT_REASONS
    return is_ours or model.rpartition(".")[2] in EXPLAINED
