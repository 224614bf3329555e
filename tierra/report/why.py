"""What `tierra why` says of one prediction: on its page and in a terminal."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tierra.model.decision_spec import REVIEW
from tierra.report.index import Run, read_run
from tierra.report.sheets import Lead, Sheet, page_name
from tierra.report.wording import amount, exact, moment
from tierra.steps.explanation import Explanation, GenerationSeen, JoinSeen
from tierra.steps.keys import shown

ENCODED = 60
LOOKED_THROUGH = 50
SLACK = timedelta(seconds=2)


def lead(found: Explanation) -> Lead:
    """The number, and by what it was made, in a sentence."""
    key, newest = shown(found.key), found.generations[-1].generation
    which = f"generation {found.generation} of {newest}" if newest > 1 else "the only generation"
    if found.set_aside:
        sentence = f"{key} of {found.partition} has no prediction: its row was set aside ({found.set_aside})."
        return Lead("Quarantined", "warned", sentence)
    numbers = " and ".join(f"{name} {amount(value) if isinstance(value, float) else value}"
                           for name, value in _made(found).items())  # fmt: skip
    model = f"version {found.model.version or found.model.number} ({found.model.candidate.replace('_', ' ')})"
    sentence = f"{key} of {found.partition} was given {numbers} by {model}, {which}."
    figures = [(_short(value), name) for name, value in _made(found).items()]
    figures += [(amount(found.model.threshold), "threshold")] if found.model.threshold is not None else []
    figures += [
        (found.model.version or str(found.model.number), "model version"),
        (str(found.generation), "generation"),
    ]
    if found.replay is None:
        return Lead(_badge(found), "quiet", sentence, figures)
    mood = "good" if found.replay.equal else "bad"
    figures.append(("equal" if found.replay.equal else "differs", "replayed"))
    return Lead(_badge(found), mood, f"{sentence} {found.replay.sentence}", figures)


def sheets(found: Explanation, receipts: Sequence[tuple[str, Run]] = ()) -> list[Sheet]:
    """Every part of the explanation; `receipts` are the runs that may have published it, by the name of their page."""
    return [
        Sheet("noticed", "Noticed", lines=found.notes),
        Sheet("row", "The row at its source", _row_note(found), found.row),
        *_joins(found.joins),
        *_features(found),
        Sheet("decision", "Threshold and decision", lines=_decision(found)),
        Sheet("model", "Model and code", pairs=_model(found)),
        Sheet("gate", "The gate's verdict", lines=_verdict(found)),
        Sheet("checks", "Checks", _checks_note(found), _counts(found), found.contract),
        Sheet("published", "Published", pairs=_published(found, receipts)),
        Sheet("generations", "Every generation", heads=("generation", "published", "model", *_columns(found), ""),
              rows=[_generation(each, _columns(found)) for each in found.generations]),
        Sheet("replay", "Replay", lines=_replay(found)),
    ]  # fmt: skip


def file_name(found: Explanation) -> str:
    """The name of the explanation's page: the same for the same row and generation."""
    key = "-".join(found.key.values())
    return page_name("why", found.partition, str(found.generation), key)


def find_receipts(folder: Path, published_at: str) -> list[tuple[str, Run]]:
    """The scoring runs under way when something was published, by the file of their page. None need be left."""
    try:
        moment = datetime.fromisoformat(published_at).astimezone(UTC)
    except ValueError:
        return []
    # Pages are named by the moment at which their run ended; a second is lost in a name.
    first = f"{moment - SLACK:%Y%m%dT%H%M%S}"
    later = sorted(file for file in folder.glob("[0-9]*-score-*.json") if file.name >= first)[:LOOKED_THROUGH]
    runs = [(file.with_suffix(".html").name, read_run(file)) for file in later]
    return [(name, run) for name, run in runs
            if run and run.ended and run.ended - timedelta(seconds=run.seconds) - SLACK <= moment]  # fmt: skip


def _made(found: Explanation) -> Mapping[str, Any]:
    """What the model made, without the columns that `score.keep` publishes beside it."""
    names = ("probability", "decision", "prediction")
    return {name: value for name, value in found.predicted.items() if name.startswith(names)}


def _badge(found: Explanation) -> str:
    made = _made(found)
    first = next(iter(made.values()), "")
    decision = f" · decision {made['decision']}" if "decision" in made and len(made) > 1 else ""
    return f"{_short(first)}{decision}"


