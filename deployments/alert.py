"""Whom a failure is told, and in which words: the templates that the server fills in when it happens."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal
from uuid import UUID

from prefect.events.actions import ActionTypes, CallWebhook, SendNotification

from deployments.plan import POOL, Deployment
from tierra.spec import format_duration

PROJECT = "(flow_run.parameters.project or 'all projects')"
PARTITION = "(flow_run.parameters.partition or 'all that is due')"
REASON = "(flow_run.state.message or flow_run.state.name).splitlines()[0]"
WHAT = "flow.name ~ ' ' ~ flow_run.state.name"
RUN_LINK = "(flow_run | ui_url)"


@dataclass(frozen=True)
class Page:
    """One message, each part an expression of the server's template language."""

    subject: str
    reason: str
    project: str = "''"
    partition: str = "''"
    link: str = "''"

    @classmethod
    def failed(cls) -> "Page":
        """A run failed for good: its retries ran out, or nothing could be retried."""
        return cls._of_run(WHAT, REASON)

    @classmethod
    def crashed(cls) -> "Page":
        """A run was killed each time it was started, or could not be started."""
        return cls._of_run("flow.name ~ ' crashed and is given up'", REASON)

    @classmethod
    def overdue(cls, deployment: Deployment, longest: timedelta) -> "Page":
        """No run of a deployment was completed in time."""
        reason = (
            f"no run of {deployment.name} completed for {format_duration(longest)}, the longest its schedule allows"
        )
        return cls(_text(f"{deployment.name} is overdue"), _text(reason), _text(deployment.project))

    @classmethod
    def rejected(cls, deployment: Deployment) -> "Page":
        """The data broke its contract two scheduled times running."""
        subject = _text(f"{deployment.name}: data rejected two nights running")
        return cls(subject, REASON, _text(deployment.project), PARTITION, RUN_LINK)

    @classmethod
    def no_worker(cls) -> "Page":
        """Nobody takes runs."""
        reason = f"no worker polls the pool {POOL}: nothing runs until one is started"
        return cls(_text("no healthy worker"), _text(reason))

    @classmethod
    def paused(cls) -> "Page":
        """A deployment, or its schedule, is switched off until somebody switches it on."""
        name = "event.resource['prefect.resource.name']"
        return cls(f"{name} ~ ' stands still'", "event.payload.why", name)

    @classmethod
    def waiting(cls) -> "Page":
        """A training run asks whether its model shall serve."""
        return cls._of_run(WHAT, REASON)

    @classmethod
    def _of_run(cls, what: str, reason: str) -> "Page":
        return cls(f"{PROJECT} ~ ': ' ~ {what}", reason, PROJECT, PARTITION, RUN_LINK)


@dataclass(frozen=True)
class Alert:
    """A block of the server's that takes messages: a webhook of ours, or any notification block."""

    block: UUID
    kind: Literal["webhook", "notification"]

    def tell(self, page: Page) -> ActionTypes:
        """The action that sends a page."""
        if self.kind == "webhook":
            return CallWebhook(block_document_id=self.block, payload=_as_json(page))
        return SendNotification(
            block_document_id=self.block, subject=f"Tierra: {{{{ {page.subject} }}}}", body=_as_text(page)
        )


def _text(words: str) -> str:
    """Words as a literal of the template language."""
    return "'" + words.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _line(page: Page) -> str:
    return f"{page.subject} ~ ': ' ~ {page.reason}"


def _as_json(page: Page) -> str:
    fields = {"text": _line(page), "subject": page.subject, "project": page.project,
              "partition": page.partition, "reason": page.reason, "link": page.link}  # fmt: skip
    return "{" + ", ".join(f'"{name}": {{{{ ({value}) | tojson }}}}' for name, value in fields.items()) + "}"


def _as_text(page: Page) -> str:
    return "\n".join(f"{{{{ {each} }}}}" for each in (page.reason, page.partition, page.link))
