"""What only Linux has: processes that end with the one that started them, and threads counted by the system."""

import ctypes
import os
import signal
import sys
import threading
from pathlib import Path

PR_SET_PDEATHSIG = 1
# Where forking a process that has loaded everything is safe. macOS forbids it to its own libraries.
CAN_FORK = sys.platform == "linux"


def end_with(starter: int, number: signal.Signals) -> None:
    """Let the kernel send this process a signal when the process that started it ends, also if that is killed."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, number)
    if os.getppid() != starter:  # it ended before the kernel was told
        os.kill(os.getpid(), number)


def list_threads() -> list[str]:
    """The name of every thread of this process but the main one, those of libraries too."""
    of_python = [each.name for each in threading.enumerate() if each is not threading.main_thread()]
    main, tasks = str(os.getpid()), Path("/proc/self/task")
    native = [(task / "comm").read_text().strip() for task in tasks.iterdir() if task.name != main]
    return of_python or native


def count_sockets() -> int:
    """The sockets that are open in this process."""
    folder, found = "/proc/self/fd", 0
    for name in os.listdir(folder):
        try:
            found += os.readlink(f"{folder}/{name}").startswith("socket:")
        except FileNotFoundError:
            continue  # the one that listed the folder
    return found
