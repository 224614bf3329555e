"""The eight steps as Tierra's stations on a running Prefect server; tables travel as references into the store."""

import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
from prefect import flow

from tasks.run.station import station
from tests.bench.peers import steps
from tierra.environment import QUIET, set_defaults
from tierra.store.local_objects import LocalObjects
from tierra.store.refs import TableRef
from tierra.store.tables import read_table, write_table

set_defaults(QUIET)
STORE = LocalObjects(Path(sys.argv[2]) / "store")


def kept(frame: pd.DataFrame) -> TableRef:
    table = pa.Table.from_pandas(frame, preserve_index=False)
    return write_table(STORE, "tables/", table.schema, [table])


def read(ref: TableRef) -> pd.DataFrame:
    return read_table(STORE, ref).to_pandas()


@station
def read_flights() -> TableRef:
    return kept(steps.read_flights(sys.argv[1]))


@station
def read_weather() -> TableRef:
    return kept(steps.read_weather(sys.argv[1]))


@station
def validate(flights: TableRef) -> TableRef:
    return kept(steps.validate(read(flights)))


@station
def join(flights: TableRef, weather: TableRef) -> TableRef:
    return kept(steps.join(read(flights), read(weather)))


@station
def add_features(joined: TableRef) -> TableRef:
    return kept(steps.add_features(read(joined)))


@station
def fit(table: TableRef) -> Any:
    return steps.fit(read(table))


@station
def evaluate(model: Any, table: TableRef) -> float:
    return steps.evaluate(model, read(table))


@station
def save(model: Any, score: float) -> float:
    return steps.save(model, score)


@flow
def eight_steps() -> None:
    table = add_features(join(validate(read_flights()), read_weather()))
    model = fit(table)
    save(model, evaluate(model, table))


eight_steps()
