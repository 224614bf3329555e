"""`make ops-day`: a day of operation, one accident after the other, and what ops sees of each.

A Prefect server, a worker and a watchdog as `make up` starts them, a webhook on loopback, and one project whose source
is a SQLite database. Each accident is made, seen as ops sees it, repaired, and seen again. Nothing is mocked; what is
shortened is said at the end.
"""

import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.day_of_ops.accidents import ACCIDENTS
from tests.day_of_ops.place import SHORTENED, Seen, open_place

out = Console(width=200, highlight=False)


def main(names: list[str]) -> int:
    """Play every accident, or those that are named; 1 where one of them was not seen as it should be."""
    chosen = {each.__name__: each for each in ACCIDENTS if not names or each.__name__ in names}
    table = Table("accident", "what ops sees", "where", "after", "then", show_lines=True)
    wrong = []
    with tempfile.TemporaryDirectory() as folder, open_place(Path(folder)) as place:
        for name, accident in chosen.items():
            out.print(f"[dim]{name.replace('_', ' ')} ...[/]")
            try:
                seen = accident(place)
            except AssertionError as error:
                seen = Seen("NOT AS IT SHOULD BE", str(error)[:300])
                wrong.append(name)
            table.add_row(name.replace("_", " "), seen.what, seen.where, seen.after, seen.then)
    out.print(table)
    out.print(f"[dim]shortened: {SHORTENED}[/]")
    out.print(f"{len(chosen) - len(wrong)} of {len(chosen)} accidents were seen as they should be")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
