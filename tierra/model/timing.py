"""How long two models take for the same rows: measured in turn, so that what else the machine does meets both alike."""

import time
from typing import Any, Final

import numpy as np

from tierra.model.artifact import predict
from tierra.model.examples import Examples
from tierra.model.variant_measured import Times

TURNS: Final = {"one": 31, "many": 15}
MANY: Final = 1000
# By rank of 31 and of 15 paired turns, the ends of the interval of a median that holds in 95 of 100 cases or more:
# no assumption on how times are spread (Thompson, 1936).
RANKS: Final = {31: 9, 15: 3}


def compare_times(model: Any, champion: Any, rows: Examples) -> tuple[Times, Times]:
    """The times for one row, and for a thousand, or as many as there are."""
    return _compare(model, champion, rows, 1, TURNS["one"]), _compare(model, champion, rows, MANY, TURNS["many"])


def _compare(model: Any, champion: Any, rows: Examples, count: int, turns: int) -> Times:
    table, measured = rows.table.head(count), np.empty((turns + 1, 2))
    for turn in range(turns + 1):
        for place, each in enumerate((model, champion)):
            begun = time.perf_counter()
            predict(each, table, rows.labels)
            measured[turn, place] = 1000 * (time.perf_counter() - begun)
    kept = measured[1:]  # the first call loads what is loaded once
    faster, rank = np.sort(kept[:, 1] / kept[:, 0]), RANKS[turns]
    own, its = np.median(kept, axis=0)
    return Times(rows=len(table), own=float(own), champion=float(its), faster=float(np.median(faster)),
                 interval=(float(faster[rank]), float(faster[-1 - rank])))  # fmt: skip
