"""How long trying the candidates will take, said before it starts: a few rows timed, and carried over to all."""

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

import numpy as np
from pydantic import BaseModel, ConfigDict

from tierra.model.candidates import build_pipeline
from tierra.model.ensemble_spec import Ensemble
from tierra.model.examples import Examples
from tierra.model.own import NONE, OwnClasses
from tierra.model.preprocessing_spec import Preprocessing
from tierra.model.rounds import is_counted, model_of
from tierra.model.spec import Model, Rule
from tierra.model.threads import threads_for
from tierra.model.treatments import infer_treatments

MOST_TIMED: Final = 1000
# Trees of boosting, and fits for counting them, before both are known.
TREES: Final = 300
COUNTED: Final = 2
SEED: Final = 0


class Estimate(BaseModel):
    """The seconds that each candidate will take, all its fits together, as one fit on few rows and one on more say."""

    model_config = ConfigDict(frozen=True)

    rows: int
    fits: int
    seconds: dict[str, float]

    @property
    def total(self) -> float:
        """All candidates, one after the other."""
        return sum(self.seconds.values())

    def __str__(self) -> str:
        """One line, such as: about 40 s: 4 models fitted 6 times on up to 3,000 rows."""
        models = f"{len(self.seconds)} models fitted {self.fits} times on up to {self.rows:,} rows"
        return f"about {_rounded(self.total)}: {models}"


def estimate_seconds(
    candidates: Sequence[Rule | Model | Ensemble],
    examples: Examples,
    fits: Sequence[int],
    preprocessing: Preprocessing | None = None,
    own: OwnClasses = NONE,
) -> Estimate:
    """What fitting every model on so many rows each time, `fits`, will take by the clock of this machine as it is now.

    Rules and ensembles take next to nothing. The models are timed with the parameters that they have on all rows.
    """
    models = [each for each in candidates if isinstance(each, Model)]
    treatments = infer_treatments(examples.features, preprocessing or Preprocessing(), examples.is_grouped)

    def fit(candidate: Model, sample: Examples) -> None:
        pipeline = build_pipeline(candidate, examples, preprocessing or Preprocessing(), treatments, own)
        if is_counted(candidate):  # as many as it may come to, for all rows have not been looked at
            model_of(pipeline).set_params(max_iter=TREES)
        pipeline.fit(sample.table, sample.target if sample.labels.task == "regression" else sample.target.astype(int))

    counting = [len(examples.target)] * COUNTED
    seconds = {each.name: _seconds(partial(fit, each), examples, [*fits, *(counting if is_counted(each) else ())])
               for each in models}  # fmt: skip
    return Estimate(rows=max(fits, default=0), fits=len(fits), seconds=seconds)


def _seconds(fit: Callable[[Examples], None], examples: Examples, fits: Sequence[int]) -> float:
    more = min(MOST_TIMED, max(len(examples.target) // 3, 1))
    few = max(more // 4, 1)
    short, long = (_timed(fit, _of_every_class(examples, rows)) for rows in (few, more))
    by_row = max(long - short, 0.0) / max(more - few, 1)
    return sum(max(short, long + by_row * (rows - more)) for rows in fits)


def _timed(fit: Callable[[Examples], None], sample: Examples) -> float:
    """The seconds of one fit on these rows; of one that fails as long as that took."""
    begun = time.perf_counter()
    try:
        with threads_for(len(sample.target)):
            fit(sample)
    except Exception:  # noqa: BLE001 - what is wrong with a candidate is said when it is tried
        return time.perf_counter() - begun
    return time.perf_counter() - begun


def _of_every_class(examples: Examples, rows: int) -> Examples:
    """So many rows drawn at random, and two of each class."""
    places = np.random.default_rng(SEED).permutation(len(examples.target))
    drawn = places[:rows]
    if examples.labels.task == "regression":
        return examples.take(np.sort(drawn))
    # Two of each: where a class has one row, no fit of it succeeds.
    each = [places[examples.target[places] == code][:2] for code in np.unique(examples.target)]
    return examples.take(np.unique(np.concatenate([drawn, *each])))


def _rounded(seconds: float) -> str:
    """Seconds, or minutes where there are many; no more digits than an estimate has."""
    if seconds < 10:
        return f"{max(seconds, 1):.0f} s"
    return f"{round(seconds, -1):.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
