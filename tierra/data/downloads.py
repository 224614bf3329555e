"""Data at a web address: downloaded into files of this process, page by page, and read as any other file is.

One answer is of one version. What a server marks with a version is kept in the home and asked for again only
as far as it has changed.
"""

import hashlib
import os
import re
import shutil
import tempfile
import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit

import pyarrow as pa
import pyarrow.parquet as pq

from tierra.data.downloads_kept import Kept, KeptPages, version_of
from tierra.data.file_places import Place
from tierra.data.http_form import file_name
from tierra.data.spec import FileSource
from tierra.errors import Broken, Misconfigured, SourceMissing, SourceNotReady, TierraError, Unavailable
from tierra.settings import Settings
from tierra.store.web import Answer, Web, follow
from tierra.store.web_address import parse_address
from tierra.store.web_network import Budget
from tierra.temporary import prefix

PIECE: Final = 1024 * 1024
EMPTY_BELOW: Final = 64 * 1024
LINK: Final = re.compile(r'<([^<>]*)>((?:\s*;\s*[^\s=;,]+\s*=\s*(?:"[^"]*"|[^\s";,]+))*)')
PARAMETER: Final = re.compile(r';\s*([^\s=;,]+)\s*=\s*(?:"([^"]*)"|([^\s";,]+))')
ABSENT: Final = (404, 410)


def download(name: str, source: FileSource, settings: Settings) -> list[Place]:
    """The pages of a source's web address. Raises Misconfigured, Unavailable, or SourceNotReady when it is changing."""
    downloads = _Downloads(name, source, settings)
    pages = list(downloads.pages())
    if len(pages) > 1:
        downloads.require_unchanged(pages)
    downloads.forget_beyond(len(pages))
    return [downloads.place(page) for page in pages]


@dataclass(frozen=True)
class _Page:
    """One answer, in a file."""

    number: int
    file: Path
    kept: Kept


class _Downloads:
    """The answers of one source."""

    def __init__(self, name: str, source: FileSource, settings: Settings) -> None:
        self._where = f"source {name} ({source.path})"
        self._source, self._settings = source, settings
        self._folder = _Folder()
        self._cache = KeptPages(settings.root / "downloads", (source.path, source.http and source.http.model_dump()))
        origin = parse_address(source.path).origin
        self._web = Web(settings.http, Budget.of(settings.http), _token(source, settings), origin)

    def pages(self) -> Iterator[_Page]:
        """The pages, in order: by the server's links, or counted until one is empty."""
        before, url = None, self._numbered(0)
        for number in range(1, self._settings.http.max_pages + 1):
            page = self._fetch(number, url, known=self._cache.read(number, url))
            counted = self._source.http and self._source.http.page_parameter
            if before and counted and self._is_empty(page):
                return
            if before and page.kept.sha256 == before.kept.sha256:
                raise Misconfigured("pages-endless", f"{self._where}: page {number} is page {number - 1} again")
            yield page
            if not (following := self._numbered(number) if counted else page.kept.next):
                return
            before, url = page, following
        raise Misconfigured("pages-endless", f"{self._where}: it has more pages than TIERRA_HTTP__MAX_PAGES")

    def require_unchanged(self, pages: list[_Page]) -> None:
        """Raise SourceNotReady when a page is another by now: rows may be missing between two pages, or in both."""
        for page in pages:
            if page.number == 1 or page.kept.version:
                again = self._fetch(page.number, page.kept.url, known=page.kept, file=page.file)
                if again.kept.sha256 != page.kept.sha256:
                    raise SourceNotReady("source-changed", f"{self._where}: page {page.number} was changed meanwhile")

    def forget_beyond(self, pages: int) -> None:
        """Remove what is kept of pages that are no more."""
        self._cache.forget_beyond(pages)

    def place(self, page: _Page) -> Place:
        """A page as a file of the source; its folder goes when nothing reads from it any more."""
        folder, source = self._folder, self._source
        return Place(
            page.kept.url,
            open=lambda: str(folder.path / page.file.name),
            stamp=lambda: page.kept.sha256,
            file_name=file_name(source.path),
            format=source.format,
        )

    def _numbered(self, done: int) -> str:
        """The address, or that of the page after so many."""
        form = self._source.http
        if not (form and form.page_parameter):
            return self._source.path
        parts = urlsplit(self._source.path)
        others = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if pair[0] != form.page_parameter]
        return parts._replace(query=urlencode([*others, (form.page_parameter, form.first_page + done)])).geturl()

    def _fetch(self, number: int, url: str, known: Kept | None, file: Path | None = None) -> _Page:
        """A page as it is now; what is known of it is asked for only if it has changed."""
        copy = file or (self._cache.copy(known, self._folder.path / f"{number}") if known else None)
        conditions = known.version if known and copy else {}
        with self._web.get(url, {"accept": "*/*", **conditions}) as answer:
            if answer.status == 304 and known and copy:
                return _Page(number, copy, known)
            self._require_data(answer)
            fresh = self._folder.path / (f"{number}-again" if file else f"{number}")
            kept = Kept(url=url, sha256=_write(answer, fresh), version=version_of(answer.headers), next=_next(answer))
        if kept.version:
            self._cache.keep(number, kept, fresh)
        return _Page(number, fresh, kept)

    def _require_data(self, answer: Answer) -> None:
        where = f"{self._where}: {answer.address.authority} answers {answer.status}"
        if error := _refusal(answer.status, where):
            raise error
        kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind in ("text/html", "application/xhtml+xml"):
            raise Misconfigured("download-failed", f"{self._where}: the answer is a web page, not data")

    def _is_empty(self, page: _Page) -> bool:
        """Whether a page has no rows."""
        if self.place(page).form == ".parquet":
            return bool(pq.read_metadata(page.file).num_rows == 0)
        with pa.input_stream(str(page.file), compression=self.place(page).compression) as stream:
            data = bytes(stream.read(EMPTY_BELOW))
        lines = [line for line in data.splitlines() if line.strip()]
        if self.place(page).form in (".jsonl", ".ndjson"):
            return not lines or lines == [b"[]"]
        above = self._source.csv.skip_rows if self._source.csv else 0
        return len(lines) <= 1 + above and len(data) < EMPTY_BELOW


