"""What a model holds, whatever its file calls the parts: two models of the same content predict the same numbers."""

import hashlib
import io
import json
import zipfile
from typing import Any, Final

import numpy as np
from sklearn.base import BaseEstimator
from skops.io import dumps

SCHEMA: Final = "schema.json"
OF_THE_FILE: Final = ("__id__", "protocol", "_skops_version")  # how it was written, not what


def is_same_model(one: BaseEstimator, other: BaseEstimator) -> bool:
    """Whether both hold the same classes, parameters and fitted values, to the byte."""
    return type(one) is type(other) and _content(one) == _content(other)


def _content(model: BaseEstimator) -> Any:
    """The model's description, with the digest of each part in place of the name it happens to have."""
    with zipfile.ZipFile(io.BytesIO(dumps(model))) as packed:
        parts = {name: _digest(name, packed.read(name)) for name in packed.namelist()}
        return _with_digests(json.loads(packed.read(SCHEMA)), parts)


def _digest(name: str, data: bytes) -> str:
    """Of a table its columns alone: between them are bytes that say nothing."""
    if name.endswith(".npy") and (fields := (table := np.load(io.BytesIO(data))).dtype.names):
        data = b"".join(table[field].tobytes() for field in fields)
    return hashlib.sha256(data).hexdigest()


def _with_digests(value: Any, parts: dict[str, str]) -> Any:
    match value:
        case dict():
            return {key: _with_digests(each, parts) for key, each in value.items() if key not in OF_THE_FILE}
        case list():
            return [_with_digests(each, parts) for each in value]
        case str():
            return parts.get(value, value)
    return value
