"""One project in several places: an overlay says where and when, never what."""

from pathlib import Path
from typing import Any

import pytest

from tests.builders import ride_spec, write_project
from tierra.errors import Misconfigured
from tierra.project.overlay import merge_patch
from tierra.project.project import load_project

# From appendix A of RFC 7396.
CASES: list[tuple[Any, Any, Any]] = [
    ({"a": "b"}, {"a": "c"}, {"a": "c"}),
    ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
    ({"a": "b"}, {"a": None}, {}),
    ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
    ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
    ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
    ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
    ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
    (["a", "b"], ["c", "d"], ["c", "d"]),
    ({"a": "b"}, ["c"], ["c"]),
    ({"a": "foo"}, "bar", "bar"),
    ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
    ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
    ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
]


@pytest.mark.parametrize(("target", "patch", "merged"), CASES)
def test_a_merge_is_that_of_the_standard(target: Any, patch: Any, merged: Any) -> None:
    assert merge_patch(target, patch) == merged


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_project(tmp_path / "rides", ride_spec())
    return tmp_path


def lay(folder: Path, text: str) -> None:
    (folder / "rides" / "project.cloud.yaml").write_text(text)


def test_without_an_overlay_of_that_name_the_project_is_as_it_is(folder: Path) -> None:
    assert load_project("rides", folder, "cloud") == load_project("rides", folder)


def test_an_overlay_moves_sources_and_predictions_and_nothing_else(folder: Path) -> None:
    here = load_project("rides", folder)
    lay(folder, "sources:\n  rides: {kind: sql, connection: warehouse, table: rides, path: null}\n"
                "score: {sink: {kind: sql, connection: warehouse}}\n")  # fmt: skip
    there = load_project("rides", folder, "cloud")
    assert there.main_source.kind == "sql"
    assert there.main_source.key == here.main_source.key
    assert there.score.sink.kind == "sql"
    assert there.recipe == here.recipe
    assert there.contract == here.contract


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("target: other\n", "project.cloud.yaml:1: target is not about"),
        ("score:\n  lookback: 90d\n", "project.cloud.yaml:2: score.lookback is not about"),
        ("sources:\n  rides:\n    key: other\n", "project.cloud.yaml:3: sources.rides.key is not about"),
        ("gate: {metric: f1}\n", "gate is not about"),
        ("[1, 2]\n", "the file is not about"),
    ],
)
def test_an_overlay_changes_nothing_of_what_is_learnt(folder: Path, text: str, said: str) -> None:
    lay(folder, text)
    with pytest.raises(Misconfigured, match="overlay-key") as caught:
        load_project("rides", folder, "cloud")
    assert said in str(caught.value)


def test_a_mistake_in_an_overlay_is_found_in_its_own_line(folder: Path) -> None:
    lay(folder, "score:\n  sink:\n    kind: sql\n    connection: UPPER\n")
    with pytest.raises(Misconfigured, match="value-invalid") as caught:
        load_project("rides", folder, "cloud")
    assert "project.cloud.yaml:4" in str(caught.value)


def test_what_an_overlay_leaves_is_found_in_the_project_s_own_line(folder: Path) -> None:
    file = folder / "rides" / "project.yaml"
    file.write_text(file.read_text() + "unheard: of\n")
    lay(folder, "score: {sink: {uri: elsewhere}}\n")
    with pytest.raises(Misconfigured, match="key-unknown") as caught:
        load_project("rides", folder, "cloud")
    assert f"project.yaml:{len(file.read_text().splitlines())}" in str(caught.value)
