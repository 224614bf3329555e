"""What was found of balancing, as small values that a page can show."""

from typing import Final

from pydantic import BaseModel, ConfigDict

from tierra.model.balance_spec import NONE

LISTED: Final = 20


class _Kept(BaseModel):
    model_config = ConfigDict(frozen=True)


class RowsCounted(_Kept):
    """So many rows of a class, for one reason."""

    reason: str
    of: str
    rows: int


class RowsChanged(_Kept):
    """What one way to balance does with the rows that are learnt from, by class.

    `locations` are where the removed and the added rows are kept, `listed` the first of the removed ones.
    """

    name: str
    before: dict[str, int]
    after: dict[str, int]
    removed: tuple[RowsCounted, ...] = ()
    added: tuple[RowsCounted, ...] = ()
    weights: dict[str, float] = {}
    locations: dict[str, str] = {}
    listed: tuple[dict[str, str], ...] = ()


class WayCompared(_Kept):
    """One way to balance a candidate, beside none; positive differences are better.

    `bounds` hold for all ways of the candidate at once, one-sided 5 %. Log loss is cross-fitted.
    """

    candidate: str
    way: str
    metric: str
    value: float
    interval: tuple[float, float] | None = None
    difference: float | None = None
    bounds: tuple[float, float] | None = None
    loss_before: float | None = None
    loss: float | None = None
    calibration: str = NONE
    chosen: bool = False
    why_not: str = ""

    @property
    def name(self) -> str:
        """The name of the candidate that is balanced so."""
        return self.candidate if self.way == NONE else f"{self.candidate}_{self.way}"

    @property
    def pays(self) -> bool:
        """Whether it is shown to be better than none."""
        return self.bounds is not None and self.bounds[0] > 0


class Balanced(_Kept):
    """Each way to balance each model beside none, and what each way does with the rows."""

    ways: tuple[WayCompared, ...] = ()
    changes: tuple[RowsChanged, ...] = ()

    @property
    def left_out(self) -> frozenset[str]:
        """The names of the candidates that are not chosen among: ways that do not pay, or less than another."""
        return frozenset(each.name for each in self.ways if each.why_not)
