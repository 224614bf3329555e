"""`tierra diff`: what changed between two of a kind, and which of four factors moved the predictions."""

import hashlib
import json
import shutil
from copy import deepcopy
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner

from tests.builders import new_home, ride_spec, rides, stand_in, write_project
from tests.cases import each
from tests.champions import Fitted, an_appointment, fit_project, keep_model
from tests.direct import without_prefect
from tierra.cli.commands import app
from tierra.journal import open_journal
from tierra.model.artifact import dump_model, inner_model, with_threshold
from tierra.model.champions import Champions
from tierra.steps.diff import Diff, compare
from tierra.steps.pull import pull_sources
from tierra.store.predictions import publish, read_manifest, read_published
from tierra.workspace import open_workspace

DAY, BEFORE = "2024-04-29", "2024-04-28"
ALONE = 0.99
TYPES = {
    "ride_id": "string",
    "day": "date32[day]",
    "km": "double",
    "zone": "string",
    "rain": "double",
    "tipped": "string",
}


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Fitted]:
    """A folder with a champion, version 1, that has scored two days."""
    with new_home(tmp_path_factory, "diff") as folder:
        made = fit_project(folder / "projects" / "rides")
        made.appoint(open_workspace().objects, version="1")
        change(lambda rows: rows)
    return folder, made


