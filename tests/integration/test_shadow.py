"""A challenger in shadow: it scores what the champion publishes, and nobody reads it but the gate."""

from pathlib import Path
from typing import Any

import pytest
from sklearn.metrics import matthews_corrcoef

from tests.builders import copy_home, new_home, ride_spec, rides, stand_in, write_project
from tests.direct import score_directly, train_directly, without_prefect
from tierra import steps
from tierra.errors import DataRejected, Failed
from tierra.facts import CardsMade, ShadowNoted
from tierra.journal import Warned, open_journal
from tierra.model.challengers import Challenger, ShadowEnd
from tierra.model.gate import Verdict
from tierra.model.pointers import Appointment, Pointer
from tierra.outcomes.shadow import Shadowed
from tierra.steps.collect import _champions as champion_objects
from tierra.steps.shadow_gate import measure_shadow
from tierra.steps.shadowed import collect_labels, watch
from tierra.store.objects import Objects
from tierra.store.predictions import generations
from tierra.workspace import open_workspace

LABELLED, DAYS = "2024-04-26", ["2024-04-27", "2024-04-28", "2024-04-29"]
RULE: dict[str, Any] = {"rule": "base_rate"}
STRONG: list[dict[str, Any]] = [RULE, {"model": "logistic"}]


def state(folder: Path, labelled_until: str = LABELLED, wrong: bool = False, **changes: Any) -> None:
    """The project file, and its rides; those of the newest days have labels up to a day, or wrong ones."""
    table = rides(12_000)
    if wrong:
        new = table["day"] > LABELLED
        table["tipped"] = table["tipped"].where(~new, table["tipped"].map({"yes": "no", "no": "yes"}))
    table["tipped"] = table["tipped"].where(table["day"] <= labelled_until)
    gate = {"metric": "log_loss", "shadow": 3, **changes.pop("gate", {})}
    spec = {"candidates": STRONG, "gate": gate, "slices": ["zone"], "score": {"lookback": "2d"}, **changes}
    write_project(folder / "projects" / "rides", ride_spec(**spec), table)


def judge(**more: Any) -> Shadowed:
    """What `tierra shadow` does."""
    with without_prefect("shadow") as body, open_journal():
        ended: Shadowed = body(open_workspace(), "rides", **more)
        return ended


@pytest.fixture(scope="module")
def entered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose champion looks at the rain alone, with a model in shadow that sees more; to be copied."""
    with new_home(tmp_path_factory, "shadow") as home:
        state(home, features=["rain"])
        assert train_directly("rides")[0].outcome == "Promoted"
        state(home)
        trained, _ = train_directly("rides")
        assert (trained.outcome, trained.champion.version) == ("InShadow", "1"), trained
    return home


@pytest.fixture
def home(entered: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of that home."""
    return copy_home(entered, tmp_path, monkeypatch)


def in_shadow() -> Challenger:
    found = open_workspace().challengers.current("rides")
    assert found
    return found


def serving() -> Pointer:
    found = open_workspace().champions.latest("rides")
    assert found
    return found


def published() -> dict[str, int]:
    workspace = open_workspace()
    return generations(workspace.sink(workspace.project("rides")))


def test_three_partitions_scored_by_both_and_labels_added_the_better_one_serves(home: Path) -> None:
    scored, journal = score_directly("rides")
    assert published() == dict.fromkeys(DAYS, 1)
    assert {each.model_version for each in scored.partitions} == {"1"}
    assert [each.done for each in journal.facts(ShadowNoted)] == [1, 2, 3]
    waiting = judge()
    assert (waiting.outcome, "waits for the labels of 3 of 3 partitions" in waiting.reason) == ("InShadow", True)
    state(home, labelled_until=DAYS[1])
    assert "labels of 1 of 3 partitions, from 2024-04-29 on" in judge().reason
    state(home, labelled_until=DAYS[2])
    assert (judge(dry_run=True).outcome, serving().version) == ("DryRun", "1")
    ended = judge()
    assert (ended.outcome, [each.labelled for each in ended.partitions]) == ("Promoted", [100] * 3), ended
    assert (serving().version, "after 3 partitions in shadow" in serving().why) == ("2", True)
    assert judge().outcome == "NothingDue"
    assert published() == dict.fromkeys(DAYS, 1), "what is published stays"


def test_one_that_is_worse_in_production_does_not_serve_nor_does_the_same_training_again(home: Path) -> None:
    score_directly("rides")
    state(home, labelled_until=DAYS[2], wrong=True)
    ended = judge()
    assert (ended.outcome, ended.verdict and ended.verdict.promote) == ("KeptChampion", False)
    assert serving().version == "1"
    state(home)
    trained, _ = train_directly("rides")
    assert (trained.outcome, "did not pass its shadow" in trained.reason) == ("KeptChampion", True)


