"""Published reasons, read back from their text."""

import json
import math
from typing import Any, Final

REASONS: Final = "reasons"  # the column that holds them
CLOSE: Final = 1e-9


def count_reasons(text: str) -> int:
    """How many features a text of reasons names."""
    return len(json.loads(text)["features"])


def say_the_same(one: str, other: str) -> bool:
    """Whether two texts name the same reasons, with numbers that differ in the last bits at most."""
    first, second = _flat(json.loads(one)), _flat(json.loads(other))
    return first.keys() == second.keys() and all(_is_close(value, second[name]) for name, value in first.items())


def _flat(said: dict[str, Any]) -> dict[str, Any]:
    features = {f"feature {name}": value for name, value in said["features"].items()}
    return {name: value for name, value in said.items() if name != "features"} | features


def _is_close(one: Any, other: Any) -> bool:
    if isinstance(one, str) or isinstance(other, str):
        return bool(one == other)
    return math.isclose(one, other, rel_tol=CLOSE, abs_tol=CLOSE)
