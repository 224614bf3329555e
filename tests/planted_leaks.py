"""Projects with a leak planted in them as people plant them, each with its clean twin."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from tierra.data.features import feature_names
from tierra.errors import DataRejected
from tierra.facts import LeaksSearched
from tierra.journal import at_station
from tierra.model.leaks.finding import Leak
from tierra.model.treatments_described import LEFT_OUT, describe_features
from tierra.steps.features import build_features
from tierra.steps.leaks import find_leaks
from tierra.steps.parts import read_part, split_table
from tierra.steps.pull import pull_sources
from tierra.steps.validate import validate_tables
from tierra.workspace import in_memory, open_workspace

DAYS = 120
LAST = pd.Timestamp("2024-04-29")
CLOCK = "2024-04-30T03:00:00+00:00"


@dataclass(frozen=True)
class Project:
    """A project's tables, what its file says beside them, and its functions."""

    tables: dict[str, pd.DataFrame]
    spec: dict[str, Any] = field(default_factory=dict)
    code: str = ""

    def write(self, folder: Path) -> Path:
        """Write it as a folder: project.yaml, its tables as CSV, and features.py."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, table in self.tables.items():
            table.to_csv(folder / f"{name}.csv", index=False)
        sources = {name: {"kind": "file", "path": f"{name}.csv"} for name in self.tables}
        sources["visits"] = {**sources["visits"], "key": "visit"}
        more = self.spec.get("sources", {})
        stated = {name: {key: value for key, value in {**source, **more.get(name, {})}.items() if value is not None}
                  for name, source in sources.items()}  # fmt: skip
        spec = {"project": "clinic", **self.spec, "sources": stated}
        (folder / "project.yaml").write_text(yaml.safe_dump({"target": "returned", **spec}, sort_keys=False))
        (folder / "features.py").write_text(self.code)
        return folder


def search(folder: Path) -> tuple[list[Leak], str]:
    """The leaks of a project, and the error that its training ends with; no candidate is fitted."""
    workspace = in_memory(open_workspace())
    project = workspace.project(str(folder))
    with at_station("leaks") as station:
        try:
            clean = validate_tables(workspace, project, pull_sources(workspace, project))
            table = build_features(workspace, project, clean)
            project = project.for_task(table.labels.task)
            parts = split_table(workspace, project, table)
            rows = read_part(workspace, parts, "train").table
            treatments = describe_features(rows[feature_names(list(rows))], project.preprocessing)
            find_leaks(
                workspace, project, parts, [name for name, each in treatments.items() if not each.startswith(LEFT_OUT)]
            )
            error = ""
        except DataRejected as refused:
            error = str(refused)
    found = [leak for fact in station.facts if isinstance(fact, LeaksSearched) for leak in fact.leaks]
    return found, error


def visits(seed: int, rows: int = 1_200) -> pd.DataFrame:
    """Visits to a clinic over 120 days, whether the patient returned within a month, and what it cost."""
    random = np.random.default_rng(seed)
    days = LAST - pd.to_timedelta(DAYS - 1 - np.arange(rows) * DAYS // rows, unit="D")
    table = pd.DataFrame({
        "visit": [f"v{number:05d}" for number in range(rows)],
        "day": days.strftime("%Y-%m-%d"),
        "age": random.normal(55, 15, rows).clip(18, 95).round(1),
        "pressure": random.normal(130, 18, rows).round(1),
        "ward": random.choice(["north", "south", "east", "west"], rows),
        "stay": random.gamma(2, 1.5, rows).round(2),
    })  # fmt: skip
    chance = 1 / (1 + np.exp(-((table["age"] - 60) / 12 + (table["ward"] == "east") - 0.4)))
    return table.assign(returned=np.where(random.random(rows) < chance, "yes", "no"))


def costs(seed: int) -> pd.DataFrame:
    """Visits with their costs as the target: of drugs and of the stay, and what chance adds."""
    random, table = np.random.default_rng(seed + 1_000), visits(seed).drop(columns="returned")
    drugs = random.gamma(2, 90, len(table)).round(2)
    return table.assign(
        drugs=drugs, cost=(drugs * 1.3 + table["stay"] * 400 + random.normal(0, 150, len(table))).round(2)
    )


def _yes(table: pd.DataFrame) -> pd.Series:
    return table["returned"] == "yes"


def _random(table: pd.DataFrame) -> np.random.Generator:
    return np.random.default_rng(len(table) + 7)


NO_DAY: dict[str, Any] = {"features": ["age", "pressure", "ward", "stay"]}
BY_DAY: dict[str, Any] = {
    "sources": {"visits": {"partition_by": "day", "history": "10d"}}, "split": {"validation": "20d", "test": "30d"},
    "prepare": "features:prepare",
}  # fmt: skip


def a_copy(seed: int, leaks: bool) -> Project:
    table = visits(seed)
    code = np.where(_yes(table), 7, 3)
    return Project({"visits": table.assign(outcome_code=code if leaks else _random(table).permutation(code))})


def a_word(seed: int, leaks: bool) -> Project:
    table = visits(seed)
    word = np.where(_yes(table), "readmitted", "discharged")
    return Project({"visits": table.assign(status=word if leaks else _random(table).permutation(word))})


def a_later_number(seed: int, leaks: bool) -> Project:
    """The days until a patient came back: below 30 it is the target, and such patients are few."""
    table, random = visits(seed, 2_400), np.random.default_rng(seed)
    until = random.integers(1, 600, len(table)) + random.random(len(table)).round(2)
    known = table.assign(returned=np.where(until < 30, "yes", "no"), days_until=until)
    return Project({"visits": known if leaks else known.assign(days_until=random.permutation(until))})


def a_gap(seed: int, leaks: bool) -> Project:
    """A ward of the second stay, which not every patient who returned has, and no other."""
    table = visits(seed)
    filled = _random(table).random(len(table)) < 0.5
    told = filled & _yes(table) if leaks else filled
    return Project({"visits": table.assign(second_ward=np.where(told, table["ward"], None))})


def a_zero(seed: int, leaks: bool) -> Project:
    table = visits(seed)
    bill = _random(table).gamma(2, 200, len(table)).round(2)
    late = _random(table).random(len(table)) < 0.02
    billed = _yes(table) & ~late if leaks else pd.Series(late | (np.arange(len(table)) % 2 == 0))
    return Project({"visits": table.assign(second_bill=np.where(billed, bill, 0.0))})


def a_name(seed: int, leaks: bool) -> Project:
    """A flag named after the target, typed by hand and right in 96 of 100 rows; or the flag of the visit before."""
    table = visits(seed)
    wrong = _random(table).random(len(table)) < 0.04
    flag = (_yes(table) ^ wrong).astype(int)
    told = table.assign(returned_flag=flag)
    return Project({"visits": told if leaks else table.assign(returned_before=np.roll(flag, 1))})


def a_rescaled_target(seed: int, leaks: bool) -> Project:
    table = costs(seed)
    value = np.log(table["cost"] - table["cost"].min() + 50).round(5)
    return Project(
        {"visits": table.assign(index=value if leaks else _random(table).permutation(value))}, {"target": "cost"}
    )


def a_sum(seed: int, leaks: bool) -> Project:
    table = costs(seed)
    rest = (table["cost"] - table["drugs"]).round(2)
    return Project(
        {"visits": table.assign(other=rest if leaks else _random(table).permutation(rest))}, {"target": "cost"}
    )


def a_mean(seed: int, leaks: bool) -> Project:
    """The share of a doctor's patients who returned, of all visits; or of the visits of the year before."""
    table = visits(seed)
    doctor = pd.Series(_random(table).integers(0, 150, len(table)))
    skill = np.random.default_rng(seed).normal(0, 0.15, 150)
    own = table.assign(doctor=[f"d{number:03d}" for number in doctor], returned=np.where(
        _random(table).random(len(table)) < (0.4 + skill[doctor]), "yes", "no"))  # fmt: skip
    mean = _yes(own).groupby(doctor).transform("mean")
    before = pd.Series(0.4 + skill + np.random.default_rng(seed).normal(0, 0.05, 150))
    return Project({"visits": own.assign(doctor_returns=(mean if leaks else doctor.map(before)).round(6))})


