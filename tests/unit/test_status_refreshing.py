"""When the watchdog writes the page again: when it is due, and soon after a run has ended."""

import os
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import pytest

from deployments.watchdog import refreshing
from deployments.watchdog.refreshing import AFTER_RUN, FIRST_PAGE_AFTER, StatusPage
from tierra.settings import Settings
from tierra.workspace import Workspace

QUARTER = 900.0


def test_a_page_is_written_when_due_and_half_a_minute_after_a_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    clock, written, ended = [1000.0], list[float](), count()
    listed = tmp_path / "receipts/rides/index.html"
    listed.parent.mkdir(parents=True)
    listed.write_text("runs")

    def end_a_run() -> None:
        moment = 2_000_000_000 + next(ended)
        os.utime(listed, (moment, moment))

    def after(seconds: float) -> int:
        """How often the page was written in the seconds that follow, at a look every ten."""
        before = len(written)
        for _ in range(int(seconds // 10)):
            clock[0] += 10
            page.refresh_when_due()
        return len(written) - before

    monkeypatch.setattr(refreshing.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(refreshing, "open_workspace", lambda: Workspace(Settings(home=tmp_path)))
    monkeypatch.setattr(refreshing, "read_for_page", lambda _: SimpleNamespace(sentence="green"))
    monkeypatch.setattr(refreshing, "write_status", lambda *_: written.append(clock[0]))
    monkeypatch.setattr(refreshing, "emit_attention", lambda _: None)
    monkeypatch.setattr(refreshing, "resend", lambda _: None)
    page = StatusPage(QUARTER)
    assert after(FIRST_PAGE_AFTER) == 1
    assert after(QUARTER - 10) == 0
    assert after(10) == 1
    end_a_run()
    assert after(AFTER_RUN - 10) == 0
    assert after(10) == 1
    assert after(60) == 0
    for _ in range(6):  # runs that end one after the other
        end_a_run()
        page.refresh_when_due()
    assert written[-3:].count(clock[0]) == 1
    assert after(60) == 1
