from datetime import date

import numpy as np
import pandas as pd

from tierra.data.folds import Fold, make_folds
from tierra.data.labels import Labels
from tierra.data.spec import Effort, Split

IN_TIME = Split(by="time", column="day")
ALIKE = Split(by="stratified")
CLASSES = Labels()


def folds_of(units: pd.Series, target: np.ndarray, validation: np.ndarray, split: Split,
             effort: Effort = "normal", labels: Labels = CLASSES) -> list[Fold]:  # fmt: skip
    return make_folds(units, pd.Series(target), validation, split, labels, effort)


def a_table(rows: int) -> tuple[pd.Series, np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    units = pd.Series(random.integers(-(2**62), 2**62, rows))
    return units, (random.random(rows) < 0.1).astype(float), np.arange(rows) >= 0.75 * rows


def test_each_row_is_held_out_once_and_every_fold_has_its_share_of_each_class() -> None:
    units, target, validation = a_table(1000)
    folds = folds_of(units, target, validation, ALIKE)
    assert sorted(np.concatenate([fold.held_out for fold in folds])) == [*range(1000)]
    for fold in folds:
        assert not set(fold.fitted) & set(fold.held_out)
        assert abs(target[fold.held_out].sum() - target.sum() / 5) <= 1


def test_a_unit_is_in_one_fold() -> None:
    units, target, validation = a_table(600)
    grouped = units.iloc[np.arange(600) // 3].reset_index(drop=True)
    for fold in folds_of(grouped, target, validation, ALIKE):
        assert not set(grouped[fold.fitted]) & set(grouped[fold.held_out])


def test_in_time_what_predicts_a_block_was_fitted_on_the_days_before_it() -> None:
    days = pd.Series(pd.date_range("2024-01-01", periods=100).repeat(5))
    target = np.resize([0.0, 1.0], 500)
    folds = folds_of(days, target, (days >= pd.Timestamp("2024-03-21")).to_numpy(), IN_TIME)
    starts = [days[fold.held_out].min().date() for fold in folds]
    assert starts == [date(2024, 3, 1), date(2024, 3, 21)]  # a third would leave less than half of the rows before it
    for fold in folds:
        assert days[fold.fitted].max() < days[fold.held_out].min()


def test_one_validation_part_is_enough_where_it_is_asked_for_or_rows_are_many_or_a_fold_would_miss_a_class() -> None:
    units, target, validation = a_table(1000)
    rare = np.zeros(1000)
    rare[[0, 999]] = 1
    many = a_table(100_000)
    for given, effort in (
        ((units, target, validation), "quick"),
        (many, "normal"),
        ((units, np.eye(1000)[0], validation), "normal"),
    ):
        (fold,) = folds_of(*given, ALIKE, effort)
        assert (fold.held_out == np.flatnonzero(given[2])).all()
    assert len(folds_of(units, rare, validation, ALIKE)) == 5
