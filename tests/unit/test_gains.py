from tierra.facts import CandidatesFitted, DecisionsChosen, ParametersSearched
from tierra.journal import Journal, at_station, note, open_journal
from tierra.model.decision_chosen import DecisionChosen, MethodTried
from tierra.model.search_found import SearchDone, TrialDone
from tierra.report.gains import describe_gains


def journal() -> Journal:
    losses = {"rule": 0.6, "linear": 0.5, "deep_trees": 0.45, "stack": 0.449, "selection": 0.44}
    trials = tuple(TrialDone(number=place, params={}, state="complete", value=-value)
                   for place, value in enumerate((0.5, 0.45)))  # fmt: skip
    tried = (
        MethodTried(method="none", loss=0.47, better=(0, 0)),
        MethodTried(method="sigmoid", loss=0.44, better=(0, 1)),
    )
    with open_journal() as made, at_station("fit"):
        note(CandidatesFitted({name: {"log_loss": loss} for name, loss in losses.items()},
                              weights={"selection": {"linear": 0.2, "deep_trees": 0.8}},
                              ensembles=("stack", "selection")))  # fmt: skip
        note(ParametersSearched((SearchDone(candidate="deep_trees", engine="optuna", metric="log_loss", wanted=2,
                                            params={}, value=-0.45, trials=trials),)))  # fmt: skip
        note(DecisionsChosen({"selection": DecisionChosen(rows=9, calibration="sigmoid", tried=tried)}))
    return made


def test_each_step_says_what_it_gained() -> None:
    assert describe_gains(journal(), "selection", "log_loss") == [
        "deep trees, the best model alone: log loss 0.4500, better by 0.15 than the rule",
        "selection, which was chosen: log loss 0.4400, better by 0.01 than deep trees",
        "parameters found for deep trees: log loss 0.4500, better by 0.05 than the defaults, in the trials",
        "calibration: sigmoid, log loss 0.4400, 0.4700 before",
    ]
