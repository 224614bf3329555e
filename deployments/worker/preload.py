"""Everything that runs import, imported once, in a process that stays free of threads."""

import importlib
import os
from collections.abc import Iterator
from typing import Final

from deployments.worker.sources import CHECKOUT

# Libraries that start threads when they are loaded, and the setting that prevents it. A fork takes no thread along.
NO_THREADS: Final = {
    "OPENBLAS_NUM_THREADS": "1",  # NumPy's and SciPy's; a run gets the usual number back
    "JE_ARROW_MALLOC_CONF": "background_thread:false",  # Arrow's allocator; memory is given back by the caller then
}
# Imported by runs when they need them, inside functions.
LIBRARIES: Final = (
    "prefect.flow_engine",
    "prefect.task_engine",
    "prefect.artifacts",
    "prefect.runtime",
    "prefect.deployments.steps.core",
    "prefect.events.worker",
    "prefect.utilities.visualization",
    "anyio._backends._asyncio",
    "numpy.random",
    "pandas",
    "pyarrow.parquet",
    "pyarrow.compute",
    "pyarrow.dataset",
    "threadpoolctl",
    "sklearn.ensemble",
    "sklearn.linear_model",
    "sklearn.pipeline",
    "sklearn.compose",
    "sklearn.calibration",
    "sklearn.model_selection",
    "skops.io",
    "great_expectations",
    "mlflow",
    "sqlalchemy",
    "psycopg",
    "boto3",
)
PACKAGES: Final = ("tierra", "tasks", "flows")
# A command line and what starts other processes: no run imports them.
LEFT_OUT: Final = ("tierra.cli",)


def preload() -> list[str]:
    """Import it all; what could not be imported, each with the reason. A run meets that error itself."""
    return [problem for name in (*LIBRARIES, *list_modules()) if (problem := _import(name))]


def list_modules() -> Iterator[str]:
    """The modules of this checkout that runs import."""
    for package in PACKAGES:
        folder = _folder(package)
        for parent, _, files in os.walk(folder):
            inside = os.path.relpath(parent, folder).replace(os.sep, ".").removeprefix(".")
            prefix = f"{package}.{inside}" if inside else package
            if not prefix.startswith(LEFT_OUT):
                yield from (f"{prefix}.{name[:-3]}" for name in sorted(files) if name.endswith(".py"))


def _folder(package: str) -> str:
    if found := importlib.util.find_spec(package):
        return (found.submodule_search_locations or [""])[0]
    return str(CHECKOUT / package)


def _import(name: str) -> str | None:
    try:
        importlib.import_module(name.removesuffix(".__init__"))
    except Exception as error:  # noqa: BLE001  whatever a broken module raises
        return f"{name}: {type(error).__name__}: {error}"
    return None
