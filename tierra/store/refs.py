"""References: how tables and models travel between stations."""

from pydantic import BaseModel, ConfigDict


class ObjectRef(BaseModel):
    """An object's name in the store, and the digest of its bytes."""

    model_config = ConfigDict(frozen=True)

    name: str
    sha256: str


class TableRef(ObjectRef):
    """A table's name in the store, digest, rows, and column types by name."""

    rows: int
    columns: dict[str, str]

    def __hash__(self) -> int:
        return hash(self.sha256)


class RowsScored(BaseModel):
    """The joined rows that predictions were made of, and the history that `prepare` looked at."""

    model_config = ConfigDict(frozen=True)

    rows: TableRef
    history: TableRef | None = None
