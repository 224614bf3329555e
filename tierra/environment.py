"""What processes that run Tierra have in their environment, before libraries read it."""

import os
from typing import Final

# No telemetry; and waiting threads sleep, which costs nothing alone and much on a busy machine.
QUIET: Final = {
    "DO_NOT_TRACK": "true",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "GX_ANALYTICS_ENABLED": "false",
    "OMP_WAIT_POLICY": "PASSIVE",
}
# A person sees our own lines; Prefect's go to its run log alone.
FOR_A_PERSON: Final = {
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_HANDLERS_CONSOLE_FLOW_RUNS_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_HANDLERS_CONSOLE_TASK_RUNS_LEVEL": "CRITICAL",
}


def set_defaults(variables: dict[str, str]) -> None:
    """Set variables that are not set yet."""
    for name, value in variables.items():
        os.environ.setdefault(name, value)
