"""The table of a gate that refuses, with every outcome and a long name."""

from tierra.model.gate_checks import GateCheck

RULE = (
    "average beats the rule by 0.02 or more: ROC AUC 0.6522 against 0.5000, better by 0.1360 to 0.1684 (90 % interval)"
)
CHAMPION = (
    "average is not shown to beat champion version 3: ROC AUC 0.6522 against 0.6496, better by -0.0051 to 0.0105"
    " (98.33 % interval); about 29,000 test rows would show a difference as large as this one"
)
SLICE = (
    "in the slice zone = north (776 rows) the loss is 13 % above that of the champion, surely more than 9 %, and 5 % is"
    " allowed"
)
LONG = "zone = a place with a very long name of many words, far off"
CHECKS = (
    GateCheck(kind="test part", check="rows of the test part", value=3000, limit=20, bound="at least",
              outcome="passed"),
    GateCheck(kind="comparison", check="better than the rule", subject="ROC AUC", value=0.1522, limit=0.02,
              bound="above", interval=(0.136, 0.1684), outcome="passed", reason=RULE),
    GateCheck(kind="test part", check="rows it learnt from", subject="champion", value=12, outcome="passed",
              reason="12 rows that the champion learnt from were left out"),
    GateCheck(kind="test part", check="uses of the test part", value=2, limit=31, bound="at most", outcome="passed",
              reason="this use of the test rows is judged at alpha / 6"),
    GateCheck(kind="comparison", check="better than the champion", subject="ROC AUC", value=0.0026, limit=0.0,
              bound="above", interval=(-0.0051, 0.0105), outcome="undecided", reason=CHAMPION),
    GateCheck(kind="guardrail", check="loss in a slice", subject="zone = north", value=0.1313, limit=0.05,
              bound="at most", interval=(0.0914, 0.1712), outcome="failed", reason=SLICE),
    GateCheck(kind="guardrail", check="floor of a slice", subject=LONG, limit=0.7, outcome="not known",
              reason="12 rows are too few for ROC AUC"),
)  # fmt: skip
