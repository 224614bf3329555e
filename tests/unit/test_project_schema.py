"""The schema that editors use: it takes what the product takes, and refuses typical mistakes."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator, FormatChecker

from scripts.project_schema import make_schema
from tests.builders import ride_source, ride_spec, write_project, zoned_spec
from tests.conftest import ROOT
from tierra.errors import Misconfigured
from tierra.project.project import load_project
from tierra.project.yaml_file import read_yaml

VALIDATOR = Draft7Validator(make_schema(), format_checker=FormatChecker())
PROJECTS = sorted((ROOT / "projects").glob("*/project.yaml"))
SQL = {"kind": "sql", "connection": "warehouse", "path": None}


def faults(said: Any) -> list[str]:
    """What an editor marks; it knows no dates, so they are text to it."""
    text = json.loads(json.dumps(_with_text_keys(said), default=lambda value: value.isoformat()))
    return [f"{error.json_path}: {error.message}" for error in VALIDATOR.iter_errors(text)]


def _with_text_keys(said: Any) -> Any:
    if isinstance(said, dict):
        return {str(name): _with_text_keys(each) for name, each in said.items()}
    return [_with_text_keys(each) for each in said] if isinstance(said, list) else said


def expecting(**each: Any) -> dict[str, Any]:
    return ride_spec(contract={"expectations": [each]})


def test_the_schema_is_one() -> None:
    Draft7Validator.check_schema(make_schema())
    assert len(make_schema()["$defs"]) > 10


@pytest.mark.parametrize("file", PROJECTS, ids=lambda file: file.parent.name)
def test_every_project_here_is_valid_and_names_the_schema(file: Path) -> None:
    assert faults(read_yaml(file)[0]) == []
    head, _, place = file.read_text().splitlines()[0].partition("$schema=")
    assert head == "# yaml-language-server: "
    assert (file.parent / place).resolve() == ROOT / "docs" / "project.schema.json"


@pytest.mark.parametrize(
    "spec",
    [
        ride_spec(),
        ride_spec(format=1, positive=True, prepare="features:prepare", features="features:build", target="features:y"),
        ride_spec(positive="yes", features=["km", "rain"], prepare=None),
        ride_spec(positive=1),
        ride_spec(sources=ride_source(key=["ride_id", "day"], columns=["ride_id", "day", "km"], history="4w")),
        ride_spec(sources=ride_source(known_later="km", types={"rain": "number", "day": "date"}, history="28d")),
        ride_spec(sources=ride_source(**SQL, table="main.rides")),
        ride_spec(sources=ride_source(**SQL, query="select * from rides")),
        zoned_spec(max_orphans="12.5%", prefix="zone_", cardinality="one_to_one"),
        zoned_spec(max_orphans=0.2, on=["zone"]),
        zoned_spec(max_orphans="100%"),
        zoned_spec(max_orphans=1),
        expecting(type="expect_column_values_to_be_between", column="km", min_value=0, max_value=9, on_fail="warn"),
        expecting(type="expect_table_row_count_to_be_between", table="rides", min_value=1),
        ride_spec(contract={"quarantine_budget": "0%"}),
        ride_spec(split={"column": "day", "validation": date(2024, 3, 1), "test": date(2024, 4, 1)}),
        ride_spec(split={"by": "time", "column": "day", "test": "2 w", "until": date(2024, 4, 20)}),
        ride_spec(candidates=[{"rule": "base_rate"}, {"model": "logistic", "params": {"C": 0.1}}]),
        ride_spec(candidates=[{"rule": "features:guess"}, {"model": "logistic"}, {"model": "hist_gradient_boosting"},
                              {"average": ["logistic", "hist_gradient_boosting"]}]),
        ride_spec(candidates=[{"rule": {"rate_by": "zone"}}]),
        ride_spec(card={"goal": "Tips", "cost": {"false_alarm": 1, "missed": 2.5}}),
        ride_spec(gate={"metric": "roc_auc", "beat_rule_by": 0, "beat_champion_by": 0.01}),
        ride_spec(score={"sink": {"kind": "files", "uri": "out", "dataset": "tips"}, "watch": "9w", "horizon": "1d",
                         "ready": {"min_rows": 5}, "columns": ["probability"]}),
        ride_spec(score={"skip": {date(2024, 12, 25): "no service", date(2024, 12, 26): "a strike"},
                         "fresh_within": "36h"}),
        ride_spec(schedule={"timezone": "Europe/Madrid", "score": "0 3 * * *", "train": None}),
    ],
)  # fmt: skip
def test_what_the_product_reads_is_valid(spec: dict[str, Any], tmp_path: Path) -> None:
    load_project(str(write_project(tmp_path / "rides", spec)))
    assert faults(spec) == []


@pytest.mark.parametrize(
    ("spec", "marks"),
    [
        (ride_spec(taget="tipped"), "'taget' was unexpected"),
        (ride_spec(target=None), "'target' is a required property"),
        (ride_spec(sources={}), "$.sources"),
        (ride_spec(sources={"Rides of taxis": ride_source()["rides"]}), "$.sources"),
        (ride_spec(sources=ride_source(keys="ride_id")), "$.sources.rides"),
        (ride_spec(sources=ride_source(kind="api")), "$.sources.rides"),
        (ride_spec(sources=ride_source(types={"km": "float"})), "$.sources.rides"),
        (ride_spec(sources=ride_source(history=7)), "$.sources.rides"),
        (zoned_spec(cardinality="many_to_many"), "$.joins[0].cardinality"),
        (zoned_spec(max_orphans="120%"), "$.joins[0].max_orphans"),
        (expecting(type="expect_column_values_to_be_betwen"), "$.contract.expectations[0].type"),
        (expecting(type="expect_column_values_to_be_null", on_fail="drop"), "$.contract.expectations[0].on_fail"),
        (ride_spec(contract={"quarantine_budget": True}), "$.contract.quarantine_budget"),
        (ride_spec(score={"lookback": "a week"}), "$.score.lookback"),
        (ride_spec(score={"lookback": 7}), "$.score.lookback"),
        (ride_spec(score={"ready": {"min_rows": 0}}), "$.score.ready.min_rows"),
        (ride_spec(score={"columns": ["odds"]}), "$.score.columns[0]"),
        (ride_spec(score={"skip": {"Christmas": "no service"}}), "$.score.skip"),
        (ride_spec(score={"skip": {date(2024, 12, 25): ""}}), "$.score.skip"),
        (ride_spec(score={"fresh_within": "36 hours"}), "$.score.fresh_within"),
        (ride_spec(split={"column": "day", "test": "June"}), "$.split.test"),
        (ride_spec(prepare="prepare"), "$.prepare"),
        (ride_spec(candidates=[]), "$.candidates"),
        (ride_spec(candidates=[{"estimator": "logistic"}]), "$.candidates[0]"),
        (ride_spec(candidates=[{"rule": "by hand"}]), "$.candidates[0]"),
        (ride_spec(candidates=[{"average": ["logistic"]}]), "$.candidates[0]"),
        (ride_spec(candidates=[{"rule": {"rate_by": []}}]), "$.candidates[0]"),
        (ride_spec(schedule={"score": "every night"}), "$.schedule.score"),
        (ride_spec(card={"cost": {"false_alarm": 0, "missed": 1}}), "$.card.cost"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_a_typical_mistake_is_marked_where_the_product_refuses_it(
    spec: dict[str, Any], marks: str, tmp_path: Path
) -> None:
    with pytest.raises(Misconfigured):
        load_project(str(write_project(tmp_path / "rides", spec)))
    assert [fault for fault in faults(spec) if marks in fault], faults(spec)


def test_defaults_are_what_a_person_would_write() -> None:
    parts = make_schema()["$defs"]
    assert parts["Score"]["properties"]["lookback"]["default"] == "7d"
    stated = {name: key["default"] for name, key in parts["Score"]["properties"].items() if "default" in key}
    assert faults(ride_spec(score=stated)) == []
