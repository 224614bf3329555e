"""The warm parent: `python -m deployments.worker.parent LISTENER LINE`, two open sockets, started by the supervisor.

It imports everything once and forks a child for each run. It has one thread, and no open sockets but the listener, its
line to the supervisor and the connection of each run under way. It never runs a project's code.

The listener belongs to the supervisor too: whoever connects while no parent serves waits for the next one.
"""

import gc
import os
import select
import selectors
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from deployments.worker.child import Origin, become, reset_signals
from deployments.worker.client import CODE, READY, REFUSED, TAKEN
from deployments.worker.linux import count_sockets, end_with, list_threads
from deployments.worker.preload import NO_THREADS, preload
from deployments.worker.run import Run, receive_run
from deployments.worker.sources import State, read_state

# After so many runs a new parent takes over, whatever the old one may have gathered.
RUNS = 500
# How often an idle parent looks whether its code has changed, so that runs seldom find that out and wait.
CHECK_SECONDS = 5.0
# What a run whose client died has to report its end to the server.
GRACE = 5.0


@dataclass
class Child:
    """A forked run: the connection of its client until that is gone, then when it will be killed."""

    connection: socket.socket | None
    deadline: float | None = None


@dataclass
class Parent:
    """Serves runs until its code has changed, its supervisor has ended or it is told to stop."""

    listener: socket.socket
    line: socket.socket
    origin: Origin
    read_state: Callable[[], State]
    limit: int = RUNS
    state: State = field(init=False)
    served: int = 0
    serving: bool = True
    orphaned: bool = False

    def __post_init__(self) -> None:
        self.state = self.read_state()  # before anything is imported
        self._children, self._asked_to_end = dict[int, Child](), False
        self._selector = selectors.DefaultSelector()
        self._wakeup = os.pipe()

    def open(self) -> None:
        """Begin to serve; the supervisor is told."""
        for each in self._wakeup:
            os.set_blocking(each, False)
        signal.set_wakeup_fd(self._wakeup[1])
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        self._selector.register(self._wakeup[0], selectors.EVENT_READ, self._drain_wakeup)
        self._selector.register(self.line, selectors.EVENT_READ, self._lose_supervisor)
        self._selector.register(self.listener, selectors.EVENT_READ, self._accept)
        with suppress(BrokenPipeError):  # it has ended: that is heard next
            self.line.send(READY)

    def serve(self) -> Run | None:
        """Fork a child for each run. Returns the run in a child; None in the parent, after its last child ended."""
        checked = time.monotonic()
        while self.serving or self._children:
            for key, _ in self._selector.select(self._timeout()):
                if run := key.data():
                    return run  # type: ignore[no-any-return]
            self._reap()
            if self._asked_to_end:
                self._end_all()
            self._kill_overdue()
            if self.serving and self.orphaned and not _waits(self.listener):
                self._retire("its supervisor has ended")
            if self.serving and time.monotonic() - checked > CHECK_SECONDS:
                checked = time.monotonic()
                self._retire_if_expired()
        return None

    def _timeout(self) -> float:
        return 0.2 if any(each.deadline for each in self._children.values()) else CHECK_SECONDS

    def _accept(self) -> Run | None:
        if not self.serving or self._retire_if_expired():
            return None  # the client waits in the queue for the next parent
        connection, _ = self.listener.accept()
        try:
            run = receive_run(connection)
        except (OSError, ValueError):  # it stopped waiting
            connection.close()
            return None
        if reason := self._unfit() or self.origin.misfit(run):
            connection.sendall(REFUSED + reason.encode())
            connection.close()
            run.close()
            return None
        return run if self._fork(run, connection) else None

    def _fork(self, run: Run, connection: socket.socket) -> bool:
        """Whether this is the child."""
        parent = os.getpid()
        _flush()
        if (pid := os.fork()) == 0:
            end_with(parent, signal.SIGKILL)
            reset_signals()
            self._leave(connection)
            return True
        self.served += 1
        run.close()
        self._children[pid] = Child(connection)
        connection.sendall(TAKEN)
        self._selector.register(connection, selectors.EVENT_READ, lambda: self._hear(pid))
        return False

    def _leave(self, connection: socket.socket) -> None:
        """Close, in the child, what is the parent's."""
        self._selector.close()
        for each in (self.listener, self.line, connection, *(child.connection for child in self._children.values())):
            if each:
                each.close()
        for descriptor in self._wakeup:
            os.close(descriptor)
        self._children.clear()

    def _unfit(self) -> str | None:
        """Why no child can be forked safely any more. A new parent then takes over."""
        known = 2 + 1 + sum(each.connection is not None for each in self._children.values())
        if threads := list_threads():
            return self._retire(f"the warm parent has another thread: {', '.join(threads)}")
        if (found := count_sockets()) > known:
            return self._retire(f"the warm parent has {found - known} open socket(s) of a library")
        return None

    def _retire_if_expired(self) -> bool:
        if self.orphaned:  # nobody would start the next one
            return False
        if self.served >= self.limit:
            return bool(self._retire(f"{self.served} runs were started"))
        return self.state != self.read_state() and bool(self._retire("code or settings have changed"))

    def _retire(self, reason: str) -> str:
        """Take no more runs, and let the supervisor start the next parent. The children go on."""
        if self.serving:
            self.serving = False
            say(f"takes no more runs: {reason}")
            for each in (self.listener, self.line):
                if each.fileno() >= 0:
                    self._selector.unregister(each)
                    each.close()
        return reason

    def _lose_supervisor(self) -> None:
        """Take the runs that wait in the queue, for which nobody else will come, and then no more."""
        self._selector.unregister(self.line)
        self.line.close()
        self.orphaned = True

    def _hear(self, pid: int) -> None:
        """What a client sends is a signal for its child; when it is gone the child is asked to end."""
        child = self._children[pid]
        assert child.connection
        try:
            numbers = child.connection.recv(16)
        except ConnectionError:
            numbers = b""
        for number in numbers:
            os.kill(pid, number)
        if not numbers:
            self._end(pid)

    def _end(self, pid: int) -> None:
        child = self._children[pid]
        if child.connection:
            self._selector.unregister(child.connection)
            child.connection.close()
            self._children[pid] = Child(None, time.monotonic() + GRACE)
            os.kill(pid, signal.SIGTERM)

    def _kill_overdue(self) -> None:
        for pid, child in self._children.items():
            if child.deadline and child.deadline < time.monotonic():
                os.kill(pid, signal.SIGKILL)

    def _reap(self) -> None:
        while self._children:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            if connection := self._children.pop(pid).connection:
                self._selector.unregister(connection)
                _report(connection, os.waitstatus_to_exitcode(status))

    def _drain_wakeup(self) -> None:
        os.read(self._wakeup[0], 4096)

    def _stop(self, _: int, __: FrameType | None) -> None:
        self._asked_to_end = True

    def _end_all(self) -> None:
        self._retire("asked to end")
        for pid in self._children:
            self._end(pid)


