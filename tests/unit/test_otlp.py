"""A run's figures as OpenTelemetry metrics: what is sent, to where, and that no run waits for who takes none."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from loguru import logger
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from tasks.run.page import one_page
from tests.cases import each
from tierra.outcomes.scoring import PartitionScored, Scored, summarise
from tierra.report import otlp
from tierra.report.index import Run
from tierra.report.otlp import make_request, send_figures
from tierra.workspace import Workspace

ENDED = datetime(2024, 4, 29, 3, tzinfo=UTC)
RUN = Run(moment="", flow="score", outcome="Published", mood="good", sentence="", seconds=12.5, retries=1, rows=990,
          quarantined=10, ended=ENDED)  # fmt: skip


@contextmanager
def collector(status: int = 200) -> Iterator[tuple[str, list[tuple[str, dict[str, str], bytes]]]]:
    """The address of somebody who takes metrics, and what was sent there."""
    taken: list[tuple[str, dict[str, str], bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            taken.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(status)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", taken
        server.shutdown()


@pytest.fixture(autouse=True)
def unset(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (otlp.ENDPOINT, otlp.METRICS_ENDPOINT, otlp.HEADERS, "OTEL_SERVICE_NAME", "OTEL_SDK_DISABLED"):
        monkeypatch.delenv(name, raising=False)


def points_of(message: bytes) -> dict[str, tuple[dict[str, str], Any]]:
    """The labels and the number of each metric."""
    (made,) = ExportMetricsServiceRequest.FromString(message).resource_metrics
    found = {}
    for metric in made.scope_metrics[0].metrics:
        (point,) = (getattr(metric, metric.WhichOneof("data"))).data_points
        labels = {each.key: each.value.string_value for each in point.attributes}
        found[metric.name] = (labels, getattr(point, point.WhichOneof("value")))
    return found


def test_a_run_is_one_sum_and_a_gauge_for_each_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", "nights")
    request = make_request("rides", RUN)
    score = {"project": "rides", "flow": "score"}
    assert points_of(request.SerializeToString()) == {
        "tierra.run.outcomes": (score | {"outcome": "Published"}, 1),
        "tierra.run.duration": (score, 12.5),
        "tierra.run.retries": (score, 1),
        "tierra.run.failed": (score, 0),
        "tierra.published.rows": (score, 990),
        "tierra.quarantined.rows": (score, 10),
    }
    (made,) = request.resource_metrics
    assert made.resource.attributes[0].value.string_value == "nights"
    total = made.scope_metrics[0].metrics[0].sum
    (point,) = total.data_points
    assert (total.aggregation_temporality, total.is_monotonic) == (1, True)
    assert (point.time_unix_nano, point.start_time_unix_nano) == (1714359600 * 10**9, 1714359587 * 10**9 + 5 * 10**8)
    trained = points_of(make_request("rides", RUN.model_copy(update={"flow": "train"})).SerializeToString())
    assert "tierra.published.rows" not in trained


def test_it_goes_where_opentelemetry_s_variables_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(otlp.HEADERS, "authorization=Bearer%20token, x-scope=a=b")
    with collector() as (address, taken):
        for variable, value, path in (
            (otlp.ENDPOINT, f"{address}/", "/v1/metrics"),
            (otlp.METRICS_ENDPOINT, f"{address}/other", "/other"),
        ):
            monkeypatch.setenv(variable, value)
            assert send_figures("rides", RUN)
            asked, headers, body = taken.pop()
            assert (asked, headers["content-type"]) == (path, "application/x-protobuf")
            assert (headers["authorization"], headers["x-scope"]) == ("Bearer token", "a=b")
            assert "tierra.run.outcomes" in points_of(body)


def test_who_does_not_take_them_is_a_warning_without_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(otlp, "WAIT_SECONDS", 0.2)
    lines: list[str] = []
    sink = logger.add(lambda line: lines.append(str(line)), format="{level} {message}")

    def check(address: str, why: str) -> None:
        lines.clear()
        monkeypatch.setenv(otlp.ENDPOINT, address)
        assert send_figures("rides", RUN) is False
        assert lines == [f"WARNING the run's figures were not taken at OTEL_EXPORTER_OTLP_ENDPOINT: {why}\n"]

    try:
        with collector(401) as (address, _):
            each(
                [
                    (address, "the answer is 401"),
                    ("http://127.0.0.1:1", "Connection refused"),
                    ("file:///etc/passwd", "ValueError"),
                    ("http://user:canary@127.0.0.1:port", "InvalidURL"),
                ],
                check,
            )
    finally:
        logger.remove(sink)


def test_a_run_sends_them_at_its_end_where_that_is_wanted(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def score(workspace: Workspace, project: str) -> Scored:
        return summarise(
            project, [PartitionScored(partition="2024-04-29", outcome="Published", rows_in=3, rows_scored=3)]
        )

    monkeypatch.setattr("tierra.report.page.write_receipt", lambda *_: (Path("receipt.html"), ""))
    with collector() as (address, taken):
        assert one_page(score)("rides").name == "Published"
        assert taken == []
        monkeypatch.setenv(otlp.ENDPOINT, address)
        monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
        one_page(score)("rides")
        assert taken == []
        monkeypatch.delenv("OTEL_SDK_DISABLED")
        one_page(score)("rides")
        ((_, _, body),) = taken
    assert points_of(body)["tierra.published.rows"][1] == 3
    monkeypatch.setattr("tierra.report.page.send_numbers", lambda *_: 1 / 0)
    assert one_page(score)("rides").name == "Published"
