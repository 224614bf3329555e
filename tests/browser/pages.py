"""Pages to look at, from made-up journals: every kind of run, and a nasty one."""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from tests.browser.explained import write_explained
from tests.browser.gate_table import CHECKS
from tests.browser.studied import studied, yes_or_no
from tests.builders import ride_spec, write_project
from tests.champions import a_release
from tierra.data.completeness import Finding
from tierra.data.differences import compare_profiles
from tierra.data.partition_states import SIGNS, PartitionState, State
from tierra.data.profile import Difference, Profile
from tierra.data.profile_table import profile_table
from tierra.data.quarantine import QuarantineReason
from tierra.errors import DataRejected
from tierra.facts import (
    CandidatesFitted,
    CardsMade,
    FeaturesExamined,
    LeaksSearched,
    ModelsEvaluated,
    PartitionDrifted,
    PartitionPredicted,
    PartsCompared,
    RowsQuarantined,
    SnapshotTaken,
    TableProfiled,
    TableSplit,
)
from tierra.journal import Entry, Fact, Journal, Warned
from tierra.model.evaluation import (
    Band,
    ClassScores,
    Curve,
    Evaluation,
    Histogram,
    Importance,
    SliceScores,
)
from tierra.model.gate import Verdict
from tierra.model.leaks.finding import Leak
from tierra.outcomes.outcome import Outcome
from tierra.outcomes.rollback import PartitionRepaired, Repair, Repointed, Shown
from tierra.outcomes.scoring import PartitionScored, Scored, summarise
from tierra.outcomes.training import Served, Trained
from tierra.report.calendar import draw_calendar
from tierra.report.cards import card_file, write_cards
from tierra.report.finished_run import FinishedRun
from tierra.report.index import Run, add_run, read_runs
from tierra.report.page import write_receipt
from tierra.report.profile_page import write_profile_page
from tierra.status.composing import compose
from tierra.status.facts import Status
from tierra.status.morning import write_morning
from tierra.status.seen import Check, ProjectSeen, ServerSeen, StoresSeen
from tierra.steps.cards import make_cards
from tierra.workspace import open_workspace

ATTACK = "<script>document.title='owned'</script>"
NASTY = [
    ATTACK,
    "\u202eenog",
    "عمود \u200f نص",
    "n" * 200,
    "<img src=x onerror=document.title='owned'>",
    "a|b\nc",
    "'\"&",
]


