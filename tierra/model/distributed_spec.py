"""One large model in a project file: in how many parts of its rows it is trained at once."""

from pydantic import Field

from tierra.spec import Spec


class Distributed(Spec):
    """Training on parts of the rows at once, each a task of Ray; without Ray all rows are one part, here."""

    parts: int = Field(2, ge=2, le=1000, description="Parts that the rows are cut into, a processor of Ray for each")
    save_every: int = Field(25, ge=1, le=100_000, description="Rounds after which the model is kept, to go on from")
