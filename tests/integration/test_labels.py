"""Working on the data with the model held fixed: suspicious labels, corrected ones, and other data."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from tests.builders import copy_home, new_home, ride_source, ride_spec, rides, stand_in, write_project
from tests.cases import each
from tests.direct import train_directly
from tierra.cli.commands import app
from tierra.errors import InvalidCall
from tierra.steps.compared_data import compare_data
from tierra.steps.learning_rows import read_learning_rows
from tierra.steps.relabel import read_corrections, relabel
from tierra.steps.suspects import find_suspects
from tierra.workspace import open_workspace

SHARE = 0.05
SPEC: dict[str, Any] = {
    "candidates": [{"rule": "base_rate"}, {"model": "logistic"}], "gate": {"metric": "log_loss"}, "effort": "quick",
    "features": ["km", "zone", "rain"], "split": {"by": "random", "validation": "20%", "test": "25%"},
}  # fmt: skip


def flipped_rides(rows: int = 2000) -> tuple[pd.DataFrame, pd.Series]:
    """Rides with a tip that follows from what is known, one label in twenty the wrong one; and the right labels."""
    table, random = rides(rows), np.random.default_rng(5)
    sign = table["km"] / 4 - 2 + table["rain"] + (table["zone"] == "A") + random.normal(0, 0.25, rows)
    right = pd.Series(np.where(sign > 0, "yes", "no"), index=table["ride_id"])
    wrong = random.random(rows) < SHARE
    given = np.where(wrong, np.where(right == "yes", "no", "yes"), right)
    return table.assign(tipped=given), right


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose champion learnt from labels of which one in twenty is wrong; to be copied."""
    with new_home(tmp_path_factory, "labels") as home:
        write_project(home / "projects" / "rides", ride_spec(**SPEC), flipped_rides()[0])
        assert train_directly("rides")[0].outcome == "Promoted"
    return home


