"""A fork of a run hears that it is to end, also while libraries tidy up after the fork."""

import subprocess
import sys
from signal import SIGTERM

from tests.conftest import ROOT

BODY = """
import os, signal, time

def refuse(*_):
    raise KeyboardInterrupt

signal.signal(signal.SIGTERM, refuse)  # as Prefect does
started, say = os.pipe()

def tidy():
    os.write(say, b".")
    time.sleep(0.5)

os.register_at_fork(after_in_child=tidy)
HEAR
pid = os.fork()
if not pid:
    time.sleep(20)
    os._exit(0)
os.read(started, 1)
os.kill(pid, signal.SIGTERM)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
signal.raise_signal(signal.SIGTERM)
"""


def test_a_fork_that_is_asked_to_end_while_a_library_tidies_up_ends() -> None:
    body = BODY.replace("HEAR", "from tasks.run.forks import let_forks_end; let_forks_end(); let_forks_end()")
    done = subprocess.run([sys.executable, "-c", body], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.stdout == f"{-SIGTERM}\n", done.stderr
    assert "KeyboardInterrupt" in done.stderr, "the parent keeps its own handler"
