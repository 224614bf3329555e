"""Work in a fork of this process, which may be killed in the middle of it."""

import json
import os
import traceback
from collections.abc import Callable
from typing import Any


def in_a_fork(work: Callable[[], Any]) -> tuple[int, Any]:
    """The signal that ended a fork, 0 for none, and what its work returned."""
    reading, writing = os.pipe()
    if (child := os.fork()) == 0:
        try:
            os.write(writing, json.dumps(work()).encode())
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read()
    status = os.waitpid(child, 0)[1]
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, "a fork failed"
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0, json.loads(said) if said else None
