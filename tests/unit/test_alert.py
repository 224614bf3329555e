"""Where the link of a message leads: to what begins with the reason."""

from types import SimpleNamespace

from jinja2.sandbox import ImmutableSandboxedEnvironment

from deployments.alert import REASON_LINK, RUN_LINK
from tasks.server.links import artifact_key, reason_page, run_page
from tests.cases import each

HOME = "https://prefect.example.org/x"


def lead(template: str, state: str, project: str | None, flow: str = "score", home: str = HOME) -> str:
    """The link as the server fills it in."""
    run = SimpleNamespace(id="5c3f", state=SimpleNamespace(name=state), parameters={"project": project})
    environment = ImmutableSandboxedEnvironment()  # as Prefect's
    environment.filters["ui_url"] = lambda run: f"{home}/runs/flow-run/{run.id}" if home else None
    return environment.from_string(f"{{{{ {template} }}}}").render(flow_run=run, flow=SimpleNamespace(name=flow))


def test_a_failed_run_leads_to_its_summary_by_the_key_it_is_kept_under() -> None:
    def check(flow: str, project: str) -> None:
        key = artifact_key(flow, project)
        assert lead(REASON_LINK, "DataRejected", project, flow) == f"{HOME}/v2/artifacts/key/{key}"
        # The message that is sent again is made without a template.
        for state in ("DataRejected", "GivenUp"):
            assert lead(REASON_LINK, state, project, flow) == reason_page(HOME, "5c3f", flow, project, state)

    each([("score", "rides"), ("train", "flight_delays"), ("score", "Two__Words"), ("score", "a b-c")], check)


def test_a_run_that_may_have_left_no_summary_leads_to_its_page() -> None:
    run = f"{HOME}/v2/runs/flow-run/5c3f"
    assert lead(RUN_LINK, "DataRejected", "rides") == run == run_page(HOME, "5c3f")
    for state in ("GivenUp", "Failed", "Crashed", "Paused"):
        assert lead(REASON_LINK, state, "rides") == run
    assert lead(REASON_LINK, "Unavailable", None) == run
    assert lead(REASON_LINK, "GivenUp", "rides", home="") == "/v2/runs/flow-run/5c3f"  # a server without an address
