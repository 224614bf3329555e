"""Safe YAML: plain values, and the line of each key."""

from pathlib import Path

import pytest

from tierra.errors import Misconfigured
from tierra.project.yaml_file import MAX_BYTES, read_yaml


def refusal(folder: Path, text: str | bytes) -> Misconfigured:
    file = folder / "project.yaml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(Misconfigured) as caught:
        read_yaml(file)
    return caught.value


def test_every_key_and_item_has_its_line(tmp_path: Path) -> None:
    file = tmp_path / "project.yaml"
    file.write_text("a: 1\nb:\n  - c: 2\n\n  - {d: 3}\n")
    data, lines = read_yaml(file)
    assert data == {"a": 1, "b": [{"c": 2}, {"d": 3}]}
    assert {path: lines[path] for path in [("a",), ("b",), ("b", 0, "c"), ("b", 1, "d")]} == {
        ("a",): 1, ("b",): 2, ("b", 0, "c"): 3, ("b", 1, "d"): 5}  # fmt: skip


@pytest.mark.parametrize(
    "tag", ["!!python/object/apply:os.system [touch pwned]", "!!python/name:os.system", "!secret x"]
)
def test_a_tag_is_refused_and_runs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tag: str) -> None:
    monkeypatch.chdir(tmp_path)
    assert refusal(tmp_path, f"a: {tag}").code == "yaml-tag"
    assert not (tmp_path / "pwned").exists()


def test_an_alias_is_refused_before_it_is_expanded(tmp_path: Path) -> None:
    bomb = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 40))
    error = refusal(tmp_path, bomb)
    assert error.code == "yaml-alias"
    assert "project.yaml:2" in error.what


def test_a_merge_key_is_an_alias_too(tmp_path: Path) -> None:
    assert refusal(tmp_path, "a: &a {x: 1}\nb: {<<: *a}\n").code == "yaml-alias"


def test_a_key_written_twice_is_refused_at_any_depth(tmp_path: Path) -> None:
    error = refusal(tmp_path, "a:\n  b:\n    - {c: 1, c: 2}\n")
    assert (error.code, "project.yaml:3" in error.what) == ("yaml-duplicate-key", True)


@pytest.mark.parametrize("text", ["a: [1, 2", "a: b: c", "\tx: 1", "a: 1\n---\nb: 2\n", "a: \x07"])
def test_broken_yaml_is_one_line(tmp_path: Path, text: str) -> None:
    error = refusal(tmp_path, text)
    assert error.code == "yaml-invalid"
    assert "\n" not in error.what


def test_a_file_nested_too_deep_is_refused_and_not_a_crash(tmp_path: Path) -> None:
    assert refusal(tmp_path, "[" * 20_000).code == "yaml-invalid"


def test_a_file_of_more_than_a_page_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path, b"#" * (MAX_BYTES + 1)).code == "yaml-too-large"


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path, b"a: \xff\xfe").code == "project-unreadable"