def _short(value: Any) -> str:
    return amount(value) if isinstance(value, float) else str(value)


def _row_note(found: Explanation) -> str:
    if found.set_aside:
        return "As it was read; it broke the contract and was not scored."
    if found.snapshot is None:
        return ""
    return f"As it was read; it is one of {found.snapshot.rows:,} rows in snapshot {found.snapshot.sha256[:12]}."


def _joins(joins: Sequence[JoinSeen]) -> Iterator[Sheet]:
    for number, each in enumerate(joins):
        on = ", ".join(f"{name} {exact(value)}" for name, value in each.on.items())
        note = f"Matched by {on}." if each.matched else f"No match by {on}, or one without a value."
        yield Sheet(f"join-{number}", f"Joined: {each.table}", note, each.values)


def _features(found: Explanation) -> Iterator[Sheet]:
    if found.features:
        yield Sheet("features", "What the model saw", "Features, as the model's own code made them.", found.features)
    if found.encoded:
        numbers = dict(list(found.encoded.items())[:ENCODED])
        yield Sheet("encoded", "As numbers", "After encoding; zeros are left out.", numbers)
    if found.contributions:
        total = f"They add up to {sum(found.contributions.values())!r}, the prediction."
        largest = dict(list(found.contributions.items())[:ENCODED])
        yield Sheet("contributions", "What each feature contributes", total, largest)


def _model(found: Explanation) -> dict[str, Any]:
    model = found.model
    kept = {f"trained from {name}": digest for name, digest in model.trained_from.items()}
    return {
        "version": model.version or "not registered in MLflow", "champion": f"number {model.number}",
        "candidate": model.candidate, "serves since": moment(model.since), "appointed by": model.who,
        "because": model.why, "model sha256": model.sha256,
        **{f"{name} sha256": digest for name, digest in model.code.items()}, **kept,
    }  # fmt: skip


def _decision(found: Explanation) -> list[str]:
    made, threshold = _made(found), found.model.threshold
    if threshold is None or not isinstance(made.get("probability"), float):
        return []
    side = "at or above" if made["probability"] >= threshold else "below"
    if made.get("decision") == REVIEW:
        side = f"among the uncertain ones that a person decides, and {side}"
    return [
        f"Probability {made['probability']!r} is {side} the threshold {threshold!r}: decision {made.get('decision')}."
    ]


def _verdict(found: Explanation) -> list[str]:
    verdict = found.model.verdict
    return [f"{'Passed' if verdict.passed else 'Not passed'}.", *verdict.reasons]


def _checks_note(found: Explanation) -> str:
    if not found.contract:
        return "The project file expects nothing of its rows."
    return "Expectations are those of today's project file; the counts are the night's."


def _counts(found: Explanation) -> dict[str, Any]:
    reasons = {f"set aside: {each.reason}": f"{each.rows:,} rows" for each in found.reasons}
    counts = {"rows in": found.rows_in, "scored": found.rows_scored, "set aside": found.rows_quarantined}
    return {name: f"{rows:,}" for name, rows in counts.items()} | reasons


def _published(found: Explanation, receipts: Sequence[tuple[str, Run]]) -> dict[str, Any]:
    digests = {"rows digest": found.inputs}
    if found.snapshot:
        digests["snapshot sha256"] = found.snapshot.sha256
    if found.history:
        digests |= {"history sha256": found.history.sha256, "history rows": f"{found.history.rows:,}"}
    runs = {f"run of {run.moment}": f"{run.outcome}, {file}" for file, run in receipts}
    return {"when": moment(found.published_at), "work": found.work, "manifest": found.manifest, **runs, **digests}


def _columns(found: Explanation) -> list[str]:
    return list(dict.fromkeys(name for each in found.generations for name in each.predicted))


def _generation(each: GenerationSeen, columns: Sequence[str]) -> list[Any]:
    restored = f"names generation {each.restores} again" if each.restores else ""
    note = "; ".join(filter(None, (restored, each.note)))
    values = [each.predicted.get(name) if each.predicted else "" for name in columns]
    return [each.generation, moment(each.published_at), each.model_version, *values, note]


def _replay(found: Explanation) -> list[str]:
    return [found.replay.sentence] if found.replay else []
