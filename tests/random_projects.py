"""Projects drawn at random: any names, types, gaps, sizes, tasks and treatments that a project file may name."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

LONGEST = 200
MOST_ROWS = 100_000
NAMES = [
    "target", "index", "level_0", "row_number", "rule__x", "class", "lambda", "None", "nan", "true",
    "0", "1.5", "señal", "温度", "Ünïcödé 🌍", "two words", "it's", 'say "x"', "a,b", "a.b", "a:b", " padded ",
    "x" * LONGEST, "probability", "decision", "prediction", "weight", "name", "values", "size", "day_year",
    "day_month", "km", "kind", "columns", "dtype", "{x}", "%s", "[x]", "<b>x</b>", "a\tb", "a\nb", "rows", "count",
    "stratum", "place", "-", "model", "x\u0301", "\u202ertl", "?", "#x", "sha256", "Id", "ID", "id ", "É", "e", "inf",
]  # fmt: skip
KINDS = ("number", "integer", "boolean", "text", "date", "timestamp", "mixed", "constant", "empty", "wide", "many")
TASKS = ("binary", "multiclass", "regression")


@dataclass
class Drawn:
    """One project: what its file says, its table, and what is true of both."""

    seed: int
    spec: dict[str, Any]
    table: pd.DataFrame
    suffix: str
    key: str | None = None
    day: str | None = None
    said: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        return str(self.spec["project"])

    def write(self, projects: Path) -> None:
        """Its folder, with the table as CSV or Parquet."""
        folder = projects / self.name
        folder.mkdir(parents=True)
        (folder / "project.yaml").write_text(yaml.safe_dump(self.spec, allow_unicode=True, sort_keys=False))
        file = folder / f"rows{self.suffix}"
        if self.suffix == ".csv":
            self.table.to_csv(file, index=False)
        else:
            self.table.to_parquet(file, index=False)


class Dice:
    """A seeded source of choices, each said in a word so that a failure can be read."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)

    def one_of(self, *values: Any) -> Any:
        return values[int(self.random.integers(len(values)))]

    def by_chance(self, share: float) -> bool:
        return bool(self.random.random() < share)

    def names(self, count: int) -> list[str]:
        plain = [f"x{number}" for number in range(count)]
        strange = [str(name) for name in self.random.permutation(NAMES)]
        mixed = [one if self.by_chance(0.5) else other for one, other in zip(plain, strange[:count], strict=False)]
        return [*mixed, *plain[len(mixed) :]]


def draw_project(seed: int) -> Drawn:
    """The project of a seed."""
    dice = Dice(seed)
    rows = round(np.exp(dice.random.uniform(0, np.log(MOST_ROWS))))
    task = dice.one_of(*TASKS)
    names = iter(dice.names(20))
    signal = dice.random.normal(size=rows)
    kinds = ["number", *(dice.one_of(*KINDS) for _ in range(dice.random.integers(0, 7)))]
    features = {next(names): _column(kind, rows, dice, signal) for kind in kinds}
    target = next(names)
    columns = {**features, target: _target(task, signal, rows, dice)}
    drawn = Drawn(seed, {"project": f"random_{seed}"}, pd.DataFrame(), dice.one_of(".csv", ".parquet"))
    source: dict[str, Any] = {"kind": "file", "path": f"rows{drawn.suffix}"}
    if dice.by_chance(0.5):
        drawn.key = source["key"] = next(names)
        columns[drawn.key] = _key(rows, dice)
    if dice.by_chance(0.4):
        drawn.day = source["partition_by"] = next(names)
        columns[drawn.day] = _days(rows, dice)
    drawn.table = pd.DataFrame(columns)
    drawn.table = drawn.table[[str(name) for name in dice.random.permutation(list(columns))]]
    drawn.spec |= {"sources": {"rows": source}, "target": target, **_said(task, features, kinds, drawn, names, dice)}
    drawn.said = [f"{rows} rows", task, *kinds]
    return drawn


def _said(
    task: str, features: dict[str, Any], kinds: list[str], drawn: Drawn, names: Any, dice: Dice
) -> dict[str, Any]:
    """What the project file says beside source and target: often nothing."""
    said: dict[str, Any] = {}
    if dice.by_chance(0.5):
        said["task"] = task
    if dice.by_chance(0.2):
        said["weight"] = next(names)
        drawn.table[said["weight"]] = dice.random.gamma(1, 1, len(drawn.table)).round(2) + 0.01
    if dice.by_chance(0.3):
        said["slices"] = [dice.one_of(*features)]
    if dice.by_chance(0.6):
        said["split"] = _split(features, drawn, dice)
    if dice.by_chance(0.5):
        said["preprocessing"] = _preprocessing(features, kinds, said.get("split", {}).get("column"), dice)
    if dice.by_chance(0.8):
        said["candidates"] = _candidates(task, features, dice)
    if dice.by_chance(0.3):
        column = next(iter(features))
        keep = {"type": "expect_column_values_to_not_be_null", "column": column, "on_fail": "quarantine"}
        said["contract"] = {"quarantine_budget": "100%", "expectations": [keep]}
    return said


