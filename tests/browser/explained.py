"""Pages of `tierra why` and `tierra diff` to look at, made up: a usual one and a nasty one of each."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

from tierra.data.profile import Difference
from tierra.data.quarantine import QuarantineReason
from tierra.model.gate import Verdict
from tierra.report import diff, why
from tierra.report.index import NAME, write_whole
from tierra.report.sheets import Lead, Sheet, fill_page
from tierra.steps.compared import Label, Side
from tierra.steps.diff import Diff, Quantity, RowsMoved
from tierra.steps.explanation import Explanation, GenerationSeen, JoinSeen, ModelSeen
from tierra.steps.replayed import Replayed
from tierra.store.refs import TableRef

EXPLAINED = ("why", "nasty-why", "diff", "nasty-diff")
ATTACK = "<script>document.title='owned'</script>"
LONG, SHA = "n" * 300, "0123456789abcdef" * 4
WHEN = "2024-04-29T03:00:12.123456+02:00"


def an_explanation(**changes: Any) -> Explanation:
    """A prediction of a row with one join, in two generations, replayed."""
    reason = "average beats the rule: ROC AUC 0.7213 against 0.6511"
    model = ModelSeen(
        version="4", candidate="hist_gradient_boosting", number=4, who="ops@worker-1", why=reason, since=WHEN,
        sha256=SHA, code={"features.py": SHA, "calendar_of_the_city.py": SHA}, threshold=0.4180339887498949,
        verdict=Verdict(passed=True, winner="average", promote=True, reasons=(reason, "the champion was not better")),
        trained_from={"rides": SHA, "zones": SHA},
    )  # fmt: skip
    generations = tuple(
        GenerationSeen(generation=number, published_at=WHEN, model_version=str(number), restores=restores, note=note,
                       predicted={"probability": 0.61803398874989 / number, "decision": 1})
        for number, restores, note in ((1, None, ""), (2, None, ""), (3, 1, ""))
    )  # fmt: skip
    stated = {
        "project": "rides", "key": {"ride_id": "r002385", "leg": "2"}, "partition": "2024-04-29", "generation": 3,
        "generations": generations, "published_at": WHEN, "work": "20326d939c9543828419e4f153ee246f",
        "manifest": "var/predictions/rides/manifests/2024-04-29/000003.json",
        "predicted": {"probability": 0.61803398874989, "decision": 1, "zone": "C"}, "rows_in": 2041,
        "rows_scored": 2029, "rows_quarantined": 12, "reasons": (QuarantineReason(reason="km not_be_null", rows=12),),
        "contract": ("km not_be_null (quarantine)", "zones: zone be_unique (stop)"),
        "snapshot": TableRef(name=f"snapshots/{SHA}.parquet", sha256=SHA, rows=2029, columns={}), "inputs": SHA,
        "history": TableRef(name=f"snapshots/{SHA}.parquet", sha256=SHA, rows=14_203, columns={}),
        "row": {"ride_id": "r002385", "leg": 2, "day": date(2024, 4, 29), "km": 25.1, "zone": "C", "rain": None},
        "joins": (JoinSeen(table="zones", on={"zone": "C"}, values={"centre": 4.0, "name": "old town"}),
                  JoinSeen(table="weather", on={"day": date(2024, 4, 29)}, values={"wind": None})),
        "features": {"km": 25.1, "zone": "C", "usual": 6.053823529411765, "wind": None},
        "encoded": {"km": 4.519075211706217, "missingindicator_wind": 1.0, "zone_C": 1.0}, "model": model,
        "contributions": {"bias": 0.512034198201, "km": 0.181203398874, "wind": -0.051203398, "zone": -0.024},
        "replay": Replayed(partition="2024-04-29", generation=3, model_version="4", rows=2029), **changes,
    }  # fmt: skip
    return Explanation(**stated)


def a_nasty_explanation() -> Explanation:
    """Everything hostile or huge at once; the row was set aside."""
    values = {f"{ATTACK} {number}": ATTACK * 9 for number in range(300)} | {LONG: LONG, "\u202eenog": "a|b\nc"}
    seen = GenerationSeen(generation=1, note=ATTACK + LONG)
    return an_explanation(
        key={ATTACK: LONG}, set_aside=ATTACK + LONG, row=values, features=values, replay=None,
        notes=(ATTACK, LONG * 40), joins=(JoinSeen(table=ATTACK, on=values, values=values),),
        generations=(seen,) * 30, contract=(ATTACK,) * 300,
    )  # fmt: skip


def a_diff(**changes: Any) -> Diff:
    """Two generations of one day by two models, of other rows."""
    terms = {"rows": 0.0112, "features": -0.0304, "model": 0.1211, "threshold": 0.0}
    decided = {"rows": 0.004, "features": -0.0104, "model": 0.0811, "threshold": -0.044}
    before, after = (
        Side(name=f"2024-04-29@{number}", rows=2000 + number, model_version=str(number), candidate="logistic",
             threshold=0.4 + number / 100,
             facts={"published": WHEN, "rows digest": SHA, "model digest": SHA, "code and recipe": SHA})
        for number in (1, 2)
    )  # fmt: skip
    stated = {
        "project": "rides", "before": before, "after": after,
        "rows": RowsMoved(added=31, removed=30, common=1971, changed={"km": 411, "rain": 12}, some_added=("r1", "r2")),
        "columns": ("column 'wind' (double) is new",), "labels": (Label(name="yes", before=0.25, after=0.31),),
        "distributions": (Difference(column="km", what="the median is 4.1, 3.2 in 2024-04-29@1", severity="strong"),),
        "quantities": (Quantity(name="probability", before=0.31, after=0.31 + sum(terms.values()), terms=terms),
                       Quantity(name="decision", before=0.27, after=0.27 + sum(decided.values()), terms=decided)),
        **changes,
    }  # fmt: skip
    return Diff(**stated)


def a_nasty_diff() -> Diff:
    """Everything hostile or huge at once."""
    quantity = a_diff().quantities[0].model_copy(update={"name": ATTACK + LONG})
    moved = RowsMoved(added=1, removed=1, common=1, changed={ATTACK: 1, LONG: 2}, some_added=(ATTACK, LONG))
    side = Side(name=LONG, rows=1, model_version=ATTACK, candidate=LONG, facts={ATTACK: LONG, LONG: ATTACK})
    return a_diff(before=side, rows=moved, quantities=(quantity,) * 40, columns=(ATTACK, LONG) * 200, notes=(LONG * 9,))


def write_explained(receipts: Path) -> dict[str, Path]:
    """Their pages beside the receipts, by name."""
    pages = {
        "why": (why.lead(an_explanation()), why.sheets(an_explanation())),
        "nasty-why": (why.lead(a_nasty_explanation()), why.sheets(a_nasty_explanation())),
        "diff": (diff.lead(a_diff()), diff.sheets(a_diff())),
        "nasty-diff": (diff.lead(a_nasty_diff()), diff.sheets(a_nasty_diff())),
    }
    return {name: _write(receipts / f"{name}.html", name.rpartition("-")[2], *page) for name, page in pages.items()}


def _write(file: Path, what: str, lead: Lead, sheets: Sequence[Sheet]) -> Path:
    write_whole(file, fill_page("rides", what, lead, sheets, NAME))
    return file
