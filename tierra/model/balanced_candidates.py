"""Candidates balanced in each of a project's ways: each is a candidate of its own, tried and measured as all are."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from tierra.model.balance_spec import NONE, Balance
from tierra.model.spec import Model


def add_balanced(candidates: Iterable[Any], ways: Sequence[Balance]) -> Iterator[Any]:
    """The candidates, and behind each model that states no balance itself the same model in each of the ways."""
    for each in candidates:
        yield each
        if isinstance(each, Model) and each.balance is None:
            yield from (each.model_copy(update={"balance": way, "name": _name(each, way)}) for way in ways)


def names_by_way(candidates: Iterable[Any], ways: Sequence[Balance]) -> Mapping[str, Mapping[str, str]]:
    """The names of a model's balanced candidates by way, that of none first, by the model's name."""
    every = list(candidates)
    known = {each.name for each in every}
    plain = [each for each in every if isinstance(each, Model) and each.balance is None and ways]
    return {
        each.name: {NONE: each.name, **{way.name: _name(each, way) for way in ways if _name(each, way) in known}}
        for each in plain
    }


def _name(model: Model, way: Balance) -> str:
    return f"{model.name}_{way.name}"
