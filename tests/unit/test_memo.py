"""The memo sees the code: a change in a step, or in anything it imports, makes it and the steps after it run again."""

import ast
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from functools import cache
from pathlib import Path

import pytest
from pydantic import BaseModel

from tests.conftest import ROOT
from tierra.journal import at_station, open_journal
from tierra.store import memo
from tierra.store.memo import code_version, digest, find_remembered, imported_by, remember
from tierra.store.objects import MemoryObjects
from tierra.store.refs import ObjectRef

STEPS = {file.stem: f"tierra.steps.{file.stem}" for file in (ROOT / "tierra" / "steps").glob("[a-z]*.py")}
# The steps of a training and of a scoring that remember what they made, in their order.
TRAINING = ("validate", "features", "parts", "fit", "evaluate")
SCORING = ("validate", "features", "publish")


@cache
def callers_of_remember() -> set[str]:
    """Every module that calls `remember`, found in the source."""
    files = [file for file in (ROOT / "tierra").rglob("*.py") if file.name != "memo.py"]
    return {".".join(file.relative_to(ROOT).with_suffix("").parts) for file in files
            for node in ast.walk(ast.parse(file.read_text()))
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "remember"}  # fmt: skip


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the library, whose files the memo reads."""
    shutil.copytree(ROOT / "tierra", tmp_path / "tierra", ignore=shutil.ignore_patterns("*.pyc", "templates"))
    monkeypatch.setattr(memo, "ROOT", tmp_path)
    forget()
    yield tmp_path
    forget()


def forget() -> None:
    code_version.cache_clear()
    memo._imports.cache_clear()
    memo._sha256.cache_clear()


def changed_by(file: Path, steps: Iterable[str]) -> set[str]:
    """Those of the steps whose version a change in a file changes."""
    before = {name: code_version(STEPS[name]) for name in steps}
    file.write_text(file.read_text() + "\n# changed\n")
    forget()
    return {name for name, version in before.items() if version != code_version(STEPS[name])}


def test_a_change_in_a_step_changes_it_and_the_steps_after_it_and_none_before(copy: Path) -> None:
    for chain in (TRAINING, SCORING):
        for place, name in enumerate(chain):
            assert changed_by(copy / "tierra" / "steps" / f"{name}.py", chain) == set(chain[place:]), name


def test_a_change_in_any_step_of_a_training_is_another_training(copy: Path) -> None:
    for name in ("pull", "profile", "champion", "release", *TRAINING, "register"):
        assert changed_by(copy / "tierra" / "steps" / f"{name}.py", ["register"]), name


EACH_ALONE = """
import importlib, sys
importlib.import_module("tierra.steps.search"); importlib.import_module("tierra.steps.variants")  # and all of others
for module in sys.argv[1:]:
    for name in [name for name in sys.modules if name.startswith("tierra")]:
        del sys.modules[name]
    importlib.import_module(module)
    print(module, *(name for name in sys.modules if name.startswith("tierra.")))
"""


@pytest.mark.long
def test_all_that_a_remembering_module_imports_is_covered() -> None:
    """What each really imports, with none of ours loaded before; imports inside functions are found in the source."""
    command = [sys.executable, "-c", EACH_ALONE, *sorted(callers_of_remember())]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    lines = [line.split() for line in run.stdout.splitlines()]
    assert {module for module, *_ in lines} == callers_of_remember()
    for module, *names in lines:
        loaded = {name for name in names if memo._file(name).name != "__init__.py"}
        assert len(loaded) > 10, module
        assert loaded <= imported_by(module), module
        assert {"tierra.store.tables", "tierra.store.memo"} <= imported_by(module), module


def named_by(node: ast.AST) -> set[str]:
    """What the import statements of a parsed module name, but for the type checker's."""
    if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
        return set()
    found = {each for child in ast.iter_child_nodes(node) for each in named_by(child)}
    if isinstance(node, ast.Import):
        found |= {each.name for each in node.names}
    if isinstance(node, ast.ImportFrom) and node.module:
        found |= {node.module, *(f"{node.module}.{each.name}" for each in node.names)}
    return found


def test_imports_read_as_text_are_those_that_python_sees() -> None:
    for file in (ROOT / "tierra").rglob("*.py"):
        module = ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        seen = {name for name in named_by(ast.parse(file.read_text())) if name.startswith("tierra.")}
        assert set(memo._imports(module)) == {name for name in seen if memo._file(name).is_file()}, module


