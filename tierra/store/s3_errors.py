"""Errors of a bucket as ours: transient ones apart from those that a person must fix.

Messages contain the store's code and the address, never its text, which may repeat a key.
"""

from typing import Final

import botocore.exceptions as exc

from tierra.errors import Broken, Misconfigured, TierraError, Unavailable

REGION: Final = ("PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "301")
SLOW: Final = ("SlowDown", "Throttling", "ThrottlingException", "RequestTimeout", "RequestLimitExceeded", "429")
REFUSED: Final = ("ExpiredToken", "InvalidToken", "TokenRefreshRequired", "InvalidAccessKeyId")
NO_CREDENTIALS = (
    exc.NoCredentialsError,
    exc.PartialCredentialsError,
    exc.CredentialRetrievalError,
    exc.TokenRetrievalError,
)
UNANSWERED = (exc.HTTPClientError, exc.ConnectionError, exc.IncompleteReadError)


def explain_answer(error: exc.ClientError, where: str) -> Exception:
    """Our error for an error that the store answered."""
    code, status = code_of(error), status_of(error)
    if code == "NoSuchKey":
        return FileNotFoundError(where)
    if code == "NoSuchBucket":
        return Misconfigured("bucket-missing", f"{where}: no such bucket")
    if code == "NotImplemented":
        return Misconfigured("store-unconditional", f"{where}: the store does not implement the request")
    if code in REGION or status == 301:
        return Misconfigured("bucket-region", f"{where}: the bucket is in another region ({code})")
    if code in SLOW or status >= 500 or status == 429:
        return Unavailable("store-unavailable", f"{where}: the store answers {status} {code}")
    if status == 412:
        return Unavailable("store-unavailable", f"{where} was overwritten while it was read")
    if status in (401, 403) or code in REFUSED:
        return Misconfigured("bucket-refused", f"{where}: refused ({code})")
    return Broken("store-failed", f"{where}: the store answers {status} {code}")


def explain_no_answer(error: Exception, where: str) -> TierraError:
    """Our error for a missing or incomplete answer."""
    kind = type(error).__name__
    if isinstance(error, NO_CREDENTIALS):
        return Misconfigured("bucket-credentials", f"{where}: no usable keys ({kind})")
    if isinstance(error, exc.SSLError) and "CERTIFICATE_VERIFY_FAILED" in str(error):
        return Misconfigured("settings-invalid", f"TIERRA_S3__ENDPOINT_URL: {where}: its certificate is not trusted")
    if isinstance(error, exc.FlexibleChecksumError):
        return Broken("store-tampered", f"{where} does not match the store's own checksum")
    if isinstance(error, UNANSWERED):
        return Unavailable("store-unavailable", f"{where}: incomplete answer ({kind})")
    return Broken("store-failed", f"{where}: {kind}")


def code_of(error: exc.ClientError) -> str:
    """The error's code, as the store names it."""
    return str(error.response.get("Error", {}).get("Code", ""))


def status_of(error: exc.ClientError) -> int:
    """The answer's HTTP status."""
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
