"""A process that code of a run forks ends when it is asked to, from its first moment on.

It inherits Prefect's handler of SIGTERM, which raises. While libraries tidy up after the fork Python drops what is
raised, and a pool that ends at once would wait for ever for a process that heard nothing.
"""

import os
import signal
from functools import cache

ASKED = {signal.SIGTERM}


@cache
def let_forks_end() -> None:
    """From now on a fork of this process ends on SIGTERM, as processes do, until it sets a handler of its own."""
    os.register_at_fork(before=_hold, after_in_parent=_release, after_in_child=_end_on_sigterm)


def _hold() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, ASKED)


def _release() -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ASKED)


def _end_on_sigterm() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _release()
