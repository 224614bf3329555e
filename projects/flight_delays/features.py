"""What is known the night before: schedule, plane, calendar, weather, and how things went lately."""

import pandas as pd

LATE_MINUTES = 15
WEATHER = ["temp", "dewp", "humid", "wind_dir", "wind_speed", "precip", "pressure", "visib"]
# Flights counted in favour of the overall rate before a group's own rate speaks for itself.
PRIOR_FLIGHTS = {"carrier": 50, "flight": 5}


def arrived_late(flights: pd.DataFrame) -> pd.Series:
    """1 when a flight arrived 15 minutes late or more; no label when it never arrived."""
    delay = flights["arr_delay"]
    return (delay >= LATE_MINUTES).astype(float).where(delay.notna())


def prepare(flights: pd.DataFrame, history: pd.DataFrame) -> pd.DataFrame:
    """Add the share of late arrivals in the weeks before, of the carrier and of the flight number."""
    late = arrived_late(history)
    overall = late.mean() if late.notna().any() else float("nan")
    return flights.assign(
        carrier_late_lately=_late_lately(flights, history, late, ["carrier"], overall, PRIOR_FLIGHTS["carrier"]),
        flight_late_lately=_late_lately(
            flights, history, late, ["carrier", "flight"], overall, PRIOR_FLIGHTS["flight"]
        ),
    )


def build(flights: pd.DataFrame) -> pd.DataFrame:
    """One row of features a flight, each made of that flight alone."""
    text = {"hour": flights["hour"].astype("str"), "weekday": flights["flight_date"].dt.day_name()}
    numbers = {
        "departs": _minutes(flights["sched_dep_time"]),
        "arrives": _minutes(flights["sched_arr_time"]),
        "plane_age": flights["flight_date"].dt.year - flights["plane_year"],
    }
    plain = flights[["carrier", "origin", "dest", "distance", "seats", "carrier_late_lately", "flight_late_lately"]]
    return plain.assign(**text, **numbers, **{name: flights[name] for name in WEATHER})


def _late_lately(
    flights: pd.DataFrame, history: pd.DataFrame, late: pd.Series, by: list[str], overall: float, prior: int
) -> pd.Series:
    known = history.assign(late=late).groupby(by)["late"].agg(["sum", "count"])
    rate = ((known["sum"] + overall * prior) / (known["count"] + prior)).rename("rate")
    return flights[by].merge(rate, left_on=by, right_index=True, how="left")["rate"].fillna(overall)


def _minutes(clock: pd.Series) -> pd.Series:
    """Minutes since midnight of a time written as 1545."""
    return clock // 100 * 60 + clock % 100
