"""The steps of a night: plain functions that take a workspace and references first, and know no Prefect.

A step's module loads when it is first used: `steps.fit.fit_candidates(...)` brings scikit-learn,
`import tierra.steps` alone brings nothing.
"""

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tierra.steps import (
        backfill,
        balance,
        champion,
        collect,
        compare,
        days,
        evaluate,
        features,
        fit,
        latest,
        nightly_project,
        optimise,
        owners,
        parts,
        publish,
        pull,
        register,
        repair,
        repoint,
        set_aside,
        shadow,
        shadow_gate,
        shadowed,
        sink_names,
        then,
        validate,
        variants,
        work,
    )

__all__ = [
    "backfill",
    "balance",
    "champion",
    "collect",
    "compare",
    "days",
    "evaluate",
    "features",
    "fit",
    "latest",
    "nightly_project",
    "optimise",
    "owners",
    "parts",
    "publish",
    "pull",
    "register",
    "repair",
    "repoint",
    "set_aside",
    "shadow",
    "shadow_gate",
    "shadowed",
    "sink_names",
    "then",
    "validate",
    "variants",
    "work",
]


def __getattr__(name: str) -> ModuleType:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return import_module(f"{__name__}.{name}")
