"""Connections for httpcore: to hosts that may be asked, for as long as reading a source may take.

Names are resolved here, in its network backend, which is a public port: what is connected to is what was checked.
"""

import ssl
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import httpcore

from tierra.errors import Misconfigured
from tierra.settings import Http
from tierra.store.web_address import resolve


@dataclass
class Budget:
    """What reading one source may cost: until when, and how many bytes more."""

    deadline: float
    bytes_left: int

    @classmethod
    def of(cls, http: Http) -> "Budget":
        """What the settings allow, from now on."""
        return cls(time.monotonic() + http.max_seconds, http.max_megabytes * 1_000_000)

    def seconds(self, most: float | None) -> float:
        """How long to wait for the next bytes. Raises httpcore's TimeoutException when the time is over."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("the time is over")
        return left if most is None else min(left, most)

    def spend(self, size: int, where: str) -> None:
        """Raise Misconfigured when more came than is allowed."""
        self.bytes_left -= size
        if self.bytes_left < 0:
            raise Misconfigured("download-large", f"{where}: larger than TIERRA_HTTP__MAX_MEGABYTES allows")


class CheckedNetwork(httpcore.NetworkBackend):
    """Connects to the addresses that were checked, and to no other that a name may have a moment later."""

    def __init__(self, allow_private: bool, only_private: bool, budget: Budget) -> None:
        self._allow_private, self._only_private, self._budget = allow_private, only_private, budget

    def connect_tcp(self, host: str, port: int, timeout: float | None = None, local_address: str | None = None,
                    socket_options: Iterable[Any] | None = None) -> httpcore.NetworkStream:  # fmt: skip
        """A connection to the first of the host's addresses that answers."""
        addresses = resolve(host, port, self._allow_private, self._only_private)
        for number, address in enumerate(addresses, 1):
            try:
                stream = httpcore.SyncBackend().connect_tcp(address, port, self._budget.seconds(timeout))
                return _Stream(stream, self._budget)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if number == len(addresses):
                    raise
        raise httpcore.ConnectError("no address")


class _Stream(httpcore.NetworkStream):
    """A connection that ends when the time is over, however slowly bytes keep coming."""

    def __init__(self, stream: httpcore.NetworkStream, budget: Budget) -> None:
        self._stream, self._budget = stream, budget

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._budget.seconds(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._budget.seconds(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(self, ssl_context: ssl.SSLContext, server_hostname: str | None = None,
                  timeout: float | None = None) -> httpcore.NetworkStream:  # fmt: skip
        stream = self._stream.start_tls(ssl_context, server_hostname, self._budget.seconds(timeout))
        return _Stream(stream, self._budget)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