@pytest.fixture
def home(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of that home."""
    return copy_home(trained, tmp_path, monkeypatch)


def run(*words: str) -> dict[str, Any]:
    """What a command says to machines."""
    ended = CliRunner().invoke(app, [*words, "--json"])
    assert ended.exit_code == 0, ended.output
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


def test_wrong_labels_are_found_reviewed_and_corrected_with_a_lift(home: Path) -> None:
    table, right = flipped_rides()
    found = run("suspects", "rides")
    review = pd.read_csv(found["output"], dtype=str, keep_default_na=False)
    assert list(review) == ["ride_id", "label", "suspicion", "model_says", "contradictory_with", "corrected"]
    assert (found["looked_at"], found["rows"]) == (found["rows"], found["rows"])
    assert review["suspicion"].astype(float).is_monotonic_decreasing
    # All rows but those of the test part are looked at; of what is wrong in them most are in the first tenth.
    given = table.set_index("ride_id")["tipped"]
    top = set(review["ride_id"].head(-(-found["rows"] // 10)))
    wrong = set(given.index[given != right])
    assert len(top & wrong) >= 0.6 * len(wrong) * found["rows"] / len(table)
    # A person looks at them, and knows.
    known = review["ride_id"].map(right)
    review.assign(corrected=known.where(known != review["label"], "")).to_csv("corrections.csv", index=False)
    lifted = run("relabel", "rides", "corrections.csv")
    assert lifted["changed"] == lifted["corrections"] == len(set(review["ride_id"]) & wrong)
    assert (lifted["in_test"], lifted["lift_corrected"]) == (0, None)
    # Where the test part is corrected too, both are told; judged by right labels, the lift is sure.
    pd.DataFrame({"ride_id": right.index, "corrected": right.to_numpy()}).to_csv("every.csv", index=False)
    every = run("relabel", "rides", "every.csv")
    assert every["in_test"] > 0
    assert every["lift_corrected"]["interval"][0] > 0
    assert every["lift"]["before"] != every["lift_corrected"]["before"]
    assert open_workspace().champions.latest("rides").number == 1


def test_corrections_that_cannot_be_meant_are_one_line(home: Path) -> None:
    def refused(text: str, message: str) -> None:
        Path("c.csv").write_text(text)
        with pytest.raises(InvalidCall, match=rf"{message}.*corrections-invalid"):
            relabel(open_workspace(), open_workspace().project("rides"), Path("c.csv"))

    each(
        [
            ("ride_id,corrected\nr000001,maybe\n", r"c.csv, row r000001: 'maybe' is no class \(no, yes\)"),
            ("ride_id,corrected\nr9,yes\n", "there is no row r9"),
            ("ride_id,corrected\nr000001,\n", "c.csv corrects nothing"),
            ("ride_id,corrected\n" + "".join(f"r{row:06d},no\n" for row in range(2000)), "they leave one class"),
            ("ride_id,label\nr000001,yes\n", "c.csv has no column 'corrected'"),
            ("", "c.csv: No columns"),
        ],
        refused,
    )


def test_a_class_may_be_written_as_a_spreadsheet_does(home: Path) -> None:
    Path("c.csv").write_text("ride_id,corrected\nr000001,YES\n")
    here = open_workspace()
    assert read_corrections(read_learning_rows(here, here.project("rides")), Path("c.csv")) == {1: 1}


@pytest.mark.long
def test_the_parameters_that_were_found_stay_while_the_data_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(tmp_path, monkeypatch)
    searched = {"model": "logistic", "search": {"trials": 2, "space": {"C": [0.03, 0.3]}}}
    spec = ride_spec(**{**SPEC, "candidates": [{"rule": "base_rate"}, searched], "complexity": {"margin": 0.1}})
    write_project(tmp_path / "projects" / "rides", spec, flipped_rides(1200)[0])
    train_directly("rides")
    review = pd.read_csv(run("suspects", "rides")["output"], dtype=str, keep_default_na=False)
    review.assign(corrected=review["model_says"]).to_csv("c.csv", index=False)
    assert run("relabel", "rides", "c.csv")["changed"] > 0
    run("compare", "rides", "--data", "project.yaml", "project.yaml")
    assert len(list((tmp_path / "var" / "searches").glob("*.log"))) == 1  # the training's own study
    rows = read_learning_rows(open_workspace(), open_workspace().project("rides"))
    assert rows.project.complexity is None  # the champion's members are never left out


def test_texts_that_a_spreadsheet_would_run_are_disarmed_and_found_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(tmp_path, monkeypatch)
    table, _ = flipped_rides(1200)
    table["ride_id"] = "=" + table["ride_id"]
    table["tipped"] = table["tipped"].map({"yes": "+yes", "no": "no"})
    spec = ride_spec(
        **SPEC, positive="+yes", sources={"rides": {"kind": "file", "path": "rides.csv", "key": "ride_id"}}
    )
    write_project(tmp_path / "projects" / "rides", spec, table)
    train_directly("rides")
    review = pd.read_csv(run("suspects", "rides", "--rows", "5")["output"], dtype=str, keep_default_na=False)
    assert (review["ride_id"].str[:2] == "'=").all()
    assert set(review["label"]) | set(review["model_says"]) <= {"'+yes", "no"}
    review.assign(corrected=review["model_says"]).to_csv("c.csv", index=False)
    assert run("relabel", "rides", "c.csv")["corrections"] == len(review)
    said = CliRunner().invoke(app, ["suspects", "projects/rides", "--rows", "5", "--output", "more of it.csv"]).output
    assert "then tierra relabel projects/rides 'more of it.csv'" in said, "the project as it was given"


def test_another_source_is_worth_what_it_adds_on_the_same_rows(home: Path) -> None:
    """The second file joins a table that knows what the label hangs on; the third has the same data again."""
    table, right = flipped_rides()
    folder = home / "projects" / "rides"
    hint = (right == "yes").astype(int) + np.random.default_rng(3).normal(0, 0.7, len(right))
    pd.DataFrame({"ride_id": right.index, "mood": hint}).to_csv(folder / "moods.csv", index=False)
    sources = {
        "rides": ride_spec()["sources"]["rides"],
        "moods": {"kind": "file", "path": "moods.csv", "key": "ride_id"},
    }
    more = {**SPEC, "features": ["km", "zone", "rain", "mood"], "sources": sources,
            "joins": [{"left": "rides", "right": "moods", "on": "ride_id"}]}  # fmt: skip
    text = (folder / "project.yaml").read_text()
    write_project(folder, ride_spec(**more), table)
    (folder / "more.yaml").write_text((folder / "project.yaml").read_text())
    (folder / "project.yaml").write_text(text)
    found = run("compare", "rides", "--data", "project.yaml", "more.yaml")
    assert (found["before"]["features"], found["after"]["features"]) == (3, 4)
    assert found["before"]["test"] == found["after"]["test"] == found["lift"]["rows"]
    assert found["lift"]["interval"][0] > 0
    workspace = open_workspace()
    same = compare_data(workspace, workspace.project("rides"), "project.yaml", "project.yaml").lift
    assert (same.better, same.sentence) == (0, "no difference is shown")


@pytest.mark.parametrize("split", [SPEC["split"], ride_spec()["split"]], ids=["random", "time"])
def test_rows_keep_their_side_whatever_the_other_data_hold(home: Path, split: dict[str, str]) -> None:
    """Cut apart by what they hold, rows that hold other values would be judged elsewhere, and few by both."""
    folder, (table, _) = home / "projects" / "rides", flipped_rides()
    later = table.head(300).assign(
        ride_id="later" + table["ride_id"].astype(str),
        km=table["km"].sample(frac=1, random_state=1).to_numpy()[:300] + 0.013,
    )
    later["day"] = (pd.to_datetime(later["day"]) + pd.Timedelta(days=400)).dt.date
    write_project(folder, ride_spec(**SPEC | {"split": split}), table)
    others = {
        "doubled": (table.assign(km=table["km"] * 2), ["km", "zone", "rain"]),
        "narrower": (table.drop(columns="rain"), ["km", "zone"]),
        "longer": (pd.concat([table, later]), ["km", "zone", "rain"]),
    }
    for name, (rows, features) in others.items():
        rows.to_csv(folder / f"{name}.csv", index=False)
        spec = ride_spec(**SPEC | {"split": split, "features": features}, sources=ride_source(path=f"{name}.csv"))
        (folder / f"{name}.yaml").write_text(json.dumps(spec))
        workspace = open_workspace()
        found = compare_data(workspace, workspace.project("rides"), "project.yaml", f"{name}.yaml")
        assert found.lift.rows == found.before.test, name
        if "column" in split:
            assert found.after.learning == found.before.learning, "what came after the test part teaches nothing"


@pytest.mark.long
def test_most_of_the_wrong_labels_of_digits_are_in_the_first_tenth(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Real images. Test labels are wrong too: by log loss, a model that is surer of the right class loses.

    So few wrong labels hardly mislead the network and the shallow trees: correcting them does no harm, no more.
    """
    from sklearn.datasets import load_digits

    stand_in(tmp_path, monkeypatch)
    pixels, digits = load_digits(return_X_y=True, as_frame=True)
    random = np.random.default_rng(0)
    wrong = random.random(len(digits)) < SHARE
    given = np.where(wrong, (digits + random.integers(1, 10, len(digits))) % 10, digits)
    folder = write_project(tmp_path / "projects" / "digits", "project: digits\nsource: digits.csv\ntarget: digit\n"
                           "gate: {metric: accuracy}\n")  # fmt: skip
    pixels.assign(digit=[f"d{each}" for each in given]).to_csv(folder / "digits.csv", index=False)
    assert train_directly("digits")[0].outcome == "Promoted"
    found = find_suspects(open_workspace(), open_workspace().project("digits"))
    rows = found.table.column("row_number").to_pandas().astype(int).to_numpy()
    first = rows[: -(-found.found.looked_at // 10)]
    in_learning = wrong.sum() * found.found.looked_at / len(digits)
    assert wrong[first].sum() >= 0.6 * in_learning
    corrections = pd.DataFrame({"row_number": first, "corrected": [f"d{digits[each]}" for each in first]})
    corrections.to_csv("c.csv", index=False)
    lifted = relabel(open_workspace(), open_workspace().project("digits"), Path("c.csv"))
    assert lifted.changed == wrong[first].sum()
    assert lifted.lift.interval[1] > 0
