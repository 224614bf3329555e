"""What no linter knows: no swallowed errors, and no use case inside the product."""

import re

from tests.conftest import ROOT

ROOMS = ("tierra", "flows", "tasks", "deployments")


def product(*suffixes: str) -> dict[str, str]:
    files = [file for room in ROOMS for file in (ROOT / room).rglob("*") if file.suffix in suffixes]
    return {str(file.relative_to(ROOT)): file.read_text() for file in files}


def lines_with(pattern: str, *suffixes: str) -> list[str]:
    return [f"{name}: {line}" for name, text in product(*suffixes).items() for line in text.splitlines()
            if re.search(pattern, line)]  # fmt: skip


def test_no_logger_catch_swallows_an_error() -> None:
    assert [line for line in lines_with(r"logger\.catch", ".py") if "reraise=True" not in line] == []


def test_the_product_knows_nothing_of_the_demo() -> None:
    assert len(product(".py")) > 40
    assert lines_with(r"(?i)flight|carrier", ".py", ".html", ".md") == []


def test_no_environment_is_read_outside_settings_and_the_edges_that_silence_libraries() -> None:
    readers = {line.split(":")[0] for line in lines_with(r"os\.(environ\[|environ\.get|getenv)", ".py")}
    # Two read what is Prefect's and MLflow's own, an address and a login; one tells child processes their run; a run's
    # environment is handed over by the client of the warm parent, and taken over by its child. OpenTelemetry's have the
    # names that every tool shares.
    allowed = {"tierra/status/server_address.py", "tierra/model/view.py", "tasks/run/log.py", "tierra/report/otlp.py",
               "deployments/worker/client.py", "deployments/worker/child.py"}  # fmt: skip
    assert readers <= {"tierra/settings.py", *allowed}
