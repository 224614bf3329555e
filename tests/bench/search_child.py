"""A search on so many processors: `python -m tests.bench.search_child PROCESSORS`, in an installation of its own."""

import json
import os
import sys

from tierra.facts import ParametersSearched
from tierra.journal import open_journal
from tierra.model.search_found import SearchDone
from tierra.steps.trial import try_project
from tierra.workspace import open_workspace


def main(processors: int) -> SearchDone:
    """The search of the one project of this installation, over all of its rows."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:processors])
    workspace = open_workspace()
    with open_journal() as journal:
        try_project(workspace, workspace.project("rides"), None)
    return journal.facts(ParametersSearched)[0].searches[0]


if __name__ == "__main__":
    done = main(int(sys.argv[1]))
    print(json.dumps({"seconds": done.seconds, "trials": len(done.trials), "processes": done.processes}))
