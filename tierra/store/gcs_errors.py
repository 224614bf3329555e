"""Errors of Google Cloud Storage as ours: transient ones apart from those that a person must fix.

Messages contain the status and the address, never the store's text.
"""

import http.client
from typing import Final

import requests
import urllib3
from google.api_core import exceptions as api
from google.auth import exceptions as auth
from google.cloud.storage.exceptions import DataCorruption, InvalidResponse

from tierra.errors import Broken, Misconfigured, TierraError, Unavailable

TRANSIENT: Final = (408, 429, 500, 502, 503, 504)
# What the libraries beneath say of an answer that did not come, or not whole.
UNANSWERED: Final = (requests.RequestException, auth.TransportError, http.client.HTTPException,
                     urllib3.exceptions.HTTPError, ConnectionError)  # fmt: skip
ALL: Final = (api.GoogleAPIError, auth.GoogleAuthError, DataCorruption, InvalidResponse, *UNANSWERED)


def is_transient(error: Exception) -> bool:
    """Whether the same request may succeed a moment later."""
    return isinstance(error, UNANSWERED) or status_of(error) in TRANSIENT


def status_of(error: Exception) -> int:
    """The answer's HTTP status; 0 without one."""
    if isinstance(error, InvalidResponse):
        return int(error.response.status_code)
    return int(error.code or 0) if isinstance(error, api.GoogleAPICallError) else 0


def explain(error: Exception, where: str) -> TierraError:
    """Our error for one of Google's libraries; absent objects are the bucket's matter."""
    kind, status = type(error).__name__, status_of(error)
    if isinstance(error, api.RetryError):
        return explain(error.cause, where) if error.cause else Unavailable("store-unavailable", f"{where}: {kind}")
    if isinstance(error, auth.DefaultCredentialsError):
        return Misconfigured("gcs-credentials", f"{where}: no usable credentials")
    if is_transient(error) or (isinstance(error, auth.RefreshError) and error.retryable):
        return Unavailable("store-unavailable", f"{where}: the store answers {status or 'incompletely'} ({kind})")
    if status in (401, 403) or isinstance(error, auth.GoogleAuthError):
        return Misconfigured("bucket-refused", f"{where}: refused ({kind})")
    if isinstance(error, DataCorruption):
        return Broken("store-tampered", f"{where} does not match the store's own checksum")
    return Broken("store-failed", f"{where}: the store answers {status} ({kind})")
