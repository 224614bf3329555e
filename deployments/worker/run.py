"""A run as its client describes it, and how the parent receives it."""

import os
import socket
from dataclasses import dataclass

from deployments.worker.client import READY, SIZE

# A client that was told to go on sends at once.
RECEIVE_TIMEOUT = 5.0


@dataclass(frozen=True)
class Run:
    """A run as its client described it."""

    checkout: str
    folder: str
    environment: dict[str, str]
    streams: list[int]

    @classmethod
    def read(cls, body: bytes, streams: list[int]) -> "Run":
        """The run that a client's message describes."""
        checkout, folder, *variables = map(os.fsdecode, body.split(b"\0"))
        return cls(checkout, folder, dict(each.split("=", 1) for each in variables), streams)

    def close(self) -> None:
        """Close the streams: the run is not ours."""
        for each in self.streams:
            os.close(each)


def receive_run(connection: socket.socket) -> Run:
    """Tell a client that somebody is there, and read the run that it has. Raises ValueError when it stopped waiting."""
    connection.settimeout(RECEIVE_TIMEOUT)
    connection.sendall(READY)
    head, streams, _, _ = socket.recv_fds(connection, SIZE.size, 3, socket.MSG_CMSG_CLOEXEC)
    try:
        body = connection.recv(SIZE.unpack(head)[0], socket.MSG_WAITALL) if len(head) == SIZE.size else b""
        connection.settimeout(None)
        if not body or len(body) < SIZE.unpack(head)[0]:
            raise ValueError("the client is gone")
        return Run.read(body, streams)
    except (OSError, ValueError):
        for each in streams:
            os.close(each)
        raise
