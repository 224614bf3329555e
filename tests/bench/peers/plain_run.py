"""The eight steps in one plain script: data folder, scratch folder."""

import sys

from tests.bench.peers.steps import add_features, evaluate, fit, join, read_flights, read_weather, save, validate

flights, weather = read_flights(sys.argv[1]), read_weather(sys.argv[1])
table = add_features(join(validate(flights), weather))
model = fit(table)
save(model, evaluate(model, table))
