"""What each step of a training gained, in the metric of the gate: one line a step."""

from collections.abc import Iterator

from tierra.facts import CandidatesFitted, DecisionsChosen, ParametersSearched
from tierra.journal import Journal
from tierra.model.decision_chosen import DecisionChosen
from tierra.model.difference import signed
from tierra.model.gate_checks import format_difference, format_metric
from tierra.model.search_found import SearchDone
from tierra.model.spec import LOWER_IS_BETTER, heading

RULE = "rule"


def describe_gains(journal: Journal, best: str, metric: str) -> list[str]:
    """From the rule to what serves, by the rows held out: the best model alone, the ensemble, searches, calibration."""
    lines = [line for each in journal.facts(CandidatesFitted) for line in _models(each, best, metric)]
    lines += [_searched(done) for fact in journal.facts(ParametersSearched) for done in fact.searches
              if _default(done) is not None]  # fmt: skip
    chosen = [fact.chosen[best] for fact in journal.facts(DecisionsChosen) if best in fact.chosen]
    return lines + [_calibrated(each) for each in chosen if each.tried]


def _models(tried: CandidatesFitted, best: str, metric: str) -> Iterator[str]:
    values = {name: each[metric] for name, each in tried.validation.items() if metric in each}
    alone = [name for name in values if name not in (RULE, *tried.ensembles)]
    if not alone or RULE not in values:
        return
    first = max(alone, key=lambda name: signed(metric, values[name]))
    yield f"{_words(first)}, the best model alone: {_gain(metric, values[first], values[RULE])} the rule"
    if best in values and best not in (first, RULE):
        yield f"{_words(best)}, which was chosen: {_gain(metric, values[best], values[first])} {_words(first)}"


def _gain(metric: str, value: float, before: float) -> str:
    gain = signed(metric, value - before)
    by = f"{'better' if gain >= 0 else 'worse'} by {format_difference(abs(gain), 4)}"
    return f"{heading(metric)} {format_metric(value)}, {by} than"


def _default(done: SearchDone) -> float | None:
    """What the defaults, the first trial, came to, where that ended."""
    return done.trials[0].value if done.trials and done.trials[0].state == "complete" else None


def _searched(done: SearchDone) -> str:
    sign = -1 if done.metric in LOWER_IS_BETTER else 1
    default = _default(done)
    assert default is not None
    found = _gain(done.metric, sign * done.value, sign * default)
    return f"parameters found for {_words(done.candidate)}: {found} the defaults, in the trials"


def _calibrated(chosen: DecisionChosen) -> str:
    before, losses = chosen.tried[0].loss, {each.method: each.loss for each in chosen.tried}
    if chosen.calibration == "none":
        return f"calibration: none, log loss {before:.4f}; no method is shown to be better"
    return f"calibration: {chosen.calibration}, log loss {losses[chosen.calibration]:.4f}, {before:.4f} before"


def _words(name: str) -> str:
    return name.replace("_", " ")
