"""Asking web addresses for data, with httpcore, which follows no redirects and takes no proxy from the environment."""

import ssl
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final
from urllib.parse import urljoin

import httpcore
from loguru import logger

from tierra.errors import Misconfigured, TierraError, Unavailable, first_line
from tierra.journal import note_request
from tierra.settings import Http
from tierra.store.web_address import WebAddress, parse_address, require_writable
from tierra.store.web_network import Budget, CheckedNetwork

CONNECT_SECONDS, SILENT_SECONDS = 10, 60
REDIRECTS: Final = (301, 302, 303, 307, 308)
MOST_REDIRECTS = 5
# The stations retry too: these are for a server that says when to come back.
MOST_WAITS, LONGEST_WAIT = 2, 30
PACKED: Final = ("gzip", "x-gzip", "deflate")


@dataclass(frozen=True)
class Answer:
    """What a server answered, with its body still to come."""

    address: WebAddress
    status: int
    headers: Mapping[str, str]
    body: Iterator[bytes] = field(repr=False)


class Web:
    """Reads addresses within one budget; a token goes to one origin and no other."""

    def __init__(self, http: Http, budget: Budget, token: str | None, origin: tuple[str, str, int]) -> None:
        self._http, self._budget, self._token, self._origin = http, budget, token, origin

    @contextmanager
    def get(self, url: str, headers: Mapping[str, str]) -> Iterator[Answer]:
        """The answer to a request, after redirects. Raises Misconfigured, Unavailable."""
        for wait in range(MOST_WAITS + 1):
            with self._follow(url, headers) as answer:
                seconds = _seconds_to_wait(answer) if wait < MOST_WAITS else None
                if seconds is None:
                    yield answer
                    return
            reason = f"{answer.address.authority} answers {answer.status} and asks to wait {seconds} s"
            if note_request(wait + 1, reason):
                logger.warning(reason)
            time.sleep(self._within(seconds, url))

    def _within(self, seconds: float, url: str) -> float:
        if time.monotonic() + seconds > self._budget.deadline:
            raise Unavailable("download-slow", f"{url}: the server asks to wait {seconds} s")
        return seconds

    @contextmanager
    def _follow(self, url: str, headers: Mapping[str, str]) -> Iterator[Answer]:
        """The answer of the last of some redirects; each of them is checked as the first address is."""
        with ExitStack() as stack:
            address = parse_address(url)
            for _ in range(MOST_REDIRECTS + 1):
                answer = stack.enter_context(self._send(address, headers))
                if answer.status not in REDIRECTS or "location" not in answer.headers:
                    yield answer
                    return
                address = follow(answer, answer.headers["location"])
        raise Misconfigured("download-failed", f"{url}: more than {MOST_REDIRECTS} redirects")

    @contextmanager
    def _send(self, address: WebAddress, headers: Mapping[str, str]) -> Iterator[Answer]:
        secret = {"authorization": f"Bearer {self._token}"} if self._token and address.origin == self._origin else {}
        sent = {"host": address.authority, "accept-encoding": "identity", "user-agent": "tierra", **headers, **secret}
        network = CheckedNetwork(self._http.allow_private, bool(secret) and address.scheme == "http", self._budget)
        url = httpcore.URL(scheme=address.scheme, host=address.host, port=address.port, target=address.target)
        waits = {"connect": CONNECT_SECONDS, "read": SILENT_SECONDS, "write": SILENT_SECONDS}
        with (
            self._translated(address),
            httpcore.ConnectionPool(_trusted(), network_backend=network) as pool,
            pool.stream("GET", url, headers=list(sent.items()), extensions={"timeout": waits}) as response,
        ):
            found = _joined(response.headers)
            yield Answer(address, response.status, found, self._unpacked(address, found, response.iter_stream()))

    def _unpacked(self, address: WebAddress, headers: Mapping[str, str], pieces: Iterable[bytes]) -> Iterator[bytes]:
        """The body as it is meant, whatever the server packed it with; no more of it than the budget has."""
        packed = headers.get("content-encoding", "identity").strip().lower()
        if packed not in (*PACKED, "identity", ""):
            raise Misconfigured("download-failed", f"{address.url}: packed with '{packed}', which was not asked for")
        inflate = zlib.decompressobj(wbits=47) if packed in PACKED else None
        for piece in pieces:
            while piece:
                data = inflate.decompress(piece, 1 << 20) if inflate else piece
                piece = inflate.unconsumed_tail if inflate else b""
                self._budget.spend(len(data), address.url)
                yield data
        if inflate and not inflate.eof:
            raise Unavailable("download-unavailable", f"{address.url}: the answer broke off")

    @contextmanager
    def _translated(self, address: WebAddress) -> Iterator[None]:
        try:
            yield
        except (
            httpcore.TimeoutException,
            httpcore.NetworkError,
            httpcore.ProtocolError,
            zlib.error,
            ssl.SSLError,
        ) as error:
            raise self._explain(address, error) from None

    def _explain(self, address: WebAddress, error: Exception) -> TierraError:
        what = f"{address.url}: {type(error).__name__}: {first_line(error)}"
        if time.monotonic() >= self._budget.deadline:
            return Unavailable("download-slow", f"{address.url}: it took longer than {self._http.max_seconds} s")
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            return Misconfigured("download-failed", f"{address.url}: its certificate is not trusted")
        return Unavailable("download-unavailable", what)


def _joined(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """The headers by name; those that stand twice are one list."""
    found: dict[str, str] = {}
    for name, value in headers:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        found[key] = f"{found[key]}, {text}" if key in found else text
    return found


def follow(answer: Answer, place: str) -> WebAddress:
    """Where an answer points to, by a redirect or a link. Raises Misconfigured when it would leave https."""
    require_writable(place)  # joining drops what it cannot write
    target = parse_address(urljoin(answer.address.url, place))
    if answer.address.scheme == "https" and target.scheme != "https":
        raise Misconfigured("url-refused", f"{answer.address.url} leads from https to {target.url}")
    return target


def _seconds_to_wait(answer: Answer) -> int | None:
    """How long a busy server asks to wait; None where it does not, or for too long."""
    asked = answer.headers.get("retry-after", "").strip()
    is_busy = answer.status in (429, 503) and asked.isdecimal() and len(asked) < 5
    return int(asked) if is_busy and int(asked) <= LONGEST_WAIT else None


@lru_cache(maxsize=1)
def _trusted() -> ssl.SSLContext:
    """The machine's own certificates, to which a company adds its authority."""
    return ssl.create_default_context()