def a_table(rows: int = 3000, shift: float = 0.0, seed: int = 0) -> pa.Table:
    """Rides with numbers, texts, dates, gaps and outliers."""
    random = np.random.default_rng(seed)
    fare = random.gamma(2, 6, rows) + shift
    fare[: rows // 50] *= 30
    table = pd.DataFrame(
        {
            "ride_id": [f"r{number:06d}" for number in range(rows)],
            "day": pd.date_range("2024-01-01", periods=rows, freq="h").floor("D"),
            "passengers": random.integers(1, 7, rows),
            "km": random.gamma(2, 3, rows) + shift,
            "fare": fare,
            "zone": random.choice(["north", "south", "harbour", "old town"], rows, p=[0.5, 0.3, 0.15, 0.05]),
            "paid_by": random.choice([f"method {number}" for number in range(40)], rows),
            "rain": np.where(random.random(rows) < 0.2, np.nan, random.random(rows).round(2)),
            "constant": 1.0,
        }
    )
    return pa.Table.from_pandas(table, preserve_index=False).append_column(
        "airport", pa.array(random.random(rows) < 0.3)
    )


@cache
def a_profile(shift: float = 0.0, seed: int = 0) -> Profile:
    """The profile of a_table()."""
    return profile_table([a_table(shift=shift, seed=seed)], "rides", ["ride_id"])


@cache
def a_nasty_profile(columns: int = 1000) -> Profile:
    """A thousand columns, some with names and values that attack a page."""
    random = np.random.default_rng(0)
    made: dict[str, Any] = {name: random.choice(np.array(NASTY, object), 200) for name in NASTY}
    made |= {
        f"column {number} {'x' * (number % 200)}": random.normal(size=200) for number in range(columns - len(NASTY))
    }
    return profile_table([pa.table(made)], ATTACK, [])


def curve(bend: float, points: int = 60) -> Curve:
    """A line that bends away from the diagonal."""
    x = np.linspace(0, 1, points)
    return Curve(x=tuple(x), y=tuple(x**bend))


def a_histogram(seed: int = 0, middle: float = 0.3) -> Histogram:
    """Scores between 0 and 1."""
    drawn = np.random.default_rng(seed).beta(6 * middle, 6 * (1 - middle), 4000)
    counts, edges = np.histogram(drawn, 20, (0, 1))
    return Histogram(edges=tuple(edges), counts=tuple(int(count) for count in counts))


def slices(columns: list[str]) -> tuple[SliceScores, ...]:
    """Four values a column, and one without a score."""
    values = ["north", "south", "harbour", "old town, by the sea"]
    scored = [
        SliceScores(column=column, value=value, rows=400 + 90 * index, score=0.68 + 0.03 * index, rule=0.63,
                    interval=(0.64 + 0.03 * index, 0.72 + 0.03 * index))
        for column in columns for index, value in enumerate(values)
    ]  # fmt: skip
    return (*scored, SliceScores(column=columns[0], value="nowhere", rows=2))


def importance(names: list[str]) -> tuple[Importance, ...]:
    """Falling importances, the last one below zero."""
    ranked = enumerate(names)
    return tuple(Importance(feature=name, mean=0.09 / (1 + index) - 0.012, spread=0.006) for index, name in ranked)


CARD = {
    "goal": "Tell who will tip",
    "goals": [{"goal": "Beat the habit of every driver in town", "metric": "roc_auc", "at_least": 0.66}],
    "cost": {"false_alarm": 1, "missed": 3},
}
FEATURES = ["km", "hour", "zone", "rain", "paid_by", "passengers", "day_of_week", "minutes_since_last_ride"]


def binary(better: float = 0.0) -> Evaluation:
    """A classifier of two classes."""
    metrics = {"roc_auc": 0.71 + better, "average_precision": 0.41 + better, "log_loss": 0.43 - better, "brier": 0.13,
               "accuracy": 0.81, "f1": 0.3 + better}  # fmt: skip
    return Evaluation(
        rows=5000, metrics=metrics, intervals={name: (value - 0.012, value + 0.013) for name, value in metrics.items()},
        classes=("no", "yes"), confusion=((3900, 310), (420, 370)), roc=curve(0.45 - better),
        precision_recall=Curve(x=curve(1).x, y=tuple(0.9 - 0.6 * x for x in curve(1).x)),
        calibration=Curve(x=(0.05, 0.15, 0.3, 0.5, 0.7, 0.9), y=(0.06, 0.13, 0.33, 0.47, 0.74, 0.86)),
        scores=a_histogram(), slices=slices(["zone", "paid_by"]), importance=importance(FEATURES), **yes_or_no(5000),
    )  # fmt: skip


def multiclass() -> Evaluation:
    """A classifier of three classes."""
    return Evaluation(
        rows=900, metrics={"accuracy": 0.83, "f1_macro": 0.8, "log_loss": 0.51, "roc_auc_ovr": 0.93},
        intervals={"accuracy": (0.81, 0.85)}, classes=("setosa", "versicolor", "virginica"),
        confusion=((290, 8, 2), (12, 240, 48), (3, 79, 218)),
        per_class=tuple(ClassScores(name=name, rows=300, precision=0.8, recall=0.82, f1=0.81)
                        for name in ("setosa", "versicolor", "virginica")),
        slices=slices(["site"]), importance=importance(FEATURES[:4]),
    )  # fmt: skip


def regression() -> Evaluation:
    """A regressor of a price."""
    counts, edges = np.histogram(np.random.default_rng(0).normal(0, 21_000, 4000), 30)
    x = tuple(float(each) for each in np.linspace(60_000, 420_000, 12))
    return Evaluation(
        rows=4000, metrics={"rmse": 21034.5, "mae": 15002.1, "r2": 0.87, "mape": 0.0713},
        intervals={"rmse": (20511.2, 21650.9)},
        residuals=Histogram(edges=tuple(edges), counts=tuple(int(count) for count in counts)),
        residuals_by_prediction=Band(x=x, low=tuple(-0.06 * each for each in x), high=tuple(0.07 * each for each in x),
                                     middle=tuple(0.01 * each for each in x)),
        slices=tuple(each.model_copy(update={"score": 21_000 + 900 * index, "rule": 30_000.0,
                                             "interval": (19_500.0 + 900 * index, 22_800.0 + 900 * index)})
                     for index, each in enumerate(slices(["district"])[:4])),
        importance=importance(FEATURES[:5]),
    )  # fmt: skip


def entries(*facts: Fact) -> list[Entry]:
    """The stations of a run; the facts were noted by the last one."""
    names = ["open-project", "pull-sources", "validate-tables", "build-features", "split-table", "fit-candidates",
             "choose-candidate", "evaluate-models", "judge", "register-model"]  # fmt: skip
    made, clock = [], 0.0
    for index, name in enumerate(names):
        entry = Entry(name, clock, 0.4 + 3.1 * (index % 4), found=int(index == 2))
        clock += entry.seconds
        made.append(entry)
    made[1].facts = [SnapshotTaken("rides", 55_589, "ab12cd34ef56"), TableSplit({"test": 900}, 0)]
    made[-1].facts = list(facts)
    return made


def trained(metric: str, best: Evaluation, rule: Evaluation, promoted: bool = True) -> Trained:
    """The end of a training run."""
    reason = f"average beats the rule: {metric} {best.metrics[metric]:.4f} against {rule.metrics[metric]:.4f}"
    return Trained(
        project="rides", outcome="Promoted" if promoted else "KeptChampion", reason=reason,
        verdict=Verdict(passed=promoted, winner="average", promote=promoted, reasons=(reason,), checks=CHECKS),
        champion=Served(version="4", candidate="hist_gradient_boosting", metrics=best.metrics),
        rule=Served(candidate="rule", metrics=rule.metrics), best=Served(candidate="average", metrics=best.metrics),
        rows={"train": 20_000, "validation": 3000, "test": best.rows}, model_sha256="f" * 64,
    )  # fmt: skip


TREATMENTS = {"km": "number: scaled", "zone": "category: one column a value", "day": "left out, a date"}
LEAKS = (
    Leak(kind="target-in-feature", columns=("tip",), evidence="feature 'tip' alone predicts the target (balanced"
         " accuracy 99.9% on other rows)", reason="The tip is agreed on when the ride is booked"),
    Leak(kind="not-known-yet", columns=("stops",), severity="warn", evidence="feature 'stops' is empty in 98.0% of the"
         " 120 newest rows and filled in 99.1% before"),
)  # fmt: skip
REASONS = (
    QuarantineReason(reason="km not_be_null", rows=12, examples=({"ride_id": "r1", "km": "", "zone": "north"},) * 3),
    QuarantineReason(reason="fare between (min_value=0)", rows=3),
)


def a_quarantine(reasons: Sequence[QuarantineReason] = REASONS) -> RowsQuarantined:
    return RowsQuarantined(15, "var/store/quarantine/ab.parquet", reasons)


def train_facts(best: Evaluation, rule: Evaluation) -> list[Fact]:
    """What a training run notes."""
    now, then = a_profile(1.5, 1), a_profile()
    return [
        ModelsEvaluated({"average": best, "rule": rule, "champion": rule}),
        CandidatesFitted(
            *(
                dict.fromkeys(("rule", "logistic", "hist_gradient_boosting", "average"), each)
                for each in (best.metrics, best.intervals)
            ),
            rows=3000,
            folds=5,
        ),
        FeaturesExamined(TREATMENTS),
        LeaksSearched(LEAKS),
        PartsCompared({"test": compare_profiles(now, then, "train")}),
        TableProfiled(then),
        TableProfiled(a_profile(seed=3).model_copy(update={"name": "zones"})),
        a_quarantine(),
        Warned("rides: 2 of 10,000 rows fail"),
    ]


def plain() -> Evaluation:
    return binary(-0.06).model_copy(update={"importance": (), "slices": (), "thresholds": (), "costs": None})


def binary_run() -> tuple[Journal, Trained]:
    best, rule = studied(binary()), plain()
    return Journal(entries(*train_facts(best, rule))), trained("roc_auc", best, rule)


def multiclass_run() -> tuple[Journal, Trained]:
    best = studied(multiclass())
    rule = best.model_copy(update={"metrics": dict.fromkeys(best.metrics, 0.6)})
    return Journal(entries(*train_facts(best, rule))), trained("accuracy", best, rule, promoted=False)


def regression_run() -> tuple[Journal, Trained]:
    best = studied(regression())
    rule = best.model_copy(update={"metrics": {name: 1.4 * value for name, value in best.metrics.items()}})
    return Journal(entries(*train_facts(best, rule))), trained("rmse", best, rule)


def failed_run() -> tuple[Journal, DataRejected]:
    what = "rides: 4,212 of 10,000 rows quarantined, 42.12 %, budget 1.00 % (km not_be_null: 4,212 of 10,000 rows fail)"
    made = entries()[:3]
    made[-1].facts = [TableProfiled(a_profile()), a_quarantine()]
    return Journal(made), DataRejected("budget-exceeded", what)


def scoring_run() -> tuple[Journal, Scored]:
    """Three days published, one stale, one rejected."""
    days = [
        PartitionScored(partition=f"2024-04-{day}", outcome="Published", rows_in=2040, rows_scored=2031, generation=1,
                        rows_quarantined=9, model_version="4", inputs="0123456789abcdef", unseen={"zone": 3})
        for day in (26, 27, 28)
    ]  # fmt: skip
    days.append(days[0].model_copy(update={"partition": "2024-03-02", "outcome": "Stale", "stale": True}))
    reason = "2024-04-29: join zones: 61 % of rows have no match, max_orphans 20 %"
    days.append(PartitionScored(partition="2024-04-29", outcome="Rejected", code="join-orphans", reason=reason))
    drift = tuple(compare_profiles(a_profile(4.0, 1), a_profile()))
    notes: list[list[Fact]] = [
        [PartitionPredicted(a_histogram(1, 0.45), {"yes": 900, "no": 3000}, a_histogram(),
                            {"yes": 5000, "no": 20_000})],
        [PartitionPredicted(a_histogram(2, 0.45), {}, None, {}), TableProfiled(a_profile(4.0, 1)),
         PartitionDrifted("2024-04-27", "rides", a_profile(), drift)],
    ]  # fmt: skip
    journal = Journal([*entries(), *(Entry("score-rows", seconds=1.0, facts=each) for each in notes)])
    return journal, summarise("rides", days)


def rollback_run() -> tuple[Journal, Repointed]:
    """Two partitions named again, one scored again, one rejected and one published meanwhile."""
    ways: list[tuple[Repair, str]] = [("NamedAgain", ""), ("NamedAgain", ""), ("Rescored", ""),
                                      ("Rejected", f"the source has no rows of that day {ATTACK}"),
                                      ("PublishedMeanwhile", "")]  # fmt: skip
    partitions = tuple(
        PartitionRepaired(
            partition=f"2024-04-{22 + place}", outcome=outcome, reason=reason,
            before=Shown(generation=2, version="5", rows=2_031), restores=1 if outcome == "NamedAgain" else None,
            after=Shown(generation=3, version="4", rows=2_031), manifest="a" * 90 if outcome == "Rescored" else "",
        )
        for place, (outcome, reason) in enumerate(ways)
    )  # fmt: skip
    end = Repointed(project="rides", outcome="RollbackIncomplete", version="4", version_before="5", number=6,
                    who="ops@worker-1", where="run 0b9d", why=f"probabilities too low {ATTACK}",
                    partitions=partitions, untouched=2_995)  # fmt: skip
    return Journal(entries(Warned("2024-04-20 is left as it is"))), end


def nasty_run() -> tuple[Journal, Trained]:
    """Everything hostile or huge at once."""
    profile = a_nasty_profile()
    names = [each.name for each in profile.columns]
    best = binary().model_copy(update={
        "importance": importance(names), "classes": (ATTACK, "n" * 300), "slices": slices(names[:40]),
        "metrics": binary().metrics | {"<b>bold</b>": float("nan"), "x" * 300: float("inf")},
    })  # fmt: skip
    differences = [Difference(column=name, what=ATTACK * 20, severity="strong") for name in names]
    reason = QuarantineReason(reason=ATTACK, rows=7, examples=(dict.fromkeys(names, "y" * 5000),) * 5)
    facts = [
        *train_facts(best, best)[:2],
        TableProfiled(profile),
        FeaturesExamined(dict.fromkeys(names, ATTACK)),
        LeaksSearched([Leak(kind="twins", columns=(ATTACK,), evidence=ATTACK, reason="x" * 100_000)]),
        PartsCompared({ATTACK: differences}),
        a_quarantine([reason] * 9),
        Warned("w" * 1_000_000),
    ]
    end = trained("roc_auc", best, best).model_copy(update={"reason": ATTACK + "x" * 50_000})
    return Journal(entries(*facts)), end


RUNS: dict[str, Callable[[], tuple[Journal, Any]]] = {
    "binary": binary_run, "multiclass": multiclass_run, "regression": regression_run, "failed": failed_run,
    "scoring": scoring_run, "rollback": rollback_run, "nasty": nasty_run,
}  # fmt: skip


def a_receipt(flow: str, journal: Journal, outcome: Outcome, project: str = "rides") -> tuple[Path, str]:
    """The page of a run in today's workspace, and its short form."""
    return write_receipt(open_workspace(), FinishedRun(project, flow, journal, outcome))


def states(receipt: str = "20240429T030000-score-abc.html") -> tuple[PartitionState, ...]:
    """Thirteen weeks in which all happened that can."""
    today = date(2024, 4, 29)
    odd: dict[int, State] = dict(enumerate(SIGNS)) | {20: "failed", 33: "skipped", 34: "skipped"}
    made = []
    for back in range(91):
        day, state = today - timedelta(back), odd.get(back, "published" if back < 80 else "before")
        if state == "published" and day.weekday() == 6:
            continue
        is_there = state in ("published", "changed", "stale", "vanished")
        publication = {"generation": 2, "model_version": "4", "rows": 2031, "quarantined": 9} if is_there else {}
        made.append(PartitionState.model_validate({
            "partition": day.isoformat(), "state": state, "receipt": receipt if is_there else "",
            "reason": "" if state == "published" else f"{SIGNS[state].words} <b>because</b>", **publication,
        }))  # fmt: skip
    return tuple(made)


def a_status() -> Status:
    """A morning after which a person has to do something: one project failed, one is incomplete, one is well."""
    now, ui = datetime(2024, 4, 29, 9, tzinfo=UTC), "http://127.0.0.1:4200/v2"
    why = "2024-04-29: join zones: 61 % of rows have no match, max_orphans 20 % " + "and so on " * 30

    def run(outcome: str, mood: str, hours: int, flow: str = "score", **more: Any) -> Run:
        ended = now - timedelta(hours=hours)
        usual = {"sentence": "2024-04-28: 2,040 rows in, 2,031 scored, 9 quarantined.", "seconds": 9,
                 "flow_run_id": "5c3f", "receipt": "20240429T030000-score-abc.html"}  # fmt: skip
        moment = f"{ended:%Y-%m-%d %H:%M:%S UTC}"
        return Run(moment=moment, flow=flow, outcome=outcome, mood=mood, ended=ended, **usual | more)

    late = Finding(kind="late", partition="2024-04-12", rows=20)
    runs = {
        "rides": (run("DataRejected", "bad", 6, error=why), run("Promoted", "good", 60, "train")),
        "fares": (run("PublishedIncomplete", "warned", 6, missing=(late,), newest="2024-04-28"),),
        "walks" + "_of_a_long_name" * 3: (run("Published", "good", 6, missing=(), newest="2024-04-28"),),
    }
    projects = [
        ProjectSeen(project=name, runs=those, champion={"version": "4", "since": now - timedelta(days=9)}, clock=now,
                    publication={"partition": "2024-04-28", "rows": 2031, "quarantined": 9}, partitions=states())
        for name, those in runs.items()
    ]  # fmt: skip
    home = Check(name="home", level="green", what="/srv/tierra/var can be written")
    server = ServerSeen(url=f"{ui}/api", ui=ui, version="3.8.8", watched=now)
    return compose(StoresSeen(projects=projects, checks=(home,)), server, "tierra", now)


def write_card_pages(receipts: Path) -> dict[str, Path]:
    """A model card and a data card, as far as made-up releases have something to say."""
    project, best = open_workspace().project("rides").for_task("binary"), studied(binary())
    release = a_release(candidate="average", metric="roc_auc", metrics=best.metrics, intervals=best.intervals,
                        rule_metrics=best.metrics, rows={"train": 20_000, "test": 5000})  # fmt: skip
    cards = make_cards(project, release, {"average": best}, a_profile())
    write_cards(receipts, Journal(entries(CardsMade("4", cards))))
    return {f"{card.kind}-card": card_file(receipts, card, "4") for card in cards}


def write_pages(folder: Path) -> dict[str, Path]:
    """One page of each kind, by name, in a workspace below `folder`; the environment must name it."""
    write_project(folder / "projects" / "rides", ride_spec(card=CARD))
    pages = {}
    for name, run in RUNS.items():
        journal, end = run()
        flow = "score" if isinstance(end, Scored) else "rollback" if isinstance(end, Repointed) else "train"
        pages[name], _ = a_receipt(flow, journal, end)
    receipts = pages["binary"].parent
    moved = compare_profiles(a_profile(4.0, 1), a_profile())
    pages["profile"] = write_profile_page(a_profile(4.0, 1), receipts, moved, a_profile())
    pages["nasty-profile"] = write_profile_page(a_nasty_profile(), receipts)
    add_run(pages["scoring"], "rides", read_runs(receipts)[0], draw_calendar("Partitions of rides", states()))
    pages["index"] = receipts / "index.html"
    pages["morning"] = write_morning(a_status(), open_workspace().settings)
    pages |= write_explained(receipts) | write_card_pages(receipts)
    return pages
