"""The eight steps as a Dagster job in one process, its tables in memory."""

import sys

from dagster import DagsterInstance, job, mem_io_manager, op

from tests.bench.peers import steps


@op
def read_flights():
    return steps.read_flights(sys.argv[1])


@op
def read_weather():
    return steps.read_weather(sys.argv[1])


@op
def validate(flights):
    return steps.validate(flights)


@op
def join(flights, weather):
    return steps.join(flights, weather)


@op
def add_features(joined):
    return steps.add_features(joined)


@op
def fit(table):
    return steps.fit(table)


@op
def evaluate(model, table):
    return steps.evaluate(model, table)


@op
def save(model, score):
    return steps.save(model, score)


@job(resource_defs={"io_manager": mem_io_manager})
def eight_steps():
    table = add_features(join(validate(read_flights()), read_weather()))
    model = fit(table)
    save(model, evaluate(model, table))


# With an instance on disk, as a run that can be looked up afterwards has.
assert eight_steps.execute_in_process(instance=DagsterInstance.get()).success
