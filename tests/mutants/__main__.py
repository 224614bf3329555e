"""`make mutants`: which small changes of a module do its tests not notice?"""

import argparse
import random
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from threading import Lock

from rich.console import Console
from rich.table import Table

from tests.conftest import ROOT
from tests.mutants.changes import Change, changes_of
from tests.mutants.equivalent import reason_for
from tests.mutants.pairs import Pair, pair_of
from tests.mutants.running import Copy, Known, copies

FOLDERS = ("tierra/store", "tierra/data", "tierra/model")
FOUND = ("killed", "timed out", "survived", "not reached", "equivalent", "not tried")


@dataclass
class Report:
    """What became of the changes of each module, and those that no test notices."""

    file: Path
    counts: dict[str, Counter[str]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def note(self, module: str, outcome: str, change: Change) -> None:
        with self._lock:
            self.counts.setdefault(module, Counter())[outcome] += 1
            if outcome in ("survived", "not reached"):
                with self.file.open("a") as file:
                    file.write(f"## {module}:{change.first} {outcome}\n" + "\n".join(change.diff(module)[2:]) + "\n\n")

    def show(self) -> None:
        table = Table("module", *FOUND, title="small changes, and what the tests said")
        for module, counts in [*sorted(self.counts.items()), ("all", sum(self.counts.values(), Counter()))]:
            table.add_row(module, *(str(counts[each] or "") for each in FOUND))
        console = Console(width=110)
        console.print(table)
        console.print(f"those that no test noticed: {self.file}")
        with self.file.with_suffix(".txt").open("w") as file:
            Console(file=file, width=110).print(table)


def main() -> None:
    options = _options()
    modules = options.modules or _all_modules()
    folder = options.folder
    ends = time.monotonic() + 60 * options.minutes
    with copies(folder, options.workers) as made, ThreadPoolExecutor(options.workers) as pool:
        report = Report(folder / "survivors.md")
        free, turn = list(made), count(1)

        def work(module: str) -> None:
            copy = free.pop()
            try:
                _try_module(copy, module, options, report, ends)
                print(f"{next(turn)} of {len(modules)}: {module} {dict(report.counts.get(module, {}))}", flush=True)
            except AssertionError as error:
                print(f"{module}: {error}", flush=True)
            finally:
                free.append(copy)

        list(pool.map(work, modules))
        report.show()


def _try_module(copy: Copy, module: str, options: argparse.Namespace, report: Report, ends: float) -> None:
    pair = pair_of(module)
    if pair is None:
        print(f"{module}: no tests stand in tests/mutants/pairs.py", flush=True)
        return
    changes = _some(changes_of(copy.read(module)), options, module)
    known = copy.learn(module, pair) if changes and time.monotonic() < ends else Known({}, {})
    for change in changes:
        late = time.monotonic() > ends
        report.note(module, "not tried" if late else _try(copy, module, pair, change, known), change)


def _try(copy: Copy, module: str, pair: Pair, change: Change, known: Known) -> str:
    if reason_for(module, change.diff(module)):
        return "equivalent"
    return copy.try_change(module, pair, change, known)


def _some(changes: list[Change], options: argparse.Namespace, module: str) -> list[Change]:
    """Those that are tried: of the lines that were asked for, a sample drawn by the seed."""
    low, high = options.lines or (0, 10**9)
    asked = [change for change in changes if low <= change.first <= high]
    random.Random(f"{options.seed} {module}").shuffle(asked)
    seen: dict[str, Change] = {}
    for change in asked:
        if len(seen) == options.each:
            break
        if change.text:
            seen.setdefault(change.text, change)
    return list(seen.values())


def _all_modules() -> list[str]:
    found = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]
    return [str(path.relative_to(ROOT)) for path in found if pair_of(str(path.relative_to(ROOT)))]


def _lines(text: str) -> tuple[int, int]:
    first, _, last = text.partition("-")
    return int(first), int(last or first)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make mutants", description=__doc__)
    parser.add_argument("modules", nargs="*", help="such as tierra/store/predictions.py; all where none is named")
    parser.add_argument("--seed", type=int, default=1, help="draws the sample")
    parser.add_argument("--each", type=int, default=10**9, help="so many changes of a module")
    parser.add_argument("--lines", type=_lines, help="only changes of these lines, such as 40-60")
    parser.add_argument("--minutes", type=float, default=90, help="what is not tried by then is counted as not tried")
    parser.add_argument("--folder", type=Path, default=ROOT / "var" / "mutants", help="emptied, and written to")
    parser.add_argument("--workers", type=int, default=2)
    return parser.parse_args()


if __name__ == "__main__":
    main()
