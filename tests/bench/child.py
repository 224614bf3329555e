"""A process that runs one flow and prints, as its last line, how it ended and the most memory it held."""

import json
import sys
from importlib import import_module

from tests.bench.measure import peak_memory
from tierra.environment import QUIET, set_defaults


def main(name: str, project: str) -> None:
    set_defaults(QUIET)
    flow = getattr(import_module(f"flows.{name}"), name)
    state = flow(project, return_state=True)
    print(json.dumps({"end": state.name, "said": state.message, "peak": peak_memory()}))


if __name__ == "__main__":
    main(*sys.argv[1:])
