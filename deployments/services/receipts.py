"""Serves the receipts' pages, and numbers for a monitor: `python -m deployments.services.receipts PORT FOLDER [HOST]`.

A browser that was led here by another name reads nothing, links lead nowhere outside the folder, and what is not a
page of ours is not there.
"""

import html
import io
import sys
from collections.abc import Callable
from functools import cache, partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlsplit

from tierra.redaction import clean_line
from tierra.settings import Settings

if TYPE_CHECKING:
    from deployments.services.numbers import Numbers

Render = Callable[[], bytes]
NUMBERS: Final = "/metrics"
LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",
}


class Pages(SimpleHTTPRequestHandler):
    """Answers GET and HEAD with the pages of a folder, to those who ask for this server by one of its names."""

    server_version, sys_version = "tierra", ""
    timeout = 30  # a client that says nothing holds its thread no longer

    def __init__(self, *arguments: Any, folder: Path, names: frozenset[str], numbers: Render | None) -> None:
        self.folder, self.names, self.numbers = folder.resolve(), names, numbers
        super().__init__(*arguments, directory=str(self.folder))

    def send_head(self) -> io.BytesIO | None:  # what GET and HEAD share
        """Answer with a page, with the list of projects where there is no page of the morning yet, or with an error."""
        if _host(self.headers.get("Host", "")) not in self.names:
            self.send_error(HTTPStatus.MISDIRECTED_REQUEST, "Not a name of this server")
            return None
        if self.numbers and urlsplit(self.path).path == NUMBERS:
            return self._show_numbers(self.numbers)
        path = Path(self.translate_path(self.path))
        content = self._read(path) or (self._list_projects() if path == self.folder else None)
        if content is None:
            self.send_error(HTTPStatus.NOT_FOUND)
            return None
        if path.is_dir() and not urlsplit(self.path).path.endswith("/"):  # else its links would miss the folder
            self.send_response(HTTPStatus.MOVED_PERMANENTLY)
            self.send_header("Location", f"/{quote(path.relative_to(self.folder).as_posix())}/")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return None
        return self._answer(content, "text/html; charset=utf-8")

    def end_headers(self) -> None:
        """Add the headers of every answer."""
        for name, value in HEADERS.items():
            self.send_header(name, value)
        super().end_headers()

    def _answer(self, content: bytes, kind: str) -> io.BytesIO:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        return io.BytesIO(content)

    def _show_numbers(self, render: Render) -> io.BytesIO | None:
        """Answer with the numbers. Why they cannot be read stands in the log alone, as it may name what is private."""
        from deployments.services.numbers import CONTENT_TYPE

        try:
            return self._answer(render(), CONTENT_TYPE)
        except Exception as error:  # noqa: BLE001  the next question may be answered
            self.log_error("%s", clean_line(f"the numbers could not be read: {type(error).__name__}: {error}"))
            self.send_error(HTTPStatus.INTERNAL_SERVER_ERROR, "The numbers could not be read: see the log")
            return None

    def _read(self, path: Path) -> bytes | None:
        """A page; of a folder, its first: that of the morning, or a project's list of runs."""
        try:
            file = (path / "index.html" if path.is_dir() else path).resolve()
            ours = file.is_relative_to(self.folder) and file.suffix == ".html" and not file.name.startswith(".")
            return file.read_bytes() if ours and file.is_file() else None
        except (OSError, ValueError):
            return None

    def _list_projects(self) -> bytes:
        found = sorted(file.parent.name for file in self.folder.glob("[!.]*/index.html"))
        lines = "".join(f'<li><a href="{quote(name)}/index.html">{html.escape(name)}</a>' for name in found)
        return f'<!doctype html><meta charset="utf-8"><title>Receipts</title><h1>Receipts</h1><ul>{lines}</ul>'.encode()


def serve(
    port: int, folder: Path, host: str = "127.0.0.1", link: str = "", numbers: Render | None = None
) -> ThreadingHTTPServer:
    """The server of a folder's pages, listening; `link` is the address by which others call it."""
    names = LOOPBACK | {host, _host(urlsplit(link).netloc)} - {"", "0.0.0.0", "::"}  # noqa: S104
    return ThreadingHTTPServer((host, port), partial(Pages, folder=folder, names=names, numbers=numbers))


def _host(header: str) -> str:
    """The name in a Host header, without its port."""
    try:
        return urlsplit(f"//{header}").hostname or ""
    except ValueError:
        return ""


def main(port: str, folder: str, host: str = "127.0.0.1") -> None:
    """Serve until the process is stopped."""
    serve(int(port), Path(folder), host, Settings().receipts_url or "", read_numbers()).serve_forever()


def read_numbers() -> Render:
    """A function that gives the numbers of this installation; the stores are opened when it is first called."""

    @cache
    def numbers() -> "Numbers":
        from deployments.services.numbers import Numbers
        from tierra.status.stores import read_stores
        from tierra.workspace import open_workspace

        workspace = open_workspace()
        return Numbers(lambda: read_stores(workspace, days=1))  # no number is of older days

    return lambda: numbers().render()


if __name__ == "__main__":
    main(*sys.argv[1:])
