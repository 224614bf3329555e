"""How long a schedule leaves a flow alone, at most."""

import pytest

from tasks.schedules import longest_gap, read_schedule

HOUR = 3600


@pytest.mark.parametrize(
    ("cron", "hours"),
    [
        ("0 3 * * *", 24),
        ("*/15 * * * *", 0.25),
        ("0 9-17 * * 1-5", 64),
        ("0 4 * * 1", 168),
        ("0 3 1 * *", 31 * 24),
        ("0 3 1-7 * *", 25 * 24),
    ],
)
def test_a_cron_line_leaves_its_longest_pause(cron: str, hours: float) -> None:
    assert longest_gap(cron) == hours * HOUR


def test_the_night_when_clocks_go_back_is_an_hour_longer() -> None:
    assert longest_gap("0 4 * * 1", "Europe/Madrid") == 169 * HOUR


def test_what_never_comes_leaves_nothing_to_wait_for() -> None:
    assert longest_gap("0 0 31 2 *") is None


@pytest.mark.parametrize(
    ("stored", "text", "gap"),
    [
        ({"cron": "0 3 * * *", "timezone": None}, "0 3 * * * UTC", 24 * HOUR),
        ({"interval": 900.0, "anchor_date": "2024-01-01T00:00:00Z"}, "every 0:15:00", 900),
        ({"rrule": "FREQ=DAILY;BYDAY=MO,TU,WE,TH,FR", "timezone": "UTC"}, "FREQ=DAILY;BYDAY=MO,TU,WE,TH,FR", 72 * HOUR),
        ({"rrule": "FREQ=DAILY;COUNT=1", "timezone": "UTC"}, "FREQ=DAILY;COUNT=1", None),
    ],
)
def test_every_kind_of_schedule_of_the_server_is_read(stored: dict[str, object], text: str, gap: float | None) -> None:
    read = read_schedule({"schedule": stored, "active": False})
    assert (read.text, read.gap_seconds, read.active) == (text, gap, False)
