"""Small values by reference: JSON objects named by the digest of their content."""

import hashlib
from typing import TypeVar

from pydantic import BaseModel

from tierra.errors import Broken
from tierra.store.objects import Objects
from tierra.store.refs import ObjectRef

Value = TypeVar("Value", bound=BaseModel)


def keep_value(objects: Objects, stem: str, value: BaseModel) -> ObjectRef:
    """Write a value into the store, to be read by its reference."""
    with objects.draft(stem, ".json") as draft:
        draft.write(value.model_dump_json().encode())
    return ObjectRef(name=draft.name, sha256=draft.sha256)


def read_value(objects: Objects, ref: ObjectRef, kind: type[Value]) -> Value:
    """A value by its reference. Raises FileNotFoundError when it is gone, Broken when it is another."""
    data = objects.read(ref.name)
    if hashlib.sha256(data).hexdigest() != ref.sha256:
        raise Broken("store-tampered", f"{objects.location(ref.name)} is not what was written")
    return kind.model_validate_json(data)