@pytest.mark.long
def test_a_shadow_is_judged_by_the_same_scorer_and_weights_as_a_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(tmp_path, monkeypatch)
    alike: dict[str, Any] = {"weight": "rain", "gate": {"metric": "matthews_corrcoef"}}
    state(tmp_path, features=["zone"], **alike)
    train_directly("rides")
    state(tmp_path, features=["zone", "km"], **alike)
    assert train_directly("rides")[0].outcome == "InShadow"
    score_directly("rides")
    state(tmp_path, labelled_until=DAYS[2], features=["zone", "km"], **alike)
    workspace = open_workspace()
    project = workspace.project("rides")
    watched = watch(workspace, project, in_shadow())
    compared = collect_labels(workspace, project, watched)
    assert compared
    assert compared.rows.weight is not None
    assert compared.rows.weight.std() > 0
    scores = measure_shadow(workspace, project, watched).scores
    assert scores
    made = compared.challenger["probability"] >= workspace.champions.load(watched.model).threshold
    expected = matthews_corrcoef(compared.rows.target, made, sample_weight=compared.rows.weight)
    assert scores.best_metrics["matthews_corrcoef"] == pytest.approx(expected)
    assert scores.over_champion


def test_a_second_training_waits_for_the_one_in_shadow_and_the_same_is_that_one(home: Path) -> None:
    assert train_directly("rides")[0].outcome == "InShadow"
    state(home, candidates=[RULE, {"model": "logistic", "params": {"C": 2.0}}])
    trained, _ = train_directly("rides")
    assert (trained.outcome, "waits until another was judged" in trained.reason) == ("KeptChampion", True)
    assert in_shadow().number == 1


def test_a_shadow_ends_by_hand(home: Path) -> None:
    assert judge(end_shadow=True, dry_run=True).outcome == "DryRun"
    (home / "var" / "store" / in_shadow().release.name).unlink()
    ended = judge(end_shadow=True, reason="a mistake in the features")
    assert (ended.outcome, ended.reason) == ("Withdrawn", "a mistake in the features")
    assert judge().outcome == "NothingDue"


def appoint(model: Pointer) -> None:
    """Make a model the champion, as `settle` and a rollback do."""
    by = Appointment(who="ana", why="by hand", version=model.version)
    assert open_workspace().champions.appoint_again(model, by, serving().number)


def end_of(challenger: Challenger) -> ShadowEnd:
    found = open_workspace().challengers.end_of(challenger)
    assert found
    return found


def test_a_shadow_ends_where_its_champion_serves_no_more_and_a_dry_run_ends_none(home: Path) -> None:
    challenger = in_shadow()
    appoint(serving())
    assert (judge(dry_run=True).outcome, in_shadow()) == ("NothingDue", challenger)
    assert judge().outcome == "NothingDue"
    end = end_of(challenger)
    assert (end.outcome, end.who) == ("withdrawn", "ana")


def test_killed_once_it_was_appointed_its_shadow_ends_as_promoted(home: Path) -> None:
    challenger = in_shadow()
    appoint(challenger)
    assert judge().outcome == "NothingDue"
    end = end_of(challenger)
    assert (end.outcome, end.why) == ("promoted", "by hand")


