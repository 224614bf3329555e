"""Calls to a Prefect server with the standard library alone: Prefect's own client may be what is broken."""

import base64
import json
import time
import uuid
from dataclasses import dataclass
from functools import cached_property
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from tierra.status.words import first_line

BUSY_DELAYS = (0.5, 1, 2)


@dataclass(frozen=True)
class Answer:
    """A response of the server; when there was none, status 0 and the reason as the body."""

    status: int
    body: Any = None
    date: str = ""

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The rows of a list; none when the call failed or the body is no list."""
        return self.body if self.ok and isinstance(self.body, list) else []

    @property
    def ok(self) -> bool:
        """Whether the call succeeded."""
        return 200 <= self.status < 300

    def __str__(self) -> str:
        message = self.body.get("exception_message", self.body) if isinstance(self.body, dict) else self.body
        return first_line(f"{self.status} {message}" if self.status else message)


@dataclass(frozen=True)
class Api:
    """The API at an address, with our auth string."""

    url: str
    auth: str = ""
    seconds: float = 10

    def get(self, path: str) -> Answer:
        """Send a GET request."""
        return self._send("GET", path, None, {})

    def post(self, path: str, data: dict[str, Any]) -> Answer:
        """Send a POST request; most reading calls of Prefect are such."""
        return self._send("POST", path, data, self._token)

    def delete(self, path: str) -> Answer:
        """Send a DELETE request."""
        return self._send("DELETE", path, None, self._token)

    def without_auth(self) -> "Api":
        """The same API without our auth string."""
        return Api(self.url, "", self.seconds)

    @cached_property
    def _token(self) -> dict[str, str]:
        """The headers that a server with CSRF protection requires for a call that may change something."""
        client = str(uuid.uuid4())
        body = self.get(f"/csrf-token?client={client}").body
        token = body.get("token") if isinstance(body, dict) else None
        return {"Prefect-Csrf-Token": token, "Prefect-Csrf-Client": client} if token else {}

    def _send(self, method: str, path: str, data: dict[str, Any] | None, headers: dict[str, str]) -> Answer:
        """Retry on 503, which a busy server on SQLite answers, as Prefect's own clients do."""
        for pause in BUSY_DELAYS:
            answer = self._send_once(method, path, data, headers)
            if answer.status != 503:
                return answer
            time.sleep(pause)
        return self._send_once(method, path, data, headers)

    def _send_once(self, method: str, path: str, data: dict[str, Any] | None, headers: dict[str, str]) -> Answer:
        body = None if data is None else json.dumps(data).encode()
        headers = headers | {"Content-Type": "application/json"}
        if self.auth:
            headers["Authorization"] = "Basic " + base64.b64encode(self.auth.encode()).decode()
        try:
            request = Request(self.url + path, body, headers, method=method)  # noqa: S310  the address is a setting
            with urlopen(request, timeout=self.seconds) as answer:  # noqa: S310
                return Answer(answer.status, _parse_body(answer.read()), answer.headers.get("Date", ""))
        except HTTPError as error:
            return Answer(error.code, _parse_body(error.read()), error.headers.get("Date", ""))
        except (URLError, OSError, HTTPException, ValueError) as error:
            return Answer(0, first_line(getattr(error, "reason", error)) or type(error).__name__)


def _parse_body(data: bytes) -> Any:
    try:
        return json.loads(data) if data else None
    except ValueError:
        return first_line(data.decode(errors="replace"))
