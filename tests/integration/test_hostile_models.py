"""Model files made to run code when loaded: each is refused, and none of it runs."""

import functools
import io
import json
import operator
import os
import pickle
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from skops.io import dumps
from skops.io._protocol import PROTOCOL

from tests.champions import a_release, an_appointment, keep_model
from tierra.errors import Broken
from tierra.model.champions import Champions
from tierra.model.rules import RateRule
from tierra.store.objects import MemoryObjects


class TouchesWhenRestored:
    """A class of no one's list that acts when it is restored."""

    def __init__(self, canary: str) -> None:
        self.canary = canary

    def __setstate__(self, state: dict[str, Any]) -> None:
        Path(state["canary"]).touch()

    def act(self) -> None:
        Path(self.canary).touch()

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.canary}",)


def skops_file(schema: dict[str, Any] | str, **files: bytes) -> bytes:
    """A skops file written by hand."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("schema.json", schema if isinstance(schema, str) else json.dumps(schema))
        for name, data in files.items():
            file.writestr(name, data)
    return buffer.getvalue()


def node(loader: str, module: str, name: str, **more: Any) -> dict[str, Any]:
    return {"__class__": name, "__module__": module, "__loader__": loader, "__id__": 1, "protocol": PROTOCOL,
            "_skops_version": "0.16", **more}  # fmt: skip


def in_a_model(thing: Any) -> bytes:
    """A model of an allowed type with something else inside."""
    return bytes(dumps(RateRule([thing])))


def in_json(text: str) -> dict[str, Any]:
    return node("JsonNode", "builtins", "str", content=json.dumps(text), is_json=True)


def arguments(*values: str) -> dict[str, Any]:
    return node("TupleNode", "builtins", "tuple", content=[in_json(value) for value in values])


def function(module: str, name: str) -> dict[str, Any]:
    return node("FunctionNode", module, "function", content={"module_path": module, "function": name})


def reduced(canary: Path) -> bytes:
    call = node("ReduceNode", "os", "system", args=arguments(f"touch {canary}"), constructor=function("os", "system"))
    return skops_file(node("TreeNode", "sklearn.tree._tree", "Tree", reduce=call, **call))


def swapped_in(data: bytes, old: str, new: str) -> bytes:
    """The same file with a name in its schema exchanged."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old_file, zipfile.ZipFile(buffer, "w") as file:
        for name in old_file.namelist():
            text = old_file.read(name)
            assert name != "schema.json" or old.encode() in text
            file.writestr(name, text.replace(old.encode(), new.encode()))
    return buffer.getvalue()


HOSTILE: dict[str, Callable[[Path], bytes]] = {
    "os.system": lambda canary: in_a_model(os.system),
    "os.system in a partial": lambda canary: in_a_model(functools.partial(os.system, f"touch {canary}")),
    "subprocess.Popen": lambda canary: in_a_model(subprocess.Popen),
    "subprocess.run": lambda canary: in_a_model(subprocess.run),
    "builtins.eval": lambda canary: in_a_model(eval),
    "builtins.exec": lambda canary: in_a_model(exec),
    "methodcaller": lambda canary: in_a_model(operator.methodcaller("touch")),
    "a bound method": lambda canary: in_a_model(TouchesWhenRestored(str(canary)).act),
    "a class of their own": lambda canary: in_a_model(TouchesWhenRestored(str(canary))),
    "a class outside a model": lambda canary: bytes(dumps(TouchesWhenRestored(str(canary)))),
    "a module that acts when imported": lambda canary: skops_file(node("ObjectNode", "evil_on_import", "Model")),
    "an allowed name from elsewhere": lambda canary: swapped_in(
        in_a_model("zone"), "tierra.model.rules", "evil_on_import"
    ),
    "a call in place of a tree": reduced,
    "a loader nobody knows": lambda canary: skops_file(node("EvilNode", "os", "system")),
    "operator from elsewhere": lambda canary: skops_file(
        node("OperatorFuncNode", "os", "system", attrs=arguments(f"touch {canary}"))
    ),
    "a pickle": lambda canary: pickle.dumps(TouchesWhenRestored(str(canary))),
    "a pickle as an array": lambda canary: skops_file(
        node("NdArrayNode", "numpy", "ndarray", type="numpy", file="a.npy"),
        **{"a.npy": b"\x93NUMPY\x01\x00\x76\x00"
           + b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }".ljust(117) + b"\n"
           + pickle.dumps(TouchesWhenRestored(str(canary)))},
    ),
    "a zip with bad JSON": lambda canary: skops_file("{not json"),
    "a zip with JSON that is no schema": lambda canary: skops_file("[1, 2]"),
    "a zip whose schema says nothing": lambda canary: skops_file("{}"),
    "a zip without a schema": lambda canary: zip_of("other.json"),
    "a schema without its files": lambda canary: skops_file(
        node("NdArrayNode", "numpy", "ndarray", type="numpy", file="absent.npy")
    ),
    "a schema nested without end": lambda canary: skops_file('{"a":' * 50_000 + "1" + "}" * 50_000),
    "half a file": lambda canary: in_a_model("zone")[:200],
    "nothing": lambda canary: b"",
    "text": lambda canary: b"import os",
}  # fmt: skip


def zip_of(name: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr(name, "{}")
    return buffer.getvalue()


@pytest.fixture
def canary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that appears when hostile code runs; a module that makes it when imported lies on the path."""
    file = tmp_path / "canary"
    (tmp_path / "evil_on_import.py").write_text(f"open({str(file)!r}, 'w')\nclass RateRule: ...\nclass Model: ...\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    return file


def test_a_hostile_file_is_refused_before_any_of_it_runs(canary: Path) -> None:
    for kind, make in HOSTILE.items():
        objects, data = MemoryObjects(), make(canary)
        model = keep_model(objects, data)
        champion = Champions(objects).appoint(a_release(model_sha256=model.sha256), model, {}, an_appointment(), 0)
        assert champion, kind
        with pytest.raises(Broken, match="artifact-unsafe"):
            Champions(objects).load(champion)
        assert not canary.exists(), kind
        assert "evil_on_import" not in sys.modules, kind


def test_a_hostile_file_in_a_good_ones_place_is_not_even_opened(canary: Path) -> None:
    objects = MemoryObjects()
    model = keep_model(objects, bytes(dumps(RateRule(["zone"]))))
    champion = Champions(objects).appoint(a_release(model_sha256=model.sha256), model, {}, an_appointment(), 0)
    assert champion
    assert Champions(objects).load(champion).columns == ["zone"]
    for kind, make in HOSTILE.items():
        objects.objects[model.name] = make(canary)
        with pytest.raises(Broken, match=rf"{model.name}.*artifact-tampered"):
            Champions(objects).load(champion)
        assert not canary.exists(), kind


def test_the_canary_sings_when_hostile_code_does_run(canary: Path) -> None:
    pickle.loads(HOSTILE["a pickle"](canary))
    assert canary.exists()
