"""`make honesty`: what the product promises about chance, simulated, each with its bound.

Every round makes data of its own and calls the library's own gate, leak search, intervals and decisions.
"""

import argparse
import sys
import time
from collections.abc import Iterator

from rich.console import Console
from rich.table import Table

from tests.honesty.promise import Promise
from tests.honesty.suite import SUITE


def main() -> int:
    """Show every promise, or those of the named modules; 1 where one is not kept."""
    parser = argparse.ArgumentParser(prog="make honesty")
    parser.add_argument("modules", nargs="*", choices=[[], *SUITE], help="such as gate; all when not stated")
    parser.add_argument("--short", action="store_true", help="the few rounds that make test plays")
    options = parser.parse_args()
    out, begun = Console(width=160, highlight=False), time.monotonic()
    promises = []
    for promise in played(options.modules or [*SUITE], options.short):
        promises.append(promise)
        out.print(
            f"[dim]{time.monotonic() - begun:5.0f} s[/]  {'kept' if promise.is_kept else 'NOT KEPT':8}  {promise.name}"
        )
    out.print(as_table(promises))
    kept = sum(each.is_kept for each in promises)
    out.print(f"{kept} of {len(promises)} promises kept in {time.monotonic() - begun:.0f} s")
    return 0 if kept == len(promises) else 1


def played(modules: list[str], short: bool) -> Iterator[Promise]:
    """The promises of these modules, each as soon as its rounds are played."""
    for name in modules:
        yield from SUITE[name](short)


def as_table(promises: list[Promise]) -> Table:
    """One line a promise: what happened how often, and how often it may."""
    table = Table("promise", "happened", "rounds", "stated rate", "limit (99 %, one-sided)", "kept", "note")
    for each in promises:
        limit = f"at {each.at} {each.limit:,}"
        counts = (f"{each.happened:,}", f"{each.rounds:,}", f"{each.rate:.3g}")
        table.add_row(each.name, *counts, limit, "yes" if each.is_kept else "[bold red]NO[/]", each.note)
    return table


if __name__ == "__main__":
    sys.exit(main())