@pytest.fixture
def fitted(scored: tuple[Path, Fitted], workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Fitted:
    """A copy of it to stand in."""
    shutil.copytree(scored[0], workspace, dirs_exist_ok=True)
    stand_in(workspace, monkeypatch)
    return scored[1]


def change(how: Any, rescore: bool = False) -> None:
    """Write the source as it is now, and score what changed; the day alone where it is to be scored again."""
    table = how(rides(4800))
    write_project(Path("projects/rides"), ride_spec(features="features:build", score={"lookback": "1d"}), table)
    with without_prefect("score") as body, open_journal():
        body(open_workspace(), "rides", *((DAY, True) if rescore else ()))


def appoint(fitted: Fitted, model: Any, version: str, **release: Any) -> None:
    """Let another model serve."""
    objects, dumped = open_workspace().objects, dump_model(model)
    ref = keep_model(objects, dumped)
    changed = fitted.release.model_copy(update={"model_sha256": hashlib.sha256(dumped).hexdigest(), **release})
    after = len(Champions(objects).history("rides"))
    assert Champions(objects).appoint(changed, ref, fitted.code, an_appointment(version=version), after)


def other_threshold(fitted: Fitted, threshold: float = 0.75) -> Any:
    return with_threshold(inner_model(fitted.model), threshold)


def other_weights(fitted: Fitted) -> Any:
    """The same model, whose weights are half of what they were; its threshold is as it was."""
    pipeline = deepcopy(inner_model(fitted.model))
    pipeline.named_steps["model"].coef_ *= 0.5
    return with_threshold(pipeline, fitted.model.threshold)


def more_rows(rows: pd.DataFrame) -> pd.DataFrame:
    added = rides(15, seed=8).assign(day=DAY, km=30.0)
    return pd.concat([rows, added.assign(ride_id=[f"n{number}" for number in range(15)])])


def longer(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(km=rows["km"].where(rows["day"] != DAY, rows["km"] + 3))


def diff(before: str, after: str) -> Diff:
    workspace = open_workspace()
    found = compare(workspace, workspace.project("rides"), before, after)
    for quantity in [one for one in found.quantities if one.terms]:
        assert abs(sum(quantity.terms.values()) - quantity.total) <= 1e-9, quantity
    return found


def terms(found: Diff, name: str) -> dict[str, float]:
    """The terms as shares of the change."""
    (quantity,) = [each for each in found.quantities if each.name == name]
    assert quantity.total
    return {factor: term / quantity.total for factor, term in quantity.terms.items()}


def test_one_factor_that_changed_gets_the_change(fitted: Fitted) -> None:
    """New rows, other values, another threshold, another model: each alone, of generations of one day."""
    change(more_rows)
    added = diff(f"{DAY}@1", f"{DAY}@2")
    assert added.rows is not None
    assert (added.rows.added, added.rows.removed, added.rows.common) == (15, 0, 40)
    assert terms(added, "probability")["rows"] >= ALONE
    assert terms(added, "decision")["rows"] >= ALONE
    change(lambda rows: longer(more_rows(rows)))
    moved = diff(f"{DAY}@2", DAY)
    assert moved.rows is not None
    assert (moved.rows.common, moved.rows.changed) == (55, {"km": 55})
    assert "km" in [each.column for each in moved.distributions]
    assert terms(moved, "probability")["features"] >= ALONE
    appoint(fitted, other_threshold(fitted), "2")
    change(lambda rows: longer(more_rows(rows)), rescore=True)
    cut = diff(f"{DAY}@3", f"{DAY}@4")
    assert [each.total for each in cut.quantities if each.name == "probability"] == [0.0]
    assert terms(cut, "decision")["threshold"] >= ALONE
    appoint(fitted, with_threshold(inner_model(other_weights(fitted)), 0.75), "3")
    change(lambda rows: longer(more_rows(rows)), rescore=True)
    weighed = diff(f"{DAY}@4", f"{DAY}@5")
    assert terms(weighed, "probability")["model"] >= ALONE
    assert terms(weighed, "decision")["model"] >= ALONE
    everything = diff(f"{DAY}@1", f"{DAY}@5")
    assert all(terms(everything, "decision")[name] for name in ("rows", "features", "model", "threshold"))
    backwards = diff(f"{DAY}@5", f"{DAY}@1")
    for one, other in zip(everything.quantities, backwards.quantities, strict=True):
        assert all(abs(one.terms[name] + other.terms[name]) <= 1e-9 for name in one.terms)


def test_two_days_without_a_common_key_differ_by_their_rows(fitted: Fitted) -> None:
    found = diff(BEFORE, DAY)
    assert found.rows is not None
    assert (found.rows.common, found.rows.added, found.rows.removed) == (0, 40, 40)
    assert terms(found, "probability")["rows"] >= ALONE
    assert (found.before.name, found.after.name) == (f"{BEFORE}@1", f"{DAY}@1")


def test_a_thing_and_itself_differ_by_nothing(fitted: Fitted) -> None:
    found = diff(DAY, f"{DAY}@1")
    assert found.rows is not None
    assert (found.rows.common, found.rows.added, found.rows.changed, found.columns, found.distributions) == (
        40, 0, {}, (), ())  # fmt: skip
    assert [(each.total, set(each.terms.values())) for each in found.quantities] == [(0.0, {0.0})] * 2


def test_training_sets_are_compared_with_their_labels(fitted: Fitted) -> None:
    workspace = open_workspace()
    later = rides().assign(wind=1.0, tipped=lambda rows: rows["tipped"].mask(rows.index % 4 == 0, "no"))
    tables = {"2": rides(), "3": later[later["day"] > "2024-01-10"]}
    for version, table in tables.items():
        write_project(Path("projects/rides"), ride_spec(features="features:build"), table)
        digests = pull_sources(workspace, workspace.project("rides")).digests
        model = fitted.model if version == "2" else other_weights(fitted)
        appoint(fitted, model, version, datasets=digests, types=TYPES)
    found = diff("v2", "v3")
    assert found.rows is not None
    assert (found.rows.common, found.rows.added, found.rows.removed) == (2200, 0, 200)
    assert found.rows.changed == {"tipped": found.rows.changed["tipped"]}
    assert found.columns == ("column 'wind' (double) is new",)
    no, yes = found.labels
    assert (no.name, yes.name) == ("no", "yes")
    assert no.after - no.before == pytest.approx(-(yes.after - yes.before))
    assert yes.before - yes.after > 0.08
    assert terms(found, "probability")["model"] > 0.8
    assert found.quantities[0].terms["features"] == 0


def test_rows_that_are_not_kept_leave_what_is_published_and_a_line(fitted: Fitted) -> None:
    workspace = open_workspace()
    sink = workspace.sink(workspace.project("rides"))
    first = read_manifest(sink, DAY)
    assert first is not None
    part = sink.write_part(DAY, 2, iter([read_published(sink, DAY)]))
    publish(sink, first.model_copy(update={"parts": (part,), "joined": None}), 1)
    found = diff(BEFORE, DAY)
    assert (found.rows, len(found.notes)) == (None, 1)
    assert "its rows are not kept" in found.notes[0]
    assert [(each.name, each.terms) for each in found.quantities] == [("probability", {}), ("decision", {})]
    assert found.quantities[0].total


def test_a_model_that_cannot_read_the_others_rows_is_a_line(fitted: Fitted) -> None:
    appoint(fitted, other_threshold(fitted), "2", features=(*fitted.release.features, "wind"))
    workspace = open_workspace()
    sink = workspace.sink(workspace.project("rides"))
    first = read_manifest(sink, DAY)
    assert first is not None
    part, serving = sink.write_part(DAY, 2, iter([read_published(sink, DAY)])), Champions(workspace.objects).latest(
        "rides"
    )
    assert serving is not None
    publish(sink, first.model_copy(update={"parts": (part,), "model": serving.model.sha256}), 1)
    found = diff(f"{DAY}@1", f"{DAY}@2")
    assert any("cannot be told apart" in line and "wind" in line for line in found.notes)
    assert all(not quantity.terms for quantity in found.quantities)


def run(*words: str, exit: int = 0) -> str:
    ended = CliRunner().invoke(app, ["diff", "rides", *words])
    assert ended.exit_code == exit, ended.output
    return str(ended.output)


def test_the_command_says_it_in_a_terminal_on_a_page_and_for_machines(fitted: Fitted, workspace: Path) -> None:
    change(longer)
    told = run(f"{DAY}@1", DAY)
    for part in ("The mean probability went from", "by features", "What moved the predictions", "Rows", "km"):
        assert part in told, part
    page = (workspace / "var" / "receipts" / "rides").glob("diff-*.html")
    assert "What moved the predictions" in next(page).read_text()
    found = json.loads(run(f"{DAY}@1", DAY, "--json", "--output", "mine.html"))
    assert {each["name"] for each in found["quantities"]} == {"probability", "decision"}
    assert set(found["quantities"][0]["terms"]) == {"rows", "features", "model", "threshold"}
    assert (workspace / "mine.html").is_file()


REFUSED = [
    ((DAY, "v1"), "compare-invalid"),
    (("yesterday", DAY), "compare-invalid"),
    ((DAY, f"{DAY}@0"), "compare-invalid"),
    ((DAY, "2024-02-31"), "partition-invalid"),
    ((DAY, f"{DAY}@7"), "partition-unpublished"),
    ((DAY, "2024-01-01"), "partition-unpublished"),
    (("v9", "v1"), "version-unknown"),
    (("v1", "v1"), "replay-gone"),
]


def test_what_cannot_be_compared_is_one_line(fitted: Fitted, workspace: Path) -> None:
    def check(words: tuple[str, ...], code: str) -> None:
        told = run(*words, exit=2).strip()
        assert code in told
        assert told.splitlines()[-1].startswith("error")

    appoint(fitted, other_threshold(fitted), "1", datasets={"rides": "0" * 64})
    each(REFUSED, check)
    assert not (workspace / "var" / "receipts").exists()
