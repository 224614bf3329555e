"""Eight steps from flights to a saved model: plain functions of pandas and scikit-learn."""

import sys
from pathlib import Path
from typing import Any

import joblib
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder

NUMBERS = ["hour", "distance", "temp", "wind_speed", "precip", "visib", "departs"]
TEXTS = ["carrier", "origin", "dest"]
COLUMNS = ["year", "month", "day", "hour", "carrier", "origin", "dest", "distance", "arr_delay", "sched_dep_time"]


def read_flights(folder: str) -> pd.DataFrame:
    return pd.read_csv(Path(folder) / "flights.csv.zip")[COLUMNS]


def read_weather(folder: str) -> pd.DataFrame:
    columns = ["origin", "year", "month", "day", "hour", "temp", "wind_speed", "precip", "visib"]
    return pd.read_csv(Path(folder) / "weather.csv")[columns].drop_duplicates(columns[:5])


def validate(flights: pd.DataFrame) -> pd.DataFrame:
    assert flights["origin"].isin(["EWR", "JFK", "LGA"]).all()
    return flights[flights["distance"].between(1, 6000) & flights["arr_delay"].notna()]


def join(flights: pd.DataFrame, weather: pd.DataFrame) -> pd.DataFrame:
    return flights.merge(weather, on=["origin", "year", "month", "day", "hour"], how="left")


def add_features(joined: pd.DataFrame) -> pd.DataFrame:
    clock = joined["sched_dep_time"]
    return joined.assign(departs=clock // 100 * 60 + clock % 100, late=(joined["arr_delay"] >= 15).astype(int))


def fit(table: pd.DataFrame) -> Any:
    train = table[table["month"] <= 9]
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    prepare = make_column_transformer((encoder, TEXTS), ("passthrough", NUMBERS))
    model = make_pipeline(prepare, HistGradientBoostingClassifier(max_iter=100, random_state=0))
    return model.fit(train[[*TEXTS, *NUMBERS]], train["late"])


def evaluate(model: Any, table: pd.DataFrame) -> float:
    test = table[table["month"] > 9]
    return float(roc_auc_score(test["late"], model.predict_proba(test[[*TEXTS, *NUMBERS]])[:, 1]))


def save(model: Any, score: float) -> float:
    assert score > 0.6
    joblib.dump(model, Path(sys.argv[2]) / "model.joblib")
    print(f'{{"roc_auc": {score}}}')
    return score
