"""A run's figures as OpenTelemetry metrics, sent at its end to where OTEL_EXPORTER_OTLP_ENDPOINT says; off without it.

One request of OTLP over HTTP, with the messages that OpenTelemetry publishes (docs/decisions/0037). A run that nobody
hears of ends as it would have.
"""

import os
import time
import urllib.request
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.error import HTTPError, URLError
from urllib.parse import unquote, urlsplit

from loguru import logger

from tierra import __version__
from tierra.report.index import Run

if TYPE_CHECKING:
    from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

ENDPOINT, METRICS_ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"
HEADERS: Final = "OTEL_EXPORTER_OTLP_HEADERS"
WAIT_SECONDS: Final = 3.0
DELTA: Final = 1  # AGGREGATION_TEMPORALITY_DELTA: a process runs one run


def is_wanted() -> bool:
    """Whether OpenTelemetry's variables name somebody who takes metrics."""
    return bool(_address()) and os.environ.get("OTEL_SDK_DISABLED", "").lower() != "true"


def send_figures(project: str, run: Run) -> bool:
    """Send the figures of a run that has ended; whether somebody took them. A failure is a warning in the log."""
    try:
        _post(_address(), make_request(project, run).SerializeToString())
        return True
    except Exception as error:  # noqa: BLE001  whatever it is: the run has ended
        logger.warning("the run's figures were not taken at {}: {}", ENDPOINT, _describe(error))
        return False


def make_request(project: str, run: Run) -> "ExportMetricsServiceRequest":
    """The message: a sum of one for the outcome, and a gauge for each figure."""
    from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

    of_run = {"project": project, "flow": run.flow}
    ended = int((run.ended.timestamp() if run.ended else time.time()) * 1e9)
    began = ended - int(run.seconds * 1e9)
    point = {**_point(of_run | {"outcome": run.outcome}, ended), "start_time_unix_nano": began, "as_int": 1}
    total = {"data_points": [point], "aggregation_temporality": DELTA, "is_monotonic": True}
    metrics: list[dict[str, Any]] = [{"name": "tierra.run.outcomes", "unit": "{run}", "sum": total}]
    for name, unit, value in _figures(run):
        gauge = {"data_points": [{**_point(of_run, ended), "as_double": float(value)}]}
        metrics.append({"name": name, "unit": unit, "gauge": gauge})
    resource = {"service.name": os.environ.get("OTEL_SERVICE_NAME") or "tierra", "service.version": __version__}
    scope = {"scope": {"name": "tierra", "version": __version__}, "metrics": metrics}
    made = {"resource": {"attributes": _attributes(resource)}, "scope_metrics": [scope]}
    return ExportMetricsServiceRequest(resource_metrics=cast(Any, [made]))


def _figures(run: Run) -> Iterator[tuple[str, str, float]]:
    yield "tierra.run.duration", "s", run.seconds
    yield "tierra.run.retries", "{retry}", run.retries
    yield "tierra.run.failed", "1", run.mood == "bad"
    if run.flow == "score" and run.rows is not None:
        yield "tierra.published.rows", "{row}", run.rows
        yield "tierra.quarantined.rows", "{row}", run.quarantined or 0


def _point(labels: dict[str, str], at: int) -> dict[str, Any]:
    return {"attributes": _attributes(labels), "time_unix_nano": at}


def _attributes(values: dict[str, str]) -> list[dict[str, Any]]:
    return [{"key": key, "value": {"string_value": value}} for key, value in values.items()]


def _address() -> str:
    """Where metrics go: as stated for them, else below the address for all signals; empty where neither is set."""
    if stated := os.environ.get(METRICS_ENDPOINT):
        return stated
    base = os.environ.get(ENDPOINT, "")
    return f"{base.rstrip('/')}/v1/metrics" if base else ""


def _post(address: str, message: bytes) -> None:
    if urlsplit(address).scheme not in ("http", "https"):
        raise ValueError("no address over http")
    headers = {"Content-Type": "application/x-protobuf", **_headers()}
    request = urllib.request.Request(address, message, headers, method="POST")  # noqa: S310  looked at above
    with urllib.request.urlopen(request, timeout=WAIT_SECONDS):  # noqa: S310
        pass


def _headers() -> dict[str, str]:
    """As OpenTelemetry writes them: name=value,name=value, percent-encoded."""
    pairs = (each.partition("=") for each in os.environ.get(HEADERS, "").split(",") if "=" in each)
    return {name.strip(): unquote(value.strip()) for name, _, value in pairs}


def _describe(error: Exception) -> str:
    """An error in words that hold neither the address nor a header, as either may hold a password."""
    if isinstance(error, HTTPError):
        return f"the answer is {error.code}"
    reason = error.reason if isinstance(error, URLError) else error
    if isinstance(reason, OSError):
        return reason.strerror or type(reason).__name__
    return type(error).__name__