def twins(seed: int, leaks: bool) -> Project:
    """The loader repeated a third of the rows under new numbers; or few values repeat by themselves."""
    table = visits(seed)
    again = table.sample(400, random_state=seed).assign(visit=lambda rows: "again" + rows["visit"], day="2024-04-29")
    coarse = table.assign(age=(table["age"] / 10).round() * 10, pressure=(table["pressure"] / 10).round() * 10)
    plain = {"features": ["age", "pressure", "ward"]}
    return Project({"visits": pd.concat([table, again])}, NO_DAY) if leaks else Project({"visits": coarse}, plain)


def near_twins(seed: int, leaks: bool) -> Project:
    """A third of the rows again, measured a little otherwise; or as many new patients."""
    table, random = visits(seed), np.random.default_rng(seed)
    again = table.sample(400, random_state=seed).assign(visit=lambda rows: "again" + rows["visit"])
    for name in ("age", "pressure", "stay"):
        again[name] += random.normal(0, 1e-3, len(again))
    new = visits(seed + 500, 400).assign(visit=lambda rows: "new" + rows["visit"])
    return Project({"visits": pd.concat([table, again if leaks else new])}, NO_DAY)


def groups(seed: int, leaks: bool) -> Project:
    """Several visits of a patient who returns or never does; or who may return after any of them."""
    table, random = visits(seed), np.random.default_rng(seed)
    patient = random.integers(0, 300, len(table))
    returns = np.where(random.random(300) < 0.4, "yes", "no")[patient]
    named = table.assign(patient=[f"p{number:03d}" for number in patient])
    return Project({"visits": named.assign(returned=returns) if leaks else named}, NO_DAY)


