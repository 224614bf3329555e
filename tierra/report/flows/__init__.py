"""The reports of the flows: one module a flow, named as the flow is."""

from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Protocol, cast

from rich.console import RenderableType

from tierra.errors import TierraError
from tierra.outcomes.outcome import Outcome
from tierra.report.finished_run import FinishedRun
from tierra.report.sections import Section


class FlowReport(Protocol):
    """What a flow's module says of its outcomes; `plain` says nothing, for flows that have no module."""

    def sections(self, run: FinishedRun) -> Iterator[Section]:
        """The parts of the receipt that only this flow has."""

    def summary(self, run: FinishedRun) -> Mapping[str, Any]:
        """What its summary in the Prefect UI shows: `table`, and lines below it."""

    def counts(self, run: FinishedRun) -> Mapping[str, Any]:
        """Rows, rows quarantined and what is missing, for the list of runs and the status: fields of its record."""

    def digests(self, outcome: Any) -> Mapping[str, str]:
        """Digests that the outcome names."""

    def in_terminal(self, outcome: Any) -> Sequence[RenderableType]:
        """What `tierra` prints at the end."""


def report_of(flow: str, outcome: Outcome) -> FlowReport:
    """The report of a flow; the plain one where the run failed before it had an outcome of its own."""
    name = f"{__name__}.{flow}"
    own = not isinstance(outcome, TierraError) and flow.isidentifier() and find_spec(name)
    return cast(FlowReport, import_module(name if own else f"{__name__}.plain"))