def _split(features: dict[str, Any], drawn: Drawn, dice: Dice) -> dict[str, Any]:
    if drawn.day and dice.by_chance(0.6):
        return {"by": "time", "validation": "20%", "test": dice.one_of("20%", "10d")}
    by = dice.one_of("random", "stratified", *(["group"] if len(features) > 3 else []))
    shares = {"validation": dice.one_of("10%", "25%"), "test": "30%", "seed": int(dice.random.integers(9))}
    return {"by": by, **shares, **({"column": dice.one_of(*features)} if by == "group" else {})}


def _preprocessing(features: dict[str, Any], kinds: list[str], group: str | None, dice: Dice) -> dict[str, Any]:
    said = {
        "impute": dice.one_of("mean", "median", "most_frequent"),
        "scale": dice.one_of("standard", "robust", "none"),
        "outliers": dice.one_of("keep", "clip", "flag"),
        "rare": dice.one_of(1, 20, 500),
    }
    name, kind = dice.one_of(*zip(features, kinds, strict=True))
    left_out = [{"kind": "left_out"}] if kinds.count("number") > 1 else []
    stated = [*left_out, {"encode": "target"}, {"encode": "ordinal"}, {"encode": "one_hot"}]
    if kind in ("number", "integer", "wide"):
        stated = [{"kind": "number"}, {"outliers": "clip"}, {"impute": "median", "scale": "robust"}, *stated]
    if name == group:  # the groups of a split are no feature
        return said
    dated = kind in ("date", "timestamp", "mixed") or (kind == "text" and dice.by_chance(0.5))
    return said | ({} if dated else {"columns": {name: dice.one_of(*stated)}})


def _candidates(task: str, features: dict[str, Any], dice: Dice) -> list[dict[str, Any]]:
    number = task == "regression"
    linear = {"model": "ridge" if number else "logistic"}
    boosted = {"model": "hist_gradient_boosting", "params": {"max_iter": 10}}
    forest = {"model": "random_forest", "params": {"n_estimators": 8}}
    tree = {"model": f"sklearn.tree.DecisionTree{'Regressor' if number else 'Classifier'}", "params": {"max_depth": 4}}
    rule = dice.one_of({"rule": "base_rate"}, {"rule": {"rate_by": [dice.one_of(*features)]}})
    both = {"average": [linear["model"], "hist_gradient_boosting"]}
    return dice.one_of([rule, linear], [rule, boosted], [linear, boosted, both], [forest], [rule, tree])


def _column(kind: str, rows: int, dice: Dice, signal: np.ndarray) -> Any:
    random = dice.random
    made: Any = {
        "number": lambda: signal * random.uniform(0.5, 9) + random.normal(size=rows) * 0.5,
        "integer": lambda: random.integers(-9, 9, rows) + np.round(signal).astype(int),
        "boolean": lambda: signal + random.normal(size=rows) > 0,
        "text": lambda: random.choice(["a", "b", "Ñ", "", "nan", "None", "with space", "0"], rows),
        "date": lambda: (pd.Timestamp("2020-01-01") + pd.to_timedelta(random.integers(0, 2000, rows), "D")).date,
        "timestamp": lambda: pd.Timestamp("2020-01-01") + pd.to_timedelta(random.integers(0, 10**8, rows), "s"),
        "mixed": lambda: np.where(random.random(rows) < 0.5, "1", random.choice(["x", "2.5", "True"], rows)),
        "constant": lambda: np.full(rows, dice.one_of(1.0, 0, "same", True)),
        "empty": lambda: np.full(rows, np.nan),
        "wide": lambda: random.standard_cauchy(rows) * 10.0 ** random.integers(-9, 12),
        "many": lambda: [f"v{number}" for number in random.integers(0, max(rows // 2, 1), rows)],
    }[kind]()
    gaps = dice.one_of(0.0, 0.0, 0.1, 0.5, float(random.random()), 1.0 if kind != "number" else 0.3)
    return _with_gaps(made, gaps, dice)


def _with_gaps(values: Any, share: float, dice: Dice) -> pd.Series:
    if not share:
        return pd.Series(values)
    column = pd.Series(values).astype("object")
    return column.where(dice.random.random(len(column)) >= share, None).infer_objects()


def _target(task: str, signal: np.ndarray, rows: int, dice: Dice) -> pd.Series:
    noisy = signal + dice.random.normal(size=rows) * 0.7
    values: Any = noisy * 100
    if task == "binary":
        yes = noisy > dice.one_of(0.0, 0.3)
        values = dice.one_of(
            yes, yes.astype(int), yes.astype(float), np.where(yes, "yes", "no"), np.where(yes, "b", "a")
        )
    if task == "multiclass":
        codes = np.clip(np.round(noisy + 1), 0, 3).astype(int)
        values = dice.one_of(codes, np.array(["low", "middle", "high", "Ñ top"])[codes], codes * 1.0)
    return _with_gaps(values, dice.one_of(0.0, 0.0, 0.1, 0.4), dice)


def _key(rows: int, dice: Dice) -> Any:
    numbers = dice.random.permutation(rows)
    return dice.one_of(numbers, numbers - rows // 2, [f"k{number}" for number in numbers], numbers + 0.5)


def _days(rows: int, dice: Dice) -> Any:
    offsets = pd.to_timedelta(dice.random.integers(0, 120, rows), "D")
    days = pd.Timestamp("2024-01-01") + offsets
    return dice.one_of(days, days + pd.to_timedelta(dice.random.integers(0, 86_400, rows), "s"), days.date)
