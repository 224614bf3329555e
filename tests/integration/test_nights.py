"""Nights of the same values in another form are the same nights; nights of other values are scored right or refused.

Projects and tables are drawn (tests/nights.py); each is trained once and scored, and then met in other forms: a CSV,
Parquet, SQLite and PostgreSQL, other orders and widths, other columns beside, gaps and constants in the night's rows.
"""

import os
from collections import Counter
from pathlib import Path
from time import perf_counter

import numpy as np
import pytest
import yaml

from tests.cases import ALL
from tests.direct import score_directly, train_directly
from tests.nights import FORMS, NIGHT, OTHER, SAME, Night, draw, exact
from tierra.errors import TierraError
from tierra.outcomes.scoring import PartitionScored
from tierra.store.predictions import read_manifest, read_published
from tierra.workspace import open_workspace

PROJECTS, NIGHTS = (50, 10) if ALL else (5, 10)
FIRST_SEED = int(os.environ.get("FIRST_SEED", 0))


class Drawn:
    """One project in a folder, trained on one form of its table."""

    def __init__(self, seed: int, projects: Path, url: str) -> None:
        self.random = np.random.default_rng(seed)
        self.night, self.url = draw(seed), url
        self.form = str(self.random.choice(list(FORMS)))
        self.name = str(self.night.spec["project"])
        self.folder = projects / self.name
        self.folder.mkdir(parents=True)

    def train(self) -> None:
        self.write(self.night, self.form)
        train_directly(self.name)

    def write(self, night: Night, form: str) -> None:
        source = FORMS[form](night, self.folder, self.random, self.url)
        source |= {"key": "ride", "partition_by": "day"}
        spec = {**night.spec, "sources": {"rides": source}}
        (self.folder / "project.yaml").write_text(yaml.safe_dump(spec, sort_keys=False))
        for name, code in night.files.items():
            (self.folder / f"{name}.py").write_text(code)

    def score(self) -> PartitionScored:
        return score_directly(self.name, NIGHT.isoformat())[0].partitions[0]

    def published(self) -> dict[str, float]:
        """The probability of each key, as the newest generation has it."""
        sink = open_workspace().sink(open_workspace().project(self.name))
        rows = read_published(sink, NIGHT.isoformat())
        return {
            exact(key): value
            for key, value in zip(rows.column("ride").to_pylist(), rows.column("probability").to_pylist(), strict=True)
        }

    def inputs(self) -> str:
        sink = open_workspace().sink(open_workspace().project(self.name))
        manifest = read_manifest(sink, NIGHT.isoformat())
        assert manifest
        return manifest.inputs

    def keys(self, places: set[int]) -> set[str]:
        return {exact(self.night.columns["ride"].values[place]) for place in places}


def same_values(drawn: Drawn) -> str:
    """A night in another form: nothing to publish."""
    night, said = drawn.night, []
    for change in SAME:
        if drawn.random.random() < 0.5:
            night = change(night, drawn.random)
            said.append(change.__name__)
    form = str(drawn.random.choice(list(FORMS)))
    drawn.write(night, form)
    end = drawn.score()
    assert (end.outcome, end.generation) == ("AlreadyPublished", 1), f"{form}, {said}: {end}"
    return f"the same values, {form}"


def other_values(drawn: Drawn, before: dict[str, float]) -> str:
    """A night of which some rows changed: the others keep their predictions, or the night is refused by name."""
    change = OTHER[int(drawn.random.integers(len(OTHER)))]
    night, kept = change(drawn.night, drawn.random)
    form = str(drawn.random.choice(list(FORMS)))
    drawn.write(night, form)
    end = drawn.score()
    if end.outcome not in ("Published", "AlreadyPublished"):
        assert end.code == "column-type" or end.code == "function-failed", f"{form}, {change.__name__}: {end}"
        return f"{change.__name__}: refused, {end.code}"
    after = drawn.published()
    moved = {
        key: (before.get(key), after.get(key))
        for key in drawn.keys(kept)
        if not np.isclose(before.get(key, np.nan), after.get(key, np.nan), rtol=1e-12, atol=0)
    }
    assert not moved, f"{form}, {change.__name__}: {moved}"
    return f"{change.__name__}, {form}"


def spend_nights(drawn: Drawn) -> tuple[Counter[str], list[str]]:
    """How the nights of a project ended, and what went wrong."""
    trained_on = f"seed {drawn.night.spec['project']}, trained on {drawn.form}"
    ends: Counter[str] = Counter()
    wrong: list[str] = []
    try:
        drawn.train()
        assert drawn.score().outcome == "Published"
        before = drawn.published()
    except (TierraError, AssertionError) as error:
        return ends, [f"{trained_on}: {error}"]
    for number in range(NIGHTS):
        try:
            ends[same_values(drawn) if number < NIGHTS // 2 else other_values(drawn, before)] += 1
        except (TierraError, AssertionError) as error:
            wrong.append(f"{trained_on}: {error}"[:600])
    return ends, wrong


@pytest.mark.timeout(3600)
def test_nights_of_the_same_values_are_the_same_and_others_are_right_or_refused(
    workspace: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fifty of five projects; with EXAMPLES=all five hundred of fifty."""
    monkeypatch.setattr("tierra.model.importance.SECONDS", 0.0)
    monkeypatch.setenv("TIERRA_CLOCK", f"{NIGHT}T03:00:00+00:00")
    monkeypatch.setenv("TIERRA_CONNECTIONS__WAREHOUSE__URL", postgres_url)
    began, ends, wrong = perf_counter(), Counter[str](), list[str]()
    for seed in range(FIRST_SEED, FIRST_SEED + PROJECTS):
        drawn = Drawn(seed, workspace / "projects", postgres_url)
        monkeypatch.setenv("TIERRA_CONNECTIONS__LAKE__URL", f"sqlite:///{drawn.folder}/lake.db")
        ended, failed = spend_nights(drawn)
        ends, wrong = ends + ended, [*wrong, *failed]
    print("\n".join(f"{count:4} {end}" for end, count in sorted(ends.items())))
    print(f"{ends.total()} nights of {PROJECTS} projects right or refused by name in {perf_counter() - began:.0f} s")
    assert not wrong, f"{len(wrong)} of {PROJECTS * NIGHTS} nights:\n" + "\n".join(wrong)
