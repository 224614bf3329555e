"""Every mistake a user can make ends in one line, the right exit code, and nothing changed."""

import hashlib
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner

from tests.builders import CLOCK, ride_source, ride_spec, rides, write_project, write_warehouse, zoned_spec, zones
from tests.conftest import ROOT
from tierra.cli.commands import app

SECRET = "hunter2"
WAREHOUSE = {"kind": "sql", "connection": "warehouse", "path": None}
HERE = {"TIERRA_CONNECTIONS__WAREHOUSE__URL": "sqlite:///{folder}/warehouse.db"}


@dataclass(frozen=True)
class Mistake:
    """A project with one mistake in it, the command that meets it, and what that command must say."""

    code: str
    says: tuple[str, ...]
    exit: int
    command: tuple[str, ...] = ("check", "rides")
    spec: Any = None
    table: Callable[[], pd.DataFrame] | None = None
    python: dict[str, str] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)

    def write(self, folder: Path) -> None:
        """Write the project, a side table and a warehouse beside it."""
        table = self.table() if self.table else rides()
        project = write_project(folder / "projects" / "rides", self.spec, table, **self.python)
        zones().to_csv(project / "zones.csv", index=False)
        for name, text in self.texts.items():
            (project / name).write_text(text)
        write_warehouse(folder / "warehouse.db", rides=table)


def on_check(code: str, hint: str, *says: str, exit: int = 2, **rest: Any) -> Any:
    return pytest.param(Mistake(code, says, exit, **rest), id=f"{code}-{hint}")


def on_try(code: str, hint: str, *says: str, exit: int = 3, **rest: Any) -> Any:
    return on_check(code, hint, *says, exit=exit, command=("try", "rides"), **rest)


def made_of(code: str) -> dict[str, str]:
    """A features.py whose `build` has this body."""
    return {"features": f"import numpy as np\nimport pandas as pd\n\ndef build(rows):\n    {code}\n"}


def built(**changes: Any) -> dict[str, Any]:
    return ride_spec(features="features:build", **changes)


def expecting(type: str, **rest: Any) -> dict[str, Any]:
    return ride_spec(contract={"expectations": [{"type": type, **rest}]})


def link_application(folder: Path) -> None:
    """Let a folder be a checkout, without its .env."""
    for name in ("flows", "tasks"):
        (folder / name).symlink_to(ROOT / name)


