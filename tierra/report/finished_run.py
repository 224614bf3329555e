"""A run that is over, as its page sees it."""

from dataclasses import dataclass
from typing import Final

from tierra.journal import Journal
from tierra.outcomes.outcome import Outcome

# How a run's message names what kept it from leaving a receipt.
NO_RECEIPT: Final = "no receipt could be written"


@dataclass(frozen=True)
class FinishedRun:
    """Which flow ran for which project (as named in the request), what was noted on the way, and the outcome."""

    project: str
    flow: str
    journal: Journal
    outcome: Outcome