def test_taken_out_while_it_was_judged_it_does_not_serve(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    score_directly("rides")
    state(home, labelled_until=DAYS[2])
    decide = steps.shadow_gate.judge_shadow

    def end_meanwhile(*given: Any) -> Verdict:
        assert judge(end_shadow=True, reason="a mistake").outcome == "Withdrawn"
        return decide(*given)

    monkeypatch.setattr(steps.shadow_gate, "judge_shadow", end_meanwhile)
    ended = judge()
    assert (ended.outcome, ended.reason, serving().version) == ("Withdrawn", "a mistake", "1")


def test_two_trainings_at_once_put_one_model_in_shadow(home: Path) -> None:
    workspace, first = open_workspace(), in_shadow()
    release = workspace.challengers.as_champion(first).release.model_copy(update={"inputs": "another"})
    code = {name: workspace.objects.read(ref.name) for name, ref in first.code.items()}
    by = Appointment(who="ana", why="faster by a second")
    entered = workspace.challengers.enter(release, first.model, code, by, first.against, 3)
    assert (entered, in_shadow()) == (first, first)


def test_a_training_after_the_release_of_a_former_challenger_was_collected_goes_on(home: Path) -> None:
    challenger = in_shadow()
    workspace = open_workspace()
    workspace.challengers.end(challenger, ShadowEnd(outcome="kept", why="worse", who="ana"))
    (home / "var" / "store" / challenger.release.name).unlink()
    trained, _ = train_directly("rides")
    assert (trained.outcome, "did not pass its shadow: worse" in trained.reason) == ("KeptChampion", True)


def test_approval_is_asked_at_the_end_of_the_shadow_alone(home: Path) -> None:
    judge(end_shadow=True)
    state(home, gate={"approval": "1h", "beat_champion_by": 0.001})
    trained, _ = train_directly("rides")
    assert trained.outcome == "InShadow", trained.reason
    score_directly("rides")
    state(home, labelled_until=DAYS[2], gate={"approval": "1h", "beat_champion_by": 0.001})
    with without_prefect("shadow") as body, open_journal() as journal:
        ended = body(open_workspace(), "rides", approved=True)
    assert ended.outcome == "Promoted"
    assert [made.version for made in journal.facts(CardsMade)] == [serving().version]
    assert ended.reason.endswith("; approved with the call, after 3 partitions in shadow")


def test_a_champion_that_cannot_be_compared_is_replaced_without_a_shadow(home: Path) -> None:
    judge(end_shadow=True)
    table = rides(12_000)
    spec = ride_spec(candidates=STRONG, gate={"metric": "log_loss", "shadow": 3}, score={"lookback": "2d"})
    write_project(home / "projects" / "rides", spec,
                  table.assign(tipped=table["tipped"].map({"yes": "often", "no": "never"})))  # fmt: skip
    with without_prefect("train") as body, open_journal():
        trained = body(open_workspace(), "rides", replace_champion=True)
    assert (trained.outcome, serving().number) == ("Promoted", 2)


class Stopped(BaseException):
    """The process ends here."""


def test_stopped_before_any_write_nothing_of_the_challenger_is_published_and_the_next_night_completes_it(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    score_directly("rides", DAYS[0])
    writes, before = 0, type(open_workspace().objects).put_if_absent
    while True:
        count, writes = 0, writes + 1

        def put(self: Objects, name: str, data: bytes, stop: int = writes) -> bool:
            nonlocal count
            if name.startswith("shadows/"):
                count += 1
                if count == stop:
                    raise Stopped
            return before(self, name, data)

        with monkeypatch.context() as patch:
            patch.setattr(type(open_workspace().objects), "put_if_absent", put)
            try:
                score_directly("rides")
                break
            except Stopped:
                assert set(published().values()) == {1}
    workspace = open_workspace()
    assert writes > 2
    assert list(workspace.challengers.scored(in_shadow())) == DAYS
    versions = {each.model_version for each in score_directly("rides")[0].partitions}
    assert versions <= {"1"}


def test_a_challenger_that_cannot_score_is_a_warning_of_the_night(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise Failed("run-failed", "out of order")

    monkeypatch.setattr("tierra.steps.shadow.shadow_partition", fail)
    scored, journal = score_directly("rides")
    assert (scored.outcome, scored.exit_code) == ("Published", 0)
    assert any("the challenger in shadow did not score: out of order" in each.text for each in journal.facts(Warned))


def test_a_partition_that_is_rejected_does_not_stop_the_others(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    score = steps.shadow.shadow_partition

    def reject_first(*given: Any) -> Any:
        if given[-1].partition == DAYS[0]:
            raise DataRejected("keys-duplicate", f"{DAYS[0]}: planted")
        return score(*given)

    monkeypatch.setattr(steps.shadow, "shadow_partition", reject_first)
    _, journal = score_directly("rides")
    assert open_workspace().challengers.partitions_scored(in_shadow()) == DAYS[1:]
    assert any(f"did not score: {DAYS[0]}: planted" in each.text for each in journal.facts(Warned))


def test_a_collection_keeps_what_a_challenger_in_shadow_needs(home: Path) -> None:
    score_directly("rides")
    workspace, challenger = open_workspace(), in_shadow()
    needed = {*workspace.challengers.roots("rides")}
    kept = {name for each in workspace.challengers.scored(challenger).values()
            for name in (each.rows.name, each.champion_rows.name)}  # fmt: skip
    assert kept | {challenger.model.name, challenger.release.name} <= needed
    assert kept <= set(workspace.objects.names("shadow"))
    assert needed <= {*champion_objects(workspace)}
    judge(end_shadow=True)
    assert not [*workspace.challengers.roots("rides")]
