"""Ensembles in a project file: candidates that combine what others predict."""

from typing import Annotated

from pydantic import Field

from tierra.spec import Name, SomeColumns, Spec

Members = Annotated[SomeColumns, Field(min_length=2)]


class Average(Spec):
    """The plain mean of what other candidates predict."""

    average: Members = Field(description="Names of the candidates")
    name: Name = Field("average", description="Name of the candidate")

    @property
    def members(self) -> tuple[str, ...]:
        """The names of the candidates that it combines."""
        return self.average


class Selection(Spec):
    """The weighted mean of other candidates whose weights are best on rows that they were not fitted on."""

    selection: Members = Field(description="Names of the candidates; those that add nothing get no weight")
    name: Name = Field("selection", description="Name of the candidate")

    @property
    def members(self) -> tuple[str, ...]:
        """The names of the candidates that it chooses from."""
        return self.selection


class Stack(Spec):
    """A linear model of what other candidates predict, fitted on rows that they were not fitted on."""

    stack: Members = Field(description="Names of the candidates")
    name: Name = Field("stack", description="Name of the candidate")

    @property
    def members(self) -> tuple[str, ...]:
        """The names of the candidates that it combines."""
        return self.stack


Ensemble = Average | Selection | Stack
