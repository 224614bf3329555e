"""Which tests hold which modules: the first pattern that fits a module counts."""

from fnmatch import fnmatch
from typing import NamedTuple

FILES_AND_SQLITE = ("-k", "not PostgreSQL and not postgres and not S3 and not s3")


class Pair(NamedTuple):
    """Tests, and how they are called."""

    tests: tuple[str, ...]
    options: tuple[str, ...] = ()


PROTOCOL = Pair(
    (
        "tests/unit/test_manifests.py",
        "tests/unit/test_part_names.py",
        "tests/unit/test_sweeping.py",
        "tests/property/test_publishing_laws.py",
        "tests/integration/test_predictions.py",
        "tests/integration/test_tampering.py",
        "tests/integration/test_disk_full.py",
        "tests/integration/test_sinks_contract.py",
        "tests/faults/test_histories.py",
    ),
    FILES_AND_SQLITE,
)
# Of a real server there is no time: what only PostgreSQL runs is not reached.
SQL = Pair(
    (
        "tests/unit/test_sql_sink.py",
        "tests/property/test_publishing_laws.py",
        "tests/integration/test_sinks_contract.py",
        "tests/integration/test_tampering.py",
        "tests/integration/test_sql_refusals.py",
        "tests/faults/test_damage_and_races.py",
        "tests/faults/test_histories.py",
    ),
    ("-k", "SQLite or sqlite or database or test_sql_sink"),
)
OBJECTS = Pair(
    (
        "tests/unit/test_objects.py",
        "tests/unit/test_local_objects.py",
        "tests/unit/test_sweeping.py",
        "tests/integration/test_objects_contract.py",
        "tests/integration/test_disk_full.py",
        "tests/integration/test_tampering.py",
    ),
    FILES_AND_SQLITE,
)
S3 = Pair(
    (
        "tests/unit/test_bucket_objects.py",
        "tests/integration/test_s3_objects.py",
        "tests/integration/test_objects_contract.py",
    )
)
COLLECTING = Pair(
    ("tests/unit/test_marks.py", "tests/unit/test_collecting.py", "tests/integration/test_collecting.py",
     "tests/faults/test_months.py"),
    FILES_AND_SQLITE,
)  # fmt: skip
MEMO = Pair(("tests/unit/test_memo.py", "tests/unit/test_tables.py", "tests/integration/test_tampering.py"))

READING = Pair(
    (
        "tests/property/test_snapshots.py",
        "tests/unit/test_csv_files.py",
        "tests/unit/test_far_dates.py",
        "tests/unit/test_read_once.py",
        "tests/unit/test_row_groups.py",
        "tests/integration/test_types.py",
    ),
    FILES_AND_SQLITE,
)
DATABASES = Pair(("tests/integration/test_sqlite_values.py", "tests/integration/test_sql_sources.py"), FILES_AND_SQLITE)
PROFILE = Pair(("tests/unit/test_profile.py", "tests/property/test_profiles.py", "tests/unit/test_tables.py"))
SPLIT = Pair(("tests/unit/test_split.py", "tests/property/test_split_laws.py", "tests/property/test_laws.py"))
CASTING = Pair(
    (
        "tests/unit/test_casting.py",
        "tests/unit/test_frames.py",
        "tests/integration/test_types.py",
        "tests/property/test_snapshots.py",
    )
)
CONTRACT = Pair(("tests/unit/test_contract.py", "tests/property/test_laws.py", "tests/integration/test_types.py"))
EVALUATION = Pair(
    (
        "tests/unit/test_evaluation.py",
        "tests/unit/test_bootstrap.py",
        "tests/unit/test_gate.py",
        "tests/unit/test_metrics.py",
        "tests/unit/test_metrics_agree.py",
        "tests/property/test_laws.py",
    )
)
GATE = Pair(
    (
        "tests/unit/test_gate.py",
        "tests/unit/test_paired.py",
        "tests/unit/test_slice_search.py",
        "tests/unit/test_guardrails.py",
        "tests/unit/test_uses.py",
        "tests/unit/test_learnt.py",
    )
)
FITTING = Pair(
    (
        "tests/unit/test_preprocessing.py",
        "tests/unit/test_estimators.py",
        "tests/unit/test_candidates.py",
        "tests/unit/test_evaluation.py",
    )
)
PREPARATION = Pair(("tests/unit/test_preparation.py", "tests/unit/test_preprocessing.py", "tests/unit/test_reasons.py"))
CHAMPIONS = Pair(("tests/integration/test_champions.py", "tests/integration/test_target_and_owners.py"))

