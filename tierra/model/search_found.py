"""What a search tried and found, as small values that a page can show."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

State = Literal["complete", "pruned", "failed"]


class _Kept(BaseModel):
    model_config = ConfigDict(frozen=True)


class TrialDone(_Kept):
    """One set of parameters that was tried; `value` is the metric, better when higher, of the folds it came to."""

    number: int
    params: dict[str, Any]
    state: State
    value: float | None = None
    seconds: float = 0.0
    error: str = ""


class SearchDone(_Kept):
    """What a search found for a candidate. `reused` trials had been finished by a run before."""

    candidate: str
    engine: str
    metric: str
    wanted: int
    params: dict[str, Any]
    value: float
    trials: tuple[TrialDone, ...]
    reused: int = 0
    again: int = 0
    importance: dict[str, float] = {}
    seconds: float = 0.0
    processes: int = 1
    location: str = ""

    @property
    def counts(self) -> dict[str, int]:
        """Trials by how they ended."""
        states = [each.state for each in self.trials]
        return {state: states.count(state) for state in dict.fromkeys(states)}

    @property
    def line(self) -> str:
        """What was tried and found, as one line."""
        ends = ", ".join(f"{count:,} {state}" for state, count in self.counts.items())
        reused = f"{self.reused:,} of them finished by a run before" if self.reused else ""
        again = f"{self.again:,} that had been cut off were tried again" if self.again else ""
        more = "".join(f", {each}" for each in (reused, again) if each)
        left = self.wanted - len(self.trials)
        short = f"; {left:,} are left to the next run" if left > 0 else ""
        return f"{self.candidate}: {len(self.trials):,} trials with {self.engine} ({ends}){more}{short}"
