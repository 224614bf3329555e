"""The figures of a bench run beside their goals, once more at its end."""

import pytest

from tests.bench.measure import FIGURES


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """List them, those missed too."""
    terminalreporter.section("figures")
    for line in FIGURES:
        terminalreporter.write_line(line)
