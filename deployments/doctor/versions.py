"""The versions that are known to work together, and those known not to.

Read from the packages' metadata alone: nothing is imported, so that it works where they do not.
"""

import platform
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from packaging.specifiers import SpecifierSet

from deployments.doctor.finding import DoctorCheck, Finding

PYTHON: Final = ">=3.11,<3.14"
# The bounds of pyproject.toml; a test holds the two together.
MATRIX: Final = {
    "boto3": ">=1.44,<2",
    "cronsim": ">=2.7,<3",
    "fastapi": ">=0.139,<0.151",
    "great-expectations": ">=1.24,<1.25",
    "httpcore": ">=1.0.9,<2",
    "imbalanced-learn": ">=0.14.2,<0.15",
    "jinja2": ">=3.1,<4",
    "loguru": ">=0.7.3,<0.8",
    "mlflow": ">=3.17,<3.18",
    "numpy": ">=2.4,<3",
    "opentelemetry-proto": ">=1.40,<2",
    "optuna": ">=5,<6",
    "pandas": ">=3.1,<3.2",
    "prefect": ">=3.8.8,<3.9",
    "prometheus-client": ">=0.22,<1",
    "psycopg": ">=3.2,<4",
    "pyarrow": ">=25,<26",
    "pydantic": ">=2.14,<3",
    "pydantic-settings": ">=2.16,<3",
    "pyyaml": ">=6.0,<7",
    "rich": ">=14",
    "scikit-learn": ">=1.9.1,<1.10",
    "skops": ">=0.16,<0.17",
    "sqlalchemy": ">=2.0.40,<2.1",
    "threadpoolctl": ">=3.5,<4",
    "typer": ">=0.16",
}


@dataclass(frozen=True)
class Incompatibility:
    """Versions of a package that are known not to work, and the symptom."""

    package: str
    versions: str
    symptom: str


# Seen in trials; docs/decisions/0002-pins.md.
INCOMPATIBLE: Final = (
    Incompatibility("fastapi", ">=0.155", "Prefect's server dies at import (Body() ... 'min_items')"),
    Incompatibility(
        "fastapi", ">=0.151,<0.155", "Prefect's server answers 422 to the calls that list flow runs and logs"
    ),
    Incompatibility("sqlalchemy", ">=2.1", "Prefect's scheduler never creates a scheduled run"),
    Incompatibility(
        "prefect", ">=3.9", "Tierra is not tested with it, and it does not resolve beside the rest (certifi)"
    ),
)
CHECK = DoctorCheck("versions")


def check_versions() -> Iterator[Finding]:
    """A finding for each version outside its bounds, or one that says that there is none."""
    found = [finding for package, bounds in MATRIX.items() if (finding := _check_package(package, bounds))]
    if platform.python_version() not in _specifiers(PYTHON):
        found.append(CHECK.broken(f"Python {platform.python_version()} is outside {PYTHON}", "Use a Python within"))
    yield from found
    if not found:
        kept = ", ".join(f"{package} {version(package)}" for package in ("prefect", "fastapi", "sqlalchemy"))
        yield CHECK.ok(f"{len(MATRIX)} packages within their bounds: {kept}, ...")


def _check_package(package: str, bounds: str) -> Finding | None:
    install = f"pip install '{package}{bounds}', or `make install` for the whole set"
    try:
        installed = version(package)
    except PackageNotFoundError:
        return CHECK.broken(f"{package} is not installed", install)
    if installed in _specifiers(bounds):
        return None
    for known in INCOMPATIBLE:
        if known.package == package and installed in _specifiers(known.versions):
            return CHECK.broken(f"{package} {installed} is outside {bounds}: {known.symptom}", install)
    return CHECK.warning(f"{package} {installed} is outside {bounds}: Tierra is not tested with it", install)


def _specifiers(bounds: str) -> SpecifierSet:
    # A pre-release of a later version brings what that version brings.
    return SpecifierSet(bounds, prereleases=True)
