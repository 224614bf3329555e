"""The parameters that a project file states, by the names that an estimator has."""

from collections.abc import Iterable
from difflib import get_close_matches
from inspect import signature

from sklearn.base import BaseEstimator

from tierra.errors import Misconfigured
from tierra.model.spec import Model


def require_parameters(candidate: Model, cls: type[BaseEstimator], names: Iterable[str]) -> None:
    """Raise Misconfigured where an estimator has no parameter of one of these names."""
    if any(each.kind is each.VAR_KEYWORD for each in signature(cls).parameters.values()):
        return  # it takes any
    known = cls._get_param_names()
    for name in names:
        if name.partition("__")[0] not in known:
            near = [each for each in known if each.lower() == name.lower()] or get_close_matches(name, known, 1)
            hint = f"did you mean '{near[0]}'?" if near else f"it has {', '.join(known)}"
            what = f"candidate {candidate.name}: '{name}' is no parameter of {candidate.model} ({hint})"
            raise Misconfigured("fit-failed", what)
