"""The eight steps as a Kedro pipeline, its tables in memory."""

import sys

from kedro.io import DataCatalog, MemoryDataset
from kedro.pipeline import node, pipeline
from kedro.runner import SequentialRunner

from tests.bench.peers.steps import add_features, evaluate, fit, join, read_flights, read_weather, save, validate

steps = pipeline(
    [
        node(read_flights, "folder", "flights"),
        node(read_weather, "folder", "weather"),
        node(validate, "flights", "clean"),
        node(join, ["clean", "weather"], "joined"),
        node(add_features, "joined", "table"),
        node(fit, "table", "model"),
        node(evaluate, ["model", "table"], "score"),
        node(save, ["model", "score"], "saved"),
    ]
)
SequentialRunner().run(steps, DataCatalog({"folder": MemoryDataset(sys.argv[1])}))
