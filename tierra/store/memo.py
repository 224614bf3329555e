"""The one memo: what a step made of the same inputs is found, not made again."""

import hashlib
import json
from collections.abc import Callable, Iterable
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel

from tierra.journal import note_reused
from tierra.store.objects import Objects
from tierra.store.refs import ObjectRef

Made = TypeVar("Made", bound=BaseModel)
LIBRARIES = ("numpy", "pandas", "pyarrow", "scikit-learn", "skops", "great-expectations")


def digest(value: Any) -> str:
    """SHA-256 of a value's canonical JSON; pydantic models and dates included."""
    text = json.dumps(value, sort_keys=True, default=_plain, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def remember(
    objects: Objects, step: str, inputs: Any, kind: type[Made], make: Callable[[], Made], exists: Callable[[Made], bool]
) -> Made:
    """What `make` returns, or what it returned before for the same inputs and code.

    A remembered value counts only while `exists` says that what it points to is
    still in the store.
    """
    name = f"memo/{step}/{digest([step, inputs, code_version()])}.json"
    try:
        found = kind.model_validate_json(objects.read(name))
        if exists(found):
            note_reused()
            return found
    except FileNotFoundError:
        pass
    made = make()
    objects.put_if_absent(name, made.model_dump_json().encode())
    return made


@cache
def code_version() -> str:
    """Digest of Tierra's own stations and of the libraries that decide their results."""
    root = Path(__file__).parent.parent
    files = sorted([*root.glob("data/*.py"), *root.glob("model/*.py")])
    own = [(file.name, hashlib.sha256(file.read_bytes()).hexdigest()) for file in files]
    return digest([own, [(name, version(name)) for name in LIBRARIES]])


def all_present(objects: Objects, names: Iterable[str]) -> bool:
    """Whether every named object is in the store."""
    for name in names:
        try:
            objects.open(name).close()
        except FileNotFoundError:
            return False
    return True


def all_intact(objects: Objects, refs: Iterable[ObjectRef]) -> bool:
    """Whether every object is in the store with the bytes it was written with."""
    try:
        return all(hashlib.sha256(objects.read(ref.name)).hexdigest() == ref.sha256 for ref in refs)
    except FileNotFoundError:
        return False


def _plain(value: Any) -> Any:
    return value.model_dump(mode="json") if isinstance(value, BaseModel) else str(value)
