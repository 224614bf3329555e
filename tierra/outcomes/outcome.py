"""What every end of a run answers.

`Outcome` is the protocol; a TierraError answers it too, so that a run that failed ends in an
outcome like any other.
"""

from collections.abc import Sequence
from typing import Protocol, Self

from pydantic import BaseModel, ConfigDict

from tierra.errors import TierraError

Figures = Sequence[tuple[str, str]]


class Outcome(Protocol):
    """How a run ended."""

    @property
    def name(self) -> str:
        """The state's name, such as Promoted or NothingDue."""

    @property
    def sentence(self) -> str:
        """What happened, in one line."""

    @property
    def figures(self) -> Figures:
        """The numbers that answer first, each with what it is."""

    @property
    def error(self) -> TierraError | None:
        """Why the run failed; None where it ended as it may."""

    @property
    def exit_code(self) -> int:
        """What the command ends with."""

    @property
    def made_a_difference(self) -> bool:
        """Whether what serves, or what is published, is other than before."""

    def with_receipt(self, receipt: str) -> Self:
        """The same, naming the page that tells of it."""


class Ended(BaseModel):
    """An outcome that is a value. Its name and sentence are its own; the rest may stay as it is."""

    model_config = ConfigDict(frozen=True)

    @property
    def name(self) -> str:
        """The state's name: the field `outcome` where there is one, else the class's."""
        return getattr(self, "outcome", type(self).__name__)

    @property
    def sentence(self) -> str:
        """What happened: nothing more than the name says."""
        return self.name

    @property
    def figures(self) -> Figures:
        """No numbers."""
        return ()

    @property
    def error(self) -> TierraError | None:
        """None: it ended as it may."""
        return None

    @property
    def exit_code(self) -> int:
        """0, or the error's."""
        return self.error.exit_code if self.error else 0

    @property
    def made_a_difference(self) -> bool:
        """No."""
        return False

    def with_receipt(self, receipt: str) -> Self:
        """The same, naming the page that tells of it, where it has a field for that."""
        return self.model_copy(update={"receipt": receipt}) if "receipt" in type(self).model_fields else self
