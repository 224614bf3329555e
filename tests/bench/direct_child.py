"""A process that trains or scores by the flow's own body without Prefect around it; its last line says how it ended."""

import json
import sys
from collections.abc import Callable
from typing import Any

from tests.direct import score_directly, train_directly
from tierra.environment import QUIET, set_defaults

BODIES: dict[str, Callable[..., Any]] = {"train": train_directly, "score": score_directly}


def main(flow: str, project: str, request: str = "{}") -> None:
    set_defaults(QUIET)
    outcome, _ = BODIES[flow](project, **json.loads(request))
    print(json.dumps({"end": outcome.outcome, "partitions": len(getattr(outcome, "partitions", ()))}))


if __name__ == "__main__":
    main(*sys.argv[1:])
