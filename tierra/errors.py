"""The error tree. Each error has a stable code, one line and a remedy.

TierraError
├── Misconfigured         exit 2  the project file or the settings are wrong
│   ├── SourceMissing     exit 2  transient: a source's file is not there
│   └── InvalidCall       exit 2  the parameters of this one run are wrong; nobody is alerted
├── DataRejected          exit 3  the data broke its contract; nothing changed
│   └── SourceNotReady    exit 3  transient: the partition is still being loaded
├── NoChampion            exit 4  no model has been registered yet
├── Broken                exit 1  something is tampered with, unreadable or full
├── Unavailable           exit 1  transient: network, lock, throttling, 5xx
├── Stopped             exit 143  the process was asked to end (SIGTERM)
│   └── Cancelled       exit 130  a person stopped the run
└── Failed                exit 1  a bug, with its traceback in the log

`REMEDIES` is the catalogue: every code with what to do about it.
"""

from typing import ClassVar, Final, Self

REMEDIES: Final[dict[str, str]] = {
    # the project file
    "project-not-found": "Name a folder under projects/, or give the path of a project folder or file",
    "project-unreadable": "Check the file's permissions and that it is UTF-8 text",
    "yaml-invalid": "Correct the YAML at that line",
    "yaml-tag": "Write plain values; tags such as !!python are never evaluated",
    "yaml-alias": "Write the value out; anchors and aliases are not expanded",
    "yaml-too-large": "A project file is a page of text; move data elsewhere",
    "yaml-duplicate-key": "Keep one of the two",
    "key-unknown": "Remove the key, or use one of those named",
    "key-missing": "Add the key",
    "value-invalid": "Write a value of the kind named",
    "name-undeclared": "Use a declared name, or declare it",
    "columns-conflict": "Take the column out of one of the two places, or rename one",
    "name-reserved": "Rename the column at the source, or leave it out",
    "overlay-key": "Keep only sources, sink and schedule in the overlay; the rest belongs in project.yaml",
    "features-forbidden": "Take the column out of the features: it is not known when scoring, or is the answer",
    "task-mismatch": "Use what fits the task named, or state another `task`",
    "model-unknown": "Correct the import path, or use one of Tierra's models",
    "metric-unknown": "Use one of the metrics named",
    "expectation-unknown": "Use one of the expectations named",
    "expectation-invalid": "Give the arguments the expectation asks for",
    "function-not-found": "Define the function in that file, or correct its name in the project file",
    "code-invalid": "Correct the Python file; it must import without error",
    # the settings and the call
    "settings-invalid": "Correct the variable in the environment or in .env",
    "connection-unknown": "Set TIERRA_CONNECTIONS__<NAME>__URL in the environment or in .env",
    "connection-invalid": "Use an SQLAlchemy URL such as sqlite:///warehouse.db",
    "call-invalid": "Correct the value and start the run again",
    "partition-invalid": "Give a date as YYYY-MM-DD",
    "partition-future": "Give a day that has come",
    "partition-none": "Leave the partition empty, or say `all`: the project's whole table is one partition",
    "call-contradictory": "Choose one of the two",
    "range-invalid": "Give --from DATE, and --to DATE that is not before it; neither in the future",
    "range-long": "Give a shorter range, or confirm this one with --yes",
    "champion-later": "Give a later --from, or use --model now",
    "output-needed": "Give --output FILE, or pipe the output on",
    "output-form": "Give --output a name that ends in one of them",
    "input-missing": "Give the path of a file that is there",
    "output-exists": "Give --output another name, or --overwrite",
    "flows-not-found": "Run the command from a checkout of Tierra, which has the folder flows/",
    "demo-not-found": "Name a project whose folder has a demo.py with a load function",
    "demo-data-missing": "Install the demo group: poetry install --with demo",
    "registry-address": "Use postgresql+psycopg://user:password@host/database or http://host:5000, or leave it empty",
    # make up
    "up-running": "Stop it with Ctrl-C where it runs, or set another TIERRA_HOME",
    "port-taken": "Free the port, or set that variable to another",
    "auth-missing": "Set PREFECT_SERVER_API_AUTH_STRING to user:password, or bind to 127.0.0.1",
    "service-stopped": "Read its log, named above; then start again",
    "service-silent": "Read its log, named above; the machine may be too busy",
    # the Prefect server
    "server-unknown": "Run `make up`, or set PREFECT_API_URL to the address of a server",
    "server-unavailable": "Check that the server runs and that PREFECT_API_URL names it",
    "alert-unknown": "Create the block in the UI, or correct TIERRA_ALERT_BLOCK",
    "schedule-parameter": "Correct the schedule's `parameters`",
    # owners
    "project-taken": "Give this project a `project` name of its own, or take it over: tierra train PROJECT --take-over",
    "dataset-taken": "Name another data set under `score.sink`, or take it over: tierra train PROJECT --take-over",
    # sources
    "file-changed": "Run it again when nothing writes the file",
    "file-missing": "Put the file there, or correct `path`",
    "file-invalid": "Give a CSV, Parquet or Excel file that opens, or say under `csv` how it is written",
    "database-missing": "Create the database, or correct the connection's URL",
    "table-missing": "Correct `table`, or create it",
    "query-failed": "Run the query by hand and correct it",
    "column-names": "Give each column a name of its own at the source, or list the ones to read under `columns`",
    "column-missing": "Correct the name, or restore the column at the source",
    "column-type": "Correct the values at the source, or declare another type under `types`",
    "source-changed": "Let the loader write a new file and rename it when it is whole; the run is retried",
    "source-empty": "Check that the source was loaded and has rows of the requested dates",
    "keys-duplicate": "Make the key unique at the source, or declare all of its columns",
    "keys-null": "Fill the key at the source; a row without a key cannot be published",
    "partition-absent": "Check the date and that the source holds it",
    "source-not-ready": "Wait for the load to finish; the run is retried until its retries run out",
    "source-stalled": "Look at what loads the source; the next run publishes the days of `lookback` that have come",
    "keys-changed": "Restore the keys, or publish these: tierra score PROJECT --partition DATE --rescore",
    "rows-vanished": "Restore the rows, or publish the smaller day: tierra score PROJECT --partition DATE --rescore",
    # web addresses
    "url-invalid": "Give an address as https://host/path, without a user, its host in ASCII",
    "url-refused": "Name a public host, or set TIERRA_HTTP__ALLOW_PRIVATE=true where a private one is meant",
    "url-forbidden": "Name another host: such addresses are never asked",
    "token-unknown": "Set TIERRA_HTTP__TOKENS__<NAME> in the environment or in .env",
    "download-refused": "Correct the token, or name one: `http: {token: NAME}` and TIERRA_HTTP__TOKENS__<NAME>",
    "download-large": "Raise that setting, or ask the address for less",
    "download-slow": "Raise TIERRA_HTTP__MAX_SECONDS, or ask the address for less; the run is retried",
    "download-unavailable": "Check that the address answers; the run is retried",
    "download-failed": "Open the address by hand, as with `curl -i`, and correct `path` or its server",
    "pages-endless": "Correct `page_parameter` or the server's links, or raise TIERRA_HTTP__MAX_PAGES",
    # databases
    "address-invalid": "Use postgresql://user:password@host/database, and in user and password %40 for @, %2F for /",
    "login-refused": "Correct user and password in the connection's URL, or let the server accept them",
    "permission-denied": "Grant the connection's user what it needs, or name another user",
    "query-writes": "Write a query that only reads; sources are read in a session that cannot write",
    "database-unavailable": "Check that the database answers; the run is retried",
    "database-timeout": "Make the query faster, or raise TIERRA_CONNECTIONS__<NAME>__STATEMENT_TIMEOUT_SECONDS",
    # joins, contract
    "join-fan-out": "Make the right side's key unique, or join on more columns",
    "join-orphans": "Load the missing rows on the right side, or raise `max_orphans`",
    "join-types": "Give both sides the same type with `types`",
    "join-columns": "Give the join a `prefix`, or choose `columns` on the source",
    "expectation-failed": "Correct the rows at the source, or change the expectation",
    "expectation-type": "Give the column a type that the expectation can read",
    "budget-exceeded": "Correct the rows at the source, or raise `quarantine_budget`",
    # the project's functions
    "function-failed": "Correct the function; `tierra try --debug` shows where it failed",
    "function-result": "Return a DataFrame (or, for a target or a rule, one value a row)",
    "features-rows": "Return one row for each row, in the same order",
    "features-not-row-wise": "Move code that reads other rows into `prepare`",
    "features-not-repeatable": "Draw no random numbers without a seed, and take dates from the rows, not the clock",
    "rows-none": "State other `gaps` or `outliers` under `preprocessing`, or correct the rows at the source",
    "features-none": "Return at least one column that is not the key or the target",
    "features-type": "Return numbers, booleans, dates or text",
    "features-changed": "Train again, so that model and features agree",
    "features-gaps": "Fill the gaps at the source, or state another `gaps` of the column under `preprocessing`",
    "features-kind": "State what fits the column under `preprocessing`, or correct it at the source",
    "rule-range": "Return probabilities between 0 and 1",
    # target, split, training
    "target-missing": "Correct `target`, or restore the column at the source",
    "target-gaps": "List it under `missing`, or leave it empty at the source; where it is a class, state `task`",
    "target-not-binary": "Return two values, and name the one to predict in `positive`, or state another `task`",
    "target-not-numeric": "Make the target numeric at the source, or state another `task`",
    "target-many-classes": "Group the rare classes at the source, or name another target",
    "target-values": "Correct the values at the source, or train with --replace-champion to let the classes change",
    "target-edited": "Train with --replace-champion, or restore what the champion predicts in the project file",
    "champion-unread": "Restore what it reads, or train with --replace-champion to promote without comparing",
    "weight-invalid": "Give every row a weight of 0 or more, and one at least more than 0",
    "search-empty": "Correct `search.space`, or give it more `seconds`",
    "balance-empty": "Remove fewer rows: correct `remove`",
    "leak-found": "Do so, or add to `leaks.acknowledged` in the project file: {leak: NAME, reason: WHY IT IS NONE}",
    "target-one-class": "Widen the data so that every part sees more than one value",
    "test-few": "Give the test part more rows in `split`, or widen the data",
    "split-empty": "Move the cuts so that every part has rows",
    "date-far": "Correct the date at the source; leave it empty where there is no end",
    "split-column": "Split by a column of dates",
    "gaps-left": "Name another `impute`, or models that take gaps, such as hist_gradient_boosting",
    "fit-failed": "Change the candidate's parameters",
    "xgboost-missing": "Install it with pip install 'tierra[ray]', which has it, or name another model",
    "lightgbm-missing": "Install it with pip install 'tierra[lightgbm]'",
    "weights-unsupported": "Use an estimator whose fit takes sample_weight, or leave out `weight`",
    "probabilities-missing": "Use an estimator with predict_proba, or wrap its scores in a calibrated one",
    "interval-rows": "Ask for a smaller share, or give validation more rows in `split`",
    "corrections-invalid": "Give the key, and the right label under `corrected`, as `tierra suspects` writes them",
    "candidate-unknown": "Train again, and look at the data with what that promotes",
    "key-needed": "Declare a `key` of the first source",
    "data-unknown": "Name two project files, by their path or beside the project's own",
    "data-unlike": "Compare files that predict the same of the same rows",
    "variant-needless": "Nothing is to be done: the other variants stand for themselves",
    "variant-unknown": "Name one that `tierra optimise PROJECT` lists as made",
    "champion-saw-test": "Train again, then optimise what it promotes",
    "onnx-missing": "Install it with pip install 'tierra[onnx]'",
    "onnx-unsupported": "Take one of the other variants",
    "reasons-unsupported": "Take it out of the candidates, or `reasons` out of `score`",
    "metric-failed": "Use a scorer that fits the task and the model",
    "class-unfit": "Derive it from scikit-learn's BaseEstimator in the project's own file, which has a name of its own",
    "types-not-allowed": "Use an estimator whose types the artifact allows",
    "own-disagrees": "Learn in `fit`: what a class makes of a row must not depend on the rows beside it",
    "agreement-broken": "Report it: this model would serve other values than were evaluated",
    # registry and stores
    "no-champion": "Train first: tierra train",
    "version-unknown": "Name one that `tierra champions PROJECT` lists",
    "version-serves": "Nothing is to be done; `tierra champions PROJECT` lists the others",
    "version-taken-back": "Name another, or let it serve again: tierra promote PROJECT VERSION --reason TEXT",
    "version-unreadable": "Restore what it reads at the source, or name another version",
    "reason-needed": "Say why with --reason TEXT, or in the form; it is kept in the history of champions",
    "champion-moved": "Look at `tierra champions PROJECT`, then start it again where it is still needed",
    "champion-taken-back": "Run it again: it scores with the champion that serves now",
    "run-publishes": "Wait until that run ends, or cancel it, then start this again",
    "rollback-incomplete": "Correct what it names, then run the same rollback again: it repairs what is left",
    "history-tampered": "Restore the entry from its backup, and find out who changed it; the newest entry serves",
    "artifact-tampered": "Restore the object in the store from its backup",
    "artifact-unsafe": "Do not load it; train again, and find out who wrote it",
    "artifact-missing": "Restore the object in the store from its backup",
    "code-mismatch": "Restore the object in the store from its backup",
    "code-differs": "Allow TIERRA_RUN_REGISTERED_CODE, or restore the local file, or train again",
    "experiment-deleted": "Restore it with `mlflow experiments restore`, or delete it for good with `mlflow gc`",
    "registry-unavailable": "Check MLflow's database or server; the run is retried",
    "signature-missing": "Report it: a model without a signature is not registered",
    "store-failed": "Free space or correct permissions, then run again: it first checks what was published",
    "store-tampered": "Restore the object from its backup, or score again with --rescore",
    "memo-tampered": "Remove that object: it is made anew. Find out who wrote it",
    "part-late": "Run again: the rows are scored again; nothing was published",
    "publish-unanswered": "Check that the store answers; the retry first checks whether it was published",
    "publish-unknown": "Make the store answer, then run again: it first checks what was published",
    "sink-differs": "Change the table, or name another under `score.sink`",
    "sink-columns": "Rename the column or the class at the source, or publish to files",
    "sink-table": "State another `table` under `score.sink`",
    "sink-value": "Correct the value at the source, or publish to files",
    "sink-invalid": "Name a table without a schema, or use PostgreSQL",
    "store-address": "Give a folder, or a bucket as s3://bucket/prefix or gs://bucket/prefix",
    "run-outlived": "Start it again; nothing was published",
    "store-unavailable": "Check that the store answers; the run is retried",
    "store-unconditional": "Use a store that supports If-None-Match; here two writers could overwrite each other",
    "bucket-missing": "Create the bucket, or correct its name",
    "bucket-refused": "Check the keys or the role, what they may do in the bucket, and this machine's clock",
    "bucket-credentials": "Set TIERRA_S3__ACCESS_KEY_ID and TIERRA_S3__SECRET_ACCESS_KEY, or a profile, or a role",
    "gcs-credentials": "Set GOOGLE_APPLICATION_CREDENTIALS to a key's file, or run where a service account is given",
    "gcs-missing": "Install it with pip install 'tierra[gcs]'",
    "bucket-region": "Set TIERRA_S3__REGION to the bucket's region, and TIERRA_S3__ENDPOINT_URL to its store",
    "partition-needed": "State the day with --partition DATE",
    "key-invalid": "Give a value for each column of the key, as `a,b`, or as --key NAME=VALUE for each",
    "row-unknown": "Check the key, or state its day with --partition",
    "replay-gone": "Nothing changed; score again with --rescore, or train, and keep snapshots for longer",
    "replay-differs": "Compare the libraries named; where they are the same, report it: it is not what was judged",
    "compare-invalid": "Give two partitions (2024-04-29), generations (2024-04-29@2) or training sets (v3)",
    "partition-unpublished": "Score it first: tierra score",
    "generation-collected": "Read a newer generation; `keep.generations` and `keep.snapshots` say how long they stay",
    "gc-clock": "Correct this machine's clock; where nothing ran for so long, say --yes",
    "gc-project": "Run it where the project's file and connections are, or let both be found",
    "snapshot-missing": "Run again; the object is rebuilt",
    "latest-mixed": "State fewer `partitions` under `score.latest`, or score the older days again",
    "latest-taken": "Remove it, or name another under `score.latest`",
    "columns-unpublished": "Name columns of those listed",
    "workbook-limit": "Write .csv or .parquet instead",
    "workbook-missing": "Install it with pip install 'tierra[excel]'",
    "export-failed": "Free space, correct permissions or name another file; nothing was written",
    # Ray
    "ray-missing": "Install it with pip install 'tierra[ray]'",
    "ray-unavailable": "Run it again on a quieter machine, or check TIERRA_RAY_ADDRESS; what was finished is kept",
    "ray-differs": "Give all nodes the same checkout, poetry.lock, settings and reachable store, and start Ray again",
    # a run
    "process-lost": "Run it again: it goes on where it stopped. Use fewer --jobs where memory is short",
    "run-stopped": "Start it again when you like: finished work is kept, and what was published stays",
    "disk-unusable": "Free space or correct permissions; TMPDIR names the folder of temporary files",
    "memory-full": "Give the run more memory, or fewer rows at once",
    "run-failed": "Give the traceback in the log to whoever wrote the code",
    "several": "See each line",
}