class _Folder:
    """A temporary folder that goes with this object, or with its process."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix=prefix()))
        weakref.finalize(self, _remove, self.path, os.getpid())


def _remove(folder: Path, process: int) -> None:
    if os.getpid() == process:  # a fork reads from its parent's folder
        shutil.rmtree(folder, ignore_errors=True)


def _token(source: FileSource, settings: Settings) -> str | None:
    """The source's token. Raises Misconfigured when it is not set."""
    name = source.http.token if source.http else None
    if name is None:
        return None
    if name not in settings.http.tokens:
        known = ", ".join(sorted(settings.http.tokens)) or "none"
        raise Misconfigured("token-unknown", f"token '{name}' is not set (set: {known})")
    return settings.http.tokens[name].get_secret_value()


def _refusal(status: int, where: str) -> TierraError | None:
    """Our error for an answer without data."""
    if status in (401, 403):
        return Misconfigured("download-refused", where)
    if status in ABSENT:
        return SourceMissing("file-missing", where)
    if status in (408, 425, 429) or status >= 500:
        return Unavailable("download-unavailable", where)
    return None if status in (200, 204) else Misconfigured("download-failed", where)


def _write(answer: Answer, file: Path) -> str:
    """Write an answer's body to a file; its digest."""
    digest = hashlib.sha256()
    try:
        file.unlink(missing_ok=True)  # what is kept may share its bytes
        with file.open("wb") as target:
            for piece in answer.body:
                digest.update(piece)
                target.write(piece)
    except OSError as error:
        raise Broken("store-failed", f"a temporary file for a download: {error.strerror or error}") from error
    return digest.hexdigest()


def _next(answer: Answer) -> str | None:
    """The address of the next page, as the answer links to it. Raises Misconfigured for one that leaves https."""
    for url, about in LINK.findall(answer.headers.get("link", "")):
        words = [quoted or bare for name, quoted, bare in PARAMETER.findall(about) if name.lower() == "rel"]
        if "next" in " ".join(words).lower().split():
            return follow(answer, url).url
    return None