def _waits(listener: socket.socket) -> bool:
    return bool(select.select([listener], [], [], 0)[0])


def say(what: str) -> None:
    """One line in the worker's log."""
    print(f"warm parent {os.getpid()}: {what}", file=sys.stderr, flush=True)


def _report(connection: socket.socket, code: int) -> None:
    with connection, suppress(OSError):  # the client ended in the same moment
        connection.sendall(CODE.pack(code))


def _flush() -> None:
    sys.stdout.flush()
    sys.stderr.flush()


def load() -> None:
    """Import everything, and keep the garbage collector from touching, hence copying, it in children."""
    began = time.process_time()
    os.environ.update(NO_THREADS)
    gc.disable()
    for problem in preload():
        say(f"could not import {problem}")
    gc.collect()
    gc.freeze()
    say(f"has imported {len(sys.modules):,} modules in {time.process_time() - began:.1f} s of CPU")


def main(listener: int, line: int) -> None:
    """Serve until a new parent must take over. In a child this becomes the run, and the interpreter ends with it."""
    origin = Origin.here(str(Path(__file__).resolve().parents[2]))
    parent = Parent(socket.socket(fileno=listener), socket.socket(fileno=line), origin, read_state)
    load()
    parent.open()
    if run := parent.serve():
        del parent
        become(run, origin)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
