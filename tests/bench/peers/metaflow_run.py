"""The eight steps as a Metaflow flow; it keeps every table of every step on disk."""

import os

from metaflow import FlowSpec, step

from tests.bench.peers import steps


class EightSteps(FlowSpec):
    """Each step in a process of its own, as Metaflow runs them."""

    @step
    def start(self):
        self.flights = steps.read_flights(os.environ["BENCH_DATA"])
        self.next(self.weather)

    @step
    def weather(self):
        self.hours = steps.read_weather(os.environ["BENCH_DATA"])
        self.next(self.validate)

    @step
    def validate(self):
        self.clean = steps.validate(self.flights)
        self.next(self.join)

    @step
    def join(self):
        self.joined = steps.join(self.clean, self.hours)
        self.next(self.add_features)

    @step
    def add_features(self):
        self.table = steps.add_features(self.joined)
        self.next(self.fit)

    @step
    def fit(self):
        self.model = steps.fit(self.table)
        self.next(self.evaluate)

    @step
    def evaluate(self):
        self.score = steps.evaluate(self.model, self.table)
        self.next(self.end)

    @step
    def end(self):
        assert self.score > 0.6
        print(f'{{"roc_auc": {self.score}}}')


if __name__ == "__main__":
    EightSteps()
