"""Functions that draw, count their calls or look at the clock are refused by name and column."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.builders import rides
from tests.cases import each
from tierra.data.code import load_code
from tierra.data.recipe import Recipe
from tierra.data.repeatable import check_repeatable
from tierra.errors import DataRejected

IMPORTS = """
import datetime as dt, random, time
import datetime
import numpy as np, pandas as pd
from datetime import date, datetime as moment
from time import time as seconds
from pandas import Timestamp
import helper
from helper import age_of_help
calls = []
def inside():
    from datetime import date
    import time
    return f"{date.today():%Y} {time.time_ns() // 10**15}"
"""
HELPER = "import datetime\ndef age_of_help():\n    return datetime.date.today().toordinal()\n"
# What a column is made of, and what the error says of it.
OTHER_EACH_TIME = ["np.random.rand(len(rows))", "random.random()", "np.random.default_rng().normal(size=len(rows))",
                   "len(calls)", "str(rows.sample(8)['ride_id'].tolist())"]  # fmt: skip
OF_THE_CLOCK = [
    "moment.now().year",
    "moment.today().weekday()",
    "moment.utcnow().isoformat()[:13]",
    "moment.now(dt.timezone.utc).day",
    "dt.datetime.now().hour",
    "datetime.date.today().month",
    "date.today().toordinal()",
    "(date.today() - date(2024, 1, 1)).days",
    "pd.Timestamp.now().day_of_year",
    "pd.Timestamp('today').day_of_week",
    "Timestamp.now('UTC').floor('h')",
    "pd.to_datetime('now').year",
    "(pd.Timestamp.now() - pd.to_datetime(rows['day'])).dt.days",
    "int(time.time() // 3600)",
    "int(seconds() // 86400)",
    "inside()",
    "time.localtime().tm_year",
    "time.strftime('%Y', time.gmtime())",
    "helper.age_of_help()",
    "age_of_help()",
    "time.time_ns() // 10**13",
]
REPEATABLE = [
    "rows['km'] * 2",
    "np.random.default_rng(0).normal(size=len(rows))",
    "random.Random(1).random()",
    "pd.to_datetime(rows['day']).dt.day_of_year",
    "[isinstance(each, date) for each in pd.to_datetime(rows['day'])]",
    "moment(2024, 1, 1).year",
    "moment.fromisoformat('2024-01-01').year",
    "[moment.strptime(each, '%Y-%m-%d').day for each in rows['day']]",
    "(pd.Timestamp('2024-05-01') - pd.to_datetime(rows['day'])).dt.days",
    "pd.Timestamp(2024, 1, 1).year",
    "date.min.toordinal()",
    "time.localtime(0).tm_year",
    "isinstance(pd.Timestamp(0), pd.Timestamp) and issubclass(moment, date)",
    "pd.Timestamp.max.year",
    "rows['zone'].astype('category')",
    "rows['km'].where(rows['km'] > 3)",
    "rows['km'].astype('Int64', errors='ignore')",
]


def check(folder: Path, role: str, expression: str, table: pd.DataFrame | None = None) -> None:
    """The check, of a project whose function makes a column of an expression."""
    parameters = "rows, history" if role == "prepare" else "rows"
    lines = f"def make({parameters}):\n    calls.append(1)\n    return rows.assign(made={expression})\n"
    (folder / "features.py").write_text(IMPORTS + lines)
    (folder / "helper.py").write_text(HELPER)
    recipe = Recipe(target="tipped", target_column="tipped", key=("ride_id",), dates="day", partition_by="day",
                    withheld=("tipped",), functions={role: "features:make"})  # fmt: skip
    check_repeatable(recipe, load_code(folder, recipe.functions), rides(240) if table is None else table)


@pytest.mark.parametrize("role", ["prepare", "features"])
def test_a_column_that_is_another_at_each_call_is_refused(tmp_path: Path, role: str) -> None:
    def refused(expression: str, how: str) -> None:
        with pytest.raises(DataRejected, match=f"^features:make: 'made' {how}.*features-not-repeatable"):
            check(tmp_path, role, expression)

    each([*((one, "gives other values at each call") for one in OTHER_EACH_TIME),
          *((one, "depends on the clock") for one in OF_THE_CLOCK)], refused)  # fmt: skip


@pytest.mark.parametrize("role", ["prepare", "features"])
def test_what_is_made_of_the_rows_alone_passes(tmp_path: Path, role: str) -> None:
    each(REPEATABLE, lambda expression: check(tmp_path, role, expression))


def test_the_clock_is_the_project_s_again_afterwards(tmp_path: Path) -> None:
    import datetime

    before: Any = datetime.datetime
    with pytest.raises(DataRejected):
        check(tmp_path, "features", "moment.now().year")
    assert (datetime.datetime, pd.Timestamp.now().year) == (before, before.now().year)


def test_columns_that_come_and_go_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataRejected, match="which columns it returns gives other values at each call"):
        check(tmp_path, "features", "1, **{f'c{len(calls)}': 2}")


def test_no_rows_are_no_difference(tmp_path: Path) -> None:
    check(tmp_path, "features", "random.random()", rides(240).iloc[:0])
