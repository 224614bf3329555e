"""A web server on loopback that answers as a test tells it to."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tierra.data.snapshot import take_snapshot
from tierra.data.sources import SourceReader, open_source
from tierra.data.spec import FileSource
from tierra.data.window import EVERYTHING
from tierra.settings import Http, Settings
from tierra.store.objects import MemoryObjects


@dataclass
class Reply:
    """What is answered: a status, headers, and a body in pieces; without `size` the body's own length is said."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    size: int | None = None
    pieces: Callable[[], Iterator[bytes]] | None = None


@dataclass
class Asked:
    """One request as it came."""

    path: str
    headers: dict[str, str]


class WebServer:
    """Replies by path; those with an ETag answer 304 to whoever has that version."""

    def __init__(self) -> None:
        self.replies: dict[str, Reply | Callable[[Asked], Reply]] = {}
        self.asked: list[Asked] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.port = self._server.server_port
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def put(self, path: str, body: bytes | str = b"", status: int = 200, **headers: str) -> str:
        """Answer so under a path; the address."""
        data = body.encode() if isinstance(body, str) else body
        self.replies[path] = Reply(data, status, {name.replace("_", "-"): value for name, value in headers.items()})
        return f"{self.url}{path}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, asked: Asked) -> Reply:
        self.asked.append(asked)
        found = self.replies.get(asked.path, Reply(b"no such page", 404))
        reply = found(asked) if callable(found) else found
        for held, sent in (("etag", "if-none-match"), ("last-modified", "if-modified-since")):
            if reply.headers.get(held) and asked.headers.get(sent) == reply.headers[held]:
                return Reply(status=304, headers=reply.headers)
        return reply

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                asked = Asked(self.path, {name.lower(): value for name, value in self.headers.items()})
                reply = server.answer(asked)
                self.send_response_only(reply.status)
                if "date" not in reply.headers:
                    self.send_header("date", self.date_time_string())
                for name, value in reply.headers.items():
                    self.send_header(name, value.encode().decode("latin-1"))
                if reply.status != 304:
                    self.send_header("content-length", str(len(reply.body) if reply.size is None else reply.size))
                self.end_headers()
                try:
                    for piece in reply.pieces() if reply.pieces else [reply.body]:
                        self.wfile.write(piece)
                        self.wfile.flush()
                except OSError:
                    pass  # the client has left
                self.close_connection = reply.size is not None or reply.pieces is not None

            def log_message(self, format: str, *args: object) -> None:
                pass

        return Handler


@contextmanager
def web_server() -> Iterator[WebServer]:
    server = WebServer()
    try:
        yield server
    finally:
        server.close()


def settings(home: Path, **http: Any) -> Settings:
    """Settings that allow this machine's own server."""
    return Settings(home=home, http=Http(allow_private=True, **http))


def source(path: str, **about: Any) -> FileSource:
    """The rides at an address or a path."""
    return FileSource(kind="file", path=path, **{"key": "ride_id", "partition_by": "day", **about})


def opened(path: str, where: Settings, **about: Any) -> SourceReader:
    return open_source("rides", source(path, **about), Path(), where)


def snapshot(path: str, where: Settings, **about: Any) -> str:
    return take_snapshot(MemoryObjects(), source(path, **about), opened(path, where, **about), EVERYTHING).sha256