def a_late_column(seed: int, leaks: bool) -> Project:
    """The laboratory's value comes with the outcome, after ten days; or on the day."""
    table, random = visits(seed), np.random.default_rng(seed)
    waiting = (table["day"] >= "2024-04-20").to_numpy()
    value = np.where(random.random(len(table)) < 0.1, np.nan, random.normal(5, 1, len(table)).round(2))
    return Project({"visits": table.assign(
        returned=table["returned"].mask(waiting), laboratory=np.where(waiting & leaks, np.nan, value))},
        {"sources": {"visits": {"partition_by": "day"}}, "split": {"validation": "20d", "test": "30d"}})  # fmt: skip


def a_side_of_today(seed: int, leaks: bool) -> Project:
    """Patients as they are known today, or as they were before each visit."""
    table, random = visits(seed), np.random.default_rng(seed)
    patient = random.integers(0, 200, len(table))
    day = pd.Timestamp("2024-04-10") if leaks else pd.Timestamp("2023-12-01")
    known = day + pd.to_timedelta(random.integers(0, 15, 200), unit="D")
    side = pd.DataFrame({"patient": range(200), "illnesses": random.integers(0, 6, 200), "updated": known})
    return Project({"visits": table.assign(patient=patient), "patients": side}, {
        "sources": {"visits": {"partition_by": "day"}}, "split": {"validation": "20d", "test": "30d"},
        "joins": [{"left": "visits", "right": "patients", "on": "patient"}]})  # fmt: skip


def of_all_rows(seed: int, leaks: bool) -> Project:
    """`prepare` scales by the mean and the spread of all rows; or by fixed numbers."""
    scaled = "(age - age.mean()) / age.std()" if leaks else "(age - 55) / 15"
    code = f"def prepare(rows, history):\n    age = rows['age']\n    return rows.assign(age={scaled})\n"
    return Project({"visits": visits(seed)}, {"prepare": "features:prepare"}, code)


def in_row_order(seed: int, leaks: bool) -> Project:
    """`prepare` counts the visits of a ward as they stand in the file; or all of the day."""
    made = "cumcount()" if leaks else "transform('size')"
    grouped = "rows.groupby('ward')" + ("" if leaks else "['age']")
    code = f"def prepare(rows, history):\n    return rows.assign(queue={grouped}.{made})\n"
    return Project({"visits": visits(seed)}, BY_DAY, code)


def of_late_targets(seed: int, leaks: bool) -> Project:
    """`prepare` makes the share of returns of the days before, of which the newest are not known at night."""
    table, until = visits(seed), (
        "" if leaks else "\n    history = history[history['day'] < rows['day'].min() - pd.Timedelta('7D')]"
    )
    code = (f"import pandas as pd\n\ndef prepare(rows, history):{until}\n"
            "    known = history.dropna(subset='returned')\n"
            "    share = (known['returned'] == 'yes').mean() if len(known) else 0.4\n"
            "    return rows.assign(lately=float(share))\n")  # fmt: skip
    late = table["returned"].mask(table["day"] > "2024-04-23")
    return Project({"visits": table.assign(returned=late)}, BY_DAY, code)


PLANTED: dict[str, tuple[Callable[[int, bool], Project], str]] = {
    "a copy of the target": (a_copy, "target-in-feature:outcome_code"),
    "the target in words": (a_word, "target-in-feature:status"),
    "a number known later, of a rare class": (a_later_number, "target-in-feature:days_until"),
    "a feature that only one class has": (a_gap, "gaps:second_ward"),
    "a feature that is zero for one class": (a_zero, "gaps:second_bill"),
    "a feature named after the target": (a_name, "target-name:returned_flag"),
    "the target on another scale": (a_rescaled_target, "target-in-feature:index"),
    "what is added up to the target": (a_sum, "target-formula:drugs+other"),
    "the target's mean, the row's own included": (a_mean, "target-mean:doctor_returns+doctor"),
    "rows repeated under new keys": (twins, "twins"),
    "rows repeated with noise": (near_twins, "near-twins"),
    "patients on both sides of the split": (groups, "groups:patient"),
    "a column that comes with the outcome": (a_late_column, "not-known-yet:laboratory"),
    "a side table of today": (a_side_of_today, "after-the-row:updated"),
    "statistics of all rows": (of_all_rows, "all-rows:age"),
    "the order of the rows": (in_row_order, "row-order:queue"),
    "targets that come later": (of_late_targets, "label-delay:lately"),
}


def rounds(folder: Path, seeds: range, leaks: bool) -> Iterator[tuple[str, str, list[Leak], str]]:
    """Each way with each seed: its name, what must be found, what was, and what the training was refused with."""
    for seed in seeds:
        for number, (name, (plant, expected)) in enumerate(PLANTED.items()):
            project = plant(seed, leaks).write(folder / f"{number}-{seed}-{leaks}")
            yield (name, expected, *search(project))
