"""One flow run, handed to the warm parent: the command that Prefect's process worker starts for each run.

It is started as `python -I -S client.py`, imports as little as it can, and ends as the run ends. Where no parent
takes the run it becomes the ordinary process of a run, `python -m prefect.engine`, and says so.
"""

import os
import signal
import socket
import struct
import sys
from types import FrameType

# Where the parent listens; set by `python -m deployments.worker` for its Prefect worker.
SOCKET_VARIABLE = "TIERRA_WARM_SOCKET"
# A parent that has just been started imports for about five seconds, on a busy machine for 20.
PATIENCE = 30.0
# What the parent sends: it is there; it took the run; it did not, and why. Then the exit code.
READY, TAKEN, REFUSED = b"?", b"+", b"-"
FORWARDED = (signal.SIGTERM, signal.SIGINT)
SIZE, CODE = struct.Struct("!I"), struct.Struct("!i")


class NotTaken(Exception):
    """No warm parent takes this run, and why."""


def hand_over(parent: socket.socket, path: str | None) -> None:
    """Give environment, folder and standard streams to the parent. Raises NotTaken before anything was started."""
    if not path:
        raise NotTaken(f"{SOCKET_VARIABLE} is not set: the worker was not started with python -m deployments.worker")
    parent.settimeout(PATIENCE)
    try:
        parent.connect(path)
        # Nothing is sent before the parent is there, so a client that stops waiting has handed nothing over.
        if parent.recv(1) != READY:
            raise NotTaken("the warm parent ended")
    except OSError as error:
        raise NotTaken(f"the warm parent does not answer: {error}") from None
    parent.settimeout(None)
    body = describe_run()
    socket.send_fds(parent, [SIZE.pack(len(body))], [0, 1, 2])
    parent.sendall(body)


def describe_run() -> bytes:
    """The checkout of this file, the working directory and the environment, each ended by a zero byte."""
    checkout = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
    variables = [name + b"=" + value for name, value in os.environb.items()]
    return b"\0".join([os.fsencode(checkout), os.fsencode(os.getcwd()), *variables])


def follow(parent: socket.socket) -> int:
    """Pass signals on until the run ends; its exit code, or the negative number of the signal that ended it."""
    # A signal that comes before it can be passed on waits until then.
    signal.pthread_sigmask(signal.SIG_BLOCK, FORWARDED)
    try:
        if (answer := parent.recv(1)) == REFUSED:
            raise NotTaken(parent.recv(1000, socket.MSG_WAITALL).decode())
        for number in FORWARDED:
            signal.signal(number, _forwarder(parent))
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, FORWARDED)
    # A parent that dies takes its children with it.
    code = parent.recv(CODE.size, socket.MSG_WAITALL) if answer == TAKEN else b""
    return int(CODE.unpack(code)[0]) if len(code) == CODE.size else -signal.SIGKILL


def end_as(code: int) -> None:
    """End this process with an exit code, or by the signal of a negative one."""
    if code < 0:
        if -code != signal.SIGKILL:
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


def start_ordinarily(reason: str) -> None:
    """Become the process of a run that Prefect's worker would have started itself."""
    try:
        print(f"no warm start for this run, {reason}", file=sys.stderr, flush=True)
    except OSError:  # the worker is gone, and with it who reads the pipe; rich ends a process whose pipe is broken
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for stream in (1, 2):
            os.dup2(nowhere, stream)
    os.execv(sys.executable, [sys.executable, "-m", "prefect.engine"])  # noqa: S606  the same interpreter


def _forwarder(parent: socket.socket) -> "signal._HANDLER":
    def forward(number: int, _: FrameType | None) -> None:
        # The parent sends it: no process id can have been given to another meanwhile.
        parent.send(bytes([number]))

    return forward


def main() -> None:
    """Run the flow run of this environment, and end as it ended."""
    with socket.socket(socket.AF_UNIX) as parent:
        try:
            hand_over(parent, os.environ.get(SOCKET_VARIABLE))
            end_as(follow(parent))
        except NotTaken as reason:
            start_ordinarily(str(reason))


if __name__ == "__main__":
    main()