class TierraError(Exception):
    """One line that says what, where and why, and what to do about it."""

    exit_code: ClassVar[int] = 1
    transient: ClassVar[bool] = False

    def __init__(self, code: str, what: str) -> None:
        self.code = code
        self.what = what
        self.remedy = REMEDIES[code]
        super().__init__(f"{what}. {self.remedy}. [{code}]")

    @property
    def name(self) -> str:
        """The kind of error: the name of the state that a run ends in."""
        return type(self).__name__

    @property
    def sentence(self) -> str:
        """What happened, without what to do."""
        return f"{self.what}."

    @property
    def figures(self) -> tuple[tuple[str, str], ...]:
        """None: an error has words."""
        return ()

    @property
    def error(self) -> "TierraError":
        """Itself: as the end of a run, an error is an outcome like any other."""
        return self

    @property
    def made_a_difference(self) -> bool:
        """Never."""
        return False

    def with_receipt(self, receipt: str) -> Self:
        """Itself: an error names no page."""
        return self

    def __reduce__(self) -> tuple[type, tuple[str, str]]:
        return type(self), (self.code, self.what)


class Misconfigured(TierraError):
    """The project file, the settings or the call is wrong; found before any work."""

    exit_code = 2


class SourceMissing(Misconfigured):
    """A source's file is not there; retried, since whoever swaps it for a new one leaves none for a moment."""

    transient = True