def test_every_caller_gives_its_own_name() -> None:
    """`remember(objects, __name__, ...)`: the code that decides the value is the caller's."""
    assert len(callers_of_remember()) >= 6
    for module in callers_of_remember():
        for node in ast.walk(ast.parse(memo._file(module).read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "remember":
                assert getattr(node.args[1], "id", "") == "__name__", module


def test_imports_inside_functions_count_and_those_for_the_type_checker_do_not(copy: Path) -> None:
    (copy / "tierra" / "one.py").write_text(
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    from tierra.three import x\n"
        "def f():\n    try:\n        from tierra import two\n    except ImportError:\n        import tierra.four\n"
    )
    for name in ("two", "three", "four"):
        (copy / "tierra" / f"{name}.py").write_text("")
    assert imported_by("tierra.one") == {"tierra.one", "tierra.two", "tierra.four"}


def test_the_same_inputs_are_found_until_the_code_changes(copy: Path) -> None:
    objects, made = MemoryObjects(), []

    def make() -> ObjectRef:
        made.append(1)
        with objects.draft("models/", ".bin") as draft:
            draft.write(b"model")
        return ObjectRef(name=draft.name, sha256=draft.sha256)

    def ask(inputs: int = 1) -> ObjectRef:
        return remember(objects, STEPS["fit"], [inputs], ObjectRef, make)

    assert ask() == ask()
    assert len(made) == 1
    ask(2)
    assert len(made) == 2
    assert changed_by(copy / "tierra" / "store" / "tables.py", ["fit"])
    assert len((ask(), made)[1]) == 3
    objects.remove(ask().name)
    assert len((ask(), made)[1]) == 4


class Kept(BaseModel):
    day: date
    model: ObjectRef | None = None


class At(BaseModel):
    at: datetime


def test_a_digest_is_of_what_a_value_says_and_stays_the_same_in_every_version() -> None:
    """What is published and remembered is known by it for ever."""
    value = Kept(day=date(2024, 4, 29))
    assert digest({"a": 1, "b": [value, date(2024, 4, 29)]}) == digest({"b": [value, "2024-04-29"], "a": 1})
    assert digest(value) == digest({"model": None, "day": "2024-04-29"})
    assert digest(At(at=datetime(2024, 4, 29, 12))) == digest({"at": "2024-04-29T12:00:00"})
    assert (
        digest({"b": ["\u00f1", 1.5, None], "a": True})
        == "5ba0c1bcd1db181d3204ddede4403472884bbc38da31e4ad68ea6d00362af2ac"
    )


def test_a_memo_is_used_while_its_value_is_valid_and_is_made_anew_when_it_is_not() -> None:
    objects, asked = MemoryObjects(), list[Kept]()

    def ask(valid: bool, day: int) -> Kept:
        def is_valid(found: Kept) -> bool:
            asked.append(found)
            return valid

        return remember(objects, STEPS["fit"], "inputs", Kept, lambda: Kept(day=date(2024, 4, day)), is_valid)

    first = ask(True, 1)
    assert (asked, ask(True, 2), asked) == ([first], first, [first])
    assert ask(False, 2) == Kept(day=date(2024, 4, 2))
    (name,) = objects.names("memo")
    assert (name.rpartition("/")[0], len(name)) == ("memo/fit-kept", len("memo/fit-kept/.json") + 40)
    with open_journal(), at_station("fit") as station:
        ask(True, 3)
        ask(False, 3)
    assert (station.found, station.made) == (1, 1)


def test_a_memo_with_an_object_that_is_gone_is_made_anew_wherever_it_is_named() -> None:
    class Nested(BaseModel):
        inside: dict[str, tuple[Kept, ...]]

    objects = MemoryObjects()
    objects.put_if_absent("models/a.bin", b"a")
    kept = Kept(day=date(2024, 4, 29), model=ObjectRef(name="models/a.bin", sha256="a"))

    def is_found() -> bool:
        made = []
        remember(objects, STEPS["fit"], "i", Nested, lambda: (made.append(1), Nested(inside={"x": (kept,)}))[1])
        return not made

    assert [is_found(), is_found()] == [False, True]
    objects.remove("models/a.bin")
    assert not is_found()


def test_all_values_of_a_kind_are_found_again_but_for_damaged_ones() -> None:
    objects, module, at = MemoryObjects(), STEPS["fit"], datetime(2024, 1, 1)
    for number in range(3):
        remember(objects, module, [number], At, lambda: At(at=at))
        remember(objects, module, [number], Kept, lambda: Kept(day=at.date()))
    first, second, _ = objects.names("memo/fit-at")
    objects.objects[first] = objects.objects[first].replace(b"2024", b"2025")
    objects.objects[second] = b"[]"
    assert list(find_remembered(objects, module, At)) == [At(at=at)]
