"""What a replay makes of a partition, compared with what is published."""

from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from tierra.data.row_changes import key_texts, shown_key
from tierra.model.reason_texts import REASONS, say_the_same
from tierra.model.release import Release
from tierra.store.manifest import Manifest

TOLERANCE = 1e-12
SHOWN = 5


class Differing(BaseModel):
    """One number that a replay makes another of."""

    model_config = ConfigDict(frozen=True)

    key: str
    column: str
    published: Any
    replayed: Any


class Replayed(BaseModel):
    """How a partition's published predictions and those of its replay compare."""

    model_config = ConfigDict(frozen=True)

    partition: str
    generation: int
    model_version: str
    rows: int
    differing: int = 0
    largest: float = 0.0
    examples: tuple[Differing, ...] = ()
    libraries: dict[str, tuple[str, str]] = {}

    @property
    def equal(self) -> bool:
        """Whether every number is the published one, to the bit or within 1e-12 of the numbers' size."""
        return not self.differing

    @property
    def sentence(self) -> str:
        """The result in a sentence."""
        if self.equal:
            return f"Replayed from the store: all {self.rows:,} predictions are the published ones."
        each = self.examples[0]
        other = "; ".join(f"{name} was {then} and is {now}" for name, (then, now) in self.libraries.items())
        return (
            f"{self.partition}, generation {self.generation}: {self.differing:,} of {self.rows:,} predictions differ"
            f" when replayed, by up to {self.largest:.3g}, such as {each.column} of {each.key}: published"
            f" {each.published}, replayed {each.replayed} ({other or 'the libraries are those of its training'})"
        )


def compare_predictions(
    manifest: Manifest, release: Release, key: Sequence[str], published: pa.Table, again: pa.Table
) -> Replayed:
    """Compare every prediction that is published with that of the same row in a replay."""
    keys = key_texts(published, key)
    replayed = Replayed(
        partition=manifest.partition, generation=manifest.generation, model_version=manifest.model_version,
        rows=published.num_rows, libraries=_changed_libraries(release),
    )  # fmt: skip
    if not keys.equals(key_texts(again, key)):
        other = _other_keys(published, again)
        return replayed.model_copy(update={"differing": published.num_rows or 1, "examples": (other,)})
    columns = [name for name in again.column_names if name in published.column_names and name not in key]
    found = [(name, *_differences(name, published.column(name), again.column(name))) for name in columns]
    rows = {int(place) for _, places, _ in found for place in places}
    largest = max((size for *_, size in found), default=0.0)
    examples = tuple(_examples(keys, published, again, found))
    return replayed.model_copy(update={"differing": len(rows), "largest": largest, "examples": examples})


def _differences(name: str, published: pa.ChunkedArray, again: pa.ChunkedArray) -> tuple[np.ndarray, float]:
    """The places where two columns differ, and by how much numbers do at most."""
    one, other = published.to_numpy(), again.to_numpy()
    if name == REASONS:
        return np.array([at for at in np.flatnonzero(one != other) if not say_the_same(one[at], other[at])], int), 0.0
    if one.dtype.kind != "f":
        return np.flatnonzero(one != other), 0.0
    size = float(np.nanmax(np.abs(one), initial=0.0))
    far = ~np.isclose(other, one, rtol=TOLERANCE, atol=TOLERANCE * size, equal_nan=True)
    return np.flatnonzero(far), float(np.nanmax(np.abs(one - other), initial=0.0, where=far))


def _examples(
    keys: pa.Array, published: pa.Table, again: pa.Table, found: Sequence[tuple[str, np.ndarray, float]]
) -> Iterator[Differing]:
    for name, places, _ in found:
        for place in map(int, places[:SHOWN]):
            yield Differing(key=shown_key(keys[place].as_py()), column=name,
                            published=published.column(name)[place].as_py(),
                            replayed=again.column(name)[place].as_py())  # fmt: skip


def _other_keys(published: pa.Table, again: pa.Table) -> Differing:
    other = f"{again.num_rows:,} rows of other keys, or in another order"
    return Differing(key="its rows", column="the keys", published=f"{published.num_rows:,} rows", replayed=other)


def _changed_libraries(release: Release) -> dict[str, tuple[str, str]]:
    """The libraries that are another version now than when the model was trained."""
    pairs = {name: (then, _version(name)) for name, then in release.libraries.items()}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
