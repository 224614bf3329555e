"""The keys of a project file, composed of the specs of data, model, store and schedule."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from tierra.data.spec import Contract, Effort, Join, Source, Split
from tierra.model.balance_spec import Balances
from tierra.model.card_spec import Card
from tierra.model.decision_spec import Decision
from tierra.model.growing_spec import Complexity
from tierra.model.leaks.finding import Leaks
from tierra.model.preprocessing_spec import Preprocessing
from tierra.model.spec import Candidate, Gate, Metric, Rule
from tierra.model.variant_spec import Optimise
from tierra.project.schedule import Schedule
from tierra.spec import Column, Columns, FunctionName, Name, Spec, Task
from tierra.store.spec import Keep, Score


def _source_or_sources(schema: dict[str, Any]) -> None:
    schema["required"].remove("sources")
    schema["anyOf"] = [{"required": ["sources"]}, {"required": ["source"]}]


class ProjectFile(Spec):
    """A use case: its data, its target, its model, and when it runs."""

    # Tells editors that one of the two is needed; the validators check it.
    model_config = ConfigDict(json_schema_extra=_source_or_sources)

    format: Literal[1] = Field(1, description="The version of this format; there is one")
    name: Name = Field(alias="project", description="Name of the project, of its registered model and its receipts")
    card: Card = Field(Card(), description="What the model is for")
    source: str | None = Field(None, description="Path of a CSV or Parquet file: short for one source of that name")
    sources: dict[Name, Source] = Field(min_length=1, description="Tables by name; the first holds the rows to score")
    joins: Annotated[tuple[Join, ...], BeforeValidator(tuple)] = Field(
        (), description="How other tables are joined to the first"
    )
    contract: Contract = Field(Contract(), description="What the data must satisfy")
    leaks: Leaks = Field(Leaks(), description="Leaks that were found and may stay, each with a reason")
    prepare: FunctionName | None = Field(None, description="Function of a partition's rows and its history")
    features: FunctionName | Columns | None = Field(
        None, description="Function of the rows, or a list of columns; every usable column when not stated"
    )
    target: Column = Field(description="A column, or a function of the rows as file:name")
    task: Task | None = Field(None, description="What is predicted; inferred from the target's values when not stated")
    positive: str | int | bool | None = Field(None, description="The value of a binary target to predict")
    weight: Column | None = Field(None, description="A column of row weights, or a function of the rows as file:name")
    split: Split = Field(Split(), description="Training, validation and test")
    preprocessing: Preprocessing = Field(Preprocessing(), description="How features become numbers")
    balance: Balances = Field(
        (), description="Ways to balance what each model learns from: each is tried, and taken where it is shown to pay"
    )
    candidates: Annotated[tuple[Candidate, ...], BeforeValidator(tuple), Field(min_length=1)] | None = Field(
        None, description="Models to fit; by the task when not stated"
    )
    effort: Effort = Field(
        "normal", description="`quick`: one validation part; `normal`, `high`: folds of all rows that are not test"
    )
    refit: Literal["none", "all"] = Field(
        "none", description="`all`: what passed the gate is fitted once more, on the test rows too, and serves so"
    )
    complexity: Complexity | None = Field(
        None, description="When costlier candidates are not tried any more; all are tried when not stated"
    )
    metrics: Annotated[tuple[Metric, ...], BeforeValidator(tuple)] = Field(
        (),
        description="More metrics: `poisson_deviance` of counts, `pinball_90` of a quantile, scorers of scikit-learn",
    )
    slices: Columns = Field((), description="Columns whose values the metric is also reported by")
    gate: Gate = Field(Gate(), description="Margins by which the rule and the champion must be beaten")
    decision: Decision = Field(Decision(), description="How scores become decisions, and what is left to a person")
    optimise: Optimise = Field(Optimise(), description="Smaller variants of the champion: `tierra optimise`")
    score: Score = Field(Score(), description="What is published, and when a day is due")
    keep: Keep = Field(Keep(), description="What is kept, and how long; `tierra gc` removes the rest")
    schedule: Schedule = Field(Schedule(), description="When the deployments run")

    @model_validator(mode="before")
    @classmethod
    def _one_file(cls, data: Any) -> Any:
        """Expand `source: file.csv` to one source with the project's name."""
        if not (isinstance(data, dict) and isinstance(data.get("source"), str)):
            return data
        if "sources" in data:
            raise ValueError("give either `source` or `sources`")
        rest = {name: value for name, value in data.items() if name != "source"}
        return {**rest, "sources": {data.get("project", "rows"): {"kind": "file", "path": data["source"]}}}

    @property
    def main(self) -> str:
        """The name of the first source, whose rows are scored."""
        return next(iter(self.sources))

    @property
    def main_source(self) -> Source:
        """The first source."""
        return self.sources[self.main]

    @property
    def rule(self) -> Rule:
        """The baseline: the one declared, else the base rate."""
        return next((each for each in self.candidates or () if isinstance(each, Rule)), Rule(rule="base_rate"))

    @property
    def measured(self) -> tuple[str, ...]:
        """The metrics that are named beside the task's own, by the file's list and by the card's goals."""
        return tuple(dict.fromkeys((*self.metrics, *(each.metric for each in self.card.goals if each.metric))))

    @property
    def published_more(self) -> tuple[str, ...]:
        """Columns that are published beside those of the task, because the project asks for them."""
        ends = ("prediction_low", "prediction_high") if self.decision.interval else ()
        return (*ends, *(("reasons",) if self.score.reasons else ()))

    @property
    def target_column(self) -> str:
        """The target's name in the feature table."""
        return self.target.partition(":")[2] or self.target
