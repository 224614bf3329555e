"""A project's own transformers and estimators: from its files to classes, and back from the artifact.

The artifact holds the attributes of such an object and the name of its class, never its code. The class is taken from
the project's files as they were registered, whose digests are checked, and only where the project file names it. A
module of the name of an installed package is refused, so that the name of a class says one thing.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any, Literal, cast

from sklearn.base import BaseEstimator, is_classifier, is_regressor

from tierra.data.code import load_classes, said_by_project, standing_in
from tierra.data.labels import Labels
from tierra.errors import Misconfigured, first_line
from tierra.model.class_weights import class_weights
from tierra.model.parameters import require_parameters
from tierra.model.spec import Model

SEED = 0


@dataclass(frozen=True)
class OwnClasses:
    """The classes that a project file names, as file:Class, and the folder of their files."""

    folder: Path = Path()
    names: tuple[str, ...] = ()

    def __reduce__(self) -> tuple[type["OwnClasses"], tuple[Path, tuple[str, ...]]]:
        """Another process is handed the names, and loads the classes itself."""
        return OwnClasses, (self.folder, self.names)

    @property
    def types(self) -> frozenset[str]:
        """Their types as an artifact names them."""
        return frozenset(types_of(self.names))

    @cached_property
    def classes(self) -> Mapping[str, type[BaseEstimator]]:
        """The classes by name. Raises Misconfigured where one is not fit for an artifact."""
        for name in self.names:
            _check_module(name, self.folder)
        found = load_classes(self.folder, self.names)
        for name, cls in found.items():
            _check_class(name, cls)
        return cast(Mapping[str, type[BaseEstimator]], found)

    def in_place(self) -> AbstractContextManager[None]:
        """While it lasts, the names of these classes lead to them, for a loader that goes by names."""
        return standing_in(self.classes.values()) if self.names else nullcontext()


NONE = OwnClasses()


def types_of(names: Sequence[str]) -> Iterator[str]:
    """The types of classes named file:Class."""
    return (name.replace(":", ".") for name in names)


def build_own(candidate: Model, labels: Labels, own: OwnClasses) -> BaseEstimator:
    """An estimator of the project's own, with the candidate's parameters. Raises Misconfigured."""
    cls = own.classes[candidate.model]
    require_parameters(candidate, cls, candidate.params)
    seed = {"random_state": SEED} if "random_state" in cls._get_param_names() else {}
    try:
        model = cls(**{**seed, **class_weights(candidate, labels), **candidate.params})
    except TypeError as error:
        raise Misconfigured("fit-failed", f"candidate {candidate.name}: {error}") from None
    if not (is_regressor if labels.task == "regression" else is_classifier)(model):
        what = f"candidate {candidate.name}: {candidate.model} cannot predict a {labels.task} target"
        raise Misconfigured("task-mismatch", what)
    return model


def build_transformer(name: str, own: OwnClasses) -> BaseEstimator:
    """A transformer of the project's own, which is made without parameters. Raises Misconfigured."""
    cls = own.classes[name]
    if not (hasattr(cls, "fit") and hasattr(cls, "transform")):
        raise Misconfigured("class-unfit", f"{name} has no fit and transform, as a transformer needs them")
    try:
        return cls()
    except Exception as error:  # the project's own code may raise anything
        said = said_by_project(error) or f"{type(error).__name__}: {first_line(error)}"
        raise Misconfigured("function-failed", f"{name}: {said}") from error


def own_needs(model: BaseEstimator) -> Literal["numbers", "scaled", "ordinal"]:
    """What it says it needs from its preprocessing in its attribute `needs`; scaled numbers where it says nothing."""
    match getattr(model, "needs", ""):
        case "numbers":
            return "numbers"
        case "ordinal":
            return "ordinal"
        case _:
            return "scaled"


def _check_class(name: str, cls: Any) -> None:
    module = name.partition(":")[0]
    if not (isinstance(cls, type) and issubclass(cls, BaseEstimator)):
        raise Misconfigured("class-unfit", f"{name} is no subclass of sklearn.base.BaseEstimator")
    if cls.__module__ != module:
        raise Misconfigured("class-unfit", f"{name} is defined in {cls.__module__}: name it where it is defined")


def _check_module(name: str, folder: Path) -> None:
    module = name.partition(":")[0]
    installed = PathFinder.find_spec(module)
    is_ours = installed and installed.origin and Path(installed.origin).parent == folder
    if module in sys.stdlib_module_names or (installed and not is_ours):
        raise Misconfigured("class-unfit", f"{name}: {module} is also the name of an installed module; rename the file")
