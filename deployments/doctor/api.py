"""Asking a Prefect server over HTTP with the standard library: Prefect's own client may be what is broken."""

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

from deployments.doctor.finding import first_line

BUSY = (0.5, 1, 2)


@dataclass(frozen=True)
class Answer:
    """What the server said; status 0 when it said nothing, and the reason as the body."""

    status: int
    body: Any = None
    date: str = ""

    @property
    def rows(self) -> list[dict[str, Any]]:
        """What it lists; nothing when it lists nothing."""
        return self.body if self.fine and isinstance(self.body, list) else []

    @property
    def fine(self) -> bool:
        """The call did what it says."""
        return 200 <= self.status < 300

    def __str__(self) -> str:
        said = self.body.get("exception_message", self.body) if isinstance(self.body, dict) else self.body
        return first_line(f"{self.status} {said}" if self.status else said)


@dataclass(frozen=True)
class Api:
    """The API at an address, and the auth string it asks for."""

    url: str
    auth: str = ""
    seconds: float = 10

    def get(self, path: str) -> Answer:
        """Read."""
        return self._ask("GET", path, None, {})

    def post(self, path: str, data: dict[str, Any]) -> Answer:
        """Ask with a body; most reading calls of Prefect are such."""
        return self._ask("POST", path, data, self._token)

    def delete(self, path: str) -> Answer:
        """Take something away."""
        return self._ask("DELETE", path, None, self._token)

    def without_auth(self) -> "Api":
        """The same address, as anybody sees it."""
        return Api(self.url, "", self.seconds)

    @cached_property
    def _token(self) -> dict[str, str]:
        """What a server with CSRF protection wants beside a call that may change something."""
        client = str(uuid.uuid4())
        body = self.get(f"/csrf-token?client={client}").body
        token = body.get("token") if isinstance(body, dict) else None
        return {"Prefect-Csrf-Token": token, "Prefect-Csrf-Client": client} if token else {}

    def _ask(self, method: str, path: str, data: dict[str, Any] | None, headers: dict[str, str]) -> Answer:
        """A server on SQLite that is busy says 503; Prefect's own clients ask again, and so do we."""
        for pause in BUSY:
            answer = self._ask_once(method, path, data, headers)
            if answer.status != 503:
                return answer
            time.sleep(pause)
        return self._ask_once(method, path, data, headers)

    def _ask_once(self, method: str, path: str, data: dict[str, Any] | None, headers: dict[str, str]) -> Answer:
        sent = None if data is None else json.dumps(data).encode()
        headers = headers | {"Content-Type": "application/json"}
        if self.auth:
            headers["Authorization"] = "Basic " + base64.b64encode(self.auth.encode()).decode()
        try:
            request = Request(self.url + path, sent, headers, method=method)  # noqa: S310  the address is a setting
            with urlopen(request, timeout=self.seconds) as answer:  # noqa: S310
                return Answer(answer.status, _content(answer.read()), answer.headers.get("Date", ""))
        except HTTPError as error:
            return Answer(error.code, _content(error.read()), error.headers.get("Date", ""))
        except (URLError, OSError, HTTPException, ValueError) as error:
            return Answer(0, first_line(getattr(error, "reason", error)) or type(error).__name__)


def _content(data: bytes) -> Any:
    try:
        return json.loads(data) if data else None
    except ValueError:
        return first_line(data.decode(errors="replace"))
