"""The table of the peers, for a terminal and for docs/benchmarks.md."""

from pathlib import Path
from statistics import median
from typing import Any

from tests.bench.quality.data import DATA
from tests.bench.quality.judging import Score
from tests.bench.quality.running import ALL

BEGIN, END = "<!-- bench-quality -->", "<!-- /bench-quality -->"
Tables = dict[str, dict[str, Score]]
Results = dict[str, dict[str, dict[str, Any]]]


def as_text(name: str, scores: dict[str, Score], results: dict[str, dict[str, Any]]) -> str:
    """A data set's peers, the best first."""
    lines = [f"\n{name}: {DATA[name].task}, {DATA[name].metric}"]
    for peer in sorted(results, key=lambda each: scores[each].behind if each in scores else float("inf")):
        score, cost = scores.get(peer), results[peer]
        if not score:
            lines.append(f"  {ALL[peer].title:26} {cost.get('failed', 'nothing handed in')}")
            continue
        behind = f"behind by {_short(score.behind)} ({_short(score.at_least)} to {_short(score.at_most)})"
        lines.append(f"  {ALL[peer].title:26} {_short(score.value):>8} ({_short(score.low)} to {_short(score.high)})"
                     f"  {behind if score.behind else 'the best':44} {cost['wall']:5.0f} s, {cost['cpu']:5.0f} s CPU,"
                     f" {cost['bytes'] / 1e6:8.2f} MB, {ALL[peer].lines} lines")  # fmt: skip
    return "\n".join(lines)


def as_markdown(tables: Tables, results: Results) -> str:
    """A line for each data set that Tierra was run on: the metrics, what Tierra is behind by, and what a peer took."""
    tables = {name: scores for name, scores in tables.items() if "tierra" in scores}
    head = ["data", "task, metric", *(ALL[peer].title for peer in ALL), "Tierra behind the best by"]
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    lines += [_line(name, scores) for name, scores in tables.items()]
    return "\n".join([*lines, "", _count(tables), "", *_costs(results)])


def _line(name: str, scores: dict[str, Score]) -> str:
    data = DATA[name]
    cells = [_cell(scores.get(peer)) for peer in ALL]
    ours = scores.get("tierra")
    behind = "nothing handed in" if not ours else "first" if not ours.behind else _behind(ours)
    return f"| {name} | {data.task}, {data.metric} | {' | '.join(cells)} | {behind} |"


def _cell(score: Score | None) -> str:
    if score is None:
        return "not run"
    text = f"{_short(score.value)} ({_short(score.low)} to {_short(score.high)})"
    return text if score.behind else f"**{text}**"


def _behind(score: Score) -> str:
    text = f"{_short(score.behind)} ({_short(score.at_least)} to {_short(score.at_most)})"
    return f"**{text}**" if score.is_behind else text


def _count(tables: Tables) -> str:
    ours = [scores["tierra"] for scores in tables.values()]
    first, behind = sum(not each.behind for each in ours), sum(each.is_behind for each in ours)
    return (f"Tierra is first on {first} of {len(tables)} data sets, and behind the best by more than chance"
            f" (the paired 95 % interval does not reach 0; bold in the last column) on {behind}.")  # fmt: skip


def _costs(results: Results) -> list[str]:
    lines = ["| median of the data sets | wall | CPU | model | lines |", "|---|---|---|---|---|"]
    for peer in ALL:
        done = [each[peer] for each in results.values() if "wall" in each.get(peer, {})]
        if done:
            wall, cpu, size = (median(each[key] for each in done) for key in ("wall", "cpu", "bytes"))
            lines.append(
                f"| {ALL[peer].title} | {wall:.0f} s | {cpu:.0f} s | {size / 1e6:.1f} MB | {ALL[peer].lines} |"
            )
    return lines


def _short(value: float) -> str:
    """Four digits that count, no exponent."""
    size = abs(value)
    digits = 0 if size >= 1000 else 1 if size >= 100 else 2 if size >= 10 else 3 if size >= 1 else 4
    return f"{value:,.{digits}f}"


def write_into(file: Path, table: str) -> None:
    """Put the table between its marks in a page."""
    text = file.read_text()
    before, _, rest = text.partition(BEGIN)
    file.write_text(f"{before}{BEGIN}\n{table}\n{END}{rest.partition(END)[2]}")
