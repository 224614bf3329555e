"""Names on the Prefect server that deploying, reading and checking share. Imports nothing."""

from typing import Any, Final

# Where Prefect's current pages lie below the server's address; a link without it opens those of before.
PAGES: Final = "/v2"
# The work pool whose workers start a process a run.
POOL: Final = "tierra"
# Every deployment of Tierra carries it; what carries it and is not planned is removed from the server.
TAG: Final = "tierra"
# The API's filter for the deployments that carry the tag.
TAGGED: Final[dict[str, Any]] = {"tags": {"all_": [TAG]}}
# The variable in which a watchdog writes when it looked last.
WATCHDOG: Final = "tierra_watchdog"
# A run that was started on a command line carries it: no worker can start it again.
COMMAND_LINE_TAG: Final = "tierra-command-line"
# Events of ours: a watchdog has looked; a line of the status page needs a person; a message is sent again.
WATCHED: Final = "tierra.watchdog.looked"
ATTENTION: Final = "tierra.needs-attention"
AGAIN: Final = "tierra.message.again"
# How the names of our automations begin.
PREFIX: Final = "tierra: "
