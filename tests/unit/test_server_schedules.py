"""How long a schedule of the server leaves a flow alone, at most."""

import pytest

from tasks.server.schedules import read_schedule

HOUR = 3600


@pytest.mark.parametrize(
    ("stored", "text", "gap"),
    [
        ({"cron": "0 3 * * *", "timezone": None}, "0 3 * * * UTC", 24 * HOUR),
        ({"cron": "0 9-17 * * 1-5", "timezone": "UTC"}, "0 9-17 * * 1-5 UTC", 64 * HOUR),
        ({"cron": "not for us", "timezone": "UTC"}, "not for us UTC", None),
        ({"interval": 900.0, "anchor_date": "2024-01-01T00:00:00Z"}, "every 0:15:00", 900),
        ({"rrule": "FREQ=DAILY;BYDAY=MO,TU,WE,TH,FR", "timezone": "UTC"}, "FREQ=DAILY;BYDAY=MO,TU,WE,TH,FR", 72 * HOUR),
        ({"rrule": "FREQ=DAILY;COUNT=1", "timezone": "UTC"}, "FREQ=DAILY;COUNT=1", None),
    ],
)
def test_every_kind_of_schedule_of_the_server_is_read(stored: dict[str, object], text: str, gap: float | None) -> None:
    read = read_schedule({"schedule": stored, "active": False})
    assert (read.text, read.gap_seconds, read.active) == (text, gap, False)
