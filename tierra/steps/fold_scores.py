"""What candidates predict of each fold's rows, fitted on the others: pieces of work that are remembered one by one."""

import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain

import numpy as np
import pandas as pd
import pyarrow as pa
from loguru import logger
from pydantic import BaseModel, ConfigDict

from tierra.data.code import load_code
from tierra.engine import spread
from tierra.errors import Misconfigured
from tierra.facts import TimeEstimated
from tierra.journal import note, track
from tierra.model.artifact import dump_model
from tierra.model.candidates import check_types, fit_candidate
from tierra.model.effort import estimate_seconds
from tierra.model.ensemble_spec import Ensemble
from tierra.model.growing_spec import Cost
from tierra.model.recorded import score_columns, scores_of
from tierra.model.rounds import is_counted
from tierra.model.spec import Model, Rule
from tierra.project.project import Project
from tierra.steps.counted import count_for, with_trees
from tierra.steps.large import in_parts, is_large
from tierra.steps.learning import Learning, inputs_of
from tierra.steps.own import own_classes
from tierra.steps.parts import Parts
from tierra.store.memo import digest, recall, remember
from tierra.store.refs import TableRef
from tierra.store.tables import read_table, write_table
from tierra.workspace import Workspace

MANY_FITTED = 100_000  # rows of all fits


class HeldOut(BaseModel):
    """A candidate's scores of the rows held out, fold by fold."""

    model_config = ConfigDict(frozen=True)

    scores: TableRef


class FoldScored(HeldOut):
    """A candidate's scores of the rows of one fold."""

    candidate: str
    number: int
    cost: Cost | None = None


@dataclass(frozen=True)
class Piece:
    """A candidate to be fitted and asked on one fold, wherever: with references alone.

    `inputs` is the digest of all that decides what comes of it, the project's own files too.
    """

    project: Project
    parts: Parts
    candidate: Rule | Model
    number: int
    inputs: str


def hold_out(learning: Learning, candidates: Sequence[Rule | Model]) -> dict[str, HeldOut]:
    """What each predicts of all rows held out; each fold of each that is not known yet is a piece of work."""
    objects = learning.workspace.objects
    known = {each.name: recall(objects, __name__, inputs_of(learning, each), HeldOut) for each in candidates}
    new = [each for each in candidates if not known[each.name]]
    done = {(each.candidate, each.number): each for each in _predict_new(learning, new)}
    for each in new:
        scores = [done[each.name, number].scores for number in range(len(learning.folds))]
        make = partial(_joined, learning, scores)
        if cost := done[each.name, 0].cost:
            remember(objects, __name__, inputs_of(learning, each), Cost, partial(_same, cost))
        known[each.name] = remember(objects, __name__, inputs_of(learning, each), HeldOut, make)
    return {name: held for name, held in known.items() if held}


def pieces_of(learning: Learning, candidate: Rule | Model) -> list[Piece]:
    """A piece of work for each fold."""
    inputs = digest(inputs_of(learning, candidate))
    return [Piece(learning.project, learning.parts, candidate, number, inputs) for number in range(len(learning.folds))]


def predict_fold(workspace: Workspace, piece: Piece) -> Iterator[FoldScored]:
    """What a candidate predicts of the rows of one fold, fitted on the fold's others.

    Raises Misconfigured on a machine whose files of the project are not those of the run.
    """
    stated = Learning(workspace, piece.project, piece.parts)
    learning = workspace.once.get(stated.key, lambda: stated)
    every = inputs_of(stated, piece.candidate)
    if digest(every) != piece.inputs:
        what = f"a worker of Ray has other files in {piece.project.folder} than the run"
        raise Misconfigured("ray-differs", what)
    inputs = [*every, piece.number]
    yield remember(
        workspace.objects, __name__, inputs, FoldScored, lambda: _predict_fold(learning, piece.project, piece)
    )


def costs_of(learning: Learning, names: Collection[str]) -> dict[str, Cost]:
    """What each candidate costs, as it was measured when it was fitted on the first fold."""
    objects, candidates = learning.workspace.objects, learning.project.candidates or ()
    known = {each.name: recall(objects, __name__, inputs_of(learning, each), Cost) for each in candidates
             if each.name in names and not isinstance(each, Ensemble)}  # fmt: skip
    return {name: cost for name, cost in known.items() if cost}


