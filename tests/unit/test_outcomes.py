"""Every end of a run answers alike, and a flow without a report of its own has the plain one."""

from pathlib import Path

import pytest

from tests.browser.pages import RUNS, a_receipt
from tests.builders import write_project
from tierra.errors import REMEDIES, Broken, DataRejected, InvalidCall, NoChampion, TierraError
from tierra.journal import Journal
from tierra.outcomes.outcome import Ended, Outcome
from tierra.outcomes.scoring import PartitionScored, rejected, summarise
from tierra.report.flows import report_of


class Greeted(Ended):
    """An outcome as a new flow brings it."""

    owner: str

    @property
    def sentence(self) -> str:
        """The greeting."""
        return f"Hello, {self.owner}"


ERRORS = [kind(next(iter(REMEDIES)), "what") for kind in (Broken, DataRejected, InvalidCall, NoChampion)]


@pytest.mark.parametrize("outcome", [*(run()[1] for run in RUNS.values()), Greeted(owner="you"), *ERRORS], ids=repr)
def test_every_end_of_a_run_answers_the_same_questions(outcome: Outcome) -> None:
    assert outcome.name.isidentifier()
    assert outcome.sentence
    assert all(len(figure) == 2 for figure in outcome.figures)
    assert outcome.exit_code == (outcome.error.exit_code if outcome.error else 0)
    assert not (outcome.error and outcome.made_a_difference)
    assert outcome.with_receipt("page").name == outcome.name


def test_an_error_is_an_outcome_that_failed() -> None:
    error = DataRejected("budget-exceeded", "too many rows")
    assert (error.name, error.error, error.exit_code) == ("DataRejected", error, 3)
    assert error.sentence == "Nothing was published and nothing changed. too many rows."


def test_rejected_partitions_fail_the_run_and_name_each() -> None:
    bad = [rejected(day, 0, DataRejected("keys-null", f"why {day}")) for day in ("2024-01-01", "2024-01-02")]
    good = PartitionScored(partition="2024-01-03", outcome="Published")
    for partitions, code in ((bad[:1], "keys-null"), (bad, "several"), ([*bad, good], "several")):
        scored = summarise("rides", partitions)
        assert isinstance(scored.error, TierraError)
        assert (scored.name, scored.error.code, scored.exit_code) == ("DataRejected", code, 3)
        assert all(f"why {each.partition}" in scored.error.what for each in partitions if each.reason)
        assert scored.sentence.startswith("The other" if good in partitions else "Nothing was published")


def test_a_new_flow_needs_no_report_of_its_own_to_have_a_page(workspace: Path) -> None:
    write_project(workspace / "projects" / "rides")
    file, short = a_receipt("greet", Journal(), Greeted(owner="you"))
    assert "Greeted</span>" in file.read_text()
    assert "Hello, you" in short
    assert "Hello, you" in str(report_of("greet", Greeted(owner="you")).in_terminal(Greeted(owner="you")))


@pytest.mark.parametrize("flow", ["../train", "os", "page", ""])
def test_a_flow_s_name_leads_to_no_other_module(flow: str) -> None:
    assert report_of(flow, Greeted(owner="you")).__name__ == "tierra.report.flows.plain"  # type: ignore[attr-defined]