BOMB = "a: &a [x, x, x]\nb: &b [*a, *a, *a]\nc: &c [*b, *b, *b]\nproject: rides\n"
NEITHER = {"rule": "base_rate"}, {"model": "logistic", "params": {"C": -1}}
# fmt: off
MISTAKES = [
    # the project file
    on_check("project-not-found", "by-name", "'nowhere'", "available: rides", command=("check", "nowhere")),
    on_check("yaml-invalid", "bracket", "project.yaml:3", spec="project: rides\nsources: [a, b\ntarget: x\n"),
    on_check("yaml-tag", "python", "project.yaml:1", "python/object",
             spec="project: !!python/object/apply:os.system ['touch pwned']\n"),
    on_check("yaml-alias", "bomb", "project.yaml:2", "*a", spec=BOMB),
    on_check("yaml-duplicate-key", "target", "project.yaml:2", "'project'", spec="project: rides\nproject: other\n"),
    on_check("yaml-too-large", "comment", "262,144", spec="# " + "x" * 300_000),
    on_check("key-unknown", "did-you-mean", "'taget'", "did you mean 'target'?", "project.yaml:",
             spec=ride_spec(taget="tipped", target=None)),
    on_check("key-unknown", "nested", "sources.rides.keys", "did you mean 'key'?",
             spec=ride_spec(sources=ride_source(keys="ride_id"))),
    on_check("key-missing", "target", "'target'", spec=ride_spec(target=None)),
    on_check("key-missing", "path", "sources.rides", "'path'", spec=ride_spec(sources=ride_source(path=None))),
    on_check("key-missing", "no-date-to-split-by", "split.column",
             spec=ride_spec(sources=ride_source(partition_by=None), split={"by": "time"})),
    on_check("key-missing", "no-source", "'sources'", spec=ride_spec(sources=None)),
    on_check("value-invalid", "two-sources", "either `source` or `sources`", spec=ride_spec(source="rides.csv")),
    on_check("value-invalid", "days-of-a-random-split", "split", "shares such as 20%",
             spec=ride_spec(split={"by": "random", "test": "30d"})),
    on_check("value-invalid", "groups-of-what", "split", "`column`", spec=ride_spec(split={"by": "group"})),
    on_check("value-invalid", "ensemble-of-ensembles", "'stack' is made of other candidates", spec=ride_spec(
        candidates=[{"model": "logistic"}, {"model": "ridge"}, {"stack": ["logistic", "ridge"]},
                    {"average": ["stack", "ridge"]}])),
    on_check("value-invalid", "same-name-twice", "candidates", "logistic", "`name`",
             spec=ride_spec(candidates=[{"model": "logistic"}, {"model": "logistic", "params": {"C": 1.0}}])),
    on_check("value-invalid", "a-model-of-others", "candidates", "an estimator of scikit-learn",
             spec=ride_spec(candidates=[{"model": "xgboost.XGBClassifier"}])),
    on_check("task-mismatch", "metric", "gate.metric", "rmse", "the task is binary",
             spec=ride_spec(task="binary", gate={"metric": "rmse"})),
    on_check("task-mismatch", "costs", "card.cost", "the task is multiclass",
             spec=ride_spec(task="multiclass", gate={}, card={"cost": {"false_alarm": 1, "missed": 2}})),
    on_check("task-mismatch", "published", "score.columns", "no decision",
             spec=ride_spec(task="regression", gate={}, candidates=[{"model": "ridge"}],
                            score={"columns": ["decision"]})),
    on_check("value-invalid", "days", "score.lookback", "30d", spec=ride_spec(score={"lookback": "a week"})),
    on_check("value-invalid", "list-for-text", "target", "a valid string", spec=ride_spec(target=["tipped"])),
    on_check("value-invalid", "kind", "sources.rides", "'sql', 'file'",
             spec=ride_spec(sources={"rides": {"kind": "api", "url": "x"}})),
    on_check("name-undeclared", "join", "'zone' is not declared", "rides, zones", spec=zoned_spec(right="zone")),
    on_check("columns-conflict", "history-of-a-side", "zones", "rides", spec=ride_spec(
        sources=ride_source() | {"zones": ride_source(history="7d")["rides"]})),
    on_check("metric-unknown", "gini", "gate.metric", "roc_auc", "a scorer", spec=ride_spec(gate={"metric": "gini"})),
    on_check("expectation-unknown", "typo", "expect_column_values_to_be_betwen",
             "did you mean 'expect_column_values_to_be_between'?",
             spec=expecting("expect_column_values_to_be_betwen", column="km")),
    on_check("expectation-invalid", "argument-missing", "needs value_set",
             spec=expecting("expect_column_values_to_be_in_set", column="zone")),
    on_check("expectation-invalid", "table-quarantined", "use stop or warn",
             spec=expecting("expect_table_row_count_to_be_between", on_fail="quarantine")),
    on_check("columns-conflict", "kept-target", "score.keep: 'tipped' cannot be kept: it is the target",
             spec=ride_spec(score={"keep": ["zone", "tipped"]})),
    on_check("columns-conflict", "kept-known-later", "'km' cannot be kept: it is known later", spec=ride_spec(
        sources=ride_source(known_later=["km"]), score={"keep": ["km"]})),
    on_check("columns-conflict", "kept-weight", "'rain' cannot be kept: it is the weight", spec=ride_spec(
        weight="rain", score={"keep": ["rain"]})),
    on_check("columns-conflict", "kept-key", "'ride_id' cannot be kept: it is published already", spec=ride_spec(
        score={"keep": "ride_id"})),
    on_check("columns-conflict", "kept-number", "'row_number' cannot be kept: it is published already", spec=ride_spec(
        sources=ride_source(key=None), score={"keep": "row_number"})),
    on_check("columns-conflict", "kept-twice", "'km' is named twice", spec=ride_spec(score={"keep": ["km", "km"]})),
    on_check("columns-conflict", "kept-and-published", "kept column 'decision'", spec=ride_spec(
        score={"keep": "decision"})),
    on_check("columns-conflict", "kept-and-published-by-the-task", "kept column 'prediction'", spec=ride_spec(
        task="regression", target="km", gate={}, candidates=[{"rule": "base_rate"}], score={"keep": "prediction"})),
    on_check("columns-conflict", "kept-and-not-read", "`columns` of rides leaves out 'km'", spec=ride_spec(
        sources=ride_source(columns=["ride_id", "day", "zone", "tipped"]), score={"keep": "km"})),
    on_check("sink-columns", "kept", "'generation'", settings=HERE, spec=ride_spec(
        score={"keep": "generation", "sink": {"kind": "sql", "connection": "warehouse"}})),
    on_check("features-forbidden", "key", "'ride_id' is the key", spec=ride_spec(features=["km", "ride_id"])),
    on_check("features-forbidden", "target", "'tipped' is the target", spec=ride_spec(features=["tipped"])),
    on_check("features-forbidden", "known-later", "'rain' is known later",
             spec=ride_spec(sources=ride_source(known_later="rain"), features=["km", "rain"])),
    on_check("function-not-found", "name", "features:build", "features.py", spec=built(),
             python={"features": "def other(rows): return rows\n"}),
    on_check("function-not-found", "file", "features:build", "no file", spec=built()),
    on_check("code-invalid", "syntax", "features.py:1", "SyntaxError", spec=built(),
             python={"features": "def build(rows) return rows\n"}),
    # the settings and the call
    on_check("settings-invalid", "clock", "TIERRA_CLOCK", settings={"TIERRA_CLOCK": "yesterday"}),
    on_check("connection-unknown", "warehouse", "'warehouse'",
             spec=ride_spec(sources=ride_source(**WAREHOUSE, table="rides"))),
    on_check("flows-not-found", "elsewhere", "flows/train.py", command=("train", "rides")),
    on_check("demo-not-found", "none", "nowhere", command=("demo", "nowhere")),
    on_check("partition-unpublished", "never-scored", "rides", "2024-04-29",
             command=("predictions", "rides", "--partition", "2024-04-29")),
    # sources
    on_check("file-missing", "path", "ride.csv", spec=ride_spec(sources=ride_source(path="ride.csv"))),
    on_try("file-invalid", "not-parquet", "rides.parquet", exit=2, texts={"rides.parquet": "ride_id,day\n"},
           spec=ride_spec(sources=ride_source(path="rides.parquet"))),
    on_try("source-empty", "empty-csv", "empty.csv", texts={"empty.csv": ""},
           spec=ride_spec(sources=ride_source(path="empty.csv"))),
    on_try("connection-invalid", "driver", "warehouse", exit=2,
           spec=ride_spec(sources=ride_source(**WAREHOUSE, table="rides")),
           settings={"TIERRA_CONNECTIONS__WAREHOUSE__URL": f"nosuch://me:{SECRET}@host/db"}),
    on_try("database-missing", "file", "nowhere.db", exit=2,
           spec=ride_spec(sources=ride_source(**WAREHOUSE, table="rides")),
           settings={"TIERRA_CONNECTIONS__WAREHOUSE__URL": "sqlite:///nowhere.db"}),
    on_try("table-missing", "name", "warehouse.trips", exit=2, settings=HERE,
           spec=ride_spec(sources=ride_source(**WAREHOUSE, table="trips"))),
    on_try("query-failed", "syntax", "rides", "syntax error", exit=2, settings=HERE,
           spec=ride_spec(sources=ride_source(**WAREHOUSE, query="selec * from rides"))),
    on_try("query-failed", "writes", "rides", exit=2, settings=HERE,
           spec=ride_spec(sources=ride_source(**WAREHOUSE, query="delete from rides"))),
    on_try("column-missing", "key-renamed", "'ride_id'", "also there: id",
           table=lambda: rides().rename(columns={"ride_id": "id"})),
    on_try("column-missing", "in-the-warehouse", "'fare'", settings=HERE,
           spec=ride_spec(sources=ride_source(**WAREHOUSE, table="rides", types={"fare": "number"}))),
    on_try("column-missing", "features", "'fare'", spec=ride_spec(features=["km", "fare"])),
    on_try("column-missing", "rate-by", "'borough'", spec=ride_spec(candidates=[{"rule": {"rate_by": "borough"}}])),
    on_try("column-missing", "contract", "'fare'",
           spec=expecting("expect_column_values_to_not_be_null", column="fare")),
    on_try("column-missing", "join", "'borough'", "zones", spec=zoned_spec(on="borough")),
    on_try("column-missing", "split", "'date'", spec=ride_spec(split={"column": "date"})),
    on_try("column-type", "integer-on-text", "'zone'", "is integer", "text now",
           spec=ride_spec(sources=ride_source(types={"zone": "integer"}))),
    on_try("column-type", "partition-is-text", "'day'", "text",
           table=lambda: rides().assign(day="in spring")),
    on_try("column-type", "two-types-in-sqlite", "'far'", settings=HERE, spec=ride_spec(sources=ride_source(
        **WAREHOUSE, query="select *, case when km > 9 then 'far' else km end as far from rides"))),
    on_try("source-empty", "header-only", "rides.csv", "no rows", table=lambda: rides().head(0)),
    on_try("source-empty", "all-after-until", "to 2023-12-31",
           spec=ride_spec(split={"validation": "20d", "test": "30d", "until": date(2023, 12, 31)})),
    on_try("keys-duplicate", "five", "5 rows", "ride_id=r000000",
           table=lambda: pd.concat([rides(), rides().head(5)])),
    on_try("keys-null", "three", "'ride_id'", "3 rows",
           table=lambda: rides().assign(ride_id=lambda rows: rows["ride_id"].where(rows.index > 2))),
    # joins and the contract
    on_try("join-fan-out", "zone-twice", "zones", "such as A", spec=zoned_spec(),
           texts={"zones.csv": "zone,centre\nA,1\nA,2\nB,3\nC,4\nD,5\n"}),
    on_try("join-fan-out", "one-to-one", "rides", "one_to_one", spec=zoned_spec(cardinality="one_to_one")),
    on_try("join-orphans", "half-the-zones", "zones", "limit 10.0%", spec=zoned_spec(max_orphans="10%"),
           texts={"zones.csv": "zone,centre\nA,1\nB,3\n"}),
    on_try("join-types", "text-and-fractions", "rides.zone", "zones.zone", spec=zoned_spec(),
           texts={"zones.csv": "zone,centre\n1.5,1\n2.5,3\n"}),
    on_try("join-columns", "both-have-it", "'km'", spec=zoned_spec(),
           texts={"zones.csv": "zone,km\nA,1\nB,2\nC,3\nD,4\n"}),
    on_try("expectation-failed", "stop", "km", "max_value=9", "of 2,400 rows fail",
           spec=expecting("expect_column_values_to_be_between", column="km", max_value=9)),
    on_try("expectation-failed", "row-count", "min_value=5000",
           spec=expecting("expect_table_row_count_to_be_between", min_value=5000)),
    on_try("budget-exceeded", "half-a-zone", "budget 1.00%", "zone",
           spec=expecting("expect_column_values_to_not_be_in_set", column="zone", value_set=["A"],
                          on_fail="quarantine")),
    on_try("expectation-type", "text-between-numbers", "zone",
           spec=expecting("expect_column_values_to_be_between", column="zone", max_value=9)),
    # target and split
    on_try("target-missing", "column", "'tip'", spec=ride_spec(target="tip")),
    on_try("target-not-binary", "zones", "4 values",
           spec=ride_spec(target="zone", task="binary", candidates=[NEITHER[0]])),
    on_try("target-not-numeric", "zones", "'zone'", "such as", spec=ride_spec(
        target="zone", task="regression", gate={}, candidates=[{"model": "ridge"}])),
    on_try("target-many-classes", "an-id", "2,400 classes in 2,400 rows",
           table=lambda: rides().assign(receipt=lambda rows: "n" + rows["ride_id"]), spec=ride_spec(target="receipt")),
    on_try("task-mismatch", "numbers-for-classes", "ridge predicts numbers", exit=2,
           spec=ride_spec(candidates=[{"model": "ridge"}])),
    on_try("task-mismatch", "imported", "Lasso cannot predict a binary target", exit=2,
           spec=ride_spec(candidates=[{"model": "sklearn.linear_model.Lasso"}])),
    on_try("weight-invalid", "negative", "'km'", "2,400 rows", table=lambda: rides().assign(km=-1.0),
           spec=ride_spec(weight="km")),
    on_try("weight-invalid", "text", "'zone'", spec=ride_spec(weight="zone", candidates=[NEITHER[0]])),
    on_try("leak-found", "a-copy", "'copy' alone predicts the target",
           table=lambda: rides().assign(copy=lambda rows: rows["tipped"] == "yes")),
    on_try("name-reserved", "of-the-rule", "'rule__x'", exit=2, table=lambda: rides().assign(rule__x=1.0)),
    on_try("name-reserved", "numbered-rows", "'row_number'", spec=ride_spec(sources=ride_source(key=None)),
           table=lambda: rides().assign(row_number=1)),
    on_try("columns-conflict", "calendar", "'at_year'", exit=2,
           table=lambda: rides().assign(at=lambda rows: rows["day"], at_year=2024)),
    on_try("columns-conflict", "key-and-published", "'probability'", exit=2,
           spec=ride_spec(sources=ride_source(key="probability")),
           table=lambda: rides().rename(columns={"ride_id": "probability"})),
    on_try("target-one-class", "all-tipped", "'tipped'", table=lambda: rides().assign(tipped="yes")),
    on_try("target-one-class", "in-the-test-part", "test part",
           table=lambda: rides().assign(
               tipped=lambda rows: rows["tipped"].mask(rows["day"] >= "2024-03-30", "no"))),
    on_try("value-invalid", "positive", "positive", "'maybe'", exit=2, spec=ride_spec(positive="maybe")),
    on_try("split-empty", "longer-than-the-data", "train", spec=ride_spec(split={"test": "200d"})),
    on_try("column-missing", "group", "'guest'", spec=ride_spec(split={"by": "group", "column": "guest"})),
    on_try("column-missing", "slices", "slices", "'guest'", spec=ride_spec(slices=["guest"])),
    on_try("split-column", "text", "'zone'", spec=ride_spec(split={"column": "zone"})),
    # the project's functions
    on_try("code-invalid", "import", "features.py", "ModuleNotFoundError", exit=2, spec=built(),
           python={"features": "import nosuchlibrary\n\ndef build(rows): return rows\n"}),
    on_try("function-failed", "raises", "features:build (line 5)", "ValueError: too far", spec=built(),
           python=made_of("raise ValueError('too far')")),
    on_try("function-result", "series", "features:build", "Series", spec=built(), python=made_of("return rows['km']")),
    on_try("function-result", "target", "features:build", "2,400 rows", spec=ride_spec(target="features:build"),
           python=made_of("return [1, 0]")),
    on_try("features-rows", "dropped", "features:build", spec=built(), python=made_of("return rows[rows['km'] > 3]")),
    on_try("features-rows", "prepare-sorts", "features:prepare", spec=ride_spec(prepare="features:prepare"),
           python={"features": "def prepare(rows, history):\n"
                   "    return rows.sort_values('km').reset_index(drop=True)\n"}),
    on_try("features-not-row-wise", "shift", "features:build", "'km'", spec=built(),
           python=made_of("return rows[['km']].shift(1)")),
    on_try("features-not-row-wise", "rank", "features:build", "'km'", spec=built(),
           python=made_of("return rows[['km']].rank(pct=True)")),
    on_try("features-not-row-wise", "mean", "features:build", "'km'", spec=built(),
           python=made_of("return rows[['km']] - rows[['km']].mean()")),
    on_try("features-not-row-wise", "one-hot", "features:build", spec=built(),
           python=made_of("return pd.get_dummies(rows[['zone']])")),
    on_try("features-forbidden", "target-renamed-back", "'tipped' is the target", exit=2, spec=built(),
           python=made_of("return rows[['km']].assign(tipped=1)")),
    on_try("features-none", "key-only", spec=built(), python=made_of("return rows[[]]")),
    on_try("features-type", "complex", "'km'", spec=built(), python=made_of("return rows[['km']] * 1j")),
    on_try("features-kind", "outliers-of-a-category", "'zone' is a category, to which `outliers` does nothing", exit=2,
           spec=ride_spec(preprocessing={"columns": {"zone": {"outliers": "clip"}}})),
    on_try("features-kind", "text-as-number", "'zone'", exit=2,
           spec=ride_spec(preprocessing={"columns": {"zone": {"kind": "number"}}})),
    on_try("name-undeclared", "preprocessing", "'borough' is no feature", exit=2,
           spec=ride_spec(preprocessing={"columns": {"borough": {"encode": "target"}}})),
    on_try("rule-range", "percent", "features:build", spec=ride_spec(candidates=[{"rule": "features:build"}]),
           python=made_of("return np.full(len(rows), 50.0)")),
    on_try("fit-failed", "parameter", "logistic", exit=2, spec=ride_spec(candidates=[*NEITHER])),
    on_try("fit-failed", "unknown-in-space", "'CC' is no parameter of logistic (did you mean 'C'?)", exit=2,
           spec=ride_spec(candidates=[{"model": "logistic", "search": {
               "trials": 2, "space": {"CC": {"low": 0.1, "high": 1.0}}}}])),
    on_try("probabilities-missing", "svc", "sklearn.svm.LinearSVC gives no probabilities", exit=2,
           spec=ride_spec(candidates=[{"model": "sklearn.svm.LinearSVC"}])),
    on_try("task-mismatch", "log-of-classes", "the logarithm is of a number, and the task is binary", exit=2,
           spec=ride_spec(preprocessing={"target": "log"})),
    on_try("fit-failed", "unknown-parameter", "logistic", "depth", exit=2,
           spec=ride_spec(candidates=[{"model": "logistic", "params": {"depth": 3}}])),
    on_try("fit-failed", "no-numbers", "candidate half: what it predicts is no number in ", exit=2,
           spec=ride_spec(candidates=[{"model": "own:Half"}]),
           python={"own": "import numpy as np\nfrom sklearn.base import BaseEstimator, ClassifierMixin\n\n\n"
                   "class Half(ClassifierMixin, BaseEstimator):\n"
                   "    def fit(self, rows, target):\n        self.classes_ = np.unique(target)\n        return self\n"
                   "    def predict_proba(self, rows):\n        return np.full((len(rows), 2), np.nan)\n"
                   "    def predict(self, rows):\n        return np.zeros(len(rows), int)\n"}),
    on_try("model-unknown", "path", "sklearn.linear_model.Logit", exit=2,
           spec=ride_spec(candidates=[{"model": "sklearn.linear_model.Logit"}])),
    on_try("types-not-allowed", "neighbours", "KNeighborsClassifier", "KDTree", "allowed: ", exit=2,
           spec=ride_spec(candidates=[{"model": "sklearn.neighbors.KNeighborsClassifier"}])),
    on_try("probabilities-missing", "support-vectors", "linearsvc", exit=2,
           spec=ride_spec(candidates=[{"model": "sklearn.svm.LinearSVC"}])),
    on_try("weights-unsupported", "discriminant", "LinearDiscriminantAnalysis", exit=2, spec=ride_spec(
        weight="rain", candidates=[{"model": "sklearn.discriminant_analysis.LinearDiscriminantAnalysis"}])),
    on_try("value-invalid", "weight-of-no-class", "class_weight", "'maybe'", exit=2,
           spec=ride_spec(candidates=[{"model": "logistic", "class_weight": {"maybe": 2}}])),
    on_try("metric-failed", "deviance", "neg_mean_gamma_deviance", exit=2,
           spec=ride_spec(metrics=["neg_mean_gamma_deviance"])),
]
# fmt: on


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_line_and_changes_nothing(
    mistake: Mistake, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mistake.write(workspace)
    before = everything(workspace)
    assert_refused(mistake, workspace, monkeypatch)
    assert everything(workspace) == before


def on_score(code: str, hint: str, *says: str, exit: int = 3, partition: str = "2024-04-28", **rest: Any) -> Any:
    command = ("score", "rides", *(["--partition", partition] if partition else []))
    return on_check(code, hint, *says, exit=exit, command=command, **rest)


def without_last_days(days: int) -> pd.DataFrame:
    return rides().head(2400 - days * 20)


GOOD = built(contract={"expectations": [{"type": "expect_column_values_to_be_between", "column": "km", "min_value": 0,
                                         "on_fail": "quarantine"}]})  # fmt: skip
GOOD_PYTHON = made_of("return rows[['km', 'zone']].assign(wet=rows['rain'] * 2)")
# fmt: off
AT_NIGHT = [
    on_score("partition-invalid", "words", "'tonight'", exit=2, partition="tonight"),
    on_score("partition-invalid", "no-such-date", "'2024-02-30'", exit=2, partition="2024-02-30"),
    on_score("partition-invalid", "other-way-to-write-it", "'20240428'", exit=2, partition="20240428"),
    on_score("partition-absent", "not-loaded", "2024-04-28", table=lambda: without_last_days(2)),
    on_score("keys-duplicate", "one-day", "2024-04-28", "rides.csv",
             table=lambda: pd.concat([rides(), rides().query("day == '2024-04-28'").head(1)])),
    on_score("budget-exceeded", "one-day", "2024-04-28", "km", table=lambda: rides().assign(km=-1.0)),
    on_score("budget-exceeded", "every-due-day", "2024-04-27, 2024-04-28, 2024-04-29: ", partition="",
             table=lambda: rides().assign(km=-1.0)),
    on_score("column-missing", "dropped-at-the-source", "'ride_id'",
             table=lambda: rides().drop(columns="ride_id")),
    on_score("column-missing", "feature-column-gone", "2024-04-28", "source rides (rides.csv)", "'rain'",
             table=lambda: rides().drop(columns="rain")),
    on_score("source-not-ready", "20-rows", "2024-04-28", "20 rows", "500",
             spec=GOOD | {"score": {"ready": {"min_rows": 500}}}),
    on_score("code-differs", "edited", "features.py", exit=2, python=made_of("return rows[['km', 'zone', 'rain']]"),
             settings={"TIERRA_RUN_REGISTERED_CODE": "false"}),
]
# fmt: on


@pytest.mark.parametrize("mistake", AT_NIGHT)
def test_a_bad_night_publishes_nothing_and_says_why(
    mistake: Mistake, trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store may gain snapshots, quarantined rows and memos before the run refuses; nothing else may move."""
    monkeypatch.setattr("tasks.scoring.find_work.task.retry_delay_seconds", [0.1, 0.1, 0.1])
    monkeypatch.setattr("tasks.run.station.DELAYS", (0.1, 0.1, 0.1))
    replace(mistake, spec=mistake.spec or GOOD, python=mistake.python or GOOD_PYTHON).write(trained)
    before, models = everything(trained), registered(trained)
    assert_refused(mistake, trained, monkeypatch)
    after = everything(trained)
    added = {name for name in after if name not in before}
    assert {name: after.get(name) for name in before} == before
    assert not [
        name
        for name in added
        if not name.startswith(("var/store/", "var/mlflow-artifacts/", "var/predictions/rides/inventories/"))
    ]
    assert registered(trained) == models


def test_nothing_is_scored_before_the_first_champion(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, prefect_server: str
) -> None:
    link_application(workspace)
    (workspace / "var" / "mlflow.db").unlink()
    mistake = Mistake("no-champion", ("rides",), 4, ("score", "rides"))
    mistake.write(workspace)
    assert_refused(mistake, workspace, monkeypatch)
    assert not (workspace / "var" / "predictions").exists()
    assert not (workspace / "var" / "mlflow.db").exists()


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, prefect_server: str) -> Path:
    """A workspace with a champion for GOOD rides; its flows are the checkout's, without the checkout's .env."""
    folder = tmp_path_factory.mktemp("trained")
    link_application(folder)
    good = Mistake("", (), 0, ("train", "rides"), spec=GOOD, python=GOOD_PYTHON)
    good.write(folder)
    with pytest.MonkeyPatch.context() as patch:
        assert run(good, folder, patch).exit_code == 0
    return folder


def run(mistake: Mistake, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(folder)
    places = {"TIERRA_HOME": str(folder / "var"), "TIERRA_PROJECTS": str(folder / "projects"), "TIERRA_CLOCK": CLOCK}
    for name, value in {**places, **mistake.settings}.items():
        monkeypatch.setenv(name, value.format(folder=folder))
    monkeypatch.setattr("tierra.logs._ready_for", [])  # each run has a standard error of its own
    return CliRunner().invoke(app, list(mistake.command))


def assert_refused(mistake: Mistake, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = run(mistake, folder, monkeypatch)
    assert result.exit_code == mistake.exit, result.output
    lines = [line for line in result.stderr.splitlines() if line.startswith("error")]
    assert len(lines) == 1, result.output
    assert lines[0].endswith(f"[{mistake.code}]")
    for said in mistake.says:
        assert said in lines[0]
    for never in ("Traceback", SECRET):
        assert never not in result.output


def everything(folder: Path) -> dict[str, str]:
    """Digest of every file but logs, receipts and the registry's database, which every run may write to."""
    passed_over = ("var/logs/", "var/receipts/", "var/mlflow.db")
    names = {file.relative_to(folder).as_posix(): file for file in folder.rglob("*") if file.is_file()}
    return {
        name: hashlib.sha256(file.read_bytes()).hexdigest()
        for name, file in names.items()
        if not name.startswith(passed_over)
    }


def registered(folder: Path) -> list[tuple[Any, ...]]:
    """Every registered version and what each alias names."""
    with sqlite3.connect(folder / "var" / "mlflow.db") as database:
        versions = database.execute("select name, version, current_stage from model_versions").fetchall()
        return [*versions, *database.execute("select * from registered_model_aliases").fetchall()]
