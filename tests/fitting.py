"""Candidates fitted on all rows given, for tests that need no folds."""

from collections.abc import Mapping
from typing import Any

from tierra.model.candidates import fit_candidate
from tierra.model.ensemble_spec import Average
from tierra.model.examples import Examples
from tierra.model.preprocessing_spec import Preprocessing
from tierra.model.rules import Averaged, AveragedValue


def fit_any(
    candidate: Any, rows: Examples, fitted: Mapping[str, Any], preprocessing: Preprocessing | None = None
) -> Any:
    """A rule or a model fitted on these rows, or the average of fitted ones."""
    if isinstance(candidate, Average):
        average = AveragedValue if rows.labels.task == "regression" else Averaged
        return average([fitted[name] for name in candidate.average]).fit()
    return fit_candidate(candidate, rows, preprocessing)
