"""A proxy on loopback that cuts connections off."""

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tests.conftest import free_port

RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close with RST, what was not sent is lost


class CuttingProxy:
    """Passes bytes on to a server, and resets the connection when `limit` of them have come back."""

    def __init__(self, host: str, port: int, limit: int) -> None:
        self.port, self.limit, self._to = free_port(), limit, (host, port)
        self._listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._to)
                for source, target, limit in ((client, server, 1 << 60), (server, client, self.limit)):
                    threading.Thread(target=self._pass_on, args=(source, target, limit), daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket, left: int) -> None:
        with suppress(OSError):
            while left > 0 and (data := source.recv(min(65536, left))):
                target.sendall(data)
                left -= len(data)
        for each in (source, target):
            with suppress(OSError):
                each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                each.shutdown(socket.SHUT_RD)
                each.close()


@contextmanager
def cutting_proxy(url: str, limit: int) -> Iterator[str]:
    """The URL of a server behind such a proxy."""
    before, _, after = url.rpartition("@")
    address, _, path = after.partition("/")
    host, _, port = address.partition(":")
    proxy = CuttingProxy(host, int(port), limit)
    try:
        yield f"{before}@127.0.0.1:{proxy.port}/{path}"
    finally:
        proxy.close()
