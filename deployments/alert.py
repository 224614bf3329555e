"""Alert messages: who receives one, and the templates that the server fills in when something happens."""

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from prefect.events.actions import ActionTypes, CallWebhook, SendNotification

from tasks.server.links import WITHOUT_SUMMARY
from tasks.server.names import PAGES, POOL

PROJECT = "(flow_run.parameters.project or 'all projects')"
PARTITION = "(flow_run.parameters.partition or 'all that is due')"
REASON = "(flow_run.state.message or flow_run.state.name).splitlines()[0]"
WHAT = "flow.name ~ ' ' ~ flow_run.state.name"
_UI = f"(((flow_run | ui_url) or '').split('/runs/')[0] ~ '{PAGES}')"
RUN_LINK = f"({_UI} ~ '/runs/flow-run/' ~ flow_run.id)"
# The key of a run's summary, as tasks/server/links.py makes it of flow and project.
_KEY = (
    "((flow.name ~ '-' ~ flow_run.parameters.project) | lower"
    " | replace('_', '-') | replace(' ', '-') | replace('--', '-'))"
)
REASON_LINK = (
    f"({RUN_LINK} if flow_run.state.name in {WITHOUT_SUMMARY} or not flow_run.parameters.project"
    f" else {_UI} ~ '/artifacts/key/' ~ {_KEY})"
)


@dataclass(frozen=True)
class Message:
    """One alert message, each part an expression of the server's template language.

    `link` leads to what begins with the reason, `run` to the run's own page.
    """

    subject: str
    reason: str
    project: str = "''"
    partition: str = "''"
    link: str = "''"
    run: str = "''"

    @classmethod
    def failed(cls) -> "Message":
        """A run failed for good: its retries ran out, nothing could be retried, or it died at each start.

        Or it ended well and found something missing at the source.
        """
        return cls._of_run(WHAT, REASON)

    @classmethod
    def no_worker(cls) -> "Message":
        """No worker polls the pool."""
        reason = f"no worker polls the pool {POOL}: nothing runs until one is started"
        return cls(_literal("no healthy worker"), _literal(reason))

    @classmethod
    def no_watchdog(cls) -> "Message":
        """Nobody starts again what dies, and the status page gets old."""
        reason = "no watchdog looks at the runs: what dies is not started again; start make up, or the watchdog"
        return cls(_literal("the watchdog is silent"), _literal(reason))

    @classmethod
    def of_event(cls, what: str) -> "Message":
        """A line of the status page."""
        name = "event.resource['prefect.resource.name']"
        return cls(f"{name} ~ {_literal(' ' + what)}", "event.payload.why", name, link="event.payload.link")

    @classmethod
    def again(cls) -> "Message":
        """A message that did not arrive."""
        return cls(*(f"event.payload.{name}" for name in ("subject", "reason", "project", "partition", "link", "run")))

    @classmethod
    def approval_needed(cls) -> "Message":
        """A training run is paused until somebody approves its model."""
        return cls._of_run(WHAT, REASON)

    @classmethod
    def _of_run(cls, what: str, reason: str) -> "Message":
        return cls(f"{PROJECT} ~ ': ' ~ {what}", reason, PROJECT, PARTITION, REASON_LINK, RUN_LINK)


@dataclass(frozen=True)
class Alert:
    """The block on the server that sends messages: our own webhook, or any notification block."""

    block: UUID
    kind: Literal["webhook", "notification"]

    def send(self, message: Message) -> ActionTypes:
        """The action that sends a message."""
        if self.kind == "webhook":
            return CallWebhook(block_document_id=self.block, payload=_as_json(message))
        return SendNotification(
            block_document_id=self.block, subject=f"Tierra: {{{{ {message.subject} }}}}", body=_as_text(message)
        )


def _literal(text: str) -> str:
    """A text as a string literal of the template language."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _line(message: Message) -> str:
    return f"{message.subject} ~ ': ' ~ {message.reason}"


def _as_json(message: Message) -> str:
    fields = {"text": _line(message), "subject": message.subject, "project": message.project,
              "partition": message.partition, "reason": message.reason, "link": message.link,
              "run": message.run}  # fmt: skip
    return "{" + ", ".join(f'"{name}": {{{{ ({value}) | tojson }}}}' for name, value in fields.items()) + "}"


def _as_text(message: Message) -> str:
    return "\n".join(f"{{{{ {each} }}}}" for each in (message.reason, message.partition, message.link))
