"""The gate: what a challenger must show before it serves, and a verdict with every check and reason."""

from pydantic import BaseModel, ConfigDict, Field

from tierra.errors import DataRejected
from tierra.model.comparison_checks import check_rows, check_use, compare
from tierra.model.difference import Difference, signed
from tierra.model.gate_checks import GateCheck
from tierra.model.guard_checks import check_guardrails
from tierra.model.guarded import Guarded
from tierra.model.spec import Gate, heading
from tierra.spec import Task

Intervals = dict[str, tuple[float, float]]


class Scores(BaseModel):
    """Metrics of the best candidate, the rule and the champion on the same test rows, and how they differ."""

    model_config = ConfigDict(frozen=True)

    rows: int
    best: str
    best_metrics: dict[str, float]
    rule_metrics: dict[str, float]
    champion_metrics: dict[str, float] | None = None
    champion_version: str | None = None
    best_intervals: Intervals = {}
    rule_intervals: Intervals = {}
    champion_intervals: Intervals = {}
    over_rule: Difference | None = Field(None, description="The best against the rule")
    over_champion: Difference | None = Field(None, description="The best against the champion")
    rule_over_champion: Difference | None = Field(None, description="The rule against the champion")
    too_few: str = Field("", description="Why so few test rows decide nothing; empty where they are enough")
    learnt: int | None = Field(0, description="Test rows that the champion learnt from; None where nobody knows")
    guarded: Guarded = Guarded()

    def metrics_of(self, name: str) -> dict[str, float]:
        """The metrics of the best, or of the rule."""
        return self.best_metrics if name == self.best else self.rule_metrics


class Verdict(BaseModel):
    """Whether a model passed, what should serve, every reason, and the table of what was checked."""

    model_config = ConfigDict(frozen=True)

    passed: bool
    winner: str
    promote: bool
    reasons: tuple[str, ...]
    checks: tuple[GateCheck, ...] = ()

    @property
    def is_refused(self) -> bool:
        """Whether what may be better does not serve: a guardrail stops it, or the test part decides nothing."""
        stops = {each.kind for each in self.checks if each.stops}
        return not self.promote and ("test part" in stops or stops == {"guardrail"})


def advantage(metric: str, one: dict[str, float], other: dict[str, float]) -> float:
    """By how much `one` is better than `other`; negative when worse. Raises DataRejected when one is not a number."""
    if metric not in one or metric not in other:
        why = "a target of 0 has no relative error" if metric == "mape" else "too few, or all alike"
        raise DataRejected("metric-failed", f"{heading(metric)} is no number on these rows: {why}")
    return signed(metric, one[metric] - other[metric])


def judge(scores: Scores, gate: Gate, use: int = 1) -> Verdict:
    """Compare the best candidate with the rule, and what is left with the champion; then look at the guardrails.

    The rule is the challenger when no model is shown to beat it, or when the first model breaks a guardrail. `use`
    says how often the test part has judged a challenger, this time included.
    """
    rows, over_rule = check_rows(scores.rows, scores.too_few), _over_rule(scores, gate)
    is_model = scores.best != "rule" and not (rows.stops or over_rule.stops)
    guards = check_guardrails(scores.guarded, gate) if is_model else []
    is_safe = not any(each.stops for each in guards)
    winner = scores.best if is_model and (is_safe or scores.champion_metrics is not None) else "rule"
    test_part, over_champion = [rows], []
    if scores.champion_metrics is not None:
        test_part += check_use(scores.learnt, use)
        over_champion = [_over_champion(scores, gate, use, winner)]
    stops = any(each.stops for each in [*test_part, *over_champion, *guards])
    promote = scores.champion_metrics is None or not stops
    return Verdict(
        passed=winner != "rule" and promote,
        winner=winner,
        promote=promote,
        reasons=_reasons(over_rule, over_champion, guards, test_part),
        checks=(test_part[0], over_rule, *test_part[1:], *over_champion, *guards),
    )


def _over_rule(scores: Scores, gate: Gate) -> GateCheck:
    advantage(gate.metric_name, scores.best_metrics, scores.rule_metrics)
    both = (scores.best, scores.best_metrics), ("the rule", scores.rule_metrics)
    return compare("better than the rule", gate.metric_name, both, scores.over_rule, gate.beat_rule_by, gate.alpha,
                   scores.rows)  # fmt: skip


def _over_champion(scores: Scores, gate: Gate, use: int, winner: str) -> GateCheck:
    """The rule must be better to replace a champion, also where a model need only not be worse."""
    ours, theirs = scores.metrics_of(winner), scores.champion_metrics or {}
    advantage(gate.metric_name, ours, theirs)
    apart = scores.over_champion if winner == scores.best else scores.rule_over_champion
    limit = gate.beat_champion_by if winner == "rule" else gate.least_advantage
    both = (winner, ours), (f"champion version {scores.champion_version}", theirs)
    name = "not worse than the champion" if limit < 0 else "better than the champion"
    return compare(name, gate.metric_name, both, apart, limit, level_of(gate.alpha, use), scores.rows)


def level_of(alpha: float, use: int) -> float:
    """The part of alpha that one use of a test part gets: over any number of uses they add up to less than alpha."""
    return alpha / (use * (use + 1))


def _reasons(
    over_rule: GateCheck, over_champion: list[GateCheck], guards: list[GateCheck], rows: list[GateCheck]
) -> tuple[str, ...]:
    """A sentence a check that compares or stops; what decides stands last."""
    stopping = [each.reason for each in reversed(guards) if each.stops]  # the worst slice stands first
    compared = [each.reason for each in over_champion]
    ordered = [*stopping, *compared] if any(each.stops for each in over_champion) else [*compared, *stopping]
    return (over_rule.reason, *ordered, *(each.reason for each in rows if each.stops))


def describe_gate(gate: Gate, task: Task | None = None) -> str:
    """What a challenger must show, in one sentence."""
    metric = heading(gate.metric or (gate.of(task).metric_name if task else "the task's metric"))
    least = f" by {gate.beat_champion_by:g} or more" if gate.beat_champion_by else ""
    shown = f"better than the champion{least}" if gate.margin is None else (
        f"worse than the champion by less than {gate.margin:g}")  # fmt: skip
    rule = f" by {gate.beat_rule_by:g} or more" if gate.beat_rule_by else ""
    return (f"{gate.challenger}: a challenger serves when it is shown, on the test rows, to be {shown} in {metric}, and"
            f" better than the rule{rule}. A promotion by luck has a chance of at most {gate.alpha:g}, over all uses"
            " of the same test part. No slice may be shown to lose more than"
            f" {100 * gate.slices.drop:g} % to it")  # fmt: skip
