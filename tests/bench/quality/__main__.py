"""`make bench-quality`: Tierra's three-line project against its peers on real data, the same machine, rows and time.

ARGS="ames diamonds" runs some of the data sets; what was measured is kept below var/quality and is not run again, but
for `--again tierra`. `--write` puts the table into docs/benchmarks.md.
"""

import argparse
import sys

from tests.bench.measure import ROOT
from tests.bench.quality.data import DATA
from tests.bench.quality.judging import Score, judge
from tests.bench.quality.running import ALL, HOME, lay_out, read_kept, run
from tests.bench.quality.tables import as_markdown, as_text, write_into

BUDGET = 60


def main() -> int:
    """Run what is not kept, print the table of each data set, and the count at the end."""
    options = _options()
    names = options.data or list(DATA)
    tables: dict[str, dict[str, Score]] = {}
    results: dict[str, dict[str, dict[str, float]]] = {}
    for name in names:
        folder = lay_out(name, DATA[name], options.budget)
        results[name] = {
            peer: read_kept(peer, name) if options.kept else run(peer, name, folder, peer in options.again)
            for peer in options.peers or ALL
        }
        files = {peer: HOME / "results" / name / peer / "predictions.csv" for peer in results[name]}
        tables[name] = judge(DATA[name], folder, {peer: file for peer, file in files.items() if file.is_file()})
        print(as_text(name, tables[name], results[name]), flush=True)
    if options.write:
        write_into(ROOT / "docs" / "benchmarks.md", as_markdown(tables, results))
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench-quality")
    parser.add_argument("data", nargs="*", choices=[[], *DATA], help="such as ames; all when not stated")
    parser.add_argument("--budget", type=int, default=BUDGET, help="seconds that FLAML and AutoGluon may take")
    parser.add_argument("--again", nargs="*", default=[], choices=ALL, help="peers that are run anew")
    parser.add_argument("--peers", nargs="*", default=[], choices=ALL, help="these alone")
    parser.add_argument("--kept", action="store_true", help="run nothing: show what was measured before")
    parser.add_argument("--write", action="store_true", help="put the table into docs/benchmarks.md")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