def read_scores(learning: Learning, scores: TableRef) -> pd.DataFrame:
    """Scores that were kept."""
    return read_table(learning.workspace.objects, scores).to_pandas()


def write_scores(learning: Learning, scores: np.ndarray) -> TableRef:
    """Keep the scores of rows as a table."""
    columns = score_columns(learning.parts.labels)
    table = pa.table(list(scores.reshape(len(scores), -1).T), names=columns)
    return write_table(learning.workspace.objects, "scores/", table.schema, [table])


def _predict_new(learning: Learning, candidates: Sequence[Rule | Model]) -> Iterator[FoldScored]:
    project, workspace, own = learning.project, learning.workspace, own_classes(learning.project)
    for each in candidates:  # what cannot be fitted, or kept, is refused before the others take their time
        check_types(each, learning.rows, project.preprocessing, bool(project.score.reasons), own)
    pieces = [piece for each in candidates for piece in pieces_of(learning, each)]
    _say_how_long(learning, candidates)
    large = [piece for piece in pieces if is_large(piece.candidate)]  # itself many pieces of work
    small = [piece for piece in pieces if piece not in large]
    counted = [piece for piece in pieces if not piece.number and isinstance(piece.candidate, Model)
               and is_counted(piece.candidate)]  # fmt: skip
    with workspace.once.lent(learning.key, learning):  # in this process the rows that are here are used
        for _ in track(spread(workspace, count_for, counted), "counts of trees", len(counted)):
            pass  # remembered, and found again by each fold
        here = (each for piece in large for each in predict_fold(workspace, piece))
        yield from track(chain(spread(workspace, predict_fold, small), here), "fits", len(pieces))


def _say_how_long(learning: Learning, candidates: Sequence[Rule | Model]) -> None:
    """Before it starts, the seconds that it will take; of few rows and fits they are soon over."""
    fits = [len(fold.fitted) for fold in learning.folds]
    if sum(fits) * len(candidates) >= MANY_FITTED:
        estimate = estimate_seconds(candidates, learning.rows, fits, learning.project.preprocessing,
                                    own_classes(learning.project))  # fmt: skip
        logger.info("trying the candidates takes {}", estimate)
        note(TimeEstimated(str(estimate)))


def _predict_fold(learning: Learning, project: Project, piece: Piece) -> FoldScored:
    fold, rows, own, began = learning.folds[piece.number], learning.rows, own_classes(project), time.perf_counter()
    functions = load_code(project.folder, project.balance_functions).functions
    with in_parts(learning.workspace, piece.candidate):
        model = fit_candidate(with_trees(learning, piece.candidate), rows.take(fold.fitted), project.preprocessing,
                              own=own, functions=functions)  # fmt: skip
    fitted = time.perf_counter()
    found = scores_of(model, rows.table.iloc[fold.held_out], learning.parts.labels)
    _require_numbers(piece.candidate.name, found)
    apart = (fitted - began, (time.perf_counter() - fitted) / max(len(found), 1) * 1e6)
    # One fold is enough to tell what it costs.
    cost = None if piece.number else Cost(seconds=apart[0], microseconds=apart[1], bytes=len(dump_model(model, own)))
    scores = write_scores(learning, found)
    return FoldScored(scores=scores, candidate=piece.candidate.name, number=piece.number, cost=cost)


def _require_numbers(candidate: str, scores: np.ndarray) -> None:
    if strange := int((~np.isfinite(scores.reshape(len(scores), -1)).all(axis=1)).sum()):
        what = f"candidate {candidate}: what it predicts is no number in {strange:,} of {len(scores):,} rows held out"
        raise Misconfigured("fit-failed", what)


def _same(cost: Cost) -> Cost:
    return cost


def _joined(learning: Learning, scores: Sequence[TableRef]) -> HeldOut:
    """The scores of all folds, one after the other."""
    if len(scores) == 1:
        return HeldOut(scores=scores[0])
    tables = [read_table(learning.workspace.objects, each) for each in scores]
    return HeldOut(scores=write_table(learning.workspace.objects, "scores/", tables[0].schema, tables))
