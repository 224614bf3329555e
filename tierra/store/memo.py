"""The one memo: what a step made of the same inputs is found, not made again."""

import hashlib
import json
from collections.abc import Callable, Iterator
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel

from tierra.journal import note_found, note_made
from tierra.store.objects import Objects
from tierra.store.refs import ObjectRef

Made = TypeVar("Made", bound=BaseModel)
LIBRARIES = ("numpy", "pandas", "pyarrow", "scikit-learn", "skops", "great-expectations")


def digest(value: Any) -> str:
    """SHA-256 of a value's canonical JSON; pydantic models and dates included."""
    text = json.dumps(value, sort_keys=True, default=_plain, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def remember(
    objects: Objects,
    step: str,
    inputs: Any,
    kind: type[Made],
    make: Callable[[], Made],
    stands: Callable[[Made], bool] | None = None,
) -> Made:
    """What `make` returns, or what it returned before for the same inputs and code.

    A remembered value counts only while it stands: unless `stands` says when that
    is, while every object it refers to is still in the store.
    """
    # Shortened, because a name that ends in a whole SHA-256 is that of an object's bytes.
    name = f"memo/{step}/{digest([step, inputs, code_version()])[:40]}.json"
    try:
        found = kind.model_validate_json(objects.read(name))
        if stands(found) if stands else _is_there(objects, found):
            note_found()
            return found
    except FileNotFoundError:
        pass
    made = make()
    note_made()
    objects.put_if_absent(name, made.model_dump_json().encode())
    return made


def _is_there(objects: Objects, found: BaseModel) -> bool:
    for ref in _references(found):
        objects.open(ref.name).close()
    return True


def _references(value: Any) -> Iterator[ObjectRef]:
    """The references inside a remembered value."""
    if isinstance(value, ObjectRef):
        yield value
    elif isinstance(value, BaseModel):
        for _, inner in value:
            yield from _references(inner)


@cache
def code_version() -> str:
    """Digest of Tierra's own stations and of the libraries that decide their results."""
    root = Path(__file__).parent.parent
    files = sorted([*root.glob("data/*.py"), *root.glob("model/*.py")])
    own = [(file.name, hashlib.sha256(file.read_bytes()).hexdigest()) for file in files]
    return digest([own, [(name, version(name)) for name in LIBRARIES]])


def _plain(value: Any) -> Any:
    return value.model_dump(mode="json") if isinstance(value, BaseModel) else str(value)
