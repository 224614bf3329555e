"""Counting a candidate's boosted trees before it is fitted on folds, in a search, or with fewer of them."""

from sklearn.pipeline import Pipeline

from tierra.model.admission import build_admission
from tierra.model.candidates import admit, build_pipeline, said_of
from tierra.model.examples import Examples
from tierra.model.own import NONE, OwnClasses
from tierra.model.preprocessing_spec import Preprocessing
from tierra.model.rounds import is_counted, model_of, set_rounds
from tierra.model.spec import Model
from tierra.model.threads import threads_for
from tierra.model.treatments import infer_treatments


def with_counted(candidate: Model, examples: Examples, preprocessing: Preprocessing, own: OwnClasses = NONE) -> Model:
    """The candidate with the number of boosted trees that is best on these rows, where it states none."""
    if not is_counted(candidate):
        return candidate
    return candidate.with_params({"max_iter": count_trees(candidate, examples, preprocessing, own)})


def count_trees(candidate: Model, examples: Examples, preprocessing: Preprocessing, own: OwnClasses = NONE) -> int:
    """How many boosted trees are best for a candidate on these rows. Raises Misconfigured."""
    return int(model_of(build_counted(candidate, examples, preprocessing, own)).max_iter)


def build_counted(
    candidate: Model, examples: Examples, preprocessing: Preprocessing, own: OwnClasses = NONE
) -> Pipeline:
    """Preprocessing and model for these rows, not fitted, its trees counted. Raises Misconfigured."""
    known = infer_treatments(examples.features, preprocessing, examples.is_grouped)
    _, rows = admit(examples, build_admission(known, preprocessing.fence_share))
    pipeline = build_pipeline(candidate, rows, preprocessing, known, own)
    with threads_for(len(rows.target)), said_of(candidate):
        set_rounds(candidate, pipeline, rows)
    return pipeline
