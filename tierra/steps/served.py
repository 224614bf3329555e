"""Which champion scores which days."""

from collections.abc import Sequence
from dataclasses import dataclass

from tierra.data.partitions import Work
from tierra.model.release import Champion


@dataclass(frozen=True)
class Served:
    """A champion, and the days that it scores."""

    champion: Champion
    work: Sequence[Work]