class InvalidCall(Misconfigured):
    """The parameters of this one run are wrong. Nothing was read; the caller can correct them."""


class DataRejected(TierraError):
    """The data broke its contract. Nothing was published and nothing changed."""

    exit_code = 3

    @property
    def sentence(self) -> str:
        """What happened, and that nothing came of it."""
        return f"Nothing was published and nothing changed. {self.what}."


class SourceNotReady(DataRejected):
    """The partition is there but still being loaded; retried until retries run out."""

    transient = True


class NoChampion(TierraError):
    """No model has been registered as champion yet, so nothing can be scored."""

    exit_code = 4


class Broken(TierraError):
    """A stored object is tampered with, missing or not writable. Never retried."""


class Unavailable(TierraError):
    """A server, a lock or the network failed for now; the same call may succeed later."""

    transient = True


class Stopped(TierraError):
    """The run's process was asked to end before the run was over."""

    exit_code = 143


class Cancelled(Stopped):
    """A person stopped the run."""

    exit_code = 130


class Failed(TierraError):
    """A bug: an error that is none of ours ended the run."""


def first_line(error: BaseException) -> str:
    """The first line of another library's error, without its full stop; its class when it has no text."""
    return (str(error).splitlines() or [type(error).__name__])[0].removesuffix(".")
