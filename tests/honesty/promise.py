"""A promise about chance: an event that happens in at most, or at least, a stated share of rounds."""

from dataclasses import dataclass
from typing import Literal

from scipy.stats import binom

LEVEL = 0.99


@dataclass(frozen=True)
class Promise:
    """How often something happened in rounds that differ by their seed, and how often it may.

    A product whose true rate is exactly `rate` is found wrong by chance in at most 1 of 100 suites: the
    limit is the one-sided 99 % quantile of the binomial distribution.
    """

    name: str
    happened: int
    rounds: int
    rate: float
    at: Literal["most", "least"] = "most"
    note: str = ""

    @property
    def limit(self) -> int:
        """The count that may not be exceeded, or must be reached."""
        share = LEVEL if self.at == "most" else 1 - LEVEL
        return int(binom.ppf(share, self.rounds, self.rate))

    @property
    def is_kept(self) -> bool:
        """Whether the count is within its limit."""
        return self.happened <= self.limit if self.at == "most" else self.happened >= self.limit