PAIRS: dict[str, Pair] = {
    "tierra/store/sql_*.py": SQL,
    "tierra/store/databases.py": SQL,
    "tierra/store/postgres.py": SQL,
    "tierra/store/column_names.py": SQL,
    "tierra/store/predictions.py": PROTOCOL,
    "tierra/store/sinks.py": PROTOCOL,
    "tierra/store/sweeping.py": PROTOCOL,
    "tierra/store/part_names.py": PROTOCOL,
    "tierra/store/manifest.py": PROTOCOL,
    "tierra/store/restoring.py": PROTOCOL,
    "tierra/store/collecting.py": COLLECTING,
    "tierra/store/marks.py": COLLECTING,
    "tierra/store/local_objects.py": OBJECTS,
    "tierra/store/objects.py": OBJECTS,
    "tierra/store/disk.py": OBJECTS,
    "tierra/store/s3_*.py": S3,
    "tierra/store/bucket*.py": S3,
    "tierra/store/web*.py": Pair(
        (
            "tests/integration/test_web_sources.py",
            "tests/integration/test_web_hosts.py",
            "tests/integration/test_web_answers.py",
        )
    ),
    "tierra/store/exports.py": Pair(("tests/integration/test_export.py",)),
    "tierra/store/latest_*.py": Pair(("tests/integration/test_latest.py",), FILES_AND_SQLITE),
    "tierra/store/probing.py": S3,
    "tierra/store/memo.py": MEMO,
    "tierra/store/tables.py": MEMO,
    "tierra/store/owners.py": Pair(("tests/unit/test_owners.py",)),
    "tierra/store/opening.py": Pair(("tests/unit/test_opening.py",)),
    "tierra/data/casting.py": CASTING,
    "tierra/data/frames.py": CASTING,
    "tierra/data/spec.py": CASTING,
    "tierra/data/contract.py": CONTRACT,
    "tierra/data/quarantine.py": CONTRACT,
    "tierra/data/expect*.py": CONTRACT,
    "tierra/data/joins.py": Pair(("tests/unit/test_joins.py", "tests/property/test_laws.py")),
    "tierra/data/features.py": Pair(("tests/unit/test_features.py", "tests/unit/test_preprocessing.py")),
    "tierra/data/code.py": Pair(("tests/unit/test_code.py", "tests/unit/test_features.py")),
    "tierra/data/target.py": Pair(("tests/unit/test_target.py", "tests/unit/test_features.py")),
    "tierra/data/spellings.py": Pair(("tests/unit/test_target.py",)),
    "tierra/data/labels.py": SPLIT,
    "tierra/data/split.py": SPLIT,
    "tierra/data/sampling.py": SPLIT,
    "tierra/data/partitions.py": Pair(
        ("tests/unit/test_partitions.py", "tests/unit/test_completeness.py", "tests/unit/test_far_dates.py")
    ),
    "tierra/data/completeness.py": Pair(("tests/unit/test_completeness.py",)),
    "tierra/data/read_once.py": Pair(("tests/unit/test_read_once.py", "tests/unit/test_far_dates.py")),
    "tierra/data/snapshot.py": READING,
    "tierra/data/spool.py": READING,
    "tierra/data/window.py": READING,
    "tierra/data/row_*.py": READING,
    "tierra/data/file_source.py": READING,
    "tierra/data/sources.py": READING,
    "tierra/data/sql_values.py": Pair(("tests/unit/test_sql_values.py", *DATABASES.tests), DATABASES.options),
    "tierra/data/sql_*.py": DATABASES,
    "tierra/data/profile*.py": PROFILE,
    "tierra/data/counting.py": PROFILE,
    "tierra/data/differences.py": PROFILE,
    "tierra/data/correlations.py": PROFILE,
    "tierra/data/ranks.py": PROFILE,
    "tierra/model/champion_entries.py": CHAMPIONS,
    "tierra/model/champions.py": CHAMPIONS,
    "tierra/model/artifact.py": Pair(("tests/unit/test_artifact.py", *FITTING.tests)),
    "tierra/model/preprocessing.py": PREPARATION,
    "tierra/model/treatments.py": PREPARATION,
    "tierra/model/encoders.py": PREPARATION,
    "tierra/model/imputers.py": PREPARATION,
    "tierra/model/outliers.py": PREPARATION,
    "tierra/model/scalers.py": PREPARATION,
    "tierra/model/admission.py": PREPARATION,
    "tierra/model/log_target.py": PREPARATION,
    "tierra/model/own.py": Pair(("tests/unit/test_own.py",)),
    "tierra/model/candidates.py": FITTING,
    "tierra/model/estimators.py": FITTING,
    "tierra/model/leaks/*.py": Pair(("tests/unit/test_leaks.py",)),
    "tierra/model/training.py": FITTING,
    "tierra/model/gate*.py": GATE,
    "tierra/model/guard*.py": GATE,
    "tierra/model/comparison_checks.py": GATE,
    "tierra/model/difference.py": GATE,
    "tierra/model/paired.py": GATE,
    "tierra/model/slice_search.py": GATE,
    "tierra/store/uses.py": GATE,
    "tierra/model/comparison.py": EVALUATION,
    "tierra/model/bootstrap.py": EVALUATION,
    "tierra/model/rules.py": Pair(("tests/unit/test_rules.py", *EVALUATION.tests)),
    "tierra/model/metrics.py": EVALUATION,
    "tierra/model/scorers.py": EVALUATION,
    "tierra/model/evaluat*.py": EVALUATION,
    "tierra/model/importance.py": EVALUATION,
    "tierra/model/examples.py": EVALUATION,
}


def pair_of(module: str) -> Pair | None:
    """The tests of a module; None where it has none."""
    return next((pair for pattern, pair in PAIRS.items() if fnmatch(module, pattern)), None)
