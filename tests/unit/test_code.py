"""The project's own files: loaded side by side, counted when touched, checked without running."""

import hashlib
import sys
from pathlib import Path

import pytest

from tests.builders import write_project
from tierra.data.code import check_functions, load_code
from tierra.errors import Misconfigured

NAMES = {"features": "features:build"}


def test_two_versions_of_a_file_live_side_by_side(tmp_path: Path) -> None:
    code = "def build(rows):\n    return {!r}\n"
    old, new = (write_project(tmp_path / name, features=code.format(name)) for name in ("old", "new"))
    loaded = [load_code(folder, NAMES) for folder in (old, new, old)]
    assert [each["features"](None) for each in loaded] == ["old", "new", "old"]  # type: ignore[misc]
    assert loaded[0].files == loaded[2].files != loaded[1].files
    assert "features" not in sys.modules


def test_a_sibling_is_imported_from_the_same_folder_late_as_well(tmp_path: Path) -> None:
    code = "from shared import WORD\n\ndef build(rows):\n    return WORD\n"
    folders = [write_project(tmp_path / word, features=code, shared=f"WORD = {word!r}\n") for word in ("one", "two")]
    loaded = [load_code(folder, NAMES) for folder in folders]
    assert [each["features"](None) for each in loaded] == ["one", "two"]  # type: ignore[misc]


def test_only_files_the_import_touched_count(tmp_path: Path) -> None:
    folder = write_project(tmp_path / "rides", features="import shared\n\ndef build(rows): ...\n", shared="X = 1\n",
                           notebook="raise SystemExit\n")  # fmt: skip
    files = load_code(folder, NAMES).files
    assert list(files) == ["features.py", "shared.py"]
    assert files["shared.py"] == hashlib.sha256(b"X = 1\n").hexdigest()


def test_a_package_of_the_project_counts_file_by_file(tmp_path: Path) -> None:
    folder = write_project(tmp_path / "rides", features="from parts.one import build\n")
    (folder / "parts").mkdir()
    (folder / "parts" / "__init__.py").write_text("")
    (folder / "parts" / "one.py").write_text("def build(rows): ...\n")
    assert list(load_code(folder, NAMES).files) == ["features.py", "parts/__init__.py", "parts/one.py"]


def test_loading_leaves_nothing_behind(tmp_path: Path) -> None:
    folder = write_project(tmp_path / "rides", features="def build(rows): ...\n")
    path, modules = list(sys.path), set(sys.modules)
    load_code(folder, NAMES)
    assert (sys.path, set(sys.modules)) == (path, modules)
    assert not list(folder.rglob("__pycache__"))


def test_a_module_of_ours_with_the_same_name_is_not_disturbed(tmp_path: Path) -> None:
    import json

    folder = write_project(tmp_path / "rides", features="import json\n\ndef build(rows):\n    return json.MINE\n",
                           json="MINE = True\n")  # fmt: skip
    assert load_code(folder, NAMES)["features"](None) is True  # type: ignore[misc]
    assert sys.modules["json"] is json


def test_checking_a_function_runs_nothing(tmp_path: Path) -> None:
    code = "from pathlib import Path\nPath(__file__).with_name('ran').touch()\n\ndef build(rows): ...\n"
    folder = write_project(tmp_path / "rides", features=code)
    check_functions(folder, NAMES)
    assert not (folder / "ran").exists()
    load_code(folder, NAMES)
    assert (folder / "ran").exists()


@pytest.mark.parametrize("code", ["from other import build\n", "from other import f as build\n", "build = len\n",
                                  "def build(rows): ...\n"])  # fmt: skip
def test_any_way_to_bind_the_name_is_found(tmp_path: Path, code: str) -> None:
    check_functions(write_project(tmp_path / "rides", features=code), NAMES)


@pytest.mark.parametrize("check", [check_functions, load_code])
@pytest.mark.parametrize(
    ("code", "said"),
    [("def other(rows): ...\n", "function-not-found"), ("def build(rows)\n", r"features.py:1: .*code-invalid"),
     ("\x00", "code-invalid")],
    ids=["name", "syntax", "null-byte"],
)  # fmt: skip
def test_a_mistake_is_refused(tmp_path: Path, check: object, code: str, said: str) -> None:
    folder = write_project(tmp_path / "rides", features=code)
    with pytest.raises(Misconfigured, match=said):
        check(folder, NAMES)  # type: ignore[operator]


def test_a_name_that_is_no_function_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="function-not-found"):
        load_code(write_project(tmp_path / "rides", features="build = 3\n"), NAMES)
